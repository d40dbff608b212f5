package invariants

import (
	"testing"
	"time"

	"github.com/paystorm/paystorm/history"
	"github.com/paystorm/paystorm/money"
)

// builder writes a history by hand, one short line per thing that happened. Its clock moves on by tick with every line,
// so lines stand in the order in which they happen; at moves it elsewhere. What is not said is what a healthy run has:
// a baseline, whole segments, all phases, and a final reading of the rows that the orders were given.
//
//	h := newHistory(t)
//	h.order("o1", 1, "phone").payment("p1").captured().delivered(history.OK).told(history.OrderPaid).row(history.OrderPaid)
//	wantHeld(t, h.find(oneEffectivePayment()))
type builder struct {
	t           testing.TB
	hist        *history.History
	now         history.Time
	seq         map[string]uint64
	nth         map[int]int
	op          uint64
	orders      []*orderBuilder
	final       history.Reading
	stock       map[string]history.StockRow
	noFinal     bool
	cut         bool // the files are cut off
	interrupted bool // the run ends in the storm, and its files are whole
}

const (
	tick  = history.Time(10 * time.Millisecond)
	price = int64(499900)
)

// newHistory is an empty run: ten phones for 4999.00 CNY each, every table readable, points for every paid order.
func newHistory(t testing.TB) *builder {
	t.Helper()
	b := &builder{
		t: t, seq: map[string]uint64{}, nth: map[int]int{}, stock: map[string]history.StockRow{},
		hist: &history.History{Header: history.Header{
			Schema: history.Schema, Scenario: "by-hand", Seed: 1, PlanDigest: "d1", Run: "r1",
			Started: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC),
			Writers: []string{"channel", "harness", "load"},
			System: history.SystemFacts{
				Name: "flashshop", Dialect: "standard", Tables: history.Tables(), Grants: []string{"points"},
				Timers: history.Timers{Expiry: 5 * time.Second, Query: 2 * time.Second, Refund: 2 * time.Second},
			},
			Sale:   []history.Item{{SKU: "phone", Stock: 10, Price: money.Amount{Minor: price, Currency: "CNY"}}},
			Settle: 10 * time.Second,
		}},
		final: history.Reading{Label: history.ReadingFinal, Agreed: true, Tables: history.Tables()},
	}
	b.baseline(history.StockRow{SKU: "phone", Available: 10})
	b.now = history.Time(time.Second)
	b.phase(history.PhaseBegin, history.PhaseStorm)
	return b
}

// baseline replaces what the shop held before the run.
func (b *builder) baseline(stock ...history.StockRow) *builder {
	begin := history.Time(100 * time.Millisecond)
	b.hist.Readings = []history.Reading{{
		Writer: "harness", Seq: b.next("harness"), Label: history.ReadingBaseline, Begin: begin, End: begin + tick,
		Agreed: true, Tables: history.Tables(), Books: history.Books{Stock: stock},
	}}
	return b
}

// at moves the clock to ms milliseconds after the run's start.
func (b *builder) at(ms int) *builder {
	b.now = history.Time(ms) * history.Time(time.Millisecond)
	return b
}

func (b *builder) next(writer string) uint64 {
	b.seq[writer]++
	return b.seq[writer]
}

// event records e at the clock, which moves on.
func (b *builder) event(e history.Event) *builder {
	b.now += tick
	e.At = b.now
	switch e.Source {
	case history.SourceChannel, history.SourceDelivery:
		e.Writer = "channel"
	case history.SourceLoad:
		e.Writer = "load"
	default:
		e.Writer = "harness"
	}
	e.Seq = b.next(e.Writer)
	b.hist.Events = append(b.hist.Events, e)
	return b
}

func (b *builder) phase(kind, phase string) *builder {
	return b.event(history.Event{Source: history.SourcePhase, Kind: kind, State: phase})
}

// fault plans a fault.
func (b *builder) fault(facts history.FaultFacts) *builder {
	if facts.Kind == "" {
		facts.Kind = facts.ID
	}
	if facts.Contract == "" {
		facts.Contract = history.Documented
	}
	b.hist.Header.Faults = append(b.hist.Header.Faults, facts)
	return b
}

// unread makes the final reading lack tables.
func (b *builder) unread(tables ...history.Table) *builder {
	var left []history.Table
	for _, table := range b.final.Tables {
		keep := true
		for _, gone := range tables {
			keep = keep && table != gone
		}
		if keep {
			left = append(left, table)
		}
	}
	b.final.Tables = left
	return b
}

// coupons makes the sale give away a coupon LAUNCH, for one order of each buyer and three in all.
func (b *builder) coupons(off int64) *builder {
	b.hist.Header.Coupons = []history.Coupon{{Code: "LAUNCH", Off: money.Amount{Minor: off, Currency: "CNY"}, Uses: 3, PerBuyer: 1}}
	return b
}

// stockRow sets the final stock of a SKU; without it the stock follows from the rows.
func (b *builder) stockRow(sku string, available, reserved, sold int64) *builder {
	b.stock[sku] = history.StockRow{SKU: sku, Available: available, Reserved: reserved, Sold: sold}
	return b
}

// restless makes the final readings disagree; cutOff ends the run in the storm.
func (b *builder) restless() *builder { b.final.Agreed = false; return b }
func (b *builder) cutOff() *builder   { b.noFinal, b.cut = true, true; return b }

