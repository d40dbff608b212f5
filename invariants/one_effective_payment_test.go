package invariants

import (
	"testing"

	"github.com/paystorm/paystorm/history"
)

// twice is an order that the ledger took money for by p1 and p2.
func (b *builder) twice() *orderBuilder {
	return b.order("o1", 1, "phone").payment("p1").captured().payment("p2").captured().row(history.OrderPaid)
}

func TestOneEffectivePayment(t *testing.T) {
	judgeCases(t, oneEffectivePayment(), []judgement{
		{name: "two payments, one refunded by the bound", story: func(b *builder) {
			b.twice().refund("r1").refundDone("r1")
		}},
		{name: "declined, then paid by a second attempt", idle: true, story: func(b *builder) {
			b.order("o1", 1, "phone").payment("p1").declined().payment("p2").captured().row(history.OrderPaid)
		}},
		{name: "declined, then two payments, and the extra one refunded", story: func(b *builder) {
			b.order("o1", 1, "phone").payment("p1").declined().captured().payment("p2").captured().
				refund("r1").refundDone("r1").row(history.OrderPaid)
		}},
		{name: "a refund accepted and pending at the bound", story: func(b *builder) { b.twice().refund("r1") }},
		{name: "a refund that failed, reissued under a new number", story: func(b *builder) {
			b.twice().refund("r1").refundBroken("r1").refund("r2").refundDone("r2")
		}},
		{name: "both refunded", story: func(b *builder) {
			b.twice().refund("r2").refundDone("r2").on("p1").refund("r1").refundDone("r1").row(history.OrderRefunded)
		}},
		{name: "handed to a person", story: func(b *builder) { b.twice().row(history.OrderReview) }},
		{name: "a fault stands until the books were read", unjudged: "a fault stood", story: func(b *builder) {
			b.standing("cut")
			b.twice()
		}},

		{
			name: "the second payment is kept", violated: "paid more than once, the extra payment not refunded",
			story: func(b *builder) { b.twice() },
		},
		{
			name: "the refund of the extra payment failed", violated: "paid more than once, the extra payment not refunded",
			story: func(b *builder) { b.twice().refund("r1").refundBroken("r1") },
		},
		{
			name: "the extra payment is refunded in part", violated: "paid more than once, the extra payment refunded in part",
			story: func(b *builder) { b.twice().refundMinor("r1", price-100).refundDone("r1") },
		},
	})
}

func TestOneEffectivePaymentCountsTheMoney(t *testing.T) {
	b := newHistory(t)
	b.twice().payment("p3").captured().refund("r3").refundDone("r3")
	found := wantViolated(t, b.at(30_000).find(oneEffectivePayment()), "paid more than once, the extra payment not refunded")
	if found.Net.Minor != price || found.Gross.Minor != 2*price || found.Bearer != BearerBuyer || found.Until != 0 {
		t.Errorf("want net %d, gross %d borne by the buyer, got %+v", price, 2*price, found)
	}
}

func TestOneEffectivePaymentListsWhatIsPending(t *testing.T) {
	b := newHistory(t)
	b.twice().refund("r1")
	found := b.at(30_000).find(oneEffectivePayment())
	if len(found.Pending) != 1 {
		t.Errorf("want one line about the pending refund, got %v", found.Pending)
	}
}
