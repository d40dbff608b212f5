package k6child

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/paystorm/paystorm/harness/load"
	"github.com/paystorm/paystorm/history"
	"github.com/paystorm/paystorm/money"
	"github.com/paystorm/paystorm/scenarios"
)

// The test binary is its own k6 child, as paystorm is.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == load.CheckCommand {
		os.Exit(Check(os.Args[2], os.Args[3]))
	}
	if len(os.Args) > 1 && os.Args[1] == load.Command {
		if code, ran := closedLoop(os.Args[2:]); ran {
			os.Exit(code)
		}
		os.Exit(Main(os.Args[2:], func(scenarios.Plan) load.Payers { return nil }))
	}
	if err := flag.Set("test.parallel", "4"); err != nil { // they wait for timers more than they work
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// shop answers orders, each after a while.
type shop struct {
	*httptest.Server
	orders atomic.Int64
}

func newShop(t testing.TB, after time.Duration) *shop {
	t.Helper()
	s := &shop{}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		number := s.orders.Add(1)
		_, _ = io.Copy(io.Discard, r.Body) // only then does the server notice that the client has gone
		select {
		case <-time.After(after):
		case <-r.Context().Done():
			return
		}
		w.WriteHeader(http.StatusCreated)
		fmt.Fprintf(w, `{"id": "O%d"}`, number)
	}))
	t.Cleanup(s.Close)
	return s
}

// plan lets buyers arrive steadily, each of whom does nothing but order.
func plan(perSecond float64, length time.Duration, vus int) scenarios.Plan {
	buyers := int(perSecond * length.Seconds())
	return scenarios.Plan{
		Name: "test", Seed: 1, WarmUpSKU: "warm-up", VUs: vus, Offered: buyers, StormMax: length + time.Second,
		Items: []scenarios.Item{{SKU: "phone", Stock: 10, Price: money.Amount{Minor: 100, Currency: "CNY"}}},
		Steps: []scenarios.LoadStep{{For: length, PerSecond: perSecond, Iterations: buyers, FirstBuyer: 1}},
		System: scenarios.System{Journeys: map[string][]scenarios.Step{"buy": {{
			Name: history.OpOrder, Post: "/orders", JSON: map[string]any{"ref": "{{ ref }}"},
			Capture: map[string]string{"order": "id"}, OK: scenarios.Match{Status: []int{201}},
		}}}},
		Journeys: []scenarios.JourneyShare{{Name: "buy", Share: 1}},
	}
}

// world is a run directory with a child in it.
type world struct {
	*load.Child
	dir   string
	clock history.Clock
}

func start(t testing.TB, plan scenarios.Plan, shopURL string) *world {
	t.Helper()
	return startWith(t, plan, load.Config{ShopURL: shopURL, ChannelURL: "http://127.0.0.1:1"})
}

func startScript(t testing.TB, plan scenarios.Plan, shopURL, script string) *world {
	t.Helper()
	return startWith(t, plan, load.Config{ShopURL: shopURL, ChannelURL: "http://127.0.0.1:1", Script: script})
}

func startWith(t testing.TB, plan scenarios.Plan, config load.Config) *world {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	w := &world{dir: t.TempDir(), clock: history.StartClock()}
	if err := history.Create(w.dir, history.Header{Writers: []string{load.Writer}}); err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(plan)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(w.dir, "plan.json")
	if err := os.WriteFile(path, text, 0o644); err != nil {
		t.Fatal(err)
	}
	config.Self, config.RunDir, config.PlanPath, config.ClockOrigin, config.RunID = self, w.dir, path, w.clock.Origin(), "r1"
	w.Child, err = load.Start(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		_ = w.Stop(ctx)
	})
	return w
}

func (w *world) open(t testing.TB) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	if err := w.Ready(ctx); err != nil {
		t.Fatal(err)
	}
	if err := w.Open(w.clock.Now(), load.Given{}); err != nil {
		t.Fatal(err)
	}
}

func (w *world) history(t testing.TB) *history.History {
	t.Helper()
	h, err := history.Open(w.dir)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func (w *world) log(t testing.TB) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(w.dir, load.LogDir, load.LogFile))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// sums are the counts of the load's events.
func sums(h *history.History) map[string]int64 {
	counted := map[string]int64{}
	for _, event := range h.Events {
		switch event.Kind {
		case history.LoadOffered, history.LoadDropped, history.LoadInterrupted:
			counted[event.Kind] += event.Count
		default:
			counted[event.Kind]++
		}
	}
	return counted
}

