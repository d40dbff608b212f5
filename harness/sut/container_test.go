//go:build docker

package sut

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/moby/moby/client"

	"github.com/paystorm/paystorm/history"
	"github.com/paystorm/paystorm/scenarios"
)

// The tests here need a Docker engine, and the images of the examples: make images. PAYSTORM_REQUIRE=docker makes a machine
// without them a failure.

func dockerEngine(t *testing.T) *Engine {
	t.Helper()
	missing := func(what error) {
		if slices.Contains(strings.Split(os.Getenv("PAYSTORM_REQUIRE"), ","), "docker") {
			t.Fatalf("%v, and PAYSTORM_REQUIRE demands docker", what)
		}
		t.Skipf("SKIPPED: %v", what)
	}
	engine, err := OpenEngine(t.Context())
	if err != nil {
		missing(err)
	}
	t.Cleanup(func() {
		if err := engine.Close(); err != nil {
			t.Error(err)
		}
	})
	for _, image := range []string{"paystorm/debian:12", "paystorm/postgres:15", "paystorm/redis:7", "paystorm/flashshop"} {
		if _, err := engine.client.ImageInspect(t.Context(), image); err != nil {
			missing(fmt.Errorf("there is no image %s (%w): make images", image, err))
		}
	}
	return engine
}

// boxed is a system of containers under test, and what was recorded and connected.
type boxed struct {
	config Config
	engine *Engine

	mutex     sync.Mutex
	events    []history.Event
	told      []string // of the images
	connected map[string]string
}

// box is the config of a shop with a database and a cache, changed by the test.
func box(t *testing.T, change func(services map[string]scenarios.Service)) *boxed {
	t.Helper()
	b := &boxed{engine: dockerEngine(t), connected: map[string]string{}}
	services := map[string]scenarios.Service{
		"shop": {
			Image: `{{ env "PAYSTORM_FLASHSHOP" "paystorm/flashshop" }}`, Port: 8080, Replicas: 2,
			Dials: map[string]int{"db": 5432}, DependsOn: []string{"db"}, Tmpfs: map[string]scenarios.Size{"/data": 64 << 20},
			Environment: map[string]string{
				"ADDR": ":8080", "DB": "/data/shop.db", "CHANNEL_URL": `{{ link "shop->channel" }}`, "CHANNEL_KEY": "k", "CALLBACK_SECRET": "whsec_c2VjcmV0LW9mLXRoZS1ydW4=",
				"MERCHANT": "m", "CALLBACK_URL": "http://127.0.0.1:1",
			},
		},
		"db": {
			Image: "paystorm/postgres:15", Command: []string{"postgres", "-c", "fsync=off"},
			Environment: map[string]string{"POSTGRES_USER": "shop", "POSTGRES_PASSWORD": "shop"},
			Files:       map[string]scenarios.File{"/etc/motd.d/run": {Text: "replica {{ replica }}"}},
			Ready:       &scenarios.Readiness{Exec: []string{"pg_isready", "-U", "shop", "-h", "127.0.0.1"}},
			Tmpfs:       map[string]scenarios.Size{"/var/lib/postgresql/data": 128 << 20}, Memory: 256 << 20, CPUs: 1,
		},
		"cache": {Image: "paystorm/redis:7", Ready: &scenarios.Readiness{Log: "Ready to accept connections"}},
	}
	if change != nil {
		change(services)
	}
	system := scenarios.System{
		Name: "box", Ready: scenarios.Ready{HTTP: "/healthz", Within: scenarios.Duration(20 * time.Second)},
		Launch: scenarios.Launch{Container: &scenarios.Container{Services: services}},
	}
	links := map[string]string{}
	for index, link := range system.Network() {
		links[link.Name] = fmt.Sprintf("http://127.0.0.1:%d", index+1)
	}
	b.config = Config{
		System: system, SystemDir: t.TempDir(), RunDir: t.TempDir(), Clock: history.StartClock(), Links: links,
		RunID: strings.ToLower(strings.ReplaceAll(t.Name(), "/", "-")), Engine: b.engine,
		Record: func(event history.Event) {
			b.mutex.Lock()
			defer b.mutex.Unlock()
			b.events = append(b.events, event)
		},
		Connect: func(link, address string) error {
			b.connected[link] = address
			return nil
		},
	}
	return b
}

