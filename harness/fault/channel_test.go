package fault

import (
	"encoding/json"
	"reflect"
	"testing"
	"testing/synctest"
	"time"

	"github.com/paystorm/paystorm/dice"
	"github.com/paystorm/paystorm/history"
	"github.com/paystorm/paystorm/mockchannel"
	"github.com/paystorm/paystorm/scenarios"
)

// fault1 is a fault of everything, named "f".
func fault1(kind, params string) scenarios.Fault {
	return scenarios.Fault{ID: "f", Kind: kind, Share: 1, Until: scenarios.UntilHeal, Params: json.RawMessage(params)}
}

// storming is an engine in the middle of its storm.
func storming(t *testing.T, faults ...scenarios.Fault) *Engine {
	t.Helper()
	clock := history.StartClock()
	engine, err := NewEngine(scenarios.Plan{Faults: faults}, Env{
		Clock: clock, Record: func(history.Event) {}, Dice: dice.New(3),
	})
	if err != nil {
		t.Fatal(err)
	}
	engine.Begin(clock.Now())
	return engine
}

func request(operation mockchannel.Operation) mockchannel.Request {
	return mockchannel.Request{Subject: buyer(5), Operation: operation, Attempt: 1}
}

func change(kind mockchannel.ChangeKind) mockchannel.Change {
	return mockchannel.Change{Subject: buyer(5), Kind: kind, Minor: 499900}
}

func notice(kind string) mockchannel.Notice {
	return mockchannel.Notice{Subject: buyer(5), ID: "msg_1", Type: kind, Minor: 499900}
}

const ms = time.Millisecond

// A fault of requests stays with an order for the first attempts of an operation, or for all, or is decided anew for each.
func TestRequestFaultsStayForAttempts(t *testing.T) {
	strikes := func(kind, params string, share float64) (struck [8]int) {
		fault := fault1(kind, params)
		fault.Share = share
		asks := storming(t, fault).Channel()
		for order := range 100 {
			for attempt := range struck {
				asked := mockchannel.Request{Subject: buyer(order + 1), Operation: mockchannel.OpQuery, Attempt: attempt + 1}
				if asks.Request(asked) != (mockchannel.RequestFault{}) {
					struck[attempt]++
				}
			}
		}
		return struck
	}
	for _, kind := range []string{"reject-requests", "lose-responses", "slow-responses", "missign-responses", "query-lag"} {
		rest := `,"operations":["query"]}`
		if kind == "query-lag" {
			rest = "}"
		}
		if got := strikes(kind, `{"attempts":"2"`+rest, 1); got != [8]int{100, 100} {
			t.Errorf("%s: the first two of all orders, got %v", kind, got)
		}
		got := strikes(kind, `{"attempts":"all"`+rest, 0.5)
		if got[0] < 30 || got[0] > 70 || got != [8]int{got[0], got[0], got[0], got[0], got[0], got[0], got[0], got[0]} {
			t.Errorf("%s: all attempts of half the orders, got %v", kind, got)
		}
	}
	if got := strikes("reject-requests", `{"operations":["query"]}`, 0.5); got == [8]int{got[0], got[0], got[0], got[0], got[0], got[0], got[0], got[0]} {
		t.Errorf("decided anew for each: got %v", got)
	}
}

