package scenarios

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"
)

// checker collects what is wrong with values that decoded well. Its places come from the tree; for a value built in Go
// there are none.
type checker struct {
	source    *source
	launched  []string            // names that templates may mention of what the shop is started with
	arguments map[string][]string // names of templates that take an argument, and what it may be
	mentioned map[string]bool     // links whose address some template names
	labelled  bool                // each error of an operation begins with its journey and step
	captured  map[string]string   // name → the step that captures it
	forgotten []string            // what some step of the journey captured: it may have been on another way
	errs      Errors
}

func (c *checker) fail(path []any, format string, args ...any) {
	c.failAt(c.source.at(path...), format, args...)
}

func (c *checker) failAt(at place, format string, args ...any) {
	c.errs = append(c.errs, Error{File: at.file, Line: at.line, Column: at.column, Message: fmt.Sprintf(format, args...)})
}

// has says whether the file has the key at all.
func (c *checker) has(path ...any) bool {
	return c.source != nil && c.source.tree.find(path...) != nil
}

// isBlank says whether a value is still to be filled in, which has been reported.
func (c *checker) isBlank(path []any) bool {
	if c.source == nil {
		return false
	}
	_, blank := c.source.tree.find(path...).blank()
	return blank
}

// isScalar is true for a value that could decode as text: one that could not has been reported.
func (c *checker) isScalar(path []any) bool {
	if c.source == nil {
		return true
	}
	found := c.source.tree.find(path...)
	return found != nil && found.isScalar()
}

func at(path ...any) []any { return path }

// under is a path with more at its end, in an array of its own.
func under(path []any, more ...any) []any { return append(slices.Clone(path), more...) }

// warmUpSKU is on sale before the storm, for the warm-up alone. Where orders are of two items there is another, with _2.
const warmUpSKU = "warm-up"

// checkScenario checks what a scenario can be checked for without its system.
func checkScenario(s *Scenario, v Vocabulary) Errors {
	c := &checker{source: s.source}
	c.items(s.Sale.Items)
	c.coupons(s.Sale)
	c.journeyShares(s.Load.Journeys)
	c.faultIDs(s)
	for _, spec := range slices.Concat(s.Faults, s.Payers) {
		c.window(spec)
	}
	for index := 1; index < len(s.Checkpoints); index++ {
		if s.Checkpoints[index] <= s.Checkpoints[index-1] && s.Checkpoints[index] > 0 {
			c.fail(at("checkpoints", index), "checkpoints: %s does not come after %s: want them in order of time",
				s.Checkpoints[index], s.Checkpoints[index-1])
		}
	}
	for _, invariant := range sortedKeys(s.Waive) {
		if path := at("waive", invariant); strings.TrimSpace(s.Waive[invariant]) == "" && c.isScalar(path) {
			c.fail(path, "waive: %s is waived without a reason: want one sentence", invariant)
		}
	}
	for index, invariant := range s.Invariants {
		if slices.Contains(s.Invariants[:index], invariant) {
			c.fail(at("invariants", index), "invariants: %s is in the list twice", invariant)
		}
	}
	c.laws(s.Laws, v)
	return c.errs
}

func (c *checker) items(items []Item) {
	for index, item := range items {
		path := at("sale", "items", index)
		same := func(i Item) bool { return i.SKU == item.SKU && i.SKU != "" }
		if earlier := slices.IndexFunc(items[:index], same); earlier >= 0 {
			c.fail(under(path, "sku"), "sku: %q is item %d already: want each SKU once", item.SKU, earlier)
		}
		if item.SKU == warmUpSKU || item.SKU == warmUpSKU+ofSecond {
			c.fail(under(path, "sku"), "sku: %q is the harness's own, for the warm-up: want another", item.SKU)
		}
		if item.Price.Currency != "" && item.Price.Minor <= 0 {
			c.fail(under(path, "price"), "price: %s is free: want more than 0", item.Price)
		}
	}
}

