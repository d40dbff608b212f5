package invariants

import (
	"fmt"
	"slices"
	"strings"

	"github.com/paystorm/paystorm/history"
	"github.com/paystorm/paystorm/money"
)

// nothingStuck is I13. Every order that the shop accepted, or that its books hold, is evaluated: it ends in a state in
// which nobody waits. It is exercised by an order that somebody saw in a middle state, or that the shop had to end: one that
// expired or was closed, one that is being refunded. A refund that the channel has accepted and not finished is the
// channel's to finish; an unpaid order of a shop that declares no expiry may wait for ever; an order whose buyer was told
// that it is over may be gone from the books. None of these is stuck. Over the run, no more orders may lie in review than
// the scenario allows, a shop that died must have come back, and one that is asked after heal must answer: that it is up,
// and a job that it is done. A job that is still at work when the bound is over proves nothing.
func nothingStuck() Invariant {
	orders := []history.Table{history.TableOrders}
	return Invariant{
		ID:        "I13",
		Name:      "nothing is stuck",
		Statement: "No order stays in a middle state beyond the bound, and after heal the shop answers.",
		Clauses: []Clause{
			{Name: "no order is stuck", Needs: orders, AfterSettle: true, Judge: noneStuck},
			{Name: "no order ends only after the time to settle", Needs: orders, AfterSettle: true, Applies: readLate, Judge: unstuckInTime},
			{Name: "no more orders in review than allowed", Needs: orders, AfterSettle: true, Judge: reviewsInCap},
			{Name: "a shop that died comes back", AfterSettle: true, Applies: died, Judge: ofTheRun(judgeDeaths)},
			{Name: "after heal the shop is up", Applies: wasAsked(askedReady), Judge: ofTheRun(judgeReady)},
			{Name: "after heal the shop does its jobs", Applies: wasAsked(askedJob), Judge: ofTheRun(judgeJobs)},
		},
	}
}

func noneStuck(run *Run) Fold {
	crowded := crowdedOut(run)
	return eachSettled(func(j *judging, story *Story) {
		accepted := acceptedBy(story)
		if accepted == nil && story.Row == nil {
			return
		}
		if run.rehearsed && story.firstCapture() == nil { // a shop that is not set up well cannot even let its buyers pay
			return
		}
		if story.Row == nil && story.Order == "" {
			j.skip("an accepted order whose number nobody learnt cannot be found in the books", story)
			return
		}
		j.Evaluated++
		end := endOf(run, j.bound, story, accepted)
		j.Exercised += one(end.violation != nil || wasInBetween(story))
		switch {
		case end.excuse != "":
			j.skip(end.excuse, story)
		case end.violation != nil && crowded != "" && story.onItsWay():
			j.skip(end.violation.Pattern+", "+crowded, story)
		case end.waits != "":
			j.look(story.label() + ": " + end.waits)
		case end.violation != nil:
			j.fail(*end.violation)
		}
	})(run)
}

// onItsWay says that the order is in a middle state from which it may still come to its end.
func (s *Story) onItsWay() bool {
	return s.State() == history.OrderPending || s.State() == history.OrderRefunding && s.firstCapture() != nil
}

// wasInBetween says whether the order can be told to have been in a state in which somebody waits: somebody saw it there,
// or the shop had to end it.
func wasInBetween(story *Story) bool {
	between := func(state history.OrderState) bool {
		return state == history.OrderPending || state == history.OrderRefunding
	}
	switch story.State() {
	case history.OrderPending, history.OrderRefunding, history.OrderRefunded, history.OrderClosed:
		return true
	default:
		return hasRefund(story) || toldOver(story) ||
			slices.ContainsFunc(story.Earlier, func(row EarlierRow) bool { return between(row.Row.State) }) ||
			slices.ContainsFunc(story.Ops, func(op *history.Op) bool {
				return (op.Kind == history.OpLook || op.Kind == history.OpPoll) && op.Outcome == history.OK && between(history.OrderState(op.State))
			})
	}
}

// reviewsInCap judges the run: handing every order to a person is no way to settle.
func reviewsInCap(run *Run) Fold {
	found, end, left := Finding{}, atRest(run), reviews{where: "in review"}
	return Fold{
		Order: func(story *Story) {
			found.Evaluated += one(story.Row != nil)
			if end.leftToAPerson(story) {
				found.Exercised++
				left.take(story)
			}
		},
		End: func() Finding {
			if len(left.orders) > run.Header.ReviewCap {
				found.Violations = append(found.Violations, left.violation(run.Header.ReviewCap))
			}
			return found
		},
	}
}

