package invariants

import (
	"strconv"

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

// Lines is what was ordered, by SKU: as the books have it, else as the buyer asked for it.
func (s *Story) Lines() []history.Line {
	booked, asked := s.Booked, []history.Line(nil)
	if len(booked) == 0 && len(s.Earlier) > 0 {
		booked = s.Earlier[len(s.Earlier)-1].Booked
	}
	for i := range s.Ops {
		if s.Ops[i].Kind == history.OpOrder {
			asked = s.Ops[i].Lines()
			break
		}
	}
	switch {
	case len(booked) > 1, len(booked) == 1 && booked[0].SKU != "" && len(asked) > 1:
		return booked
	case len(asked) > 1:
		return asked
	}
	only := history.Line{SKU: s.sku(), Quantity: s.units()}
	if s.Item != nil {
		only.SKU = s.Item.SKU
	}
	return []history.Line{only}
}

// Units is how many units of one SKU were ordered.
func (s *Story) Units(sku string) int64 { return unitsOf(s.Lines(), sku) }

func unitsOf(lines []history.Line, sku string) int64 {
	units := int64(0)
	for _, line := range lines {
		if line.SKU == sku {
			units += max(1, line.Quantity)
		}
	}
	return units
}

// Quantity is the number of units ordered, of whatever SKU.
func (s *Story) Quantity() int64 {
	units := int64(0)
	for _, line := range s.Lines() {
		units += max(1, line.Quantity)
	}
	return units
}

// listed is what the order costs by the sale's own list, nothing if some of it is not on it.
func (s *Story) listed() money.Amount { return s.terms.costOf(s.Lines()) }

// costOf is what the lines cost by the sale's own list, nothing if some of them are not on it.
func (t *terms) costOf(lines []history.Line) money.Amount {
	var sum money.Amount
	for _, line := range lines {
		item := t.onSale[line.SKU]
		if item == nil || sum.Currency != "" && sum.Currency != item.Price.Currency {
			return money.Amount{}
		}
		sum.Minor += item.Price.Minor * max(1, line.Quantity)
		sum.Currency = item.Price.Currency
	}
	return sum
}

// units is the number of units of an order of one SKU; 1 where nobody says otherwise.
func (s *Story) units() int64 {
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
func readingEvidence(r *history.Reading) Evidence { return recordAt(r.Writer, r.Seq) }

func recordAt(writer string, seq uint64) Evidence {
	return Evidence(writer + ":" + strconv.FormatUint(seq, 10))
}
