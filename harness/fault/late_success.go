package fault

import (
	"time"

	"github.com/paystorm/paystorm/history"
	"github.com/paystorm/paystorm/mockchannel"
	"github.com/paystorm/paystorm/scenarios"
)

// lateSuccess captures a payment after the merchant closed it.
type lateSuccess struct {
	After scenarios.Span `yaml:"after" json:"after"` // after the close
}

func lateSuccessKind() scenarios.Kind {
	return scenarios.Kind{
		Name:      "late-success",
		Doc:       "A payment that the shop has closed succeeds all the same, a while later.",
		Contract:  string(history.Seen),
		Unit:      unitPayment,
		Exercises: []string{"I6"},
		New: func() any {
			return &lateSuccess{After: scenarios.Span{Low: 50 * time.Millisecond, High: 500 * time.Millisecond}}
		},
	}
}

func (f *lateSuccess) Change(p Planned, change mockchannel.Change) mockchannel.ChangeFault {
	if change.Kind != mockchannel.ChangeClosed {
		return mockchannel.ChangeFault{}
	}
	return mockchannel.ChangeFault{LateSuccess: &mockchannel.LateSuccess{
		Fault: p.ID, After: p.within(f.After, change.Key),
	}}
}
