package fault

import (
	"github.com/paystorm/paystorm/harness/load"
	"github.com/paystorm/paystorm/history"
	"github.com/paystorm/paystorm/scenarios"
)

// switchPayment opens a second payment of the order and pays one of the two, so that the end of the other one is told when the
// order is paid already.
type switchPayment struct {
	Second   scenarios.Share `yaml:"second" json:"second"`     // of them pay the second, the others the first
	Declined scenarios.Share `yaml:"declined" json:"declined"` // of them have the other one declined after it; else it is left open
}

func switchPaymentKind() scenarios.Kind {
	return scenarios.Kind{
		Name:      "switch-payment",
		Doc:       "The buyer asks the shop for a second payment of the same order and pays one of the two; the other fails or is closed later.",
		Contract:  string(history.Documented),
		Unit:      unitOrder,
		Exercises: []string{"I14"},
		NeedsActs: []string{"payment"},
		New:       func() any { return &switchPayment{Second: 0.5, Declined: 0.5} },
	}
}

func (f *switchPayment) Behave(p Planned, _ scenarios.System, ref history.Ref, payer *load.Payer) {
	first(&payer.SwitchPayment, &load.Behaviour{
		Fault:    p.ID,
		Second:   p.dice.Hit(float64(f.Second), "second", p.ID, ref.Key()),
		Declines: p.dice.Hit(float64(f.Declined), "declined", p.ID, ref.Key()),
	})
}
