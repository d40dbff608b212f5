package harness

import (
	"context"
	"sync"
	"time"

	"github.com/paystorm/paystorm/history"
	"github.com/paystorm/paystorm/scenarios"
)

const (
	// jobsEvery is what lies between two rounds of the shop's jobs.
	jobsEvery = time.Second
	// jobPatience is how long a job is waited for before the next one of its round gets its turn. It goes on all the same: a
	// nightly reconciliation may take as long as settle does.
	jobPatience = 30 * time.Second
)

// jobs runs the shop's own jobs beside the readings of settle, in the order of the system file and one after the other, in
// rounds. Each call has until the bound of settle, and a job is not called again while it is open.
type jobs struct {
	list []scenarios.Job
	run  func(context.Context, scenarios.Job)

	mu    sync.Mutex
	open  map[string]bool
	round bool         // one is under way
	next  history.Time // before it, none begins

	working sync.WaitGroup
}

func newJobs(list []scenarios.Job, run func(context.Context, scenarios.Job)) *jobs {
	return &jobs{list: list, run: run, open: map[string]bool{}}
}

// begin starts a round, unless one is under way or was a moment ago.
func (j *jobs) begin(ctx context.Context, clock history.Clock) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.round || clock.Now() < j.next {
		return
	}
	j.round = true
	j.working.Go(func() {
		j.once(ctx)
		j.mu.Lock()
		defer j.mu.Unlock()
		j.round, j.next = false, clock.Now().Add(jobsEvery)
	})
}

// once gives each job its turn.
func (j *jobs) once(ctx context.Context) {
	for _, job := range j.list {
		if ctx.Err() != nil || !j.take(job.Name) {
			continue
		}
		done := make(chan struct{})
		j.working.Go(func() {
			defer close(done)
			j.run(ctx, job)
			j.mu.Lock()
			defer j.mu.Unlock()
			delete(j.open, job.Name)
		})
		patience := time.NewTimer(jobPatience)
		select {
		case <-done:
		case <-patience.C:
		}
		patience.Stop()
	}
}

// take is false while the job is open.
func (j *jobs) take(name string) bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.open[name] {
		return false
	}
	j.open[name] = true
	return true
}

// idle says that no job is open.
func (j *jobs) idle() bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	return !j.round && len(j.open) == 0
}

// wait returns when all that was begun has ended, which the end of its context makes it.
func (j *jobs) wait() { j.working.Wait() }
