package invariants

import (
	"strings"
	"testing"

	"github.com/paystorm/paystorm/history"
)

func TestNothingStuck(t *testing.T) {
	order := func(b *builder) *orderBuilder { return b.order("o1", 1, "phone").payment("p1") }
	judgeCases(t, nothingStuck(), []judgement{
		{name: "paid", story: func(b *builder) { order(b).told(history.OrderPending).captured().row(history.OrderPaid) }},
		{name: "closed", story: func(b *builder) { order(b).closed().row(history.OrderClosed) }},
		{name: "review within the cap", story: func(b *builder) {
			b.hist.Header.ReviewCap = 1
			order(b).capturedMinor(1).row(history.OrderReview)
		}},
		{name: "a refund accepted and pending", story: func(b *builder) {
			order(b).captured().refund("r1").row(history.OrderRefunding)
		}},
		{name: "cancelled, and gone from the books", story: func(b *builder) {
			order(b).op(history.OpCancel, history.OK, history.OrderClosed, "")
			b.paid("o2", 2)
		}},
		{name: "unpaid in a shop without an expiry", story: func(b *builder) {
			b.hist.Header.System.Timers.Expiry = 0
			order(b).row(history.OrderPending)
		}},
		{name: "never accepted", idle: true, story: func(b *builder) {
			b.unseen("", 1, "phone", 1).op(history.OpOrder, history.Refused, "", history.ReasonSoldOut)
		}},
		{name: "an unknown order that never came to be", idle: true, story: func(b *builder) {
			b.unseen("", 1, "phone", 1).op(history.OpOrder, history.Unknown, "", "timeout")
		}},
		{name: "pending and unpaid", violated: "still pending at the bound, and not paid", story: func(b *builder) {
			order(b).row(history.OrderPending)
		}},
		{name: "pending and paid", violated: "still pending at the bound, and paid", story: func(b *builder) {
			order(b).captured().delivered(history.OK).row(history.OrderPending)
		}},
		{name: "refunding, and nothing under way", violated: "still refunding at the bound, and no refund is under way at the channel", story: func(b *builder) {
			order(b).captured().refund("r1").refundBroken("r1").row(history.OrderRefunding)
		}},
		{name: "refunding, though refunded", violated: "still refunding at the bound, although the channel has refunded", story: func(b *builder) {
			order(b).captured().refund("r1").refundDone("r1").row(history.OrderRefunding)
		}},
		{name: "refunding what was never paid", violated: "still refunding at the bound, and never paid", story: func(b *builder) {
			order(b).row(history.OrderRefunding)
		}},
		{name: "accepted and lost", violated: "an accepted order is missing from the books", story: func(b *builder) { order(b) }},
		{name: "expiry not over", unjudged: "before an order's expiry was over", story: func(b *builder) {
			b.at(24_000)
			order(b).row(history.OrderPending)
		}},
		{name: "a request without an answer may have come late", unjudged: "before an order's expiry was over", story: func(b *builder) {
			order(b).op(history.OpRepay, history.Unknown, "", "timeout").row(history.OrderPending)
		}},
		{name: "cut off until the books were read", unjudged: "a fault stood", story: func(b *builder) {
			b.standing("cut")
			order(b).row(history.OrderPending)
		}},
		{name: "a number nobody learnt", unjudged: "nobody learnt", story: func(b *builder) {
			b.unseen("", 1, "phone", 1).op(history.OpOrder, history.OK, history.OrderPending, "")
		}},
	})
}

func TestReviewOverTheCap(t *testing.T) {
	b := newHistory(t)
	b.hist.Header.ReviewCap = 1
	b.order("o1", 1, "phone").payment("p1").captured().row(history.OrderReview)
	b.order("o2", 2, "phone").payment("p2").captured().row(history.OrderReview)
	b.at(30_000)
	violation := wantViolated(t, b.find(nothingStuck()), "more orders in review than the scenario allows")
	if violation.Detail != "2 orders in review, at most 1 allowed: o1, o2" || violation.Net.String() != "9998.00 CNY" {
		t.Fatalf("detail %q, net %s", violation.Detail, violation.Net)
	}
}

func TestPendingRefundIsListed(t *testing.T) {
	b := newHistory(t)
	b.order("o1", 1, "phone").payment("p1").captured().refund("r1").row(history.OrderRefunding)
	b.at(30_000)
	if found := b.find(nothingStuck()); len(found.Pending) != 1 || !strings.HasPrefix(found.Pending[0], "o1: ") {
		t.Fatalf("pending is %q", found.Pending)
	}
}