// TestEffects asks each kind of message fault a question that it answers and one that it does not.
func TestEffects(t *testing.T) {
	type (
		requestFault = mockchannel.RequestFault
		changeFault  = mockchannel.ChangeFault
		noticeFault  = mockchannel.NoticeFault
		attemptFault = mockchannel.AttemptFault
	)
	paid := history.PaymentSucceeded
	tests := []struct {
		kind, params string
		asked        any // a Request, Change or Notice, or an int: that attempt of a notice
		want         any
	}{
		{"delay-callbacks", `{"by":"30ms"}`, notice(paid), noticeFault{Delay: &mockchannel.Delay{Fault: "f", By: 30 * ms}}},
		{"duplicate-callbacks", `{"count":2,"after":"5ms"}`, notice(paid), noticeFault{Duplicates: []mockchannel.Duplicate{
			{Fault: "f", Count: 2, After: 5 * ms},
		}}},
		{"duplicate-callbacks", `{"count":4,"after":"5ms","burst":true}`, notice(paid), noticeFault{
			Duplicates: []mockchannel.Duplicate{{Fault: "f", Count: 4, After: 5 * ms, Burst: true}},
		}},
		{"stale-callbacks", `{"after":"5ms"}`, notice(paid), noticeFault{Duplicates: []mockchannel.Duplicate{
			{Fault: "f", Count: 1, After: 5 * ms, AfterType: history.RefundSucceeded},
		}}},
		{"stale-callbacks", `{"after":"5ms"}`, notice(history.RefundSucceeded), noticeFault{}},
		{"lose-callbacks", `{"attempts":"all"}`, notice(paid), noticeFault{Lose: &mockchannel.LoseNotice{Fault: "f"}}},
		{"lose-callbacks", `{"attempts":"2"}`, notice(paid), noticeFault{Lose: &mockchannel.LoseNotice{Fault: "f", First: 2}}},
		{"lose-callbacks", `{}`, 2, attemptFault{}},
		{"reorder-callbacks", `{"at_most":"1s"}`, notice(paid), noticeFault{
			Reorder: &mockchannel.Reorder{Fault: "f", AtMost: time.Second},
		}},
		{"ignore-acks", `{}`, 2, attemptFault{IgnoreAck: &mockchannel.IgnoreAck{Fault: "f"}}},

		{"forge-callbacks", `{"kinds":["wrong-key","other-order"],"after":"5ms"}`, change(mockchannel.ChangeCreated), changeFault{
			Extras: []mockchannel.Extra{
				{Fault: "f", Forgery: history.ForgeryWrongKey, After: 5 * ms, Repeat: 1},
				{Fault: "f", Forgery: history.ForgeryOtherOrder, After: 5 * ms, OtherOrder: true, Repeat: 1},
			},
		}},
		{"forge-callbacks", `{}`, change(mockchannel.ChangePaid), changeFault{}},
		{"wrong-amount-callbacks", `{"after":"5ms"}`, change(mockchannel.ChangeCreated), changeFault{Extras: []mockchannel.Extra{
			{Fault: "f", Forgery: history.ForgeryWrongAmount, After: 5 * ms, Minor: 1, Repeat: 1},
		}}},
		{"wrong-amount-callbacks", `{"after":"5ms","factor":0.01,"at":"paid"}`, change(mockchannel.ChangePaid), changeFault{
			Extras: []mockchannel.Extra{{Fault: "f", Forgery: history.ForgeryWrongAmount, After: 5 * ms, Minor: 4999, Repeat: 1}},
		}},
		{"wrong-amount-callbacks", `{"after":"5ms","factor":1}`, change(mockchannel.ChangeCreated), changeFault{
			Extras: []mockchannel.Extra{{Fault: "f", Forgery: history.ForgeryWrongAmount, After: 5 * ms, Minor: 499901, Repeat: 1}},
		}},
		{"wrong-amount-callbacks", `{"after":"5ms","currency":"JPY"}`, change(mockchannel.ChangeCreated), changeFault{
			Extras: []mockchannel.Extra{
				{Fault: "f", Forgery: history.ForgeryWrongCurrency, After: 5 * ms, Currency: "JPY", Repeat: 1},
			},
		}},

		{"reject-requests", `{}`, request(mockchannel.OpRefund), requestFault{
			Reject: &mockchannel.Reject{Fault: "f", Status: 503, Code: "unavailable"},
		}},
		{"reject-requests", `{"operations":["create"]}`, request(mockchannel.OpRefund), requestFault{}},
		{"lose-responses", `{"how":["timeout"]}`, request(mockchannel.OpRefund), requestFault{
			Lose: &mockchannel.Lose{Fault: "f", How: mockchannel.LoseByTimeout},
		}},
		{"lose-responses", `{}`, request(mockchannel.OpQuery), requestFault{}},
		{"slow-responses", `{"by":"1s","after_processing":true}`, request(mockchannel.OpBill), requestFault{
			Slow: &mockchannel.Slow{Fault: "f", By: time.Second, After: true},
		}},
		{"slow-responses", `{"operations":["create"]}`, request(mockchannel.OpBill), requestFault{}},
		{"query-lag", `{"lag":"1s"}`, request(mockchannel.OpRefundQuery), requestFault{
			Stale: &mockchannel.Stale{Fault: "f", Lag: time.Second},
		}},
		{"query-lag", `{}`, request(mockchannel.OpRefund), requestFault{}},
		{"early-callbacks", `{}`, request(mockchannel.OpRefund), requestFault{NotifyFirst: &mockchannel.NotifyFirst{Fault: "f"}}},
		{"early-callbacks", `{}`, change(mockchannel.ChangeCreated), changeFault{}},
		{"early-callbacks", `{"message":"payment"}`, change(mockchannel.ChangeCreated), changeFault{
			AutoPay: &mockchannel.AutoPay{Fault: "f"},
		}},
		{"early-callbacks", `{"message":"payment"}`, request(mockchannel.OpRefund), requestFault{}},

		{"short-capture", `{"part":"10%"}`, change(mockchannel.ChangeCapture), changeFault{
			Capture: &mockchannel.Capture{Fault: "f", Minor: 49990},
		}},
		{"short-capture", `{"minor":1}`, change(mockchannel.ChangeCapture), changeFault{
			Capture: &mockchannel.Capture{Fault: "f", Minor: 1},
		}},
		{"short-capture", `{"minor":499900}`, change(mockchannel.ChangeCapture), changeFault{}},
		{"short-capture", `{}`, change(mockchannel.ChangePaid), changeFault{}},
		{"late-success", `{"after":"1s"}`, change(mockchannel.ChangeClosed), changeFault{
			LateSuccess: &mockchannel.LateSuccess{Fault: "f", After: time.Second},
		}},
		{"late-success", `{}`, change(mockchannel.ChangeCreated), changeFault{}},
		{"fail-refunds", `{}`, change(mockchannel.ChangeRefund), changeFault{
			RefundFails: &mockchannel.RefundFails{Fault: "f", Reason: "account_closed"},
		}},
		{"fail-refunds", `{}`, change(mockchannel.ChangeClosed), changeFault{}},

		{"duplicate-callbacks", `{"count":1,"after":"1s","path":"/old"}`, notice(paid), noticeFault{
			Duplicates: []mockchannel.Duplicate{{Fault: "f", Count: 1, After: time.Second, Path: "/old"}},
		}},
		{"in-process", `{"by":"1s"}`, change(mockchannel.ChangePaying), changeFault{
			Process: &mockchannel.Process{Fault: "f", By: time.Second},
		}},
		{"in-process", `{}`, change(mockchannel.ChangeCapture), changeFault{}},
		{"signature-probe", `{}`, notice(paid), noticeFault{Probe: &mockchannel.Probe{Fault: "f"}}},
		{"twin-callbacks", `{"after":"5ms"}`, notice(paid), noticeFault{Twin: &mockchannel.Twin{Fault: "f", After: 5 * ms}}},
		{"missign-responses", `{"probe":true}`, request(mockchannel.OpRefund), requestFault{
			Missign: &mockchannel.Missign{Fault: "f", Probe: true},
		}},
		{"missign-responses", `{"operations":["create"]}`, request(mockchannel.OpRefund), requestFault{}},
		{"rotate-keys", `{}`, request(mockchannel.OpQuery), requestFault{Rotate: &mockchannel.Rotate{Fault: "f"}}},
		{"rotate-keys", `{}`, 1, attemptFault{Rotate: &mockchannel.Rotate{Fault: "f"}}},
		{"spoil-bills", `{"how":["wrong-day"]}`, request(mockchannel.OpBill), requestFault{
			Spoil: &mockchannel.Spoil{Fault: "f", How: mockchannel.SpoilDay},
		}},
		{"spoil-bills", `{}`, request(mockchannel.OpQuery), requestFault{}},
		{"provider-refunds", `{"after":"1s"}`, change(mockchannel.ChangePaid), changeFault{
			GiveBack: &mockchannel.GiveBack{Fault: "f", After: time.Second},
		}},
		{"provider-refunds", `{}`, change(mockchannel.ChangeClosed), changeFault{}},
		{"dispute", `{"after":"1s"}`, change(mockchannel.ChangePaid), changeFault{
			Dispute: &mockchannel.Dispute{Fault: "f", After: time.Second},
		}},
		{"dispute", `{}`, change(mockchannel.ChangeRefund), changeFault{}},
	}
	tested := map[string]bool{}
	for _, test := range tests {
		tested[test.kind] = true
		t.Run(test.kind+test.params, func(t *testing.T) {
			channel := storming(t, fault1(test.kind, test.params)).Channel()
			var got any
			switch asked := test.asked.(type) {
			case mockchannel.Request:
				got = channel.Request(asked)
			case mockchannel.Change:
				got = channel.Change(asked)
			case mockchannel.Notice:
				got = channel.Notice(asked)
			case int:
				got = channel.Attempt(notice(paid), asked)
			}
			if !reflect.DeepEqual(got, test.want) {
				t.Errorf("got %s, want %s", show(t, got), show(t, test.want))
			}
		})
	}
	for _, kind := range All() {
		_, behaves := kind.New().(Behaves)
		_, effects := kind.New().(Effects)
		_, aborts := kind.New().(Aborts)
		elsewhere := effects || aborts // no question of the channel's
		if !kind.Shareless && !behaves && !elsewhere && !tested[kind.Name] {
			t.Errorf("%s is not tested", kind.Name)
		}
	}
}

