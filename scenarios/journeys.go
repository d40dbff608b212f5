package scenarios

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"
)

// requestTimeout is how long a step waits for an answer that says no `within`.
const requestTimeout = 5 * time.Second

// A plan has at least leastVUs, so that a slow start drops nobody, and at most mostVUs, which take about 1 GB.
const (
	leastVUs = 20
	mostVUs  = 10_000
)

// Walk yields every step of a list and of the branches in it, with its path from the list.
func Walk(steps []Step, yield func(path []any, step Step)) {
	for index, step := range steps {
		path := at(index, step.Name)
		yield(path, step)
		for _, outcome := range sortedKeys(step.On) {
			Walk(step.On[outcome], func(inner []any, step Step) {
				yield(slices.Concat(path, at("on", outcome), inner), step)
			})
		}
	}
}

// wayInWords is a path of Walk as a person would say it: ", step 2 (order), on sold_out, step 1 (look)".
func wayInWords(path []any) string {
	var words strings.Builder
	for at := 0; at+1 < len(path); at += 2 {
		if index, isStep := path[at].(int); isStep {
			fmt.Fprintf(&words, ", step %d (%s)", index+1, path[at+1])
		} else {
			fmt.Fprintf(&words, ", on %s", path[at+1])
		}
	}
	return words.String()
}

// secondNames are what a journey's steps may name of the second item of an order: what they may of the first, its set-up's
// captures among it, with _2.
func (s *System) secondNames() []string {
	first := append(itemNames(), "quantity")
	for _, step := range s.Setup {
		first = append(first, sortedKeys(step.Capture)...)
	}
	var second []string
	for _, name := range first {
		second = append(second, name+ofSecond)
	}
	return second
}

// pairs says whether the journey's orders are of two items: it names something of the second.
func (s *System) pairs(journey string) bool {
	second := s.secondNames()
	found := false
	Walk(s.Journeys[journey], func(_ []any, step Step) {
		for _, text := range step.templates() {
			if parsed, err := ParseTemplate(text); err == nil {
				found = found || slices.ContainsFunc(parsed.Uses(), func(u Use) bool { return slices.Contains(second, u.Name) })
			}
		}
	})
	return found
}

// templates are the texts of a step that may name values.
func (s Step) templates() []string {
	var texts []string
	for _, verb := range stepVerbs(s) {
		texts = append(texts, verb.target)
	}
	for _, value := range s.Header {
		texts = append(texts, value)
	}
	texts = append(texts, textsIn(s.JSON)...)
	if s.GraphQL != nil {
		texts = append(texts, s.GraphQL.Path)
		for _, value := range s.GraphQL.Variables {
			texts = append(texts, textsIn(value)...)
		}
	}
	return slices.DeleteFunc(texts, func(text string) bool { return !strings.Contains(text, "{{") })
}

func textsIn(value any) []string {
	var texts []string
	switch value := value.(type) {
	case string:
		texts = append(texts, value)
	case map[string]any:
		for _, field := range value {
			texts = append(texts, textsIn(field)...)
		}
	case []any:
		for _, item := range value {
			texts = append(texts, textsIn(item)...)
		}
	}
	return texts
}

// patience is how long the longest of the journeys can take: every step's pause, and all of its time to answer.
func (s *System) patience(journeys []JourneyShare) time.Duration {
	longest := time.Duration(0)
	for _, journey := range journeys {
		longest = max(longest, s.scriptPatience(), patienceOf(s.Journeys[journey.Name]))
	}
	return longest
}

// scriptPatience is how long a buyer of the script takes at most, 0 without a script.
func (s *System) scriptPatience() time.Duration {
	if s.Script == "" {
		return 0
	}
	return cmp.Or(time.Duration(s.Patience), scriptPatience)
}

func patienceOf(steps []Step) time.Duration {
	total := time.Duration(0)
	for _, step := range steps {
		total += step.Think.High
		if step.End != "" {
			continue
		}
		once, branch := cmp.Or(time.Duration(step.Within), requestTimeout), time.Duration(0)
		total += once
		if step.Retry != nil {
			total += time.Duration(step.Retry.Times) * (step.Retry.Every.High + once)
		}
		for _, steps := range step.On {
			branch = max(branch, patienceOf(steps))
		}
		total += branch
	}
	return total
}

// likely is how long the steps take at most when the shop is slow and does not stand still: every pause and all the patience
// of polls, and one request, the most patient, that is answered only as its time ends.
func likely(steps []Step) time.Duration {
	waits, hang := waitsOf(steps)
	return waits + hang
}

func waitsOf(steps []Step) (waits, hang time.Duration) {
	for _, step := range steps {
		waits += step.Think.High
		if step.End != "" {
			continue
		}
		if within := cmp.Or(time.Duration(step.Within), requestTimeout); len(step.Until) > 0 {
			waits, hang = waits+within, max(hang, requestTimeout)
		} else {
			hang = max(hang, within)
		}
		if step.Retry != nil {
			waits += time.Duration(step.Retry.Times) * step.Retry.Every.High
		}
		longest := time.Duration(0)
		for _, branch := range step.On {
			branchWaits, branchHang := waitsOf(branch)
			longest, hang = max(longest, branchWaits), max(hang, branchHang)
		}
		waits += longest
	}
	return waits, hang
}

// virtualUsers is enough for as many buyers as there can be at once while the shop is slow, and a tenth more. A shop that stands still for
// longer drops buyers, who are counted: below its floor the run is inconclusive. Each costs about 0.1 MB and 0.3 ms at the
// start, whether or not it is ever used.
func virtualUsers(steps []LoadStep, system *System, journeys []JourneyShare, offered int) int {
	wanted := 0.0
	for _, journey := range journeys {
		wanted += journey.Share * busiest(steps, max(system.scriptPatience(), likely(system.Journeys[journey.Name])))
	}
	return min(max(leastVUs, min(offered, int(math.Ceil(wanted))*11/10)), mostVUs)
}

// busiest is the most buyers that arrive within any while of that length. The rate changes at steps only, so that one which
// begins or ends with a step has the most.
func busiest(steps []LoadStep, length time.Duration) float64 {
	most := 0.0
	for _, step := range steps {
		for _, from := range []time.Duration{step.At, step.At + step.For - length} {
			sum := 0.0
			for _, other := range steps {
				shared := min(other.At+other.For, from+length) - max(other.At, from)
				sum += other.PerSecond * max(0, shared).Seconds()
			}
			most = max(most, sum)
		}
	}
	return most
}
