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
// unknown for ever, those refused as sold out while they and the answer were in flight together, and those refused for another
// reason for the shop's longest timer more, because a shop of several services answers first and takes back afterwards. Where no
// timer is declared, that may take any time.
func (s *sku) refusedTooEarly(run *Run) []Violation {
	s.longest = run.Header.System.Timers.Longest()
	for _, op := range s.ops {
		if !soldOutAnswer(op) || op.SKU != s.item.SKU { // of several SKUs, the first tells it
			continue
		}
		most, wanted := s.heldAt(op), op.Units(s.item.SKU)
		if left := s.before.Available - most; left >= wanted && !s.otherSoldOut(op) {
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

// otherSoldOut says that one of the other SKUs of the same order may explain the answer.
func (s *sku) otherSoldOut(op *history.Op) bool {
	return slices.ContainsFunc(op.Lines(), func(line history.Line) bool {
		other := s.all[line.SKU]
		return other == nil || other.before.Available-other.heldAt(op) < op.Units(line.SKU)
	})
}

// heldAt is the most units that orders beside the op could hold when it was answered.
func (s *sku) heldAt(op *history.Op) int64 {
	if s.tallies == nil {
		refused := func(op *history.Op) bool { return op.Outcome == history.Refused }
		s.tallies = &tallies{
			taken:  s.tally(func(op *history.Op) (history.Time, bool) { return op.Called, !refused(op) }),
			begun:  s.tally(func(op *history.Op) (history.Time, bool) { return op.Called, refused(op) }),
			over:   s.tally(s.takenBack),
			unseen: s.unseen(),
		}
	}
	t := s.tallies
	// The op itself is among those begun, which leaves the units that it wanted counted once.
	return t.taken.before(op.Returned) + t.begun.before(op.Returned) - t.over.before(op.Called) + t.unseen - op.Units(s.item.SKU)
}

// takenBack is when a refused order is over for certain, and false for one that may never be.
func (s *sku) takenBack(op *history.Op) (history.Time, bool) {
	switch {
	case op.Outcome != history.Refused:
		return 0, false
	case soldOutAnswer(op):
		return op.Returned, true
	default:
		return op.Returned.Add(s.longest), s.longest > 0
	}
}

// tallies are what heldAt adds up, made when they are first needed.
type tallies struct {
	taken, begun, over tally
	unseen             int64
}

// unseen is the units of orders that no op of ours placed: they may have held stock at any time.
func (s *sku) unseen() int64 {
	units := int64(0)
	for _, story := range s.stories {
		if !slices.ContainsFunc(story.Ops, func(op *history.Op) bool { return op.Kind == history.OpOrder }) {
			units += story.Units(s.item.SKU)
		}
	}
	return units
}

// undersold is a line about stock that was left although buyers were sent away.
func (s *sku) undersold(run *Run) []string {
	row, read := stockRow(run.Final, s.item.SKU)
	refused := 0
	for _, op := range s.ops {
		if soldOutAnswer(op) {
			refused++
		}
	}
	if !read || row.Available <= 0 || refused == 0 {
		return nil
	}
	return []string{fmt.Sprintf("%s: %s left at the end, although \"sold out\" was answered to %s", s.item.SKU,
		countOf(int(row.Available), "unit"), countOf(refused, "order"))}
}

// tally answers how many units were counted before a moment.
type tally struct {
	at  []history.Time
	sum []int64
}

// tally counts the units of the ops that when answers true for, at the time that it gives.
func (s *sku) tally(when func(*history.Op) (history.Time, bool)) tally {
	type step struct {
		at    history.Time
		units int64
	}
	var steps []step
	for _, op := range s.ops {
		if at, counts := when(op); counts {
			steps = append(steps, step{at, op.Units(s.item.SKU)})
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
