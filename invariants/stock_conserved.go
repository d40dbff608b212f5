package invariants

import (
	"fmt"
	"math/bits"
	"slices"
	"time"

	"github.com/paystorm/paystorm/history"
	"github.com/paystorm/paystorm/money"
)

// stockConserved is I4. A SKU that sold out, of which units were released, or for which two orders were in flight at once, exercises
// it. Every snapshot must add up in itself and hold no more bought units than there were; at rest the books must also hold exactly
// what the orders hold. Tables that were not read in one snapshot are compared at rest alone. What a refunded, refunding or reviewed
// order still holds is the shop's to decide, unless it declares that refunded units go back on sale or the order never was sold.
func stockConserved() Invariant {
	stock, orders := history.TableStock, history.TableOrders
	return Invariant{
		ID:        "I4",
		Name:      "stock is conserved",
		Statement: "Per SKU, initial stock = available + reserved + sold + written off, none below 0; no more units are bought than there were; a reservation ends once, as sold or released.",
		Clauses: []Clause{
			{Name: "the stock adds up", Needs: []history.Table{stock}, Judge: judgeStock(stockAddsUp)},
			{Name: "no more units are bought than there were", Needs: []history.Table{orders}, Judge: judgeStock(stockBought)},
			{Name: "no more units are told paid than there were", Judge: judgeStock(stockToldPaid)},
			{Name: "at rest the stock holds what the orders hold", Needs: []history.Table{stock, orders}, Judge: judgeStock(stockAtRest)},
			{Name: "sold out is told when it is", Judge: judgeStock(stockSoldOut)},
		},
	}
}

// stockLaw names a clause of I4.
type stockLaw int

// The clauses, in the order in which one tells of a case that several see.
const (
	stockAddsUp stockLaw = iota
	stockBought
	stockToldPaid
	stockAtRest
	stockSoldOut
)

// judgeStock asks one clause of every SKU.
func judgeStock(law stockLaw) Law {
	return ofTheRun(func(run *Run) Finding {
		found := Finding{}
		for _, item := range run.skus {
			found.Evaluated++
			wrong := item.wrong(run)[law]
			found.Exercised += one(item.soldOut || item.concurrent || item.released || len(wrong) > 0)
			found.Violations = append(found.Violations, wrong...)
			if law == stockSoldOut {
				found.Pending = append(found.Pending, item.undersold(run)...)
			}
			if law == stockAddsUp {
				found.Pending = append(found.Pending, item.restless(run)...)
			}
			if _, read := stockRow(run.Final, item.item.SKU); law == stockAddsUp && item.known && run.Has(history.TableStock) && !read {
				found.Unjudged = append(found.Unjudged, fmt.Sprintf("the stock of %s is gone from the books", item.item.SKU))
			}
			if (law == stockAddsUp || law == stockAtRest) && run.Final != nil && !item.known {
				found.Unjudged = append(found.Unjudged, fmt.Sprintf("the stock of %s was not read before the run", item.item.SKU))
			}
		}
		if run.Final == nil {
			found.Unjudged = append(found.Unjudged, "the stock was never read at rest")
		}
		if nameless := namelessOrders(run); nameless > 0 && (law == stockAtRest || law == stockBought) {
			found.Unjudged = append(found.Unjudged, fmt.Sprintf("of %s it is not known what was ordered", countOf(nameless, "order")))
		}
		return found
	})
}

// namelessOrders counts orders in the books of which nothing says what they are for.
func namelessOrders(run *Run) int {
	count := 0
	for _, story := range run.Stories {
		if story.Row != nil && story.Item == nil && story.sku() == "" {
			count++
		}
	}
	return count
}

// sku is one item on sale with what everybody did to it.
type sku struct {
	item       *history.Item
	before     history.StockRow // in the baseline
	known      bool             // the baseline has it
	initial    int64            // units that may be sold in the run
	all        map[string]*sku  // on sale
	ops        []*history.Op    // orders of it, by call
	stories    []*Story
	longest    time.Duration // of the shop's timers
	tallies    *tallies      // see heldAt
	judged     map[stockLaw][]Violation
	soldOut    bool
	concurrent bool
	released   bool
}

// skusOf are the items on sale. Only I4 asks them, and may leave with them what it worked out.
func skusOf(run *Run) []*sku {
	all := map[string]*sku{}
	var skus []*sku
	for i := range run.Header.Sale {
		item := newSKU(run, &run.Header.Sale[i], all)
		all[item.item.SKU] = item
		skus = append(skus, item)
	}
	return skus
}

