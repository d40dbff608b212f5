package mockchannel_test

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/paystorm/paystorm/history"
	"github.com/paystorm/paystorm/mockchannel"
	"github.com/paystorm/paystorm/mockchannel/standard"
)

// ledgerEvents collects a channel's events without HTTP.
type ledgerEvents struct {
	mutex  sync.Mutex
	events []history.Event
}

func (l *ledgerEvents) record(event history.Event) uint64 {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	if event.Source == history.SourceChannel {
		l.events = append(l.events, event)
	}
	return 0
}

// wantVersions wants every payment's events to be versions 1, 2, 3, … in the order in which they were recorded, at times
// that do not run backwards.
func (l *ledgerEvents) wantVersions(t interface{ Fatalf(string, ...any) }) {
	version, at := map[string]int64{}, map[string]history.Time{}
	for _, event := range l.events {
		if event.Version != version[event.Payment]+1 || event.At < at[event.Payment] {
			t.Fatalf("after version %d at %d comes %+v", version[event.Payment], at[event.Payment], event)
		}
		version[event.Payment], at[event.Payment] = event.Version, event.At
	}
}

func bareChannel(faults mockchannel.Faults) (*mockchannel.Channel, *ledgerEvents) {
	events := &ledgerEvents{}
	return mockchannel.New(mockchannel.Config{
		Clock: history.StartClock(), Record: events.record, Faults: faults, Dialect: standard.New(),
		Merchants: []mockchannel.Merchant{merchant},
	}), events
}

func wanted(order string) mockchannel.PaymentRequest {
	return mockchannel.PaymentRequest{Order: order, Minor: 1000, Currency: "CNY", NotifyURL: "http://127.0.0.1:1/"}
}

func code(err error) mockchannel.Code {
	var refusal *mockchannel.Error
	errors.As(err, &refusal)
	if refusal == nil {
		return ""
	}
	return refusal.Code
}

// imagined is what the model knows of a payment.
type imagined struct {
	id       string
	state    mockchannel.State
	refunded int64
}

// machine drives the channel beside a model that is too simple to be wrong.
type machine struct {
	channel  *mockchannel.Channel
	call     *mockchannel.Call
	events   *ledgerEvents
	payments []*imagined
	numbers  map[string]string // refund number → payment and amount
}

// TestModel compares the channel with the model after each of many random steps.
func TestModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		channel, events := bareChannel(nil)
		m := &machine{channel: channel, call: channel.Call(merchant), events: events, numbers: map[string]string{}}
		t.Repeat(rapid.StateMachineActions(m))
	})
}

func (m *machine) pick(t *rapid.T) *imagined {
	if len(m.payments) == 0 {
		t.Skip("no payment yet") // rapid draws another action; the test goes on
	}
	return m.payments[rapid.IntRange(0, len(m.payments)-1).Draw(t, "payment")]
}

// payable is the refusal of a payer's act, "" if there is none.
func (p *imagined) payable() mockchannel.Code {
	switch p.state {
	case mockchannel.Succeeded:
		return mockchannel.CodePaymentSucceeded
	case mockchannel.Closed:
		return mockchannel.CodePaymentClosed
	default:
		return ""
	}
}

// step moves the model if the channel was expected to do what it was asked, and wants it to have refused otherwise.
func (p *imagined) step(t *rapid.T, err error, expected mockchannel.Code, next mockchannel.State) {
	if code(err) != expected {
		t.Fatalf("got %v, want %q", err, expected)
	}
	if expected == "" {
		p.state = next
	}
}

// Create makes a payment.
func (m *machine) Create(t *rapid.T) {
	p, err := m.call.CreatePayment(wanted(rapid.SampledFrom([]string{"a", "b", "c"}).Draw(t, "order")))
	if err != nil {
		t.Fatal(err)
	}
	m.payments = append(m.payments, &imagined{id: p.ID, state: mockchannel.Created})
}

// Pay is the payer's.
func (m *machine) Pay(t *rapid.T) {
	p := m.pick(t)
	_, err := m.channel.Pay(p.id, "", 0)
	p.step(t, err, p.payable(), mockchannel.Succeeded)
}

// PayLater never comes to pass, because nothing runs the channel's timers.
func (m *machine) PayLater(t *rapid.T) {
	p := m.pick(t)
	_, err := m.channel.Pay(p.id, "", time.Hour)
	p.step(t, err, p.payable(), mockchannel.Pending)
}

// Decline is the payer's.
func (m *machine) Decline(t *rapid.T) {
	p := m.pick(t)
	_, err := m.channel.Decline(p.id, "")
	p.step(t, err, p.payable(), mockchannel.Failed)
}

// Close is the merchant's, and harmless the second time.
func (m *machine) Close(t *rapid.T) {
	p := m.pick(t)
	expected := p.payable()
	if expected == mockchannel.CodePaymentClosed {
		expected = ""
	}
	_, err := m.call.Close(p.id, "")
	p.step(t, err, expected, mockchannel.Closed)
}

