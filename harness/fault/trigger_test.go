package fault

import (
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/paystorm/paystorm/mockchannel"
	"github.com/paystorm/paystorm/scenarios"
)

// onRefund kills the shop when the count-th refund was processed.
func onRefund(count, times int) scenarios.Fault {
	return clocked("kill-node", fmt.Sprintf(
		`{"after":"100ms","on":{"message":"refund","at":"processed","count":%d,"times":%d}}`, count, times), 0, 0)
}

// refunded is the moment at which a buyer's refund was processed.
func refunded(n int) mockchannel.Moment {
	return mockchannel.Moment{Subject: buyer(n), Message: "refund", Stage: mockchannel.StageProcessed, Attempt: 1}
}

func TestKillAtAMoment(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, onRefund(3, 2))
		channel := w.engine.Channel()
		channel.Reached(refunded(100)) // in the warm-up
		w.begin()
		killed := func(n int) bool {
			channel.Reached(refunded(n))
			return !w.nodes[0].Alive()
		}
		if killed(100) {
			t.Fatal("an order of the warm-up was counted")
		}
		elsewhere := refunded(9)
		elsewhere.Stage = mockchannel.StageReceived
		channel.Reached(elsewhere)
		for n := 1; n <= 2; n++ {
			if killed(n) {
				t.Fatalf("killed at refund %d, want at the third", n)
			}
		}
		if !killed(3) {
			t.Fatal("alive when Reached had returned for the third refund")
		}
		channel.Reached(refunded(4)) // while it is down, nothing counts
		time.Sleep(time.Second)
		if killed(5) || killed(6) || !killed(7) {
			t.Error("the second kill is not three refunds after the first")
		}
		time.Sleep(time.Second)
		if killed(8) || killed(9) || killed(10) || killed(11) {
			t.Error("a third kill, where two were asked for")
		}
		w.heal()
		w.finish()
		w.wantEvents(
			"0s kill-node fault.begin", "0s kill-node fault.affected shop:1", "100ms kill-node fault.end",
			"1s kill-node fault.begin", "1s kill-node fault.affected shop:1", "1.1s kill-node fault.end",
		)
		if struck := w.events[1]; struck.Order != buyer(3).Order || struck.Ref != "ps-r-b3-o1" || struck.Buyer != 3 {
			t.Errorf("struck at %+v, want the third buyer's order named", struck)
		}
	})
}

func TestMomentsCountInTheirWindow(t *testing.T) {
	tests := []struct {
		name  string
		fault scenarios.Fault
		at    time.Duration
		want  bool
	}{
		{"before the window", clocked("kill-node", refundParams, time.Second, time.Second), 500 * ms, false},
		{"in the window", clocked("kill-node", refundParams, time.Second, time.Second), 1500 * ms, true},
		{"after the window", clocked("kill-node", refundParams, time.Second, time.Second), 2500 * ms, false},
		{"a pause's window is its length", clocked("pause-node", refundParams, time.Second, time.Second), 2500 * ms, true},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, test.fault)
				w.begin()
				time.Sleep(test.at)
				w.engine.Channel().Reached(refunded(1))
				if got := len(w.notes()) > 0; got != test.want {
					t.Errorf("struck: %v, want %v", got, test.want)
				}
				time.Sleep(time.Minute)
				if done := w.notes(); test.want && len(done) < 2 {
					t.Errorf("done: %q: want it undone by the clock", done)
				}
				w.heal()
				w.finish()
			})
		})
	}
}

const refundParams = `{"on":{"message":"refund","at":"processed","count":1,"times":1}}`

// A moment may ask for callbacks in flight, alone or beside a message's stage.
func TestMomentsWithCallbacksInFlight(t *testing.T) {
	sent := func(inFlight int) mockchannel.Moment {
		return mockchannel.Moment{Subject: buyer(1), Message: "payment.succeeded", Stage: mockchannel.StageSent, InFlight: inFlight}
	}
	acked := func(inFlight int) mockchannel.Moment {
		moment := sent(inFlight)
		moment.Stage = mockchannel.StageAcked
		return moment
	}
	refund := func(inFlight int) mockchannel.Moment {
		moment := refunded(1)
		moment.InFlight = inFlight
		return moment
	}
	for name, test := range map[string]struct {
		on     string
		moment mockchannel.Moment
		want   bool
	}{
		"enough":                    {`{"in_flight":5}`, sent(5), true},
		"too few":                   {`{"in_flight":5}`, sent(4), false},
		"enough, but none was sent": {`{"in_flight":5}`, acked(5), false},
		"beside a stage":            {`{"message":"refund","at":"processed","in_flight":2}`, refund(2), true},
		"beside a stage, too few":   {`{"message":"refund","at":"processed","in_flight":2}`, refund(1), false},
		"beside another stage":      {`{"message":"refund","at":"received","in_flight":2}`, refund(2), false},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, clocked("kill-node", `{"on":`+test.on+`}`, 0, 0))
				w.begin()
				w.engine.Channel().Reached(test.moment)
				if killed := !w.nodes[0].Alive(); killed != test.want {
					t.Errorf("killed: %v", killed)
				}
				w.heal()
				w.finish()
			})
		})
	}
}

// A strike that could not be made is told, whether or not the one before it has been taken in.
func TestTheErrorOfASecondStrikeIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, onRefund(1, 2))
		refused := errors.New("it will not")
		w.engine.triggers[0].trigger.tell(nil)
		w.engine.triggers[0].trigger.tell(refused)
		w.begin()
		if err := <-w.ended; !errors.Is(err, refused) {
			t.Errorf("got %v, want %v", err, refused)
		}
		w.heal()
	})
}

// Nor is it lost when the storm ends at the same moment.
func TestTheErrorOfAStrikeOutlivesTheStorm(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, onRefund(1, 1))
		refused := errors.New("it will not")
		w.engine.triggers[0].trigger.failed = refused
		w.begin()
		w.heal()
		if err := <-w.ended; !errors.Is(err, refused) {
			t.Errorf("got %v, want %v", err, refused)
		}
	})
}