func newSKU(run *Run, item *history.Item, all map[string]*sku) *sku {
	s := &sku{item: item, all: all, before: history.StockRow{SKU: item.SKU, Available: item.Stock}}
	if row, read := stockRow(run.Baseline, item.SKU); read {
		s.before, s.known = row, true
	}
	s.initial = s.before.Available + s.before.Reserved
	for _, story := range run.Stories {
		if story.Units(item.SKU) > 0 {
			s.stories = append(s.stories, story)
			s.released = s.released || story.released(run)
		}
	}
	busy := history.Time(0)
	for op := range each(run.Ops) {
		if op.Kind != history.OpOrder || op.Units(item.SKU) == 0 || run.warmUp(op) {
			continue
		}
		s.concurrent = s.concurrent || op.Called < busy
		busy = max(busy, op.Returned)
		s.soldOut = s.soldOut || soldOutAnswer(op) && len(op.More) == 0
		s.ops = append(s.ops, op)
	}
	if row, read := stockRow(run.Final, item.SKU); read {
		s.soldOut = s.soldOut || row.Available <= 0
	}
	return s
}

// released says that the order was accepted and its units went back on sale.
func (s *Story) released(run *Run) bool {
	if acceptedBy(s) == nil {
		return false
	}
	return s.State() == history.OrderClosed || s.State() == history.OrderRefunded && run.Header.System.Legal.RestockRefunds
}

// wrong is what is wrong with the SKU, by the clause that tells it. What several clauses see in one reading is told by the one that
// sees the most units of it; the others stand in its details.
func (s *sku) wrong(run *Run) map[stockLaw][]Violation {
	if s.judged != nil {
		return s.judged
	}
	s.judged = map[stockLaw][]Violation{}
	at := map[history.Time]stockLaw{}
	for law, judge := range []func(*Run) []Violation{stockAddsUp: s.unbalanced, stockBought: s.oversold, stockToldPaid: s.overpromised, stockAtRest: s.atRest} {
		for _, violation := range judge(run) {
			law, before := stockLaw(law), s.judged[at[violation.Since]]
			_, told := at[violation.Since]
			switch {
			case !told:
			case before[0].Units >= violation.Units:
				before[0].Detail += "; " + also(violation)
				continue
			default:
				violation.Detail += "; " + also(before[0])
				delete(s.judged, at[violation.Since])
			}
			at[violation.Since] = law
			s.judged[law] = append(s.judged[law], violation)
		}
	}
	if len(s.judged) == 0 { // units that are not where they belong may be why somebody was sent away
		s.judged[stockSoldOut] = s.refusedTooEarly(run)
	}
	return s.judged
}

func also(v Violation) string {
	return fmt.Sprintf("%s (%s)", v.Pattern, countOf(int(v.Units), "unit"))
}

func soldOutAnswer(op *history.Op) bool {
	return op.Outcome == history.Refused && op.Reason == history.ReasonSoldOut
}

// imbalance says how a snapshot of the stock does not add up, and by how many units.
func (s *sku) imbalance(row history.StockRow) (pattern string, units int64) {
	total := s.before.Available + s.before.Reserved + s.before.Sold + s.before.WrittenOff
	sum := row.Available + row.Reserved + row.Sold + row.WrittenOff
	switch {
	case row.Reserved < 0:
		return "released more often than reserved", -row.Reserved
	case row.Available < 0:
		return "more units given away than there were: fewer than 0 are available", -row.Available
	case row.Sold < 0, row.WrittenOff < 0:
		return "taken back more often than sold", -min(row.Sold, row.WrittenOff)
	case sum > total:
		return "stock appeared from nowhere", sum - total
	case sum < total:
		return "stock vanished", total - sum
	default:
		return "", 0
	}
}

// unbalanced finds the snapshot that adds up the least, the first of them if several do. What was in order again at rest has cost
// nobody anything. A checkpoint that does not have the orders of the same moment may lack what is on its way between the two.
func (s *sku) unbalanced(run *Run) []Violation {
	var worst *Violation
	for i := range run.Readings {
		reading := &run.Readings[i]
		row, read := stockRow(reading, s.item.SKU)
		if !read || !s.known || reading.Label == history.ReadingBaseline || !atomic(run, reading) {
			continue
		}
		pattern, units := s.imbalance(row)
		if pattern == "" || worst != nil && worst.Units >= units {
			continue
		}
		violation := s.violation(reading, pattern, units, fmt.Sprintf("%d in all before the run; %s",
			s.before.Available+s.before.Reserved+s.before.Sold+s.before.WrittenOff, stockWords(row)))
		worst = &violation
	}
	if worst == nil {
		return nil
	}
	if row, read := stockRow(run.Final, s.item.SKU); read && worst.Since < run.Final.Begin {
		if pattern, _ := s.imbalance(row); pattern == "" {
			worst.Net.Minor, worst.Until = 0, run.Final.Begin
		}
	}
	return []Violation{*worst}
}

