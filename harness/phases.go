package harness

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/paystorm/paystorm/history"
	"github.com/paystorm/paystorm/scenarios"
)

const (
	warmUpBuyers = 5
	// loadReadyWithin is how long the load generator's virtual users may take to be there.
	loadReadyWithin = 60 * time.Second
	// drainWithin is what journeys get beyond their own bound before the storm is called off.
	drainWithin = 5 * time.Second
	// pollBooks is how often settle looks at the books, and observe compares two readings.
	pollBooks = 200 * time.Millisecond
	// observeWithin is how long observe waits for two readings that agree.
	observeWithin = 5 * time.Second
)

// warmUp lets a few buyers buy something that is not on sale. If that does not work in fair weather, a storm proves
// nothing.
func (r *run) warmUp(ctx context.Context) error {
	ready, cancel := context.WithTimeout(ctx, loadReadyWithin)
	defer cancel()
	if r.plan.System.Script != "" { // which only the load generator can run
		if err := r.child.Ready(ready); err != nil {
			return err
		}
		return r.child.WarmUp(ready, r.given, warmUpBuyers)
	}
	if err := r.journey.WarmUp(ctx, warmUpBuyers); err != nil {
		return err
	}
	return r.child.Ready(ready)
}

// storm opens the gate for the load, and lets the faults strike until no buyer is under way any more. A fault that cannot be
// struck ends it at once: what follows would be another storm than the one that was planned.
func (r *run) storm(ctx context.Context) error {
	begin := r.clock.Now()
	r.stormBegin.Store(int64(begin))
	r.engine.Begin(begin)
	if err := r.child.Open(begin, r.given); err != nil {
		return fmt.Errorf("opening the gate for the load: %w", err)
	}
	bounded, cancel := context.WithTimeout(ctx, r.plan.StormMax+drainWithin)
	defer cancel()
	side, sideCtx := errgroup.WithContext(bounded)
	side.Go(func() error { return r.engine.Run(sideCtx) })
	side.Go(func() error { return r.checkpoints(sideCtx, begin) })
	r.work(r.recordCPU)
	waited := r.waitForLoad(sideCtx)
	r.work(r.recordCPU)
	cancel()
	if broken := ignoreEnd(side.Wait()); broken != nil {
		return errors.Join(fmt.Errorf("the storm was broken off: %w", broken), ctx.Err()) // that the load was stopped is no news
	}
	return errors.Join(waited, ctx.Err())
}

// waitForLoad returns when the load generator has ended by itself, and ends it when ctx does.
func (r *run) waitForLoad(ctx context.Context) error {
	ended := make(chan struct{})
	var how error
	go func() {
		defer close(ended)
		how = r.child.Wait()
	}()
	select {
	case <-ended:
		if how != nil {
			return fmt.Errorf("load generator: %w", how)
		}
		return nil
	case <-ctx.Done():
		stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeWithin)
		defer cancel()
		err := r.child.Stop(stop)
		<-ended // how a child ended that was told to end is no news
		return errors.Join(fmt.Errorf("load generator: still at work when the storm was over: %w", context.Cause(ctx)), err)
	}
}

// checkpoints reads the books at the times that the scenario names.
func (r *run) checkpoints(ctx context.Context, begin history.Time) error {
	for _, at := range r.plan.Checkpoints {
		if !r.sleep(ctx, begin.Add(at).Sub(r.clock.Now())) {
			return nil
		}
		r.checkpoint(ctx)
	}
	return nil
}

// checkpoint reads the books once, in mid-storm. A shop that cannot be read just now is part of the storm: the reading
// says so, and what needs it stays unjudged.
func (r *run) checkpoint(ctx context.Context) { _ = r.readBooks(ctx) }

// readBooks is checkpoint, and says whether it came to something.
func (r *run) readBooks(ctx context.Context) error {
	_, err := r.read(ctx, history.ReadingCheckpoint)
	if err != nil && ctx.Err() == nil {
		r.record(history.Event{Source: history.SourceProbe, Kind: probeFailed, State: history.ReadingCheckpoint, Detail: err.Error()})
	}
	return err
}

