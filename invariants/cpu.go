package invariants

import (
	"cmp"
	"slices"
	"time"

	"github.com/paystorm/paystorm/history"
)

// cpuRest is what the machine did besides.
const cpuRest = "all else on the machine"

// cpuResult is what each part of the run used between its first and its last figure.
func cpuResult(run *Run) CPUResult {
	result := CPUResult{Cores: run.Header.Cores, Used: []CPUUsed{}}
	first := map[string]*history.Event{}
	used := map[string]CPUUsed{}
	for event := range each(run.Events) {
		if event.Kind != history.CPUTime {
			continue
		}
		before, known := first[event.Key]
		if !known {
			first[event.Key] = event
			continue
		}
		spent := event.Count - before.Count
		if spent < 0 { // the container was started again, and began to count anew
			spent = event.Count
		}
		part := CPUUsed{By: event.Key, MS: spent / 1000}
		if passed := event.At.Sub(before.At); passed > 0 {
			part.Cores = rounded(float64(spent)/float64(passed/time.Microsecond), 2)
		}
		used[event.Key] = part
	}
	machine, known := used[""]
	delete(used, "")
	rest := CPUUsed{By: cpuRest, MS: machine.MS, Cores: machine.Cores}
	for _, part := range used {
		result.Used = append(result.Used, part)
		rest.MS, rest.Cores = rest.MS-part.MS, rounded(rest.Cores-part.Cores, 2)
	}
	if known && rest.MS > 0 && rest.Cores > 0 {
		result.Used = append(result.Used, rest)
	}
	slices.SortFunc(result.Used, func(a, b CPUUsed) int { return cmp.Or(cmp.Compare(b.MS, a.MS), cmp.Compare(a.By, b.By)) })
	return result
}
