package mockchannel_test

import (
	"errors"
	"fmt"
	"slices"
	"sync"
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

func (l *ledgerEvents) record(event history.Event) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	if event.Source == history.SourceChannel {
		l.events = append(l.events, event)
	}
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

// TestModel compares the channel, one step at a time, with a model that is too simple to be wrong.
func TestModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		channel, events := bareChannel(nil)
		call := channel.Call(merchant)
		var payments []*imagined
		numbers := map[string]string{} // refund number → payment and amount
		pick := func(t *rapid.T) *imagined {
			if len(payments) == 0 {
				t.Skip("no payment yet")
			}
			return payments[rapid.IntRange(0, len(payments)-1).Draw(t, "payment")]
		}
		open := func(p *imagined) mockchannel.Code {
			switch p.state {
			case mockchannel.Succeeded:
				return mockchannel.CodePaymentSucceeded
			case mockchannel.Closed:
				return mockchannel.CodePaymentClosed
			default:
				return ""
			}
		}
		want := func(t *rapid.T, err error, want mockchannel.Code) bool {
			if code(err) != want {
				t.Fatalf("got %v, want %q", err, want)
			}
			return want == ""
		}
		t.Repeat(map[string]func(*rapid.T){
			"create": func(t *rapid.T) {
				order := rapid.SampledFrom([]string{"a", "b", "c"}).Draw(t, "order")
				p, err := call.CreatePayment(wanted(order))
				want(t, err, "")
				payments = append(payments, &imagined{id: p.ID, state: mockchannel.Created})
			},
			"pay": func(t *rapid.T) {
				p := pick(t)
				expected := open(p)
				if _, err := channel.Pay(p.id, "", 0); want(t, err, expected) {
					p.state = mockchannel.Succeeded
				}
			},
			"pay later": func(t *rapid.T) {
				p := pick(t)
				expected := open(p)
				if _, err := channel.Pay(p.id, "", time.Hour); want(t, err, expected) {
					p.state = mockchannel.Pending
				}
			},
			"decline": func(t *rapid.T) {
				p := pick(t)
				expected := open(p)
				if _, err := channel.Decline(p.id, ""); want(t, err, expected) {
					p.state = mockchannel.Failed
				}
			},
			"close": func(t *rapid.T) {
				p := pick(t)
				expected := open(p)
				if expected == mockchannel.CodePaymentClosed {
					expected = "" // closing twice is harmless
				}
				if _, err := call.Close(p.id); want(t, err, expected) {
					p.state = mockchannel.Closed
				}
			},
			"refund": func(t *rapid.T) {
				p := pick(t)
				number := fmt.Sprint(rapid.IntRange(1, 4).Draw(t, "number"))
				minor := rapid.Int64Range(1, 700).Draw(t, "minor")
				expected, same := mockchannel.Code(""), fmt.Sprint(p.id, minor)
				switch {
				case numbers[number] == same:
				case numbers[number] != "":
					expected = mockchannel.CodeRefundMismatch
				case p.state != mockchannel.Succeeded:
					expected = mockchannel.CodePaymentNotSucceeded
				case p.refunded+minor > 1000:
					expected = mockchannel.CodeRefundExceeds
				}
				_, repeated, err := call.Refund(mockchannel.RefundRequest{Payment: p.id, Number: number, Minor: minor})
				if want(t, err, expected) && numbers[number] == "" {
					numbers[number] = same
					p.refunded += minor
				} else if err == nil && !repeated {
					t.Fatal("a repeat was taken for new")
				}
			},
			"": func(t *rapid.T) {
				for _, p := range payments {
					got, err := call.Payment(p.id)
					if err != nil || got.State != p.state || got.Refunded != p.refunded {
						t.Fatalf("payment %+v, want %+v, %v", got, p, err)
					}
				}
				if err := channel.Balanced(); err != nil {
					t.Fatal(err)
				}
				events.wantVersions(t)
			},
		})
	})
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
	call := channel.Call(merchant)
	var ids []string
	for range 8 {
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
	codes := make([]mockchannel.Code, len(ids))
	for i, id := range ids {
		together.Go(func() {
			_, _, err := channel.Call(merchant).Refund(mockchannel.RefundRequest{Payment: id, Number: "one", Minor: 1})
			codes[i] = code(err)
		})
	}
	together.Wait()
	slices.Sort(codes)
	if codes[0] != "" || codes[1] != mockchannel.CodeRefundMismatch || len(slices.Compact(codes)) != 2 {
		t.Errorf("codes %q", codes)
	}
	if err := channel.Balanced(); err != nil {
		t.Error(err)
	}
}
