package fault

import (
	"testing"
	"time"

	"github.com/paystorm/paystorm/dice"
	"github.com/paystorm/paystorm/history"
	"github.com/paystorm/paystorm/mockchannel"
	"github.com/paystorm/paystorm/scenarios"
)

func TestSinksFail(t *testing.T) {
	mail := func(attempt int) Arrival { return Arrival{Sink: "mail", Key: "m1", Order: "O1", Attempt: attempt} }
	for name, c := range map[string]struct {
		params string
		want   [3]Mishap // of the first attempts
	}{
		"refused":              {`{"sinks":["mail"]}`, [3]Mishap{{Fault: "f", Status: 500}, {Fault: "f", Status: 500}, {Fault: "f", Status: 500}}},
		"refused at first":     {`{"sinks":["mail"],"status":503,"attempts":"2"}`, [3]Mishap{{Fault: "f", Status: 503}, {Fault: "f", Status: 503}}},
		"taken, answer lost":   {`{"sinks":["mail"],"how":["lost"],"by":"1s","attempts":"1"}`, [3]Mishap{{Fault: "f", Hang: time.Second, Silent: true}}},
		"taken, answered late": {`{"sinks":["mail"],"how":["slow"],"by":"1s","attempts":"1"}`, [3]Mishap{{Fault: "f", Hang: time.Second}}},
		"another sink":         {`{"sinks":["sms"]}`, [3]Mishap{}},
	} {
		t.Run(name, func(t *testing.T) {
			engine := storming(t, fault1("fail-sinks", c.params))
			for nth, want := range c.want {
				if got := engine.Sink(mail(nth + 1)); got != want {
					t.Errorf("attempt %d: got %+v, want %+v", nth+1, got, want)
				}
			}
		})
	}
}

// The dice know the buyer by the channel, and not the number that the shop gave the order.
func TestSinksFailByTheBuyer(t *testing.T) {
	struck := func(number string) (all [40]bool) {
		fault := fault1("fail-sinks", `{"sinks":["mail"]}`)
		fault.Share = 0.5
		engine := storming(t, fault)
		for n := range all {
			subject := buyer(n + 1)
			subject.Order = number + subject.Order
			engine.Channel().Request(mockchannel.Request{Subject: subject, Operation: mockchannel.OpCreate, Attempt: 1})
			all[n] = engine.Sink(Arrival{Sink: "mail", Key: "m", Order: subject.Order, Attempt: 1}) != Mishap{}
		}
		return all
	}
	if a, b := struck("A"), struck("B"); a != b || a == [40]bool{} {
		t.Errorf("the same buyers under other numbers: %v and %v", a, b)
	}
}

// Before the storm and after heal every sink takes what comes, and so it does for orders of the warm-up.
func TestSinksFailInTheStormOnly(t *testing.T) {
	clock := history.StartClock()
	engine, err := NewEngine(scenarios.Plan{Faults: []scenarios.Fault{fault1("fail-sinks", `{"sinks":["mail"]}`)}}, Env{
		Clock: clock, Record: func(history.Event) {}, Dice: dice.New(3),
	})
	if err != nil {
		t.Fatal(err)
	}
	warm, cold := Arrival{Sink: "mail", Order: "W1", Attempt: 1}, Arrival{Sink: "mail", Order: "O1", Attempt: 1}
	asks := func(stage string, arrival Arrival, want bool) {
		t.Helper()
		if got := engine.Sink(arrival) != (Mishap{}); got != want {
			t.Errorf("%s, order %s: struck is %v", stage, arrival.Order, got)
		}
	}
	asks("warm-up", warm, false)
	engine.Begin(clock.Now())
	asks("storm", warm, false)
	asks("storm", cold, true)
	if err := engine.Heal(t.Context()); err != nil {
		t.Fatal(err)
	}
	asks("after heal", cold, false)
}
