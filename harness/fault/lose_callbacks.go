package fault

import (
	"github.com/paystorm/paystorm/history"
	"github.com/paystorm/paystorm/mockchannel"
	"github.com/paystorm/paystorm/scenarios"
)

// loseCallbacks loses the first attempts of a notification or all of them; with only.attempt, just that one.
type loseCallbacks struct {
	Attempts Times `yaml:"attempts" json:"attempts"`
}

func loseCallbacksKind() scenarios.Kind {
	return scenarios.Kind{
		Name:      "lose-callbacks",
		Doc:       "The first `attempts` deliveries of a notification never leave, or all of them, for ever.",
		Contract:  string(history.Documented),
		Unit:      unitAttempt,
		Exercises: []string{"I7"},
		New:       func() any { return &loseCallbacks{} },
	}
}

func (f *loseCallbacks) Notice(p Planned, _ mockchannel.Notice) mockchannel.NoticeFault {
	return mockchannel.NoticeFault{Lose: &mockchannel.LoseNotice{Fault: p.ID, First: int(f.Attempts)}}
}

// Attempt answers only where the fault is narrowed to one attempt; Notice is not hit then.
func (f *loseCallbacks) Attempt(p Planned, _ mockchannel.Notice, _ int) mockchannel.AttemptFault {
	if p.Only.Attempt == 0 {
		return mockchannel.AttemptFault{}
	}
	return mockchannel.AttemptFault{Lose: &mockchannel.LoseNotice{Fault: p.ID}}
}
