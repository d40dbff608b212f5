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
			{Name: "every success is reflected", Needs: []history.Table{history.TableOrders}, AfterSettle: true, Judge: judgeEverySuccessReflected},
			{Name: "and in the time to settle", Needs: []history.Table{history.TableOrders}, AfterSettle: true, Applies: readLate, Judge: judgeReflectedLate},
		},
	}
}

func judgeEverySuccessReflected(run *Run) Finding {
	bound, ok := boundOf(run)
	if !ok {
		return notRead()
	}
	found, skipped, crowded := Finding{}, reasons{}, crowdedOut(run)
	for _, story := range run.Stories {
		if story.firstCapture() == nil {
			continue
		}
		found.Evaluated++
		pattern := unreflected(story)
		found.Exercised += one(pattern != "" || slices.ContainsFunc(story.Captured(), story.cameHard))
		if pattern == "" {
			continue
		}
		if excuse := bound.excuse(story); excuse != "" {
			skipped.add(excuse, story)
			continue
		}
		if crowded != "" && story.onItsWay() {
			skipped.add(pattern+", "+crowded, story)
			continue
		}
		found.Violations = append(found.Violations, story.owes(pattern))
	}
	found.Unjudged = skipped.lines()
	if count := len(run.unclaimed); count > 0 {
		found.Unjudged = append(found.Unjudged, fmt.Sprintf("%s at the channel and no order to count it for, the first payment %s: "+
			"give each payment the order's number, or probe the shop's payments", countOf(count, "capture"), run.unclaimed[0].Payment))
	}
	return found
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
