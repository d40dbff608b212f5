package k6child

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/url"
	"os"
	"os/signal"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"go.k6.io/k6/cmd"
	"go.k6.io/k6/js/modules"
	"go.k6.io/k6/output"

	"github.com/paystorm/paystorm/harness/load"
	"github.com/paystorm/paystorm/history"
	"github.com/paystorm/paystorm/scenarios"
)

const (
	tellEvery = 200 * time.Millisecond
	// exitBroken is the status of a child that could not even start k6; k6's own are 0 and from 97.
	exitBroken = 1
	// exitAborted is k6's status for a run that was ended from outside.
	exitAborted = 105
)

// Main is the child process: args are those after load.Command, and payers says how the buyers of a plan behave. When
// all is well it does not return, because k6 ends the process; else the status is for the caller to exit with.
func Main(args []string, payers func(scenarios.Plan) load.Payers) int {
	config, err := load.ParseArgs(args)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return exitBroken
	}
	if err := run(config, payers); err != nil {
		fmt.Fprintln(os.Stderr, "load generator:", err)
	}
	return exitBroken
}

// Check is this binary as k6 that reads a script, and says what is wrong with it. dir is where it may write. It does not
// return when k6 could be started.
func Check(dir, path string) int {
	file := filepath.Join(dir, scriptFile)
	if err := os.WriteFile(file, visitOf(path), 0o600); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return exitBroken
	}
	modules.Register(moduleName, &module{})
	os.Args = []string{"k6", "inspect", "--address", "", "--log-format", "raw", "--no-color", file}
	cmd.Execute()
	return exitBroken
}

// visitOf is what k6 runs for a shop's own script.
func visitOf(path string) []byte {
	return bytes.ReplaceAll(visit, []byte("SCRIPT"), []byte((&url.URL{Scheme: "file", Path: path}).String()))
}

func run(config load.Config, payers func(scenarios.Plan) load.Payers) error {
	c, err := newCrowd(config, payers)
	if err != nil {
		return err
	}
	text := script
	if config.Script != "" {
		text = visitOf(config.Script)
	}
	return c.execute(config.RunDir, text)
}

// execute hands over to k6, which ends the process.
func (c *crowd) execute(runDir string, script []byte) error {
	arguments, err := arguments(runDir, script)
	if err != nil {
		return err
	}
	modules.Register(moduleName, &module{crowd: c})
	output.RegisterExtension(outputName, func(output.Params) (output.Output, error) { return &tap{crowd: c}, nil })
	go c.tell()
	os.Args = arguments // the one way in which k6 can be told
	cmd.Execute()
	return nil
}

func newCrowd(config load.Config, payers func(scenarios.Plan) load.Payers) (*crowd, error) {
	text, err := os.ReadFile(config.PlanPath)
	if err != nil {
		return nil, fmt.Errorf("read the plan: %w", err)
	}
	var plan scenarios.Plan
	if err := json.Unmarshal(text, &plan); err != nil {
		return nil, fmt.Errorf("read the plan: %w", err)
	}
	arrivals, err := newSchedule(plan.Steps)
	if err != nil {
		return nil, err
	}
	clock := history.JoinClock(config.ClockOrigin)
	recorder, err := history.NewRecorder(config.RunDir, load.Writer, clock)
	if err != nil {
		return nil, err
	}
	c := &crowd{
		schedule: arrivals, options: options(plan, arrivals), clock: clock, recorder: recorder,
		gate: readGate(os.NewFile(load.GateFD, "gate")), report: reporter(os.NewFile(load.ProgressFD, "progress")),
	}
	c.atGate = c.untilGate()
	c.runner, err = load.NewRunner(load.RunnerConfig{
		Plan: plan, RunID: config.RunID, ShopURL: config.ShopURL, ChannelURL: config.ChannelURL,
		Recorder: recorder, Clock: clock, Payers: payers(plan),
	})
	return c, err
}

// readGate reads the lines with which the parent opens the gate.
func readGate(gate io.Reader) <-chan opening {
	opened := make(chan opening, 2) // a warm-up, and the storm
	go func() {
		lines := bufio.NewReader(gate)
		for {
			line, err := lines.ReadString('\n')
			if err != nil {
				opened <- opening{err: errGateShut}
				return
			}
			var told opening
			told.err = json.Unmarshal([]byte(line), &told.Opening)
			opened <- told
		}
	}()
	return opened
}

// reporter writes progress to the parent, one line at a time. A parent that does not listen is no reason to stop.
func reporter(to io.Writer) func(load.Progress) {
	var mutex sync.Mutex
	done := false
	return func(p load.Progress) {
		line, err := json.Marshal(p)
		if err != nil {
			return // plain numbers and words
		}
		mutex.Lock()
		defer mutex.Unlock()
		if !done {
			_, _ = to.Write(append(line, '\n'))
		}
		done = done || p.Done
	}
}

// tell keeps the parent informed for as long as the process lives.
func (c *crowd) tell() {
	for range time.Tick(tellEvery) {
		c.report(c.progress())
	}
}

// untilGate ends the process in good order on a signal for as long as k6 does not: before it listens to signals, and
// while it makes its virtual users. It returns how to leave signals to k6.
func (c *crowd) untilGate() (leave func()) {
	signals := make(chan os.Signal, 1)
	left := make(chan struct{})
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	go func() {
		select {
		case received := <-signals:
			_ = c.finish(fmt.Errorf("signal: %s", received))
			os.Exit(exitAborted)
		case <-left:
		}
	}()
	return sync.OnceFunc(func() {
		signal.Stop(signals)
		close(left)
	})
}
