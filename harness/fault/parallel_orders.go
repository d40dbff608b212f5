package fault

import (
	"time"

	"github.com/paystorm/paystorm/harness/load"
	"github.com/paystorm/paystorm/history"
	"github.com/paystorm/paystorm/scenarios"
)

// parallelOrders has one buyer order in several tabs at once, which a limit for each buyer has to see.
type parallelOrders struct {
	Count int            `yaml:"count" json:"count"`
	Gap   scenarios.Span `yaml:"gap" json:"gap"`
}

func parallelOrdersKind() scenarios.Kind {
	return scenarios.Kind{
		Name:      "parallel-orders",
		Doc:       "The buyer orders and pays in `count` tabs at once, `gap` apart, each order with a client reference of its own.",
		Contract:  string(history.Documented),
		Unit:      unitOrder,
		Exercises: []string{"I4"}, // and I12, where the sale has a limit that is lower
		New: func() any {
			return &parallelOrders{Count: 3, Gap: scenarios.Span{High: 5 * time.Millisecond}}
		},
	}
}

func (f *parallelOrders) Check(scenarios.System) error { return between("count", f.Count, 2, 20) }

func (f *parallelOrders) Behave(p Planned, _ scenarios.System, ref history.Ref, payer *load.Payer) {
	first(&payer.ParallelOrders, &load.Behaviour{Fault: p.ID, Count: f.Count, After: p.within(f.Gap, ref.Key())})
}
