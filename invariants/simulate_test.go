package invariants

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/paystorm/paystorm/history"
	"github.com/paystorm/paystorm/money"
)

// world simulates a correct shop under a correct channel and bad weather, with all orders in flight at once: every act
// is a moment on one clock, and whatever a real shop commits in one transaction happens in one moment here.
type world struct {
	*history.History
	rand    *rand.Rand
	now     history.Time
	queue   moments
	seq     map[string]uint64
	numbers uint64
	stock   history.StockRow
	orders  []*simOrder
	ledgers []history.LedgerRow
	reports []history.DiscrepancyRow
	defect  string
}

type simOrder struct {
	whose       history.Ref
	ref, number string
	state       history.OrderState
	payments    []*simPayment
	refunds     []*history.RefundRow
	paidBy      *simPayment
	points      int // how often they were granted
}

type simPayment struct {
	id       string
	captured bool
	closed   bool
	known    bool // to the shop
	version  int64
	notices  int
}

// simulation says who comes for what. A defect is one that real shops have had, by its key; "" is the correct shop.
type simulation struct {
	seed    uint64
	buyers  int
	stock   int64
	restock bool
	recount bool // refunded units are free again within the limit of one for each buyer
	defect  string
}

// simulated is one run: buyers come within three seconds for half as many phones, and some come twice.
func simulated(seed uint64, buyers int) *history.History {
	return simulation{seed: seed, buyers: buyers, stock: int64(buyers+1) / 2}.run()
}

func (s simulation) run() *history.History {
	w := &world{
		rand: rand.New(rand.NewPCG(s.seed, 7)), seq: map[string]uint64{}, defect: s.defect,
		stock: history.StockRow{SKU: "phone", Available: s.stock},
		History: &history.History{Header: history.Header{
			Schema: history.Schema, Scenario: "simulated", Seed: int64(s.seed), Run: "r1",
			Writers: []string{"channel", "harness", "load"}, Started: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC),
			Sale:      []history.Item{{SKU: "phone", Stock: s.stock, PerBuyer: 1, Price: money.Amount{Minor: price, Currency: "CNY"}}},
			ReviewCap: 0, Settle: 30 * time.Second,
			System: history.SystemFacts{
				Name: "simulated", Tables: history.Tables(), Grants: []string{"points"}, Legal: history.Legal{RestockRefunds: s.restock, RecountRefunded: s.recount},
				Timers:          history.Timers{Expiry: 2 * time.Second, Query: time.Second, Refund: time.Second},
				ChannelAccounts: []string{"provider"},
			},
		}},
	}
	w.read(history.ReadingBaseline)
	w.now = history.Time(time.Second)
	w.harness(history.PhaseBegin, history.PhaseStorm)
	for buyer := range s.buyers {
		w.in(3000, func() {
			w.arrive(history.Ref{Run: "r1", Buyer: buyer + 1, Nth: 1})
			if again := (history.Ref{Run: "r1", Buyer: buyer + 1, Nth: 2}); w.chance(10) { // in another tab, or some time after
				w.in(1+w.rand.IntN(2)*5000, func() { w.arrive(again) })
			}
		})
	}
	for range 4 {
		w.in(6000, func() { w.read(history.ReadingCheckpoint) })
	}
	for number := range 8 {
		w.in(6000, func() { w.settleBill(number + 1) })
	}
	w.drain()
	w.harness(history.PhaseEnd, history.PhaseStorm)
	for _, phase := range []string{history.PhaseHeal, history.PhaseSettle} {
		w.harness(history.PhaseBegin, phase)
		w.reconcile()
		w.drain()
		w.harness(history.PhaseEnd, phase)
	}
	w.now += history.Time(10 * time.Second)
	w.read(history.ReadingFinal)
	for _, writer := range w.Header.Writers {
		w.Segments = append(w.Segments, history.Segment{Writer: writer, Ended: true, Last: w.now})
	}
	slices.SortStableFunc(w.Events, func(a, b history.Event) int {
		return cmp.Or(cmp.Compare(a.At, b.At), cmp.Compare(a.Writer, b.Writer), cmp.Compare(a.Seq, b.Seq))
	})
	slices.SortStableFunc(w.Ops, func(a, b history.Op) int { return cmp.Or(cmp.Compare(a.Called, b.Called), cmp.Compare(a.Seq, b.Seq)) })
	return w.History
}

