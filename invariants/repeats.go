package invariants

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/paystorm/paystorm/history"
)

// fewRepeats is how many refusals make a rule of it: any shop may be busy for a moment.
const fewRepeats = 5

// repeatsAcknowledged finds a shop that answers with an error to whatever it has acknowledged before. A message that comes
// while an earlier one is in work may be refused, and so may anything while the shop is in trouble; hence only repeats
// count that were sent after an acknowledgement, and the shop must have refused all of them in a time in which it
// acknowledged as many other messages.
func repeatsAcknowledged(*Run) Fold {
	var r repeats
	return Fold{Order: r.take, End: func() Finding {
		if violation, refuses := r.violation(); refuses {
			return Finding{Evaluated: 1, Exercised: 1, Violations: []Violation{violation}}
		}
		return Finding{}
	}}
}

// repeats is what became of messages that came again, and of those that came for the first time.
type repeats struct {
	refused  []*history.Event // answers to repeats
	accepted bool             // some repeat was
	fresh    []history.Time   // of first acknowledgements
}

func (r *repeats) take(story *Story) {
	acknowledged := map[string]history.Time{}
	for _, delivery := range inAnswerOrder(story.Deliveries) {
		if delivery.Forgery == history.ForgeryProbe { // which is to be refused, and has the id of the right one
			continue
		}
		first, repeated := acknowledged[delivery.Notification]
		repeated = repeated && first < delivery.Sent.At
		switch {
		case delivery.Outcome() == history.OK && repeated:
			r.accepted = true
		case delivery.Outcome() == history.OK:
			r.fresh = append(r.fresh, delivery.Answered.At)
			if _, known := acknowledged[delivery.Notification]; !known {
				acknowledged[delivery.Notification] = delivery.Answered.At
			}
		case repeated && delivery.Outcome() == history.Refused && delivery.Answered.Status > 0:
			r.refused = append(r.refused, delivery.Answered)
		}
	}
}

func (r *repeats) violation() (Violation, bool) {
	if r.accepted || len(r.refused) < fewRepeats {
		return Violation{}, false
	}
	slices.SortStableFunc(r.refused, func(a, b *history.Event) int { return cmp.Compare(a.At, b.At) })
	last := r.refused[len(r.refused)-1]
	first, meanwhile := r.refused[0].At, 0
	for _, at := range r.fresh {
		meanwhile += one(at >= first && at <= last.At)
	}
	if meanwhile < fewRepeats {
		return Violation{}, false
	}
	violation := Violation{
		Pattern: "whatever was acknowledged is refused when it comes again", Since: first, Until: last.At,
		Detail: fmt.Sprintf("%d messages refused that had been acknowledged, none accepted, while %d others were; the last with status %d",
			len(r.refused), meanwhile, last.Status),
	}
	for _, answered := range r.refused[:fewRepeats] {
		violation.Evidence = append(violation.Evidence, recordOf(answered))
	}
	return violation, true
}

// inAnswerOrder is a copy sorted by when the answers came; what was never answered comes first.
func inAnswerOrder(deliveries []*Delivery) []*Delivery {
	sorted := slices.Clone(deliveries)
	answered := func(d *Delivery) history.Time {
		if d.Answered == nil {
			return 0
		}
		return d.Answered.At
	}
	slices.SortStableFunc(sorted, func(a, b *Delivery) int { return cmp.Compare(answered(a), answered(b)) })
	return sorted
}
