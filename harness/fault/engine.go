package fault

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/paystorm/paystorm/dice"
	"github.com/paystorm/paystorm/history"
	"github.com/paystorm/paystorm/mockchannel"
	"github.com/paystorm/paystorm/scenarios"
)

// undoWithin bounds each single undoing at heal, a node's restart included.
const undoWithin = 10 * time.Second

// Env is the world that an Engine works in. Links, Nodes, Database and Server may be nil where the plan has no fault for them,
// and the callbacks where nobody wants them.
type Env struct {
	Clock        history.Clock
	Record       func(history.Event)
	Dice         dice.Dice
	Links        LinkStriker
	Nodes        func() []Node
	Database     func() string               // path of the shop's SQLite file
	Server       func() (Server, error)      // a connection to the shop's database server
	AfterRestart func(context.Context)       // a killed node is up again: a good moment to read the books; bounds itself
	ReadBooks    func(context.Context) error // reads them once, and records what it read or why not
	AfterLock    func(context.Context)       // a lock on the shop's database was let go, or it ends no more transactions: likewise
}

// Engine runs the faults of one plan: NewEngine, Begin at the storm's begin, Run beside it, Heal after it, Finish when
// the books were read. Heal and Finish belong on every way out.
type Engine struct {
	env    Env
	faults []*running // in plan order

	requests []asked[Requests]
	changes  []asked[Changes]
	notices  []asked[Notices]
	attempts []asked[Attempts]
	sinks    []asked[Effects]
	triggers []*running

	stage    atomic.Int32 // beforeStorm … finished
	zero     atomic.Int64 // the storm's time zero, as a history.Time
	warm     sync.Map     // order numbers met before the storm: warm-up, and none of our business
	known    sync.Map     // order number → its mockchannel.Subject, where sinks are struck
	begun    signal
	healing  signal
	finished signal
}

// The stages of an engine. Each allows fewer decisions than the one before.
const (
	beforeStorm int32 = iota
	inStorm
	inHeal // only faults until the books still decide
	afterBooks
)

// signal is a channel that is closed once.
type signal struct {
	once sync.Once
	done chan struct{}
}

func (s *signal) fire() { s.once.Do(func() { close(s.done) }) }

// asked is a fault and the questions that it answers.
type asked[T any] struct {
	Planned
	act T
}

// answering picks the faults that answer one kind of question.
func answering[T any](faults []*running) []asked[T] {
	var all []asked[T]
	for _, fault := range faults {
		if act, ok := fault.act.(T); ok {
			all = append(all, asked[T]{Planned: fault.Planned, act: act})
		}
	}
	return all
}

// NewEngine builds the plan's faults. It also refuses payers that Payers, in the load generator's process, could not
// read. The error names the fault.
func NewEngine(p scenarios.Plan, env Env) (*Engine, error) {
	e := &Engine{env: env}
	for _, s := range []*signal{&e.begun, &e.healing, &e.finished} {
		s.done = make(chan struct{})
	}
	for _, fault := range p.Payers {
		if _, _, err := plan(fault, env.Dice); err != nil {
			return nil, err
		}
	}
	for _, fault := range p.Faults {
		planned, act, err := plan(fault, env.Dice)
		if err != nil {
			return nil, err
		}
		r := &running{Planned: planned, act: act}
		if r.effect, err = newEffect(r, env, p.System); err != nil {
			return nil, fmt.Errorf("fault %q: %w", fault.ID, err)
		}
		if triggered, ok := act.(Triggered); ok && !triggered.Trigger().IsZero() {
			r.trigger = newTrigger(triggered.Trigger())
			e.triggers = append(e.triggers, r)
		}
		e.faults = append(e.faults, r)
	}
	e.requests = answering[Requests](e.faults)
	e.changes = answering[Changes](e.faults)
	e.notices = answering[Notices](e.faults)
	e.attempts = answering[Attempts](e.faults)
	e.sinks = answering[Effects](e.faults)
	return e, nil
}

// Begin says when the storm began. Before it no fault strikes, and orders met before it are never struck.
func (e *Engine) Begin(at history.Time) {
	e.zero.Store(int64(at))
	e.stage.CompareAndSwap(beforeStorm, inStorm)
	e.begun.fire()
}

// Run opens and closes the faults' windows, strikes links and nodes, and undoes what ends before heal. It returns when
// every fault is over or ctx ends, and waits for what it started. The error is a fault that could not be struck.
func (e *Engine) Run(ctx context.Context) error {
	select {
	case <-e.begun.done:
	case <-e.finished.done:
		return nil
	case <-ctx.Done():
		return nil
	}
	group, ctx := errgroup.WithContext(ctx)
	for _, r := range e.faults {
		group.Go(func() error { return e.drive(ctx, r) })
	}
	return group.Wait()
}

