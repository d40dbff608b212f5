package fault

import (
	"github.com/paystorm/paystorm/harness/load"
	"github.com/paystorm/paystorm/history"
	"github.com/paystorm/paystorm/scenarios"
)

// abandon never pays.
type abandon struct{}

func abandonKind() scenarios.Kind {
	return scenarios.Kind{
		Name:      "abandon",
		Doc:       "The buyer orders and never pays.",
		Contract:  string(history.Documented),
		Unit:      unitOrder,
		Exercises: []string{"I4", "I13"},
		New:       func() any { return &abandon{} },
	}
}

func (f *abandon) Behave(p Planned, _ scenarios.System, _ history.Ref, payer *load.Payer) {
	first(&payer.Abandon, &load.Behaviour{Fault: p.ID})
}
