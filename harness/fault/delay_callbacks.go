package fault

import (
	"time"

	"github.com/paystorm/paystorm/history"
	"github.com/paystorm/paystorm/mockchannel"
	"github.com/paystorm/paystorm/scenarios"
)

// delayCallbacks holds the first attempt of a notification back.
type delayCallbacks struct {
	By scenarios.Span `yaml:"by" json:"by"`
}

func delayCallbacksKind() scenarios.Kind {
	return scenarios.Kind{
		Name:      "delay-callbacks",
		Doc:       "The first attempt of a notification comes late, by a duration from `by`.",
		Contract:  string(history.Documented),
		Unit:      unitNotification,
		Exercises: []string{"I13"},
		New: func() any {
			return &delayCallbacks{By: scenarios.Span{Low: 200 * time.Millisecond, High: 3 * time.Second}}
		},
	}
}

func (f *delayCallbacks) Check(scenarios.System) error { return positive("by", f.By) }

// Exercises adds what only a success that comes late enough exercises: one by whose time a shop has asked by itself.
func (f *delayCallbacks) Exercises() []string {
	if f.By.High > lateEnough {
		return []string{"I7"}
	}
	return nil
}

// lateEnough is longer than any shop takes to hear of a success in fair weather.
const lateEnough = time.Second

func (f *delayCallbacks) Notice(p Planned, notice mockchannel.Notice) mockchannel.NoticeFault {
	return mockchannel.NoticeFault{Delay: &mockchannel.Delay{Fault: p.ID, By: p.within(f.By, notice.Key, notice.Type)}}
}
