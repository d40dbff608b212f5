package harness

import (
	"context"
	"time"

	"github.com/paystorm/paystorm/history"
)

// progressEvery is how often somebody who watches is told.
const progressEvery = 200 * time.Millisecond

// Progress is what a person watching a run wants to know.
type Progress struct {
	Phase   string
	Doing   string        // what it does in this moment, where the phase alone would not tell
	Elapsed time.Duration // since the run's start
	Offered float64       // iterations per second that the load model wants now
	Started float64       // iterations per second that began since the last Progress
	Buyers  int64         // begun so far
	Open    int64         // journeys under way
	Dropped int64
	Faults  []string // active now
	Due     int      // notifications and timers that the channel still owes
}

// watch tells Config.Progress how the run stands, until the context ends.
func (r *run) watch(ctx context.Context) error {
	if r.config.Progress == nil {
		return nil
	}
	ticker := time.NewTicker(progressEvery)
	defer ticker.Stop()
	var last Progress
	for {
		now := r.standing(last)
		r.config.Progress(now)
		last = now
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return nil
		}
	}
}

// standing is how the run stands now.
func (r *run) standing(last Progress) Progress {
	phase, _ := r.phaseIn.Load().(string)
	now := Progress{Phase: phase, Elapsed: r.clock.Now().Duration()}
	// The phase is asked first: once it is one of these, the start does not change r any more.
	if phase != history.PhaseStorm && phase != history.PhaseHeal && phase != history.PhaseSettle || r.child == nil {
		return now
	}
	load := r.child.Progress()
	now.Buyers, now.Open, now.Dropped = load.Started, load.Open, load.Dropped
	now.Faults, now.Due = r.engine.Active(), r.channel.Due()
	if passed := (now.Elapsed - last.Elapsed).Seconds(); passed > 0 && last.Phase == phase {
		now.Started = float64(now.Buyers-last.Buyers) / passed
	}
	if phase == history.PhaseStorm {
		now.Offered = r.offered(now.Elapsed - time.Duration(r.stormBegin.Load()))
	}
	return now
}

// offered is the arrival rate that the plan has at a time of the storm.
func (r *run) offered(at time.Duration) float64 {
	rate := 0.0
	for _, step := range r.plan.Steps {
		if at >= step.At && at < step.At+step.For {
			rate += step.PerSecond
		}
	}
	return rate
}
