package invariants

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/paystorm/paystorm/history"
)

// noStateMovesBack is I5. A weaker message delivered after a stronger one was acknowledged exercises it. Two
// observations of an order that do not overlap must not go from paid, shipped, refunding or refunded to something
// earlier, unless the ledger justifies what was seen second: a refund that failed makes an order paid again, and an
// order whose money is all on its way back may be closed. Where buyers read from a replica that may lag, only the books
// count.
func noStateMovesBack() Invariant {
	return Invariant{
		ID:        "I5",
		Name:      "no state moves back",
		Statement: "A paid, shipped or refunded state is never moved back by an older or weaker event, and buyers whose reads do not overlap do not see it move back.",
		Clauses: []Clause{
			{
				Name:    "no buyer sees a state move back",
				Applies: func(run *Run) bool { return !run.Header.System.Legal.StaleReads },
				Judge:   eachOrder(notToldBack),
			},
			{
				Name: "the books do not move back", Needs: []history.Table{history.TableOrders},
				Judge: eachOrder(notBookedBack),
			},
		},
	}
}

// notToldBack looks at what buyers were told.
func notToldBack(j *judging, story *Story) {
	told := toldStates(j.run, story)
	violation, back := movedBack(story, told)
	j.movedBack(story, told, violation, back)
}

// notBookedBack looks at what the books add to it: what buyers saw alone is told once.
func notBookedBack(j *judging, story *Story) {
	told := toldStates(j.run, story)
	seen := withBooks(j.run, story, told)
	violation, back := movedBack(story, seen)
	if back {
		_, alone := movedBack(story, told)
		back = !alone
	}
	j.movedBack(story, seen, violation, back)
}

func (j *judging) movedBack(story *Story, seen []stateSeen, violation Violation, back bool) {
	if !slices.ContainsFunc(seen, func(s stateSeen) bool { return s.strength() > 0 }) {
		return
	}
	j.Evaluated++
	j.Exercised += one(back || weakerAfterStronger(story))
	if back {
		j.fail(violation)
	}
}

// stateSeen is one observation of an order's state. It was true at some moment from begin to end.
type stateSeen struct {
	state      history.OrderState
	begin, end history.Time
	evidence   Evidence
	where      string
	// replayed says that the answer may repeat what was true when the same request first came, as idempotent shops do.
	replayed bool
}

// strength orders the states that may not be left backwards; 0 is one that may.
func (s stateSeen) strength() int {
	switch s.state {
	case history.OrderPaid:
		return 1
	case history.OrderShipped:
		return 2
	case history.OrderRefunding:
		return 3
	case history.OrderRefunded:
		return 4
	default:
		return 0
	}
}

// toldStates are an order's states as buyers were told them, by their begin. A replica that may lag tells nothing.
func toldStates(run *Run, story *Story) []stateSeen {
	var seen []stateSeen
	for _, op := range story.Ops {
		if op.State == "" || op.Returned == 0 || op.Kind == history.OpPay || run.Header.System.Legal.StaleReads {
			continue
		}
		seen = append(seen, stateSeen{
			state: history.OrderState(op.State), begin: op.Called, end: op.Returned, evidence: opRecord(op),
			where: "a buyer was told " + op.State, replayed: op.Kind != history.OpLook && op.Kind != history.OpPoll,
		})
	}
	return byBegin(seen)
}

// withBooks adds what checkpoints and the final books had of the order.
func withBooks(run *Run, story *Story, told []stateSeen) []stateSeen {
	seen := slices.Clone(told)
	for _, row := range story.Earlier {
		seen = append(seen, stateSeen{
			state: row.Row.State, begin: row.Begin, end: row.End, evidence: row.Evidence,
			where: "a checkpoint had it " + string(row.Row.State),
		})
	}
	if story.Row != nil {
		seen = append(seen, stateSeen{
			state: story.Row.State, begin: run.Final.Begin, end: run.Final.End, evidence: story.RowSeq,
			where: "the final books have it " + string(story.Row.State),
		})
	}
	return byBegin(seen)
}

func byBegin(seen []stateSeen) []stateSeen {
	slices.SortStableFunc(seen, func(a, b stateSeen) int { return cmp.Compare(a.begin, b.begin) })
	return seen
}

// movedBack compares each observation with the strongest that was over before it began.
func movedBack(story *Story, seen []stateSeen) (Violation, bool) {
	over := slices.Clone(seen)
	slices.SortStableFunc(over, func(a, b stateSeen) int { return cmp.Compare(a.end, b.end) })
	var strongest, latest stateSeen
	next := 0
	for _, now := range seen {
		for next < len(over) && over[next].end < now.begin {
			if over[next].strength() > 0 && over[next].strength() >= strongest.strength() {
				strongest = over[next]
			}
			latest = over[next]
			next++
		}
		if now.replayed || strongest.strength() == 0 || latest.state == history.OrderReview || !weaker(now, strongest) {
			continue
		}
		if justified(story, strongest, now) {
			strongest = stateSeen{} // the ledger took it back: what was seen before it counts no more
			continue
		}
		return backwards(story, strongest, now), true
	}
	return Violation{}, false
}

// weaker says that the second state comes before the first on an order's way. Review is a way out and never weaker.
func weaker(now, then stateSeen) bool {
	return now.state != history.OrderReview && now.strength() < then.strength()
}

// justified says whether the ledger explains the second state at some moment between the two observations.
func justified(story *Story, then, now stateSeen) bool {
	ledger := ledgerOf(story)
	switch now.state {
	case history.OrderClosed:
		return !ledger.captured(now.end) || ledger.keptNothing(then.end, now.end)
	case history.OrderPaid, history.OrderShipped:
		if then.state == history.OrderShipped {
			return ledger.reversed(now.end)
		}
		return ledger.reversed(now.end) || ledger.kept(now.begin) > 0 || ledger.kept(now.end) > 0 ||
			ledger.paidAgain(then.end, now.end)
	case history.OrderRefunding:
		// What a later payment left is owed back before the channel hears of its refund.
		return ledger.reversed(now.end) || ledger.pending(now.end) || ledger.kept(now.end) > 0
	default:
		return false
	}
}

func backwards(story *Story, then, now stateSeen) Violation {
	sum := story.balance()
	return Violation{
		Pattern: fmt.Sprintf("%s, later %s", then.state, now.state), Order: story.Order,
		Net: sum.amount(sum.net()), Gross: sum.amount(sum.captured), Bearer: BearerBuyer,
		Evidence: []Evidence{then.evidence, now.evidence}, Since: now.begin,
		Detail: fmt.Sprintf("%s by %s; %s after %s; %s", then.where, seconds(then.end), now.where, seconds(now.begin), sum),
	}
}

// weakerAfterStronger says whether a message of an earlier step was delivered after one of a later step had been
// acknowledged, which is when a shop that writes what it is told goes back.
func weakerAfterStronger(story *Story) bool {
	for _, strong := range story.Deliveries {
		if strong.Outcome() != history.OK {
			continue
		}
		for _, weak := range story.Deliveries {
			if messageStrength(weak.Type) < messageStrength(strong.Type) && weak.Sent.At > strong.Answered.At {
				return true
			}
		}
	}
	return false
}

func messageStrength(kind string) int {
	switch kind {
	case history.PaymentSucceeded:
		return 1
	case history.RefundSucceeded, history.RefundFailed:
		return 2
	default:
		return 0
	}
}
