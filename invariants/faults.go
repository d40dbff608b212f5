package invariants

import (
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
