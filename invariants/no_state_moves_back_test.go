package invariants

import (
	"testing"

	"github.com/paystorm/paystorm/history"
)

// reordered is an order paid in time, to which an older message about a failed attempt comes late.
func (b *builder) reordered() *orderBuilder {
	return b.order("o1", 1, "phone").payment("p1").declined().captured().delivered(history.OK).told(history.OrderPaid).
		notified(history.PaymentFailed, history.OK)
}

func TestNoStateMovesBack(t *testing.T) {
	judgeCases(t, noStateMovesBack(), []judgement{
		{name: "in order", idle: true, story: func(b *builder) { b.paid("o1", 1) }},
		{name: "a failure that came before the success", idle: true, story: func(b *builder) {
			b.order("o1", 1, "phone").payment("p1").declined().notified(history.PaymentFailed, history.OK).captured().
				delivered(history.OK).told(history.OrderPaid).row(history.OrderPaid)
		}},
		{name: "a late failure is ignored", story: func(b *builder) {
			b.reordered().told(history.OrderPaid).row(history.OrderPaid)
		}},
		{name: "a late success after the refund is ignored", story: func(b *builder) {
			b.reordered().refund("r1").refundDone("r1").notified(history.RefundSucceeded, history.OK).
				told(history.OrderRefunded).delivered(history.OK).told(history.OrderRefunded).row(history.OrderRefunded)
		}},
		{name: "the refund failed, and the order is paid again", story: func(b *builder) {
			b.reordered().refund("r1").told(history.OrderRefunding).refundDone("r1").told(history.OrderRefunded).
				refundBroken("r1").told(history.OrderPaid).row(history.OrderPaid)
		}},
		{name: "the refund failed, and is tried again", story: func(b *builder) {
			b.reordered().refund("r1").refundDone("r1").told(history.OrderRefunded).refundBroken("r1").refund("r2").
				told(history.OrderRefunding).refundDone("r2").row(history.OrderRefunded)
		}},
		{name: "the refund was refused, and the order stays paid", story: func(b *builder) {
			b.reordered().told(history.OrderRefunding).request("refund", history.Refused).told(history.OrderPaid).row(history.OrderPaid)
		}},
		{name: "an extra payment is refunded, the order paid by the first", story: func(b *builder) {
			b.reordered().payment("p2").captured().told(history.OrderRefunding).refund("r2").refundDone("r2").
				told(history.OrderPaid).row(history.OrderPaid)
		}},
		{name: "refunded, then paid anew", story: func(b *builder) {
			b.reordered().refund("r1").refundDone("r1").told(history.OrderRefunded).payment("p2").captured().
				told(history.OrderPaid).row(history.OrderPaid)
		}},
		{name: "closed once everything is refunded", story: func(b *builder) {
			b.reordered().refund("r1").refundDone("r1").row(history.OrderClosed)
		}},
		{name: "handed to a person, who decides", story: func(b *builder) {
			b.reordered().told(history.OrderReview).told(history.OrderPending).row(history.OrderReview)
		}},
		{name: "reads that overlap", story: func(b *builder) {
			o := b.reordered()
			o.opBetween(history.OpPoll, history.OK, history.OrderPending, "", history.Time(1e9), b.now).row(history.OrderPaid)
		}},
		{name: "a replica declared to be stale", story: func(b *builder) {
			b.hist.Header.System.Legal.StaleReads = true
			o := b.reordered()
			b.checkpoint(o.as(history.OrderPaid))
			o.told(history.OrderPending).row(history.OrderPaid)
		}},
		{name: "an idempotent answer from the first time", story: func(b *builder) {
			b.reordered().op(history.OpOrder, history.OK, history.OrderPending, "").row(history.OrderPaid)
		}},

		{name: "the failure downgrades", violated: "paid, later pending", story: func(b *builder) {
			b.reordered().told(history.OrderPending).row(history.OrderPaid)
		}},
		{name: "the close downgrades the books", violated: "paid, later closed", story: func(b *builder) {
			b.reordered().row(history.OrderClosed)
		}},
		{name: "from one checkpoint to the next", violated: "shipped, later paid", story: func(b *builder) {
			o := b.reordered()
			b.checkpoint(o.as(history.OrderShipped))
			b.checkpoint(o.as(history.OrderPaid))
			o.row(history.OrderShipped)
		}},
		{name: "an old success after the refund", violated: "refunded, later paid", story: func(b *builder) {
			b.reordered().refund("r1").refundDone("r1").told(history.OrderRefunded).delivered(history.OK).row(history.OrderPaid)
		}},
		{name: "an old success while the refund is on its way", violated: "refunding, later paid", story: func(b *builder) {
			b.reordered().refund("r1").told(history.OrderRefunding).delivered(history.OK).told(history.OrderPaid).
				refundDone("r1").row(history.OrderRefunded)
		}},
		{name: "closed with half of the money refunded", violated: "paid, later closed", story: func(b *builder) {
			b.reordered().refundMinor("r1", 100).refundDone("r1").row(history.OrderClosed)
		}},
		{name: "a poll that began before the capture saw it paid", violated: "paid, later closed", story: func(b *builder) {
			o := b.order("o1", 1, "phone").payment("p1")
			begun := b.now
			o.declined().captured().delivered(history.OK)
			o.opBetween(history.OpPoll, history.OK, history.OrderPaid, "", begun, b.now).row(history.OrderClosed)
		}},
	})
}

func TestNoStateMovesBackIsProvenByACutHistory(t *testing.T) {
	b := newHistory(t)
	b.reordered().told(history.OrderClosed)
	found := wantViolated(t, b.cutOff().find(noStateMovesBack()), "paid, later closed")
	if len(found.Evidence) != 2 || found.Net.Minor != price {
		t.Errorf("want both observations and the money kept, got %+v", found)
	}
}

// TestBuyersSeeItMoveBackWithoutBooks: what buyers were told needs no table.
func TestBuyersSeeItMoveBackWithoutBooks(t *testing.T) {
	b := newHistory(t).unread(history.Tables()...)
	b.order("o1", 1, "phone").payment("p1").captured().delivered(history.OK).told(history.OrderPaid).told(history.OrderPending)
	found := find(b.at(30_000).run(), noStateMovesBack())
	wantViolated(t, found.Finding, "paid, later pending")
	if len(found.missing) == 0 {
		t.Error("nothing says what could not be judged")
	}
}
