package invariants

import (
	"testing"

	"github.com/paystorm/paystorm/history"
)

// stories finds an order by its number, and fails if it is not there once.
func storyOf(t *testing.T, run *Run, order string) *Story {
	t.Helper()
	var found *Story
	for _, story := range run.Stories {
		if story.Order == order {
			if found != nil {
				t.Fatalf("two stories of order %q", order)
			}
			found = story
		}
	}
	if found == nil {
		t.Fatalf("no story of order %q", order)
	}
	return found
}

func TestAnOrderWhoseNumberNoClientLearntIsJoinedByItsReference(t *testing.T) {
	b := newHistory(t)
	o := b.unseen("", 1, "phone", 1)
	o.op(history.OpOrder, history.Unknown, "", "timeout")
	o.order = "o1" // the channel and the books know it
	o.payment("p1").captured().delivered(history.OK).row(history.OrderPaid)
	run := b.run()
	if len(run.Stories) != 1 {
		t.Fatalf("want one story, got %d", len(run.Stories))
	}
	story := storyOf(t, run, "o1")
	if len(story.Ops) != 1 || len(story.Payments) != 1 || len(story.Deliveries) != 1 || story.Row == nil {
		t.Errorf("want the op, the payment, the delivery and the row, got %+v", story)
	}
}

func TestAnOpThatKnowsOnlyThePaymentIsJoined(t *testing.T) {
	b := newHistory(t)
	b.order("o1", 1, "phone").payment("p1").captured()
	b.hist.Ops = append(b.hist.Ops, history.Op{
		Writer: "load", Seq: b.next("load"), Returned: b.now + tick, Outcome: history.OK,
		Invocation: history.Invocation{Kind: history.OpPay, Payment: "p1", Phase: history.PhaseStorm, Called: b.now},
	})
	if story := storyOf(t, b.run(), "o1"); len(story.Ops) != 2 {
		t.Errorf("want the order and the payment, got %d ops", len(story.Ops))
	}
}

func TestADoubleClickMakesTwoStoriesIfTheShopMadeTwoOrders(t *testing.T) {
	b := newHistory(t)
	o := b.order("o1", 1, "phone")
	o.order = "o2"
	o.op(history.OpOrder, history.OK, history.OrderPending, "")
	o.order = ""
	o.op(history.OpOrder, history.Unknown, "", "timeout")
	run := b.run()
	if len(run.Stories) != 2 || len(storyOf(t, run, "o1").Ops) != 2 || len(storyOf(t, run, "o2").Ops) != 1 {
		t.Errorf("want two stories, the unanswered click with the first, got %+v", run.Stories)
	}
}

func TestWhatIsNotPartOfTheSaleIsLeftOut(t *testing.T) {
	b := newHistory(t)
	b.hist.Header.WarmUpSKU = "warm"
	b.hist.Readings[0].Books.Orders = []history.OrderRow{{Order: "old", SKU: "phone", State: history.OrderPaid}}
	b.final.Books.Orders = []history.OrderRow{
		{Order: "old", SKU: "phone", State: history.OrderPaid}, {Order: "unheard", SKU: "warm", State: history.OrderPending},
	}
	warm := b.order("w1", 7, "phone")
	warm.payment("pw").captured().row(history.OrderPending)
	b.hist.Ops[0].Phase = history.PhaseWarmUp
	b.paid("o1", 1)
	run := b.run()
	if len(run.Stories) != 1 || run.Stories[0].Order != "o1" {
		t.Fatalf("want the order of the sale alone, got %d stories", len(run.Stories))
	}
	if verdict := Judge(run.History); verdict.Orders.Payments != 1 || verdict.Load.Ops[history.OpOrder].OK != 1 {
		t.Errorf("the warm-up counts in nothing, got %+v, %+v", verdict.Orders, verdict.Load)
	}
}

func TestNothingBeyondTheHorizonIsJudged(t *testing.T) {
	b := newHistory(t)
	b.order("o1", 1, "phone").payment("p1").told(history.OrderPaid) // its capture was never flushed
	b.cutOff()
	h := b.history()
	for i := range h.Segments {
		h.Segments[i].Ended = true
	}
	h.Segments[0].Ended, h.Segments[0].Last = false, h.Ops[len(h.Ops)-1].Called // the channel's
	run := newRun(h)
	last := run.Ops[len(run.Ops)-1]
	if last.Outcome != history.Unknown || last.State != "" {
		t.Errorf("an answer beyond the horizon is not known, got %+v", last)
	}
	if found := find(run, paidMeansCaptured()); len(found.Violations) > 0 {
		t.Errorf("what one writer lost is no lie of the shop: %+v", found.Violations)
	}
	if len(h.Ops) != 2 || h.Ops[1].State != string(history.OrderPaid) {
		t.Errorf("the caller's history was changed: %+v", h.Ops)
	}
}

func TestDeliveriesAreJoinedWithTheirAnswers(t *testing.T) {
	b := newHistory(t)
	b.order("o1", 1, "phone").payment("p1").captured().delivered(history.Unknown).
		again(history.PaymentSucceeded, 2, history.Refused).again(history.PaymentSucceeded, 2, history.OK)
	story := storyOf(t, b.run(), "o1")
	var outcomes []history.Outcome
	for _, delivery := range story.Deliveries {
		outcomes = append(outcomes, delivery.Outcome())
	}
	want := []history.Outcome{history.Unknown, history.Refused, history.OK}
	if len(outcomes) != 3 || outcomes[0] != want[0] || outcomes[1] != want[1] || outcomes[2] != want[2] {
		t.Errorf("want %v, got %v", want, outcomes)
	}
}
