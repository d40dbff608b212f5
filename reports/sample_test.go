package reports

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/paystorm/paystorm/history"
	"github.com/paystorm/paystorm/money"
)

// sample is a made-up flash sale: 300 buyers come within five seconds for 200 phones, in bad weather. It knows no
// concurrency; it is there to look like a run.
type sample struct {
	*history.History
	rand     *rand.Rand
	names    names
	broken   bool // points twice for some duplicated callbacks, and late payments of closed orders kept
	left     int64
	releases []history.Time // of units whose order will be closed, and when
	orders   []*sampleOrder
	op       uint64
}

// names is what the shop and the scenario call things.
type names struct{ order, sku, fault, reason string }

type sampleOrder struct {
	number, ref, payment string
	buyer                int
	version              int64
	states               []stateAt
	points               int
	refund               string
}

type stateAt struct {
	at    history.Time
	state history.OrderState
}

const (
	samplePrice = int64(499900)
	sampleStock = int64(200)
)

var plainNames = names{order: "A", sku: "phone-x", fault: "", reason: history.ReasonSoldOut}

func sec(seconds float64) history.Time { return history.Time(seconds * float64(time.Second)) }

// newSample makes the run. A broken shop fails; without trouble the correct one passes.
func newSample(called names, broken bool) *history.History {
	s := &sample{
		History: &history.History{Header: sampleHeader(called)}, rand: rand.New(rand.NewPCG(1, 2)), names: called,
		broken: broken, left: sampleStock,
	}
	s.phases()
	arrivals := make([]history.Time, 300)
	for i := range arrivals {
		arrivals[i] = sec(1 + 5*s.rand.Float64()*s.rand.Float64())
	}
	slices.Sort(arrivals)
	for i, at := range arrivals {
		s.buyer(i+1, at)
	}
	s.event("load", sec(1), history.Event{Source: history.SourceLoad, Kind: history.LoadOffered, Count: 300})
	for i := range 40 {
		s.struck("slow-link", sec(3+0.05*float64(i)), history.Event{Key: "shop->channel", Count: 2})
	}
	s.struck("kill-node", sec(4.5), history.Event{Key: "flashshop"})
	s.event("harness", sec(4.5), history.Event{Source: history.SourceNode, Kind: history.NodeKilled, Key: "flashshop"})
	s.event("harness", sec(4.9), history.Event{Source: history.SourceNode, Kind: history.NodeReady, Key: "flashshop"})
	for _, used := range []struct {
		by         string
		from, till int64 // microseconds
	}{
		{"load generator", 400_000, 1_200_000}, {"harness", 300_000, 1_100_000}, {"flashshop", 100_000, 6_100_000},
	} {
		s.event("harness", sec(1), history.Event{Source: history.SourcePhase, Kind: history.CPUTime, Key: used.by, Count: used.from})
		s.event("harness", sec(9), history.Event{Source: history.SourcePhase, Kind: history.CPUTime, Key: used.by, Count: used.till})
	}
	for i := range 6 {
		s.read(history.ReadingCheckpoint, sec(1.5+0.9*float64(i)))
	}
	s.read(history.ReadingBaseline, sec(0.3))
	s.read(history.ReadingFinal, sec(10.1))
	s.finish()
	return s.History
}

func sampleHeader(called names) history.Header {
	fault := func(id, unit, planned string, contract history.Contract, floor int) history.FaultFacts {
		return history.FaultFacts{
			ID: id + called.fault, Kind: id, Unit: unit, Planned: planned + called.fault, Contract: contract, Floor: floor,
		}
	}
	return history.Header{
		Schema: history.Schema, Scenario: "stormy-sale" + called.fault, Run: "r1", Seed: 1, PlanDigest: "4be1c0ffee4be1c0ffee",
		Why:     "A sale in all the weather that a provider may send." + called.fault,
		Started: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), Writers: []string{"channel", "harness", "load"}, Cores: 2,
		Sale: []history.Item{{SKU: called.sku, Stock: sampleStock, Price: money.Amount{Minor: samplePrice, Currency: "CNY"}, PerBuyer: 1}},
		Faults: []history.FaultFacts{
			fault("duplicate-callbacks", "notification", "30% of notifications come twice", history.Documented, 20),
			fault("lose-callbacks", "notification", "15% of notifications never come", history.Documented, 10),
			fault("forge-callbacks", "delivery", "5% of orders get a forged success", history.Seen, 3),
			fault("slow-link", "request", "shop->channel downstream, 80ms ± 40ms, from 2s for 2s", history.Seen, 20),
			fault("late-success", "payment", "half of abandoned payments succeed after close", history.Documented, 2),
			fault("kill-node", "node", "kill -9 at 3.5s", history.Seen, 1),
		},
		Required:  []string{"I4", "I6", "I7", "I8", "I9"},
		Floors:    history.Floors{SoldOut: true, Orders: 100, StartedShare: 0.99, KnownShare: 0.9},
		ReviewCap: 0, Settle: 3 * time.Second,
		Service: []history.ServiceGoal{{ID: "payment_success_rate", Bound: 0.8, Unit: "share"}},
		System: history.SystemFacts{
			Name: "flashshop", Version: "1.4.0" + called.fault, Dialect: "standard", Tables: history.Tables(), Grants: []string{"points"},
			Sinks: []string{"mail"}, Timers: history.Timers{Expiry: 2 * time.Second, Query: time.Second, Refund: time.Second},
		},
	}
}

