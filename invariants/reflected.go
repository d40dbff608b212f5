package invariants

import (
	"fmt"
	"math"

	"github.com/paystorm/paystorm/history"
	"github.com/paystorm/paystorm/money"
)

// balance is an order's money at the channel over all of its payments, in the currency of the first.
type balance struct {
	captured, refunded, pending int64
	currency                    string
}

// balance adds up the payments in one currency: that of the first which keeps money, else which took some, else of the first. One
// in another currency matches no order and is judged where amounts and currencies are compared.
func (s *Story) balance() balance {
	sum := balance{currency: s.currency()}
	for _, payment := range s.Payments {
		if payment.Currency != sum.currency {
			continue
		}
		sum.captured += payment.Captured()
		sum.refunded += payment.Refunded()
		sum.pending += payment.RefundPending()
	}
	return sum
}

// currency is the one in which the order's money is.
func (s *Story) currency() string {
	captured := s.Captured()
	for _, payment := range captured {
		if payment.Kept() > 0 {
			return payment.Currency
		}
	}
	switch {
	case len(captured) > 0:
		return captured[0].Currency
	case len(s.Payments) > 0:
		return s.Payments[0].Currency
	default:
		return ""
	}
}

// net is what was taken and is neither back with the buyer nor, accepted by the channel, on its way back.
func (b balance) net() int64 { return max(0, b.captured-b.refunded-b.pending) }

func (b balance) amount(minor int64) money.Amount {
	return money.Amount{Minor: minor, Currency: b.currency}
}

func (b balance) String() string {
	if b.captured == 0 {
		return "never captured"
	}
	text := "captured " + b.amount(b.captured).String() + ", refunded " + b.amount(b.refunded).String()
	if b.pending > 0 {
		text += ", refund pending " + b.amount(b.pending).String()
	}
	return text
}

// firstCapture is the order's earliest capture, or nil.
func (s *Story) firstCapture() *history.Event {
	var first *history.Event
	for _, payment := range s.Payments {
		if payment.Succeeded != nil && (first == nil || payment.Succeeded.At < first.At) {
			first = payment.Succeeded
		}
	}
	return first
}

// lastMove is when the shop last came to owe something that it did not owe before: a capture, or a refund that failed.
func (s *Story) lastMove() history.Time {
	last := history.Time(0)
	for _, payment := range s.Payments {
		if payment.Succeeded != nil {
			last = max(last, payment.Succeeded.At)
		}
		for _, again := range payment.Again {
			last = max(last, again.At)
		}
		for _, refund := range payment.Refunds {
			if refund.Failed != nil {
				last = max(last, refund.Failed.At)
			}
		}
	}
	return last
}

// paidSince is when the order is first known to have counted as paid in the shop: a buyer was told so, a checkpoint had
// it, or its success was acknowledged. Without any of these it is the end of time.
func (s *Story) paidSince() history.Time {
	since := history.Time(math.MaxInt64)
	for _, op := range s.Ops {
		if tellsPaid(op) {
			since = min(since, op.Returned)
		}
	}
	for _, row := range s.Earlier {
		if effective(row.Row.State) {
			since = min(since, row.End)
		}
	}
	for _, delivery := range s.Deliveries {
		if delivery.genuineSuccess() && delivery.Outcome() == history.OK {
			since = min(since, delivery.Answered.At)
		}
	}
	return since
}

// moneyEvidence is the record of every capture and of every refund's last change.
func (s *Story) moneyEvidence() []Evidence {
	var found []Evidence
	for _, payment := range s.Payments {
		if payment.Succeeded != nil {
			found = append(found, recordOf(payment.Succeeded))
		}
		for _, again := range payment.Again {
			found = append(found, recordOf(again))
		}
		for _, refund := range payment.Refunds {
			switch {
			case refund.Failed != nil:
				found = append(found, recordOf(refund.Failed))
			case refund.Succeeded != nil:
				found = append(found, recordOf(refund.Succeeded))
			default:
				found = append(found, recordOf(refund.Created))
			}
		}
	}
	return found
}

// rowEvidence is the order's row in the final reading, if it has one.
func (s *Story) rowEvidence() []Evidence {
	if s.Row == nil || s.RowSeq == "" {
		return nil
	}
	return []Evidence{s.RowSeq}
}

// rowWords is how the shop's books end, for people.
func (s *Story) rowWords() string {
	if s.Row == nil {
		return "no such order in the shop"
	}
	return "order " + string(s.Row.State)
}

func recordOf(event *history.Event) Evidence { return recordAt(event.Writer, event.Seq) }

func opRecord(op *history.Op) Evidence { return recordAt(op.Writer, op.Seq) }

func seconds(at history.Time) string { return fmt.Sprintf("%.3fs", at.Duration().Seconds()) }

// effective is an order under which the buyer has, or gets, the goods.
func effective(state history.OrderState) bool {
	return state == history.OrderPaid || state == history.OrderShipped
}

// isOver is an order, or a line of one, under which nobody gets goods any more.
func isOver(state history.OrderState) bool {
	return state == history.OrderClosed || state == history.OrderRefunded
}

// reflects says whether a shop in this state knows that it was paid, or has handed the order to a person.
func reflects(state history.OrderState) bool {
	switch state {
	case history.OrderPaid, history.OrderShipped, history.OrderRefunding, history.OrderRefunded, history.OrderReview:
		return true
	default:
		return false
	}
}

// believesPaid says whether a shop in this state must have seen money, whatever it did with it since.
func believesPaid(state history.OrderState) bool {
	return reflects(state) && state != history.OrderReview
}
