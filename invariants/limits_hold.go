package invariants

import (
	"fmt"
	"slices"
	"strings"

	"github.com/paystorm/paystorm/history"
	"github.com/paystorm/paystorm/money"
)

// limitsHold is I12, of purchase limits and coupons. A buyer who tried to have more units than the limit exercises it. What counts
// is what the buyer has once the books are at rest, in orders that are paid or shipped: a closed order gives nothing, one
// in review is a person's to settle, and one that is being refunded is on its way back. A shop that does not declare
// that refunded units are free again has sold them all the same.
//
// Coupons have bounds of their own, which the sale declares; I9 sees one that an order uses twice.
func limitsHold() Invariant {
	return Invariant{
		ID:        "I12",
		Name:      "limits hold",
		Statement: "No buyer has more units of an item than its limit for each buyer allows, and no coupon is used more often than it is for.",
		Clauses: []Clause{
			{Name: "purchase limits hold", Needs: []history.Table{history.TableOrders}, Judge: ofTheRun(judgeLimitsHold)},
			{Name: "coupons are used as often as they are for", Needs: []history.Table{history.TableOrders, history.TableCoupons}, Applies: couponsApply, Judge: ofTheRun(judgeCoupons)},
		},
	}
}

func judgeLimitsHold(run *Run) Finding {
	found := Finding{}
	buyers := buyersOf(run)
	for i := range run.Header.Sale {
		if item := &run.Header.Sale[i]; item.PerBuyer > 0 {
			found.judgeLimit(run, item, buyers)
		}
	}
	return found
}

func (f *Finding) judgeLimit(run *Run, item *history.Item, buyers []*buyer) {
	for _, buyer := range buyers {
		bought := buyer.bought(run, item)
		if buyer.number == 0 {
			if count := len(bought.has); count > 0 {
				f.Unjudged = append(f.Unjudged, fmt.Sprintf("of %s of %s it is not known who has them", countOf(count, "order"), item.SKU))
			}
			continue
		}
		tried := max(buyer.tried(item.SKU), bought.units())
		if tried == 0 {
			continue
		}
		f.Evaluated++
		if tried > item.PerBuyer {
			f.Exercised++
		}
		if wrong, is := bought.beyond(item); is {
			f.Violations = append(f.Violations, wrong)
		}
	}
	if run.Final == nil {
		f.Unjudged = append(f.Unjudged, fmt.Sprintf("who has how many of %s was never read at rest", item.SKU))
	}
}

// buyer is one buyer's whole shopping, by whatever numbers the shop knows it. Of number 0 is what nobody is known for.
type buyer struct {
	number  int
	orders  []*history.Op
	stories []*Story
}

// buyersOf gathers what each buyer did, by number. The reference tells whose an order is: what a shop has in its own
// column may be one name for all guests.
func buyersOf(run *Run) []*buyer {
	byNumber := map[int]*buyer{}
	var all []*buyer
	of := func(number int) *buyer {
		if byNumber[number] == nil {
			byNumber[number] = &buyer{number: number}
			all = append(all, byNumber[number])
		}
		return byNumber[number]
	}
	for op := range each(run.Ops) {
		if op.Kind == history.OpOrder && !run.warmUp(op) {
			who := of(op.Buyer)
			who.orders = append(who.orders, op)
		}
	}
	for _, story := range run.Stories {
		who := of(story.Buyer)
		who.stories = append(who.stories, story)
	}
	return all
}

// tried is how many units the buyer asked for and was not refused for another reason than the limit.
func (b *buyer) tried(sku string) int64 {
	units := int64(0)
	for _, op := range b.orders {
		if op.Outcome != history.Refused || op.Reason == history.ReasonLimit {
			units += op.Units(sku)
		}
	}
	return units
}

// bought are a buyer's orders of one SKU by what the final books say of them.
type bought struct {
	sku  string
	has  []*Story // paid or shipped
	gave []*Story // paid once, and refunded or about to be
}

func (b *buyer) bought(run *Run, item *history.Item) bought {
	all := bought{sku: item.SKU}
	for _, story := range b.stories {
		switch state := story.State(); {
		case story.Units(item.SKU) == 0:
		case effective(state):
			all.has = append(all.has, story)
		case run.Header.System.Legal.RecountRefunded:
		case (state == history.OrderRefunding || state == history.OrderRefunded) && story.wasBought():
			all.gave = append(all.gave, story)
		}
	}
	return all
}

// wasBought says that the order is known to have been paid in the shop. An acknowledged success is no proof of it: a shop
// acknowledges one that comes too late, too.
func (s *Story) wasBought() bool {
	for _, op := range s.Ops {
		if tellsPaid(op) {
			return true
		}
	}
	for _, row := range s.Earlier {
		if effective(row.Row.State) {
			return true
		}
	}
	return false
}

func (b bought) units() int64 { return unitsIn(b.has, b.sku) + unitsIn(b.gave, b.sku) }

func unitsIn(stories []*Story, sku string) int64 {
	units := int64(0)
	for _, story := range stories {
		units += story.Units(sku)
	}
	return units
}

// beyond is the violation, if the buyer has more than the limit, or bought more and still has some of it.
func (b bought) beyond(item *history.Item) (Violation, bool) {
	over, pattern := unitsIn(b.has, b.sku)-item.PerBuyer, "a buyer has more units than the limit allows"
	if over <= 0 {
		over, pattern = b.units()-item.PerBuyer, "a buyer bought beyond the limit again after a refund"
	}
	if over <= 0 || len(b.has) == 0 {
		return Violation{}, false
	}
	value := money.Amount{Minor: over * item.Price.Minor, Currency: item.Price.Currency}
	wrong := Violation{
		Pattern: pattern, SKU: item.SKU, Units: over, Net: value, Gross: value, Bearer: BearerMerchant,
	}
	var words []string
	for _, story := range slices.Concat(b.has, b.gave) {
		wrong.Order = story.Order
		wrong.Evidence = append(wrong.Evidence, story.moneyEvidence()...)
		wrong.Evidence = append(wrong.Evidence, story.rowEvidence()...)
		wrong.Since = max(wrong.Since, story.lastMove())
		words = append(words, fmt.Sprintf("%s %s of %d", story.Order, story.State(), story.Units(item.SKU)))
	}
	wrong.Detail = fmt.Sprintf("buyer %d may have %d of %s: %s", b.has[0].Buyer, item.PerBuyer, item.SKU, strings.Join(words, ", "))
	return wrong, true
}
