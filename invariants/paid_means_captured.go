package invariants

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/paystorm/paystorm/history"
)

// paidMeansCaptured is I2. An order counts as treated as paid when its row, or an answer to a buyer, says so; the first capture
// must come before the end of that observation, since whatever the shop knew it knew by then. A capture of another amount than
// the shop asked for must end refunded, or the order in review; a difference given back makes it match. What was asked for must
// be the price on sale. What the shop's row says of the amount is a claim, and measures nothing.
func paidMeansCaptured() Invariant {
	return Invariant{
		ID:        "I2",
		Name:      "paid means captured",
		Statement: "Nothing is treated as paid unless the ledger captured that order's amount in its currency; a capture that does not match ends refunded or in review.",
		Clauses: []Clause{
			{Name: "what is treated as paid was captured before", Judge: eachOrder(capturedBefore).unless(ordersUnread)},
			{Name: "what was captured is what is due", Needs: []history.Table{history.TableOrders}, Judge: ifRead(eachOrder(capturedDue))},
			{Name: "what was asked for is the price on sale", Judge: pricesAsked},
			{Name: "what a discount is worth is known", Applies: hasDiscounts, Judge: eachOrder(discountKnown)},
		},
	}
}

// capturedBefore is exercised by a message that claims what the ledger does not have.
func capturedBefore(j *judging, story *Story) {
	seen := believedPaid(j.run, story)
	untrue := slices.ContainsFunc(story.Deliveries, func(d *Delivery) bool { return d.Forgery != "" })
	early := beforeCapture(story, seen)
	j.Evaluated += one(untrue || len(seen) > 0)
	j.Exercised += one(untrue || early != nil)
	if early != nil {
		j.fail(uncaptured(story, early))
	}
}

// capturedDue is exercised by a capture that does not match.
func capturedDue(j *judging, story *Story) {
	if len(story.Captured()) == 0 {
		return
	}
	j.Evaluated++
	mismatched := story.mismatched()
	if len(mismatched) == 0 {
		return
	}
	j.Exercised++
	violation, wrong := mismatch(story, mismatched)
	switch {
	case !wrong, beforeCapture(story, believedPaid(j.run, story)) != nil: // told by the clause before
	case !effective(story.State()) && j.bound.unfinished(story) != "":
		j.skip(j.bound.unfinished(story), story)
	default:
		j.fail(violation)
	}
}

func one(yes bool) int {
	if yes {
		return 1
	}
	return 0
}

// belief is one observation of an order in a state that needs money.
type belief struct {
	until    history.Time // when the observation was over
	what     string
	evidence Evidence
}

// believedPaid lists, in time order, where the shop treated the order as paid for. An order without a price needs no
// money.
func believedPaid(run *Run, story *Story) []belief {
	if story.free() {
		return nil
	}
	var seen []belief
	for _, op := range story.Ops {
		if tellsPaid(op) {
			seen = append(seen, belief{op.Returned, "a buyer was told " + op.State, opRecord(op)})
		}
	}
	for _, row := range story.Earlier {
		if believesPaid(row.Row.State) {
			seen = append(seen, belief{row.End, "a checkpoint had it " + string(row.Row.State), row.Evidence})
		}
	}
	slices.SortStableFunc(seen, func(a, b belief) int { return cmp.Compare(a.until, b.until) })
	if story.Row != nil && believesPaid(story.Row.State) {
		seen = append(seen, belief{run.Final.End, "it is " + string(story.Row.State) + " in the final books", story.RowSeq})
	}
	return seen
}

// beforeCapture is the first observation that no capture precedes, or nil.
func beforeCapture(story *Story, seen []belief) *belief {
	if len(seen) == 0 {
		return nil
	}
	if capture := story.firstCapture(); capture != nil && capture.At <= seen[0].until {
		return nil
	}
	return &seen[0]
}

func uncaptured(story *Story, early *belief) Violation {
	due := story.Due()
	violation := Violation{
		Pattern: "treated as paid, nothing captured", Order: story.Order, Net: due, Gross: due, Bearer: BearerMerchant,
		Evidence: []Evidence{early.evidence}, Since: early.until,
		Detail: fmt.Sprintf("%s; the ledger captured nothing; %s", early.what, story.rowWords()),
	}
	if capture := story.firstCapture(); capture != nil {
		violation.Pattern = "treated as paid before the money was captured"
		violation.Net.Minor, violation.Until = 0, capture.At
		violation.Evidence = append(violation.Evidence, recordOf(capture))
		violation.Detail = fmt.Sprintf("%s at %s; captured only at %s", early.what, seconds(early.until), seconds(capture.At))
	} else if story.Row != nil && !believesPaid(story.Row.State) {
		violation.Net.Minor = 0 // the shop has taken it back, and no goods leave
	}
	return violation
}

// mismatched lists the captures whose amount or currency is not what the shop asked for, or not what its row claims.
func (s *Story) mismatched() []*Payment {
	var wrong []*Payment
	misstated := s.misstated()
	for _, payment := range s.Captured() {
		code := payment.Succeeded.Currency
		if misstated || payment.Captured() != payment.Minor || code != "" && code != payment.Currency {
			wrong = append(wrong, payment)
		}
	}
	return wrong
}

// misstated says that the shop's row claims another amount or currency than the ledger took for the order: in one payment, or in
// all of them together. Some shops write refunds into it: then it is what is left of that.
func (s *Story) misstated() bool {
	row, captured := s.Row, s.Captured()
	if row == nil || row.Minor <= 0 || len(captured) == 0 {
		return false
	}
	is := func(minor int64, currency string) bool {
		return minor == row.Minor && !differentCurrency(row.Currency, currency)
	}
	for _, payment := range captured {
		if currency := payment.Succeeded.Currency; is(payment.Captured(), currency) || is(payment.Kept(), currency) {
			return false
		}
	}
	sum := s.balance()
	return !is(sum.captured, sum.currency) && !is(sum.net(), sum.currency) && !is(sum.captured-sum.refunded, sum.currency)
}

// mismatch judges how an order with captures of another amount ended.
func mismatch(story *Story, wrong []*Payment) (Violation, bool) {
	kept := int64(0)
	var evidence []Evidence
	for _, payment := range wrong {
		kept += payment.Kept()
		evidence = append(evidence, recordOf(payment.Succeeded))
	}
	sum, due := story.balance(), story.Due()
	settled := sum.net() == due.Minor && sum.currency == due.Currency && sameCurrency(wrong) && !story.misstated()
	if kept <= 0 || story.State() == history.OrderReview || effective(story.State()) && settled {
		return Violation{}, false
	}
	violation := Violation{
		Pattern: "captured another amount than the order's, neither refunded nor in review", Order: story.Order,
		Net: sum.amount(kept), Gross: sum.amount(wrong[0].Captured()), Bearer: BearerBuyer,
		Evidence: append(evidence, story.rowEvidence()...), Since: wrong[0].Succeeded.At,
		Detail: fmt.Sprintf("due %s, %s at %s; %s", due, sum, seconds(wrong[0].Succeeded.At), story.rowWords()),
	}
	if effective(story.State()) {
		violation.Pattern = "paid with another amount than the order's"
		difference := due.Minor - sum.net()
		if difference > 0 {
			violation.Bearer = BearerMerchant
		}
		violation.Net.Minor = max(difference, -difference)
	}
	return violation, true
}

// sameCurrency says that no payment was captured in another currency than asked for.
func sameCurrency(payments []*Payment) bool {
	return !slices.ContainsFunc(payments, func(p *Payment) bool {
		return p.Succeeded.Currency != "" && p.Succeeded.Currency != p.Currency
	})
}