func TestEveryBuyerComesOnce(t *testing.T) {
	t.Parallel()
	s := newShop(t, 0)
	p := plan(100, 500*time.Millisecond, 65) // a virtual user for each buyer: however busy the machine is, nobody is dropped
	p.Steps = append(p.Steps, scenarios.LoadStep{At: 700 * time.Millisecond, For: 300 * time.Millisecond, PerSecond: 50, Iterations: 15, FirstBuyer: 51})
	p.Offered = 65
	w := start(t, p, s.URL)
	w.open(t)
	if err := w.Wait(); err != nil {
		t.Fatalf("%v\n%s", err, w.log(t))
	}
	h := w.history(t)
	if !h.Complete() {
		t.Fatalf("history is not complete: %+v", h.Segments)
	}
	got := sums(h)
	want := map[string]int64{
		history.LoadOffered: 65, history.LoadDropped: 0, history.LoadInterrupted: 0,
		history.JourneyBegin: 65, history.JourneyEnd: 65,
	}
	for kind, count := range want {
		if got[kind] != count {
			t.Errorf("%s: %d, want %d\n%s", kind, got[kind], count, w.log(t))
		}
	}
	buyers := map[int]history.Op{}
	for _, op := range h.Ops {
		if op.Outcome != history.OK || op.Order == "" || op.Phase != history.PhaseStorm {
			t.Errorf("op %+v", op)
		}
		if late := op.Called.Sub(op.Intended); op.Intended == 0 || late < 0 || late > time.Second {
			t.Errorf("buyer %d was called %s after it was wanted", op.Buyer, late)
		}
		buyers[op.Buyer] = op
	}
	if len(buyers) != 65 || buyers[1].Ref != "ps-r1-b1-o1" {
		t.Fatalf("%d different buyers, the first with %q", len(buyers), buyers[1].Ref)
	}
	if gap := buyers[51].Intended.Sub(buyers[50].Intended); gap != 220*time.Millisecond {
		t.Errorf("the pause between the steps is %s, want 220ms", gap)
	}
	p65 := w.Progress()
	if !p65.Done || p65.Started != 65 || p65.Completed != 65 || p65.Open != 0 {
		t.Errorf("progress %+v", p65)
	}
	for _, name := range []string{load.SummaryText, load.SummaryJSON} {
		text, err := os.ReadFile(filepath.Join(w.dir, load.LogDir, name))
		if err != nil || !strings.Contains(string(text), "iterations") {
			t.Errorf("%s: %v\n%s", name, err, text)
		}
	}
	if err := w.Stop(t.Context()); err != nil {
		t.Errorf("stopping a child that has ended: %v", err)
	}
}

// A shape of many short steps comes out to the buyer, and at its times.
func TestAShapeIsKept(t *testing.T) {
	t.Parallel()
	s := newShop(t, 0)
	p := plan(1, time.Second, 40)
	for _, profile := range load.Profiles() {
		if profile.Name != "flash-sale" {
			continue
		}
		var err error
		if p.Steps, err = profile.Steps(scenarios.Load{Peak: 100, For: scenarios.Duration(1500 * time.Millisecond)}); err != nil {
			t.Fatal(err)
		}
	}
	total := int64(0)
	for _, step := range p.Steps {
		total += int64(step.Iterations)
	}
	p.VUs = int(total) // on a slow machine all of them may be under way at once
	w := start(t, p, s.URL)
	w.open(t)
	if err := w.Wait(); err != nil {
		t.Fatalf("%v\n%s", err, w.log(t))
	}
	h := w.history(t)
	got := sums(h)
	if got[history.LoadOffered] != total || got[history.JourneyBegin] != total || got[history.LoadDropped] != 0 {
		t.Fatalf("%v, want %d of %d steps", got, total, len(p.Steps))
	}
	first, last := h.Ops[0].Intended, h.Ops[len(h.Ops)-1].Intended
	if length := last.Sub(first); length < 1200*time.Millisecond || length > 1500*time.Millisecond {
		t.Errorf("from the first buyer to the last %s", length)
	}
}

// What k6 drops is seen, and the two counts agree.
func TestDropsAreCounted(t *testing.T) {
	t.Parallel()
	s := newShop(t, 400*time.Millisecond)
	w := start(t, plan(100, time.Second, 10), s.URL)
	w.open(t)
	if err := w.Wait(); err != nil {
		t.Fatalf("%v\n%s", err, w.log(t))
	}
	h := w.history(t)
	got := sums(h)
	if got[history.LoadOffered] != 100 || got[history.LoadDropped] < 50 ||
		got[history.LoadDropped]+got[history.JourneyBegin] != 100 || got[history.JourneyEnd] != got[history.JourneyBegin] {
		t.Errorf("%v", got)
	}
	for _, event := range h.Events {
		if event.Kind == history.LoadDropped && event.Detail != "" {
			t.Errorf("k6 counts otherwise: %+v", event)
		}
	}
	if w.Progress().Dropped != got[history.LoadDropped] {
		t.Errorf("progress %+v", w.Progress())
	}
}

