package invariants

import (
	"slices"
	"testing"

	"github.com/paystorm/paystorm/history"
)

// TestReasonsByKind: what fails the run comes first, then what keeps it from proving anything, then notes; and who reads the
// verdict need not read sentences to tell them apart.
func TestReasonsByKind(t *testing.T) {
	bound := 10.0
	verdict := &Verdict{
		Invariants: []InvariantResult{
			{ID: "I1", Status: Violated, Gates: true},
			{ID: "I2", Status: Violated, Known: true},
			{ID: "I3", Status: NotKnown, Doubt: "never exercised"},
		},
		Service: []ServiceResult{{ID: "latency", Status: serviceExceeded, Bound: &bound}},
		Orders:  OrdersResult{Orders: 1},
	}
	run := newRun(&history.History{Header: history.Header{Required: []string{"I99"}}})
	result, reasons := conclude(run, verdict)
	type about struct {
		kind ReasonKind
		id   string
	}
	var got []about
	for _, reason := range reasons {
		got = append(got, about{reason.Kind, reason.Invariant})
		if reason.Text == "" {
			t.Errorf("a reason of kind %s says nothing", reason.Kind)
		}
	}
	kinds := []ReasonKind{ReasonViolation, ReasonService, ReasonDoubt, ReasonNote}
	inOrder := slices.IsSortedFunc(got, func(a, b about) int { return slices.Index(kinds, a.kind) - slices.Index(kinds, b.kind) })
	if result != Fail || !inOrder {
		t.Errorf("%s by %v, want a fail, and reasons in the order %v", result, got, kinds)
	}
	for _, want := range []about{{ReasonViolation, "I1"}, {ReasonService, ""}, {ReasonDoubt, "I3"}, {ReasonDoubt, "I99"}, {ReasonNote, "I2"}} {
		if !slices.Contains(got, want) {
			t.Errorf("%v is not among %v", want, got)
		}
	}
}
