package fault

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/paystorm/paystorm/history"
	"github.com/paystorm/paystorm/mockchannel"
	"github.com/paystorm/paystorm/scenarios"
)

// duplicateCallbacks delivers a notification more often than anything asked for.
type duplicateCallbacks struct {
	Count     int            `yaml:"count" json:"count"`           // how many more
	After     scenarios.Span `yaml:"after" json:"after"`           // after the answer to the one before
	Burst     bool           `yaml:"burst" json:"burst"`           // all at once, with the first
	AfterType string         `yaml:"after-type" json:"after_type"` // not before such a notification was acknowledged
	Path      string         `yaml:"path" json:"path"`             // of the shop, where the copies go: a second endpoint; default: where the first went
}

func duplicateCallbacksKind() scenarios.Kind {
	return scenarios.Kind{
		Name:      "duplicate-callbacks",
		Doc:       "A notification comes `count` times more: one after another, or with `burst: true` all at once.",
		Contract:  string(history.Documented),
		Unit:      unitAttempt,
		Exercises: []string{"I9"},
		New: func() any {
			return &duplicateCallbacks{
				Count: 1,
				After: scenarios.Span{Low: 10 * time.Millisecond, High: 200 * time.Millisecond},
			}
		},
	}
}

func (f *duplicateCallbacks) Check(scenarios.System) error {
	if f.AfterType != "" {
		if f.Burst {
			return errors.New("burst: together with the first attempt is not after-type: want one of the two")
		}
		if err := oneOf("after-type", f.AfterType, notifications()...); err != nil {
			return err
		}
	}
	if f.Path != "" && !strings.HasPrefix(f.Path, "/") {
		return fmt.Errorf("path: %q is no path at the shop: want one such as /callbacks/old", f.Path)
	}
	return between("count", f.Count, 1, 100)
}

func (f *duplicateCallbacks) Notice(p Planned, notice mockchannel.Notice) mockchannel.NoticeFault {
	return mockchannel.NoticeFault{Duplicates: []mockchannel.Duplicate{{
		Fault:     p.ID,
		Count:     f.Count,
		After:     p.within(f.After, notice.Key, notice.Type),
		Burst:     f.Burst,
		AfterType: f.AfterType,
		Path:      f.Path,
	}}}
}
