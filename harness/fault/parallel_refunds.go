package fault

import (
	"github.com/paystorm/paystorm/harness/load"
	"github.com/paystorm/paystorm/history"
	"github.com/paystorm/paystorm/scenarios"
)

// parallelRefunds asks several times at once for the same money back. It concerns buyers whose journey refunds.
type parallelRefunds struct {
	Count int `yaml:"count" json:"count"`
}

func parallelRefundsKind() scenarios.Kind {
	return scenarios.Kind{
		Name:      "parallel-refunds",
		Doc:       "A buyer who wants a refund asks for it `count` times at once.",
		Contract:  string(history.Documented),
		Unit:      unitOrder,
		Exercises: []string{"I3"},
		NeedsActs: []string{"refund"},
		New:       func() any { return &parallelRefunds{Count: 3} },
	}
}

func (f *parallelRefunds) Check(scenarios.System) error { return between("count", f.Count, 2, 20) }

func (f *parallelRefunds) Behave(p Planned, _ scenarios.System, _ history.Ref, payer *load.Payer) {
	first(&payer.ParallelRefunds, &load.Behaviour{Fault: p.ID, Count: f.Count})
}
