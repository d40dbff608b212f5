package fault

import (
	"errors"
	"time"

	"github.com/paystorm/paystorm/history"
	"github.com/paystorm/paystorm/mockchannel"
	"github.com/paystorm/paystorm/scenarios"
)

// dispute lets the payer's bank take a captured payment back.
type dispute struct {
	After scenarios.Span `yaml:"after" json:"after"` // after the capture
}

func disputeKind() scenarios.Kind {
	return scenarios.Kind{
		Name:      "dispute",
		Doc:       "The payer disputes a captured payment, and the bank takes the money back.",
		Contract:  string(history.Documented),
		Unit:      unitPayment,
		Exercises: []string{"I3"},
		New: func() any {
			return &dispute{After: scenarios.Span{Low: 300 * time.Millisecond, High: 1500 * time.Millisecond}}
		},
	}
}

func (*dispute) Needs(traits mockchannel.Traits) error {
	if !traits.Disputes {
		return errors.New("there are no disputes")
	}
	return nil
}

func (f *dispute) Change(p Planned, change mockchannel.Change) mockchannel.ChangeFault {
	if change.Kind != mockchannel.ChangePaid {
		return mockchannel.ChangeFault{}
	}
	return mockchannel.ChangeFault{Dispute: &mockchannel.Dispute{Fault: p.ID, After: p.within(f.After, change.Key)}}
}
