package invariants

import (
	"fmt"
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
		}
	}
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

func (b *builder) run() *Run { return newRun(b.history()) }

// find asks one invariant.
func (b *builder) find(invariant Invariant) Finding { return invariant.Judge(b.run()) }

// orderBuilder tells one order's story. What it says of a payment or refund is of the latest one, unless on names
// another.
type orderBuilder struct {
	b            *builder
	order, ref   string
	buyer        int
	item         history.Item
	quantity     int64
	current      string
	notification int
	versions     map[string]int64
	refunds      map[string]string // merchant refund → payment
	amounts      map[string]int64  // merchant refund → minor
	finalRow     *history.OrderRow
}

// order lets a buyer order one unit, and the shop accept it. The n-th call for a buyer is that buyer's n-th order.
func (b *builder) order(order string, buyer int, sku string) *orderBuilder {
	return b.orderOf(order, buyer, sku, 1)
}

// orderOf is order with a quantity.
func (b *builder) orderOf(order string, buyer int, sku string, quantity int64) *orderBuilder {
	o := b.unseen(order, buyer, sku, quantity)
	o.op(history.OpOrder, history.OK, history.OrderPending, "")
	return o
}

// unseen is an order in the shop without an op of a client: op records what the client saw of it.
func (b *builder) unseen(order string, buyer int, sku string, quantity int64) *orderBuilder {
	b.nth[buyer]++
	o := &orderBuilder{
		b: b, order: order, buyer: buyer, quantity: quantity, versions: map[string]int64{},
		refunds: map[string]string{}, amounts: map[string]int64{},
		ref: history.Ref{Run: "r1", Buyer: buyer, Nth: b.nth[buyer]}.String(),
	}
	for _, item := range b.hist.Header.Sale {
		if item.SKU == sku {
			o.item = item
		}
	}
	b.orders = append(b.orders, o)
	return o
}

func (o *orderBuilder) total() int64 { return o.item.Price.Minor * o.quantity }

// op records what a client tried and what it was told: reason goes with a refusal, state with an answer.
func (o *orderBuilder) op(kind string, outcome history.Outcome, state history.OrderState, reason string) *orderBuilder {
	called := o.b.now + tick
	o.b.now = called + tick
	return o.opBetween(kind, outcome, state, reason, called, o.b.now)
}

// opBetween is op at given times; the clock stays.
func (o *orderBuilder) opBetween(kind string, outcome history.Outcome, state history.OrderState, reason string, called, returned history.Time) *orderBuilder {
	o.b.op++
	op := history.Op{
		Writer: "load", Seq: o.b.next("load"), Returned: returned, Outcome: outcome, Reason: reason, State: string(state),
		Invocation: history.Invocation{
			Op: o.b.op, Ref: o.ref, Buyer: o.buyer, Kind: kind, Order: o.order, Payment: o.current, SKU: o.item.SKU,
			Quantity: o.quantity, Phase: history.PhaseStorm, Called: called,
		},
	}
	if kind == history.OpPay {
		op.Minor, op.Currency = o.total(), o.item.Price.Currency
	}
	if outcome == history.Unknown {
		op.Returned = 0
	}
	o.b.hist.Ops = append(o.b.hist.Ops, op)
	return o
}

// told is a look at the order that answered with a state.
func (o *orderBuilder) told(state history.OrderState) *orderBuilder {
	return o.op(history.OpLook, history.OK, state, "")
}

// channel records an event of the channel on this order.
func (o *orderBuilder) channel(e history.Event) *orderBuilder {
	e.Source, e.Order, e.Ref, e.Buyer = history.SourceChannel, o.order, o.ref, o.buyer
	if e.Payment == "" {
		e.Payment = o.current
	}
	if e.Currency == "" {
		e.Currency = o.item.Price.Currency
	}
	if e.Kind != history.Request {
		o.versions[e.Payment]++
		e.Version = o.versions[e.Payment]
	}
	o.b.event(e)
	return o
}

// payment creates a payment of the order's total at the channel; later lines are about it.
func (o *orderBuilder) payment(id string) *orderBuilder {
	o.current = id
	return o.channel(history.Event{Kind: history.PaymentCreated, Minor: o.total()})
}

// on makes later lines be about another payment.
func (o *orderBuilder) on(payment string) *orderBuilder { o.current = payment; return o }

// captured takes the whole amount; capturedMinor another.
func (o *orderBuilder) captured() *orderBuilder { return o.capturedMinor(o.total()) }

func (o *orderBuilder) capturedMinor(minor int64) *orderBuilder {
	return o.channel(history.Event{Kind: history.PaymentSucceeded, Minor: minor, State: "succeeded"})
}

func (o *orderBuilder) declined() *orderBuilder {
	return o.channel(history.Event{Kind: history.PaymentFailed, Minor: o.total(), State: "failed"})
}

func (o *orderBuilder) closed() *orderBuilder {
	return o.channel(history.Event{Kind: history.PaymentClosed, Minor: o.total(), State: "closed"})
}

// request is one of the shop's requests to the channel: create, query, close, refund, refund-query.
func (o *orderBuilder) request(operation string, outcome history.Outcome) *orderBuilder {
	return o.channel(history.Event{Kind: history.Request, State: operation, Outcome: outcome})
}

// refund asks the channel to give the latest payment's amount back under a number of the shop.
func (o *orderBuilder) refund(number string) *orderBuilder { return o.refundMinor(number, o.total()) }

