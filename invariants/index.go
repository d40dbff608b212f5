package invariants

import (
	"cmp"
	"iter"
	"slices"

	"github.com/paystorm/paystorm/history"
)

// newRun indexes a history. What lies beyond the horizon of a damaged history is left out, because one writer's silence
// there would look like another's lie: a buyer told "paid" whose capture was never flushed.
func newRun(h *history.History) *Run {
	run := &Run{History: within(h), phases: map[string]span{}, astray: map[string]int{}}
	run.takePhases()
	run.takeReadings()
	run.SettleBegin, _, _ = run.PhaseAt(history.PhaseSettle)
	_, _, stormed := run.PhaseAt(history.PhaseStorm)
	run.rehearsed = run.Final != nil && !stormed
	index := newIndex(run)
	run.index = index
	index.joinOps()
	index.joinEvents()
	index.joinBooks()
	run.Stories = index.sorted()
	run.skus = skusOf(run)
	return run
}

// within is the history up to its horizon, in time order. The caller's value is not changed.
func within(h *history.History) *history.History {
	cut := *h
	horizon, whole := h.Horizon(), h.Complete()
	if !whole {
		cut.Ops = nil
		for _, op := range h.Ops { // a copy: the caller's stays as it is
			if op.Called > horizon {
				continue
			}
			if op.Returned > horizon { // the answer is not known to this history yet
				op.Returned, op.Outcome, op.Reason, op.State = 0, history.Unknown, "", ""
			}
			cut.Ops = append(cut.Ops, op)
		}
		cut.Events = nil
		for event := range each(h.Events) {
			if event.At <= horizon || event.Kind == history.HarnessErr { // which says nothing of the shop, and why the run ended
				cut.Events = append(cut.Events, *event)
			}
		}
		cut.Readings = nil
		for reading := range each(h.Readings) {
			if reading.End <= horizon {
				cut.Readings = append(cut.Readings, *reading)
			}
		}
	}
	cut.Ops = inOrder(cut.Ops, func(a, b *history.Op) int {
		return cmp.Or(cmp.Compare(a.Called, b.Called), cmp.Compare(a.Writer, b.Writer), cmp.Compare(a.Seq, b.Seq))
	})
	cut.Events = inOrder(cut.Events, func(a, b *history.Event) int {
		return cmp.Or(cmp.Compare(a.At, b.At), cmp.Compare(a.Writer, b.Writer), cmp.Compare(a.Seq, b.Seq))
	})
	cut.Readings = inOrder(cut.Readings, func(a, b *history.Reading) int {
		return cmp.Or(cmp.Compare(a.Begin, b.Begin), cmp.Compare(a.Writer, b.Writer), cmp.Compare(a.Seq, b.Seq))
	})
	return &cut
}

// inOrder sorts a copy, and only if it must: a history that was read from files is sorted.
func inOrder[T any](list []T, compare func(a, b *T) int) []T {
	for i := 1; i < len(list); i++ {
		if compare(&list[i-1], &list[i]) > 0 {
			list = slices.Clone(list)
			slices.SortStableFunc(list, func(a, b T) int { return compare(&a, &b) })
			break
		}
	}
	return list
}

// each goes through a list without copying its values, which are large: what the judge keeps of a history points into it.
func each[T any](list []T) iter.Seq[*T] {
	return func(yield func(*T) bool) {
		for i := range list {
			if !yield(&list[i]) {
				return
			}
		}
	}
}

// takePhases notes when each phase began and ended, the last time if it did more than once.
func (r *Run) takePhases() {
	for event := range each(r.Events) {
		if event.Source != history.SourcePhase {
			continue
		}
		at := r.phases[event.State]
		switch event.Kind {
		case history.PhaseBegin:
			at.begin, at.began = event.At, true
		case history.PhaseEnd:
			at.end = event.At
		}
		r.phases[event.State] = at
	}
}

