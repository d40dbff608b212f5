package fault

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/paystorm/paystorm/mockchannel"
)

// strikeWithin bounds a strike that the channel waits for.
const strikeWithin = 5 * time.Second

// On is a moment of the history: the count-th time that a message of a storm order reaches a stage. A clock misses the
// instruction between an effect and its commit; this does not.
type On struct {
	Message  string            `yaml:"message" json:"message"` // a merchant's operation, or a notification's type
	At       mockchannel.Stage `yaml:"at" json:"at"`
	InFlight int               `yaml:"in-flight" json:"in_flight"` // only while at least so many callbacks wait for their answers; alone: as soon as there are
	Count    int               `yaml:"count" json:"count"`         // default 1
	Times    int               `yaml:"times" json:"times"`         // how often it strikes, each after count more; default 1
}

// IsZero says that the fault waits for the clock, and for no moment.
func (o On) IsZero() bool { return o.Message == "" && o.InFlight == 0 }

// is says whether it is such a moment.
func (o On) is(moment mockchannel.Moment) bool {
	if moment.InFlight < o.InFlight {
		return false
	}
	if o.Message == "" {
		return moment.Stage == mockchannel.StageSent
	}
	return moment.Message == o.Message && moment.Stage == o.At
}

// once is the default of a moment: the first time, and that one only.
func once() On { return On{Count: 1, Times: 1} }

// check refuses a moment that no message can reach.
func (o On) check() error {
	if err := between("on.in-flight", o.InFlight, 0, 1000); err != nil {
		return err
	}
	if o.Message == "" {
		if o.At != "" {
			return fmt.Errorf("on.message: want a merchant's operation (%s) or a notification's type (%s)",
				listed(operations()), listed(notifications()))
		}
		return o.checkCounts()
	}
	stages := []mockchannel.Stage{mockchannel.StageSent, mockchannel.StageAcked}
	if slices.Contains(operations(), mockchannel.Operation(o.Message)) {
		stages = []mockchannel.Stage{mockchannel.StageReceived, mockchannel.StageProcessed, mockchannel.StageResponseSent}
	} else if err := oneOf("on.message", o.Message, append(words(operations()), notifications()...)...); err != nil {
		return err
	}
	if err := oneOf("on.at", o.At, stages...); err != nil {
		return err
	}
	return o.checkCounts()
}

func (o On) checkCounts() error {
	if err := between("on.count", o.Count, 1, 1_000_000); err != nil {
		return err
	}
	return between("on.times", o.Times, 1, 1000)
}

func words[T ~string](values []T) []string {
	plain := make([]string, len(values))
	for index, value := range values {
		plain[index] = string(value)
	}
	return plain
}

// trigger counts moments.
type trigger struct {
	On
	struck chan struct{} // tells Run that it has struck, or could not

	mu     sync.Mutex
	seen   int   // since the last strike
	left   int   // strikes to come
	failed error // of the first strike that could not be made
}

func newTrigger(on On) *trigger {
	return &trigger{On: on, left: max(1, on.Times), struck: make(chan struct{}, 1)}
}

// pulled counts a moment, and is true for the one that strikes.
func (t *trigger) pulled(moment mockchannel.Moment) bool {
	if !t.is(moment) {
		return false
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.seen++
	if t.left == 0 || t.seen < t.Count {
		return false
	}
	t.seen = 0
	t.left--
	return true
}

// tell says how a strike ended. An error is kept until Run takes it, whatever it is busy with.
func (t *trigger) tell(err error) {
	t.mu.Lock()
	if t.failed == nil {
		t.failed = err
	}
	t.mu.Unlock()
	select {
	case t.struck <- struct{}{}:
	default: // Run has not yet taken the strike before this one; it will find this one open.
	}
}

// failure is why a strike could not be made, nil if all were.
func (t *trigger) failure() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.failed
}

// reached strikes the faults that wait for this moment, before the channel goes on.
func (e *Engine) reached(moment mockchannel.Moment) {
	for _, r := range e.triggers {
		at, may := e.deciding(r.Planned)
		if !may || r.open.Load() || at < r.From || !r.countsAt(at) || !r.trigger.pulled(moment) {
			continue
		}
		ctx, cancel := context.WithTimeout(context.Background(), strikeWithin)
		err := e.strike(ctx, r, moment.Subject)
		cancel()
		r.trigger.tell(err)
	}
}

// countsAt says whether a moment still counts. Where the window is how long the fault lasts, it does until heal.
func (r *running) countsAt(at time.Duration) bool {
	_, own := r.act.(Lasting)
	return !own || r.For == 0 || at < r.From+r.For
}