func (s *sample) phases() {
	for _, phase := range []struct {
		name     string
		from, to float64
	}{
		{history.PhaseStart, 0, 0.5},
		{history.PhaseStorm, 1, 7},
		{history.PhaseHeal, 7, 7.2},
		{history.PhaseSettle, 7.2, 10},
		{history.PhaseObserve, 10, 10.2},
		{history.PhaseClose, 10.2, 10.4},
	} {
		s.event("harness", sec(phase.from), history.Event{Source: history.SourcePhase, Kind: history.PhaseBegin, State: phase.name})
		s.event("harness", sec(phase.to), history.Event{Source: history.SourcePhase, Kind: history.PhaseEnd, State: phase.name})
	}
	windows := map[string][2]float64{"slow-link": {3, 5}, "kill-node": {4.5, 4.9}}
	for _, fault := range s.Header.Faults {
		from, to := 1.0, 7.1
		if window, narrow := windows[fault.Kind]; narrow {
			from, to = window[0], window[1]
		}
		s.event("harness", sec(from), history.Event{Source: history.SourceFault, Kind: history.FaultBegin, Fault: fault.ID})
		s.event("harness", sec(to), history.Event{Source: history.SourceFault, Kind: history.FaultEnd, Fault: fault.ID})
	}
}

func (s *sample) event(writer string, at history.Time, e history.Event) {
	e.Writer, e.At = writer, at
	s.Events = append(s.Events, e)
}

// struck records that a fault had its effect.
func (s *sample) struck(fault string, at history.Time, e history.Event) {
	e.Source, e.Kind, e.Fault = history.SourceFault, history.FaultAffected, fault+s.names.fault
	s.event("channel", at, e)
}

func (s *sample) chance(percent int) bool { return s.rand.IntN(100) < percent }

// soon is a moment up to so many milliseconds later.
func (s *sample) soon(at history.Time, ms int) history.Time {
	return at.Add(time.Duration(1000+s.rand.IntN(ms*1000)) * time.Microsecond)
}

// ask is one operation of a buyer. It returns when the answer came.
func (s *sample) ask(o *sampleOrder, kind string, at history.Time, ms int, fill func(*history.Op)) history.Time {
	s.op++
	op := history.Op{Writer: "load", Outcome: history.OK, Returned: s.soon(at, ms), Invocation: history.Invocation{
		Op: s.op, Ref: o.ref, Buyer: o.buyer, Kind: kind, SKU: s.names.sku, Quantity: 1, Phase: history.PhaseStorm, Called: at,
		Order: o.number,
	}}
	if at > sec(3) && at < sec(5) {
		op.Returned = op.Returned.Add(90 * time.Millisecond)
	}
	fill(&op)
	s.Ops = append(s.Ops, op)
	return op.Returned
}

// buyer comes, orders, and lives with what comes of it.
func (s *sample) buyer(number int, at history.Time) {
	for len(s.releases) > 0 && s.releases[0] < at {
		s.releases, s.left = s.releases[1:], s.left+1
	}
	o := &sampleOrder{buyer: number, ref: history.Ref{Run: "r1", Buyer: number, Nth: 1}.String()}
	s.event("load", at, history.Event{Source: history.SourceLoad, Kind: history.JourneyBegin, Ref: o.ref, Buyer: number, Key: "buy"})
	var end history.Time
	if s.left == 0 {
		end = s.ask(o, history.OpOrder, at, 15, func(op *history.Op) {
			op.Intended, op.Outcome, op.Reason = at, history.Refused, s.names.reason
		})
	} else {
		s.left--
		end = s.order(o, at)
	}
	s.event("load", end, history.Event{Source: history.SourceLoad, Kind: history.JourneyEnd, Ref: o.ref, Buyer: number, Key: "buy", Reason: "completed"})
}

