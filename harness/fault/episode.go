package fault

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/paystorm/paystorm/history"
	"github.com/paystorm/paystorm/mockchannel"
)

// running is one fault of the plan at work. It is struck and undone in turns, more than once if a trigger says so.
type running struct {
	Planned
	act     any
	effect  effect
	trigger *trigger // nil: by the clock

	mu   sync.Mutex  // held while it is being struck or undone, so that heal waits for a strike under way
	open atomic.Bool // struck, and not undone
}

// lasts is how long the fault stays once it has struck; unbounded means until heal, or until the books.
func (r *running) lasts() (lasts time.Duration, bounded bool) {
	if own, ok := r.act.(Lasting); ok {
		return own.Lasts(), true
	}
	return r.For, r.For > 0
}

// strike opens the fault. It does nothing if the fault is open, or may not strike any more.
func (e *Engine) strike(ctx context.Context, r *running, cause mockchannel.Subject) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, may := e.deciding(r.Planned); !may || r.open.Load() {
		return nil
	}
	// Open before it is struck: a strike that fails half-way has to be undone like any other.
	r.open.Store(true)
	e.record(r, history.Event{Kind: history.FaultBegin})
	affected, err := r.effect.strike(ctx)
	for _, event := range affected {
		event.Order, event.Payment, event.Buyer = cause.Order, cause.Payment, cause.Ref.Buyer
		if cause.Ref.Buyer != 0 {
			event.Ref = cause.Ref.String()
		}
		e.record(r, event)
	}
	if err != nil {
		return fmt.Errorf("striking fault %q: %w", r.ID, err)
	}
	return nil
}

// undo closes the fault if it is open, checks that it is, and returns what is to be done then.
func (e *Engine) undo(ctx context.Context, r *running) (then func(context.Context), err error) {
	ctx, cancel := context.WithTimeout(ctx, undoWithin)
	defer cancel()
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.open.Load() {
		return nil, nil
	}
	done, err := r.effect.undo(ctx)
	if err != nil {
		return nil, err
	}
	r.open.Store(false)
	for _, event := range done.affected {
		e.record(r, event)
	}
	e.record(r, history.Event{Kind: history.FaultEnd})
	return done.then, nil
}
