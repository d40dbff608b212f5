package invariants

import (
	"fmt"
	"slices"

	"github.com/paystorm/paystorm/history"
	"github.com/paystorm/paystorm/money"
)

// terms are what the sale and the system file say beforehand of what an order costs.
type terms struct {
	onSale      map[string]*history.Item
	coupons     map[string]history.Coupon // that the sale gives away
	prices      history.Prices
	feeMost     money.Amount
	couponsRead bool // at rest
}

func termsOf(run *Run) *terms {
	t := &terms{
		onSale: map[string]*history.Item{}, coupons: map[string]history.Coupon{}, prices: run.Header.System.Prices,
		feeMost: run.Header.System.FeeMost, couponsRead: run.Has(history.TableCoupons),
	}
	for i := range run.Header.Sale {
		t.onSale[run.Header.Sale[i].SKU] = &run.Header.Sale[i]
	}
	for _, coupon := range run.Header.Coupons {
		t.coupons[coupon.Code] = coupon
	}
	return t
}

// priceRange is what an order should cost: the price on sale, less the discounts and with the fees that are known. Where fees
// have but a bound it is a range.
type priceRange struct {
	low, high int64
	currency  string
}

func (p priceRange) has(amount money.Amount) bool {
	return amount.Currency == p.currency && amount.Minor >= p.low && amount.Minor <= p.high
}

// priced is the order's price, and false where nothing says beforehand what it should be: not all of it is on sale, or the
// shop's prices are its own. What the shop's row says of the amount is no part of it: that is what is judged.
func (s *Story) priced() (priceRange, bool) {
	listed := s.listed()
	if s.terms.prices == history.PricesOwn || listed.Minor <= 0 || slices.ContainsFunc(s.Coupons, s.unpriced) {
		return priceRange{}, false
	}
	low := max(0, listed.Minor-s.discount())
	cost := priceRange{low: low, high: low, currency: listed.Currency}
	switch {
	case s.Row != nil && s.Row.Fee > 0:
		fee := s.Row.Fee
		if s.terms.feeMost.Currency == cost.currency {
			fee = min(fee, s.terms.feeMost.Minor)
		}
		cost.low, cost.high = low+fee, low+fee
	case s.terms.feeMost.Currency == cost.currency:
		cost.high += s.terms.feeMost.Minor
	}
	return cost, true
}

// discount is what is known to be taken off the order's price. Of a coupon that the sale gives away it is what the sale
// says, of another what the books say. Books with discounts of their own are believed only where the sale declares none.
func (s *Story) discount() int64 {
	sum := int64(0)
	for _, use := range s.couponsUsed() {
		declared, known := s.terms.coupons[use.Coupon]
		switch {
		case known:
			sum += declared.Off.Minor
		case len(s.terms.coupons) == 0:
			sum += max(0, use.Minor)
		}
	}
	if s.Row != nil && len(s.terms.coupons) == 0 && s.terms.prices != history.PricesExact {
		sum = max(sum, s.Row.Discount)
	}
	return sum
}

// unpriced is a coupon of which neither the sale nor the books say what it is worth. Where the sale declares its coupons, it
// has no others.
func (s *Story) unpriced(use history.CouponRow) bool {
	return len(s.terms.coupons) == 0 && use.Minor == 0
}

// couponsUsed are the coupons of the order, each once.
func (s *Story) couponsUsed() []history.CouponRow {
	var used []history.CouponRow
	for _, use := range s.Coupons {
		if !slices.ContainsFunc(used, func(r history.CouponRow) bool { return r.Coupon == use.Coupon }) {
			used = append(used, use)
		}
	}
	return used
}

// free says that the order costs nothing: the shop's row has no amount, it never asked the channel for any, and something
// says why.
func (s *Story) free() bool {
	if s.Row == nil || s.Row.Minor != 0 || len(s.Payments) > 0 {
		return false
	}
	cost, known := s.priced()
	return s.terms.prices == history.PricesOwn || known && cost.low == 0 || s.worth() != ""
}

// freeByDiscount says that nothing but a discount in the order's own row says why it costs nothing.
func (s *Story) freeByDiscount() bool { return s.free() && s.Row.Discount > 0 && len(s.Coupons) == 0 }

