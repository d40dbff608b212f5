package invariants

import (
	"fmt"

	"github.com/paystorm/paystorm/history"
	"github.com/paystorm/paystorm/money"
)

// oneEffectivePayment is I1. An order for which the ledger took money twice exercises it. The largest payment may stay;
// whatever another one keeps is owed to the buyer. Payments that add up to the price of the order, such as a deposit and the
// balance, are one. A refund that the channel has accepted counts, and is listed while it is pending; an order in review is a
// person's to settle, and is listed too.
func oneEffectivePayment() Invariant {
	return Invariant{
		ID:        "I1",
		Name:      "one effective payment per order",
		Statement: "One order keeps at most one effective payment; every extra payment is refunded, once, in full.",
		Clauses: []Clause{
			{Name: "every extra payment is refunded", Needs: []history.Table{history.TableOrders}, AfterSettle: true, Judge: eachSettled(extraRefunded)},
			{Name: "and in the time to settle", Needs: []history.Table{history.TableOrders}, AfterSettle: true, Applies: readLate, Judge: inTime(extraGiven, "paid more than once, and the extra payment refunded only after the time to settle")},
		},
	}
}

func extraRefunded(j *judging, story *Story) {
	captured := story.Captured()
	if len(captured) == 0 {
		return
	}
	j.Evaluated++
	if len(captured) < 2 {
		return
	}
	j.Exercised++
	keeping, extra := story.extraKept(captured)
	switch {
	case extra == 0:
		if pending := story.balance().pending; pending > 0 {
			j.look(fmt.Sprintf("%s: paid %d times, %s of refunds accepted and pending", story.label(), len(captured),
				story.balance().amount(pending)))
		}
	case story.State() == history.OrderReview:
		j.look(fmt.Sprintf("%s: paid %d times, in review", story.label(), len(captured)))
	case j.bound.unfinished(story) != "":
		j.skip(j.bound.unfinished(story), story)
	default:
		j.fail(extraPayment(story, captured, keeping, extra))
	}
}

// extraKept is how many payments keep money, and how much all but the effective one keep. Parts of one price are one payment, also
// when some of them has gone back.
func (s *Story) extraKept(captured []*Payment) (keeping int, extra int64) {
	kept, largest := int64(0), int64(0)
	for _, payment := range captured {
		if one := payment.Kept(); one > 0 {
			keeping++
			kept += one
			largest = max(largest, one)
		}
	}
	if keeping < 2 {
		return keeping, 0
	}
	cost, known := s.priced()
	sum := money.Amount{Minor: kept, Currency: captured[0].Currency}
	switch wholes := s.wholes(captured); {
	case wholes == 0 && known && sum.Currency == cost.currency:
		extra = max(0, kept-cost.high)
	case wholes < 2 && s.partsOf(sum):
	default:
		extra = kept - largest
	}
	if extra == 0 {
		keeping = 1
	}
	return keeping, extra
}

// wholes counts the payments that were asked for the whole price. Two of them are no parts of anything.
func (s *Story) wholes(captured []*Payment) int {
	listed, count := s.listed().Minor-s.discount(), 0
	for _, payment := range captured {
		count += one(listed > 0 && payment.Minor >= listed)
	}
	return count
}

// partsOf says that payments of so much together are what the order costs. Where nothing says that beforehand, the row's word
// must do.
func (s *Story) partsOf(sum money.Amount) bool {
	if cost, known := s.priced(); known {
		return cost.has(sum)
	}
	return s.Row != nil && s.Row.Minor == sum.Minor && (s.Row.Currency == "" || s.Row.Currency == sum.Currency)
}

func extraPayment(story *Story, captured []*Payment, keeping int, extra int64) Violation {
	pattern := "paid more than once, the extra payment not refunded"
	gross, second := int64(0), captured[0].Succeeded.At
	largest := captured[0].Captured()
	for _, payment := range captured {
		gross += payment.Captured()
		largest = max(largest, payment.Captured())
		second = max(second, payment.Succeeded.At)
		if given := payment.Captured() - payment.Kept(); given > 0 && payment.Kept() > 0 {
			pattern = "paid more than once, the extra payment refunded in part"
		}
	}
	sum := story.balance()
	return Violation{
		Pattern: pattern, Order: story.Order, Net: sum.amount(extra), Gross: sum.amount(gross - largest),
		Bearer: BearerBuyer, Evidence: append(story.moneyEvidence(), story.rowEvidence()...), Since: second,
		Detail: fmt.Sprintf("%d payments captured, %d of them keep money; %s; %s", len(captured), keeping, sum, story.rowWords()),
	}
}
