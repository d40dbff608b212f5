package invariants

import (
	"fmt"
	"maps"
	"slices"

	"github.com/paystorm/paystorm/history"
)

// effectsExactlyOnce is I9. An order that the shop could learn of at least twice (two deliveries of its success, or one
// and a query) exercises it. In the books, each declared kind of side effect stands once for an order that ends paid,
// at most once for one that was captured and ended otherwise, and never for one that was not. A row of negative value
// takes an effect back.
//
// A sink stands for one effect of payment: whatever a shop sends there for one order carries one key, however often it
// comes, that no other order has, and only paid orders get it. A shop that mails several things declares a sink for each. Two keys prove a second
// effect even where the books were never read.
func effectsExactlyOnce() Invariant {
	return Invariant{
		ID:        "I9",
		Name:      "side effects happen exactly once",
		Statement: "Side effects happen exactly once per paid order and never for an unpaid one, and effects outside the shop are unique by key.",
		Clauses:   []Clause{{Name: "effects happen once", Needs: []history.Table{history.TableOrders, history.TableGrants}, Judge: judgeEffectsExactlyOnce}},
	}
}

func judgeEffectsExactlyOnce(run *Run) Finding {
	found, skipped := Finding{}, reasons{}
	bound, read := boundOf(run)
	usual := usualSinks(run)
	for _, story := range run.Stories {
		captured := story.firstCapture() != nil
		if captured {
			found.Evaluated++
			if learnable(story) >= 2 {
				found.Exercised++
			}
		}
		wrong := slices.Concat(grantsWrong(run, story), couponsWrong(story), sinksWrong(run, story, usual))
		for _, effect := range wrong {
			if effect.missing && !bound.over(story.paidSince()) {
				skipped.add("an effect is missing of an order that is not known to have been paid in the shop for long", story)
				continue
			}
			found.Violations = append(found.Violations, effect.violation(story))
		}
	}
	found.Violations = append(found.Violations, sharedKeys(run)...)
	found.Unjudged = skipped.lines()
	if !read {
		found.Unjudged = append(found.Unjudged, notRead().Unjudged...)
	}
	for _, sink := range keyless(run) {
		found.Unjudged = append(found.Unjudged, "effects at the sink "+sink+" carry no key")
	}
	return found
}

// learnable is how often the shop had occasion to learn of the order's success.
func learnable(story *Story) int {
	times := 0
	for _, delivery := range story.Deliveries {
		if delivery.genuineSuccess() {
			times++
		}
	}
	first := story.firstCapture()
	for _, request := range story.Requests {
		if request.State == "query" && request.Outcome == history.OK && request.At > first.At {
			times++
		}
	}
	return times
}

// wrongEffect is one effect that stands too often, or not at all.
type wrongEffect struct {
	pattern, detail string
	missing         bool
	evidence        []Evidence
}

func (w wrongEffect) violation(story *Story) Violation {
	evidence := append(slices.Clone(w.evidence), story.moneyEvidence()...)
	since := history.Time(0)
	if capture := story.firstCapture(); capture != nil {
		since = capture.At
	}
	return Violation{
		Pattern: w.pattern, Order: story.Order, Since: since,
		Evidence: append(evidence, story.rowEvidence()...),
		Detail:   w.detail + "; " + story.balance().String() + "; " + story.rowWords(),
	}
}

// grantsWrong judges the side effects in the shop's books, by declared kind.
func grantsWrong(run *Run, story *Story) []wrongEffect {
	if !run.Has(history.TableGrants) {
		return nil
	}
	var wrong []wrongEffect
	for _, kind := range run.Header.System.Grants {
		standing := int64(0)
		for _, grant := range story.Grants {
			switch {
			case grant.Kind != kind:
			case grant.Value < 0:
				standing--
			default:
				standing++
			}
		}
		effect := wrongEffect{detail: fmt.Sprintf("%s booked %d times", kind, standing)}
		if standing != 0 {
			effect.evidence = []Evidence{readingEvidence(run.Final) + Evidence("/grants/"+story.Order)}
		}
		switch {
		case standing > 0 && unpaid(run, story):
			effect.pattern = "side effect of an order that was never paid: " + kind
		case standing > 1:
			effect.pattern = "side effect more than once: " + kind
		case standing < 0:
			effect.pattern = "side effect taken back more often than it happened: " + kind
		case standing == 0 && paidForGoods(story):
			effect.pattern, effect.missing = "side effect of a paid order is missing: "+kind, true
		default:
			continue
		}
		wrong = append(wrong, effect)
	}
	return wrong
}