// worth says why nobody knows what the order's discount is worth, "" if somebody does.
func (s *Story) worth() string {
	if s.terms.prices == history.PricesOwn {
		return ""
	}
	for _, use := range s.Coupons {
		if _, declared := s.terms.coupons[use.Coupon]; !declared && len(s.terms.coupons) == 0 {
			return fmt.Sprintf("nothing says what coupon %s is worth and how often it may be used: declare it under sale.coupons, or prices: own", use.Coupon)
		}
	}
	if s.Row != nil && s.Row.Minor == 0 && len(s.Payments) == 0 && !s.terms.couponsRead {
		return "an order costs nothing in the books, and the coupons were not read"
	}
	return ""
}

// charge is what the channel was asked for by the payments that took money: parts of one price add up; of several attempts
// at the whole of it, the largest counts.
func (s *Story) charge(cost priceRange) money.Amount {
	captured := s.Captured()
	sum, largest := money.Amount{}, money.Amount{}
	for _, payment := range captured {
		asked := money.Amount{Minor: payment.Minor, Currency: payment.Currency}
		if sum.Currency == "" || sum.Currency == asked.Currency {
			sum.Minor, sum.Currency = sum.Minor+asked.Minor, asked.Currency
		}
		if asked.Minor > largest.Minor {
			largest = asked
		}
	}
	if cost.has(sum) || largest.Minor < cost.low && sum.Currency == cost.currency && sum.Minor > cost.high {
		return sum
	}
	return largest
}

// Due is what the order costs: what the shop last asked the channel for if that is the price, or more than it, or if there is no
// price to hold it against; else the price; of an order that was never asked for, what its row says. Parts that add up to the
// price are one payment.
func (s *Story) Due() money.Amount {
	cost, known := s.priced()
	if len(s.Payments) == 0 {
		if !known && s.Row != nil {
			return money.Amount{Minor: s.Row.Minor, Currency: s.Row.Currency}
		}
		return money.Amount{Minor: cost.low, Currency: cost.currency}
	}
	last := s.Payments[len(s.Payments)-1]
	asked := money.Amount{Minor: last.Minor, Currency: last.Currency}
	if captured := s.Captured(); len(captured) > 0 {
		asked = s.charge(cost)
	}
	if !known || asked.Currency != cost.currency || asked.Minor >= cost.low && !s.inParts(cost) {
		return asked
	}
	return money.Amount{Minor: cost.low, Currency: cost.currency}
}

// inParts says that the order was paid in parts, none of which is the price, that come to more than it.
func (s *Story) inParts(cost priceRange) bool {
	captured := s.Captured()
	return len(captured) > 1 && s.charge(cost).Minor > cost.high &&
		!slices.ContainsFunc(captured, func(p *Payment) bool { return p.Minor >= cost.low })
}

// pricesAsked holds what the channel was asked for against the price on sale. Less than that, without a known discount, is a
// loss of the merchant's; what is more may be a fee, and is listed unless the prices are exact. Another unit of money than the
// sale's, as when yuan are taken for fen, is wrong in any case.
func pricesAsked(run *Run) Fold {
	read, surplus := run.Has(history.TableOrders), mostSurplus(run)
	dearer, reduced := remark{}, remark{}
	fold := eachOrder(func(j *judging, story *Story) {
		cost, known := story.priced()
		if len(story.Captured()) == 0 {
			if known && story.given(read) && story.freeByDiscount() {
				reduced.add(story, money.Amount{Currency: cost.currency}, story.listed())
			}
			return
		}
		j.Evaluated++
		if story.unlisted() {
			j.skip("not all of an order is on sale, so that nobody knows what it should cost", story)
		}
		violation, odd := misbooked(story)
		if !odd && known {
			violation, odd = underbooked(story, cost)
		}
		switch {
		case odd || !known:
		case story.mayHaveACoupon(cost):
			j.skip("less than the price was charged, and the coupons, of which the sale gives some away, were not read", story)
		default:
			violation, odd = mispriced(story, cost, surplus, read)
		}
		asked := story.charge(cost)
		switch {
		case odd:
			j.Exercised++
			j.fail(violation)
		case known && asked.Currency == cost.currency && asked.Minor > cost.high:
			dearer.add(story, asked, story.listed())
		case known && story.Row != nil && story.Row.Discount > 0 && len(story.Coupons) == 0 && asked.Minor < story.listed().Minor:
			reduced.add(story, asked, story.listed())
		}
	})(run)
	return fold.then(func(found *Finding) {
		found.Pending = slices.Concat(dearer.line("%s charged more than the sale's price: %s"),
			reduced.line("%s charged less than the sale's price, by a discount that is in the books alone: %s"))
	})
}

