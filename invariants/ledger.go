package invariants

import (
	"cmp"
	"slices"

	"github.com/paystorm/paystorm/history"
)

// ledger is an order's money at the channel over time: what each change left of it.
type ledger struct{ changes []ledgerChange }

type ledgerChange struct {
	kind    string
	at      history.Time
	kept    int64 // afterwards: captured, and neither refunded nor accepted to be
	pending int   // afterwards: refunds that are neither done nor broken
}

func ledgerOf(story *Story) ledger {
	var events []*history.Event
	for _, payment := range story.Payments {
		if payment.Succeeded != nil {
			events = append(append(events, payment.Succeeded), payment.Again...)
		}
		for _, refund := range payment.Refunds {
			created := *refund.Created
			created.Kind = history.RefundCreated // a damaged history may know only how it ended
			events = append(events, &created)
			if refund.Succeeded != nil {
				events = append(events, refund.Succeeded)
			}
			if refund.Failed != nil {
				events = append(events, refund.Failed)
			}
		}
	}
	slices.SortStableFunc(events, func(a, b *history.Event) int {
		return cmp.Or(cmp.Compare(a.At, b.At), cmp.Compare(a.Seq, b.Seq))
	})
	var l ledger
	now := ledgerChange{}
	for _, event := range events {
		switch event.Kind {
		case history.PaymentSucceeded:
			now.kept += event.Minor
		case history.RefundCreated:
			now.kept -= event.Minor
			now.pending++
		case history.RefundSucceeded:
			now.pending--
		case history.RefundFailed:
			now.kept += event.Minor
			now.pending--
		}
		now.kind, now.at = event.Kind, event.At
		l.changes = append(l.changes, now)
	}
	return l
}

// at is the last change up to a moment.
func (l ledger) at(moment history.Time) ledgerChange {
	last := ledgerChange{}
	for _, change := range l.changes {
		if change.at > moment {
			break
		}
		last = change
	}
	return last
}

func (l ledger) kept(moment history.Time) int64   { return l.at(moment).kept }
func (l ledger) pending(moment history.Time) bool { return l.at(moment).pending > 0 }
func (l ledger) captured(moment history.Time) bool {
	return l.any(0, moment, func(c ledgerChange) bool { return c.kind == history.PaymentSucceeded })
}

// reversed says whether a refund had failed by the moment.
func (l ledger) reversed(moment history.Time) bool {
	return l.any(0, moment, func(c ledgerChange) bool { return c.kind == history.RefundFailed })
}

// paidAgain says whether money was captured between two moments.
func (l ledger) paidAgain(from, to history.Time) bool {
	return l.any(from, to, func(c ledgerChange) bool { return c.kind == history.PaymentSucceeded })
}

// keptNothing says whether, at some moment of the time, all money was back or on its way back.
func (l ledger) keptNothing(from, to history.Time) bool {
	return l.kept(from) <= 0 || l.any(from, to, func(c ledgerChange) bool { return c.kept <= 0 })
}

func (l ledger) any(from, to history.Time, holds func(ledgerChange) bool) bool {
	return slices.ContainsFunc(l.changes, func(c ledgerChange) bool { return c.at >= from && c.at <= to && holds(c) })
}