// checkpoint reads the books now, as they then were. Stock follows from the rows and may be replaced by the caller.
func (b *builder) checkpoint(rows ...history.OrderRow) *history.Reading {
	b.now += tick
	b.hist.Readings = append(b.hist.Readings, history.Reading{
		Writer: "harness", Seq: b.next("harness"), Label: history.ReadingCheckpoint, Begin: b.now, End: b.now + tick/2,
		Tables: history.Tables(), Books: history.Books{Orders: rows, Stock: b.stockOf(rows, nil)},
	})
	return &b.hist.Readings[len(b.hist.Readings)-1]
}

// stockOf is the stock that a correct shop has with these orders. Refunded orders are not restocked unless declared.
func (b *builder) stockOf(rows []history.OrderRow, given map[string]history.StockRow) []history.StockRow {
	var stock []history.StockRow
	for _, item := range b.hist.Header.Sale {
		row := history.StockRow{SKU: item.SKU, Available: item.Stock}
		for _, order := range rows {
			if order.SKU != item.SKU {
				continue
			}
			switch order.State {
			case history.OrderPending:
				row.Reserved += order.Quantity
				row.Available -= order.Quantity
			case history.OrderPaid, history.OrderShipped:
				row.Sold += order.Quantity
				row.Available -= order.Quantity
			default:
			}
		}
		if set, ok := given[item.SKU]; ok {
			row = set
		}
		stock = append(stock, row)
	}
	return stock
}

// history closes the run and returns it. The builder must not be used afterwards.
func (b *builder) history() *history.History {
	h := b.hist
	for _, o := range b.orders {
		if o.finalRow != nil {
			b.final.Books.Orders = append(b.final.Books.Orders, *o.finalRow)
			b.final.Books.Orders = append(b.final.Books.Orders, o.rows(o.finalRow.State)[1:]...)
		}
	}
	b.payments()
	if !b.cut && !b.interrupted {
		b.phase(history.PhaseEnd, history.PhaseStorm)
		for _, phase := range []string{history.PhaseHeal, history.PhaseSettle} {
			b.phase(history.PhaseBegin, phase)
			b.phase(history.PhaseEnd, phase)
		}
	}
	if !b.noFinal {
		b.phase(history.PhaseBegin, history.PhaseObserve)
		b.final.Writer, b.final.Seq = "harness", b.next("harness")
		b.final.Begin, b.final.End = b.now+tick, b.now+2*tick
		b.now += 3 * tick
		b.final.Books.Stock = b.stockOf(b.final.Books.Orders, b.stock)
		h.Readings = append(h.Readings, b.final)
		b.phase(history.PhaseEnd, history.PhaseObserve)
	}
	for _, writer := range h.Header.Writers {
		h.Segments = append(h.Segments, history.Segment{
			Writer: writer, Ended: !b.cut, Last: b.now, Records: int(b.seq[writer]),
		})
	}
	return h
}

// payments gives the shop's books the payments that they should have of the orders in them, unless the test has given any.
func (b *builder) payments() {
	if len(b.final.Books.Payments) > 0 {
		return
	}
	booked := map[string]bool{}
	for _, row := range b.final.Books.Orders {
		booked[row.Order] = true
	}
	for _, event := range b.hist.Events {
		if event.Source == history.SourceChannel && event.Kind == history.PaymentSucceeded && booked[event.Order] {
			b.final.Books.Payments = append(b.final.Books.Payments, history.PaymentRow{
				Payment: event.Payment, Order: event.Order, Minor: event.Minor, Currency: event.Currency, State: history.PaymentCaptured,
			})
		}
	}
}

func (b *builder) run() *Run { return newRun(b.history()) }

// find asks one invariant.
func (b *builder) find(invariant Invariant) Finding {
	found := find(b.run(), invariant)
	found.Unjudged = append(found.missing, found.Unjudged...)
	return found.Finding
}

// wantHeld fails unless the invariant held, having been able to fail.
func wantHeld(t testing.TB, found Finding) {
	t.Helper()
	if len(found.Violations) > 0 {
		t.Fatalf("want held, got violated: %+v", found.Violations)
	}
	if len(found.Unjudged) > 0 {
		t.Fatalf("want held, got unjudged: %v", found.Unjudged)
	}
	if found.Evaluated == 0 || found.Exercised == 0 {
		t.Fatalf("held, and means nothing: evaluated %d, exercised %d", found.Evaluated, found.Exercised)
	}
}

// wantViolated fails unless there is exactly one violation, of the pattern, and returns it.
func wantViolated(t testing.TB, found Finding, pattern string) Violation {
	t.Helper()
	if len(found.Violations) != 1 {
		t.Fatalf("want one violation %q, got %d: %+v", pattern, len(found.Violations), found.Violations)
	}
	if found.Violations[0].Pattern != pattern {
		t.Fatalf("pattern is %q, want %q", found.Violations[0].Pattern, pattern)
	}
	if len(found.Violations[0].Evidence) == 0 {
		t.Fatalf("a violation without evidence: %+v", found.Violations[0])
	}
	if found.Evaluated == 0 || found.Exercised == 0 {
		t.Fatalf("violated, but not counted: evaluated %d, exercised %d", found.Evaluated, found.Exercised)
	}
	return found.Violations[0]
}
