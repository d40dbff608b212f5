package fault

import (
	"github.com/paystorm/paystorm/harness/load"
	"github.com/paystorm/paystorm/history"
	"github.com/paystorm/paystorm/scenarios"
)

// payAfterCancel cancels the order at the shop and pays all the same.
type payAfterCancel struct{}

func payAfterCancelKind() scenarios.Kind {
	return scenarios.Kind{
		Name:      "pay-after-cancel",
		Doc:       "The buyer cancels the order and then pays it from a page that was still open.",
		Contract:  string(history.Documented),
		Unit:      unitOrder,
		Exercises: []string{"I4"},
		NeedsActs: []string{"cancel"},
		New:       func() any { return &payAfterCancel{} },
	}
}

func (f *payAfterCancel) Behave(p Planned, _ scenarios.System, _ history.Ref, payer *load.Payer) {
	first(&payer.PayAfterCancel, &load.Behaviour{Fault: p.ID})
}
