package invariants

import (
	"testing"

	"github.com/paystorm/paystorm/history"
)

// killed is a process of the shop that a fault killed.
func (b *builder) killed() *builder {
	return b.event(history.Event{Source: history.SourceNode, Kind: history.NodeKilled, Detail: "shop: by a fault"})
}

func TestAckSurvives(t *testing.T) {
	const pending = "a success was acknowledged, and the order is still pending"
	acked := func(b *builder) *orderBuilder {
		return b.order("o1", 1, "phone").payment("p1").captured().delivered(history.OK)
	}
	judgeCases(t, ackSurvives(), []judgement{
		{name: "paid after a crash", story: func(b *builder) {
			o := acked(b)
			b.killed()
			o.row(history.OrderPaid)
		}},
		{name: "paid in a checkpoint", story: func(b *builder) {
			o := acked(b)
			b.checkpoint(o.as(history.OrderPaid))
			o.row(history.OrderPaid)
		}},
		{name: "neither crash nor checkpoint", idle: true, story: func(b *builder) { b.paid("o1", 1) }},
		{name: "a crash before the acknowledgement", idle: true, story: func(b *builder) {
			b.killed()
			acked(b).row(history.OrderPaid)
		}},
		{name: "only the inbox has it", story: func(b *builder) {
			o := acked(b)
			b.checkpoint(o.as(history.OrderPending)).Books.Inbox = []history.InboxRow{{Notification: "n-o1-1"}}
			o.row(history.OrderPaid)
		}},
		{name: "worked off within the declared time", story: func(b *builder) {
			b.hist.Header.System.Timers.Apply = 500_000_000
			o := acked(b)
			b.checkpoint(o.as(history.OrderPending))
			b.killed()
			o.row(history.OrderPaid)
		}},
		{name: "told pending just after the acknowledgement", idle: true, story: func(b *builder) {
			o := acked(b)
			b.at(1_500)
			o.told(history.OrderPending).row(history.OrderPaid)
		}},
		{name: "told pending while what was acknowledged waits in a declared queue", idle: true, story: func(b *builder) {
			b.hist.Header.System.Timers.Apply = 2_000_000_000
			o := acked(b)
			b.at(3_000)
			o.told(history.OrderPending).row(history.OrderPaid)
		}},
		{name: "told pending long after, by a replica that may lag", idle: true, story: func(b *builder) {
			b.hist.Header.System.Legal.StaleReads = true
			o := acked(b)
			b.at(7_000)
			o.told(history.OrderPending).row(history.OrderPaid)
		}},
		{
			name: "told pending, and mended by the shop's query a second later", violated: "a success was acknowledged, and the buyer was told pending after it",
			story: func(b *builder) {
				o := acked(b)
				b.at(1_700)
				o.told(history.OrderPending).request("query", history.OK).told(history.OrderPaid).row(history.OrderPaid)
			},
		},
		{
			name: "told pending, and nothing was probed", violated: "a success was acknowledged, and the buyer was told pending after it",
			story: func(b *builder) {
				b.unread(history.Tables()...)
				o := acked(b)
				b.at(1_700)
				o.told(history.OrderPending)
			},
		},
		{
			name: "told pending long after the acknowledgement", violated: "a success was acknowledged, and the buyer was told pending after it",
			story: func(b *builder) {
				o := acked(b)
				b.at(7_000)
				o.told(history.OrderPending).row(history.OrderPaid)
			},
		},
		{name: "409 to a duplicate while the first is in work", story: func(b *builder) {
			o := b.order("o1", 1, "phone").payment("p1").captured().delivered(history.Refused).
				again(history.PaymentSucceeded, 2, history.OK)
			o.row(history.OrderPaid)
		}},
		{name: "an acknowledgement lost on the link", story: func(b *builder) {
			o := b.order("o1", 1, "phone").payment("p1").captured().delivered(history.Unknown)
			b.checkpoint(o.as(history.OrderPending))
			o.again(history.PaymentSucceeded, 2, history.OK).row(history.OrderPaid)
		}},
		{name: "a late success, closed with a refund", story: func(b *builder) {
			o := b.order("o1", 1, "phone").payment("p1").closed().captured().delivered(history.OK)
			b.killed()
			b.checkpoint(o.as(history.OrderClosed))
			o.refund("r1").refundDone("r1").row(history.OrderClosed)
		}},
		{name: "a late success, closed with a refund row", story: func(b *builder) {
			o := b.order("o1", 1, "phone").payment("p1").closed().captured().delivered(history.OK)
			b.killed()
			o.row(history.OrderClosed).refundRow("r1", history.RefundPending)
		}},
		{name: "a short capture waits for its judgement elsewhere", story: func(b *builder) {
			o := b.order("o1", 1, "phone").payment("p1").capturedMinor(1).delivered(history.OK)
			b.killed()
			o.row(history.OrderClosed)
		}},
		{name: "acknowledged, crashed, pending", violated: pending, story: func(b *builder) {
			o := acked(b)
			b.killed()
			o.row(history.OrderPending)
		}},
		{name: "a failed handling acknowledged", violated: pending, story: func(b *builder) { acked(b).row(history.OrderPending) }},
		{name: "pending in a checkpoint, though a query saved it", violated: pending, story: func(b *builder) {
			o := acked(b)
			b.checkpoint(o.as(history.OrderPending))
			o.request("query", history.OK).row(history.OrderPaid)
		}},
		{name: "closed without a refund", violated: "a success was acknowledged, and the order is closed without a refund", story: func(b *builder) {
			o := acked(b)
			b.killed()
			o.row(history.OrderClosed)
		}},
		{name: "no such order", violated: "a success was acknowledged, and the shop has no such order", story: func(b *builder) {
			acked(b)
			b.killed()
		}},
		{name: "cut off, and a checkpoint has proven it", violated: pending, story: func(b *builder) {
			o := acked(b)
			b.checkpoint(o.as(history.OrderPending))
			b.cutOff()
		}},
		{name: "the books were never read", unjudged: "never read", story: func(b *builder) {
			acked(b)
			b.cutOff()
		}},
	})
}

