package fault

import (
	"net/http"

	"github.com/paystorm/paystorm/history"
	"github.com/paystorm/paystorm/mockchannel"
	"github.com/paystorm/paystorm/scenarios"
)

// rejectRequests refuses a merchant's request before anything is processed.
type rejectRequests struct {
	Operations []mockchannel.Operation `yaml:"operations,one-or-list" json:"operations"`
	Status     int                     `yaml:"status" json:"status"`
	Code       string                  `yaml:"code" json:"code"`                   // neutral; each dialect has its own word for it
	Attempts   *Times                  `yaml:"attempts" json:"attempts,omitempty"` // of an order, per operation; default: each is decided anew
}

func rejectRequestsKind() scenarios.Kind {
	return scenarios.Kind{
		Name:      "reject-requests",
		Doc:       "The channel refuses a request before it processes anything, as when it is overloaded.",
		Contract:  string(history.Documented),
		Unit:      unitRequest,
		Exercises: []string{"I13"},
		New: func() any {
			return &rejectRequests{Operations: operations(), Status: http.StatusServiceUnavailable, Code: "unavailable"}
		},
	}
}

func (f *rejectRequests) Check(scenarios.System) error {
	if err := someOf("operations", f.Operations, operations()...); err != nil {
		return err
	}
	return between("status", f.Status, 400, 599)
}

func (f *rejectRequests) persists() *Times { return f.Attempts }

func (f *rejectRequests) Request(p Planned, request mockchannel.Request) mockchannel.RequestFault {
	if !concerns(f.Operations, request) {
		return mockchannel.RequestFault{}
	}
	return mockchannel.RequestFault{Reject: &mockchannel.Reject{Fault: p.ID, Status: f.Status, Code: f.Code}}
}
