package fault

import (
	"time"

	"github.com/paystorm/paystorm/history"
	"github.com/paystorm/paystorm/mockchannel"
	"github.com/paystorm/paystorm/scenarios"
)

// staleCallbacks delivers a notification again when the order has moved on.
type staleCallbacks struct {
	AfterType string         `yaml:"after-type" json:"after_type"` // which acknowledged notification marks that
	After     scenarios.Span `yaml:"after" json:"after"`           // after that
	Count     int            `yaml:"count" json:"count"`           // how many more
}

func staleCallbacksKind() scenarios.Kind {
	return scenarios.Kind{
		Name:      "stale-callbacks",
		Doc:       "An old notification comes again after the order has moved on, by default after it was refunded.",
		Contract:  string(history.Documented),
		Unit:      unitAttempt,
		Exercises: []string{"I5"},
		New: func() any {
			return &staleCallbacks{
				AfterType: history.RefundSucceeded,
				After:     scenarios.Span{Low: 10 * time.Millisecond, High: 200 * time.Millisecond},
				Count:     1,
			}
		},
	}
}

func (f *staleCallbacks) Check(scenarios.System) error {
	if err := oneOf("after-type", f.AfterType, notifications()...); err != nil {
		return err
	}
	return between("count", f.Count, 1, 100)
}

// Notice leaves the marking type itself alone: it is not old.
func (f *staleCallbacks) Notice(p Planned, notice mockchannel.Notice) mockchannel.NoticeFault {
	if notice.Type == f.AfterType {
		return mockchannel.NoticeFault{}
	}
	return mockchannel.NoticeFault{Duplicates: []mockchannel.Duplicate{{
		Fault:     p.ID,
		Count:     f.Count,
		After:     p.within(f.After, notice.Key, notice.Type),
		AfterType: f.AfterType,
	}}}
}