// reviews are the orders that a person has to settle.
type reviews struct {
	orders     []string
	where      string
	shares     []Share
	evidence   []Evidence
	net, gross money.Amount // of the first one's currency
}

func (r *reviews) take(story *Story) {
	r.orders = append(r.orders, story.label())
	if story.State() != history.OrderReview {
		r.where = "in review or left with a refund that failed"
	}
	r.evidence = append(r.evidence, story.rowEvidence()...)
	sum := story.balance()
	r.shares = append(r.shares, Share{Order: story.label(), Net: sum.amount(sum.net()), Gross: sum.amount(sum.captured)})
	if r.net.Currency == "" || r.net.Currency == sum.currency {
		r.net, r.gross = sum.amount(r.net.Minor+sum.net()), sum.amount(r.gross.Minor+sum.captured)
	}
}

func (r *reviews) violation(most int) Violation {
	return Violation{
		Pattern: "more orders in review than the scenario allows", Bearer: BearerBuyer, Shares: r.shares, Evidence: r.evidence,
		Net: r.net, Gross: r.gross,
		Detail: fmt.Sprintf("%d orders %s, at most %d allowed: %s", len(r.orders), r.where, most, strings.Join(r.orders, ", ")),
	}
}

// died says whether a process of the shop ended unasked.
func died(run *Run) bool {
	return slices.ContainsFunc(run.Events, func(e history.Event) bool { return e.Kind == history.NodeExited })
}

func judgeDeaths(run *Run) Finding {
	found := Finding{Evaluated: 1, Exercised: 1}
	if violation, dead := stayedDead(run, run.Final.Begin); dead {
		found.Violations = append(found.Violations, violation)
	}
	return found
}

// acceptedBy is the op that placed the order, or nil.
func acceptedBy(story *Story) *history.Op {
	for _, op := range story.Ops {
		if op.Kind == history.OpOrder && op.Outcome == history.OK {
			return op
		}
	}
	return nil
}

// orderEnd is how an order stands at the bound: at most one of its fields is set, and none if all is well.
type orderEnd struct {
	excuse    string // why it cannot be judged
	waits     string // what legal thing it still waits for
	violation *Violation
}

func endOf(run *Run, bound bound, story *Story, accepted *history.Op) orderEnd {
	switch {
	case story.Row == nil:
		return endOfMissing(bound, story, accepted)
	case story.Row.State == history.OrderPending:
		return endOfPending(run, bound, story)
	case story.Row.State == history.OrderRefunding:
		return endOfRefunding(bound, story)
	case !slices.Contains(history.OrderStates(), story.Row.State):
		return orderEnd{excuse: fmt.Sprintf("an order is in the state %q, which is mapped to no canonical one: map it under states", story.Row.State)}
	default:
		return orderEnd{}
	}
}

func endOfMissing(bound bound, story *Story, accepted *history.Op) orderEnd {
	if story.balance().net() == 0 && toldOver(story) {
		return orderEnd{}
	}
	if accepted.Returned > bound.begin {
		return orderEnd{excuse: "an order was accepted only while the books were read"}
	}
	violation := stuck(story, "an accepted order is missing from the books")
	violation.Since = accepted.Returned
	violation.Evidence = append([]Evidence{opRecord(accepted)}, violation.Evidence...)
	return orderEnd{violation: &violation}
}

// toldOver says whether the buyer knows that the order came to nothing or was given back.
func toldOver(story *Story) bool {
	for _, op := range story.Ops {
		if tellsClosed(op) || (op.Outcome == history.OK && op.State == string(history.OrderRefunded)) {
			return true
		}
	}
	return false
}

func endOfPending(run *Run, bound bound, story *Story) orderEnd {
	if story.balance().net() > 0 {
		if excuse := bound.excuse(story); excuse != "" {
			return orderEnd{excuse: excuse}
		}
		violation := stuck(story, "still pending at the bound, and paid")
		return orderEnd{violation: &violation}
	}
	timers := run.Header.System.Timers
	switch {
	case timers.Expiry == 0 && !toldOver(story):
		return orderEnd{waits: "unpaid, and the shop declares no expiry"}
	case bound.open:
		return orderEnd{excuse: "an order is pending, and a fault stood until the books were read"}
	}
	// A careful shop asks the channel once more before it closes an order.
	touched := lastTouched(run, story)
	if touched.Add(timers.Expiry+timers.Query) > bound.begin {
		return orderEnd{excuse: "the books were read before an order's expiry was over"}
	}
	violation := stuck(story, "still pending at the bound, and not paid")
	violation.Since, violation.Units = touched.Add(timers.Expiry), story.Quantity()
	return orderEnd{violation: &violation}
}

