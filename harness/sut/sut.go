// Package sut runs the system under test: it starts the shop or finds the one that runs already, knows when it is ready,
// keeps its output, kills and pauses its processes when a fault asks, reads its books and takes what it sends outside.
//
// Start takes the system file's values and the addresses of everything the shop must talk to; what it returns is the
// shop as the rest of the harness knows it. Books are read past all links and come back in canonical form. Whatever
// happens to a process becomes an event.
package sut

import (
	"context"
	"fmt"
	"time"

	"github.com/paystorm/paystorm/history"
	"github.com/paystorm/paystorm/scenarios"
)

// Config is what a shop is started with.
type Config struct {
	System    scenarios.System
	SystemDir string // of the system file
	RunDir    string
	Clock     history.Clock
	Record    func(history.Event)
	Links     map[string]string // "shop->channel" → the http URL that the shop must use
	Channel   map[string]string // what the shop is told of the channel, as {{ channel.<name> }}
	Sinks     map[string]string // name → URL
	Secrets   scenarios.Secrets // what the system's templates name
	Self      string            // path of our own binary, for the command "paystorm"

	Connect func(link, address string) error // leads a link to whom the shop dials over it, before anybody does

	// What containers need beside that. Their Links are the names of one replica each too.
	RunID  string
	Engine *Engine
	Images map[string]Image // by service
}

// connectDials leads the links of what a shop dials that is no container, each to its address.
func (c Config) connectDials() error {
	dials := c.System.Launch.Dials()
	addresses, err := scenarios.ExpandAll(dials, c.Secrets.Values())
	if err != nil {
		return fmt.Errorf("dials: %w", err)
	}
	for _, link := range c.System.Network() {
		address, known := addresses[link.To]
		if !known {
			continue
		}
		if err := c.Connect(link.Name, address); err != nil {
			return err
		}
	}
	return nil
}

// Shop is the system under test.
type Shop interface {
	// Address is the host:port at which the shop listens.
	Address() string
	// Version is what the system file says, or "".
	Version() string
	// Database is the path of the SQLite file that holds the shop's orders, or "" if no probe names one.
	Database() string
	// Server opens a connection to the database server that holds the shop's orders, for whoever calls to close.
	Server() (Server, error)
	// Nodes are the shop's processes. There are none if it is not ours to start.
	Nodes() []Node
	// Ready waits until the shop answers that it is up, for at most the time that the system file gives it.
	Ready(context.Context) error
	// Introspect asks a GraphQL endpoint of the shop for its schema.
	Introspect(ctx context.Context, endpoint string) (*scenarios.Schema, error)
	// Values are what the steps that configure the shop may name: its address and what it was started with.
	Values() scenarios.Values
	// Learn takes what those steps captured, which jobs and probes may name.
	Learn(captured map[string]string)
	// Read reads the books once. A probe that fails is in Reading.Errors; the error says that nothing could be tried.
	Read(ctx context.Context, label string) (history.Reading, error)
	// ReadAgreed reads the books at the given interval until two readings in a row are equal, or until the time is up:
	// then the last reading is returned with Agreed false.
	ReadAgreed(ctx context.Context, label string, every, most time.Duration) (history.Reading, error)
	// RunJob makes the shop run one of its own jobs, and waits for it as long as the context allows.
	RunJob(context.Context, scenarios.Job) error
	// Stop ends the shop if it is ours, gently at first, and leaves none of its processes behind.
	Stop(context.Context) error
}

// Node is one process of the shop.
type Node interface {
	Name() string
	// Kill ends the process and its children with SIGKILL and returns when they are gone.
	Kill() error
	// Start starts it again after Kill and returns when it is ready.
	Start(context.Context) error
	Pause() error
	Resume() error
	// Alive says whether the process exists, paused or not.
	Alive() bool
}

// Launcher is one way for a shop to come to run.
type Launcher struct {
	Name  string // the key under `launch:`
	wants func(scenarios.Launch) bool
	start func(context.Context, Config) (Shop, error)
}

// Launchers lists the ways for a shop to come to run. One line each.
func Launchers() []Launcher {
	return []Launcher{
		{"process", func(l scenarios.Launch) bool { return l.Process != nil }, startProcess},
		{"external", func(l scenarios.Launch) bool { return l.External != nil }, startExternal},
		{"container", func(l scenarios.Launch) bool { return l.Container != nil }, startContainers},
	}
}

// Start starts the shop in the way that its system file names, or finds the one that runs. It does not wait until the shop
// is ready. A system that leads beyond this machine without leave is refused, whoever calls.
func Start(ctx context.Context, config Config) (Shop, error) {
	if _, err := config.System.Targets(config.Secrets); err != nil {
		return nil, fmt.Errorf("system %s: %w", config.System.Name, config.Secrets.Error(err))
	}
	for _, launcher := range Launchers() {
		if launcher.wants(config.System.Launch) {
			shop, err := launcher.start(ctx, config)
			if err != nil {
				return nil, fmt.Errorf("start %s by launcher %s: %w", config.System.Name, launcher.Name, err)
			}
			return shop, nil
		}
	}
	return nil, fmt.Errorf("system %s: its launch names no launcher", config.System.Name)
}