// settle begins the settle phase now, so that what follows happens after heal.
func (b *builder) settle() { b.phase(history.PhaseBegin, history.PhaseSettle) }

func TestDoneIsAcknowledgedAfterHeal(t *testing.T) {
	done := func(b *builder) *orderBuilder {
		o := b.order("o1", 1, "phone").payment("p1").captured().delivered(history.Unknown).told(history.OrderPaid).row(history.OrderPaid)
		o.again(history.PaymentSucceeded, 2, history.Refused)
		return o
	}
	for name, test := range map[string]struct {
		after    func(*orderBuilder)
		violated bool
	}{
		"refused in the storm only": {func(o *orderBuilder) { o.again(history.PaymentSucceeded, 3, history.OK) }, false},
		"refused once after heal":   {func(o *orderBuilder) { o.again(history.PaymentSucceeded, 3, history.Refused) }, false},
		"refused, then acknowledged": {func(o *orderBuilder) {
			o.again(history.PaymentSucceeded, 3, history.Refused).again(history.PaymentSucceeded, 4, history.Refused).
				again(history.PaymentSucceeded, 5, history.OK)
		}, false},
		"refused, and once nothing is known": {func(o *orderBuilder) {
			o.again(history.PaymentSucceeded, 3, history.Refused).again(history.PaymentSucceeded, 4, history.Unknown).
				again(history.PaymentSucceeded, 5, history.Refused)
		}, false},
		"refused again and again": {func(o *orderBuilder) {
			o.again(history.PaymentSucceeded, 3, history.Refused).again(history.PaymentSucceeded, 4, history.Refused)
		}, true},
	} {
		t.Run(name, func(t *testing.T) {
			b := newHistory(t)
			o := done(b)
			b.settle()
			test.after(o)
			run := b.run()
			run.SettleBegin = settleBegin(run)
			found := find(run, ackSurvives())
			if (len(found.Violations) == 1) != test.violated {
				t.Fatalf("violated should be %t: %+v", test.violated, found.Violations)
			}
			if test.violated && found.Violations[0].Pattern != "a success that is done is refused again and again after heal" {
				t.Fatalf("pattern is %q", found.Violations[0].Pattern)
			}
		})
	}
}

// settleBegin is the first begin of settle; the builder closes every history with phases of its own.
func settleBegin(run *Run) history.Time {
	for _, event := range run.Events {
		if event.Kind == history.PhaseBegin && event.State == history.PhaseSettle {
			return event.At
		}
	}
	return 0
}