func (s *sample) order(o *sampleOrder, at history.Time) history.Time {
	o.number = fmt.Sprintf("%s%04d", s.names.order, len(s.orders)+1)
	o.payment = "pay_" + fmt.Sprintf("%016x", s.rand.Uint64())
	s.orders = append(s.orders, o)
	o.move(at.Add(time.Millisecond), history.OrderPending)
	answered := s.ask(o, history.OpOrder, at, 40, func(op *history.Op) {
		op.Intended, op.Payment, op.State = at.Add(-time.Millisecond), o.payment, string(history.OrderPending)
	})
	s.ledger(o, at.Add(800*time.Microsecond), history.Event{Kind: history.PaymentCreated, Minor: samplePrice})
	if s.chance(8) {
		return s.abandon(o, answered)
	}
	return s.pay(o, answered)
}

func (o *sampleOrder) move(at history.Time, state history.OrderState) {
	o.states = append(o.states, stateAt{at, state})
}

func (s *sample) ledger(o *sampleOrder, at history.Time, e history.Event) {
	o.version++
	e.Source, e.Order, e.Ref, e.Payment, e.Currency, e.Version = history.SourceChannel, o.number, o.ref, o.payment, "CNY", o.version
	s.event("channel", at, e)
}

// abandon lets the order expire. Half of the payments come through all the same, and the shop owes them back.
func (s *sample) abandon(o *sampleOrder, at history.Time) history.Time {
	closed := at.Add(2 * time.Second)
	o.move(closed, history.OrderClosed)
	s.releases = append(s.releases, closed)
	slices.Sort(s.releases)
	s.ledger(o, closed, history.Event{Kind: history.PaymentClosed, Minor: samplePrice})
	if s.chance(50) {
		late := closed.Add(300 * time.Millisecond)
		s.ledger(o, late, history.Event{Kind: history.PaymentSucceeded, Minor: samplePrice})
		s.struck("late-success", late, history.Event{Order: o.number, Payment: o.payment, State: "closed", Key: history.PaymentSucceeded})
		answered := s.deliver(o, late, "evt_"+o.payment[4:], 1, history.PaymentSucceeded, "")
		if !s.broken {
			o.move(answered, history.OrderRefunding)
			s.refund(o, answered)
		}
	}
	return s.ask(o, history.OpLook, at.Add(2500*time.Millisecond), 10, func(op *history.Op) { op.State = string(o.stateAt(op.Called)) })
}

func (s *sample) pay(o *sampleOrder, at history.Time) history.Time {
	var captured history.Time
	at = s.ask(o, history.OpPay, s.soon(at, 150), 30, func(op *history.Op) {
		op.Payment, op.Minor, op.Currency = o.payment, samplePrice, "CNY"
		captured = op.Called.Add(2 * time.Millisecond)
	})
	s.ledger(o, captured, history.Event{Kind: history.PaymentSucceeded, Minor: samplePrice})
	event := "evt_" + o.payment[4:]
	if s.chance(6) {
		s.struck("forge-callbacks", captured, history.Event{Order: o.number, Payment: o.payment, State: "succeeded", Key: history.PaymentSucceeded})
		s.deliver(o, captured.Add(-time.Millisecond), event+"f", 1, history.PaymentSucceeded, history.ForgeryWrongKey)
	}
	var paid history.Time
	if s.chance(15) {
		s.struck("lose-callbacks", captured, history.Event{Order: o.number, Payment: o.payment, State: "succeeded", Key: history.PaymentSucceeded})
		s.event("channel", captured, history.Event{
			Source: history.SourceDelivery, Kind: history.DeliveryLost, Order: o.number, Payment: o.payment,
			Notification: event, Attempt: 1, State: history.PaymentSucceeded, Fault: "lose-callbacks" + s.names.fault,
		})
		paid = captured.Add(time.Second)
		s.ledger(o, paid, history.Event{Kind: history.Request, State: "query", Outcome: history.OK, Status: 200})
	} else {
		paid = s.deliver(o, s.soon(captured, 20), event, 1, history.PaymentSucceeded, "")
	}
	o.move(paid.Add(-time.Microsecond), history.OrderPaid)
	o.points = 1
	s.event("harness", paid.Add(5*time.Millisecond), history.Event{
		Source: history.SourceSink, Kind: history.SinkReceived, State: "mail", Key: "confirm-" + o.number, Order: o.number,
	})
	if s.chance(30) {
		s.struck("duplicate-callbacks", paid, history.Event{Order: o.number, Payment: o.payment, State: "succeeded", Key: history.PaymentSucceeded})
		s.deliver(o, paid.Add(40*time.Millisecond), event, 2, history.PaymentSucceeded, "")
		if s.broken && s.chance(30) {
			o.points = 2
		}
	}
	for n := range 4 {
		at = s.ask(o, history.OpPoll, at.Add(time.Duration(150+100*n)*time.Millisecond), 8, func(op *history.Op) {
			op.State = string(o.stateAt(op.Called))
		})
	}
	if s.chance(7) && paid < at {
		at = s.ask(o, history.OpRefund, at.Add(100*time.Millisecond), 20, func(op *history.Op) { op.State = string(history.OrderRefunding) })
		o.move(at, history.OrderRefunding)
		s.refund(o, at)
	}
	return at
}

