package invariants

import (
	"fmt"

	"github.com/paystorm/paystorm/history"
	"github.com/paystorm/paystorm/money"
)

// Has says whether the books at rest hold the table.
func (r *Run) Has(table history.Table) bool { return r.Final != nil && r.Final.Has(table) }

// State is the order's state in the final books, "" if it is not in them.
func (s *Story) State() history.OrderState {
	if s.Row == nil {
		return ""
	}
	return s.Row.State
}

// sku is what anybody says was ordered, on sale or not; "" if nobody does.
func (s *Story) sku() string {
	if s.Row != nil && s.Row.SKU != "" {
		return s.Row.SKU
	}
	for i := range s.Earlier {
		if s.Earlier[i].Row.SKU != "" {
			return s.Earlier[i].Row.SKU
		}
	}
	for i := range s.Ops {
		if s.Ops[i].SKU != "" {
			return s.Ops[i].SKU
		}
	}
	return ""
}

// Quantity is the number of units ordered; 1 where nobody says otherwise.
func (s *Story) Quantity() int64 {
	if s.Row != nil && s.Row.Quantity > 0 {
		return s.Row.Quantity
	}
	for i := len(s.Earlier) - 1; i >= 0; i-- {
		if quantity := s.Earlier[i].Row.Quantity; quantity > 0 {
			return quantity
		}
	}
	for i := range s.Ops {
		if s.Ops[i].Quantity > 0 {
			return s.Ops[i].Quantity
		}
	}
	return 1
}

// Due is what the order costs: what its row says, else what the channel was asked for, else the list price.
func (s *Story) Due() money.Amount {
	var due money.Amount
	if s.Item != nil {
		due = money.Amount{Minor: s.Item.Price.Minor * s.Quantity(), Currency: s.Item.Price.Currency}
	}
	if len(s.Payments) > 0 {
		due = money.Amount{Minor: s.Payments[0].Minor, Currency: s.Payments[0].Currency}
	}
	if s.Row != nil && s.Row.Minor > 0 {
		due.Minor = s.Row.Minor
		if s.Row.Currency != "" {
			due.Currency = s.Row.Currency
		}
	}
	return due
}

// Captured lists the payments that the ledger took money for.
func (s *Story) Captured() []*Payment {
	var captured []*Payment
	for _, payment := range s.Payments {
		if payment.Succeeded != nil {
			captured = append(captured, payment)
		}
	}
	return captured
}

// Kept is what was captured and neither given back nor accepted to be.
func (p *Payment) Kept() int64 { return p.Captured() - p.Refunded() - p.RefundPending() }

// readingEvidence is the reading as a whole; rows of it append "/orders/<order>" and the like.
func readingEvidence(r *history.Reading) Evidence {
	return Evidence(fmt.Sprintf("%s:%d", r.Writer, r.Seq))
}
