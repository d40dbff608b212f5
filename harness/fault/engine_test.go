package fault

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/paystorm/paystorm/history"
	"github.com/paystorm/paystorm/mockchannel"
	"github.com/paystorm/paystorm/scenarios"
)

// clocked is a fault named as its kind, from and for a time of the storm.
func clocked(kind, params string, from, lasts time.Duration) scenarios.Fault {
	fault := fault1(kind, params)
	fault.ID, fault.From, fault.For = kind, from, lasts
	return fault
}

const slowDown = `{"link":"shop->channel","direction":"downstream"}`

func TestLinkFaultKeepsItsWindow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, clocked("slow-link", slowDown, time.Second, 2*time.Second))
		w.begin()
		time.Sleep(2 * time.Second)
		if active := w.engine.Active(); !slices.Equal(active, []string{"slow-link"}) {
			t.Errorf("active: %v", active)
		}
		time.Sleep(2 * time.Second)
		if active := w.engine.Active(); len(active) > 0 {
			t.Errorf("active after the window: %v", active)
		}
		w.heal()
		w.finish()
		w.wantDone("strike slow-link: latency shop->channel", "heal slow-link")
		w.wantEvents(
			"1s slow-link fault.begin", "3s slow-link fault.affected shop->channel:3", "3s slow-link fault.end",
		)
	})
}

func TestHealUndoesNodesBeforeLinks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, clocked("cut-link", `{"link":"client->shop"}`, 0, 0), clocked("pause-node", `{}`, time.Second, 0))
		w.begin()
		time.Sleep(2 * time.Second)
		w.heal()
		w.heal()
		w.finish()
		w.wantDone("strike cut-link: down client->shop", "pause shop", "resume shop", "heal cut-link")
		w.wantEvents(
			"0s cut-link fault.begin", "2s cut-link fault.affected client->shop:3", "2s cut-link fault.end",
			"1s pause-node fault.begin", "1s pause-node fault.affected shop:1", "2s pause-node fault.end",
		)
	})
}

func TestFaultUntilTheBooksOutlivesHeal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		stays := clocked("cut-link", `{"link":"shop->channel"}`, 0, 0)
		stays.Until = scenarios.UntilBooks
		w := newWorld(t, stays, clocked("slow-link", slowDown, 0, 0))
		w.begin()
		time.Sleep(time.Second)
		w.heal()
		if active := w.engine.Active(); !slices.Equal(active, []string{"cut-link"}) {
			t.Errorf("active after heal: %v", active)
		}
		time.Sleep(time.Second)
		w.finish()
		w.wantEvents(
			"0s cut-link fault.begin", "2s cut-link fault.affected shop->channel:3", "2s cut-link fault.end",
			"0s slow-link fault.begin", "1s slow-link fault.affected shop->channel:3", "1s slow-link fault.end",
		)
	})
}

func TestNothingIsStruckAfterHeal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, clocked("slow-link", slowDown, time.Second, 0), onRefund(1, 1))
		w.begin()
		w.heal()
		w.engine.Channel().Reached(refunded(1))
		time.Sleep(2 * time.Second)
		// A clock or trigger that was on its way to strike when heal began.
		if err := w.engine.strike(t.Context(), w.engine.faults[0], mockchannel.Subject{}); err != nil {
			t.Error(err)
		}
		w.finish()
		w.wantDone()
		w.wantEvents()
	})
}

func TestHealThatFailsIsRecordedAndTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, clocked("pause-node", `{}`, 0, 0), clocked("slow-link", slowDown, 0, 0))
		w.refusing("resume shop", errors.New("it hangs"))
		w.begin()
		err := w.engine.Heal(t.Context())
		if err == nil || !strings.Contains(err.Error(), `undoing fault "pause-node": node shop: it hangs`) {
			t.Fatalf("got %v", err)
		}
		if active := w.engine.Active(); !slices.Equal(active, []string{"pause-node"}) {
			t.Errorf("active: %v: want what did not heal, and not the link", active)
		}
		w.refusing("resume shop", nil)
		w.heal()
		w.finish()
		w.wantEvents(
			"0s pause-node fault.begin", "0s pause-node fault.affected shop:1", "0s pause-node fault.heal-failed",
			"0s pause-node fault.end",
			"0s slow-link fault.begin", "0s slow-link fault.affected shop->channel:3", "0s slow-link fault.end",
		)
	})
}

func TestHealWorksAfterTheContextEnded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, clocked("cut-link", `{"link":"shop->channel"}`, 0, 0), clocked("kill-node", `{"after":"5s"}`, 0, 0))
		ctx, cancel := context.WithCancel(t.Context())
		w.zero = w.clock.Now()
		w.engine.Begin(w.zero)
		go func() { w.ended <- w.engine.Run(ctx) }()
		synctest.Wait()
		cancel()
		if err := <-w.ended; err != nil {
			t.Errorf("Run: %v", err)
		}
		if err := errors.Join(w.engine.Heal(ctx), w.engine.Finish(ctx)); err != nil {
			t.Error(err)
		}
		if active := w.engine.Active(); len(active) > 0 {
			t.Errorf("active: %v", active)
		}
		if done := w.notes(); !w.nodes[0].Alive() || slices.Contains(done, "books read after restart") {
			t.Errorf("done: %q: want the node up, and no time lost on its books", done)
		}
	})
}

