package invariants

import (
	"fmt"

	"github.com/paystorm/paystorm/history"
	"github.com/paystorm/paystorm/money"
)

// stockConserved is I4. A SKU that sold out, or for which two orders were in flight at once, exercises it. Every
// snapshot must add up in itself and hold no more bought units than there were; at rest the books must also hold exactly
// what the orders hold. What a refunded, refunding or reviewed order still holds is the shop's to decide, unless it
// declares that refunded units go back on sale.
func stockConserved() Invariant {
	return Invariant{
		ID:        "I4",
		Name:      "stock is conserved",
		Statement: "Per SKU, initial stock = available + reserved + sold + written off, none below 0; no more units are bought than there were; a reservation ends once, as sold or released.",
		Clauses:   []Clause{{Name: "stock and orders add up", Needs: []history.Table{history.TableStock, history.TableOrders}, Judge: judgeStockConserved}},
	}
}

func judgeStockConserved(run *Run) Finding {
	found := Finding{}
	skus := map[string]*sku{}
	for i := range run.Header.Sale {
		skus[run.Header.Sale[i].SKU] = newSKU(run, &run.Header.Sale[i], skus)
	}
	for i := range run.Header.Sale {
		item := skus[run.Header.Sale[i].SKU]
		found.Evaluated++
		if item.soldOut || item.concurrent {
			found.Exercised++
		}
		for _, judge := range []func(*Run) []Violation{item.unbalanced, item.oversold, item.atRest, item.refusedTooEarly} {
			if wrong := judge(run); len(wrong) > 0 {
				found.Violations = append(found.Violations, wrong...)
				break // the later ones would tell the same again
			}
		}
		if line := item.undersold(run); line != "" {
			found.Pending = append(found.Pending, line)
		}
	}
	if run.Final == nil {
		found.Unjudged = append(found.Unjudged, "the stock was never read at rest")
	}
	if nameless := namelessOrders(run); nameless > 0 {
		found.Unjudged = append(found.Unjudged, fmt.Sprintf("of %s it is not known what was ordered", countOf(nameless, "order")))
	}
	return found
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
	initial    int64            // units that may be sold in the run
	all        map[string]*sku  // on sale
	ops        []*history.Op    // orders of it, by call
	stories    []*Story
	tallies    *tallies // see heldAt
	soldOut    bool
	concurrent bool
}

func newSKU(run *Run, item *history.Item, all map[string]*sku) *sku {
	s := &sku{item: item, all: all, before: history.StockRow{SKU: item.SKU, Available: item.Stock}}
	if row, read := stockRow(run.Baseline, item.SKU); read {
		s.before = row
	}
	s.initial = s.before.Available + s.before.Reserved
	for _, story := range run.Stories {
		if story.Units(item.SKU) > 0 {
			s.stories = append(s.stories, story)
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

func soldOutAnswer(op *history.Op) bool {
	return op.Outcome == history.Refused && op.Reason == history.ReasonSoldOut
}

// unbalanced finds a snapshot that does not add up in itself. The first tells the story.
func (s *sku) unbalanced(run *Run) []Violation {
	for i := range run.Readings {
		reading := &run.Readings[i]
		row, read := stockRow(reading, s.item.SKU)
		if !read || reading.Label == history.ReadingBaseline {
			continue
		}
		total := s.before.Available + s.before.Reserved + s.before.Sold + s.before.WrittenOff
		sum := row.Available + row.Reserved + row.Sold + row.WrittenOff
		pattern, units := "", max(sum-total, total-sum)
		switch {
		case row.Available < 0 || row.Reserved < 0 || row.Sold < 0 || row.WrittenOff < 0:
			pattern, units = "a stock figure is below 0", -min(row.Available, row.Reserved, row.Sold, row.WrittenOff)
		case sum > total:
			pattern = "stock appeared from nowhere"
		case sum < total:
			pattern = "stock vanished"
		default:
			continue
		}
		return []Violation{s.violation(reading, pattern, units, fmt.Sprintf("%d in all before the run; %s", total, stockWords(row)))}
	}
	return nil
}

// oversold finds a snapshot, or the users' own word at the end, with more units bought than there were.
func (s *sku) oversold(run *Run) []Violation {
	for i := range run.Checkpoints {
		bought := int64(0)
		for _, story := range s.stories {
			for _, row := range story.Earlier {
				if row.Begin == run.Checkpoints[i].Begin && effective(row.Row.State) {
					bought += row.units(story, s.item.SKU)
				}
			}
		}
		if bought > s.initial {
			return []Violation{s.violation(&run.Checkpoints[i], "more units bought than there were", bought-s.initial,
				fmt.Sprintf("%d units, %d bought", s.initial, bought))}
		}
	}
	if run.Final == nil {
		return nil
	}
	bought, promised := int64(0), int64(0)
	for _, story := range s.stories {
		if effective(story.State()) {
			bought += story.Units(s.item.SKU)
		}
		if story.promised() {
			promised += story.Units(s.item.SKU)
		}
	}
	if bought > s.initial && run.Has(history.TableOrders) {
		return []Violation{s.violation(run.Final, "more units bought than there were", bought-s.initial,
			fmt.Sprintf("%d units, %d bought", s.initial, bought))}
	}
	if promised > s.initial {
		return []Violation{s.violation(run.Final, "more units told paid than there were", promised-s.initial,
			fmt.Sprintf("%d units, %d told to be paid and never given back", s.initial, promised))}
	}
	return nil
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

// promised says that a buyer was told "paid" and neither the books nor the ledger took it back since.
func (s *Story) promised() bool {
	if s.Row == nil || !effective(s.Row.State) && s.Row.State != history.OrderPending && s.Row.State != history.OrderClosed {
		return false
	}
	if sum := s.balance(); sum.refunded+sum.pending > 0 {
		return false
	}
	for _, op := range s.Ops {
		if tellsPaid(op) {
			return true
		}
	}
	return false
}

// holdings are the units that orders hold in the final books.
type holdings struct {
	bought  int64 // paid or shipped: sold
	waiting int64 // pending: reserved
	given   int64 // refunded: still sold, or restocked
	open    int64 // refunding or in review: sold, reserved or free
}

func (s *sku) holdings() holdings {
	var held holdings
	for _, story := range s.stories {
		quantity := story.Units(s.item.SKU)
		switch story.State() {
		case history.OrderPaid, history.OrderShipped:
			held.bought += quantity
		case history.OrderPending:
			held.waiting += quantity
		case history.OrderRefunded:
			held.given += quantity
		case history.OrderRefunding, history.OrderReview:
			held.open += quantity
		default:
		}
	}
	return held
}

// atRest compares the final stock with what the orders hold. Units that were reserved before the run may since have
// been sold, released or kept.
func (s *sku) atRest(run *Run) []Violation {
	row, read := stockRow(run.Final, s.item.SKU)
	if !read || !run.Has(history.TableOrders) || namelessOrders(run) > 0 {
		return nil
	}
	held, old := s.holdings(), s.before.Reserved
	sold := row.Sold - s.before.Sold
	mayBeSold := held.bought + held.waiting + held.open + old
	if !run.Header.System.Legal.RestockRefunds {
		mayBeSold += held.given
	}
	words := fmt.Sprintf("%s; orders hold %d bought, %d pending, %d refunded, %d refunding or in review",
		stockWords(row), held.bought, held.waiting, held.given, held.open)
	switch {
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
