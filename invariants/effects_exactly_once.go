package invariants

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"github.com/paystorm/paystorm/history"
)

// effectsExactlyOnce is I9. An order that the shop could learn of at least twice (two deliveries of its success, or one
// and a query) exercises it. In the books, each declared kind of side effect stands once for an order that ends paid,
// at most once for one that was captured and ended otherwise, and never for one that was not. A row of negative value
// takes an effect back. A row of an order that is in no book and no ledger has no cause.
//
// A sink stands for one effect of payment: whatever a shop sends there for one order carries one key, however often it
// comes, that no other order has, and only paid orders get it. A shop that mails several things declares a sink for each. Two keys prove a second
// effect even where the books were never read. Only to a sink that the system file declares as owed per paid order does
// every paid order have to send something; what is owed is never inferred from the run.
func effectsExactlyOnce() Invariant {
	books := []history.Table{history.TableOrders, history.TableGrants}
	return Invariant{
		ID:        "I9",
		Name:      "side effects happen exactly once",
		Statement: "Side effects happen exactly once per paid order and never for an unpaid one, and effects outside the shop are unique by key.",
		Clauses: []Clause{
			{Name: "no side effect is booked twice", Needs: []history.Table{history.TableGrants}, Judge: ifRead(effects(grantsOnce))},
			{Name: "no side effect of an unpaid order", Needs: books, Judge: settled(effects(grantsPaid))},
			{Name: "no side effect of a paid order is missing", Needs: books, AfterSettle: true, Judge: missing(grantsThere, false)},
			{Name: "no row without an order", Needs: []history.Table{history.TableOrders}, Judge: rowsHaveOrders},
			{Name: "an order uses a coupon once", Needs: []history.Table{history.TableCoupons}, Applies: usesCoupons, Judge: ifRead(eachOrder(couponsOnce))},
			{Name: "an effect outside the shop has one key", Applies: hasSinks, Judge: sinkKeysUnique},
			{Name: "no effect outside the shop for an unpaid order", Needs: []history.Table{history.TableOrders}, Applies: hasSinks, Judge: settled(effects(sinksPaid))},
			{
				Name: "no owed effect outside the shop is missing", Needs: []history.Table{history.TableOrders}, AfterSettle: true,
				Applies: owesEffects, Judge: missing(owedSinks, true),
			},
			{
				Name: "and none comes after the time to settle", Needs: []history.Table{history.TableOrders}, AfterSettle: true,
				Applies: func(run *Run) bool { return readLate(run) && owesEffects(run) },
				Judge:   inTime(owedSent, "what a paid order owes outside the shop came only after the time to settle"),
			},
		},
	}
}

// usesCoupons says whether coupons are any business of the run.
func usesCoupons(run *Run) bool {
	return len(run.Header.Coupons) > 0 || run.Final != nil && len(run.Final.Books.Coupons) > 0
}

// hasSinks says whether there is anything outside the shop that could be sent to.
func hasSinks(run *Run) bool {
	return len(run.Header.System.Sinks) > 0 || slices.ContainsFunc(run.Events, func(e history.Event) bool { return e.Kind == history.SinkReceived })
}

// owesEffects says whether each paid order has to send something outside the shop.
func owesEffects(run *Run) bool { return len(run.Header.System.OwedSinks) > 0 }

// effects is a law that asks every order what of its effects is wrong, and counts the captured ones.
func effects(wrong func(*Run, *Story) []wrongEffect) Law {
	return eachOrder(func(j *judging, story *Story) { j.effects(story, wrong(j.run, story)) })
}

func (j *judging) effects(story *Story, wrong []wrongEffect) {
	if story.firstCapture() != nil {
		j.Evaluated++
		j.Exercised += one(learnable(story) >= 2 || story.effectFailed())
	}
	for _, effect := range wrong {
		j.fail(effect.violation(story))
	}
}

// missing is effects for what a paid order should have and has not, which proves nothing before the shop had the time to do
// it.
func missing(wrong func(*Run, *Story) []wrongEffect, outside bool) Law {
	return eachSettled(func(j *judging, story *Story) {
		effects := wrong(j.run, story)
		switch {
		case len(effects) == 0:
		case !j.bound.over(story.paidSince()):
			j.skip("an effect is missing of an order that is not known to have been paid in the shop for long", story)
			effects = nil
		case outside && j.bound.open:
			j.skip("an effect outside the shop is missing, and a fault stood until the books were read", story)
			effects = nil
		}
		j.effects(story, effects)
	})
}

