package fault

import (
	"encoding/json"
	"reflect"
	"testing"
	"time"

	"github.com/paystorm/paystorm/harness/load"
	"github.com/paystorm/paystorm/history"
	"github.com/paystorm/paystorm/scenarios"
)

// payer is a payer fault of everybody, named as its kind.
func payer(kind, params string) scenarios.Fault {
	return scenarios.Fault{ID: kind, Kind: kind, Share: 1, Params: json.RawMessage(params)}
}

var ref7 = history.Ref{Run: "r", Buyer: 7, Nth: 1}

func TestBehaviours(t *testing.T) {
	tests := []struct {
		fault scenarios.Fault
		want  load.Payer
	}{
		{payer("abandon", `{}`), load.Payer{Abandon: &load.Behaviour{Fault: "abandon"}}},
		{payer("decline-first", `{}`), load.Payer{DeclineFirst: &load.Behaviour{Fault: "decline-first"}}},
		{payer("pay-late", `{"by":"2s"}`), load.Payer{PayLate: &load.Behaviour{Fault: "pay-late", After: 2 * time.Second}}},
		{payer("pay-late", `{"around":"expiry","spread":"0s"}`), load.Payer{
			PayLate: &load.Behaviour{Fault: "pay-late", After: 5 * time.Second},
		}},
		{payer("pay-twice", `{}`), load.Payer{PayTwice: &load.Behaviour{Fault: "pay-twice"}}},
		{payer("switch-payment", `{"second":"100%","declined":"0%"}`), load.Payer{
			SwitchPayment: &load.Behaviour{Fault: "switch-payment", Second: true},
		}},
		{payer("switch-payment", `{"second":"0%","declined":"100%"}`), load.Payer{
			SwitchPayment: &load.Behaviour{Fault: "switch-payment", Declines: true},
		}},
		{payer("pay-after-cancel", `{}`), load.Payer{PayAfterCancel: &load.Behaviour{Fault: "pay-after-cancel"}}},
		{payer("cancel-race", `{"head_start":"3ms"}`), load.Payer{CancelRace: &load.Behaviour{Fault: "cancel-race", After: 3 * ms}}},
		{payer("double-click", `{"gap":"4ms"}`), load.Payer{
			DoubleClick: &load.Behaviour{Fault: "double-click", After: 4 * ms, Count: 2},
		}},
		{payer("parallel-orders", `{"count":4,"gap":"2ms"}`), load.Payer{
			ParallelOrders: &load.Behaviour{Fault: "parallel-orders", After: 2 * ms, Count: 4},
		}},
		{payer("parallel-refunds", `{"count":4}`), load.Payer{
			ParallelRefunds: &load.Behaviour{Fault: "parallel-refunds", Count: 4},
		}},
		{payer("retry-storm", `{"count":5,"gap":"6ms"}`), load.Payer{
			RetryStorm: &load.Behaviour{Fault: "retry-storm", After: 6 * ms, Count: 5},
		}},
	}
	tested := map[string]bool{}
	for _, test := range tests {
		tested[test.fault.Kind] = true
		t.Run(test.fault.Kind, func(t *testing.T) {
			p := scenarios.Plan{Seed: 1, System: ownShop(), Payers: []scenarios.Fault{test.fault}}
			if got := Payers(p).Payer(ref7); !reflect.DeepEqual(got, test.want) {
				t.Errorf("got %s, want %s", show(t, got), show(t, test.want))
			}
		})
	}
	_, payers := Vocabulary(nil)
	for _, kind := range payers {
		if !tested[kind.Name] {
			t.Errorf("%s is not tested", kind.Name)
		}
	}
}

func TestPayLateStaysAroundExpiry(t *testing.T) {
	payers := Payers(scenarios.Plan{Seed: 1, System: ownShop(), Payers: []scenarios.Fault{payer("pay-late", `{"around":"expiry","spread":"1s"}`)}})
	early := 0
	for n := 1; n <= 1000; n++ {
		after := payers.Payer(history.Ref{Buyer: n, Nth: 1}).PayLate.After
		if after < 4*time.Second || after > 6*time.Second {
			t.Fatalf("buyer %d pays after %s, want 4s to 6s", n, after)
		}
		if after < 5*time.Second {
			early++
		}
	}
	if early < 400 || early > 600 {
		t.Errorf("%d of 1000 pay before the expiry, want about half", early)
	}
}

