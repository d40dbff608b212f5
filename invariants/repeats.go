package invariants

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/paystorm/paystorm/history"
)

// fewRepeats is how many refusals make a rule of it: any shop may be busy for a moment.
const fewRepeats = 5

// refusesRepeats finds a shop that answers with an error to whatever it has acknowledged before. A message that comes
// while an earlier one is in work may be refused, and so may anything while the shop is in trouble; hence only repeats
// count that were sent after an acknowledgement, and the shop must have refused all of them in a time in which it
// acknowledged as many other messages.
func refusesRepeats(run *Run) (Violation, bool) {
	var refused, fresh []*Delivery
	for _, story := range run.Stories {
		acknowledged := map[string]history.Time{}
		for _, delivery := range inAnswerOrder(story.Deliveries) {
			if delivery.Forgery == history.ForgeryProbe { // which is to be refused, and has the id of the right one
				continue
			}
			first, repeated := acknowledged[delivery.Notification]
			repeated = repeated && first < delivery.Sent.At
			switch {
			case delivery.Outcome() == history.OK && repeated:
				return Violation{}, false
			case delivery.Outcome() == history.OK:
				fresh = append(fresh, delivery)
				if _, known := acknowledged[delivery.Notification]; !known {
					acknowledged[delivery.Notification] = delivery.Answered.At
				}
			case repeated && delivery.Outcome() == history.Refused && delivery.Answered.Status > 0:
				refused = append(refused, delivery)
			}
		}
	}
	if len(refused) < fewRepeats {
		return Violation{}, false
	}
	refused = inAnswerOrder(refused)
	first, last := refused[0].Answered.At, refused[len(refused)-1].Answered.At
	meanwhile := 0
	for _, delivery := range fresh {
		meanwhile += one(delivery.Answered.At >= first && delivery.Answered.At <= last)
	}
	if meanwhile < fewRepeats {
		return Violation{}, false
	}
	violation := Violation{
		Pattern: "whatever was acknowledged is refused when it comes again", Since: first, Until: last,
		Detail: fmt.Sprintf("%d messages refused that had been acknowledged, none accepted, while %d others were; the last with status %d",
			len(refused), meanwhile, refused[len(refused)-1].Answered.Status),
	}
	for _, delivery := range refused[:fewRepeats] {
		violation.Evidence = append(violation.Evidence, recordOf(delivery.Answered))
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
