package fault

import (
	"time"

	"github.com/paystorm/paystorm/history"
	"github.com/paystorm/paystorm/mockchannel"
	"github.com/paystorm/paystorm/scenarios"
)

// inProcess lets payments be in process for a while after the payer has paid, as bank debits and checked cards are: a query
// says that nothing is decided (USERPAYING, processing, code 10003), and the success comes later.
type inProcess struct {
	By scenarios.Span `yaml:"by" json:"by"`
}

func inProcessKind() scenarios.Kind {
	return scenarios.Kind{
		Name:      "in-process",
		Doc:       "A payment is in process for a while after the payer has paid; until then a query says only that.",
		Contract:  string(history.Documented),
		Unit:      unitPayment,
		Exercises: []string{"I13"},
		New: func() any {
			return &inProcess{By: scenarios.Span{Low: 200 * time.Millisecond, High: 2 * time.Second}}
		},
	}
}

func (f *inProcess) Check(scenarios.System) error { return positive("by", f.By) }

func (f *inProcess) Change(p Planned, change mockchannel.Change) mockchannel.ChangeFault {
	if change.Kind != mockchannel.ChangePaying {
		return mockchannel.ChangeFault{}
	}
	return mockchannel.ChangeFault{Process: &mockchannel.Process{Fault: p.ID, By: p.within(f.By, change.Key)}}
}
