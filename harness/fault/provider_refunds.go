package fault

import (
	"time"

	"github.com/paystorm/paystorm/history"
	"github.com/paystorm/paystorm/mockchannel"
	"github.com/paystorm/paystorm/scenarios"
)

// providerRefunds gives captured payments back from the provider's own console: the shop hears of a refund that it never
// asked for.
type providerRefunds struct {
	After scenarios.Span `yaml:"after" json:"after"` // after the capture
}

func providerRefundsKind() scenarios.Kind {
	return scenarios.Kind{
		Name:      "provider-refunds",
		Doc:       "The provider refunds a captured payment by itself, in full.",
		Contract:  string(history.Documented),
		Unit:      unitPayment,
		Exercises: []string{"I3"},
		New: func() any {
			return &providerRefunds{After: scenarios.Span{Low: 300 * time.Millisecond, High: 1500 * time.Millisecond}}
		},
	}
}

func (f *providerRefunds) Change(p Planned, change mockchannel.Change) mockchannel.ChangeFault {
	if change.Kind != mockchannel.ChangePaid {
		return mockchannel.ChangeFault{}
	}
	return mockchannel.ChangeFault{GiveBack: &mockchannel.GiveBack{Fault: p.ID, After: p.within(f.After, change.Key)}}
}