func (o *orderBuilder) refundMinor(number string, minor int64) *orderBuilder {
	o.refunds[number], o.amounts[number] = o.current, minor
	return o.refundEvent(history.RefundCreated, number)
}

func (o *orderBuilder) refundDone(number string) *orderBuilder {
	return o.refundEvent(history.RefundSucceeded, number)
}

func (o *orderBuilder) refundBroken(number string) *orderBuilder {
	return o.refundEvent(history.RefundFailed, number)
}

func (o *orderBuilder) refundEvent(kind, number string) *orderBuilder {
	return o.channel(history.Event{
		Kind: kind, Payment: o.refunds[number], Refund: "ch-" + number, MerchantRefund: number, Minor: o.amounts[number],
	})
}

// notified delivers a genuine message of a type about the latest payment, and has it answered. lost never sends it.
func (o *orderBuilder) notified(kind string, outcome history.Outcome) *orderBuilder {
	o.notification++
	return o.delivery(o.lastNotification(), 1, kind, "", o.total(), outcome)
}

// delivered is notified of payment.succeeded.
func (o *orderBuilder) delivered(outcome history.Outcome) *orderBuilder {
	return o.notified(history.PaymentSucceeded, outcome)
}

// again delivers the last message once more.
func (o *orderBuilder) again(kind string, attempt int, outcome history.Outcome) *orderBuilder {
	return o.delivery(o.lastNotification(), attempt, kind, "", o.total(), outcome)
}

// forged delivers a payment.succeeded that the ledger does not justify.
func (o *orderBuilder) forged(forgery string, minor int64, outcome history.Outcome) *orderBuilder {
	o.notification++
	return o.delivery(o.lastNotification(), 1, history.PaymentSucceeded, forgery, minor, outcome)
}

func (o *orderBuilder) lastNotification() string {
	return fmt.Sprintf("n-%s-%d", o.order, o.notification)
}

// delivery is one attempt: sent, and answered unless nothing is known of it.
func (o *orderBuilder) delivery(notification string, attempt int, kind, forgery string, minor int64, outcome history.Outcome) *orderBuilder {
	e := history.Event{
		Source: history.SourceDelivery, Kind: history.DeliverySent, Notification: notification, Order: o.order, Ref: o.ref,
		Buyer: o.buyer, Payment: o.current, Attempt: attempt, State: kind, Forgery: forgery, Minor: minor,
		Currency: o.item.Price.Currency,
	}
	o.b.event(e)
	e.Kind, e.Outcome = history.DeliveryAnswered, outcome
	switch outcome {
	case history.OK:
		e.Status = 200
	case history.Refused:
		e.Status = 400
	default:
	}
	o.b.event(e)
	return o
}

// struck says that a fault affected this order.
func (o *orderBuilder) struck(fault string) *orderBuilder {
	o.b.event(history.Event{
		Source: history.SourceFault, Kind: history.FaultAffected, Fault: fault, Order: o.order, Ref: o.ref, Buyer: o.buyer,
		Payment: o.current,
	})
	return o
}

// sunk is an effect outside the shop: a mail, a shipping order.
func (o *orderBuilder) sunk(sink, key string) *orderBuilder {
	o.b.event(history.Event{
		Source: history.SourceSink, Kind: history.SinkReceived, State: sink, Key: key, Order: o.order,
	})
	return o
}

// as is the order's row in a state.
func (o *orderBuilder) as(state history.OrderState) history.OrderRow {
	return history.OrderRow{
		Order: o.order, Ref: o.ref, SKU: o.item.SKU, Quantity: o.quantity, Minor: o.total(),
		Currency: o.item.Price.Currency, State: state,
	}
}

// row is how the order ends in the shop's books.
func (o *orderBuilder) row(state history.OrderState) *orderBuilder {
	row := o.as(state)
	o.finalRow = &row
	return o
}

// refundRow, grant, coupon, paymentRow and stored are rows of the order in the final books.
func (o *orderBuilder) refundRow(number, state string) *orderBuilder {
	minor, asked := o.amounts[number]
	if !asked {
		minor = o.total()
	}
	books := &o.b.final.Books
	books.Refunds = append(books.Refunds, history.RefundRow{
		MerchantRefund: number, Order: o.order, Payment: o.current, Minor: minor, Currency: o.item.Price.Currency, State: state,
	})
	return o
}

func (o *orderBuilder) grant(kind string, value int64) *orderBuilder {
	books := &o.b.final.Books
	books.Grants = append(books.Grants, history.GrantRow{Order: o.order, Kind: kind, Value: value})
	return o
}

func (o *orderBuilder) coupon(coupon string) *orderBuilder {
	books := &o.b.final.Books
	books.Coupons = append(books.Coupons, history.CouponRow{Coupon: coupon, Order: o.order})
	return o
}

func (o *orderBuilder) paymentRow(state string) *orderBuilder {
	books := &o.b.final.Books
	books.Payments = append(books.Payments, history.PaymentRow{
		Payment: o.current, Order: o.order, Minor: o.total(), Currency: o.item.Price.Currency, State: state,
	})
	return o
}

func (o *orderBuilder) stored(notification string) *orderBuilder {
	books := &o.b.final.Books
	books.Inbox = append(books.Inbox, history.InboxRow{Notification: notification, Order: o.order})
	return o
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
