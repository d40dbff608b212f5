package harness

import (
	"cmp"
	"sync"
	"time"

	"github.com/paystorm/paystorm/history"
	"github.com/paystorm/paystorm/scenarios"
)

// Events of the harness's own dealings with the shop. They explain a run to a reader and carry no judgement.
const (
	probeFailed = "probe.failed" // State: the reading's label
)

// ledger follows, from the channel's own events, what each order has brought in and given back. Settle needs no more to
// know whether waiting longer could change anything; the judge makes up its own mind from the history.
type ledger struct {
	mu     sync.Mutex
	orders map[string]*balance // by the channel's number of an order or, with some providers, of a payment
	before map[string]bool     // orders of the baseline, which are not this run's; set before the storm
}

type balance struct{ captured, refunded, refunding int64 }

func newLedger() *ledger { return &ledger{orders: map[string]*balance{}} }

// take books one event of the channel.
func (l *ledger) take(event history.Event) {
	switch event.Kind {
	case history.PaymentSucceeded, history.RefundCreated, history.RefundSucceeded, history.RefundFailed:
	default:
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	b := l.orders[event.Order]
	if b == nil {
		b = &balance{}
		l.orders[event.Order] = b
	}
	switch event.Kind {
	case history.PaymentSucceeded:
		b.captured += event.Minor
	case history.RefundCreated:
		b.refunding += event.Minor
	case history.RefundSucceeded:
		b.refunding -= event.Minor
		b.refunded += event.Minor
	case history.RefundFailed:
		b.refunding -= event.Minor
	}
}

// ignore leaves the orders that the shop's books already hold out of what has to settle.
func (l *ledger) ignore(baseline history.Books) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.before = make(map[string]bool, len(baseline.Orders))
	for _, row := range baseline.Orders {
		l.before[row.Order] = true
	}
}

// agrees says whether the shop's books and the ledger tell the same: no order on its way anywhere, and money kept for
// the orders that are paid and for no others. Books that were not read agree with nothing.
func (l *ledger) agrees(reading history.Reading) bool {
	if !reading.Has(history.TableOrders) || len(reading.Errors) > 0 {
		return false
	}
	balances := l.byOrder(reading.Books.Payments)
	seen := 0
	rows := reading.Books.Orders
	for i, row := range rows {
		if another := i > 0 && rows[i-1].Order == row.Order; another || l.before[row.Order] {
			continue // one more line of the same order, or an order of before
		}
		b, moved := balances[row.Order]
		if moved {
			seen++
		}
		kept := b.captured - b.refunded - b.refunding
		switch row.State {
		case history.OrderPaid, history.OrderShipped:
			if kept <= 0 || kept > row.Minor {
				return false
			}
		case history.OrderClosed, history.OrderRefunded:
			if kept != 0 || b.refunding != 0 {
				return false
			}
		case history.OrderReview:
		default:
			return false
		}
	}
	return seen == len(balances)
}

// byOrder are the balances by the shop's numbers. Some providers know each payment by a number of its own: then the
// shop's payments say whose it is.
func (l *ledger) byOrder(payments []history.PaymentRow) map[string]balance {
	orderOf := map[string]string{}
	for _, row := range payments {
		if row.Number != "" {
			orderOf[row.Number] = row.Order
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	balances := make(map[string]balance, len(l.orders))
	for number, moved := range l.orders {
		order := cmp.Or(orderOf[number], number)
		b := balances[order]
		b.captured, b.refunded, b.refunding = b.captured+moved.captured, b.refunded+moved.refunded, b.refunding+moved.refunding
		balances[order] = b
	}
	return balances
}

// stillness is since when nothing has moved that can be seen from outside: neither the books nor what comes to a sink.
type stillness struct {
	mu    sync.Mutex
	books history.Books
	since history.Time
}

// read takes in a reading of the books.
func (s *stillness) read(books history.Books, now history.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !books.Equal(s.books) {
		s.books, s.since = books, now
	}
}

// stir says that something else has moved.
func (s *stillness) stir(now history.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.since = now
}

func (s *stillness) lasts(now history.Time) time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	return now.Sub(s.since)
}

func longestTimer(t scenarios.Timers) time.Duration {
	return time.Duration(max(t.Expiry, t.Query, t.Refund, t.Reconcile, t.Apply))
}
