package invariants

import (
	"testing"

	"github.com/paystorm/paystorm/history"
)

func TestLateSuccessSettled(t *testing.T) {
	late := func(b *builder) *orderBuilder {
		return b.order("o1", 1, "phone").payment("p1").closed().captured().delivered(history.OK)
	}
	judgeCases(t, lateSuccessSettled(), []judgement{
		{name: "refunded in full", story: func(b *builder) {
			late(b).refund("r1").refundDone("r1").row(history.OrderClosed)
		}},
		{name: "the refund is accepted and pending", story: func(b *builder) {
			late(b).refund("r1").row(history.OrderRefunding)
		}},
		{name: "reinstated", story: func(b *builder) { late(b).row(history.OrderPaid) }},
		{name: "in review", story: func(b *builder) { late(b).row(history.OrderReview) }},
		{name: "a failed refund reissued under a new number", story: func(b *builder) {
			late(b).refund("r1").refundBroken("r1").refund("r2").refundDone("r2").row(history.OrderRefunded)
		}},
		{name: "paid in time is not late", idle: true, story: func(b *builder) { b.paid("o1", 1) }},
		{name: "closed by another payment of the same order, paid by this one", story: func(b *builder) {
			b.order("o1", 1, "phone").payment("p1").closed().payment("p2").captured().on("p1").captured().
				refund("r1").refundDone("r1").row(history.OrderPaid)
		}},
		{name: "a success after a close that came after it", idle: true, story: func(b *builder) {
			b.order("o1", 1, "phone").payment("p1").captured().closed().row(history.OrderPaid)
		}},
		{name: "told closed only after the capture", idle: true, story: func(b *builder) {
			b.order("o1", 1, "phone").payment("p1").captured().told(history.OrderClosed).row(history.OrderPaid)
		}},
		{name: "ignored", violated: "paid after close, not refunded", story: func(b *builder) {
			late(b).row(history.OrderClosed)
		}},
		{name: "refunded in part", violated: "paid after close, not refunded", story: func(b *builder) {
			late(b).refundMinor("r1", 100).refundDone("r1").row(history.OrderClosed)
		}},
		{name: "the refund failed for good", violated: "paid after close, refunded in the shop and not in full at the channel", story: func(b *builder) {
			late(b).refund("r1").refundBroken("r1").row(history.OrderRefunded)
		}},
		{name: "no refund was ever asked for", violated: "paid after close, and the refund never reached the channel", story: func(b *builder) {
			late(b).row(history.OrderRefunding)
		}},
		{name: "left pending", violated: "paid after close, left pending", story: func(b *builder) {
			late(b).row(history.OrderPending)
		}},
		{name: "gone", violated: "paid after close, and the order is gone from the books", story: func(b *builder) { late(b) }},
		{name: "cancelled by the buyer, then paid", violated: "paid after close, not refunded", story: func(b *builder) {
			b.order("o1", 1, "phone").payment("p1").op(history.OpCancel, history.OK, "", "").captured().row(history.OrderClosed)
		}},
		{name: "closed in a checkpoint, then paid", violated: "paid after close, not refunded", story: func(b *builder) {
			o := b.order("o1", 1, "phone").payment("p1")
			b.checkpoint(o.as(history.OrderClosed))
			o.captured().row(history.OrderClosed)
		}},
		{name: "paid after the declared expiry", violated: "paid after close, not refunded", story: func(b *builder) {
			o := b.order("o1", 1, "phone").payment("p1")
			b.at(9_000)
			o.captured().row(history.OrderClosed)
		}},
		{name: "about to be refunded behind a standing fault", unjudged: "about to give the money back", story: func(b *builder) {
			b.standing("cut")
			late(b).row(history.OrderRefunding)
		}},
		{name: "no refund in the books, behind a standing fault", violated: "paid after close, not refunded", story: func(b *builder) {
			b.standing("cut")
			late(b).row(history.OrderClosed)
		}},
		{name: "captured when the books were as good as read", unjudged: "longest timer", story: func(b *builder) {
			o := b.order("o1", 1, "phone").payment("p1").closed()
			b.at(29_000)
			o.captured().row(history.OrderClosed)
			b.at(30_000)
		}},
	})
}

func TestLateSuccessPendingRefundIsListed(t *testing.T) {
	b := newHistory(t)
	b.order("o1", 1, "phone").payment("p1").closed().captured().refund("r1").row(history.OrderRefunding)
	b.at(30_000)
	found := b.find(lateSuccessSettled())
	if len(found.Pending) != 1 || found.Pending[0] != "o1 was paid late: captured 4999.00 CNY, refunded 0.00 CNY, refund pending 4999.00 CNY" {
		t.Fatalf("pending is %q", found.Pending)
	}
}

func TestLateSuccessViolationSpeaksMoney(t *testing.T) {
	b := newHistory(t)
	b.order("o1", 1, "phone").payment("p1").closed().captured().refundMinor("r1", 99900).refundDone("r1").row(history.OrderClosed)
	b.at(30_000)
	violation := wantViolated(t, b.find(lateSuccessSettled()), "paid after close, not refunded")
	if violation.Net.String() != "4000.00 CNY" || violation.Gross.String() != "4999.00 CNY" || violation.Bearer != BearerBuyer {
		t.Fatalf("net %s, gross %s, borne by %q", violation.Net, violation.Gross, violation.Bearer)
	}
	const detail = "the payment was closed at 1.050s; captured 4999.00 CNY, refunded 999.00 CNY, first at 1.060s; order closed"
	if violation.Detail != detail {
		t.Fatalf("detail is %q, want %q", violation.Detail, detail)
	}
}
