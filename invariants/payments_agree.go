package invariants

import (
	"fmt"
	"slices"

	"github.com/paystorm/paystorm/history"
	"github.com/paystorm/paystorm/money"
)

// claims says whether a row of payments claims something that the channel can be held against.
func claims(row history.PaymentRow) bool {
	return settledRow(row) || row.State == history.PaymentDead
}

// settledRow says whether the row claims that money was captured, whatever became of it.
func settledRow(row history.PaymentRow) bool {
	return row.State == history.PaymentCaptured || row.State == history.PaymentRefunded
}

// paymentMatcher finds the channel's payment of a row.
type paymentMatcher struct {
	run      *Run
	byNumber map[string][]*Payment // the channel's order number
	claimed  map[*Payment]bool     // by a row that claims it captured
	booked   map[string]bool       // orders of the final books
	old      map[[3]string]bool    // rows of the baseline
}

func newPaymentMatcher(run *Run) *paymentMatcher {
	m := &paymentMatcher{
		run: run, byNumber: map[string][]*Payment{}, claimed: map[*Payment]bool{}, old: map[[3]string]bool{}, booked: map[string]bool{},
	}
	for _, row := range run.Final.Books.Orders {
		m.booked[row.Order] = true
	}
	for _, story := range run.Stories {
		for _, payment := range story.Payments {
			m.byNumber[payment.Created.Order] = append(m.byNumber[payment.Created.Order], payment)
		}
	}
	if run.Baseline != nil {
		for _, row := range run.Baseline.Books.Payments {
			m.old[paymentKey(row)] = true
		}
	}
	return m
}

func paymentKey(row history.PaymentRow) [3]string {
	return [3]string{row.Payment, row.Number, row.Order}
}

// rows are those of the sale that claim something.
func (m *paymentMatcher) rows() []history.PaymentRow {
	var rows []history.PaymentRow
	for _, row := range m.run.Final.Books.Payments {
		if claims(row) && !m.old[paymentKey(row)] && !m.foreign(row) {
			rows = append(rows, row)
		}
	}
	return rows
}

func (m *paymentMatcher) foreign(row history.PaymentRow) bool {
	x := m.run.index
	for _, order := range []string{row.Order, x.orderOf[row.Payment], x.numbers[row.Number]} {
		if order != "" && x.foreign[order] {
			return true
		}
	}
	return false
}

// of is the channel's payment: by its id, else by the shop's number of it, else the order's, of which rows take one after
// the other. nil if the channel has none.
func (m *paymentMatcher) of(row history.PaymentRow) *Payment {
	if payment := m.run.index.byPayment[row.Payment]; row.Payment != "" && (payment != nil || row.Number == "") {
		return payment
	}
	list := m.byNumber[row.Number]
	if row.Number == "" {
		list = nil
		if story := m.run.index.byOrder[row.Order]; story != nil {
			list = story.Payments
		}
	}
	for _, fits := range []func(*Payment) bool{
		func(p *Payment) bool { return p.Succeeded != nil && p.Captured() == row.Minor && !m.claimed[p] },
		func(p *Payment) bool { return p.Succeeded != nil && !m.claimed[p] },
		func(p *Payment) bool { return p.Succeeded != nil },
		func(*Payment) bool { return true },
	} {
		if row.State == history.PaymentDead && row.Number == "" { // which of the order's it is cannot be told
			break
		}
		if i := slices.IndexFunc(list, fits); i >= 0 {
			return list[i]
		}
	}
	return nil
}

// about are the payments that a row may stand for: all of its number, or of its order, where it names no payment.
func (m *paymentMatcher) about(row history.PaymentRow) []*Payment {
	if payment := m.run.index.byPayment[row.Payment]; row.Payment != "" && payment != nil {
		return []*Payment{payment}
	}
	story := m.run.index.byOrder[row.Order]
	switch {
	case row.Number != "":
		return m.byNumber[row.Number]
	case row.Payment == "" && story != nil:
		return story.Payments
	}
	return nil
}

