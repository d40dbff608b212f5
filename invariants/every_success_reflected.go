package invariants

import (
	"github.com/paystorm/paystorm/history"
)

// everySuccessReflected is I7. Its antecedent is a capture at the channel, so every captured order exercises it: the
// shop owes the buyer the order or the money, however it comes to know, and whatever was lost on the way. An order that
// was closed and whose money is back, or on its way back, is settled too.
func everySuccessReflected() Invariant {
	return Invariant{
		ID:        "I7",
		Name:      "every success is reflected",
		Statement: "Every payment that succeeded at the channel is reflected in the shop by the bound: by callback, query or reconciliation.",
		Clauses:   []Clause{{Name: "every success is reflected", Needs: []history.Table{history.TableOrders}, AfterSettle: true, Judge: judgeEverySuccessReflected}},
	}
}

func judgeEverySuccessReflected(run *Run) Finding {
	bound, ok := boundOf(run)
	if !ok {
		return notRead()
	}
	found, skipped := Finding{}, reasons{}
	for _, story := range run.Stories {
		if story.firstCapture() == nil {
			continue
		}
		found.Evaluated++
		found.Exercised++
		pattern := unreflected(story)
		if pattern == "" {
			continue
		}
		if excuse := bound.excuse(story); excuse != "" {
			skipped.add(excuse, story)
			continue
		}
		found.Violations = append(found.Violations, story.owes(pattern))
	}
	found.Unjudged = skipped.lines()
	return found
}

// unreflected says how the shop's books miss a capture, or "" if they do not.
func unreflected(story *Story) string {
	switch {
	case story.balance().net() == 0:
		return ""
	case story.Row == nil:
		return "paid at the channel, unknown to the shop"
	case reflects(story.Row.State):
		return ""
	case story.Row.State == history.OrderClosed:
		return "paid at the channel, closed in the shop, not refunded"
	default:
		return "paid at the channel, still pending in the shop"
	}
}

// owes is a violation in which the shop keeps a buyer's money and gives nothing for it.
func (s *Story) owes(pattern string) Violation {
	sum, first := s.balance(), s.firstCapture()
	return Violation{
		Pattern: pattern, Order: s.Order,
		Net: sum.amount(sum.net()), Gross: sum.amount(sum.captured), Bearer: BearerBuyer,
		Evidence: append(s.moneyEvidence(), s.rowEvidence()...), Since: first.At,
		Detail: sum.String() + ", first at " + seconds(first.At) + "; " + s.rowWords(),
	}
}