// takeReadings tells the readings apart. A final reading that never came to rest, or that was taken of a world in which
// a fault was still at work or the harness had failed, is one more snapshot and proves nothing about the end.
func (r *Run) takeReadings() {
	for i := range r.Readings {
		reading := &r.Readings[i]
		switch reading.Label {
		case history.ReadingBaseline:
			r.Baseline = reading
		case history.ReadingCheckpoint:
			r.Checkpoints = append(r.Checkpoints, *reading)
		case history.ReadingFinal:
			if r.Final != nil {
				r.Checkpoints = append(r.Checkpoints, *r.Final)
			}
			r.Final = reading
		}
	}
	if r.Final != nil && (!r.Final.Agreed || r.spoiltBefore(r.Final.End)) {
		r.Checkpoints = append(r.Checkpoints, *r.Final)
		r.Final = nil
	}
}

// spoiltBefore says whether the harness failed or a fault would not heal before t.
func (r *Run) spoiltBefore(t history.Time) bool {
	for event := range each(r.Events) {
		if event.At <= t && (event.Kind == history.HarnessErr || event.Kind == history.FaultHealFailed) {
			return true
		}
	}
	return false
}

// index joins what different sources say of one order: by its number, by the client reference, by a payment's id.
type index struct {
	run       *Run
	byOrder   map[string]*Story
	byRef     map[string]*Story // the first order of a reference; a double click may have made a second
	byPayment map[string]*Payment
	orderOf   map[string]string // payment → order
	numbers   map[string]string // the number under which the channel knows a payment → order, where that is another
	items     map[string]*history.Item
	terms     *terms
	foreign   map[string]bool // orders of the warm-up and of the time before the run
	warmRefs  map[string]bool
	all       []*Story
}

func newIndex(run *Run) *index {
	x := &index{
		run: run, byOrder: map[string]*Story{}, byRef: map[string]*Story{}, byPayment: map[string]*Payment{},
		orderOf: map[string]string{}, numbers: map[string]string{}, foreign: map[string]bool{}, warmRefs: map[string]bool{},
		terms: termsOf(run),
	}
	x.items = x.terms.onSale
	x.findForeign()
	x.findNumbers()
	return x
}

// findForeign collects what is not part of the sale. A reference that the storm uses too is the storm's.
func (x *index) findForeign() {
	if x.run.Baseline != nil {
		for _, row := range x.run.Baseline.Books.Orders {
			x.foreign[row.Order] = true
		}
		for _, row := range x.run.Baseline.Books.Grants {
			x.foreign[row.Order] = true
		}
		for _, row := range x.run.Baseline.Books.Coupons {
			x.foreign[row.Order] = true
		}
		for _, row := range x.run.Baseline.Books.Refunds {
			x.foreign[row.Order] = true
		}
	}
	for op := range each(x.run.Ops) {
		if x.run.warmUp(op) {
			x.warmRefs[op.Ref] = true
			x.foreign[op.Order] = true
		}
	}
	for op := range each(x.run.Ops) {
		if !x.run.warmUp(op) {
			delete(x.warmRefs, op.Ref)
		}
	}
	for i := range x.run.Readings {
		for _, row := range x.run.Readings[i].Books.Orders {
			if row.SKU != "" && row.SKU == x.run.Header.WarmUpSKU && !x.run.rehearsed {
				x.foreign[row.Order] = true
			}
		}
	}
	for op := range each(x.run.Ops) { // a number that a shop gives out again, or an order that it books under another item
		if op.Kind == history.OpOrder && op.Outcome == history.OK && op.Phase == history.PhaseStorm && !x.run.warmUp(op) {
			delete(x.foreign, op.Order)
		}
	}
	delete(x.foreign, "")
	delete(x.warmRefs, "")
}