func (w *world) chance(percent int) bool { return w.rand.IntN(100) < percent }

func (w *world) record(writer string, e history.Event) {
	w.seq[writer]++
	e.Writer, e.Seq, e.At = writer, w.seq[writer], w.now
	w.Events = append(w.Events, e)
}

func (w *world) harness(kind, phase string) {
	w.now += history.Time(time.Millisecond)
	w.record("harness", history.Event{Source: history.SourcePhase, Kind: kind, State: phase})
}

func (w *world) read(label string) {
	w.seq["harness"]++
	reading := history.Reading{
		Writer: "harness", Seq: w.seq["harness"], Label: label, Begin: w.now, End: w.now + 1, Tables: history.Tables(),
		Agreed: label != history.ReadingCheckpoint, Books: history.Books{Stock: []history.StockRow{w.stock}},
	}
	for _, o := range w.orders {
		reading.Books.Orders = append(reading.Books.Orders, history.OrderRow{
			Order: o.number, Ref: o.ref, SKU: "phone", Quantity: 1, Minor: price, Currency: "CNY", State: o.state,
		})
		for _, refund := range o.refunds {
			reading.Books.Refunds = append(reading.Books.Refunds, *refund)
		}
		for _, p := range o.payments {
			row := history.PaymentRow{Payment: p.id, Order: o.number, Minor: price, Currency: "CNY", State: history.PaymentPending}
			if p.known {
				row.State = history.PaymentCaptured
			} else if p.closed {
				row.State = history.PaymentDead
			}
			reading.Books.Payments = append(reading.Books.Payments, row)
		}
		for range o.points {
			reading.Books.Grants = append(reading.Books.Grants, history.GrantRow{Order: o.number, Kind: "points", Value: 49})
		}
	}
	reading.Books.Ledger, reading.Books.Discrepancies = slices.Clone(w.ledgers), slices.Clone(w.reports)
	w.Readings = append(w.Readings, reading)
}

// book is a double entry of an order.
func (w *world) book(entry string, o *simOrder, minor int64) {
	w.ledgers = append(w.ledgers,
		history.LedgerRow{Entry: entry, Account: "provider", Order: o.number, Minor: minor, Currency: "CNY"},
		history.LedgerRow{Entry: entry, Account: "sales", Order: o.number, Minor: -minor, Currency: "CNY"})
}

// op is a buyer's request. The shop works at one moment of it, and act fills in what is then true; one answer in
// twenty is lost.
func (w *world) op(kind string, ref history.Ref, act func(*history.Op), then func()) {
	w.seq["load"]++
	op := history.Op{Writer: "load", Seq: w.seq["load"], Outcome: history.OK, Invocation: history.Invocation{
		Op: w.seq["load"], Kind: kind, Ref: ref.String(), Buyer: ref.Buyer, SKU: "phone", Quantity: 1, Phase: history.PhaseStorm, Called: w.now,
	}}
	lost := w.chance(5)
	w.in(20, func() {
		act(&op)
		w.in(20, func() {
			if lost {
				op.Outcome, op.State, op.Reason, op.Order = history.Unknown, "", "", ""
			} else {
				op.Returned = w.now
				then()
			}
			w.Ops = append(w.Ops, op)
		})
	})
}

// arrive lets a buyer order, and live with what came of it.
func (w *world) arrive(ref history.Ref) {
	var o *simOrder
	w.op(history.OpOrder, ref, func(op *history.Op) {
		var why string
		if o, why = w.place(ref); o == nil {
			op.Outcome, op.Reason = history.Refused, why
			return
		}
		op.Order, op.State = o.number, string(o.state)
	}, func() {
		if o == nil {
			return
		}
		soon := 100
		if w.chance(10) {
			soon = 6000 // which may be after the order has expired
		}
		w.in(soon, func() { w.pay(o, o.payments[0]) })
		if w.chance(10) {
			w.in(2500, func() { w.pay(o, w.newPayment(o)) })
		}
		if w.chance(10) {
			w.in(2500, func() { w.cancel(o) })
		}
		for range w.rand.IntN(5) {
			w.in(5000, func() { w.look(o) })
		}
	})
}

