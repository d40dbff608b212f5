package fault

import (
	"errors"
	"time"

	"github.com/paystorm/paystorm/harness/load"
	"github.com/paystorm/paystorm/history"
	"github.com/paystorm/paystorm/scenarios"
)

const aroundExpiry = "expiry"

// payLate pays after a while: a fixed one, or about when the order expires.
type payLate struct {
	By     scenarios.Span     `yaml:"by" json:"by"`
	Around string             `yaml:"around" json:"around" jsonschema:"enum=expiry"` // "" or expiry, the shop's timer; then by does not count
	Spread scenarios.Duration `yaml:"spread" json:"spread"`                          // either side of it
}

func payLateKind() scenarios.Kind {
	return scenarios.Kind{
		Name:      "pay-late",
		Doc:       "The buyer pays late: `by` a while, or with `around: expiry` when the order is about to expire.",
		Contract:  string(history.Documented),
		Unit:      unitOrder,
		Exercises: []string{"I4", "I13"},
		New: func() any {
			return &payLate{
				By:     scenarios.Span{Low: time.Second, High: 3 * time.Second},
				Spread: scenarios.Duration(300 * time.Millisecond),
			}
		},
	}
}

func (f *payLate) Check(system scenarios.System) error {
	if f.Around == "" {
		return positive("by", f.By)
	}
	if err := oneOf("around", f.Around, aroundExpiry); err != nil {
		return err
	}
	if system.Timers.Expiry <= 0 {
		return errors.New("around: the system file declares no timers.expiry to pay around")
	}
	return nil
}

func (f *payLate) Behave(p Planned, system scenarios.System, ref history.Ref, payer *load.Payer) {
	span := f.By
	if f.Around == aroundExpiry {
		expiry, spread := time.Duration(system.Timers.Expiry), time.Duration(f.Spread)
		span = scenarios.Span{Low: max(0, expiry-spread), High: expiry + spread}
	}
	first(&payer.PayLate, &load.Behaviour{Fault: p.ID, After: p.within(span, ref.Key())})
}
