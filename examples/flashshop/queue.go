package flashshop

import (
	"context"
	"log/slog"
	"time"
)

const (
	pollEvery = 50 * time.Millisecond
	parallel  = 16 // at a time, so that a call without an answer holds up nobody else
)

// queue works off what is due in one table. What is due is in the database, so nothing is lost with the process.
type queue struct {
	name string
	due  func(ctx context.Context, limit int) ([]string, error)
	work func(ctx context.Context, id string) error // it moves the item on, so that it is not due again at once
}

// run polls until ctx ends, then waits for the items in work.
func (q queue) run(ctx context.Context, log *slog.Logger) error {
	running, done, backlog := map[string]bool{}, make(chan string), false
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			for len(running) > 0 {
				delete(running, <-done)
			}
			return nil
		case id := <-done:
			delete(running, id)
			if !backlog {
				continue
			}
		case <-tick.C:
		}
		// Items in work are still due, so that many more are asked for, and one to know whether any is left.
		ids, err := q.due(ctx, parallel+len(running)+1)
		if err != nil && ctx.Err() == nil {
			log.Warn("look for work", "queue", q.name, "error", err)
		}
		backlog = false
		for _, id := range ids {
			if running[id] {
				continue
			}
			if len(running) >= parallel {
				backlog = true
				break
			}
			running[id] = true
			go func() {
				if err := q.work(ctx, id); err != nil && ctx.Err() == nil {
					log.Warn("not done yet", "queue", q.name, "id", id, "error", err)
				}
				done <- id
			}()
		}
	}
}

// sleep waits, and reports false if ctx ended first.
func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
