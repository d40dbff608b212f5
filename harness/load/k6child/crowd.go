package k6child

import (
	"context"
	"errors"
	"fmt"
	"math"
	"sync"
	"sync/atomic"
	"time"

	"github.com/paystorm/paystorm/harness/load"
	"github.com/paystorm/paystorm/history"
)

// crowd is the buyers of the plan, as they arrive.
type crowd struct {
	schedule schedule
	options  map[string]any
	clock    history.Clock
	recorder *history.Recorder
	runner   *load.Runner
	gate     <-chan opening
	report   func(load.Progress) // tells the parent
	atGate   func()              // called once, when k6 has set itself up

	warm        atomic.Pointer[load.Warm] // of a script: how its warm-up goes
	isWarm      atomic.Bool
	ready       atomic.Bool
	begin       atomic.Int64 // of k6's executor, as a history.Time; see began
	started     atomic.Int64
	completed   atomic.Int64
	interrupted atomic.Int64
	dropped     atomic.Int64 // by k6's count

	once    sync.Once
	failure error
}

// opening is what came through the gate.
type opening struct {
	load.Opening
	err error
}

var errGateShut = errors.New("the gate was closed before it was opened: whoever started this run is gone")

// waitAtGate waits until the parent opens the gate, and then for the moment that it named; or until it wants so many buyers
// of a script's warm-up.
func (c *crowd) waitAtGate(ctx context.Context) (warmUp int, err error) {
	c.begin.Store(math.MaxInt64)
	c.atGate()
	c.ready.Store(true)
	c.report(c.progress())
	var opened opening
	select {
	case <-ctx.Done():
		return 0, ctx.Err()
	case opened = <-c.gate:
	}
	if opened.err != nil {
		return 0, opened.err
	}
	c.runner.Give(opened.Given)
	if opened.WarmUp > 0 {
		c.warm.Store(&load.Warm{})
		return opened.WarmUp, nil
	}
	select {
	case <-time.After(opened.At.Sub(c.clock.Now())):
		return 0, nil
	case <-ctx.Done():
		return 0, ctx.Err()
	}
}

// unserved notes why a buyer of the warm-up was not served, "" if it was; the first says it for all.
func (c *crowd) unserved(why string) {
	if warm := c.warm.Load(); why != "" && warm.Fault == "" {
		warm.Fault = "warm-up: a buyer of the script was not served in fair weather: " + why
	}
}

// arrive is a buyer, from 1, whose iteration k6 has just started.
func (c *crowd) arrive(ctx context.Context, buyer int64) {
	intended, ours := c.starts(buyer)
	if !ours {
		return
	}
	if err := c.runner.Buy(ctx, int(buyer), intended); err != nil {
		c.interrupted.Add(1)
		return
	}
	c.completed.Add(1)
}

// starts counts a buyer, and says when the load model wanted it; not ours is one whom k6 has beyond the plan.
func (c *crowd) starts(buyer int64) (intended history.Time, ours bool) {
	now := c.clock.Now()
	if buyer > c.schedule.total {
		return 0, false
	}
	c.started.Add(1)
	return c.began(now, buyer).Add(c.schedule.due(buyer)), true
}

// visit lets a buyer of a script in, and returns how to count the end. k6 cuts a script off without a word: whoever never
// leaves is counted when all is over.
func (c *crowd) visit(buyer int64) (*load.Visit, func(cut bool)) {
	intended, ours := c.starts(buyer)
	if !ours {
		return nil, nil
	}
	return c.runner.Visit(int(buyer), intended), func(cut bool) {
		if !cut {
			c.completed.Add(1)
		}
	}
}

// began is when k6's executor began to count its time. k6 keeps that to itself: it is after all virtual users were
// activated, some while after the gate. But no buyer comes early, so it is at most as late as the least late of the
// buyers so far says.
func (c *crowd) began(now history.Time, buyer int64) history.Time {
	latest := int64(now.Add(-c.schedule.due(buyer)))
	for {
		known := c.begin.Load()
		if known <= latest {
			return history.Time(known)
		}
		if c.begin.CompareAndSwap(known, latest) {
			return history.Time(latest)
		}
	}
}

// progress is how the crowd stands.
func (c *crowd) progress() load.Progress {
	p := load.Progress{
		Ready: c.ready.Load(), Dropped: c.dropped.Load(), Interrupted: c.interrupted.Load(), Completed: c.completed.Load(),
	}
	if c.isWarm.Load() {
		p.Warm = c.warm.Load()
	}
	p.Started = c.started.Load() // after those, so that Open is never negative
	p.Open = p.Started - p.Completed - p.Interrupted
	if begin := c.begin.Load(); p.Started > 0 && begin < math.MaxInt64 {
		p.Offered = c.schedule.dueBy(c.clock.Now().Sub(history.Time(begin)))
	}
	return p
}

// finish writes the sums and ends the history; only its first call counts. cut is why k6 ended before its time, if it
// did. Then k6 had wanted what it started and what it dropped, and what it never came to is not counted; else it had
// wanted the whole plan, and whoever did not start was dropped, be it by k6 or because k6 itself came too late.
func (c *crowd) finish(cut error) error {
	c.once.Do(func() {
		c.interrupted.Store(c.started.Load() - c.completed.Load()) // k6 has ended: nobody is on the way any more
		started, counted := c.started.Load(), c.dropped.Load()
		offered, dropped, detail := c.schedule.total, c.schedule.total-started, ""
		if cut != nil {
			offered, dropped, detail = started+counted, counted, "cut off: "+cut.Error()
		} else if dropped != counted {
			detail = fmt.Sprintf("k6 counted %d", counted)
		}
		for _, sum := range []history.Event{
			{Kind: history.LoadOffered, Count: offered},
			{Kind: history.LoadDropped, Count: dropped, Detail: detail},
			{Kind: history.LoadInterrupted, Count: c.interrupted.Load()},
		} {
			sum.Source = history.SourceLoad
			c.recorder.Event(sum)
		}
		c.runner.Close()
		last := c.progress()
		last.Done = true
		if err := c.recorder.Close(); err != nil {
			c.failure = fmt.Errorf("the history of the load is not whole: %w", err)
			last.Error = c.failure.Error()
		}
		last.Dropped = max(last.Dropped, dropped)
		c.report(last)
	})
	return c.failure
}