// coupons checks that each is another, and that an order of any item with it still costs something.
func (c *checker) coupons(sale Sale) {
	for index, coupon := range sale.Coupons {
		path := at("sale", "coupons", index)
		same := func(o Coupon) bool { return o.Code == coupon.Code && o.Code != "" }
		if earlier := slices.IndexFunc(sale.Coupons[:index], same); earlier >= 0 {
			c.fail(under(path, "code"), "code: %q is coupon %d already: want each code once", coupon.Code, earlier)
		}
		off := under(path, "off")
		if coupon.Off.Currency == "" {
			continue // it did not decode
		}
		if coupon.Off.Minor <= 0 {
			c.fail(off, "off: %s takes nothing off: want more than 0", coupon.Off)
		}
		for _, item := range sale.Items {
			switch price := item.Price; {
			case price.Currency == "":
			case price.Currency != coupon.Off.Currency:
				c.fail(off, "off: %s is not in the currency of %s, which costs %s", coupon.Off, item.SKU, price)
			case price.Minor <= coupon.Off.Minor:
				c.fail(off, "off: %s leaves nothing to pay for %s, which costs %s: want less", coupon.Off, item.SKU, price)
			}
		}
	}
}

// journeyShares checks that the shares are a whole, to a tenth of a percent, so that three thirds of 33.3% are.
func (c *checker) journeyShares(shares map[string]Share) {
	if len(shares) == 0 {
		return
	}
	sum := 0.0
	for _, name := range sortedKeys(shares) {
		sum += float64(shares[name])
	}
	if math.Abs(sum-1) > 0.001+1e-9 {
		c.fail(at("load", "journeys"), "journeys: the shares add up to %.4g%%: want 100%%", sum*100)
	}
}

func (c *checker) faultIDs(s *Scenario) {
	seen := map[string]string{}
	var ids []string
	for _, spec := range slices.Concat(s.Faults, s.Payers) {
		if spec.ID == "" {
			continue
		}
		if earlier, twice := seen[spec.ID]; twice {
			c.failAt(spec.at, "%s: the id %q is in use%s: give one of them another, as in id: %s-2",
				spec.Kind, spec.ID, earlier, spec.ID)
			continue
		}
		seen[spec.ID] = ""
		if spec.at.line > 0 {
			seen[spec.ID] = fmt.Sprintf(" by the fault on line %d", spec.at.line)
		}
		ids = append(ids, spec.ID)
	}
	for _, id := range sortedKeys(s.Expect.Affected) {
		path := at("expect", "affected", id)
		if !slices.Contains(ids, id) {
			c.fail(path, "affected: no fault has the id %q: %s", id, choose(id, ids))
		}
		if s.Expect.Affected[id] < 0 {
			c.fail(path, "affected: %d is too small: want at least 0", s.Expect.Affected[id])
		}
	}
	for index, cell := range s.Expect.Cells {
		if path := at("expect", "cells", index, "fault"); cell.Fault != "" && !slices.Contains(ids, cell.Fault) {
			c.fail(path, "fault: no fault has the id %q: %s", cell.Fault, choose(cell.Fault, ids))
		}
	}
}

// window checks what a fault's own keys say about its time.
func (c *checker) window(spec FaultSpec) {
	if length := spec.node.child("for"); length != nil && length.isScalar() && spec.For == 0 {
		c.failAt(length.place, "for: 0 is no time: want more, or no `for` for a fault that lasts until heal")
	}
	if spec.Until == UntilBooks && spec.For > 0 {
		c.failAt(spec.node.at("for"), "for: a fault `until: books` lasts until the books were read: want one of the two")
	}
}

// cross checks a scenario against its system and its resolved load.
type cross struct {
	checker
	scenario *Scenario
	system   *System
	loadEnd  time.Duration
	faults   []Kind
	payers   []Kind
}

// settleMargin is what settle must have beyond the longest timer, for the act that follows it.
const settleMargin = time.Second