func (w *world) place(ref history.Ref) (placed *simOrder, why string) {
	if w.has(ref.Buyer) && w.defect != "D26" {
		return nil, history.ReasonLimit
	}
	if w.stock.Available == 0 && w.defect != "D21" {
		return nil, history.ReasonSoldOut
	}
	w.stock.Available--
	w.stock.Reserved++
	o := &simOrder{
		number: fmt.Sprintf("o%05d", len(w.orders)+1), whose: ref, ref: ref.String(), state: history.OrderPending,
	}
	w.orders = append(w.orders, o)
	w.newPayment(o)
	w.in(2000, func() { w.query(o) })
	w.in(2000, func() { w.in(1000, func() { w.close(o) }) })
	return o, ""
}

// has says whether the buyer has what the limit allows. Money that came for a closed order bought nothing.
func (w *world) has(buyer int) bool {
	return slices.ContainsFunc(w.orders, func(o *simOrder) bool {
		free := o.state == history.OrderClosed || o.paidBy == nil && o.state != history.OrderPending ||
			o.state == history.OrderRefunded && w.Header.System.Legal.RecountRefunded
		return o.whose.Buyer == buyer && !free
	})
}

func (w *world) newPayment(o *simOrder) *simPayment {
	p := &simPayment{id: fmt.Sprintf("p-%s-%d", o.number, len(o.payments)+1)}
	o.payments = append(o.payments, p)
	w.ledger(o, p, history.Event{Kind: history.PaymentCreated, Minor: price})
	if w.chance(20) {
		w.deliver(o, p, history.Event{
			Notification: "n-" + p.id + "-forged", State: history.PaymentSucceeded, Attempt: 1, Forgery: history.ForgeryWrongKey,
		}, nil)
	}
	return p
}

func (w *world) ledger(o *simOrder, p *simPayment, e history.Event) {
	p.version++
	e.Source, e.Order, e.Ref, e.Payment, e.Currency, e.Version = history.SourceChannel, o.number, o.ref, p.id, "CNY", p.version
	w.record("channel", e)
}

// pay is the buyer's act at the channel. Some attempts are declined first, and some late ones succeed although the
// payment is closed.
func (w *world) pay(o *simOrder, p *simPayment) {
	w.op(history.OpPay, o.whose, func(op *history.Op) {
		op.Payment, op.Order = p.id, o.number
		switch {
		case p.captured || p.closed && !w.chance(50):
			op.Outcome, op.Reason = history.Refused, "closed"
		case w.chance(10):
			op.Outcome, op.Reason = history.Refused, "declined"
			w.ledger(o, p, history.Event{Kind: history.PaymentFailed, Minor: price})
			w.notify(o, p, history.PaymentFailed, func() { w.failed(o) })
			w.in(500, func() { w.pay(o, p) })
		default:
			p.captured = true
			w.ledger(o, p, history.Event{Kind: history.PaymentSucceeded, Minor: price})
			w.notify(o, p, history.PaymentSucceeded, func() { w.succeeded(o, p) })
			w.in(2000, func() { w.look(o) })
		}
	}, func() {})
}

func (w *world) look(o *simOrder) {
	w.op(history.OpLook, o.whose, func(op *history.Op) { op.Order, op.State = o.number, string(o.state) }, func() {})
}

func (w *world) cancel(o *simOrder) {
	w.op(history.OpCancel, o.whose, func(op *history.Op) {
		w.close(o)
		if op.Order, op.State = o.number, string(o.state); o.state != history.OrderClosed {
			op.Outcome, op.Reason = history.Refused, "paid"
		}
	}, func() {})
}

// notify delivers a message late, more than once, out of order, or never.
func (w *world) notify(o *simOrder, p *simPayment, kind string, apply func()) {
	if w.chance(20) {
		return
	}
	p.notices++
	notification := fmt.Sprintf("n-%s-%d", p.id, p.notices)
	for attempt := range 1 + w.rand.IntN(3) {
		w.deliver(o, p, history.Event{Notification: notification, State: kind, Attempt: attempt + 1}, apply)
	}
}

// deliver is one attempt. The shop applies what it says before it answers, and refuses a forged one, which applies nothing.
func (w *world) deliver(o *simOrder, p *simPayment, e history.Event, apply func()) {
	e.Source, e.Order, e.Ref, e.Payment, e.Minor, e.Currency = history.SourceDelivery, o.number, o.ref, p.id, price, "CNY"
	w.in(3000, func() {
		e.Kind = history.DeliverySent
		w.record("channel", e)
		w.in(50, func() {
			e.Outcome, e.Status = history.OK, 200
			if apply == nil && w.defect == "D09" {
				w.succeeded(o, p)
			} else if apply == nil {
				e.Outcome, e.Status = history.Refused, 401
			} else {
				apply()
			}
			w.in(50, func() {
				e.Kind = history.DeliveryAnswered
				if w.chance(10) {
					e.Outcome, e.Status = history.Unknown, 0
				}
				w.record("channel", e)
			})
		})
	})
}