// atomic says that the reading is one moment of stock and orders, or that nothing moved while it was made.
func atomic(run *Run, reading *history.Reading) bool {
	return reading == run.Final || run.Final != nil && reading.Begin == run.Final.Begin || reading.Together(history.TableStock, history.TableOrders)
}

// restless is a line about checkpoints that did not add up, and need not.
func (s *sku) restless(run *Run) []string {
	count := 0
	for i := range run.Checkpoints {
		row, read := stockRow(&run.Checkpoints[i], s.item.SKU)
		if !read || !s.known || atomic(run, &run.Checkpoints[i]) {
			continue
		}
		if pattern, _ := s.imbalance(row); pattern != "" {
			count++
		}
	}
	if count == 0 {
		return nil
	}
	return []string{fmt.Sprintf("%s: the stock did not add up in %s, which did not have the orders of the same moment", s.item.SKU,
		countOf(count, "checkpoint"))}
}

// oversold finds the snapshot with the most units bought beyond what there were.
func (s *sku) oversold(run *Run) []Violation {
	var worst []Violation
	take := func(reading *history.Reading, units int64) {
		if units <= s.initial || len(worst) > 0 && worst[0].Units >= units-s.initial {
			return
		}
		worst = []Violation{s.violation(reading, "more units bought than there were", units-s.initial,
			fmt.Sprintf("%d units, %d bought", s.initial, units))}
	}
	for i := range run.Checkpoints {
		units := int64(0)
		for _, story := range s.stories {
			for _, row := range story.Earlier {
				if row.Begin == run.Checkpoints[i].Begin && effective(row.Row.State) {
					units += row.units(story, s.item.SKU)
				}
			}
		}
		take(&run.Checkpoints[i], units)
	}
	if run.Has(history.TableOrders) {
		take(run.Final, s.holdings(run.Header.System.Timers).bought)
	}
	return worst
}

// overpromised finds more units told to be paid, and never given back, than there were.
func (s *sku) overpromised(run *Run) []Violation {
	if run.Final == nil {
		return nil
	}
	promised := int64(0)
	for _, story := range s.stories {
		if story.promised(run) {
			promised += story.Units(s.item.SKU)
		}
	}
	if promised <= s.initial {
		return nil
	}
	return []Violation{s.violation(run.Final, "more units told paid than there were", promised-s.initial,
		fmt.Sprintf("%d units, %d told to be paid and never given back", s.initial, promised))}
}

// units is how many units of the SKU the order was then of. A row that names no SKU is of the story's only one.
func (r EarlierRow) units(story *Story, sku string) int64 {
	if len(r.Booked) > 1 {
		return unitsOf(r.Booked, sku)
	}
	if lines := story.Lines(); len(lines) > 1 {
		return unitsOf(lines, sku)
	}
	return max(1, r.Row.Quantity)
}

// promised says that a buyer was told "paid" and neither the books nor the ledger took it back since. Books that were not read
// take nothing back.
func (s *Story) promised(run *Run) bool {
	given := s.Row == nil && !run.Has(history.TableOrders) || s.Row != nil &&
		(effective(s.Row.State) || s.Row.State == history.OrderPending || s.Row.State == history.OrderClosed)
	sum := s.balance()
	return given && sum.refunded+sum.pending == 0 && slices.ContainsFunc(s.Ops, tellsPaid)
}

// holdings are the units that orders hold in the final books.
type holdings struct {
	bought  int64 // paid or shipped: sold
	waiting int64 // pending: reserved
	given   int64 // refunded, as orders or as lines of one: still sold, or restocked
	open    int64 // refunding, in review or paid back in part: sold, reserved or free
}

func (s *sku) holdings(timers history.Timers) holdings {
	var held holdings
	for _, story := range s.stories {
		quantity := story.Units(s.item.SKU)
		switch story.State() {
		case history.OrderPaid, history.OrderShipped:
			ended := min(quantity, unitsOf(story.Ended, s.item.SKU))
			back := story.paidBack(s.item, quantity-ended)
			held.bought += quantity - ended - back
			held.given += ended
			held.open += back
		case history.OrderPending:
			held.waiting += quantity
		case history.OrderRefunded:
			if !story.neverSold(timers) {
				held.given += quantity
			}
		case history.OrderRefunding, history.OrderReview:
			held.open += quantity
		default:
		}
	}
	return held
}