// kinds are the events of a node.
func (b *boxed) kinds(node string) []string {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	var kinds []string
	for _, event := range b.events {
		if event.Key == node {
			kinds = append(kinds, event.Kind)
		}
	}
	return kinds
}

// nothingLeft fails the test if the engine still has something of this run.
func (b *boxed) nothingLeft(t *testing.T) {
	t.Helper()
	left, err := b.engine.list(context.WithoutCancel(t.Context()), ownerOf(b.config.RunID).filter())
	if err != nil || len(left) > 0 {
		t.Errorf("left behind: %+v, %v", left, err)
	}
}

// run makes the images and starts the shop.
func (b *boxed) run(ctx context.Context) (shop Shop, err error) {
	images := Images{System: b.config.System, SystemDir: b.config.SystemDir, Tell: func(doing string) {
		b.mutex.Lock()
		defer b.mutex.Unlock()
		b.told = append(b.told, doing)
	}}
	if b.config.Images, err = images.Make(ctx, b.engine); err != nil {
		return nil, err
	}
	return Start(ctx, b.config)
}

func (b *boxed) start(t *testing.T) Shop {
	t.Helper()
	begun := time.Now()
	shop, err := b.run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		begun := time.Now()
		if err := shop.Stop(context.WithoutCancel(t.Context())); err != nil {
			t.Error(err)
		}
		t.Logf("stopped in %s", time.Since(begun).Round(time.Millisecond))
		b.nothingLeft(t)
	})
	t.Logf("started in %s", time.Since(begun).Round(time.Millisecond))
	return shop
}

func nodeNamed(t *testing.T, shop Shop, name string) *containerNode {
	t.Helper()
	for _, node := range shop.Nodes() {
		if node.Name() == name {
			return node.(*containerNode)
		}
	}
	t.Fatalf("no node %s", name)
	return nil
}

func TestDockerContainers(t *testing.T) {
	b := box(t, nil)
	shop := b.start(t)
	if err := shop.Ready(t.Context()); err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, node := range shop.Nodes() {
		names = append(names, node.Name())
	}
	if want := []string{"cache", "db", "shop-1", "shop-2"}; !slices.Equal(names, want) {
		t.Errorf("nodes %v, want %v", names, want)
	}
	first, second, db := nodeNamed(t, shop, "shop-1"), nodeNamed(t, shop, "shop-2"), nodeNamed(t, shop, "db")
	for link, node := range map[string]*containerNode{"client->shop-1": first, "channel->shop-2": second} {
		if want := node.base(8080).Host; b.connected[link] != want {
			t.Errorf("%s leads to %q, want %q", link, b.connected[link], want)
		}
	}
	if want := db.base(5432).Host; b.connected["shop-1->db"] != want || b.connected["shop-2->db"] != want {
		t.Errorf("connected: %v, want %s for the database", b.connected, want)
	}
	t.Run("each replica has its own links", func(t *testing.T) {
		for _, node := range []*containerNode{first, second} {
			found, err := b.engine.client.ContainerInspect(t.Context(), node.id(), client.ContainerInspectOptions{})
			want := "CHANNEL_URL=" + b.config.Links[node.name+"->channel"]
			if err != nil || !slices.Contains(found.Container.Config.Env, want) {
				t.Errorf("%s: %v, %v, want %s", node.name, found.Container.Config.Env, err, want)
			}
		}
	})
	t.Run("a killed replica comes back where it was", func(t *testing.T) { killAndStart(t, shop, first) })
	t.Run("a stopped database comes back", func(t *testing.T) {
		if err := db.Stop(t.Context()); err != nil || db.Alive() {
			t.Fatalf("%v, alive %v", err, db.Alive())
		}
		if err := db.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
	})
	t.Run("a paused one answers after it was resumed", func(t *testing.T) { pauseAndResume(t, second) })
	t.Run("commands and files", func(t *testing.T) { commandsAndFiles(t, db, first) })
	t.Run("limits", func(t *testing.T) { squeezeAndRelax(t, db) })
	t.Run("what was told", func(t *testing.T) {
		want := []string{history.NodeStarted, history.NodeReady, history.NodeReady, history.NodeKilled, history.NodeStarted, history.NodeReady}
		if got := b.kinds("shop-1"); !slices.Equal(got, want) {
			t.Errorf("events of shop-1: %v, want %v", got, want)
		}
		if got := b.kinds("cache"); !slices.Equal(got, []string{history.NodeImage, history.NodeStarted, history.NodeReady}) {
			t.Errorf("events of cache: %v", got)
		}
		log, err := os.ReadFile(filepath.Join(b.config.RunDir, "logs", "db.log"))
		if err != nil || strings.Count(string(log), "ready to accept connections") != 2 {
			t.Errorf("the database's log: %s, %v", log, err)
		}
	})
	t.Run("an end that nobody asked for", func(t *testing.T) {
		if _, err := second.engine.client.ContainerKill(t.Context(), second.id(), client.ContainerKillOptions{}); err != nil {
			t.Fatal(err)
		}
		<-second.life.exited
		if kinds := b.kinds("shop-2"); kinds[len(kinds)-1] != history.NodeExited {
			t.Errorf("events of shop-2: %v", kinds)
		}
	})
}

