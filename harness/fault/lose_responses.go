package fault

import (
	"strconv"

	"github.com/paystorm/paystorm/history"
	"github.com/paystorm/paystorm/mockchannel"
	"github.com/paystorm/paystorm/scenarios"
)

// loseResponses processes a request and loses the answer, in one of the given ways.
type loseResponses struct {
	Operations []mockchannel.Operation `yaml:"operations,one-or-list" json:"operations"`
	How        []mockchannel.LoseHow   `yaml:"how,one-or-list" json:"how"`         // several are mixed evenly
	Attempts   *Times                  `yaml:"attempts" json:"attempts,omitempty"` // of an order, per operation; default: each is decided anew
}

func loseResponsesKind() scenarios.Kind {
	return scenarios.Kind{
		Name:      "lose-responses",
		Doc:       "A request is processed and its answer lost: reset, timeout, truncated or error-500.",
		Contract:  string(history.Documented),
		Unit:      unitRequest,
		Exercises: []string{"I13"},
		New: func() any {
			return &loseResponses{
				Operations: []mockchannel.Operation{mockchannel.OpCreate, mockchannel.OpRefund},
				How:        []mockchannel.LoseHow{mockchannel.LoseByReset},
			}
		},
	}
}

func (f *loseResponses) Check(scenarios.System) error {
	if err := someOf("operations", f.Operations, operations()...); err != nil {
		return err
	}
	return someOf("how", f.How,
		mockchannel.LoseByReset, mockchannel.LoseByTimeout, mockchannel.LoseByTruncate, mockchannel.LoseByError)
}

// Exercises adds what only refunds exercise, where only their answers are lost.
func (f *loseResponses) Exercises() []string {
	for _, operation := range f.Operations {
		if operation != mockchannel.OpRefund && operation != mockchannel.OpRefundQuery {
			return nil
		}
	}
	return []string{"I3"}
}

func (f *loseResponses) persists() *Times { return f.Attempts }

func (f *loseResponses) Request(p Planned, request mockchannel.Request) mockchannel.RequestFault {
	if !concerns(f.Operations, request) || len(f.How) == 0 {
		return mockchannel.RequestFault{}
	}
	at := p.dice.Uint64("how", p.ID, request.Key, string(request.Operation), strconv.Itoa(request.Attempt))
	how := f.How[at%uint64(len(f.How))]
	return mockchannel.RequestFault{Lose: &mockchannel.Lose{Fault: p.ID, How: how}}
}