// Refund uses few numbers, so that they repeat.
func (m *machine) Refund(t *rapid.T) {
	p := m.pick(t)
	number := fmt.Sprint(rapid.IntRange(1, 4).Draw(t, "number"))
	minor := rapid.SampledFrom([]int64{1, 300, 600}).Draw(t, "minor")
	known, same := m.numbers[number], fmt.Sprint(p.id, " ", minor)
	expected := mockchannel.Code("")
	switch {
	case known == same:
	case known != "":
		expected = mockchannel.CodeRefundMismatch
	case p.state != mockchannel.Succeeded:
		expected = mockchannel.CodePaymentNotSucceeded
	case p.refunded+minor > 1000:
		expected = mockchannel.CodeRefundExceeds
	}
	_, repeated, err := m.call.Refund(mockchannel.RefundRequest{Payment: p.id, Number: number, Minor: minor})
	if code(err) != expected || repeated != (known == same) {
		t.Fatalf("got %v, repeated %v; want %q", err, repeated, expected)
	}
	if expected == "" && known == "" {
		m.numbers[number] = same
		p.refunded += minor
	}
}

// Check compares, and looks at the ledger and the versions.
func (m *machine) Check(t *rapid.T) {
	for _, p := range m.payments {
		got, err := m.call.Payment(p.id)
		if err != nil || got.State != p.state || got.Refunded != p.refunded {
			t.Fatalf("payment %+v, want %+v, %v", got, p, err)
		}
	}
	if err := m.channel.Balanced(); err != nil {
		t.Fatal(err)
	}
	m.events.wantVersions(t)
}

// TestConcurrent lets 200 goroutines act on a few payments at once.
func TestConcurrent(t *testing.T) {
	channel, events := bareChannel(onChange(mockchannel.ChangeRefund, mockchannel.ChangeFault{}))
	call := channel.Call(merchant)
	const orders, each = 4, 50
	var ids []string
	for i := range orders {
		p, err := call.CreatePayment(wanted(fmt.Sprint("order-", i)))
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, p.ID)
	}
	var together sync.WaitGroup
	paid := make([]int, orders*each)
	for i := range orders * each {
		together.Go(func() {
			id := ids[i%orders]
			call := channel.Call(merchant)
			if i%10 == 3 {
				_, _ = channel.Decline(id, "") // may come too late
			}
			if i%10 == 5 {
				_, _ = call.CreatePayment(wanted("order-0"))
			}
			if _, err := channel.Pay(id, "ps-r-b1-o1", 0); err == nil {
				paid[i]++
			}
			for n := range 5 {
				number := fmt.Sprint(id, "-", (i/orders+n)%8) // the same numbers from many goroutines
				if _, _, err := call.Refund(mockchannel.RefundRequest{Payment: id, Number: number, Minor: 150}); err != nil && code(err) != mockchannel.CodeRefundExceeds {
					t.Errorf("refund: %v", err)
				}
			}
			call.PaymentsOf("order-0")
			call.Bill()
		})
	}
	together.Wait()
	if err := channel.Balanced(); err != nil {
		t.Error(err)
	}
	events.wantVersions(t)
	total := 0
	for _, n := range paid {
		total += n
	}
	if total != orders {
		t.Errorf("%d payments succeeded, want %d", total, orders)
	}
	for _, id := range ids {
		if p, _ := call.Payment(id); p.Refunded != 900 { // six of 150 fit into 1000
			t.Errorf("refunded %d", p.Refunded)
		}
	}
	kinds := map[string]int{}
	for _, line := range call.Bill() {
		kinds[line.Kind]++
	}
	if kinds["capture"] != orders || kinds["refund"] != orders*6 {
		t.Errorf("the bill has %v", kinds)
	}
}

func TestRefundNumberRacedBetweenPayments(t *testing.T) {
	channel, _ := bareChannel(nil)
	for round := range 400 {
		raceForANumber(t, channel, fmt.Sprint("number-", round))
	}
	if err := channel.Balanced(); err != nil {
		t.Error(err)
	}
}

func raceForANumber(t *testing.T, channel *mockchannel.Channel, number string) {
	t.Helper()
	call := channel.Call(merchant)
	var ids []string
	for range 2 {
		p, err := call.CreatePayment(wanted("o"))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := channel.Pay(p.ID, "", 0); err != nil {
			t.Fatal(err)
		}
		ids = append(ids, p.ID)
	}
	var together sync.WaitGroup
	var ready atomic.Int64 // all spin until all are there, or the first would be done before the last begins
	codes := make([]mockchannel.Code, len(ids))
	for i, id := range ids {
		together.Go(func() {
			for ready.Add(1); ready.Load() < int64(len(ids)); {
			}
			_, _, err := channel.Call(merchant).Refund(mockchannel.RefundRequest{Payment: id, Number: number, Minor: 1})
			codes[i] = code(err)
		})
	}
	together.Wait()
	slices.Sort(codes)
	if codes[0] != "" || codes[1] != mockchannel.CodeRefundMismatch || len(slices.Compact(codes)) != 2 {
		t.Errorf("codes %q", codes)
	}
}
