package harness

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"github.com/paystorm/paystorm/harness/load"
	"github.com/paystorm/paystorm/history"
	"github.com/paystorm/paystorm/scenarios"
)

// The writers of a run's history. Each owes a segment with an end record.
const (
	writerHarness = "harness"
	writerChannel = "channel"
	writerLoad    = "load"
)

// closeWithin is how long closing one part of the world may take. A peer that does not read can hold a link for ever.
const closeWithin = 15 * time.Second

// Config is what one run needs beside its plan.
type Config struct {
	Plan     scenarios.Plan
	System   *scenarios.System // the plan's, as read from its file: faults that the running shop shows are told at their places
	Out      string            // the folder in which the run directory is made
	Self     string            // path of this binary, which runs itself as the load generator and as the embedded shop
	Version  string            // of this build, as a shop's version where its system file names none
	Commit   string            // likewise
	Secrets  scenarios.Secrets // what the system's templates name; they stay in memory
	Progress func(Progress)    // called a few times a second; nil: nobody looks
}

// EnvironmentError says that the run could not be made: the machine, the harness or the shop's start is at fault, and
// nothing was learnt about the shop's honesty. Phase is where it happened.
type EnvironmentError struct {
	Phase string
	Err   error
}

func (e *EnvironmentError) Error() string { return fmt.Sprintf("%s: %v", e.Phase, e.Err) }
func (e *EnvironmentError) Unwrap() error { return e.Err }

// Run makes one run and returns its directory, which is readable whatever the error says; there is none, and "" returned,
// where Docker or an image that the shop needs is not to be had. The error is nil, or the context's (the run was
// interrupted), or an *EnvironmentError, or scenarios.Errors where the running shop shows that the system file is wrong
// about it.
func Run(ctx context.Context, config Config) (dir string, err error) {
	docker, err := openDocker(ctx, config)
	if err != nil {
		return "", err
	}
	r, err := open(config, docker)
	if err != nil {
		return "", &EnvironmentError{Phase: "preparing the run directory", Err: errors.Join(err, docker.close())}
	}
	err = r.phases(ctx)
	if failed := r.close(ctx); failed != nil && err == nil {
		err = &EnvironmentError{Phase: history.PhaseClose, Err: failed}
	}
	return r.dir, err
}