// mayHaveACoupon says that the coupons were not read, and that one of the sale's explains why the order was charged less than its price.
func (s *Story) mayHaveACoupon(cost priceRange) bool {
	most, charged := int64(0), s.charge(cost)
	for _, coupon := range s.terms.coupons {
		most = max(most, coupon.Off.Minor)
	}
	return !s.terms.couponsRead && charged.Currency == cost.currency && charged.Minor < cost.low && charged.Minor >= cost.low-most
}

// unlisted says that something in the order is not on sale, and that it was not paid for what is: nobody knows what it should cost.
func (s *Story) unlisted() bool {
	if s.terms.prices == history.PricesOwn || len(s.terms.onSale) == 0 || s.listed().Minor > 0 {
		return false
	}
	var known []history.Line
	for _, line := range s.Lines() {
		if s.terms.onSale[line.SKU] != nil {
			known = append(known, line)
		}
	}
	least := s.terms.costOf(known)
	return least.Minor == 0 || s.charge(priceRange{}).Minor < least.Minor
}

// mispriced finds an order that was charged in another unit of money than its price, or less than it and given all the same, or
// more where prices are exact.
func mispriced(story *Story, cost priceRange, surplus int64, read bool) (Violation, bool) {
	asked, listed := story.charge(cost), money.Amount{Minor: cost.low, Currency: cost.currency}
	violation := Violation{
		Order: story.Order, Net: asked, Gross: asked, Bearer: BearerBuyer, Since: story.firstCapture().At,
		Evidence: append(story.moneyEvidence(), story.rowEvidence()...),
		Detail:   fmt.Sprintf("charged %s, on sale for %s; %s", asked, listed, story.balance()),
	}
	short := asked.Minor < cost.low
	if asked.Currency == cost.currency {
		violation.Net.Minor = max(listed.Minor-asked.Minor, asked.Minor-listed.Minor)
		if short {
			violation.Bearer = BearerMerchant
		}
	}
	switch {
	case asked.Currency != cost.currency || shifted(cost.low, asked.Minor):
		violation.Pattern = "charged in another unit of money than the sale's"
	case short && story.given(read) && story.balance().captured < cost.low:
		if _, told := mismatch(story, story.mismatched()); told {
			return Violation{}, false // which tells the same of the row
		}
		violation.Pattern = "sold for less than its price, and no discount is known"
		violation.Gross = listed
	case story.withoutItsDiscount(asked, cost, surplus) && story.given(read):
		violation.Pattern = "a coupon was used, and the full price charged"
	case story.terms.prices == history.PricesExact && asked.Minor > cost.high && story.given(read):
		violation.Pattern = "charged more than its price"
	default:
		return Violation{}, false
	}
	return violation, true
}

// withoutItsDiscount says that the order used a coupon whose worth is known, and was charged at least what any order without one is:
// the price, and the most that is put on top of it.
func (s *Story) withoutItsDiscount(asked money.Amount, cost priceRange, surplus int64) bool {
	return len(s.Coupons) > 0 && s.discount() > 0 && asked.Minor > cost.high && asked.Minor >= s.listed().Minor+surplus
}

// mostSurplus is the most by which an order without a discount was charged more than its price, as where shipping is not declared.
func mostSurplus(run *Run) int64 {
	most := int64(0)
	for _, story := range run.Stories {
		if cost, known := story.priced(); known && len(story.Captured()) > 0 && story.discount() == 0 {
			most = max(most, story.charge(cost).Minor-story.listed().Minor)
		}
	}
	return most
}

// given says that the buyer has the goods, or was told so where the books do not say.
func (s *Story) given(read bool) bool {
	if read && s.Row != nil {
		return effective(s.Row.State)
	}
	return s.balance().net() > 0 && slices.ContainsFunc(s.Ops, tellsPaid)
}

