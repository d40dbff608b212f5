package invariants

import (
	"slices"
	"strings"
	"testing"

	"github.com/paystorm/paystorm/history"
)

// rehearsal is a run whose warm-up failed: a buyer of it paid, and the books were read after the shop had time to settle.
func rehearsal(t *testing.T, state history.OrderState) *history.History {
	t.Helper()
	b := newHistory(t)
	b.hist.Header.WarmUpSKU = "warm-up"
	b.hist.Events = nil // of the storm
	b.phase(history.PhaseBegin, history.PhaseWarmUp)
	o := b.order("w1", 1, "phone").payment("p1").captured().delivered(history.OK).row(state)
	o.finalRow.SKU = "warm-up"
	for i := range b.hist.Ops {
		b.hist.Ops[i].Phase, b.hist.Ops[i].SKU = history.PhaseWarmUp, "warm-up"
	}
	if state == history.OrderPaid {
		o.grant("points", 49)
	}
	b.healed().at(30_000)
	h := b.history()
	for i := range h.Events {
		if h.Events[i].State == history.PhaseStorm { // which there was not
			h.Events[i].State = history.PhaseWarmUp
		}
	}
	b.event(history.Event{Source: history.SourcePhase, Kind: history.HarnessErr, State: history.PhaseWarmUp, Detail: "5 of 5 buyers were not served"})
	return b.hist
}

// TestTheWarmUpIsEvidence: what a failed warm-up shows of the shop is judged.
func TestTheWarmUpIsEvidence(t *testing.T) {
	verdict := Judge(rehearsal(t, history.OrderPending))
	if verdict.Verdict != Fail || len(verdict.Causes) == 0 || verdict.Causes[0].Orders[0] != "w1" {
		t.Errorf("%s: %q", verdict.Headline, verdict.Reasons)
	}
	h := rehearsal(t, history.OrderPending) // and nobody could pay: the shop may have the wrong key
	h.Events = slices.DeleteFunc(h.Events, func(e history.Event) bool {
		return e.Source == history.SourceChannel || e.Source == history.SourceDelivery
	})
	h.Readings[len(h.Readings)-1].Books.Payments = nil
	if verdict = Judge(h); verdict.Verdict != Inconclusive {
		t.Errorf("%s: %q", verdict.Headline, verdict.Reasons)
	}
	verdict = Judge(rehearsal(t, history.OrderPaid))
	if told := strings.Join(verdict.Reasons.Texts(), "\n"); verdict.Verdict != Inconclusive || !strings.Contains(told, "only the warm-up is judged: 5 of 5") {
		t.Errorf("%s: %s", verdict.Headline, told)
	}
}