// paidBack is how many whole units of an order that the shop keeps were refunded beside the lines that have ended, so that the shop may
// have them back.
func (s *Story) paidBack(item *history.Item, quantity int64) int64 {
	sum, listed := s.balance(), s.listed().Minor
	given := sum.refunded + sum.pending - max(0, sum.captured-s.Due().Minor) - s.terms.costOf(s.Ended).Minor
	if given <= 0 || listed <= 0 {
		return 0
	}
	high, low := bits.Mul64(uint64(sum.captured), uint64(item.Price.Minor))
	if high >= uint64(listed) {
		return 0
	}
	if unit, _ := bits.Div64(high, low, uint64(listed)); unit > 0 { // its share of what was paid
		return min(quantity, given/int64(unit))
	}
	return 0
}

// neverSold says that the order is known to have ended before its money came, and that nobody saw it sold since: whatever was given
// back, it may hold no sold unit.
func (s *Story) neverSold(timers history.Timers) bool {
	return !slices.ContainsFunc(s.wishes(), wish.promised) && !s.wasBought() && s.firstCapture() != nil && !slices.ContainsFunc(s.Captured(), func(p *Payment) bool {
		how, _ := ended(s, p, timers)
		return how == ""
	})
}

// atRest compares the final stock with what the orders hold. Units that were reserved before the run may since have
// been sold, released or kept.
func (s *sku) atRest(run *Run) []Violation {
	row, read := stockRow(run.Final, s.item.SKU)
	if !read || !s.known || !run.Has(history.TableOrders) || namelessOrders(run) > 0 {
		return nil
	}
	held, old := s.holdings(run.Header.System.Timers), s.before.Reserved
	sold := row.Sold - s.before.Sold
	mayBeSold := held.bought + held.waiting + held.open + old
	if !run.Header.System.Legal.RestockRefunds {
		mayBeSold += held.given
	}
	words := fmt.Sprintf("%s; orders hold %d bought, %d pending, %d refunded, %d refunding or in review",
		stockWords(row), held.bought, held.waiting, held.given, held.open)
	switch writtenOff := row.WrittenOff - s.before.WrittenOff; {
	case writtenOff > held.given+held.open:
		return []Violation{s.violation(run.Final, "units written off that no order explains", writtenOff-held.given-held.open, words)}
	case row.Reserved > held.waiting+held.open+old:
		return []Violation{s.violation(run.Final, "units reserved that no live order holds", row.Reserved-held.waiting-held.open-old, words)}
	case sold > mayBeSold:
		return []Violation{s.violation(run.Final, "units sold that no order bought", sold-mayBeSold, words)}
	case sold+row.Reserved < held.bought:
		return []Violation{s.violation(run.Final, "units bought that the stock does not count as sold", held.bought-sold-row.Reserved, words)}
	case s.reserves(run) && sold+row.Reserved < held.bought+held.waiting:
		return []Violation{s.violation(run.Final, "a payable order whose units are on sale again", held.bought+held.waiting-sold-row.Reserved, words)}
	}
	return nil
}

// reserves says whether the shop was ever seen to keep units for orders that are not paid. One that takes the stock only
// when it is paid holds nothing for a pending order, and need not.
func (s *sku) reserves(run *Run) bool {
	for i := range run.Readings {
		if row, read := stockRow(&run.Readings[i], s.item.SKU); read && row.Reserved > 0 {
			return true
		}
	}
	return false
}

func (s *sku) violation(reading *history.Reading, pattern string, units int64, words string) Violation {
	value := money.Amount{Minor: units * s.item.Price.Minor, Currency: s.item.Price.Currency}
	return Violation{
		Pattern: pattern, SKU: s.item.SKU, Units: units, Net: value, Gross: value, Bearer: BearerMerchant,
		Evidence: []Evidence{readingEvidence(reading) + Evidence("/stock/"+s.item.SKU)}, Since: reading.Begin,
		Detail: fmt.Sprintf("%s: %s", s.item.SKU, words),
	}
}

func stockWords(row history.StockRow) string {
	return fmt.Sprintf("%d available, %d reserved, %d sold, %d written off", row.Available, row.Reserved, row.Sold, row.WrittenOff)
}
