package fault

import (
	"time"

	"github.com/paystorm/paystorm/harness/load"
	"github.com/paystorm/paystorm/history"
	"github.com/paystorm/paystorm/scenarios"
)

// retryStorm repeats every request to the shop, as an app that retries too eagerly does.
type retryStorm struct {
	Count int            `yaml:"count" json:"count"` // of each request, the first included
	Gap   scenarios.Span `yaml:"gap" json:"gap"`
}

func retryStormKind() scenarios.Kind {
	return scenarios.Kind{
		Name:      "retry-storm",
		Doc:       "The buyer's app sends every request to the shop `count` times, `gap` apart.",
		Contract:  string(history.Documented),
		Unit:      unitOrder,
		Exercises: []string{"I4"},
		New: func() any {
			return &retryStorm{Count: 3, Gap: scenarios.Span{Low: 10 * time.Millisecond, High: 50 * time.Millisecond}}
		},
	}
}

func (f *retryStorm) Check(scenarios.System) error { return between("count", f.Count, 2, 20) }

func (f *retryStorm) Behave(p Planned, _ scenarios.System, ref history.Ref, payer *load.Payer) {
	first(&payer.RetryStorm, &load.Behaviour{Fault: p.ID, Count: f.Count, After: p.within(f.Gap, ref.Key())})
}
