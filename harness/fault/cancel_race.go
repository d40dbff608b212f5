package fault

import (
	"time"

	"github.com/paystorm/paystorm/harness/load"
	"github.com/paystorm/paystorm/history"
	"github.com/paystorm/paystorm/scenarios"
)

// cancelRace cancels and pays at the same time.
type cancelRace struct {
	HeadStart scenarios.Span `yaml:"head-start" json:"head_start"` // of the payment
}

func cancelRaceKind() scenarios.Kind {
	return scenarios.Kind{
		Name:      "cancel-race",
		Doc:       "The buyer pays and cancels at once, the payment `head-start` earlier.",
		Contract:  string(history.Documented),
		Unit:      unitOrder,
		Exercises: []string{"I4"},
		NeedsActs: []string{"cancel"},
		New:       func() any { return &cancelRace{HeadStart: scenarios.Span{High: 20 * time.Millisecond}} },
	}
}

func (f *cancelRace) Behave(p Planned, _ scenarios.System, ref history.Ref, payer *load.Payer) {
	first(&payer.CancelRace, &load.Behaviour{Fault: p.ID, After: p.within(f.HeadStart, ref.Key())})
}