// storyOf is the order of a row; never nil.
func (m *paymentMatcher) storyOf(row history.PaymentRow, payment *Payment) *Story {
	order := row.Order
	if payment != nil {
		order = m.run.index.orderNumber(payment.Created.Order, payment.Created.Ref)
	}
	if story := m.run.index.byOrder[order]; story != nil {
		return story
	}
	return &Story{Order: order}
}

func judgePaymentsAgree(run *Run) Finding {
	end := atRest(run)
	matcher, billed := newPaymentMatcher(run), billedPayments(run)
	found, skipped := Finding{}, reasons{}
	for _, row := range matcher.rows() {
		payment := matcher.of(row)
		story := matcher.storyOf(row, payment)
		pattern, off, bearer := matcher.apart(row, payment, billed)
		found.Evaluated++
		found.Exercised += one(pattern != "" || story.movedHard())
		if settledRow(row) && payment != nil {
			matcher.claimed[payment] = true
		}
		if pattern == "" {
			continue
		}
		if excuse := end.unsettledRefund(story); excuse != "" {
			skipped.add(excuse, story)
			continue
		}
		found.Violations = append(found.Violations, paymentApart(run, story, row, payment, pattern, off, bearer))
	}
	found.Unjudged = skipped.lines()
	return found
}

// apart says how a row differs from the channel's payment, "" if it does not, by how much money, and whose it is.
func (m *paymentMatcher) apart(row history.PaymentRow, payment *Payment, billed map[string][]int64) (pattern string, off int64, bearer Bearer) {
	captured := payment != nil && payment.Succeeded != nil
	switch {
	case row.State == history.PaymentDead && captured && payment.Kept() > 0:
		return "captured at the channel, closed in the shop's payments, not refunded", payment.Kept(), BearerBuyer
	case row.State == history.PaymentDead:
		return "", 0, BearerNone
	case !captured && len(billed[row.Payment]) > 0:
		return "captured in the shop's payments, and only a bill said so", row.Minor, BearerMerchant
	case !captured:
		return "captured in the shop's payments, never captured at the channel", row.Minor, BearerMerchant
	case m.claimed[payment]:
		return "one payment of the channel, captured more than once in the shop's payments", payment.Captured(), BearerMerchant
	case differentCurrency(row.Currency, payment.Succeeded.Currency):
		return "captured in another currency at the channel than in the shop's payments", payment.Captured(), BearerMerchant
	case row.Minor != 0 && row.Minor != payment.Captured() && slices.Contains(billed[payment.ID], row.Minor):
		return "the amount of a bill is in the shop's payments, and was captured otherwise", apartBy(row, payment), BearerMerchant
	case row.Minor != 0 && row.Minor != payment.Captured():
		return "captured another amount at the channel than in the shop's payments", apartBy(row, payment), BearerMerchant
	case row.State == history.PaymentRefunded && payment.Kept() > 0:
		return "refunded in the shop's payments, not in full at the channel", payment.Kept(), BearerBuyer
	case m.ofAnother(row, payment):
		return "captured for another order than the shop's payments say", 0, BearerNone
	}
	return "", 0, BearerNone
}

// ofAnother says that a row names a payment of the channel and another order than that payment is of, both of which are in the books.
func (m *paymentMatcher) ofAnother(row history.PaymentRow, payment *Payment) bool {
	order := m.run.index.orderNumber(payment.Created.Order, payment.Created.Ref)
	return row.Payment == payment.ID && row.Order != order && m.booked[row.Order] && m.booked[order]
}

func apartBy(row history.PaymentRow, payment *Payment) int64 {
	return max(row.Minor-payment.Captured(), payment.Captured()-row.Minor)
}