// TestOneWayOfPaying gives one buyer several misbehaviours, in the order that loses if plan order decided.
func TestOneWayOfPaying(t *testing.T) {
	all := []string{
		"decline-first", "pay-late", "pay-twice", "cancel-race", "pay-after-cancel", "abandon",
		"double-click", "retry-storm", "parallel-refunds",
	}
	tests := []struct {
		name  string
		kinds []string
		want  []string
	}{
		{"everything", all, []string{"abandon", "retry-storm"}},
		{"without abandon", all[:5], []string{"pay-after-cancel"}},
		{"cancel-race before pay-twice", all[:4], []string{"cancel-race"}},
		{"pay-twice before pay-late", all[:3], []string{"pay-twice"}},
		{"pay-twice before switch-payment", []string{"switch-payment", "pay-twice"}, []string{"pay-twice"}},
		{"switch-payment before pay-late", []string{"pay-late", "switch-payment"}, []string{"switch-payment"}},
		{"pay-late before decline-first", all[:2], []string{"pay-late"}},
		{"what does not touch the payment stays", []string{"pay-late", "double-click", "parallel-refunds"}, []string{
			"pay-late", "double-click", "parallel-refunds",
		}},
		{"no refund of what is cancelled", []string{"cancel-race", "parallel-refunds"}, []string{"cancel-race"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			p := scenarios.Plan{Seed: 1, System: ownShop()}
			for _, kind := range test.kinds {
				p.Payers = append(p.Payers, payer(kind, `{}`))
			}
			var got []string
			value := reflect.ValueOf(Payers(p).Payer(ref7))
			for i := range value.NumField() {
				if behaviour := value.Field(i).Interface().(*load.Behaviour); behaviour != nil {
					got = append(got, behaviour.Fault)
				}
			}
			if !sameSet(got, test.want) {
				t.Errorf("got %v, want %v", got, test.want)
			}
		})
	}
}

func sameSet(a, b []string) bool {
	set := func(words []string) map[string]bool {
		all := map[string]bool{}
		for _, word := range words {
			all[word] = true
		}
		return all
	}
	return len(a) == len(b) && reflect.DeepEqual(set(a), set(b))
}

func TestPayersAreNarrowed(t *testing.T) {
	one := payer("abandon", `{}`)
	one.Only = scenarios.Only{Buyer: 7, Order: 2}
	window := payer("abandon", `{}`)
	window.From, window.For = time.Second, time.Second
	steps := []scenarios.LoadStep{
		{For: time.Second, PerSecond: 10, Iterations: 10, FirstBuyer: 1},
		{At: time.Second, For: 2 * time.Second, PerSecond: 20, Iterations: 40, FirstBuyer: 11},
	}
	third := payer("abandon", `{}`)
	third.Share = 0.3
	tests := []struct {
		name  string
		fault scenarios.Fault
		ref   history.Ref
		want  bool
	}{
		{"another order of the buyer", one, history.Ref{Buyer: 7, Nth: 1}, false},
		{"the order of the buyer", one, history.Ref{Buyer: 7, Nth: 2}, true},
		{"arrives before the window", window, history.Ref{Buyer: 9, Nth: 1}, false},
		{"arrives as it opens, the last of a step", window, history.Ref{Buyer: 10, Nth: 1}, true},
		{"arrives before it closes", window, history.Ref{Buyer: 29, Nth: 1}, true},
		{"arrives as it closes", window, history.Ref{Buyer: 30, Nth: 1}, false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			payers := Payers(scenarios.Plan{Seed: 1, Steps: steps, Payers: []scenarios.Fault{test.fault}})
			if got := payers.Payer(test.ref).Abandon != nil; got != test.want {
				t.Errorf("abandons: %v, want %v", got, test.want)
			}
		})
	}
	p := scenarios.Plan{Seed: 9, Payers: []scenarios.Fault{third}}
	here, there, hits := Payers(p), Payers(p), 0
	for n := 1; n <= 10_000; n++ {
		ref := history.Ref{Run: "a", Buyer: n, Nth: 1}
		other := ref
		other.Run = "b"
		if here.Payer(ref).Abandon != nil {
			hits++
		}
		if (here.Payer(ref).Abandon != nil) != (there.Payer(other).Abandon != nil) {
			t.Fatalf("buyer %d behaves otherwise in another process and run", n)
		}
	}
	if hits < 2815 || hits > 3185 {
		t.Errorf("%d of 10000 abandon, want about 3000", hits)
	}
}