func TestHealWithoutAStorm(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, clocked("slow-link", slowDown, 0, 0))
		go func() { w.ended <- w.engine.Run(t.Context()) }()
		w.heal()
		w.finish()
		w.engine.Begin(w.clock.Now())
		if w.engine.Channel().Notice(notice(history.PaymentSucceeded)).Lose != nil {
			t.Error("a fault strikes after the end")
		}
		w.wantDone()
	})
}

func TestStrikeThatFailsEndsRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, clocked("slow-link", slowDown, 0, 0))
		w.refusing("strike slow-link: latency shop->channel", errors.New("no such link"))
		w.begin()
		if err := <-w.ended; err == nil || !strings.Contains(err.Error(), `striking fault "slow-link": no such link`) {
			t.Errorf("got %v", err)
		}
		w.heal() // what may have been half struck is undone
		w.wantDone("strike slow-link: latency shop->channel", "heal slow-link")
	})
}

func TestKilledNodeStartsAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, clocked("kill-node", `{"after":"300ms"}`, time.Second, 0))
		w.begin()
		time.Sleep(1100 * ms)
		if w.nodes[0].Alive() {
			t.Error("the node lives through its kill")
		}
		time.Sleep(time.Second)
		w.heal()
		w.finish()
		w.wantDone("kill shop", "start shop", "books read after restart")
		w.wantEvents(
			"1s kill-node fault.begin", "1s kill-node fault.affected shop:1", "1.3s kill-node fault.end",
		)
	})
}

// A checkpoint without a crash: after a moment of the history, so often, and counted only where the books could be read.
func TestBooksAreReadAfterAMoment(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		on := `{"after":"50ms","on":{"message":"payment.succeeded","at":"acked","count":2,"times":2}}`
		w := newWorld(t, clocked("read-books", on, 0, 0))
		w.begin()
		acked := func() {
			w.engine.Channel().Reached(mockchannel.Moment{
				Subject: buyer(5), Message: history.PaymentSucceeded, Stage: mockchannel.StageAcked,
			})
			time.Sleep(20 * ms)
		}
		acked()
		acked() // strikes at 20 ms
		w.wantDone()
		time.Sleep(60 * ms)
		w.wantDone("books read")
		w.refusing("books read", errors.New("busy"))
		acked()
		acked() // strikes at 120 ms
		time.Sleep(60 * ms)
		acked()
		acked() // both of its times are over
		time.Sleep(60 * ms)
		w.heal()
		w.finish()
		w.wantDone("books read", "books read")
		w.wantEvents(
			"20ms read-books fault.begin", "70ms read-books fault.affected reading:1", "70ms read-books fault.end",
			"120ms read-books fault.begin", "170ms read-books fault.end",
		)
	})
}

func TestNodeThatFailsToStartIsTriedAgainAtHeal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, clocked("kill-node", `{"after":"300ms"}`, 0, 0))
		w.refusing("start shop", errors.New("port in use"))
		w.begin()
		time.Sleep(time.Second)
		w.refusing("start shop", nil)
		w.heal()
		w.finish()
		w.wantDone("kill shop", "start shop", "start shop", "books read after restart")
		w.wantEvents("0s kill-node fault.begin", "0s kill-node fault.affected shop:1", "1s kill-node fault.end")
	})
}

func TestDeadNodeIsNotOurs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, clocked("kill-node", `{}`, 0, 0))
		w.nodes[0].alive = false
		w.begin()
		time.Sleep(time.Second)
		w.heal()
		w.finish()
		w.wantDone()
		w.wantEvents("0s kill-node fault.begin", "500ms kill-node fault.end")
	})
}

func TestNodeFaultStrikesItsTarget(t *testing.T) {
	for name, test := range map[string]struct {
		params string
		want   []string
	}{
		"a replica":         {`{"node":"shop-2"}`, []string{"pause shop-2", "resume shop-2"}},
		"the database":      {`{"node":"db"}`, []string{"pause db", "resume db"}},
		"a service":         {`{"node":"shop"}`, []string{"pause shop-1", "pause shop-2", "resume shop-1", "resume shop-2"}},
		"the shop's, alone": {`{}`, []string{"pause shop-1", "pause shop-2", "resume shop-1", "resume shop-2"}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorldOf(t, inContainers(), clocked("pause-node", test.params, 0, time.Second))
				w.begin()
				time.Sleep(2 * time.Second)
				w.heal()
				w.finish()
				w.wantDone(test.want...)
			})
		})
	}
}

func TestWorldThatLacksWhatAFaultNeeds(t *testing.T) {
	for _, fault := range []scenarios.Fault{
		clocked("slow-link", slowDown, 0, 0), clocked("kill-node", `{}`, 0, 0), clocked("lock-database", `{}`, 0, 0),
		clocked("abort-transactions", `{}`, 0, 0),
	} {
		if _, err := NewEngine(scenarios.Plan{Faults: []scenarios.Fault{fault}}, Env{}); err == nil {
			t.Errorf("%s was built in a world without what it strikes", fault.ID)
		}
	}
}
