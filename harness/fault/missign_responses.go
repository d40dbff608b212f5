package fault

import (
	"errors"

	"github.com/paystorm/paystorm/history"
	"github.com/paystorm/paystorm/mockchannel"
	"github.com/paystorm/paystorm/scenarios"
)

// missignResponses answers a request that was processed under a wrong signature: to a shop that looks, that is no answer.
type missignResponses struct {
	Operations []mockchannel.Operation `yaml:"operations,one-or-list" json:"operations"`
	Probe      bool                    `yaml:"probe" json:"probe"`                 // as the provider's own probe, where it has such
	Attempts   *Times                  `yaml:"attempts" json:"attempts,omitempty"` // of an order, per operation; default: each is decided anew
}

func missignResponsesKind() scenarios.Kind {
	return scenarios.Kind{
		Name:      "missign-responses",
		Doc:       "A request is processed, and its answer carries a wrong signature.",
		Contract:  string(history.Documented),
		Unit:      unitRequest,
		Exercises: []string{"I13"},
		New: func() any {
			return &missignResponses{Operations: []mockchannel.Operation{
				mockchannel.OpCreate, mockchannel.OpClose, mockchannel.OpRefund,
			}}
		},
	}
}

func (f *missignResponses) Check(scenarios.System) error {
	return someOf("operations", f.Operations, operations()...)
}

func (f *missignResponses) Needs(traits mockchannel.Traits) error {
	switch {
	case !traits.SignsAnswers:
		return errors.New("answers are not signed")
	case f.Probe && !traits.SignatureProbes:
		return errors.New("probe: there are no signature probes")
	}
	return nil
}

func (f *missignResponses) persists() *Times { return f.Attempts }

func (f *missignResponses) Request(p Planned, request mockchannel.Request) mockchannel.RequestFault {
	if !concerns(f.Operations, request) {
		return mockchannel.RequestFault{}
	}
	return mockchannel.RequestFault{Missign: &mockchannel.Missign{Fault: p.ID, Probe: f.Probe}}
}
