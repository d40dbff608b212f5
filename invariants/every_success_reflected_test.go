package invariants

import (
	"testing"

	"github.com/paystorm/paystorm/history"
)

func TestEverySuccessReflected(t *testing.T) {
	captured := func(b *builder) *orderBuilder { return b.order("o1", 1, "phone").payment("p1").captured() }
	judgeCases(t, everySuccessReflected(), []judgement{
		{name: "by callback, at once", idle: true, story: func(b *builder) { b.paid("o1", 1) }},
		{name: "by callback, late", story: func(b *builder) {
			o := captured(b)
			b.at(4_000)
			o.delivered(history.OK).row(history.OrderPaid)
		}},
		{name: "by callback, refused at first", story: func(b *builder) {
			captured(b).delivered(history.Refused).again(history.PaymentSucceeded, 2, history.OK).row(history.OrderPaid)
		}},
		{name: "by callback, not answered at first", story: func(b *builder) {
			captured(b).delivered(history.Unknown).again(history.PaymentSucceeded, 2, history.OK).row(history.OrderPaid)
		}},
		{name: "by callback, the first attempt lost", story: func(b *builder) {
			o := captured(b)
			b.event(history.Event{
				Source: history.SourceDelivery, Kind: history.DeliveryLost, Notification: "n-o1-1", Attempt: 1, Order: "o1", Payment: "p1",
				State: history.PaymentSucceeded,
			})
			o.notification = 1
			o.again(history.PaymentSucceeded, 2, history.OK).row(history.OrderPaid)
		}},
		{name: "asked for before the callback came", story: func(b *builder) {
			captured(b).request("query", history.OK).delivered(history.OK).row(history.OrderPaid)
		}},
		{name: "by query, the callback lost", story: func(b *builder) {
			captured(b).request("query", history.OK).row(history.OrderPaid)
		}},
		{name: "shipped", story: func(b *builder) { captured(b).row(history.OrderShipped) }},
		{name: "review", story: func(b *builder) { captured(b).row(history.OrderReview) }},
		{name: "refunding", story: func(b *builder) { captured(b).row(history.OrderRefunding) }},
		{name: "closed with the refund in flight", story: func(b *builder) {
			captured(b).refund("r1").row(history.OrderClosed)
		}},
		{name: "closed and refunded", story: func(b *builder) {
			captured(b).refund("r1").refundDone("r1").row(history.OrderClosed)
		}},
		{name: "never paid", idle: true, story: func(b *builder) {
			b.order("o1", 1, "phone").payment("p1").closed().row(history.OrderClosed)
		}},
		{name: "still pending", violated: "paid at the channel, still pending in the shop", story: func(b *builder) {
			captured(b).row(history.OrderPending)
		}},
		{name: "closed", violated: "paid at the channel, closed in the shop, not refunded", story: func(b *builder) {
			captured(b).row(history.OrderClosed)
		}},
		{name: "unknown", violated: "paid at the channel, unknown to the shop", story: func(b *builder) { captured(b) }},
		{name: "the refund failed", violated: "paid at the channel, closed in the shop, not refunded", story: func(b *builder) {
			captured(b).refund("r1").refundBroken("r1").row(history.OrderClosed)
		}},
		{name: "cut off from all word until the books were read", unjudged: "a fault stood", story: func(b *builder) {
			captured(b).delivered(history.Unknown).row(history.OrderPending)
			b.standing("cut")
		}},
		{name: "acknowledged behind a standing fault", violated: "paid at the channel, still pending in the shop", story: func(b *builder) {
			captured(b).delivered(history.OK).row(history.OrderPending)
			b.standing("cut")
		}},
		{name: "the fault was healed", violated: "paid at the channel, still pending in the shop", story: func(b *builder) {
			captured(b).delivered(history.Unknown).row(history.OrderPending)
			b.standing("cut")
			b.event(history.Event{Source: history.SourceFault, Kind: history.FaultEnd, Fault: "cut"})
		}},
		{name: "the books were not read", unjudged: "were not read", story: func(b *builder) {
			captured(b)
			b.cutOff()
		}},
	})
}

func TestUnjudgedCasesAreCounted(t *testing.T) {
	b := newHistory(t)
	b.standing("cut")
	b.order("o1", 1, "phone").payment("p1").captured().row(history.OrderPending)
	b.order("o2", 2, "phone").payment("p2").captured().row(history.OrderPending)
	b.at(30_000)
	found := b.find(everySuccessReflected())
	const line = "a fault stood until the books were read, and the shop never acknowledged the capture: 2 orders, the first o1"
	if len(found.Unjudged) != 1 || found.Unjudged[0] != line {
		t.Fatalf("unjudged is %q", found.Unjudged)
	}
}
