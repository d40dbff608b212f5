package invariants

import (
	"testing"

	"github.com/paystorm/paystorm/history"
)

func TestToldIsKept(t *testing.T) {
	order := func(b *builder) *orderBuilder { return b.order("o1", 1, "phone").payment("p1") }
	judgeCases(t, toldIsKept(), []judgement{
		{name: "told paid, and nothing more happened", idle: true, story: func(b *builder) { b.paid("o1", 1) }},
		{name: "told paid, and a weaker message came later", story: func(b *builder) {
			b.paid("o1", 1).notified(history.PaymentFailed, history.OK)
		}},
		{name: "told paid, and paid once more", story: func(b *builder) {
			b.paid("o1", 1).payment("p2").captured().refund("r1").refundDone("r1")
		}},
		{name: "told paid, then refunded", story: func(b *builder) {
			b.paid("o1", 1).refund("r1").refundDone("r1").row(history.OrderRefunded)
		}},
		{name: "told paid, then cancelled with the refund in flight", story: func(b *builder) {
			b.paid("o1", 1).refund("r1").row(history.OrderClosed)
		}},
		{name: "told paid, in review", story: func(b *builder) { b.paid("o1", 1).row(history.OrderReview) }},
		{name: "declined, then paid on retry", story: func(b *builder) {
			order(b).op(history.OpPay, history.Refused, "", "declined").declined().op(history.OpPay, history.OK, "", "").
				captured().row(history.OrderPaid)
		}},
		{name: "told closed, not charged", story: func(b *builder) {
			order(b).told(history.OrderClosed).row(history.OrderClosed)
		}},
		{name: "told closed, paid late, refunded", story: func(b *builder) {
			order(b).told(history.OrderClosed).captured().refund("r1").refundDone("r1").row(history.OrderClosed)
		}},
		{name: "told closed, reinstated", story: func(b *builder) {
			order(b).told(history.OrderClosed).captured().row(history.OrderPaid)
		}},
		{name: "sold out, not charged", idle: true, story: func(b *builder) {
			b.unseen("", 1, "phone", 1).op(history.OpOrder, history.Refused, "", history.ReasonSoldOut)
		}},
		{name: "a double click refused once", story: func(b *builder) {
			order(b).op(history.OpOrder, history.Refused, "", "duplicate").captured().told(history.OrderPaid).delivered(history.OK).row(history.OrderPaid)
		}},
		{name: "a double click refused once, and no other word", idle: true, story: func(b *builder) {
			order(b).op(history.OpOrder, history.Refused, "", "duplicate").captured().row(history.OrderPaid)
		}},
		{name: "no answer, and the order came to be", story: func(b *builder) {
			b.unseen("o1", 1, "phone", 1).op(history.OpOrder, history.Unknown, "", "timeout").payment("p1").captured().row(history.OrderPaid)
		}},
		{name: "no answer, and it did not", story: func(b *builder) {
			b.unseen("o1", 1, "phone", 1).op(history.OpOrder, history.Unknown, "", "timeout").row(history.OrderClosed)
		}},
		{name: "told nothing definite", idle: true, story: func(b *builder) {
			order(b).told(history.OrderPending).row(history.OrderClosed)
		}},
		{name: "told paid, closed, the money kept", violated: "told paid, and charged without an order", story: func(b *builder) {
			b.paid("o1", 1).row(history.OrderClosed)
		}},
		{name: "told paid, and dropped", violated: "told paid, and the order was dropped", story: func(b *builder) {
			order(b).told(history.OrderPaid).row(history.OrderClosed)
		}},
		{name: "told paid, refunded on paper", violated: "told paid, charged, and refunded in the shop's books only", story: func(b *builder) {
			b.paid("o1", 1).row(history.OrderRefunded)
		}},
		{name: "told closed, charged", violated: "told that it failed, and charged without an order", story: func(b *builder) {
			order(b).told(history.OrderClosed).captured().row(history.OrderClosed)
		}},
		{name: "cancelled, charged", violated: "told that it failed, and charged without an order", story: func(b *builder) {
			order(b).op(history.OpCancel, history.OK, "", "").captured().row(history.OrderClosed)
		}},
		{name: "payment refused, charged", violated: "told that it failed, and charged without an order", story: func(b *builder) {
			order(b).op(history.OpPay, history.Refused, "", "closed").captured().row(history.OrderPending)
		}},
		{name: "order refused, charged", violated: "refused, and charged", story: func(b *builder) {
			b.unseen("o1", 1, "phone", 1).op(history.OpOrder, history.Refused, "", history.ReasonSoldOut).payment("p1").
				captured().row(history.OrderPaid)
		}},
		{name: "no answer, charged without an order", violated: "left without an answer, and charged without an order", story: func(b *builder) {
			order(b).op(history.OpPay, history.Unknown, "", "timeout").captured().row(history.OrderClosed)
		}},
		{name: "no answer, goods without a charge", violated: "left without an answer, and the goods went out without a charge", story: func(b *builder) {
			order(b).op(history.OpPay, history.Unknown, "", "timeout").row(history.OrderPaid)
		}},
		{name: "told paid and dropped, behind a fault that has nothing to do with it", violated: "told paid, and the order was dropped", story: func(b *builder) {
			b.standing("cut")
			order(b).told(history.OrderPaid).row(history.OrderClosed)
		}},
		{name: "cut off until the books were read", unjudged: "a fault stood", story: func(b *builder) {
			b.standing("cut")
			order(b).op(history.OpPay, history.Unknown, "", "timeout").captured().row(history.OrderClosed)
		}},
	})
}

func TestToldPaidForNothingCostsTheMerchant(t *testing.T) {
	b := newHistory(t)
	b.order("o1", 1, "phone").payment("p1").op(history.OpPay, history.Unknown, "", "timeout").row(history.OrderShipped)
	b.at(30_000)
	violation := wantViolated(t, b.find(toldIsKept()), "left without an answer, and the goods went out without a charge")
	if violation.Bearer != BearerMerchant || violation.Net.String() != "4999.00 CNY" {
		t.Fatalf("net %s, borne by %q", violation.Net, violation.Bearer)
	}
}
