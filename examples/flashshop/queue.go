package flashshop

import (
	"context"
	"fmt"
	"log/slog"
	"time"
)

const (
	pollEvery = 50 * time.Millisecond
	parallel  = 16 // at a time, so that a call without an answer holds up nobody else
)

// queue works off what is due in one table. What is due is in the database, so nothing is lost with the process; what is
// claimed is not due again before a while, so that each item has one worker at a time, of whichever replica.
type queue struct {
	name  string
	every time.Duration // it is looked for work
	claim func(ctx context.Context, limit int) ([]string, error)
	work  func(ctx context.Context, id string) error // it moves the item on, so that it is not due again when the claim ends
}

// run polls until ctx ends, then waits for the items in work.
func (q queue) run(ctx context.Context, log *slog.Logger) error {
	running, done, backlog := 0, make(chan struct{}), false
	tick := time.NewTicker(q.every)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			for ; running > 0; running-- {
				<-done
			}
			return nil
		case <-done:
			running--
			if !backlog {
				continue
			}
		case <-tick.C:
		}
		free := parallel - running
		if free == 0 {
			continue
		}
		ids, err := q.claim(ctx, free)
		if err != nil && ctx.Err() == nil {
			log.Warn("look for work", "queue", q.name, "error", err)
		}
		backlog = len(ids) == free
		for _, id := range ids {
			running++
			go func() {
				if err := q.work(ctx, id); err != nil && ctx.Err() == nil {
					log.Warn("not done yet", "queue", q.name, "id", id, "error", err)
				}
				done <- struct{}{}
			}()
		}
	}
}

// claims claims what is due in a table for a while. It looks first, because mostly nothing is.
func (s *shop) claims(table, key, column string) func(context.Context, int) ([]string, error) {
	look := fmt.Sprintf(`SELECT %s FROM %s WHERE %s > 0 AND %s <= ? ORDER BY %s LIMIT ?`, key, table, column, column, column)
	claim := fmt.Sprintf(`WITH due AS MATERIALIZED (%s%s) UPDATE %s SET %s = ? WHERE %s IN (SELECT %s FROM due) RETURNING %s`,
		look, skipLocked, table, column, key, key, key)
	return func(ctx context.Context, limit int) (ids []string, err error) {
		if ids, err = all(ctx, s.store, value[string], look, s.store.now().UnixMilli(), 1); err != nil || len(ids) == 0 {
			return nil, err
		}
		err = s.store.write(ctx, nothing, func(ctx context.Context, t tx) error {
			now := t.now()
			ids, err = all(ctx, t, value[string], claim, now.UnixMilli(), limit, now.Add(s.claimed()).UnixMilli())
			return err
		})
		if err != nil { // then nothing was claimed, or what was will be due again
			return nil, err
		}
		return ids, nil
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