// A shop that is too slow for the bound leaves journeys that k6 cuts off: their last operation has no answer.
func TestAnInterruptedJourneyHasNoAnswer(t *testing.T) {
	t.Parallel()
	s := newShop(t, time.Minute)
	p := plan(20, 500*time.Millisecond, 20)
	p.StormMax = 500 * time.Millisecond
	w := start(t, p, s.URL)
	w.open(t)
	if err := w.Wait(); err != nil {
		t.Fatalf("%v\n%s", err, w.log(t))
	}
	h := w.history(t)
	got := sums(h)
	if got[history.LoadInterrupted] != 10 || got[history.JourneyBegin] != 10 || got[history.JourneyEnd] != 0 || !h.Complete() {
		t.Fatalf("%v, complete: %v\n%s", got, h.Complete(), w.log(t))
	}
	for _, op := range h.Ops {
		if op.Outcome != history.Unknown || op.Returned != 0 {
			t.Errorf("op %+v", op)
		}
	}
}

func TestStop(t *testing.T) {
	cases := []struct {
		name    string
		until   func(testing.TB, *world, *shop)
		begun   bool // journeys
		stopped func(*world) error
		whole   bool // the history is closed
	}{
		{
			name: "SIGTERM at once", stopped: (*world).stop, whole: false,
			until: func(testing.TB, *world, *shop) {},
		},
		{
			name: "SIGTERM at the gate", stopped: (*world).stop, whole: true,
			until: func(t testing.TB, w *world, _ *shop) { w.ready(t) },
		},
		{
			name: "SIGTERM in mid-run", stopped: (*world).stop, whole: true, begun: true,
			until: func(t testing.TB, w *world, s *shop) { w.open(t); s.wait(t, 10) },
		},
		{
			name: "SIGKILL in mid-run", stopped: (*world).kill, whole: false, begun: true,
			until: func(t testing.TB, w *world, s *shop) {
				w.open(t)
				s.wait(t, 10)
				w.flushed(t)
			},
		},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := newShop(t, 50*time.Millisecond)
			w := start(t, plan(50, 20*time.Second, 50), s.URL)
			c.until(t, w, s)
			began := time.Now()
			if err := c.stopped(w); err != nil {
				t.Fatal(err)
			}
			if took := time.Since(began); took > 5*time.Second {
				t.Errorf("stopping took %s", took)
			}
			if err := w.Wait(); err == nil {
				t.Error("a child that was stopped did what the plan says")
			}
			h := w.history(t)
			if c.whole && !h.Complete() {
				t.Errorf("history: %+v\n%s", h.Segments, w.log(t))
			}
			got := sums(h)
			if (len(h.Ops) > 0) != c.begun || (got[history.JourneyBegin] > 0) != c.begun {
				t.Errorf("%d ops, %v", len(h.Ops), got)
			}
			if c.whole && got[history.LoadOffered] != got[history.JourneyBegin]+got[history.LoadDropped] {
				t.Errorf("%v", got)
			}
			if c.whole && got[history.JourneyBegin] != got[history.JourneyEnd]+got[history.LoadInterrupted] {
				t.Errorf("%v", got)
			}
		})
	}
}

func (w *world) ready(t testing.TB) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	if err := w.Ready(ctx); err != nil {
		t.Fatal(err)
	}
}

func (w *world) stop() error {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	return w.Stop(ctx)
}

// kill stops without waiting for SIGTERM to work.
func (w *world) kill() error {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := w.Stop(ctx); !errors.Is(err, context.Canceled) {
		return fmt.Errorf("a child that was killed: %w", err)
	}
	return nil
}

// flushed waits until something is in the child's segment.
func (w *world) flushed(t testing.TB) {
	t.Helper()
	eventually(t, "nothing was flushed", func() bool { return len(w.history(t).Ops) > 0 })
}

func (s *shop) wait(t testing.TB, orders int64) {
	t.Helper()
	eventually(t, "nobody orders", func() bool { return s.orders.Load() >= orders })
}

func eventually(t testing.TB, otherwise string, holds func() bool) {
	t.Helper()
	deadline := time.After(10 * time.Second)
	for !holds() {
		select {
		case <-deadline:
			t.Fatal(otherwise)
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// Somebody's own k6 settings must not reach the child.
func TestTheEnvironmentDoesNotLeakIn(t *testing.T) {
	t.Setenv("K6_VUS", "1")
	t.Setenv("K6_ITERATIONS", "1")
	t.Setenv("K6_CONFIG", "/nowhere.json")
	s := newShop(t, 0)
	w := start(t, plan(50, 200*time.Millisecond, 10), s.URL)
	w.open(t)
	if err := w.Wait(); err != nil {
		t.Fatalf("%v\n%s", err, w.log(t))
	}
	if s.orders.Load() != 10 {
		t.Fatalf("%d orders, want 10", s.orders.Load())
	}
}

// A child whose parent is gone does not wait for ever.
func TestAGateThatIsShut(t *testing.T) {
	opened := <-readGate(strings.NewReader(""))
	if !errors.Is(opened.err, errGateShut) {
		t.Fatalf("got %v", opened.err)
	}
}
