package fault

import (
	"time"

	"github.com/paystorm/paystorm/harness/load"
	"github.com/paystorm/paystorm/history"
	"github.com/paystorm/paystorm/scenarios"
)

// doubleClick sends one order twice, with one client reference.
type doubleClick struct {
	Gap scenarios.Span `yaml:"gap" json:"gap"`
}

func doubleClickKind() scenarios.Kind {
	return scenarios.Kind{
		Name:      "double-click",
		Doc:       "The buyer sends the order twice, `gap` apart, with one client reference.",
		Contract:  string(history.Documented),
		Unit:      unitOrder,
		Exercises: []string{"I4"},
		New:       func() any { return &doubleClick{Gap: scenarios.Span{High: 80 * time.Millisecond}} },
	}
}

func (f *doubleClick) Behave(p Planned, _ scenarios.System, ref history.Ref, payer *load.Payer) {
	first(&payer.DoubleClick, &load.Behaviour{Fault: p.ID, After: p.within(f.Gap, ref.Key()), Count: 2})
}
