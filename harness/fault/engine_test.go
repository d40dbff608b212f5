package fault

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/paystorm/paystorm/dice"
	"github.com/paystorm/paystorm/harness/link"
	"github.com/paystorm/paystorm/history"
	"github.com/paystorm/paystorm/mockchannel"
	"github.com/paystorm/paystorm/scenarios"
)

// world is an engine among links and nodes that only take notes. It lives in a bubble of synctest, whose clock jumps.
type world struct {
	t      *testing.T
	clock  history.Clock
	zero   history.Time
	engine *Engine
	ended  chan error

	mu     sync.Mutex
	events []history.Event
	done   []string         // what was done to links and nodes, in order
	refuse map[string]error // what fails, by the words that would be noted
	nodes  []*fakeNode
}

func newWorld(t *testing.T, faults ...scenarios.Fault) *world {
	t.Helper()
	w := &world{t: t, clock: history.StartClock(), refuse: map[string]error{}, ended: make(chan error, 1)}
	w.nodes = []*fakeNode{{w: w, name: "shop", alive: true}}
	engine, err := NewEngine(scenarios.Plan{Faults: faults}, Env{
		Clock: w.clock,
		Dice:  dice.New(1),
		Record: func(event history.Event) {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.events = append(w.events, event)
		},
		Links: fakeLinks{w},
		Nodes: func() []Node {
			var all []Node
			for _, node := range w.nodes {
				all = append(all, node)
			}
			return all
		},
		Database:     func() string { return "none" },
		AfterRestart: func(context.Context) { _ = w.note("books read after restart") },
	})
	if err != nil {
		t.Fatal(err)
	}
	w.engine = engine
	return w
}

func (w *world) begin() {
	w.zero = w.clock.Now()
	w.engine.Begin(w.zero)
	go func() { w.ended <- w.engine.Run(w.t.Context()) }()
	synctest.Wait()
}

func (w *world) heal() {
	w.t.Helper()
	if err := w.engine.Heal(w.t.Context()); err != nil {
		w.t.Fatal(err)
	}
}

// finish ends the run, and waits for it.
func (w *world) finish() {
	w.t.Helper()
	if err := w.engine.Finish(w.t.Context()); err != nil {
		w.t.Fatal(err)
	}
	if err := <-w.ended; err != nil {
		w.t.Fatal(err)
	}
	if active := w.engine.Active(); len(active) > 0 {
		w.t.Errorf("still active: %v", active)
	}
}

func (w *world) note(words string) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.done = append(w.done, words)
	return w.refuse[words]
}

// refusing makes words fail from now on, or succeed again.
func (w *world) refusing(words string, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.refuse[words] = err
}

// notes is what was done so far.
func (w *world) notes() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.done)
}

// wantEvents compares what was recorded with "<storm time> <fault> <kind>[ <key>:<count>]". Faults whose windows open
// at one time may come in any order.
func (w *world) wantEvents(want ...string) {
	w.t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	var got []string
	for _, event := range w.events {
		line := fmt.Sprintf("%s %s %s", event.At.Sub(w.zero), event.Fault, event.Kind)
		if event.Kind == history.FaultAffected {
			line += fmt.Sprintf(" %s:%d", event.Key, event.Count)
		}
		if event.Source != history.SourceFault {
			w.t.Errorf("%s comes from %q", line, event.Source)
		}
		got = append(got, line)
	}
	for _, lines := range [][]string{got, want} {
		slices.SortStableFunc(lines, func(a, b string) int { return strings.Compare(faultOf(a), faultOf(b)) })
	}
	if !reflect.DeepEqual(got, want) {
		w.t.Errorf("recorded\n  %s\nwant\n  %s", strings.Join(got, "\n  "), strings.Join(want, "\n  "))
	}
}

// faultOf is the fault of a line, so that sorting keeps the order of one fault's events.
func faultOf(line string) string {
	fields := strings.Fields(line)
	return fields[1]
}

func (w *world) wantDone(want ...string) {
	w.t.Helper()
	if done := w.notes(); !slices.Equal(done, want) {
		w.t.Errorf("done: %q, want %q", done, want)
	}
}

type fakeLinks struct{ w *world }

