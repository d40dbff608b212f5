package invariants

import (
	"strings"
	"testing"
	"time"

	"github.com/paystorm/paystorm/history"
)

// settled is a run whose heal ends and whose settle begins now, with ten seconds to settle.
func (b *builder) healed() *builder {
	b.interrupted = true // the phases are written here
	b.phase(history.PhaseEnd, history.PhaseStorm)
	b.phase(history.PhaseBegin, history.PhaseHeal)
	b.phase(history.PhaseEnd, history.PhaseHeal)
	return b.phase(history.PhaseBegin, history.PhaseSettle)
}

// crowded is a machine of two processors that works on something else for ten seconds.
func (b *builder) crowded() {
	b.hist.Header.Cores = 2
	for _, spent := range []time.Duration{0, 16 * time.Second} {
		b.event(history.Event{Source: history.SourcePhase, Kind: history.CPUTime, Count: spent.Microseconds()})
		b.now += history.Time(10*time.Second) - tick
	}
}

// TestWhatIsMendedAfterTheBoundIsLate: books that are read a minute later do not prove that the shop settled in time.
func TestWhatIsMendedAfterTheBoundIsLate(t *testing.T) {
	pending := func(b *builder) *orderBuilder { return b.order("o1", 1, "phone").payment("p1") }
	late := func(b *builder, at int, o *orderBuilder, mend func(*orderBuilder)) {
		b.healed().at(at)
		mend(o)
		b.at(40_000)
	}
	judgeCases(t, everySuccessReflected(), []judgement{
		{name: "reflected in time, the books read late", story: func(b *builder) {
			late(b, 5_000, pending(b).captured().delivered(history.Refused), func(o *orderBuilder) {
				o.again(history.PaymentSucceeded, 2, history.OK).row(history.OrderPaid)
			})
		}},
		{name: "nobody knows since when", story: func(b *builder) {
			late(b, 5_000, pending(b).captured().delivered(history.Refused), func(o *orderBuilder) { o.row(history.OrderPaid) })
		}},
		{
			name: "reflected a quarter of a minute too late", violated: "paid at the channel, and reflected in the shop only after the time to settle",
			story: func(b *builder) {
				late(b, 30_000, pending(b).captured().delivered(history.Refused), func(o *orderBuilder) {
					o.request("query", history.OK).row(history.OrderPaid)
				})
			},
		},
		{name: "still pending, and other work had most of the machine", unjudged: "other work had 1.6 of the machine's 2 processors", story: func(b *builder) {
			b.crowded()
			pending(b).captured().delivered(history.OK).row(history.OrderPending)
			b.at(70_000)
		}},
		{name: "closed, and other work had most of the machine", violated: "paid at the channel, closed in the shop, not refunded", story: func(b *builder) {
			b.crowded()
			pending(b).captured().delivered(history.OK).row(history.OrderClosed)
			b.at(70_000)
		}},
		{name: "too late, and other work had most of the machine", unjudged: "other work had 1.6 of the machine's 2 processors", story: func(b *builder) {
			b.crowded()
			o := pending(b).captured().delivered(history.Refused)
			b.healed().at(60_000)
			o.request("query", history.OK).row(history.OrderPaid)
			b.at(70_000)
		}},
		{name: "paid just before the time was over", story: func(b *builder) {
			o := pending(b)
			b.healed().at(10_000)
			o.captured()
			b.at(14_000)
			o.request("query", history.OK).row(history.OrderPaid)
			b.at(40_000)
		}},
	})
	judgeCases(t, lateSuccessSettled(), []judgement{{
		name: "refunded too late", violated: "paid after close, and refunded only after the time to settle", story: func(b *builder) {
			late(b, 30_000, pending(b).closed().told(history.OrderClosed).captured().delivered(history.OK), func(o *orderBuilder) {
				o.refund("r1").refundDone("r1").row(history.OrderClosed)
			})
		},
	}})
	judgeCases(t, nothingStuck(), []judgement{{
		name: "pending for ever, and other work had most of the machine", unjudged: "other work had 1.6", story: func(b *builder) {
			b.crowded()
			pending(b).row(history.OrderPending)
			b.at(70_000)
		},
	}, {
		name: "closed too late", violated: "ended only after the time to settle", story: func(b *builder) {
			late(b, 30_000, pending(b), func(o *orderBuilder) { o.closed().row(history.OrderClosed) })
		},
	}})
}

func TestLateBooksAreNoted(t *testing.T) {
	b := newHistory(t)
	b.paid("o1", 1)
	b.healed().at(40_000)
	if told := strings.Join(Judge(b.history()).Reasons.Texts(), "\n"); !strings.Contains(told, "the books were read at 40.") {
		t.Errorf("reasons: %s", told)
	}
	b = newHistory(t)
	b.paid("o1", 1)
	if told := strings.Join(Judge(b.at(30_000).history()).Reasons.Texts(), "\n"); strings.Contains(told, "the books were read at") {
		t.Errorf("reasons: %s", told)
	}
}