func killAndStart(t *testing.T, shop Shop, node *containerNode) {
	t.Helper()
	if err := node.Kill(); err != nil || node.Alive() {
		t.Fatalf("%v, alive %v", err, node.Alive())
	}
	if err := node.Kill(); !errors.Is(err, os.ErrProcessDone) {
		t.Errorf("killed twice: %v", err)
	}
	if connection, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", node.base(8080).Host); err == nil {
		_ = connection.Close()
		t.Error("somebody answers at its port")
	}
	before := node.base(8080).Host
	if err := node.Start(t.Context()); err != nil || !node.Alive() {
		t.Fatalf("%v, alive %v", err, node.Alive())
	}
	if err := node.Start(t.Context()); err == nil {
		t.Error("started twice")
	}
	if shop.Address() != before {
		t.Errorf("it is at %s, and was at %s", shop.Address(), before)
	}
}

func pauseAndResume(t *testing.T, node *containerNode) {
	t.Helper()
	if err := node.Pause(); err != nil || !node.Alive() {
		t.Fatalf("%v, alive %v", err, node.Alive())
	}
	short, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	if err := node.up(short, node.gone); err == nil {
		t.Error("a paused shop answered")
	}
	if err := errors.Join(node.Resume(), node.Resume(), node.up(t.Context(), node.gone)); err != nil {
		t.Error(err)
	}
}

func commandsAndFiles(t *testing.T, db, shop *containerNode) {
	t.Helper()
	if text, err := db.Exec(t.Context(), []string{"psql", "-U", "shop", "-tAc", "select 6*7"}); err != nil || text != "42\n" {
		t.Errorf("got %q, %v", text, err)
	}
	if _, err := db.Exec(t.Context(), []string{"sh", "-c", "echo no >&2; exit 3"}); err == nil || !strings.Contains(err.Error(), "exit status 3: no") {
		t.Errorf("got %v", err)
	}
	if text, err := db.Exec(t.Context(), []string{"cat", "/etc/motd.d/run"}); err != nil || text != "replica 1" {
		t.Errorf("the file that it was started with: %q, %v", text, err)
	}
	if err := db.WriteFile(t.Context(), "/etc/clock/offset", []byte("+90s\n")); err != nil {
		t.Fatal(err)
	}
	if text, err := db.Exec(t.Context(), []string{"cat", "/etc/clock/offset"}); err != nil || text != "+90s\n" {
		t.Errorf("got %q, %v", text, err)
	}
	if err := shop.WriteFile(t.Context(), "/clock/offset", []byte("+90s\n")); err != nil {
		t.Errorf("into an image from scratch: %v", err)
	}
}