func show(t *testing.T, value any) string {
	t.Helper()
	text, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestLosingOneAttemptLosesNoOther(t *testing.T) {
	fault := fault1("lose-callbacks", `{}`)
	fault.Only.Attempt = 2
	channel := storming(t, fault).Channel()
	if got := channel.Notice(notice(history.PaymentSucceeded)); got.Lose != nil {
		t.Error("the whole notification is lost")
	}
	for attempt := 1; attempt <= 3; attempt++ {
		got := channel.Attempt(notice(history.PaymentSucceeded), attempt)
		if (got.Lose != nil) != (attempt == 2) {
			t.Errorf("attempt %d: %+v", attempt, got.Lose)
		}
	}
}

func TestOnlyTheFirstRefundsFail(t *testing.T) {
	channel := storming(t, fault1("fail-refunds", `{"first":"2"}`)).Channel()
	for n, want := range []bool{true, true, false, false} {
		if got := channel.Change(change(mockchannel.ChangeRefund)).RefundFails != nil; got != want {
			t.Errorf("refund %d of the payment fails: %v", n+1, got)
		}
	}
	other := change(mockchannel.ChangeRefund)
	other.Subject = buyer(6)
	if channel.Change(other).RefundFails == nil {
		t.Error("another payment's first refund does not fail")
	}
}

func TestLostResponsesAreMixed(t *testing.T) {
	channel := storming(t, fault1("lose-responses", `{"how":["reset","timeout","truncated","error-500"]}`)).Channel()
	counts := map[mockchannel.LoseHow]int{}
	for n := range 4000 {
		asked := request(mockchannel.OpCreate)
		asked.Subject = buyer(n + 1)
		counts[channel.Request(asked).Lose.How]++
	}
	for how, count := range counts {
		if count < 890 || count > 1110 {
			t.Errorf("%s: %d of 4000, want about 1000", how, count)
		}
	}
	if len(counts) != 4 {
		t.Errorf("%d ways, want 4", len(counts))
	}
}

func TestSeveralFaultsOfOneMessage(t *testing.T) {
	named := func(id, kind, params string) scenarios.Fault {
		fault := fault1(kind, params)
		fault.ID = id
		return fault
	}
	channel := storming(t,
		named("delay-1", "delay-callbacks", `{"by":"1s"}`),
		named("delay-2", "delay-callbacks", `{"by":"2s"}`),
		named("twice", "duplicate-callbacks", `{"count":1}`),
		named("burst", "duplicate-callbacks", `{"count":3,"burst":true}`),
		named("lose", "lose-callbacks", `{"attempts":"1"}`),
		named("forged", "forge-callbacks", `{"kinds":["wrong-key"]}`),
		named("cheap", "wrong-amount-callbacks", `{}`),
	).Channel()
	got := channel.Notice(notice(history.PaymentSucceeded))
	if got.Delay == nil || got.Delay.Fault != "delay-1" {
		t.Errorf("delay is %+v: want the first in plan order", got.Delay)
	}
	if len(got.Duplicates) != 2 || got.Duplicates[0].Fault != "twice" || got.Duplicates[1].Fault != "burst" {
		t.Errorf("duplicates are %+v: want both, in plan order", got.Duplicates)
	}
	if got.Lose == nil || got.Lose.Fault != "lose" {
		t.Errorf("lose is %+v", got.Lose)
	}
	extras := channel.Change(change(mockchannel.ChangeCreated)).Extras
	if len(extras) != 2 || extras[0].Fault != "forged" || extras[1].Fault != "cheap" {
		t.Errorf("extras are %+v: want both, in plan order", extras)
	}
}

func TestAnotherFaultShiftsNobody(t *testing.T) {
	half := fault1("lose-callbacks", `{}`)
	half.Share = 0.5
	more := fault1("delay-callbacks", `{}`)
	more.ID, more.Share = "g", 0.5
	alone, beside := storming(t, half).Channel(), storming(t, more, half).Channel()
	lost := 0
	for n := 1; n <= 500; n++ {
		asked := notice(history.PaymentSucceeded)
		asked.Subject = buyer(n)
		if alone.Notice(asked).Lose != nil {
			lost++
		}
		if !reflect.DeepEqual(alone.Notice(asked).Lose, beside.Notice(asked).Lose) {
			t.Fatalf("buyer %d fares otherwise beside another fault", n)
		}
	}
	if lost < 200 || lost > 300 {
		t.Errorf("%d of 500 lost, want about half", lost)
	}
}

// TestDecisionsEnd walks a message fault through the stages of a run.
func TestDecisionsEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		early := fault1("lose-callbacks", `{}`)
		early.ID, early.For = "early", time.Second
		late := fault1("delay-callbacks", `{}`)
		late.ID, late.From = "late", 2*time.Second
		books := fault1("ignore-acks", `{}`)
		books.ID, books.Until = "books", scenarios.UntilBooks
		w := newWorld(t, early, late, books)
		ask := func(n int) (hit []string) {
			asked := notice(history.PaymentSucceeded)
			asked.Subject = buyer(n)
			channel := w.engine.Channel()
			whole, single := channel.Notice(asked), channel.Attempt(asked, 1)
			if whole.Lose != nil {
				hit = append(hit, "early")
			}
			if whole.Delay != nil {
				hit = append(hit, "late")
			}
			if single.IgnoreAck != nil {
				hit = append(hit, "books")
			}
			return hit
		}
		expect := func(what string, n int, want ...string) {
			t.Helper()
			if got := ask(n); !reflect.DeepEqual(got, want) {
				t.Errorf("%s: %v, want %v", what, got, want)
			}
		}
		expect("in the warm-up", 1)
		w.begin()
		expect("as the storm begins", 2, "early", "books")
		expect("an order of the warm-up", 1)
		time.Sleep(1500 * ms)
		expect("between the windows", 3, "books")
		time.Sleep(time.Second)
		expect("in the second window", 4, "late", "books")
		w.heal()
		expect("after heal", 5, "books")
		w.finish()
		expect("after the books", 6)
		w.wantEvents(
			"0s early fault.begin", "0s books fault.begin", "1s early fault.end", "2s late fault.begin",
			"2.5s late fault.end", "2.5s books fault.end",
		)
	})
}
