package sut

import (
	"context"
	"encoding/json"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/paystorm/paystorm/dice"
	"github.com/paystorm/paystorm/harness/fault"
	"github.com/paystorm/paystorm/harness/link"
	"github.com/paystorm/paystorm/history"
	"github.com/paystorm/paystorm/scenarios"
)

// dialling is a system whose shop is well if its database, which it reaches over a link, is.
func dialling() scenarios.System {
	system := shopSystem(map[string]string{"DATABASE_URL": "postgres://shop:" + serverPassword + `@{{ tcp "shop->db" }}/postgres`})
	system.Launch.Process.Dials = map[string]string{"db": `{{ env "SHOP_DB" }}`}
	system.Ready = scenarios.Ready{HTTP: "/healthz", Within: scenarios.Duration(30 * time.Second)}
	return system
}

// A process reaches its database over a link that faults strike, and the books are read past it.
func TestAProcessDialsOverALink(t *testing.T) {
	server := startServer(t, "postgres")
	server.open(t) // waits for it
	system := dialling()
	system.Probes = map[string]scenarios.Probe{"stock": {Postgres: server.address, Query: "SELECT 'a' AS sku, 1 AS available, 0 AS reserved, 0 AS sold"}}
	links, urls := linksOf(t, system)
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	host := server.address[strings.Index(server.address, "@")+1 : strings.LastIndex(server.address, "/")]
	shop, err := Start(t.Context(), Config{
		System: system, RunDir: t.TempDir(), Clock: history.StartClock(), Record: func(history.Event) {}, Self: self,
		Links: urls, Connect: links.Connect, Secrets: scenarios.Secrets{Env: map[string]string{"SHOP_DB": host}},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := shop.Stop(context.Background()); err != nil {
			t.Error(err)
		}
	})
	if err := shop.Ready(t.Context()); err != nil {
		t.Fatal(err)
	}
	ask := func() (time.Duration, error) {
		begin := time.Now()
		_, err := shop.(*process).ask(t.Context(), http.MethodGet, "/healthz")
		return time.Since(begin), err
	}
	events := striking(t, system, links, []scenarios.Fault{
		{ID: "slow", Kind: "slow-link", Share: 1, Until: scenarios.UntilHeal, Params: json.RawMessage(`{"link":"shop->db","direction":"downstream","latency":"400ms"}`)},
	}, func() {
		if took, err := ask(); err != nil || took < 400*time.Millisecond {
			t.Errorf("the shop asked its database in %s, %v: it is 400 ms away", took, err)
		}
		begin := time.Now()
		if reading := read(t, shop); len(reading.Errors) > 0 || time.Since(begin) > 400*time.Millisecond {
			t.Errorf("the books were read in %s, %q: no link is on their way", time.Since(begin), reading.Errors)
		}
	})
	if len(events) != 3 || events[1].Kind != history.FaultAffected || events[1].Key != "shop->db" || events[1].Count < 1 {
		t.Errorf("recorded %+v", events)
	}
	striking(t, system, links, []scenarios.Fault{
		{ID: "cut", Kind: "cut-link", Share: 1, Until: scenarios.UntilHeal, Params: json.RawMessage(`{"link":"shop->db"}`)},
	}, func() {
		if _, err := ask(); err == nil {
			t.Error("the shop is well without its database")
		}
	})
	deadline := time.Now().Add(20 * time.Second)
	for _, err := ask(); err != nil; _, err = ask() {
		if time.Now().After(deadline) {
			t.Fatalf("after heal: %v", err)
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// linksOf opens a system's links, as a run does.
func linksOf(t *testing.T, system scenarios.System) (links *link.Links, urls map[string]string) {
	t.Helper()
	config := link.Config{Record: func(history.Event) {}}
	for _, wanted := range system.Network() {
		config.Links = append(config.Links, link.Spec{Name: wanted.Name, Address: system.Links[wanted.Name]})
	}
	links, err := link.Start(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = links.Close(t.Context()) })
	urls = map[string]string{}
	for _, opened := range config.Links {
		urls[opened.Name] = "http://" + links.Addr(opened.Name)
	}
	return links, urls
}

// striking does something while faults are at work, and returns what was recorded.
func striking(t *testing.T, system scenarios.System, links *link.Links, faults []scenarios.Fault, do func()) []history.Event {
	t.Helper()
	clock, recorded := history.StartClock(), make(chan history.Event, 10)
	engine, err := fault.NewEngine(scenarios.Plan{System: system, Faults: faults}, fault.Env{
		Clock: clock, Dice: dice.New(1), Record: func(event history.Event) { recorded <- event }, Links: links,
	})
	if err != nil {
		t.Fatal(err)
	}
	engine.Begin(clock.Now())
	run := make(chan error, 1)
	go func() { run <- engine.Run(t.Context()) }()
	<-recorded // it begins
	time.Sleep(50 * time.Millisecond)
	do()
	if err := engine.Finish(t.Context()); err != nil {
		t.Error(err)
	}
	if err := <-run; err != nil {
		t.Error(err)
	}
	close(recorded)
	all := []history.Event{{Kind: history.FaultBegin}}
	for event := range recorded {
		all = append(all, event)
	}
	return all
}