// query is the shop asking for the payments of an order.
func (w *world) query(o *simOrder) {
	for _, p := range o.payments {
		w.ledger(o, p, history.Event{Kind: history.Request, State: "query", Outcome: history.OK})
		if p.captured {
			w.succeeded(o, p)
		}
	}
}

// succeeded is the shop learning of a capture. The first one pays for a pending order, any other goes back.
func (w *world) succeeded(o *simOrder, p *simPayment) {
	if p.known {
		if w.defect == "D01" && o.paidBy == p {
			o.points++
		}
		if w.defect == "D22" && o.state == history.OrderPaid {
			w.stock.Available--
			w.stock.Sold++
		}
		return
	}
	p.known = true
	w.book("c-"+p.id, o, price)
	if o.state == history.OrderPending {
		o.state, o.paidBy, o.points = history.OrderPaid, p, 1
		w.stock.Reserved--
		w.stock.Sold++
		if w.chance(20) {
			w.in(2000, func() { w.giveBack(o) })
		}
		return
	}
	if o.state == history.OrderClosed {
		if w.defect == "D15" {
			return
		}
		o.state = history.OrderRefunding
	}
	if o.paidBy != nil && w.defect == "D20" {
		return
	}
	w.refund(o, p)
}

// failed is the shop learning of an attempt that was declined. It means nothing, unless the shop believes what came last.
func (w *world) failed(o *simOrder) {
	if o.state == history.OrderPaid && w.defect == "D12" {
		o.state = history.OrderClosed
	}
}

// giveBack is the buyer changing their mind.
func (w *world) giveBack(o *simOrder) {
	o.state = history.OrderRefunding
	w.refund(o, o.paidBy)
}

// close ends an order that is still unpaid. The shop asks the channel first.
func (w *world) close(o *simOrder) {
	w.query(o)
	if o.state != history.OrderPending {
		return
	}
	o.state = history.OrderClosed
	if w.defect != "D23" {
		w.stock.Reserved--
		w.stock.Available++
	}
	for _, p := range o.payments {
		p.closed = true
		w.ledger(o, p, history.Event{Kind: history.PaymentClosed, Minor: price})
	}
}

// refund gives a payment back under a number of its own; a refund that fails at the payer's bank comes again.
func (w *world) refund(o *simOrder, p *simPayment) {
	row := &history.RefundRow{
		MerchantRefund: fmt.Sprintf("r-%s-%d", p.id, len(o.refunds)+1), Order: o.number, Payment: p.id, Minor: price,
		Currency: "CNY", State: history.RefundPending,
	}
	o.refunds = append(o.refunds, row)
	e := history.Event{Refund: "ch-" + row.MerchantRefund, MerchantRefund: row.MerchantRefund, Minor: price}
	change := func(kind string) {
		e.Kind = kind
		w.ledger(o, p, e)
	}
	w.in(200, func() {
		change(history.RefundCreated)
		if w.defect == "D32" {
			w.refunded(o, p, row)
		}
		w.in(1000, func() {
			if w.chance(20) {
				change(history.RefundFailed)
				if w.defect == "D32" {
					return
				}
				w.in(500, func() {
					row.State = history.RefundBroken
					w.refund(o, p)
				})
				return
			}
			change(history.RefundSucceeded)
			w.in(500, func() { w.refunded(o, p, row) })
		})
	})
}

func (w *world) refunded(o *simOrder, p *simPayment, row *history.RefundRow) {
	row.State = history.RefundDone
	w.book("r-"+row.MerchantRefund, o, -row.Minor)
	if o.state != history.OrderRefunding || o.paidBy != nil && o.paidBy != p {
		return
	}
	o.state = history.OrderRefunded
	if o.paidBy == p && w.Header.System.Legal.RestockRefunds {
		w.stock.Sold--
		w.stock.Available++
	}
}

// reconcile is the shop's own job: whatever the channel has and the shop does not know.
func (w *world) reconcile() {
	for _, o := range w.orders {
		w.query(o)
	}
}