// phases walks through the run. A phase that fails ends the walk, and faults are undone all the same.
func (r *run) phases(ctx context.Context) error {
	sequence := []struct {
		name string
		do   func(context.Context) error
	}{
		{history.PhaseStart, r.start},
		{history.PhaseWarmUp, r.warmUp},
		{history.PhaseStorm, r.storm},
		{history.PhaseHeal, r.heal},
		{history.PhaseSettle, r.settle},
		{history.PhaseObserve, r.observe},
	}
	for _, phase := range sequence {
		err := r.phase(ctx, phase.name, phase.do)
		if err == nil {
			continue
		}
		var unserved *load.NotServedError
		if phase.name == history.PhaseWarmUp && errors.As(err, &unserved) {
			err = errors.Join(err, r.aftermath(ctx))
		} else if r.engine != nil && phase.name != history.PhaseHeal {
			// The walk is over, yet a link left cut or a shop left paused would outlive it.
			err = errors.Join(err, r.phase(context.WithoutCancel(ctx), history.PhaseHeal, r.heal))
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		r.record(history.Event{Source: history.SourcePhase, Kind: history.HarnessErr, State: phase.name, Detail: err.Error()})
		return blamed(phase.name, err)
	}
	return nil
}

// aftermath lets a shop that did not serve the buyers of the warm-up settle, and reads its books: there is no storm, and what
// became of those few buyers is evidence all the same.
func (r *run) aftermath(ctx context.Context) error {
	for _, phase := range []struct {
		name string
		do   func(context.Context) error
	}{
		{history.PhaseHeal, r.heal},
		{history.PhaseSettle, r.settle},
		{history.PhaseObserve, r.observe},
	} {
		if err := r.phase(ctx, phase.name, phase.do); err != nil {
			return fmt.Errorf("%s after it: %w", phase.name, err)
		}
	}
	return nil
}

// blamed says whose fault it is that a phase failed: the system file's, or the environment's.
func blamed(phase string, err error) error {
	var wrong scenarios.Errors
	if errors.As(err, &wrong) {
		return wrong
	}
	return &EnvironmentError{Phase: phase, Err: err}
}

// phase runs one phase between its two events. A phase that failed has no end event.
func (r *run) phase(ctx context.Context, name string, do func(context.Context) error) error {
	r.phaseIn.Store(name)
	r.record(history.Event{Source: history.SourcePhase, Kind: history.PhaseBegin, State: name})
	if err := do(ctx); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	r.record(history.Event{Source: history.SourcePhase, Kind: history.PhaseEnd, State: name})
	return nil
}

// open makes the run directory with everything that is known before anything happens.
func open(config Config, docker docker) (*run, error) {
	clock := history.StartClock()
	started := time.Now()
	runID := strconv.FormatInt(started.UnixNano()/int64(time.Millisecond)%(36*36*36*36*36*36), 36)
	dir, err := filepath.Abs(filepath.Join(config.Out,
		fmt.Sprintf("%s-s%d-%s", config.Plan.Name, config.Plan.Seed, started.Format("20060102-150405.000"))))
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(filepath.Join(dir, "logs"), 0o755); err != nil {
		return nil, err
	}
	var plan bytes.Buffer
	if err := config.Plan.WriteJSON(&plan); err != nil {
		return nil, err
	}
	r := &run{
		config: config, plan: config.Plan, dir: dir, id: runID, clock: clock, docker: docker,
		planPath: filepath.Join(dir, "plan.json"), ledger: newLedger(),
	}
	r.onClose("engine", func(context.Context) error { return docker.close() })
	if err := os.WriteFile(r.planPath, plan.Bytes(), 0o644); err != nil {
		return nil, err
	}
	if err := history.Create(dir, header(config.Plan, runID, config.Version, config.Commit, started)); err != nil {
		return nil, err
	}
	if r.recorder, err = history.NewRecorder(dir, writerHarness, clock); err != nil {
		return nil, err
	}
	if r.channelRecorder, err = history.NewRecorder(dir, writerChannel, clock); err != nil {
		return nil, errors.Join(err, r.recorder.Close())
	}
	return r, nil
}

// close takes the world down in reverse order of start, each part within a bound, and ends the history, whether the run
// was interrupted or not. What would not close stands in the history and in the error.
func (r *run) close(ctx context.Context) error {
	ctx = context.WithoutCancel(ctx)
	r.phaseIn.Store(history.PhaseClose)
	r.record(history.Event{Source: history.SourcePhase, Kind: history.PhaseBegin, State: history.PhaseClose})
	var failed []error
	if r.engine != nil {
		if err := r.engine.Finish(ctx); err != nil {
			failed = append(failed, err)
		}
	}
	for _, part := range slices.Backward(r.closers) {
		bounded, cancel := context.WithTimeout(ctx, closeWithin)
		err := part.do(bounded)
		cancel()
		if err != nil {
			failed = append(failed, fmt.Errorf("closing the %s: %w", part.name, err))
		}
	}
	for _, err := range failed {
		r.record(history.Event{Source: history.SourcePhase, Kind: history.HarnessErr, State: history.PhaseClose, Detail: err.Error()})
	}
	r.record(history.Event{Source: history.SourcePhase, Kind: history.PhaseEnd, State: history.PhaseClose})
	failed = append(failed, r.channelRecorder.Close(), r.recorder.Close(), history.Seal(r.dir))
	return errors.Join(failed...)
}

func sortedKeys[K cmp.Ordered, V any](m map[K]V) []K {
	return slices.Sorted(maps.Keys(m))
}
