package invariants

import (
	"fmt"
	"slices"
	"time"

	"github.com/paystorm/paystorm/history"
)

// everySuccessReflected is I7. The shop owes the buyer of every captured order the order or the money, however it comes to
// know, and whatever was lost on the way. It is exercised by a success that did not come the easy way: its first delivery
// was lost, refused, not answered, late, or never made. An order that was closed and whose money is back, or on its way
// back, is settled too.
func everySuccessReflected() Invariant {
	return Invariant{
		ID:        "I7",
		Name:      "every success is reflected",
		Statement: "Every payment that succeeded at the channel is reflected in the shop by the bound: by callback, query or reconciliation.",
		Clauses: []Clause{
			{Name: "every success is reflected", Needs: []history.Table{history.TableOrders}, AfterSettle: true, Judge: successesReflected},
			{Name: "and in the time to settle", Needs: []history.Table{history.TableOrders}, AfterSettle: true, Applies: readLate, Judge: inTime(reflectedFirst, "paid at the channel, and reflected in the shop only after the time to settle")},
		},
	}
}

func successesReflected(run *Run) Fold {
	crowded := crowdedOut(run)
	law := eachSettled(func(j *judging, story *Story) {
		if story.firstCapture() == nil {
			return
		}
		j.Evaluated++
		pattern := unreflected(story)
		j.Exercised += one(pattern != "" || slices.ContainsFunc(story.Captured(), story.cameHard))
		switch {
		case pattern == "":
		case j.bound.excuse(story) != "":
			j.skip(j.bound.excuse(story), story)
		case crowded != "" && story.onItsWay():
			j.skip(pattern+", "+crowded, story)
		default:
			j.fail(story.owes(pattern))
		}
	})
	return law.unless(capturesUnclaimed)(run)
}

// capturesUnclaimed says that captures name no order.
func capturesUnclaimed(run *Run) []string {
	count := len(run.unclaimed)
	if count == 0 || !run.Has(history.TableOrders) {
		return nil
	}
	return []string{fmt.Sprintf("%s at the channel and no order to count it for, the first payment %s: "+
		"give each payment the order's number, or probe the shop's payments", countOf(count, "capture"), run.unclaimed[0].Payment)}
}

// lateDelivery is how long after its capture a success is late.
const lateDelivery = time.Second

// cameHard says whether the first delivery of a payment's success was not to be relied on.
func (s *Story) cameHard(payment *Payment) bool {
	captured := payment.Succeeded.At
	var first *Delivery
	for _, delivery := range s.Deliveries {
		if delivery.genuineSuccess() && delivery.Payment == payment.ID {
			first = delivery
			break
		}
	}
	for _, lost := range s.Lost {
		if lost.Payment == payment.ID && lost.State == history.PaymentSucceeded && (first == nil || lost.At <= first.Sent.At) {
			return true
		}
	}
	if first == nil || first.Outcome() != history.OK || first.Sent.At > captured.Add(lateDelivery) {
		return true
	}
	return slices.ContainsFunc(s.Requests, func(request *history.Event) bool { // it had asked before
		return request.State == "query" && request.Outcome == history.OK && request.At > captured && request.At < first.Sent.At
	})
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
