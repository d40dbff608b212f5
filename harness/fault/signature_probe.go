package fault

import (
	"errors"

	"github.com/paystorm/paystorm/history"
	"github.com/paystorm/paystorm/mockchannel"
	"github.com/paystorm/paystorm/scenarios"
)

// signatureProbe sends a notification first with a signature that is wrong on purpose, as WeChat Pay now and then does to
// see whether the merchant looks (pay.weixin.qq.com, "signature verification"). The right one follows.
type signatureProbe struct{}

func signatureProbeKind() scenarios.Kind {
	return scenarios.Kind{
		Name:      "signature-probe",
		Doc:       "The provider signs a notification wrongly on purpose, and sends the right one after the shop's answer.",
		Contract:  string(history.Documented),
		Unit:      unitMessage,
		Exercises: []string{"I8"},
		New:       func() any { return &signatureProbe{} },
	}
}

func (*signatureProbe) Needs(traits mockchannel.Traits) error {
	if !traits.SignatureProbes {
		return errors.New("there are no signature probes")
	}
	return nil
}

func (*signatureProbe) Notice(p Planned, _ mockchannel.Notice) mockchannel.NoticeFault {
	return mockchannel.NoticeFault{Probe: &mockchannel.Probe{Fault: p.ID}}
}