// drive takes one fault through its windows. Whatever is open when it returns is closed by Heal or Finish.
func (e *Engine) drive(ctx context.Context, r *running) error {
	over := e.overFor(r)
	if r.trigger == nil {
		if !e.wait(ctx, over, history.Time(e.zero.Load()).Add(r.From)) {
			return nil
		}
		if err := e.strike(ctx, r, mockchannel.Subject{}); err != nil {
			return err
		}
		e.outlast(ctx, r, over)
		return nil
	}
	for {
		select {
		case <-ctx.Done():
			return r.trigger.failure()
		case <-over:
			return r.trigger.failure()
		case <-r.trigger.struck:
			if err := r.trigger.failure(); err != nil {
				return err
			}
			e.outlast(ctx, r, over)
		}
	}
}

// outlast waits for the end of what was struck and undoes it. An end that does not take is tried again at heal, which
// is where it counts.
func (e *Engine) outlast(ctx context.Context, r *running, over <-chan struct{}) {
	lasts, bounded := r.lasts()
	if !bounded || !e.wait(ctx, over, e.env.Clock.Now().Add(lasts)) {
		return
	}
	if then, err := e.undo(ctx, r); err == nil && then != nil {
		then(ctx)
	}
}

// wait is true when the time has come, and false when it will not: the fault's time is over, or everything is.
func (e *Engine) wait(ctx context.Context, over <-chan struct{}, until history.Time) bool {
	timer := time.NewTimer(until.Sub(e.env.Clock.Now()))
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-over:
	case <-ctx.Done():
	}
	return false
}

// overFor is closed when the fault must end at the latest.
func (e *Engine) overFor(r *running) <-chan struct{} {
	if r.Until == scenarios.UntilBooks {
		return e.finished.done
	}
	return e.healing.done
}

// Active lists the faults that are at work now, in plan order.
func (e *Engine) Active() []string {
	var ids []string
	for _, r := range e.faults {
		if r.open.Load() {
			ids = append(ids, r.ID)
		}
	}
	return ids
}

// Heal makes an end of decisions and undoes what is at work, except faults that stay until the books: nodes first,
// since a paused peer can hold a link for ever, then links. It does its work even if ctx has ended, each undoing within
// a bound of its own. It may be called again; what has been undone stays undone, and what has not is tried again.
func (e *Engine) Heal(ctx context.Context) error {
	e.raise(inHeal)
	e.healing.fire()
	return e.undoAll(ctx, func(r *running) bool { return r.Until != scenarios.UntilBooks })
}

// Finish is Heal for the faults that stay until the books. After it, no fault is at work.
func (e *Engine) Finish(ctx context.Context) error {
	e.raise(afterBooks)
	e.healing.fire()
	e.finished.fire()
	return e.undoAll(ctx, func(*running) bool { return true })
}

// raise moves the engine's stage forward and never back.
func (e *Engine) raise(stage int32) {
	for {
		now := e.stage.Load()
		if now >= stage || e.stage.CompareAndSwap(now, stage) {
			return
		}
	}
}

func (e *Engine) undoAll(ctx context.Context, which func(*running) bool) error {
	var failed []error
	for _, class := range []class{classNode, classLink, classMessage} {
		for _, r := range e.faults {
			if r.effect.class() != class || !which(r) {
				continue
			}
			then, err := e.undo(context.WithoutCancel(ctx), r)
			if err != nil {
				e.record(r, history.Event{Kind: history.FaultHealFailed, Detail: err.Error()})
				failed = append(failed, fmt.Errorf("undoing fault %q: %w", r.ID, err))
			}
			if then != nil && ctx.Err() == nil {
				then(ctx)
			}
		}
	}
	return errors.Join(failed...)
}

// deciding gives the storm's time, and whether a fault may decide at all at this stage.
func (e *Engine) deciding(p Planned) (at time.Duration, may bool) {
	switch e.stage.Load() {
	case inStorm:
		may = true
	case inHeal:
		may = p.Until == scenarios.UntilBooks
	default:
		return 0, false
	}
	return e.env.Clock.Now().Sub(history.Time(e.zero.Load())), may
}

func (e *Engine) record(r *running, event history.Event) {
	event.At, event.Source, event.Fault = e.env.Clock.Now(), history.SourceFault, r.ID
	e.env.Record(event)
}
