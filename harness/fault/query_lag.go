package fault

import (
	"errors"
	"time"

	"github.com/paystorm/paystorm/history"
	"github.com/paystorm/paystorm/mockchannel"
	"github.com/paystorm/paystorm/scenarios"
)

// queryLag answers queries with what was true a while ago.
type queryLag struct {
	Lag      scenarios.Duration `yaml:"lag" json:"lag"`
	NotFound bool               `yaml:"not-found" json:"not_found"`         // as if there were no such payment or refund
	Attempts *Times             `yaml:"attempts" json:"attempts,omitempty"` // of an order, per operation; default: each is decided anew
}

func queryLagKind() scenarios.Kind {
	return scenarios.Kind{
		Name:      "query-lag",
		Doc:       "A query of a payment or refund is answered with its state `lag` ago, or as not found.",
		Contract:  string(history.Seen),
		Unit:      unitRequest,
		Exercises: []string{"I13"},
		New:       func() any { return &queryLag{Lag: scenarios.Duration(time.Second)} },
	}
}

func (f *queryLag) Check(scenarios.System) error {
	if f.Lag <= 0 && !f.NotFound {
		return errors.New("lag: want a duration longer than 0s, or not-found: true")
	}
	return nil
}

func (f *queryLag) persists() *Times { return f.Attempts }

func (f *queryLag) Request(p Planned, request mockchannel.Request) mockchannel.RequestFault {
	if request.Operation != mockchannel.OpQuery && request.Operation != mockchannel.OpRefundQuery {
		return mockchannel.RequestFault{}
	}
	return mockchannel.RequestFault{Stale: &mockchannel.Stale{
		Fault: p.ID, Lag: time.Duration(f.Lag), NotFound: f.NotFound,
	}}
}