func paymentApart(run *Run, story *Story, row history.PaymentRow, payment *Payment, pattern string, off int64, bearer Bearer) Violation {
	channel, currency, since := "no payment at the channel", row.Currency, run.Final.Begin
	evidence := []Evidence{paymentRow(run, row)}
	if payment != nil {
		currency, since = payment.Currency, payment.Created.At
		channel = "never captured at the channel"
		if payment.Succeeded != nil {
			since = payment.Succeeded.At
			channel = fmt.Sprintf("captured %s, refunded %s at the channel", money.Amount{Minor: payment.Captured(), Currency: payment.Succeeded.Currency},
				money.Amount{Minor: payment.Refunded(), Currency: currency})
			evidence = append(evidence, recordOf(payment.Succeeded))
		}
	}
	amount := money.Amount{Minor: off, Currency: currency}
	return Violation{
		Pattern: pattern, Order: story.Order, Net: amount, Gross: amount, Bearer: bearer, Since: since,
		Evidence: append(evidence, story.rowEvidence()...),
		Detail: fmt.Sprintf("payment %s: %s %s in the shop, %s", paymentName(row), money.Amount{Minor: row.Minor, Currency: row.Currency},
			row.State, channel),
	}
}

func paymentRow(run *Run, row history.PaymentRow) Evidence {
	return rowOf(run, history.TablePayments, paymentName(row))
}

func paymentName(row history.PaymentRow) string {
	for _, name := range []string{row.Payment, row.Number} {
		if name != "" {
			return name
		}
	}
	return row.Order
}

// judgePaymentsHaveOrders finds rows that say that money came for an order that is not in the books.
func judgePaymentsHaveOrders(run *Run) Finding {
	matcher := newPaymentMatcher(run)
	booked := matcher.booked
	found := Finding{}
	for _, row := range matcher.rows() {
		if !settledRow(row) {
			continue
		}
		found.Evaluated++
		order := row.Order
		if payment := matcher.of(row); order == "" && payment != nil {
			order = matcher.storyOf(row, payment).Order
		}
		found.Exercised += one(!booked[order] || run.index.byOrder[order].movedHard())
		if booked[order] {
			continue
		}
		amount := money.Amount{Minor: row.Minor, Currency: row.Currency}
		found.Violations = append(found.Violations, Violation{
			Pattern: "a settled payment in the shop, its order not in the books", Order: order, Net: amount, Gross: amount,
			Bearer: BearerBuyer, Evidence: []Evidence{paymentRow(run, row)}, Since: run.Final.Begin,
			Detail: fmt.Sprintf("payment %s: %s %s, of order %q", paymentName(row), amount, row.State, order),
		})
	}
	return found
}

// capturesBooked finds captures that no row of the shop's payments is about. One that was given back need not stand there: some
// shops keep one row for an order. Where no row meets any payment, it is the probe that does not fit.
func capturesBooked(run *Run) Fold {
	end, matcher := atRest(run), newPaymentMatcher(run)
	booked := map[*Payment]bool{}
	for _, row := range run.Final.Books.Payments {
		for _, payment := range matcher.about(row) {
			booked[payment] = true
		}
	}
	var missing []Violation
	met := 0
	fold := eachOrder(func(j *judging, story *Story) {
		for _, payment := range story.Captured() {
			j.Evaluated++
			switch {
			case booked[payment]:
				met++
				j.Exercised += one(story.movedHard())
			case payment.Kept() <= 0 || story.Row == nil: // which I7 tells
			case end.excuse(story) != "":
				j.skip(end.excuse(story), story)
			default:
				missing = append(missing, unbooked(story, payment))
			}
		}
	})(run)
	return fold.then(func(found *Finding) {
		if met == 0 && len(missing) > 0 {
			found.Unjudged = append(found.Unjudged, fmt.Sprintf("no row of the shop's payments is about one of the channel's %s: "+
				"select the payment's id, its number or its order", countOf(found.Evaluated, "capture")))
			return
		}
		found.Exercised += len(missing)
		found.Violations = missing
	})
}

func unbooked(story *Story, payment *Payment) Violation {
	kept := money.Amount{Minor: payment.Kept(), Currency: payment.Currency}
	return Violation{
		Pattern: "captured at the channel, missing from the shop's payments", Order: story.Order, Net: kept, Gross: kept,
		Bearer: BearerMerchant, Since: payment.Succeeded.At, Evidence: append([]Evidence{recordOf(payment.Succeeded)}, story.rowEvidence()...),
		Detail: fmt.Sprintf("payment %s: %s captured, no row in the shop's payments; %s", payment.ID, kept, story.rowWords()),
	}
}
