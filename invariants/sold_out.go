package invariants

import (
	"cmp"
	"fmt"
	"slices"
	"sort"

	"github.com/paystorm/paystorm/history"
)

// refusedTooEarly finds a "sold out" that nothing explains. When a shop releases units is not known, so the answer is
// wrong only if stock was left even though every order called before it held all that it asked for: those accepted or
// unknown for ever, and those refused for as long as they and the answer were in flight together.
func (s *sku) refusedTooEarly(*Run) []Violation {
	if !slices.ContainsFunc(s.ops, soldOutAnswer) {
		return nil
	}
	taken := newTally(s.ops, func(op history.Op) (history.Time, bool) { return op.Called, op.Outcome != history.Refused })
	begun := newTally(s.ops, func(op history.Op) (history.Time, bool) { return op.Called, op.Outcome == history.Refused })
	over := newTally(s.ops, func(op history.Op) (history.Time, bool) { return op.Returned, op.Outcome == history.Refused })
	unseen := s.unseen()
	for _, op := range s.ops {
		if !soldOutAnswer(op) {
			continue
		}
		wanted := max(1, op.Quantity)
		// The op itself is among those begun, which leaves the units that it wanted counted once.
		most := taken.before(op.Returned) + begun.before(op.Returned) - over.before(op.Called) + unseen - wanted
		if left := s.before.Available - most; left >= wanted {
			return []Violation{{
				Pattern: "told sold out while stock remained", SKU: s.item.SKU, Order: op.Order, Units: left,
				Evidence: []Evidence{opRecord(op)}, Since: op.Returned, Until: op.Returned,
				Detail: fmt.Sprintf("%s: told sold out at %s, when orders could hold at most %d of %d", s.item.SKU,
					seconds(op.Returned), most, s.before.Available),
			}}
		}
	}
	return nil
}

// unseen is the units of orders that no op of ours placed: they may have held stock at any time.
func (s *sku) unseen() int64 {
	units := int64(0)
	for _, story := range s.stories {
		if !slices.ContainsFunc(story.Ops, func(op history.Op) bool { return op.Kind == history.OpOrder }) {
			units += story.Quantity()
		}
	}
	return units
}

// undersold is a line about stock that was left although buyers were sent away.
func (s *sku) undersold(run *Run) string {
	row, read := stockRow(run.Final, s.item.SKU)
	refused := 0
	for _, op := range s.ops {
		if soldOutAnswer(op) {
			refused++
		}
	}
	if !read || row.Available <= 0 || refused == 0 {
		return ""
	}
	return fmt.Sprintf("%s: %s left at the end, although \"sold out\" was answered to %s", s.item.SKU,
		countOf(int(row.Available), "unit"), countOf(refused, "order"))
}

// tally answers how many units were counted before a moment.
type tally struct {
	at  []history.Time
	sum []int64
}

// newTally counts the ops that when answers true for, at the time that it gives.
func newTally(ops []history.Op, when func(history.Op) (history.Time, bool)) tally {
	type step struct {
		at    history.Time
		units int64
	}
	var steps []step
	for _, op := range ops {
		if at, counts := when(op); counts {
			steps = append(steps, step{at, max(1, op.Quantity)})
		}
	}
	slices.SortFunc(steps, func(a, b step) int { return cmp.Compare(a.at, b.at) })
	var t tally
	total := int64(0)
	for _, step := range steps {
		total += step.units
		t.at, t.sum = append(t.at, step.at), append(t.sum, total)
	}
	return t
}

// before is the units counted at or before the moment.
func (t tally) before(moment history.Time) int64 {
	i := sort.Search(len(t.at), func(i int) bool { return t.at[i] > moment })
	if i == 0 {
		return 0
	}
	return t.sum[i-1]
}
