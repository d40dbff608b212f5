package invariants

import (
	"strings"

	"github.com/paystorm/paystorm/history"
)

// knownReds counts how often each red that the scenario lists was met. Whether one has expired is asked of the run's own
// wall clock, so that judging it again next year gives the same answer.
type knownReds struct {
	list []KnownResult
}

func newKnownReds(header history.Header) *knownReds {
	reds := &knownReds{list: []KnownResult{}}
	for _, known := range header.Known {
		reds.list = append(reds.list, KnownResult{Known: known, Expired: !header.Started.Before(known.Until)})
	}
	return reds
}

// all counts the violations of an invariant and says whether each is known and not expired.
func (k *knownReds) all(id string, violations []Violation) bool {
	every := true
	for _, violation := range violations {
		excused := false
		for i := range k.list {
			red := &k.list[i]
			if red.Invariant == id && strings.Contains(violation.Pattern, red.Pattern) {
				red.Met++
				excused = excused || !red.Expired
			}
		}
		every = every && excused
	}
	return every
}

func (k *knownReds) results() []KnownResult { return k.list }