// effectFailed says whether an effect outside the shop was refused, or taken without an answer: the shop has to send it again.
func (s *Story) effectFailed() bool {
	return len(s.Tried) > 0 || slices.ContainsFunc(s.Sunk, func(event *history.Event) bool { return event.Outcome == history.Unknown })
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

// standing is how many effects of a kind the books have of the order, less those taken back.
func standing(story *Story, kind string) int64 {
	count := int64(0)
	for _, grant := range story.Grants {
		switch {
		case grant.Kind != kind:
		case grant.Value < 0:
			count--
		default:
			count++
		}
	}
	return count
}

// grantsWrong is one wrong effect for each declared kind of which the question has a pattern.
func grantsWrong(run *Run, story *Story, pattern func(kind string, standing int64) string) []wrongEffect {
	var wrong []wrongEffect
	for _, kind := range run.Header.System.Grants {
		count := standing(story, kind)
		text := pattern(kind, count)
		if text == "" {
			continue
		}
		effect := wrongEffect{pattern: text, detail: fmt.Sprintf("%s booked %d times", kind, count)}
		if count != 0 {
			effect.evidence = []Evidence{effectRow(run, history.TableGrants, story.Order)}
		}
		wrong = append(wrong, effect)
	}
	return wrong
}

// effectRow is an order's row of a table in the final reading, as evidence.
func effectRow(run *Run, table history.Table, order string) Evidence {
	return readingEvidence(run.Final) + Evidence("/"+string(table)+"/"+order)
}

func grantsOnce(run *Run, story *Story) []wrongEffect {
	return grantsWrong(run, story, func(kind string, standing int64) string {
		switch {
		case run.Has(history.TableOrders) && (unpaid(run, story) || story.uncaused()) && standing > 0: // which is worse, and told there
			return ""
		case standing > 1:
			return "side effect more than once: " + kind
		case standing < 0:
			return "side effect taken back more often than it happened: " + kind
		default:
			return ""
		}
	})
}

func grantsPaid(run *Run, story *Story) []wrongEffect {
	return grantsWrong(run, story, func(kind string, standing int64) string {
		if standing > 0 && unpaid(run, story) && !story.uncaused() {
			return "side effect of an order that was never paid: " + kind
		}
		return ""
	})
}

func grantsThere(run *Run, story *Story) []wrongEffect {
	return grantsWrong(run, story, func(kind string, standing int64) string {
		if standing == 0 && paidForGoods(story) {
			return "side effect of a paid order is missing: " + kind
		}
		return ""
	})
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

// uncaused is an order that only rows of the shop's other tables name: no buyer, no book of orders and no ledger knows it.
func (s *Story) uncaused() bool {
	return s.Row == nil && len(s.Ops)+len(s.Payments)+len(s.Earlier)+len(s.Requests)+len(s.Deliveries)+len(s.Sunk) == 0
}

// rowsHaveOrders finds side effects and uses of coupons of orders that do not exist, and refunds of nothing at all;
// those of an order that does not exist I3 compares with the channel. What stood in the books before the run, and what the
// warm-up made, is not part of it. An effect that names no order cannot be judged.
func rowsHaveOrders(run *Run) Fold {
	if run.Final == nil {
		return finished(notRead())
	}
	law := eachOrder(func(j *judging, story *Story) {
		j.Evaluated += len(story.Grants) + len(story.Coupons)
		if story.uncaused() {
			j.fail(uncausedRows(run, story)...)
		}
	})
	return law(run).then(func(found *Finding) {
		nameless := map[history.Table]int{}
		for _, row := range run.strays {
			if row.table != history.TableRefunds {
				nameless[row.table]++
				continue
			}
			found.Evaluated++
			found.Violations = append(found.Violations, Violation{
				Pattern: "refund in the books of no order and no payment", Net: row.amount, Gross: row.amount, Bearer: BearerMerchant,
				Evidence: []Evidence{readingEvidence(run.Final) + Evidence("/refunds/")}, Detail: row.detail, Since: run.Final.Begin,
			})
		}
		found.Exercised = len(found.Violations)
		for _, table := range sortedKeys(nameless) {
			found.Unjudged = append(found.Unjudged, fmt.Sprintf("%s of the table %s name no order", countOf(nameless[table], "row"), table))
		}
	})
}

// uncausedRows is a violation for each sort of row that the books have of an order that does not exist.
func uncausedRows(run *Run, story *Story) []Violation {
	var found []Violation
	add := func(table history.Table, pattern, detail string) {
		found = append(found, Violation{
			Pattern: pattern, Order: story.Order, Since: run.Final.Begin, Evidence: []Evidence{effectRow(run, table, story.Order)},
			Detail: detail + "; no such order in the shop or at the channel",
		})
	}
	kinds := map[string]bool{}
	for _, grant := range story.Grants {
		if !kinds[grant.Kind] {
			kinds[grant.Kind] = true
			add(history.TableGrants, "side effect of an order that nobody knows: "+grant.Kind, fmt.Sprintf("%s booked %d times", grant.Kind, standing(story, grant.Kind)))
		}
	}
	if len(story.Coupons) > 0 {
		add(history.TableCoupons, "coupon used by an order that nobody knows", "coupon "+story.Coupons[0].Coupon)
	}
	return found
}

func couponsOnce(j *judging, story *Story) {
	uses := map[string]int{}
	for _, use := range story.Coupons {
		uses[use.Coupon]++
	}
	for _, coupon := range sortedKeys(uses) {
		j.Evaluated++
		if uses[coupon] > 1 {
			j.Exercised++
			j.fail(wrongEffect{
				pattern: "coupon used more than once by one order",
				detail:  fmt.Sprintf("coupon %s used %d times", coupon, uses[coupon]),
			}.violation(story))
		}
	}
}

// sinkKeys are the keys under which an order sent to each sink, and the records of it. A sink that it sent to without a
// key has an entry without keys.
func sinkKeys(story *Story) (keys map[string]map[string]bool, records map[string][]Evidence) {
	keys, records = map[string]map[string]bool{}, map[string][]Evidence{}
	for _, event := range story.Sunk {
		if keys[event.State] == nil {
			keys[event.State] = map[string]bool{}
		}
		if event.Key != "" {
			keys[event.State][event.Key] = true
		}
		records[event.State] = append(records[event.State], recordOf(event))
	}
	return keys, records
}

// sinksWrong is one wrong effect for each sink of which the question has a pattern.
func sinksWrong(story *Story, pattern func(sink string, keys int) string) []wrongEffect {
	keys, records := sinkKeys(story)
	var wrong []wrongEffect
	for _, sink := range sortedKeys(keys) {
		if text := pattern(sink, len(keys[sink])); text != "" {
			wrong = append(wrong, wrongEffect{
				pattern: text, evidence: records[sink],
				detail: fmt.Sprintf("%d messages under %d keys at %s", len(records[sink]), len(keys[sink]), sink),
			})
		}
	}
	return wrong
}

func sinkKeysUnique(run *Run) Fold {
	keys := keysAtSinks{first: map[sinkKey]*history.Event{}, shared: map[string]Violation{}, keyless: map[string]bool{}}
	law := eachOrder(func(j *judging, story *Story) {
		j.effects(story, sinksOnce(run, story))
		keys.take(story)
	})
	return law(run).then(func(found *Finding) {
		for _, sink := range sortedKeys(keys.shared) {
			found.Violations = append(found.Violations, keys.shared[sink])
		}
		for _, sink := range sortedKeys(keys.keyless) { // a repeat cannot be told from a second effect
			found.Unjudged = append(found.Unjudged, "effects at the sink "+sink+" carry no key")
		}
		for _, sink := range sortedKeys(run.astray) {
			found.Unjudged = append(found.Unjudged, fmt.Sprintf("%s at the sink %s, and no order to count them for", countOf(run.astray[sink], "effect"), sink))
		}
	})
}

// sinksOnce finds an order's effects under more than one key.
func sinksOnce(run *Run, story *Story) []wrongEffect {
	if unpaid(run, story) { // which is worse, and told elsewhere
		return nil
	}
	return sinksWrong(story, func(sink string, keys int) string {
		if keys > 1 {
			return "effect outside the shop under more than one key: " + sink
		}
		return ""
	})
}

func sinksPaid(run *Run, story *Story) []wrongEffect {
	why := "paid"
	if !unpaid(run, story) {
		if !isOver(story.State()) && story.State() != history.OrderRefunding || !story.neverSold(run.Header.System.Timers) {
			return nil
		}
		why = "sold"
	}
	return sinksWrong(story, func(sink string, _ int) string {
		return "effect outside the shop for an order that was never " + why + ": " + sink
	})
}

// owedSinks finds paid orders that sent nothing to a sink to which each owes one effect.
func owedSinks(run *Run, story *Story) []wrongEffect {
	if !paidForGoods(story) {
		return nil
	}
	keys, _ := sinkKeys(story)
	var wrong []wrongEffect
	for _, sink := range run.Header.System.OwedSinks {
		if keys[sink] == nil {
			wrong = append(wrong, wrongEffect{
				pattern: "effect outside the shop is missing for a paid order: " + sink, detail: "nothing came to " + sink,
			})
		}
	}
	return wrong
}

// sinkKey is one key at one sink.
type sinkKey struct{ sink, key string }

// keysAtSinks are the keys under which orders had effects outside the shop.
type keysAtSinks struct {
	first   map[sinkKey]*history.Event
	shared  map[string]Violation // by sink: one tells enough
	keyless map[string]bool
}

// take finds keys under which several orders had an effect at one sink: whoever takes the second for a repeat of the first drops it.
func (k *keysAtSinks) take(story *Story) {
	for _, event := range story.Sunk {
		if event.Key == "" {
			k.keyless[event.State] = true
			continue
		}
		at := sinkKey{event.State, event.Key}
		before, known := k.first[at]
		if !known {
			k.first[at] = event
			continue
		}
		if _, told := k.shared[event.State]; told || before.Order == event.Order {
			continue
		}
		k.shared[event.State] = Violation{
			Pattern: "effects of different orders outside the shop under one key: " + event.State, Order: story.Order,
			Since: max(before.At, event.At), Evidence: []Evidence{recordOf(before), recordOf(event)},
			Detail: fmt.Sprintf("orders %s and %s under key %s", before.Order, event.Order, event.Key),
		}
	}
}

func sortedKeys[K cmp.Ordered, V any](from map[K]V) []K {
	return slices.Sorted(maps.Keys(from))
}
