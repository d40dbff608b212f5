package fault

import (
	"github.com/paystorm/paystorm/history"
	"github.com/paystorm/paystorm/mockchannel"
	"github.com/paystorm/paystorm/scenarios"
)

// What an early callback is about.
const (
	earlyRefund  = "refund"
	earlyPayment = "payment"
)

// earlyCallbacks delivers a notification before the request that causes it is answered.
type earlyCallbacks struct {
	Message string `yaml:"message" json:"message" jsonschema:"enum=refund,enum=payment"` // refund, or payment: captured at once, as password-free wallets do
}

func earlyCallbacksKind() scenarios.Kind {
	return scenarios.Kind{
		Name:      "early-callbacks",
		Doc:       "The notification of a refund, or of a payment made at once, arrives before the API's own answer.",
		Contract:  string(history.Documented),
		Unit:      unitRequest,
		Exercises: []string{"I13"},
		New:       func() any { return &earlyCallbacks{Message: earlyRefund} },
	}
}

func (f *earlyCallbacks) Check(scenarios.System) error {
	return oneOf("message", f.Message, earlyRefund, earlyPayment)
}

// Exercises adds what only refunds exercise.
func (f *earlyCallbacks) Exercises() []string {
	if f.Message == earlyRefund {
		return []string{"I3"}
	}
	return nil
}

func (f *earlyCallbacks) Request(p Planned, request mockchannel.Request) mockchannel.RequestFault {
	if f.Message != earlyRefund || request.Operation != mockchannel.OpRefund {
		return mockchannel.RequestFault{}
	}
	return mockchannel.RequestFault{NotifyFirst: &mockchannel.NotifyFirst{Fault: p.ID}}
}

func (f *earlyCallbacks) Change(p Planned, change mockchannel.Change) mockchannel.ChangeFault {
	if f.Message != earlyPayment || change.Kind != mockchannel.ChangeCreated {
		return mockchannel.ChangeFault{}
	}
	return mockchannel.ChangeFault{AutoPay: &mockchannel.AutoPay{Fault: p.ID}}
}