func (s *sample) refund(o *sampleOrder, at history.Time) {
	o.refund = "R" + o.number
	e := history.Event{Kind: history.RefundCreated, Refund: "ref_" + o.payment[4:], MerchantRefund: o.refund, Minor: samplePrice}
	s.ledger(o, at.Add(4*time.Millisecond), e)
	e.Kind = history.RefundSucceeded
	s.ledger(o, at.Add(300*time.Millisecond), e)
	done := s.deliver(o, at.Add(310*time.Millisecond), "evt_r"+o.payment[4:], 1, history.RefundSucceeded, "")
	o.move(done.Add(-time.Microsecond), history.OrderRefunded)
}

// deliver is one attempt to post a message, and the shop's answer.
func (s *sample) deliver(o *sampleOrder, at history.Time, event string, attempt int, kind, forgery string) history.Time {
	e := history.Event{
		Source: history.SourceDelivery, Kind: history.DeliverySent, Order: o.number, Ref: o.ref, Payment: o.payment,
		Notification: event, Attempt: attempt, State: kind, Forgery: forgery, Minor: samplePrice, Currency: "CNY",
	}
	s.event("channel", at, e)
	answered := s.soon(at, 25)
	e.Kind, e.Outcome, e.Status = history.DeliveryAnswered, history.OK, 200
	if forgery != "" {
		e.Outcome, e.Status, e.Reason = history.Refused, 401, "bad signature"
	}
	s.event("channel", answered, e)
	return answered
}

func (o *sampleOrder) stateAt(t history.Time) history.OrderState {
	state := history.OrderState("")
	for _, step := range o.states {
		if step.at <= t {
			state = step.state
		}
	}
	return state
}

// read is the shop's books at a moment.
func (s *sample) read(label string, at history.Time) {
	stock := history.StockRow{SKU: s.names.sku, Available: sampleStock}
	books := history.Books{}
	for _, o := range s.orders {
		state := o.stateAt(at)
		if state == "" {
			continue
		}
		row := history.OrderRow{
			Order: o.number, Ref: o.ref, SKU: s.names.sku, Quantity: 1, Minor: samplePrice, Currency: "CNY", State: state,
		}
		paid := slices.ContainsFunc(o.states, func(step stateAt) bool { return step.state == history.OrderPaid && step.at <= at })
		switch {
		case state == history.OrderPending:
			stock.Available, stock.Reserved = stock.Available-1, stock.Reserved+1
		case paid:
			stock.Available, stock.Sold = stock.Available-1, stock.Sold+1
			for range o.points {
				books.Grants = append(books.Grants, history.GrantRow{Order: o.number, Kind: "points", Value: 49})
			}
		}
		books.Orders = append(books.Orders, row)
		for _, event := range s.Events {
			if event.Kind == history.PaymentSucceeded && event.Source == history.SourceChannel && event.Order == o.number && event.At <= at {
				books.Payments = append(books.Payments, history.PaymentRow{
					Payment: event.Payment, Order: o.number, Minor: event.Minor, Currency: event.Currency, State: history.PaymentCaptured,
				})
			}
		}
		if o.refund != "" && label == history.ReadingFinal {
			books.Refunds = append(books.Refunds, history.RefundRow{
				MerchantRefund: o.refund, Order: o.number, Payment: o.payment, Minor: samplePrice, Currency: "CNY", State: history.RefundDone,
			})
		}
	}
	books.Stock = []history.StockRow{stock}
	s.Readings = append(s.Readings, history.Reading{
		Writer: "harness", Label: label, Begin: at, End: at.Add(8 * time.Millisecond), Agreed: label != history.ReadingCheckpoint,
		Tables: history.Tables(), Books: books,
	})
}

// finish sorts and numbers the records and closes the segments.
func (s *sample) finish() {
	slices.SortStableFunc(s.Ops, func(a, b history.Op) int { return cmp.Compare(a.Called, b.Called) })
	slices.SortStableFunc(s.Events, func(a, b history.Event) int { return cmp.Compare(a.At, b.At) })
	slices.SortStableFunc(s.Readings, func(a, b history.Reading) int { return cmp.Compare(a.Begin, b.Begin) })
	seq := map[string]uint64{}
	next := func(writer string) uint64 { seq[writer]++; return seq[writer] }
	for i := range s.Ops {
		s.Ops[i].Seq = next("load")
	}
	for i := range s.Events {
		s.Events[i].Seq = next(s.Events[i].Writer)
	}
	for i := range s.Readings {
		s.Readings[i].Seq = next("harness")
	}
	for _, writer := range s.Header.Writers {
		s.Segments = append(s.Segments, history.Segment{Writer: writer, Ended: true, Last: sec(10.4), Records: int(seq[writer])})
	}
}