// findNumbers learns every order's number and reference first, so that what knows only one of them finds its order
// whenever it happened.
func (x *index) findNumbers() {
	for op := range each(x.run.Ops) {
		if op.Order != "" && !x.run.warmUp(op) {
			x.know(op.Order, op.Ref)
			if op.Payment != "" {
				x.orderOf[op.Payment] = op.Order
			}
		}
	}
	for i := range x.run.Readings {
		for _, row := range x.run.Readings[i].Books.Orders {
			x.know(row.Order, row.Ref)
		}
		for _, row := range x.run.Readings[i].Books.Payments {
			if row.Number != "" && row.Number != row.Order && row.Order != "" {
				x.numbers[row.Number] = row.Order
			}
		}
	}
	for event := range each(x.run.Events) {
		if event.Source == history.SourceChannel && event.Order != "" {
			x.know(event.Order, event.Ref)
			if event.Payment != "" {
				x.orderOf[event.Payment] = x.orderNumber(event.Order, event.Ref)
			}
		}
	}
}

// orderNumber is the shop's number of what the channel knows under a number. Some providers want a number of its own for
// each payment: then the shop's payments tell whose it is, and where they were not read, the client reference does.
func (x *index) orderNumber(number, ref string) string {
	if order, known := x.numbers[number]; known {
		return order
	}
	guess := x.run.Header.System.NumberPerPayment && len(x.numbers) == 0 && ref != ""
	if _, known := x.byOrder[number]; !known && guess {
		if story := x.byRef[ref]; story != nil && story.Order != "" {
			return story.Order
		}
	}
	return number
}

// OrderNumbers is the judge's word on which of the shop's orders is meant by a number at the channel, and by the client reference beside
// it, if there is one.
func OrderNumbers(h *history.History) func(number, ref string) string {
	return newRun(h).index.orderNumber
}

// know finds or begins the story of an order number. It answers nil for an order that is not part of the sale.
func (x *index) know(order, ref string) *Story {
	if order == "" {
		return x.unnumbered(ref)
	}
	order = x.orderNumber(order, ref)
	story := x.byOrder[order]
	if story == nil {
		if x.foreign[order] || x.warmRefs[ref] {
			return nil
		}
		story = &Story{Order: order, terms: x.terms}
		x.byOrder[order] = story
		x.all = append(x.all, story)
	}
	if story.Ref == "" && ref != "" {
		story.Ref = ref
		if parsed, err := history.ParseRef(ref); err == nil {
			story.Buyer = parsed.Buyer
		}
		if first := x.byRef[ref]; first == nil || first.Order > order {
			x.byRef[ref] = story
		}
	}
	return story
}

// unnumbered is the story of which only the client reference is known.
func (x *index) unnumbered(ref string) *Story {
	if ref == "" || x.warmRefs[ref] {
		return nil
	}
	if story := x.byRef[ref]; story != nil {
		return story
	}
	story := &Story{Ref: ref, terms: x.terms}
	if parsed, err := history.ParseRef(ref); err == nil {
		story.Buyer = parsed.Buyer
	}
	x.byRef[ref] = story
	x.all = append(x.all, story)
	return story
}

// find is the story that a record belongs to, by whatever it knows.
func (x *index) find(order, ref, payment string) *Story {
	if order == "" && payment != "" {
		order = x.orderOf[payment]
	}
	return x.know(order, ref)
}

func (x *index) sorted() []*Story {
	for _, story := range x.all {
		if story.Item == nil && len(x.run.Header.Sale) == 1 && story.sku() == "" {
			story.Item = &x.run.Header.Sale[0] // there was nothing else to order
		}
		slices.SortStableFunc(story.Payments, func(a, b *Payment) int { return cmp.Compare(a.Created.At, b.Created.At) })
	}
	slices.SortFunc(x.all, func(a, b *Story) int {
		if (a.Order == "") != (b.Order == "") {
			return cmp.Compare(b.Order, a.Order)
		}
		return cmp.Or(cmp.Compare(a.Order, b.Order), cmp.Compare(a.Ref, b.Ref))
	})
	return x.all
}
