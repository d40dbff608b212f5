package invariants

import (
	"fmt"
	"slices"

	"github.com/paystorm/paystorm/history"
	"github.com/paystorm/paystorm/money"
)

// mispriced finds an order that was paid for in another unit of money than the item is on sale in: another currency, or
// its price shifted by decimal places, as when yuan are taken for fen. Any other difference may be a fee or a discount,
// which the shop is free to have, so that it is listed and not judged.
func mispriced(story *Story) (Violation, bool) {
	listed, charged, known := story.prices()
	if !known || charged.Currency == listed.Currency && !shifted(listed.Minor, charged.Minor) {
		return Violation{}, false
	}
	violation := Violation{
		Pattern: "charged in another unit of money than the sale's", Order: story.Order, Net: charged, Gross: charged,
		Bearer: BearerBuyer, Since: story.firstCapture().At, Evidence: append(story.moneyEvidence(), story.rowEvidence()...),
		Detail: fmt.Sprintf("charged %s, on sale for %s; %s", charged, listed, story.balance()),
	}
	if charged.Currency == listed.Currency {
		violation.Net.Minor = max(listed.Minor-charged.Minor, charged.Minor-listed.Minor)
		if charged.Minor < listed.Minor {
			violation.Bearer = BearerMerchant
		}
	}
	return violation, true
}

// misbooked finds an order that was paid for and stands in the books for more units than its buyer asked for, as when a
// request that came twice was added up.
func misbooked(story *Story) (Violation, bool) {
	var asked *history.Op
	for _, op := range story.Ops {
		if op.Kind == history.OpOrder && op.Quantity > 0 && (asked == nil || total(op.Lines()) > total(asked.Lines())) {
			asked = op
		}
	}
	booked := total(story.Booked)
	if asked == nil || story.Row == nil || booked <= total(asked.Lines()) || story.firstCapture() == nil {
		return Violation{}, false
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

// total is the units of all lines.
func total(lines []history.Line) int64 {
	units := int64(0)
	for _, line := range lines {
		units += line.Quantity
	}
	return units
}

// prices are what an order that was paid for should cost by the sale's own list, and what the channel was asked to
// charge for it. One with a coupon costs what the shop says.
func (s *Story) prices() (listed, charged money.Amount, known bool) {
	captured := s.Captured()
	if s.Item == nil || len(captured) == 0 || len(s.Coupons) > 0 {
		return listed, charged, false
	}
	listed = s.listed()
	charged = money.Amount{Minor: captured[0].Minor, Currency: captured[0].Currency}
	return listed, charged, listed.Minor > 0 && charged.Minor > 0
}

// shifted says that the two differ by decimal places and by nothing else.
func shifted(a, b int64) bool {
	small, large := min(a, b), max(a, b)
	for small < large && small <= large/10 {
		small *= 10
	}
	return a != b && small == large
}

// otherPrices is a line about the orders that cost something else than the sale's list says, "" if there are none.
func otherPrices(run *Run) string {
	count, first := 0, ""
	for _, story := range run.Stories {
		listed, charged, known := story.prices()
		if !known || charged == listed || charged.Currency != listed.Currency || shifted(listed.Minor, charged.Minor) {
			continue
		}
		if count++; count == 1 {
			first = fmt.Sprintf("%s was charged %s, on sale for %s", story.label(), charged, listed)
		}
	}
	if count == 0 {
		return ""
	}
	return fmt.Sprintf("%s charged another amount than the sale's price: %s", countOf(count, "order"), first)
}
