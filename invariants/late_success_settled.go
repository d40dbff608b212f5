package invariants

import (
	"github.com/paystorm/paystorm/history"
)

// lateSuccessSettled is I6. An order is paid late if its money was captured after the order had ended without it. That
// the order had ended is known from the channel (the payment was closed before it succeeded), from what a buyer was
// told, from a checkpoint, or from the declared expiry where the order did end closed.
func lateSuccessSettled() Invariant {
	return Invariant{
		ID:        "I6",
		Name:      "a late success is settled",
		Statement: "An order that is paid after it was closed or cancelled ends refunded, reinstated, or in review by the bound.",
		Clauses: []Clause{
			{Name: "late money is settled", Needs: []history.Table{history.TableOrders}, AfterSettle: true, Judge: eachSettled(lateMoneySettled)},
			{Name: "and in the time to settle", Needs: []history.Table{history.TableOrders}, AfterSettle: true, Applies: readLate, Judge: inTime(lateMoneyGiven, "paid after close, and refunded only after the time to settle")},
		},
	}
}

func lateMoneySettled(j *judging, story *Story) {
	if story.firstCapture() == nil {
		return
	}
	j.Evaluated++
	ended := endedBeforeCapture(story, j.run.Header.System.Timers)
	if ended == nil {
		return
	}
	j.Exercised++
	pattern := unsettled(story)
	if pattern == "" {
		if sum := story.balance(); sum.pending > 0 {
			j.look(story.label() + " was paid late: " + sum.String())
		}
		return
	}
	if excuse := j.bound.excuse(story); excuse != "" {
		j.skip(excuse, story)
		return
	}
	violation := story.owes(pattern)
	violation.Since = ended.captured
	violation.Detail = ended.how + "; " + violation.Detail
	violation.Evidence = append(ended.evidence, violation.Evidence...)
	j.fail(violation)
}

// unsettled says what became of late money instead of a refund, a reinstated order or a review, or "" if all is well.
func unsettled(story *Story) string {
	switch {
	case story.balance().net() == 0:
		return ""
	case story.Row == nil:
		return "paid after close, and the order is gone from the books"
	case effective(story.Row.State) || story.Row.State == history.OrderReview:
		return ""
	case story.Row.State == history.OrderRefunding:
		return "paid after close, and the refund never reached the channel"
	case story.Row.State == history.OrderRefunded:
		return "paid after close, refunded in the shop and not in full at the channel"
	case story.Row.State == history.OrderClosed:
		return "paid after close, not refunded"
	default:
		return "paid after close, left pending"
	}
}

// ending is how an order is known to have ended before its capture.
type ending struct {
	captured history.Time
	how      string
	evidence []Evidence
}

// endedBeforeCapture finds the first capture that came after the order's end, or nil.
func endedBeforeCapture(story *Story, timers history.Timers) *ending {
	for _, payment := range story.Payments {
		if payment.Succeeded == nil {
			continue
		}
		if how, evidence := ended(story, payment, timers); how != "" {
			return &ending{captured: payment.Succeeded.At, how: how, evidence: evidence}
		}
	}
	return nil
}

func ended(story *Story, payment *Payment, timers history.Timers) (string, []Evidence) {
	captured := payment.Succeeded.At
	if before(payment.Closed, payment.Succeeded) {
		return "the payment was closed at " + seconds(payment.Closed.At), []Evidence{recordOf(payment.Closed)}
	}
	for _, op := range story.Ops {
		if tellsClosed(op) && op.Returned < captured {
			return "the buyer was told closed at " + seconds(op.Returned), []Evidence{opRecord(op)}
		}
	}
	for _, row := range story.Earlier {
		if row.Row.State == history.OrderClosed && row.End < captured {
			return "the shop's books had it closed at " + seconds(row.End), []Evidence{row.Evidence}
		}
	}
	expired := payment.Created.At.Add(timers.Expiry)
	if timers.Expiry > 0 && expired < captured && story.Row != nil && story.Row.State == history.OrderClosed {
		return "it expired at " + seconds(expired) + " at the latest", []Evidence{recordOf(payment.Created)}
	}
	return "", nil
}

// before orders two changes of one payment by version, and by time where a channel gives none.
func before(first, second *history.Event) bool {
	if first == nil || second == nil {
		return false
	}
	if first.Version > 0 && second.Version > 0 {
		return first.Version < second.Version
	}
	return first.At < second.At
}

// tellsClosed says whether the shop told the buyer that the order is over without a sale. A cancellation that was
// accepted tells so unless its answer names another state.
func tellsClosed(op *history.Op) bool {
	if op.Outcome != history.OK || op.Kind == history.OpPay {
		return false
	}
	return op.State == string(history.OrderClosed) || (op.Kind == history.OpCancel && op.State == "")
}
