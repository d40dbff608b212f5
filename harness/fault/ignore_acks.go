package fault

import (
	"github.com/paystorm/paystorm/history"
	"github.com/paystorm/paystorm/mockchannel"
	"github.com/paystorm/paystorm/scenarios"
)

// ignoreAcks takes an acknowledged attempt for an unanswered one, so that the retry schedule goes on.
type ignoreAcks struct{}

func ignoreAcksKind() scenarios.Kind {
	return scenarios.Kind{
		Name:      "ignore-acks",
		Doc:       "The shop's acknowledgement of an attempt is lost on the way, and the notification comes again.",
		Contract:  string(history.Documented),
		Unit:      unitAttempt,
		Exercises: []string{"I9"},
		New:       func() any { return &ignoreAcks{} },
	}
}

func (f *ignoreAcks) Attempt(p Planned, _ mockchannel.Notice, _ int) mockchannel.AttemptFault {
	return mockchannel.AttemptFault{IgnoreAck: &mockchannel.IgnoreAck{Fault: p.ID}}
}