func TestShopThatIsAsked(t *testing.T) {
	asked := func(b *builder, what string, outcome history.Outcome) {
		b.event(history.Event{Source: history.SourceProbe, Kind: history.ShopAsked, State: what, Outcome: outcome})
	}
	paid := func(b *builder) { // and seen pending before
		b.order("o1", 1, "phone").payment("p1").told(history.OrderPending).captured().told(history.OrderPaid).row(history.OrderPaid)
	}
	judgeCases(t, nothingStuck(), []judgement{
		{name: "answers", story: func(b *builder) {
			paid(b)
			asked(b, "ready", history.OK)
		}},
		{name: "is silent at first", story: func(b *builder) {
			paid(b)
			asked(b, "job reconcile", history.Unknown)
			asked(b, "job reconcile", history.OK)
		}},
		{name: "errs at first", story: func(b *builder) {
			paid(b)
			asked(b, "job reconcile", history.Refused)
			asked(b, "job reconcile", history.OK)
		}},
		{name: "was done, and its last run had not ended", story: func(b *builder) {
			paid(b)
			asked(b, "job reconcile", history.OK)
			asked(b, "job reconcile", history.Unknown)
			asked(b, "ready", history.OK)
		}},
		{name: "is silent behind a fault that stands", story: func(b *builder) {
			b.standing("lock")
			paid(b)
			asked(b, "ready", history.Unknown)
		}},
		{name: "is silent", violated: "after heal the shop does not answer", story: func(b *builder) {
			paid(b)
			asked(b, "ready", history.Unknown)
		}},
		{name: "is silent, and a job of it too", violated: "after heal the shop does not answer", story: func(b *builder) {
			paid(b)
			asked(b, "job reconcile", history.OK)
			asked(b, "job reconcile", history.Unknown)
			asked(b, "ready", history.Unknown)
		}},
		{name: "is not ready for ever", violated: "after heal the shop says that it is not ready", story: func(b *builder) {
			paid(b)
			asked(b, "ready", history.OK)
			asked(b, "ready", history.Refused)
		}},
		{name: "errs in a job every time", violated: "after heal a job of the shop fails every time: reconcile", story: func(b *builder) {
			paid(b)
			asked(b, "job reconcile", history.Refused)
			asked(b, "job reconcile", history.Unknown)
			asked(b, "job reconcile", history.Refused)
			asked(b, "ready", history.OK)
		}},
		{name: "is up, and a job takes longer than the bound", unjudged: "job reconcile was still at work", story: func(b *builder) {
			paid(b)
			asked(b, "job reconcile", history.Unknown)
			b.hist.Events[len(b.hist.Events)-1].Reason = history.ReasonOpenAtBound
			asked(b, "ready", history.OK)
		}},
		{name: "is up, and a job breaks off every time", violated: "after heal a job of the shop gives no answer: reconcile", story: func(b *builder) {
			paid(b)
			asked(b, "job reconcile", history.Unknown)
			asked(b, "job reconcile", history.Unknown)
			asked(b, "ready", history.OK)
		}},
	})
}

func TestStuckIsExercisedByMiddleStates(t *testing.T) {
	quick := func(b *builder) *orderBuilder {
		return b.unseen("o1", 1, "phone", 1).op(history.OpOrder, history.OK, "", "").payment("p1").captured().delivered(history.OK).
			told(history.OrderPaid).grant("points", 49).row(history.OrderPaid)
	}
	judgeCases(t, nothingStuck(), []judgement{
		{name: "paid, and nobody saw it pending", idle: true, story: func(b *builder) { quick(b) }},
		{name: "seen pending by its buyer", story: func(b *builder) {
			b.unseen("o1", 1, "phone", 1).op(history.OpOrder, history.OK, "", "").payment("p1").told(history.OrderPending).captured().
				row(history.OrderPaid)
		}},
		{name: "seen pending by a checkpoint", story: func(b *builder) {
			o := b.unseen("o1", 1, "phone", 1).op(history.OpOrder, history.OK, "", "").payment("p1")
			b.checkpoint(o.as(history.OrderPending))
			o.captured().row(history.OrderPaid)
		}},
		{name: "closed by the shop", story: func(b *builder) {
			b.unseen("o1", 1, "phone", 1).op(history.OpOrder, history.OK, "", "").payment("p1").row(history.OrderClosed)
		}},
		{name: "given back", story: func(b *builder) { quick(b).refund("r1").refundDone("r1").row(history.OrderRefunded) }},
	})
}

func TestShopThatDied(t *testing.T) {
	const dead = "the shop died and did not come back"
	died := func(b *builder) *orderBuilder {
		o := b.paid("o1", 1)
		b.event(history.Event{Source: history.SourceNode, Kind: history.NodeExited, Detail: "exit status 2"})
		return o
	}
	judgeCases(t, nothingStuck(), []judgement{
		{name: "for good", violated: dead, story: func(b *builder) { died(b) }},
		{name: "and refused connections", violated: dead, story: func(b *builder) {
			died(b).again(history.PaymentSucceeded, 2, history.Unknown).op(history.OpLook, history.Unknown, "", "timeout")
		}},
		{name: "and came back", story: func(b *builder) {
			died(b)
			b.event(history.Event{Source: history.SourceNode, Kind: history.NodeReady})
		}},
		{name: "one of several", story: func(b *builder) { died(b).told(history.OrderPaid) }},
		{name: "and yet acknowledges", story: func(b *builder) { died(b).again(history.PaymentSucceeded, 2, history.OK) }},
		{name: "by a fault", idle: true, story: func(b *builder) {
			b.paid("o1", 1)
			b.killed()
		}},
	})
}
