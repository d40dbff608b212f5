package invariants

import (
	"testing"

	"github.com/paystorm/paystorm/history"
)

func TestForgedHasNoEffect(t *testing.T) {
	const believed = "a forged message made an order count as paid"
	order := func(b *builder) *orderBuilder { return b.order("o1", 1, "phone").payment("p1") }
	judgeCases(t, forgedHasNoEffect(), []judgement{
		{name: "refused", story: func(b *builder) {
			order(b).forged(history.ForgeryNoSignature, price, history.Refused).captured().delivered(history.OK).
				told(history.OrderPaid).row(history.OrderPaid)
		}},
		{name: "a genuine message acknowledged again", story: func(b *builder) {
			order(b).forged(history.ForgeryWrongKey, price, history.Refused).captured().delivered(history.OK).
				again(history.PaymentSucceeded, 2, history.OK).row(history.OrderPaid)
		}},
		{name: "a probe refused, and the right one acknowledged", story: func(b *builder) {
			order(b).captured().forged(history.ForgeryProbe, price, history.Refused).delivered(history.OK).row(history.OrderPaid)
		}},
		{name: "another merchant's, acknowledged and dropped", story: func(b *builder) {
			order(b).forged(history.ForgeryOtherMerchant, price, history.OK).closed().row(history.OrderClosed)
		}},
		{name: "another order's, acknowledged and dropped", story: func(b *builder) {
			order(b).forged(history.ForgeryOtherOrder, price, history.OK).closed().row(history.OrderClosed)
		}},
		{name: "a wrong amount, and the order in review", story: func(b *builder) {
			order(b).forged(history.ForgeryWrongAmount, 1, history.OK).row(history.OrderReview)
		}},
		{name: "a ping makes the shop query, if declared", story: func(b *builder) {
			b.hist.Header.System.Legal.FetchOnPing = true
			order(b).forged(history.ForgeryNoSignature, price, history.OK).captured().request("query", history.OK).
				told(history.OrderPaid).row(history.OrderPaid)
		}},
		{name: "nobody knows whether it arrived", idle: true, story: func(b *builder) {
			order(b).forged(history.ForgeryNoSignature, price, history.Unknown).closed().row(history.OrderClosed)
		}},
		{name: "told paid before it was sent", story: func(b *builder) {
			order(b).told(history.OrderPaid).forged(history.ForgeryNoSignature, price, history.Refused).captured().row(history.OrderPaid)
		}},
		{name: "no signature, acknowledged", violated: "an unauthenticated callback was acknowledged: no-signature", story: func(b *builder) {
			order(b).captured().forged(history.ForgeryNoSignature, price, history.OK).row(history.OrderPaid)
		}},
		{name: "wrong key, acknowledged", violated: "an unauthenticated callback was acknowledged: wrong-key", story: func(b *builder) {
			order(b).forged(history.ForgeryWrongKey, price, history.OK).row(history.OrderClosed)
		}},
		{name: "a probe acknowledged", violated: "an unauthenticated callback was acknowledged: signature-probe", story: func(b *builder) {
			order(b).captured().forged(history.ForgeryProbe, price, history.OK).delivered(history.OK).row(history.OrderPaid)
		}},
		{name: "refused, and yet paid at the end", violated: believed, story: func(b *builder) {
			order(b).forged(history.ForgeryNoSignature, price, history.Refused).row(history.OrderPaid)
		}},
		{name: "told paid before the capture", violated: believed, story: func(b *builder) {
			order(b).forged(history.ForgeryWrongAmount, 1, history.OK).told(history.OrderPaid).captured().row(history.OrderPaid)
		}},
		{name: "paid in a checkpoint before the capture", violated: believed, story: func(b *builder) {
			o := order(b).forged(history.ForgeryOtherMerchant, price, history.OK)
			b.checkpoint(o.as(history.OrderPaid))
			o.captured().row(history.OrderPaid)
		}},
		{name: "another order's body made it paid", violated: believed, story: func(b *builder) {
			order(b).forged(history.ForgeryOtherOrder, price, history.OK).row(history.OrderShipped)
		}},
		{name: "a forged refund believed", violated: "a forged message made an order count as refunded", story: func(b *builder) {
			o := order(b).captured().delivered(history.OK)
			o.delivery("f1", 1, history.RefundSucceeded, history.ForgeryNoSignature, price, history.Refused).row(history.OrderRefunded)
		}},
	})
}

func TestForgedPaymentCostsTheMerchantTheGoods(t *testing.T) {
	b := newHistory(t)
	b.order("o1", 1, "phone").payment("p1").forged(history.ForgeryWrongAmount, 1, history.OK).row(history.OrderPaid)
	violation := wantViolated(t, b.find(forgedHasNoEffect()), "a forged message made an order count as paid")
	if violation.Net.String() != "4999.00 CNY" || violation.Bearer != BearerMerchant {
		t.Fatalf("net %s, borne by %q", violation.Net, violation.Bearer)
	}
}

// TestForgeriesWithoutBooks: an acknowledgement and what a buyer was told need no table.
func TestForgeriesWithoutBooks(t *testing.T) {
	b := newHistory(t).unread(history.Tables()...)
	b.order("o1", 1, "phone").payment("p1").forged(history.ForgeryWrongKey, price, history.OK)
	wantViolated(t, find(b.at(30_000).run(), forgedHasNoEffect()).Finding, "an unauthenticated callback was acknowledged: wrong-key")
	b = newHistory(t).unread(history.Tables()...)
	b.order("o1", 1, "phone").payment("p1").forged(history.ForgeryWrongKey, price, history.Refused).told(history.OrderPaid)
	wantViolated(t, find(b.at(30_000).run(), forgedHasNoEffect()).Finding, "a forged message made an order count as paid")
}
