package fault

import (
	"github.com/paystorm/paystorm/harness/load"
	"github.com/paystorm/paystorm/history"
	"github.com/paystorm/paystorm/scenarios"
)

// payTwice asks for another payment of the same order and pays both.
type payTwice struct{}

func payTwiceKind() scenarios.Kind {
	return scenarios.Kind{
		Name:      "pay-twice",
		Doc:       "The buyer asks the shop for a second payment of the same order and pays both.",
		Contract:  string(history.Documented),
		Unit:      unitOrder,
		Exercises: []string{"I1"},
		NeedsActs: []string{"payment"},
		New:       func() any { return &payTwice{} },
	}
}

func (f *payTwice) Behave(p Planned, _ scenarios.System, _ history.Ref, payer *load.Payer) {
	first(&payer.PayTwice, &load.Behaviour{Fault: p.ID})
}