func (l fakeLinks) Strike(_ context.Context, toxic link.Toxic) error {
	return l.w.note(fmt.Sprintf("strike %s: %s %s", toxic.Fault, toxic.Type, toxic.Link))
}

func (l fakeLinks) Heal(ctx context.Context, fault string) error {
	if _, bounded := ctx.Deadline(); !bounded {
		return errors.New("undone without a deadline")
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	return l.w.note("heal " + fault)
}

func (l fakeLinks) Affected(string) (connections, chunks int64) { return 3, 9 }

type fakeNode struct {
	w     *world
	name  string
	alive bool
}

func (n *fakeNode) Name() string { return n.name }
func (n *fakeNode) Alive() bool  { n.w.mu.Lock(); defer n.w.mu.Unlock(); return n.alive }

func (n *fakeNode) live(alive bool, words string) error {
	if err := n.w.note(words + " " + n.name); err != nil {
		return err
	}
	n.w.mu.Lock()
	defer n.w.mu.Unlock()
	n.alive = alive
	return nil
}

func (n *fakeNode) Kill() error   { return n.live(false, "kill") }
func (n *fakeNode) Pause() error  { return n.live(true, "pause") }
func (n *fakeNode) Resume() error { return n.live(true, "resume") }

func (n *fakeNode) Start(ctx context.Context) error {
	if _, bounded := ctx.Deadline(); !bounded {
		return errors.New("started without a deadline")
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	return n.live(true, "start")
}

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
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, clocked("pause-node", `{"node":"worker"}`, 0, time.Second))
		w.nodes = append(w.nodes, &fakeNode{w: w, name: "worker", alive: true})
		w.begin()
		time.Sleep(2 * time.Second)
		w.heal()
		w.finish()
		w.wantDone("pause worker", "resume worker")
	})
}

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

func TestWorldThatLacksWhatAFaultNeeds(t *testing.T) {
	for _, fault := range []scenarios.Fault{
		clocked("slow-link", slowDown, 0, 0), clocked("kill-node", `{}`, 0, 0), clocked("lock-database", `{}`, 0, 0),
	} {
		if _, err := NewEngine(scenarios.Plan{Faults: []scenarios.Fault{fault}}, Env{}); err == nil {
			t.Errorf("%s was built in a world without what it strikes", fault.ID)
		}
	}
}

func TestToxics(t *testing.T) {
	down := link.Downstream
	tests := []struct {
		kind, params string
		want         link.Toxic
	}{
		{"slow-link", `{"link":"client->shop","direction":"downstream","latency":"80ms","jitter":"1500us"}`, link.Toxic{
			Link: "client->shop", Direction: down, Type: "latency", Attributes: map[string]any{"latency": int64(80), "jitter": int64(2)},
		}},
		{"cut-link", `{"link":"shop->channel"}`, link.Toxic{Link: "shop->channel", Type: "down"}},
		{"reset-link", slowDown, link.Toxic{
			Link: "shop->channel", Direction: down, Type: "reset_peer", Attributes: map[string]any{"timeout": int64(0)},
		}},
		{"timeout-link", slowDown, link.Toxic{
			Link: "shop->channel", Direction: down, Type: "timeout", Attributes: map[string]any{"timeout": int64(0)},
		}},
		{"throttle-link", slowDown, link.Toxic{
			Link: "shop->channel", Direction: down, Type: "bandwidth", Attributes: map[string]any{"rate": int64(16)},
		}},
		{"slice-link", slowDown, link.Toxic{
			Link: "shop->channel", Direction: down, Type: "slicer",
			Attributes: map[string]any{"average_size": int64(64), "size_variation": int64(32), "delay": int64(1000)},
		}},
		{"limit-link", slowDown, link.Toxic{
			Link: "shop->channel", Direction: down, Type: "limit_data", Attributes: map[string]any{"bytes": int64(256)},
		}},
	}
	for _, test := range tests {
		t.Run(test.kind, func(t *testing.T) {
			_, params, err := plan(fault1(test.kind, test.params), dice0)
			if err != nil {
				t.Fatal(err)
			}
			if got := params.(Toxic).Toxic(); !reflect.DeepEqual(got, test.want) {
				t.Errorf("got %+v, want %+v", got, test.want)
			}
		})
	}
}