// misbooked finds an order that was paid for and stands in the books for more units than its buyer asked for, as when a
// request that came twice was added up.
func misbooked(story *Story) (Violation, bool) {
	asked := story.largest(func(op *history.Op) bool { return op.Quantity > 0 })
	booked := total(story.Booked)
	if asked == nil || story.Row == nil || booked <= total(asked.Lines()) || story.firstCapture() == nil {
		return Violation{}, false
	}
	wanted := story.terms.costOf(asked.Lines())
	if charged := story.charge(priceRange{}); len(story.Booked) > len(asked.Lines()) && wanted.Minor > 0 && wanted == charged {
		return Violation{}, false // what stands there beside it was given
	}
	sum, more := story.balance(), booked-total(asked.Lines())
	return Violation{
		Pattern: "charged for more units than were ordered", Order: story.Order, Units: more, Gross: sum.amount(sum.captured),
		Net:    sum.amount(sum.net() * more / booked),
		Bearer: BearerBuyer, Since: story.firstCapture().At,
		Evidence: slices.Concat([]Evidence{opRecord(asked)}, story.moneyEvidence(), story.rowEvidence()),
		Detail:   fmt.Sprintf("%d ordered, %d in the books; %s", total(asked.Lines()), booked, sum),
	}, true
}

// underbooked finds an order that was paid for as its buyer placed it, and stands in the books for fewer units.
func underbooked(story *Story, cost priceRange) (Violation, bool) {
	asked := story.largest(func(op *history.Op) bool { return op.Outcome == history.OK })
	charged, booked := story.charge(cost), total(story.Booked)
	if asked == nil || story.Row == nil || !effective(story.Row.State) || booked == 0 || booked >= total(asked.Lines()) ||
		charged.Currency != cost.currency || charged.Minor <= cost.high {
		return Violation{}, false
	}
	sum := story.balance()
	return Violation{
		Pattern: "paid for more units than are in the books", Order: story.Order, Units: total(asked.Lines()) - booked, Gross: charged,
		Net: sum.amount(max(0, sum.net()-cost.high)), Bearer: BearerBuyer, Since: story.firstCapture().At,
		Evidence: slices.Concat([]Evidence{opRecord(asked)}, story.moneyEvidence(), story.rowEvidence()),
		Detail:   fmt.Sprintf("%d ordered, %d in the books; %s", total(asked.Lines()), booked, sum),
	}, true
}

// largest is the request for the order that asked for the most units, of those that count; nil if none does.
func (s *Story) largest(counts func(*history.Op) bool) *history.Op {
	var asked *history.Op
	for _, op := range s.Ops {
		if op.Kind == history.OpOrder && counts(op) && (asked == nil || total(op.Lines()) > total(asked.Lines())) {
			asked = op
		}
	}
	return asked
}

// total is the units of all lines.
func total(lines []history.Line) int64 {
	units := int64(0)
	for _, line := range lines {
		units += line.Quantity
	}
	return units
}

// shifted says that the two differ by decimal places and by nothing else.
func shifted(a, b int64) bool {
	small, large := min(a, b), max(a, b)
	for small > 0 && small < large && small <= large/10 {
		small *= 10
	}
	return a != b && small == large
}

// remark counts orders that are worth one line together.
type remark struct {
	count int
	first string
}

func (r *remark) add(story *Story, charged, listed money.Amount) {
	if r.count++; r.count == 1 {
		r.first = fmt.Sprintf("%s was charged %s, on sale for %s", story.label(), charged, listed)
	}
}

func (r *remark) line(format string) []string {
	if r.count == 0 {
		return nil
	}
	return []string{fmt.Sprintf(format, countOf(r.count, "order"), r.first)}
}

// discountKnown asks whether somebody knows what an order's discount is worth.
func discountKnown(j *judging, story *Story) {
	if len(story.Coupons) == 0 && !story.free() {
		return
	}
	j.Evaluated++ // and exercised by none: it says what nobody knows, and finds nothing wrong
	if why := story.worth(); why != "" {
		j.skip(why, story)
	}
}

func hasDiscounts(run *Run) bool {
	return slices.ContainsFunc(run.Stories, func(s *Story) bool { return len(s.Coupons) > 0 || s.free() })
}
