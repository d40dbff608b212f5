package sut

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/paystorm/paystorm/history"
	"github.com/paystorm/paystorm/scenarios"
)

// The test binary plays the shop, and the harness that starts a shop and is killed, when its first argument says so.
const (
	roleShop    = "sut-test-shop"
	roleHarness = "sut-test-harness"
)

func TestMain(m *testing.M) {
	role := ""
	if len(os.Args) > 1 {
		role = os.Args[1]
	}
	switch role {
	case roleShop:
		playShop()
	case roleHarness:
		playHarness(os.Args[2])
	default:
		goleak.VerifyTestMain(m)
	}
}

// playShop is a shop that does what its environment and its requests say.
func playShop() {
	fmt.Println("shop begins")
	if code, err := strconv.Atoi(os.Getenv("EXIT")); err == nil {
		fmt.Fprintln(os.Stderr, "shop cannot begin")
		os.Exit(code)
	}
	if os.Getenv("IGNORE_TERM") != "" {
		signal.Ignore(syscall.SIGTERM)
	}
	if os.Getenv("CHILD") != "" {
		child := exec.CommandContext(context.Background(), "sleep", "600")
		if err := child.Start(); err != nil {
			panic(err)
		}
		fmt.Println("child", child.Process.Pid)
	}
	books, err := sql.Open("pgx", os.Getenv("DATABASE_URL"))
	if err != nil {
		panic(err)
	}
	serve := http.NewServeMux()
	serve.HandleFunc("GET /healthz", func(w http.ResponseWriter, r *http.Request) {
		if os.Getenv("NEVER_READY") != "" || os.Getenv("DATABASE_URL") != "" && books.PingContext(r.Context()) != nil {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	})
	serve.HandleFunc("POST /exit", func(http.ResponseWriter, *http.Request) {
		for n := range 20 {
			fmt.Println("line", n)
		}
		os.Exit(3)
	})
	serve.HandleFunc("POST /jobs/reconcile", func(w http.ResponseWriter, _ *http.Request) { fmt.Println("reconciled") })
	serve.HandleFunc("GET /books", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(os.Getenv("BOOKS"))) })
	serve.HandleFunc("GET /config", func(w http.ResponseWriter, _ *http.Request) {
		text, _ := os.ReadFile(os.Getenv("CONFIG"))
		_, _ = w.Write(text)
	})
	serve.HandleFunc("GET /environment", func(w http.ResponseWriter, _ *http.Request) {
		dir, _ := os.Getwd()
		_ = json.NewEncoder(w).Encode(map[string]any{"env": os.Environ(), "dir": dir, "args": os.Args[2:]})
	})
	server := &http.Server{Addr: os.Getenv("ADDR"), Handler: serve, ReadHeaderTimeout: time.Second}
	panic(server.ListenAndServe())
}

// playHarness starts a shop, tells its process and waits to be killed.
func playHarness(dir string) {
	clock := history.StartClock()
	shop, err := Start(context.Background(), Config{
		System: shopSystem(nil), RunDir: dir, Clock: clock, Record: func(history.Event) {}, Self: os.Args[0],
	})
	if err != nil {
		panic(err)
	}
	if err := shop.Ready(context.Background()); err != nil {
		panic(err)
	}
	fmt.Println(shop.(*process).node.life.pid)
	select {}
}

// shopSystem is the system file of the test's shop.
func shopSystem(env map[string]string) scenarios.System {
	all := map[string]string{"ADDR": "{{ address }}"}
	for name, value := range env {
		all[name] = value
	}
	return scenarios.System{
		Name: "helper", Version: "v1",
		Launch: scenarios.Launch{Process: &scenarios.Process{
			Command: []string{"paystorm", roleShop, "{{ port }}"}, Env: all, Stop: scenarios.Duration(300 * time.Millisecond),
		}},
		Ready: scenarios.Ready{HTTP: "/healthz", Within: scenarios.Duration(5 * time.Second)},
	}
}

// events records what happened.
type events struct {
	mutex sync.Mutex
	list  []history.Event
}

func (e *events) record(event history.Event) {
	e.mutex.Lock()
	defer e.mutex.Unlock()
	e.list = append(e.list, event)
}

func (e *events) kinds() []string {
	e.mutex.Lock()
	defer e.mutex.Unlock()
	var kinds []string
	for _, event := range e.list {
		kinds = append(kinds, event.Kind)
	}
	return kinds
}

func (e *events) all() []history.Event {
	e.mutex.Lock()
	defer e.mutex.Unlock()
	return slices.Clone(e.list)
}

func (e *events) last() history.Event {
	e.mutex.Lock()
	defer e.mutex.Unlock()
	return e.list[len(e.list)-1]
}

func (e *events) want(t *testing.T, kinds ...string) {
	t.Helper()
	if got := e.kinds(); !slices.Equal(got, kinds) {
		t.Fatalf("events %q, want %q", got, kinds)
	}
}

// started is a shop that was started from a system file and is stopped with the test.
type started struct {
	Shop
	events *events
	runDir string
}

func start(t *testing.T, system scenarios.System) started {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	recorded, dir := &events{}, t.TempDir()
	shop, err := Start(t.Context(), Config{
		System: system, SystemDir: dir, RunDir: dir, Clock: history.StartClock(), Record: recorded.record, Self: self,
		Links:   map[string]string{"shop->channel": "http://127.0.0.1:1"},
		Channel: map[string]string{"key": "key", "secret": "secret", "merchant": "m", "notify": "http://127.0.0.1:2/callbacks"},
		Sinks:   map[string]string{"mail": "http://127.0.0.1:3/mail"},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := shop.Stop(ctx); err != nil {
			t.Error(err)
		}
	})
	return started{shop, recorded, dir}
}

func startReady(t *testing.T, env map[string]string) started {
	t.Helper()
	shop := start(t, shopSystem(env))
	if err := shop.Ready(t.Context()); err != nil {
		t.Fatal(err)
	}
	return shop
}

func (s started) node() *node { return s.Nodes()[0].(*node) }

func (s started) log(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(s.runDir, "logs", "helper.log"))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// answers says whether the shop answers within a moment.
func (s started) answers(t *testing.T) bool {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	_, err := s.Shop.(*process).ask(ctx, http.MethodGet, "/healthz")
	return err == nil
}

// eventually waits for a condition.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	deadline := time.After(5 * time.Second)
	for !holds() {
		select {
		case <-deadline:
			t.Fatalf("not within 5s: %s", what)
		case <-time.After(5 * time.Millisecond):
		}
	}
}