func squeezeAndRelax(t *testing.T, db *containerNode) {
	t.Helper()
	limits := func() [3]int64 {
		found, err := db.engine.client.ContainerInspect(t.Context(), db.id(), client.ContainerInspectOptions{})
		if err != nil {
			t.Fatal(err)
		}
		host := found.Container.HostConfig
		return [3]int64{host.NanoCPUs, host.Memory, host.MemorySwap}
	}
	before := limits()
	if before != [3]int64{1e9, 256 << 20, 256 << 20} {
		t.Errorf("started with %v", before)
	}
	if err := db.Squeeze(t.Context(), 0.25, 128<<20); err != nil {
		t.Fatal(err)
	}
	if got := limits(); got != [3]int64{25e7, 128 << 20, 128 << 20} {
		t.Errorf("squeezed to %v", got)
	}
	if err := db.Relax(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := limits(); got != before {
		t.Errorf("relaxed to %v, want %v", got, before)
	}
}

// TestDockerContainersThatCannotStart: each is one line with the way out, and leaves nothing behind.
func TestDockerContainersThatCannotStart(t *testing.T) {
	dockerfile := func(t *testing.T, b *boxed, text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(b.config.SystemDir, "Dockerfile"), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for _, test := range []struct {
		name   string
		change func(map[string]scenarios.Service)
		before func(*testing.T, *boxed)
		want   []string
	}{
		{
			name:   "an image that does not exist",
			change: func(s map[string]scenarios.Service) { s["cache"] = scenarios.Service{Image: "paystorm/nothing:1"} },
			want:   []string{"service cache: image paystorm/nothing:1 is not here and cannot be pulled", "make images"},
		},
		{
			name: "a build that fails",
			change: func(s map[string]scenarios.Service) {
				s["cache"] = scenarios.Service{Build: &scenarios.Build{Context: "."}}
			},
			before: func(t *testing.T, b *boxed) {
				dockerfile(t, b, "FROM paystorm/debian:12\nRUN echo no such luck && false\n")
			},
			want: []string{"service cache: build: want ", "returned a non-zero code: 1", "no such luck"},
		},
		{
			name: "a build without a Dockerfile",
			change: func(s map[string]scenarios.Service) {
				s["cache"] = scenarios.Service{Build: &scenarios.Build{Context: "."}}
			},
			want: []string{"service cache: build: want a Dockerfile in the context"},
		},
		{
			name: "a service that ends",
			change: func(s map[string]scenarios.Service) {
				s["cache"] = scenarios.Service{Image: "paystorm/debian:12", Command: []string{"sh", "-c", "echo out of luck; exit 7"}, Ready: &scenarios.Readiness{Log: "up"}}
			},
			want: []string{"service cache: ", "exit status 7", "out of luck"},
		},
		{
			name: "a service that is never ready",
			change: func(s map[string]scenarios.Service) {
				s["cache"] = scenarios.Service{
					Image: "paystorm/debian:12", Command: []string{"sh", "-c", "echo waiting; sleep 600"},
					Ready: &scenarios.Readiness{Exec: []string{"false"}, Within: scenarios.Duration(time.Second)},
				}
			},
			want: []string{"service cache: cache was not ready within 1s", "waiting"},
		},
		{
			name: "a command that is not there",
			change: func(s map[string]scenarios.Service) {
				s["cache"] = scenarios.Service{Image: "paystorm/debian:12", Command: []string{"no-such-program"}}
			},
			want: []string{"service cache: start cache", "no-such-program"},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			b := box(t, test.change)
			if test.before != nil {
				test.before(t, b)
			}
			_, err := b.run(t.Context())
			if err == nil {
				t.Fatal("it started")
			}
			for _, want := range test.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("got %v\nwant %q", err, want)
				}
			}
			b.nothingLeft(t)
		})
	}
}

func TestDockerPortTaken(t *testing.T) {
	b := box(t, nil)
	b.config.Images = map[string]Image{"shop": {Name: "paystorm/flashshop"}, "db": {Name: "paystorm/postgres:15"}, "cache": {Name: "paystorm/redis:7"}}
	c, err := newContainers(t.Context(), b.config)
	if err != nil {
		t.Fatal(err)
	}
	db := c.nodes["db"][0]
	if _, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", db.base(5432).Host); !errors.Is(err, syscall.EADDRINUSE) {
		t.Fatalf("the port is not held for the container: %v", err)
	}
	if err := db.release(); err != nil {
		t.Fatal(err)
	}
	taken, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", db.base(5432).Host)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = taken.Close() }()
	want := fmt.Sprintf("service db: start db: its port 5432 is published as %s, which another program has taken meanwhile: run again", taken.Addr())
	if err := c.start(t.Context()); err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("got %v, want %s", err, want)
	}
	if err := c.Stop(t.Context()); err != nil {
		t.Error(err)
	}
	b.nothingLeft(t)
}

func TestDockerInterruptedStart(t *testing.T) {
	for _, after := range []time.Duration{50 * time.Millisecond, 500 * time.Millisecond, 1500 * time.Millisecond} {
		t.Run(after.String(), func(t *testing.T) {
			b := box(t, nil)
			ctx, cancel := context.WithTimeout(t.Context(), after)
			defer cancel()
			if _, err := b.run(ctx); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("got %v", err)
			}
			b.nothingLeft(t)
		})
	}
}
