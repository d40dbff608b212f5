package invariants

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/paystorm/paystorm/history"
)

// coverage counts in which state of its order, and with which message, each fault struck: a fault that never met what it is
// for has proved nothing of it. A fault that strikes no order, such as one on a link, covers no cell. The cells that the
// scenario demands are there in any case, with their floors.
func coverage(run *Run) []CoverageCell {
	type cell struct{ fault, state, message string }
	counted := map[cell]*CoverageCell{}
	at := func(fault string, state history.OrderAtFault, message string) *CoverageCell {
		key := cell{fault, string(state), message}
		if counted[key] == nil {
			counted[key] = &CoverageCell{Fault: fault, State: string(state), Message: message}
		}
		return counted[key]
	}
	for _, story := range run.Stories {
		for _, event := range story.Affected {
			at(event.Fault, story.metAt(event.At), concerned(event.Key)).Hits += units(event)
		}
	}
	for _, wanted := range run.Header.Floors.Cells {
		at(wanted.Fault, wanted.State, wanted.Message).Floor = wanted.Hits
	}
	cells := make([]CoverageCell, 0, len(counted))
	for _, one := range counted {
		cells = append(cells, *one)
	}
	slices.SortFunc(cells, func(a, b CoverageCell) int {
		return cmp.Or(cmp.Compare(a.Fault, b.Fault), cmp.Compare(a.State, b.State), cmp.Compare(a.Message, b.Message))
	})
	return cells
}

// concerned is the message that a fault concerned, by the key of what it affected: a notification's type, or what the shop
// asked of the channel. "" is none, as of a payer's misbehaviour.
func concerned(key string) string {
	switch key {
	case history.PaymentSucceeded, history.PaymentFailed, history.PaymentClosed, history.RefundSucceeded, history.RefundFailed,
		history.PaymentDisputed, history.Note, "create", "query", "close", "refund", "refund-query", "bill":
		return key
	default:
		return ""
	}
}

// metAt is what the order was at a moment, by what had happened at the channel and been told to the buyer until then.
func (s *Story) metAt(moment history.Time) history.OrderAtFault {
	done := func(event *history.Event) bool { return event != nil && event.At <= moment }
	captured, back, moving, open, closed := int64(0), int64(0), false, false, false
	for _, payment := range s.Payments {
		if done(payment.Succeeded) {
			captured += payment.Captured()
		} else if done(payment.Created) {
			closed = closed || done(payment.Closed)
			open = open || !done(payment.Closed)
		}
		for _, refund := range payment.Refunds {
			switch {
			case !done(refund.Created) || done(refund.Failed):
			case done(refund.Succeeded):
				back += refund.Minor
				moving = true
			default:
				moving = true
			}
		}
	}
	switch {
	case captured > 0 && back >= captured:
		return history.MetRefunded
	case moving:
		return history.MetRefunding
	case captured > 0:
		return history.MetPaid
	case closed && !open, s.toldClosed(moment):
		return history.MetClosed
	default:
		return history.MetOrdered
	}
}

// toldClosed says whether the buyer was told so until then.
func (s *Story) toldClosed(moment history.Time) bool {
	return slices.ContainsFunc(s.Ops, func(op *history.Op) bool {
		return op.Outcome == history.OK && op.Returned > 0 && op.Returned <= moment && op.State == string(history.OrderClosed)
	})
}

// coverageDoubts are the demanded cells that were met too seldom.
func coverageDoubts(cells []CoverageCell) []string {
	var doubts []string
	for _, cell := range cells {
		if cell.Hits < cell.Floor {
			doubts = append(doubts, fmt.Sprintf("%s met %s, floor %d", cell.Fault, cell.words(), cell.Floor))
		}
	}
	return doubts
}

// words are what was met, and how often: "an order that is paid, at payment.succeeded, 3 times".
func (c CoverageCell) words() string {
	at := ""
	if c.Message != "" {
		at = " at " + c.Message
	}
	return fmt.Sprintf("orders that were %s%s %s", c.State, at, countOf(c.Hits, "time"))
}