// unpaid is an order that had to be paid for and never was; what a coupon pays for in full needs no capture, and only
// the books at rest can tell.
func unpaid(run *Run, story *Story) bool {
	return run.Has(history.TableOrders) && story.firstCapture() == nil && !story.free()
}

// paidForGoods is an order that the ledger and the shop agree is paid.
func paidForGoods(story *Story) bool {
	return story.firstCapture() != nil && story.Row != nil && effective(story.Row.State)
}

// couponsWrong judges that an order uses a coupon once.
func couponsWrong(story *Story) []wrongEffect {
	uses := map[string]int{}
	for _, use := range story.Coupons {
		uses[use.Coupon]++
	}
	var wrong []wrongEffect
	for _, coupon := range sortedKeys(uses) {
		if uses[coupon] > 1 {
			wrong = append(wrong, wrongEffect{
				pattern: "coupon used more than once by one order",
				detail:  fmt.Sprintf("coupon %s used %d times", coupon, uses[coupon]),
			})
		}
	}
	return wrong
}

// sinksWrong judges the effects outside the shop.
func sinksWrong(run *Run, story *Story, usual map[string]bool) []wrongEffect {
	keys, records := map[string]map[string]bool{}, map[string][]Evidence{}
	for _, event := range story.Sunk {
		if keys[event.State] == nil {
			keys[event.State] = map[string]bool{}
		}
		if event.Key != "" {
			keys[event.State][event.Key] = true
		}
		records[event.State] = append(records[event.State], recordOf(event))
	}
	var wrong []wrongEffect
	for _, sink := range sortedKeys(keys) {
		effect := wrongEffect{
			detail:   fmt.Sprintf("%d messages under %d keys at %s", len(records[sink]), len(keys[sink]), sink),
			evidence: records[sink],
		}
		switch {
		case unpaid(run, story):
			effect.pattern = "effect outside the shop for an order that was never paid: " + sink
		case len(keys[sink]) > 1:
			effect.pattern = "effect outside the shop under more than one key: " + sink
		default:
			continue
		}
		wrong = append(wrong, effect)
	}
	for _, sink := range run.Header.System.Sinks {
		if usual[sink] && keys[sink] == nil && paidForGoods(story) {
			wrong = append(wrong, wrongEffect{
				pattern: "effect outside the shop is missing for a paid order: " + sink,
				detail:  "nothing came to " + sink, missing: true,
			})
		}
	}
	return wrong
}

// usualSinks are those to which most paid orders send something, so that one that sends nothing has lost it.
func usualSinks(run *Run) map[string]bool {
	paid, reached := 0, map[string]int{}
	for _, story := range run.Stories {
		if !paidForGoods(story) {
			continue
		}
		paid++
		sinks := map[string]bool{}
		for _, event := range story.Sunk {
			sinks[event.State] = true
		}
		for sink := range sinks {
			reached[sink]++
		}
	}
	usual := map[string]bool{}
	for sink, orders := range reached {
		usual[sink] = 2*orders > paid
	}
	return usual
}

// sharedKeys finds keys under which several orders had an effect at one sink: whoever takes the second for a repeat of
// the first drops it. One violation for each sink tells enough.
func sharedKeys(run *Run) []Violation {
	type place struct{ sink, key string }
	first := map[place]*history.Event{}
	found := map[string]Violation{}
	for _, story := range run.Stories {
		for _, event := range story.Sunk {
			at := place{event.State, event.Key}
			before, known := first[at]
			if !known {
				first[at] = event
			}
			if _, told := found[event.State]; told || !known || event.Key == "" || before.Order == event.Order {
				continue
			}
			found[event.State] = Violation{
				Pattern: "effects of different orders outside the shop under one key: " + event.State, Order: story.Order,
				Since: max(before.At, event.At), Evidence: []Evidence{recordOf(before), recordOf(event)},
				Detail: fmt.Sprintf("orders %s and %s under key %s", before.Order, event.Order, event.Key),
			}
		}
	}
	var violations []Violation
	for _, sink := range sortedKeys(found) {
		violations = append(violations, found[sink])
	}
	return violations
}

// keyless lists the sinks at which effects came without a key, so that a repeat cannot be told from a second effect.
func keyless(run *Run) []string {
	sinks := map[string]bool{}
	for _, story := range run.Stories {
		for _, event := range story.Sunk {
			if event.Key == "" {
				sinks[event.State] = true
			}
		}
	}
	return sortedKeys(sinks)
}

func sortedKeys[V any](from map[string]V) []string {
	return slices.Sorted(maps.Keys(from))
}
