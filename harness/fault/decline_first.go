package fault

import (
	"github.com/paystorm/paystorm/harness/load"
	"github.com/paystorm/paystorm/history"
	"github.com/paystorm/paystorm/scenarios"
)

// declineFirst has the first attempt declined and pays with the second.
type declineFirst struct{}

func declineFirstKind() scenarios.Kind {
	return scenarios.Kind{
		Name:      "decline-first",
		Doc:       "The buyer's first attempt to pay is declined, the second succeeds.",
		Contract:  string(history.Documented),
		Unit:      unitOrder,
		Exercises: []string{"I14"},
		New:       func() any { return &declineFirst{} },
	}
}

func (f *declineFirst) Behave(p Planned, _ scenarios.System, _ history.Ref, payer *load.Payer) {
	first(&payer.DeclineFirst, &load.Behaviour{Fault: p.ID})
}