// heal undoes every fault but those that stay until the books are read. The engine bounds each undoing, and makes no new
// decision from here on.
func (r *run) heal(ctx context.Context) error { return r.engine.Heal(ctx) }

// settle waits for the shop to converge. It ends early only when the channel owes nothing, no job is open, the books agree with
// the channel's ledger, and for the shop's longest timer neither have they changed nor has anything come to a sink. Its bound
// ends everything in it, jobs and readings too: what the shop does later, it does too late.
func (r *run) settle(ctx context.Context) error {
	bounded, cancel := context.WithTimeout(ctx, r.plan.Settle)
	defer cancel()
	jobs := newJobs(r.plan.System.Jobs, func(bounded context.Context, job scenarios.Job) { r.runJob(ctx, bounded, job) })
	defer jobs.wait()
	quiet := longestTimer(r.plan.System.Timers)
	r.still.stir(r.clock.Now())
	for {
		jobs.begin(bounded, r.clock)
		reading, err := r.shop.Read(bounded, history.ReadingCheckpoint)
		if err == nil {
			r.still.read(reading.Books, r.clock.Now())
		}
		atRest := r.still.lasts(r.clock.Now()) >= quiet && r.channel.Due() == 0 && jobs.idle()
		if err == nil && atRest && r.ledger.agrees(reading) {
			break
		}
		if !r.sleep(bounded, pollBooks) {
			return ctx.Err()
		}
	}
	jobs.once(bounded)
	return ctx.Err()
}

// runJob runs one of the shop's own jobs. One that fails is the shop's business, and stands in the history; of one that the
// bound cuts off, nobody knows what would have become.
func (r *run) runJob(ctx, bounded context.Context, job scenarios.Job) {
	err := r.shop.RunJob(bounded, job)
	if ctx.Err() != nil {
		return
	}
	answer := askedEvent("job "+job.Name, err)
	if answer.Outcome == history.Unknown && bounded.Err() != nil {
		answer.Reason = history.ReasonOpenAtBound
	}
	r.record(answer)
}

// asked records what became of a question to the shop.
func (r *run) asked(ctx context.Context, what string, err error) {
	if ctx.Err() == nil {
		r.record(askedEvent(what, err))
	}
}

func askedEvent(what string, err error) history.Event {
	event := history.Event{Source: history.SourceProbe, Kind: history.ShopAsked, State: what, Outcome: history.OK}
	if err != nil {
		event.Outcome, event.Detail = history.Refused, err.Error()
		var unanswered *url.Error
		if errors.As(err, &unanswered) || errors.Is(err, context.DeadlineExceeded) {
			event.Outcome = history.Unknown
		}
	}
	return event
}

// observe asks the shop whether it is up, and reads the books until two readings agree. Faults that stay until then end
// after it, in close.
func (r *run) observe(ctx context.Context) error {
	r.asked(ctx, "ready", r.shop.Ready(ctx))
	reading, err := r.shop.ReadAgreed(ctx, history.ReadingFinal, pollBooks, observeWithin)
	if err != nil {
		return err
	}
	r.recorder.Reading(reading)
	return nil
}

// read takes one reading of the books and records it.
func (r *run) read(ctx context.Context, label string) (history.Reading, error) {
	r.reading.Lock()
	defer r.reading.Unlock()
	reading, err := r.shop.Read(ctx, label)
	if err != nil {
		return history.Reading{}, fmt.Errorf("reading the shop's books: %w", err)
	}
	r.recorder.Reading(reading)
	if label == history.ReadingBaseline {
		r.ledger.ignore(reading.Books)
	}
	return reading, nil
}

// sleep is false when the context ended first.
func (r *run) sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// ignoreEnd drops the end of a context that we ended ourselves.
func ignoreEnd(err error) error {
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return nil
	}
	return err
}
