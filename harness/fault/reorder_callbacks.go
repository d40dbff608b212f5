package fault

import (
	"time"

	"github.com/paystorm/paystorm/history"
	"github.com/paystorm/paystorm/mockchannel"
	"github.com/paystorm/paystorm/scenarios"
)

// reorderCallbacks lets a later notification of the same order overtake.
type reorderCallbacks struct {
	AtMost scenarios.Duration `yaml:"at-most" json:"at_most"`
}

func reorderCallbacksKind() scenarios.Kind {
	return scenarios.Kind{
		Name:      "reorder-callbacks",
		Doc:       "A notification waits until a later one of the same order was delivered, or for `at-most`.",
		Contract:  string(history.Documented),
		Unit:      unitNotification,
		Exercises: []string{"I5"},
		New:       func() any { return &reorderCallbacks{AtMost: scenarios.Duration(2 * time.Second)} },
	}
}

func (f *reorderCallbacks) Check(scenarios.System) error {
	return positive("at-most", scenarios.Span{High: time.Duration(f.AtMost)})
}

func (f *reorderCallbacks) Notice(p Planned, _ mockchannel.Notice) mockchannel.NoticeFault {
	return mockchannel.NoticeFault{Reorder: &mockchannel.Reorder{Fault: p.ID, AtMost: time.Duration(f.AtMost)}}
}
