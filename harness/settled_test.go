package harness

import (
	"fmt"
	"testing"

	"github.com/paystorm/paystorm/history"
)

// ledgerCase is what the channel told of order o1, what the shop's books hold, and whether both agree.
type ledgerCase struct {
	name   string
	events []history.Event
	rows   []history.OrderRow
	want   bool
}

func ledgerCases() []ledgerCase {
	paid := history.Event{Kind: history.PaymentSucceeded, Order: "o1", Minor: 100}
	asked := history.Event{Kind: history.RefundCreated, Order: "o1", Minor: 100}
	refunded := history.Event{Kind: history.RefundSucceeded, Order: "o1", Minor: 100}
	broken := history.Event{Kind: history.RefundFailed, Order: "o1", Minor: 100}
	row := func(state history.OrderState) []history.OrderRow {
		return []history.OrderRow{{Order: "o1", Minor: 100, State: state}}
	}
	return []ledgerCase{
		{"nothing happened", nil, nil, true},
		{"paid and paid", []history.Event{paid}, row(history.OrderPaid), true},
		{"paid and paid, in two lines", []history.Event{paid}, []history.OrderRow{
			{Order: "o1", SKU: "a", Minor: 100, State: history.OrderPaid}, {Order: "o1", SKU: "b", Minor: 100, State: history.OrderPaid},
		}, true},
		{"paid and pending", []history.Event{paid}, row(history.OrderPending), false},
		{"paid and closed", []history.Event{paid}, row(history.OrderClosed), false},
		{"paid and unknown to the shop", []history.Event{paid}, nil, false},
		{"paid and in review", []history.Event{paid}, row(history.OrderReview), true},
		{"unpaid and paid", nil, row(history.OrderPaid), false},
		{"unpaid and closed", nil, row(history.OrderClosed), true},
		{"unpaid and pending", nil, row(history.OrderPending), false},
		{"refund under way", []history.Event{paid, asked}, row(history.OrderRefunding), false},
		{"refund under way, and called refunded", []history.Event{paid, asked}, row(history.OrderRefunded), false},
		{"refunded", []history.Event{paid, asked, refunded}, row(history.OrderRefunded), true},
		{"refunded and paid", []history.Event{paid, asked, refunded}, row(history.OrderPaid), false},
		{"a refund failed, and called refunded", []history.Event{paid, asked, broken}, row(history.OrderRefunded), false},
		{"paid twice", []history.Event{paid, paid}, row(history.OrderPaid), false},
		{"paid twice, one refunded", []history.Event{paid, paid, asked, refunded}, row(history.OrderPaid), true},
	}
}

func TestLedgerAgreesWithBooks(t *testing.T) {
	for _, c := range ledgerCases() {
		t.Run(c.name, func(t *testing.T) {
			l := newLedger()
			for _, event := range c.events {
				l.take(event)
			}
			reading := history.Reading{Tables: []history.Table{history.TableOrders}, Books: history.Books{Orders: c.rows}}
			if got := l.agrees(reading); got != c.want {
				t.Errorf("agrees: %v, want %v", got, c.want)
			}
			reading.Books.Orders = append(reading.Books.Orders, history.OrderRow{Order: "old", State: history.OrderPending})
			l.ignore(history.Books{Orders: []history.OrderRow{{Order: "old", State: history.OrderPending}}})
			if got := l.agrees(reading); got != c.want {
				t.Errorf("agrees beside an old order: %v, want %v", got, c.want)
			}
			reading.Tables = nil
			if l.agrees(reading) {
				t.Error("books that were not read agree")
			}
		})
	}
}

// Some providers know each payment by a number of its own, which only the shop's payments lead back to its order.
func TestLedgerAgreesByNumbersOfPayments(t *testing.T) {
	for _, c := range ledgerCases() {
		if len(c.events) == 0 {
			continue
		}
		t.Run(c.name, func(t *testing.T) {
			l := newLedger()
			var payments []history.PaymentRow
			for _, event := range c.events {
				if event.Kind == history.PaymentSucceeded {
					payments = append(payments, history.PaymentRow{Number: fmt.Sprint("o1_", len(payments)+1), Order: "o1"})
				}
				event.Order = payments[len(payments)-1].Number
				l.take(event)
			}
			reading := history.Reading{Tables: []history.Table{history.TableOrders}, Books: history.Books{Orders: c.rows}}
			if l.agrees(reading) {
				t.Error("numbers that nobody knows agree")
			}
			reading.Books.Payments = payments
			if got := l.agrees(reading); got != c.want {
				t.Errorf("agrees: %v, want %v", got, c.want)
			}
		})
	}
}

func TestStillness(t *testing.T) {
	books := func(state history.OrderState) history.Books {
		return history.Books{Orders: []history.OrderRow{{Order: "o1", State: state}}}
	}
	var s stillness
	steps := []struct {
		name string
		do   func(now history.Time)
		want history.Time // since when it has been still
	}{
		{"settle begins", s.stir, 1},
		{"the first reading", func(now history.Time) { s.read(books(history.OrderPending), now) }, 2},
		{"the same again", func(now history.Time) { s.read(books(history.OrderPending), now) }, 2},
		{"the order is paid", func(now history.Time) { s.read(books(history.OrderPaid), now) }, 4},
		{"the same again", func(now history.Time) { s.read(books(history.OrderPaid), now) }, 4},
		{"its mail", s.stir, 6},
		{"nothing new", func(now history.Time) { s.read(books(history.OrderPaid), now) }, 6},
	}
	for index, step := range steps {
		now := history.Time(index + 1)
		step.do(now)
		if got, want := s.lasts(now), now.Sub(step.want); got != want {
			t.Errorf("%s: still for %v, want %v", step.name, got, want)
		}
	}
}