func (c *cross) check() Errors {
	name, timer := c.system.Timers.longest()
	if least := timer + settleMargin; time.Duration(c.scenario.Settle) < least {
		c.fail(at("settle"), "settle: %s is too short for a system whose longest timer is %s: %s: want at least %s",
			c.scenario.Settle, name, timer, least)
	}
	for index, checkpoint := range c.scenario.Checkpoints {
		if time.Duration(checkpoint) >= c.loadEnd {
			c.fail(at("checkpoints", index), "checkpoints: %s is beyond the storm: the load ends at %s", checkpoint, c.loadEnd)
		}
	}
	if len(c.scenario.Sale.Coupons) > 0 && len(c.system.SetupCoupons) == 0 {
		c.fail(at("sale", "coupons"), "coupons: the system %s does not say how a coupon is given away: want its setup-coupons", c.system.Name)
	}
	for _, journey := range sortedKeys(c.scenario.Load.Journeys) {
		c.pairs(journey)
		if _, known := c.system.Journeys[journey]; !known && c.system.Script == "" { // a script makes of the name what it likes
			c.fail(at("load", "journeys", journey), "journeys: the system %s has no journey %q: want it there, or other shares, as in --set 'load.journeys={%s: 100%%}' (%s)",
				c.system.Name, journey, c.system.firstJourney(), choose(journey, sortedKeys(c.system.Journeys)))
		}
	}
	for _, spec := range c.scenario.Faults {
		c.fault(spec, c.faults)
	}
	for _, spec := range c.scenario.Payers {
		c.fault(spec, c.payers)
	}
	return c.errs
}

// pairs checks that a journey which orders two items finds two that can be paid together.
func (c *cross) pairs(journey string) {
	if !c.system.pairs(journey) {
		return
	}
	items := c.scenario.Sale.Items
	if len(items) < 2 {
		c.fail(at("load", "journeys", journey), "journeys: %s orders two items at once, and the sale has one", journey)
		return
	}
	for _, item := range items[1:] {
		if first := items[0].Price.Currency; item.Price.Currency != first {
			c.fail(at("load", "journeys", journey), "journeys: %s orders two items at once, and the sale has prices in %s and %s",
				journey, first, item.Price.Currency)
		}
	}
}

func (c *cross) fault(spec FaultSpec, kinds []Kind) {
	found := slices.IndexFunc(kinds, func(k Kind) bool { return k.Name == spec.Kind })
	if found < 0 {
		c.failAt(spec.at, "unknown fault %q: %s", spec.Kind, choose(spec.Kind, names(kinds, kindName)))
		return
	}
	if time.Duration(spec.From) >= c.loadEnd && spec.From > 0 {
		c.failAt(spec.node.at("from"), "from: %s is when the load is over, which ends at %s: want earlier", spec.From, c.loadEnd)
	}
	if link := spec.node.child("link"); link != nil && link.isScalar() && !slices.Contains(c.system.LinkNames(), link.text) {
		c.failAt(link.place, "link: unknown link %q: %s", link.text, choose(link.text, c.system.LinkNames()))
		return
	}
	for _, act := range kinds[found].NeedsActs {
		if _, has := c.system.Acts[act]; !has {
			c.failAt(spec.at, "%s: needs the act %q, which the system %s does not have: want it among the system's acts",
				spec.Kind, act, c.system.Name)
		}
	}
	if err := kinds[found].impossible(spec, c.system); err != nil {
		if !spec.Optional {
			c.refused(spec, fmt.Errorf("%w; leave it out, or let it be `optional: true`", err))
		}
		return
	}
	if fits := kinds[found].Fits; fits != nil {
		c.refused(spec, fits(spec))
	}
	if params, checks := spec.Params.(Checker); checks {
		c.refused(spec, params.Check(*c.system))
	}
}

// refused reports a kind's own error at the key that it names, "only.attempt: …", or at the fault.
func (c *cross) refused(spec FaultSpec, err error) {
	if err == nil {
		return
	}
	where, words := spec.at, strings.FieldsFunc(err.Error(), func(r rune) bool { return strings.ContainsRune(".,: ", r) })
	if len(words) > 0 && spec.node.child(words[0]) != nil {
		where = spec.node.at(words[0])
	}
	c.failAt(where, "%s: %s", spec.Kind, err)
}

// longest names the longest of the timers.
func (t Timers) longest() (name string, length time.Duration) {
	for _, timer := range []struct {
		name   string
		length Duration
	}{
		{"expiry", t.Expiry}, {"query", t.Query}, {"refund", t.Refund}, {"reconcile", t.Reconcile}, {"apply", t.Apply},
	} {
		if time.Duration(timer.length) > length || name == "" {
			name, length = timer.name, time.Duration(timer.length)
		}
	}
	return name, length
}
