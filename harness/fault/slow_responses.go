package fault

import (
	"slices"
	"strconv"
	"time"

	"github.com/paystorm/paystorm/history"
	"github.com/paystorm/paystorm/mockchannel"
	"github.com/paystorm/paystorm/scenarios"
)

// slowResponses answers a request late.
type slowResponses struct {
	Operations      []mockchannel.Operation `yaml:"operations,one-or-list" json:"operations"`
	By              scenarios.Span          `yaml:"by" json:"by"`
	AfterProcessing bool                    `yaml:"after-processing" json:"after_processing"` // it is done, and the answer waits
	Attempts        *Times                  `yaml:"attempts" json:"attempts,omitempty"`       // of an order, per operation; default: each is decided anew
}

func slowResponsesKind() scenarios.Kind {
	return scenarios.Kind{
		Name:      "slow-responses",
		Doc:       "The channel answers late, by a duration from `by`; with `after-processing` what was asked is done first.",
		Contract:  string(history.Documented),
		Unit:      unitRequest,
		Exercises: []string{"I13"},
		New: func() any {
			return &slowResponses{
				Operations: operations(),
				By:         scenarios.Span{Low: 200 * time.Millisecond, High: time.Second},
			}
		},
	}
}

func (f *slowResponses) Check(scenarios.System) error {
	if err := someOf("operations", f.Operations, operations()...); err != nil {
		return err
	}
	return positive("by", f.By)
}

func (f *slowResponses) persists() *Times { return f.Attempts }

func (f *slowResponses) Request(p Planned, request mockchannel.Request) mockchannel.RequestFault {
	if !concerns(f.Operations, request) {
		return mockchannel.RequestFault{}
	}
	return mockchannel.RequestFault{Slow: &mockchannel.Slow{
		Fault: p.ID,
		By:    p.within(f.By, request.Key, string(request.Operation), strconv.Itoa(request.Attempt)),
		After: f.AfterProcessing,
	}}
}

func concerns(operations []mockchannel.Operation, request mockchannel.Request) bool {
	return slices.Contains(operations, request.Operation)
}