// lastTouched is the last act that may have begun an order's expiry anew. A request without an answer may have lain
// until the faults were healed.
func lastTouched(run *Run, story *Story) history.Time {
	last := history.Time(0)
	for _, op := range story.Ops {
		switch op.Kind {
		case history.OpOrder, history.OpPay, history.OpRepay:
			last = max(last, op.Called, op.Returned)
			if op.Outcome == history.Unknown {
				last = max(last, run.SettleBegin)
			}
		}
	}
	for _, payment := range story.Payments {
		last = max(last, payment.Created.At)
		for _, failed := range payment.Failed {
			last = max(last, failed.At)
		}
	}
	return last
}

func endOfRefunding(bound bound, story *Story) orderEnd {
	sum := story.balance()
	switch {
	case sum.pending > 0:
		return orderEnd{waits: sum.String()}
	case bound.open:
		return orderEnd{excuse: "an order is being refunded, and a fault stood until the books were read"}
	case !bound.over(lastRefundMove(story)):
		return orderEnd{excuse: "the books were read less than the shop's longest timer after a refund moved"}
	case sum.captured == 0:
		violation := stuck(story, "still refunding at the bound, and never paid")
		return orderEnd{violation: &violation}
	case sum.net() == 0:
		violation := stuck(story, "still refunding at the bound, although the channel has refunded")
		return orderEnd{violation: &violation}
	default:
		violation := stuck(story, "still refunding at the bound, and no refund is under way at the channel")
		return orderEnd{violation: &violation}
	}
}

// lastRefundMove is when the channel or a buyer last gave the shop something to do about a refund.
func lastRefundMove(story *Story) history.Time {
	last := story.lastMove()
	for _, payment := range story.Payments {
		for _, refund := range payment.Refunds {
			last = max(last, refund.Created.At)
			if refund.Succeeded != nil {
				last = max(last, refund.Succeeded.At)
			}
		}
	}
	for _, op := range story.Ops {
		if op.Kind == history.OpRefund || op.Kind == history.OpCancel {
			last = max(last, op.Called, op.Returned)
		}
	}
	return last
}

// stuck is an order in a middle state; money that the buyer waits for is at risk.
func stuck(story *Story, pattern string) Violation {
	sum := story.balance()
	violation := Violation{
		Pattern: pattern, Order: story.Order, Net: sum.amount(sum.net()), Gross: sum.amount(sum.captured),
		Since: story.lastMove(), Evidence: append(story.moneyEvidence(), story.rowEvidence()...),
		Detail: sum.String() + "; " + story.rowWords(),
	}
	if violation.Net.Minor > 0 {
		violation.Bearer = BearerBuyer
	}
	for i := range story.Ops {
		if story.Ops[i].Kind == history.OpOrder && len(violation.Evidence) < 2 {
			violation.Evidence = append(violation.Evidence, opRecord(story.Ops[i]))
		}
	}
	return violation
}

// leftToAPerson says that the order is in review, or that a refund of it failed and the shop, which had its time, left it at that.
func (b bound) leftToAPerson(story *Story) bool {
	return story.State() == history.OrderReview || story.failureBooked() && b.unsettledRefund(story) == ""
}

// stayedDead finds a shop that died unasked and gave no sign of life until its books were read.
func stayedDead(run *Run, read history.Time) (Violation, bool) {
	var exit *history.Event
	for event := range each(run.Events) {
		if event.At > read {
			break
		}
		switch {
		case event.Kind == history.NodeExited:
			exit = event
		case signOfLife(event):
			exit = nil
		}
	}
	if exit == nil || answeredAfter(run, exit.At) {
		return Violation{}, false
	}
	return Violation{
		Pattern: "the shop died and did not come back", Since: exit.At, Evidence: []Evidence{recordOf(exit)},
		Detail: "died at " + seconds(exit.At) + ": " + exit.Detail,
	}, true
}

// signOfLife is an event that only a living shop causes.
func signOfLife(event *history.Event) bool {
	switch event.Kind {
	case history.NodeReady, history.Request:
		return true
	case history.DeliveryAnswered:
		return event.Outcome == history.OK || event.Status > 0
	default:
		return false
	}
}

func answeredAfter(run *Run, moment history.Time) bool {
	for op := range each(run.Ops) {
		if op.Called > moment && op.Outcome == history.OK && op.Kind != history.OpPay {
			return true
		}
	}
	return false
}
