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

// waitAtGate waits until the parent opens the gate, and then for the moment that it named.
func (c *crowd) waitAtGate(ctx context.Context) error {
	c.begin.Store(math.MaxInt64)
	c.atGate()
	c.ready.Store(true)
	c.report(c.progress())
	select {
	case <-ctx.Done():
		return ctx.Err()
	case opened := <-c.gate:
		if opened.err != nil {
			return opened.err
		}
		c.runner.Give(opened.Given)
		select {
		case <-time.After(opened.At.Sub(c.clock.Now())):
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// arrive is a buyer, from 1, whose iteration k6 has just started.
func (c *crowd) arrive(ctx context.Context, buyer int64) {
	now := c.clock.Now()
	if buyer > c.schedule.total {
		return // k6 has nobody of ours in mind
	}
	c.started.Add(1)
	if err := c.runner.Buy(ctx, int(buyer), c.began(now, buyer).Add(c.schedule.due(buyer))); err != nil {
		c.interrupted.Add(1)
		return
	}
	c.completed.Add(1)
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
