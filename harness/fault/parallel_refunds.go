package fault

import (
	"fmt"

	"github.com/paystorm/paystorm/harness/load"
	"github.com/paystorm/paystorm/history"
	"github.com/paystorm/paystorm/scenarios"
)

// parallelRefunds asks several times at once for the same money back. It concerns buyers whose journey refunds.
type parallelRefunds struct {
	Count    int             `yaml:"count" json:"count"`
	Amount   *scenarios.Part `yaml:"amount" json:"amount,omitempty"` // of each; default: what the journey's step asks for
	Distinct bool            `yaml:"distinct" json:"distinct"`       // each is a wish of its own, and they may add up to more than there is
}

func parallelRefundsKind() scenarios.Kind {
	return scenarios.Kind{
		Name:      "parallel-refunds",
		Doc:       "A buyer who wants a refund asks for it `count` times at once, or with `distinct` for so many.",
		Contract:  string(history.Documented),
		Unit:      unitOrder,
		Exercises: []string{"I3"},
		NeedsActs: []string{"refund"},
		New:       func() any { return &parallelRefunds{Count: 3} },
	}
}

func (f *parallelRefunds) Check(system scenarios.System) error {
	switch {
	case f.Amount != nil && *f.Amount != 0 && !system.RefundsName(scenarios.NameRefundMinor):
		return fmt.Errorf("amount: a refund of the system does not say how much it asks for: want {{ %s }} in it", scenarios.NameRefundMinor)
	case f.Distinct && !system.RefundsName(scenarios.NameWish):
		return fmt.Errorf("distinct: a refund of the system does not say which one it is: want {{ %s }} in it", scenarios.NameWish)
	}
	return between("count", f.Count, 2, 20)
}

func (f *parallelRefunds) Behave(p Planned, _ scenarios.System, _ history.Ref, payer *load.Payer) {
	first(&payer.ParallelRefunds, &load.Behaviour{Fault: p.ID, Count: f.Count, Amount: f.Amount, Distinct: f.Distinct})
}
