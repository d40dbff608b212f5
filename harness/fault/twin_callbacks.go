package fault

import (
	"errors"
	"time"

	"github.com/paystorm/paystorm/history"
	"github.com/paystorm/paystorm/mockchannel"
	"github.com/paystorm/paystorm/scenarios"
)

// twinCallbacks tells one change by two notifications with different ids, against which a dedupe by the id of the
// notification is no help (docs.stripe.com/webhooks: two Event objects may describe one change).
type twinCallbacks struct {
	After scenarios.Span `yaml:"after" json:"after"`
}

func twinCallbacksKind() scenarios.Kind {
	return scenarios.Kind{
		Name:      "twin-callbacks",
		Doc:       "One change is told by a second notification with an id of its own.",
		Contract:  string(history.Documented),
		Unit:      unitNotification,
		Exercises: []string{"I9"},
		New:       func() any { return &twinCallbacks{After: scenarios.Span{Low: 0, High: 20 * time.Millisecond}} },
	}
}

func (*twinCallbacks) Needs(traits mockchannel.Traits) error {
	if !traits.TwinEvents {
		return errors.New("one change has one notification")
	}
	return nil
}

func (f *twinCallbacks) Notice(p Planned, notice mockchannel.Notice) mockchannel.NoticeFault {
	return mockchannel.NoticeFault{Twin: &mockchannel.Twin{Fault: p.ID, After: p.within(f.After, notice.Key, notice.Type)}}
}
