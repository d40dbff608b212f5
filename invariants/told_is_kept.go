package invariants

import (
	"slices"

	"github.com/paystorm/paystorm/history"
)

// toldIsKept is I14. It compares what a buyer was told last of an attempt with how the order ended. Exercised are the
// orders about which the shop's word could be contradicted: a request got no answer, so that it must end one way or the
// other, charged with an order or not charged without one; the buyer was told refused, failed or closed, and there is a
// payment; or was told paid, and something happened after it.
//
// An attempt that was declined or refused and then paid by another is no broken word, nor is an order that was told
// closed and reinstated: whoever is charged has the goods. Money that is on its way back counts as given back.
func toldIsKept() Invariant {
	return Invariant{
		ID:        "I14",
		Name:      "what was told is kept",
		Statement: "Told \"paid\" stays paid or is refunded; told \"failed\" is net not charged; an answer that never came is resolved one way.",
		Clauses:   []Clause{{Name: "the last word is kept", Needs: []history.Table{history.TableOrders}, AfterSettle: true, Judge: eachSettled(wordKept)}},
	}
}

func wordKept(j *judging, story *Story) {
	if len(story.Ops) == 0 {
		return
	}
	j.Evaluated++
	word := wordOf(story)
	if word.given == "" {
		return
	}
	pattern := word.broken(story)
	j.Exercised += one(pattern != "" || word.tried(story))
	switch {
	case pattern == "":
	case j.bound.excuse(story) != "":
		j.skip(j.bound.excuse(story), story)
	default:
		j.fail(word.violation(story, pattern))
	}
}

// The words that a shop may have given.
const (
	wordPaid    = "told paid"
	wordRefused = "refused" // every attempt to order, and nothing else was said
	wordOver    = "told that it failed"
	wordNone    = "left without an answer"
)

// word is the weightiest thing that the buyer was told, and by which op.
type word struct {
	given string
	op    *history.Op
}

// wordOf weighs the ops of an order. Told paid binds the shop whatever else it said.
func wordOf(story *Story) word {
	var paid, over, none, refused *history.Op
	placed := false
	for _, op := range story.Ops {
		switch {
		case tellsPaid(op):
			paid = op
		case tellsClosed(op):
			over = op
		case op.Kind == history.OpPay && op.Outcome == history.Refused:
			over = op
		case op.Kind == history.OpOrder && op.Outcome == history.Refused:
			refused = op
		case op.Outcome == history.Unknown && acts(op.Kind):
			none = op
		}
		placed = placed || (op.Outcome != history.Refused && acts(op.Kind))
	}
	switch {
	case paid != nil:
		return word{wordPaid, paid}
	case over != nil:
		return word{wordOver, over}
	case refused != nil && !placed:
		return word{wordRefused, refused}
	case none != nil:
		return word{wordNone, none}
	default:
		return word{}
	}
}

// tried says whether anything happened that could have made the word untrue.
func (w word) tried(story *Story) bool {
	switch w.given {
	case wordNone:
		return true
	case wordOver, wordRefused:
		return len(story.Payments) > 0
	}
	if story.Row != nil && !effective(story.Row.State) {
		return true
	}
	told := w.op.Returned
	for _, op := range story.Ops {
		if tellsPaid(op) {
			told = min(told, op.Returned)
		}
	}
	for _, payment := range story.Payments {
		if payment.Created.At > told || payment.Succeeded != nil && payment.Succeeded.At > told ||
			payment.Closed != nil && payment.Closed.At > told || len(payment.Refunds) > 0 ||
			slices.ContainsFunc(payment.Failed, func(e *history.Event) bool { return e.At > told }) {
			return true
		}
	}
	return slices.ContainsFunc(story.Deliveries, func(d *Delivery) bool { return d.Sent.At > told }) ||
		slices.ContainsFunc(story.Ops, func(op *history.Op) bool { return op.Called > told && acts(op.Kind) })
}

// acts says whether an op of this kind may change the order.
func acts(kind string) bool {
	switch kind {
	case history.OpOrder, history.OpPay, history.OpRepay, history.OpCancel, history.OpRefund:
		return true
	default:
		return false
	}
}

// broken says how the order's end breaks the word, or "" if it does not.
func (w word) broken(story *Story) string {
	state, sum := story.State(), story.balance()
	charged := sum.net() > 0
	switch {
	case w.given == wordRefused:
		if charged && state != history.OrderReview && state != history.OrderRefunding {
			return "refused, and charged"
		}
		return ""
	case effective(state):
		if w.given == wordNone && sum.captured == 0 {
			return "left without an answer, and the goods went out without a charge"
		}
		return ""
	case state == history.OrderRefunded && charged && sum.refunded+sum.pending == 0:
		return w.given + ", charged, and refunded in the shop's books only"
	case reflects(state):
		return ""
	case charged:
		return w.given + ", and charged without an order"
	case w.given == wordPaid && sum.captured == 0:
		return "told paid, and the order was dropped"
	default:
		return ""
	}
}

func (w word) violation(story *Story, pattern string) Violation {
	sum := story.balance()
	violation := Violation{
		Pattern: pattern, Order: story.Order, Net: sum.amount(sum.net()), Gross: sum.amount(sum.captured),
		Bearer: BearerBuyer, Since: max(w.op.Called, w.op.Returned),
		Evidence: append(append([]Evidence{opRecord(w.op)}, story.moneyEvidence()...), story.rowEvidence()...),
		Detail: w.given + " by " + w.op.Kind + " at " + seconds(max(w.op.Called, w.op.Returned)) + "; " + sum.String() +
			"; " + story.rowWords(),
	}
	switch {
	case effective(story.State()) && sum.captured == 0:
		violation.Bearer, violation.Net, violation.Gross = BearerMerchant, story.Due(), story.Due()
	case sum.captured == 0:
		violation.Bearer = BearerNone
	}
	return violation
}
