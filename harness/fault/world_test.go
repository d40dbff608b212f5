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
	return newWorldOf(t, ownShop(), faults...)
}

func newWorldOf(t *testing.T, system scenarios.System, faults ...scenarios.Fault) *world {
	t.Helper()
	w := &world{t: t, clock: history.StartClock(), refuse: map[string]error{}, ended: make(chan error, 1)}
	for _, name := range system.NodeNames() {
		w.nodes = append(w.nodes, &fakeNode{w: w, name: name, alive: true})
	}
	engine, err := NewEngine(scenarios.Plan{Faults: faults, System: system}, Env{
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
		ReadBooks:    func(context.Context) error { return w.note("books read") },
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
	ends  time.Duration // after it was asked to
}

func (n *fakeNode) Name() string { return n.name }

func (n *fakeNode) Alive() bool {
	n.w.mu.Lock()
	defer n.w.mu.Unlock()
	return n.alive
}

func (n *fakeNode) live(alive bool, words string) error {
	if err := n.w.note(words + " " + n.name); err != nil {
		return err
	}
	n.w.mu.Lock()
	defer n.w.mu.Unlock()
	n.alive = alive
	return nil
}

// Stop, Squeeze, Relax, Exec and WriteFile are what a container can do beside it.
func (n *fakeNode) Stop(context.Context) error {
	time.Sleep(n.ends)
	return n.live(false, "stop")
}

func (n *fakeNode) Squeeze(_ context.Context, cpus float64, memory int64) error {
	return n.w.note(fmt.Sprintf("squeeze %s: %g, %d", n.name, cpus, memory))
}

func (n *fakeNode) Relax(context.Context) error { return n.w.note("relax " + n.name) }

// Exec says what a command that is refused says.
func (n *fakeNode) Exec(_ context.Context, argv []string) (string, error) {
	err := n.w.note(fmt.Sprintf("in %s: %s", n.name, strings.Join(argv, " ")))
	if err != nil {
		return err.Error(), errors.New("exit status 1")
	}
	return "", nil
}

func (n *fakeNode) WriteFile(_ context.Context, path string, content []byte) error {
	return n.w.note(fmt.Sprintf("into %s: %s: %s", n.name, path, content))
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
