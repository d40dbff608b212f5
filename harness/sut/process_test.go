package sut

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/paystorm/paystorm/history"
	"github.com/paystorm/paystorm/scenarios"
)

func TestStartReadyStop(t *testing.T) {
	t.Setenv("LEAKED_FROM_THE_SHELL", "x")
	shop := startReady(t, map[string]string{
		"CHANNEL": `{{ link "shop->channel" }} {{ channel.key }} {{ channel.secret }} {{ channel.merchant }} {{ channel.notify }}`,
		"MAIL":    `{{ sink "mail" }}`, "DIR": "{{ dir }}", "HOME": "/nowhere",
	})
	if shop.Version() != "v1" || shop.Database() != "" {
		t.Fatalf("version %q, database %q", shop.Version(), shop.Database())
	}
	body, err := shop.Shop.(*process).ask(t.Context(), http.MethodGet, "/environment")
	if err != nil {
		t.Fatal(err)
	}
	var got struct {
		Env, Args []string
		Dir       string
	}
	if err := json.Unmarshal(body, &got); err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(shop.runDir, "system")
	port := shop.Address()[strings.LastIndex(shop.Address(), ":")+1:]
	for _, want := range []string{
		"ADDR=" + shop.Address(), "MAIL=http://127.0.0.1:3/mail", "DIR=" + dir, "HOME=/nowhere",
		"CHANNEL=http://127.0.0.1:1 key secret m http://127.0.0.1:2/callbacks",
	} {
		if !slices.Contains(got.Env, want) {
			t.Errorf("%s is not in %q", want, got.Env)
		}
	}
	for _, entry := range got.Env {
		name, _, _ := strings.Cut(entry, "=")
		if !slices.Contains([]string{"ADDR", "CHANNEL", "MAIL", "DIR", "PATH", "HOME", "TMPDIR", "PWD"}, name) {
			t.Errorf("%s leaked in", entry)
		}
	}
	if got.Dir != dir || !slices.Equal(got.Args, []string{port}) {
		t.Errorf("in %s with %q", got.Dir, got.Args)
	}
	if number, _ := strconv.Atoi(port); number >= 32768 {
		t.Errorf("port %s may be taken while the shop is away", port)
	}
	if err := shop.RunJob(t.Context(), scenarios.Job{Name: "reconcile", Post: "/jobs/reconcile"}); err != nil {
		t.Fatal(err)
	}
	if err := shop.RunJob(t.Context(), scenarios.Job{Name: "other", Post: "/jobs/other"}); err == nil || !strings.Contains(err.Error(), "job other") {
		t.Fatalf("got %v", err)
	}
	for range 2 {
		if err := shop.Stop(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	shop.events.want(t, history.NodeStarted, history.NodeReady, history.NodeStopped)
	if log := shop.log(t); !strings.Contains(log, "shop begins\nreconciled\n") {
		t.Fatalf("log %q", log)
	}
	if err := shop.node().Start(t.Context()); err == nil || shop.node().Alive() {
		t.Fatal("started after Stop")
	}
}

func TestDiesUnasked(t *testing.T) {
	shop := startReady(t, map[string]string{"CHILD": "1"})
	group := shop.node().life.pid
	_, _ = shop.Shop.(*process).ask(t.Context(), http.MethodPost, "/exit") // no answer to that
	eventually(t, "it is gone", func() bool { return !shop.node().Alive() })
	shop.events.want(t, history.NodeStarted, history.NodeReady, history.NodeExited)
	if groupRuns(group) {
		t.Fatal("a child of it is left")
	}
	detail := shop.events.last().Detail
	if !strings.Contains(detail, "exit status 3") || !strings.HasSuffix(detail, "line 10\nline 11\nline 12\nline 13\nline 14\nline 15\nline 16\nline 17\nline 18\nline 19") || strings.Contains(detail, "line 9") {
		t.Fatalf("detail %q", detail)
	}
	if err := shop.node().Kill(); !errors.Is(err, os.ErrProcessDone) {
		t.Fatalf("killed what was gone: %v", err)
	}
	if err := shop.node().Pause(); !errors.Is(err, os.ErrProcessDone) {
		t.Fatalf("paused what was gone: %v", err)
	}
	if err := shop.node().Resume(); err != nil {
		t.Fatal(err)
	}
}

func TestDiesBeforeItIsReady(t *testing.T) {
	shop := start(t, shopSystem(map[string]string{"EXIT": "7"}))
	err := shop.Ready(t.Context())
	if err == nil || !strings.Contains(err.Error(), "exit status 7") || !strings.Contains(err.Error(), "shop cannot begin") {
		t.Fatalf("got %v", err)
	}
}

func TestNeverReady(t *testing.T) {
	system := shopSystem(map[string]string{"NEVER_READY": "1"})
	system.Ready.Within = scenarios.Duration(3 * time.Second) // for a process to begin, on a slow machine
	shop := start(t, system)
	err := shop.Ready(t.Context())
	if err == nil || !strings.Contains(err.Error(), "not ready within 3s") || !strings.Contains(err.Error(), "503") || !strings.Contains(err.Error(), "shop begins") {
		t.Fatalf("got %v", err)
	}
}

func TestKillAndStartAgain(t *testing.T) {
	shop := startReady(t, map[string]string{"CHILD": "1"})
	node := shop.node()
	group := node.life.pid
	if err := node.Start(t.Context()); err == nil {
		t.Fatal("started twice")
	}
	if err := node.Pause(); err != nil {
		t.Fatal(err)
	}
	if err := node.Kill(); err != nil {
		t.Fatal(err)
	}
	if node.Alive() || shop.answers(t) || groupRuns(group) {
		t.Fatal("something is left of it")
	}
	if err := node.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	if !node.Alive() || !shop.answers(t) {
		t.Fatal("it is not there again")
	}
	shop.events.want(t, history.NodeStarted, history.NodeReady, history.NodePaused, history.NodeKilled, history.NodeStarted, history.NodeReady)
	if log := shop.log(t); strings.Count(log, "shop begins") != 2 {
		t.Fatalf("log %q: want both lives", log)
	}
	_, _ = shop.Shop.(*process).ask(t.Context(), http.MethodPost, "/exit")
	eventually(t, "it is gone", func() bool { return !node.Alive() })
	if kind := shop.events.last().Kind; kind != history.NodeExited {
		t.Fatalf("the second life's own end is %s", kind)
	}
}

func TestStopAndStartAgain(t *testing.T) {
	shop := startReady(t, nil)
	node := shop.node()
	if err := node.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	if node.Alive() || shop.answers(t) {
		t.Fatal("something is left of it")
	}
	if err := node.Stop(t.Context()); !errors.Is(err, os.ErrProcessDone) {
		t.Fatalf("stopping what is gone: %v", err)
	}
	if err := node.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	if !node.Alive() || !shop.answers(t) {
		t.Fatal("it is not there again")
	}
	shop.events.want(t, history.NodeStarted, history.NodeReady, history.NodeStopped, history.NodeStarted, history.NodeReady)
}

func TestLastWordsAreOfTheSameLife(t *testing.T) {
	shop := startReady(t, nil)
	if err := shop.node().Kill(); err != nil {
		t.Fatal(err)
	}
	shop.node().env = append(shop.node().env, "EXIT=4")
	if err := shop.node().Start(t.Context()); err == nil {
		t.Fatal("no error")
	}
	if detail := shop.events.last().Detail; strings.Count(detail, "shop begins") != 1 || !strings.Contains(detail, "exit status 4") {
		t.Fatalf("detail %q", detail)
	}
}

func TestPauseAndResume(t *testing.T) {
	shop := startReady(t, nil)
	node := shop.node()
	if err := node.Resume(); err != nil { // was not paused
		t.Fatal(err)
	}
	if err := node.Pause(); err != nil {
		t.Fatal(err)
	}
	if shop.answers(t) || !node.Alive() {
		t.Fatal("a paused shop answers, or is taken for gone")
	}
	for range 2 {
		if err := node.Resume(); err != nil {
			t.Fatal(err)
		}
	}
	if !shop.answers(t) {
		t.Fatal("it does not go on")
	}
	if err := node.Pause(); err != nil {
		t.Fatal(err)
	}
	begin := time.Now()
	if err := shop.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	if detail := shop.events.last().Detail; !strings.HasSuffix(detail, "after SIGTERM") {
		t.Fatalf("a paused shop was stopped %s, in %s", detail, time.Since(begin))
	}
	shop.events.want(t, history.NodeStarted, history.NodeReady, history.NodePaused, history.NodeResumed, history.NodePaused, history.NodeStopped)
}

func TestStopOfAShopThatIgnoresIt(t *testing.T) {
	for name, limit := range map[string]time.Duration{"patience ends": time.Minute, "context ends": 50 * time.Millisecond} {
		t.Run(name, func(t *testing.T) {
			shop := startReady(t, map[string]string{"IGNORE_TERM": "1", "CHILD": "1"})
			group := shop.node().life.pid
			ctx, cancel := context.WithTimeout(t.Context(), limit)
			defer cancel()
			if err := shop.Stop(ctx); err != nil {
				t.Fatal(err)
			}
			if groupRuns(group) || shop.answers(t) {
				t.Fatal("something is left of it")
			}
			shop.events.want(t, history.NodeStarted, history.NodeReady, history.NodeStopped)
			if detail := shop.events.last().Detail; !strings.Contains(detail, "with SIGKILL") {
				t.Fatalf("detail %q", detail)
			}
		})
	}
}

// A harness that is killed has no time to tidy up: the kernel does.
func TestShopDiesWithTheHarness(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	harness := exec.CommandContext(t.Context(), self, roleHarness, t.TempDir())
	harness.Stderr = os.Stderr
	output, err := harness.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := harness.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(output).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(line))
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(pid, 0); err != nil {
		t.Fatalf("the shop is not there: %v", err)
	}
	if err := harness.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = harness.Wait() // it was killed
	eventually(t, "the shop is gone", func() bool { return !groupRuns(pid) })
}

func TestStartRefuses(t *testing.T) {
	process := func(change func(*scenarios.Process)) scenarios.Launch {
		launch := &scenarios.Process{Command: []string{"paystorm"}}
		change(launch)
		return scenarios.Launch{Process: launch}
	}
	external := func(url string) scenarios.Launch { return scenarios.Launch{External: &scenarios.External{URL: url}} }
	for name, test := range map[string]struct {
		launch scenarios.Launch
		want   string
	}{
		"nothing":       {scenarios.Launch{}, "names no launcher"},
		"no command":    {process(func(p *scenarios.Process) { p.Command = nil }), "names no program"},
		"no program":    {process(func(p *scenarios.Process) { p.Command = []string{"./nowhere"} }), "no such file"},
		"unknown link":  {process(func(p *scenarios.Process) { p.Env = map[string]string{"X": `{{ link "a->b" }}`} }), "want one of shop->channel"},
		"unknown sink":  {process(func(p *scenarios.Process) { p.Command = []string{"paystorm", `{{ sink "sms" }}`} }), "unknown sink"},
		"unknown name":  {process(func(p *scenarios.Process) { p.Env = map[string]string{"X": "{{ sku }}"} }), `"sku" has no value`},
		"no directory":  {process(func(p *scenarios.Process) { p.Dir = "nowhere" }), "nowhere"},
		"far away":      {external("http://192.0.2.7/"), "is not this machine"},
		"far away name": {external("https://shop.example"), "is not this machine"},
		"no reason":     {external("http://no-reason.example"), "is not this machine"},
		"no address":    {external("shop"), "is no address"},
		"other scheme":  {external("ftp://127.0.0.1"), "is no address"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Start(t.Context(), Config{
				System: scenarios.System{
					Name: "s", Launch: test.launch,
					Allow: []scenarios.Allow{{Host: "no-reason.example"}, {Host: "staging.example", Reason: "ours"}},
				},
				RunDir: t.TempDir(), SystemDir: t.TempDir(), Record: func(history.Event) {}, Self: "/bin/true",
				Links: map[string]string{"shop->channel": "x"},
			})
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Fatalf("got %v, want %q", err, test.want)
			}
		})
	}
}

func TestExternal(t *testing.T) {
	for url, address := range map[string]string{
		"http://127.0.0.1:8080": "127.0.0.1:8080", "http://localhost": "localhost:80", "https://[::1]/shop": "[::1]:443",
		"https://staging.example": "staging.example:443",
	} {
		shop := start(t, scenarios.System{
			Name: "s", Launch: scenarios.Launch{External: &scenarios.External{URL: url}},
			Allow: []scenarios.Allow{{Host: "staging.example", Reason: "ours"}},
		})
		if shop.Address() != address || len(shop.Nodes()) != 0 {
			t.Errorf("%s: at %s with %d nodes", url, shop.Address(), len(shop.Nodes()))
		}
	}
	helper := startReady(t, nil)
	shop := start(t, scenarios.System{
		Name: "s", Launch: scenarios.Launch{External: &scenarios.External{URL: "http://" + helper.Address()}},
		Ready: scenarios.Ready{HTTP: "/healthz"},
	})
	if err := shop.Ready(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := shop.Stop(t.Context()); err != nil || !helper.answers(t) {
		t.Fatalf("%v, or the shop was stopped", err)
	}
}
