package invariants

import (
	"cmp"
	"slices"

	"github.com/paystorm/paystorm/history"
)

// faultResults says what each planned fault did.
func faultResults(run *Run) []FaultResult {
	affected := map[string]int{}
	standing, broken := map[string]bool{}, map[string]bool{}
	for event := range each(run.Events) {
		switch event.Kind {
		case history.FaultAffected:
			affected[event.Fault] += units(event)
		case history.FaultBegin:
			standing[event.Fault] = true
		case history.FaultEnd:
			delete(standing, event.Fault)
		case history.FaultHealFailed:
			broken[event.Fault] = true
		}
	}
	results := []FaultResult{}
	for _, fault := range run.Header.Faults {
		results = append(results, FaultResult{
			ID: fault.ID, Kind: fault.Kind, Contract: fault.Contract, Unit: fault.Unit, Planned: fault.Planned,
			Affected: affected[fault.ID], Floor: fault.Floor,
			Healed: !broken[fault.ID] && (!standing[fault.ID] || fault.Payer),
		})
	}
	return results
}

// units is how many units of its fault an event stands for.
func units(event *history.Event) int {
	return int(max(1, event.Count))
}

// coverage counts in which state of its payment each fault struck. State and Key of the event are the payment's state at
// the channel and the message concerned; a fault that strikes no order, such as one on a link, covers no cell.
func coverage(run *Run) []CoverageCell {
	type cell struct{ fault, state, callback string }
	hits := map[cell]int{}
	for event := range each(run.Events) {
		if event.Kind != history.FaultAffected || event.State == "" {
			continue
		}
		at := cell{fault: event.Fault, state: event.State}
		if notification(event.Key) {
			at.callback = event.Key
		}
		hits[at] += units(event)
	}
	cells := make([]CoverageCell, 0, len(hits))
	for at, count := range hits {
		cells = append(cells, CoverageCell{Fault: at.fault, State: at.state, Callback: at.callback, Hits: count})
	}
	slices.SortFunc(cells, func(a, b CoverageCell) int {
		return cmp.Or(cmp.Compare(a.Fault, b.Fault), cmp.Compare(a.State, b.State), cmp.Compare(a.Callback, b.Callback))
	})
	return cells
}

// notification says whether the message is one that the channel sends, and not a request of the shop.
func notification(message string) bool {
	switch message {
	case history.PaymentSucceeded, history.PaymentFailed, history.PaymentClosed, history.RefundSucceeded, history.RefundFailed:
		return true
	default:
		return false
	}
}
