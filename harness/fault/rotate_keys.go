package fault

import (
	"errors"

	"github.com/paystorm/paystorm/history"
	"github.com/paystorm/paystorm/mockchannel"
	"github.com/paystorm/paystorm/scenarios"
)

// rotateKeys signs answers and notifications with the provider's next key, which merchants can learn of beforehand: WeChat
// Pay's platform certificates, of which both are listed for some time. With a share below all it is the time of change-over.
type rotateKeys struct{}

func rotateKeysKind() scenarios.Kind {
	return scenarios.Kind{
		Name:      "rotate-keys",
		Doc:       "The provider signs with the next of its keys, which it has announced.",
		Contract:  string(history.Documented),
		Unit:      unitSignature,
		Exercises: []string{"I13"},
		New:       func() any { return &rotateKeys{} },
	}
}

func (*rotateKeys) Needs(traits mockchannel.Traits) error {
	if !traits.RotatesKeys {
		return errors.New("no keys are rotated")
	}
	return nil
}

func (*rotateKeys) Request(p Planned, _ mockchannel.Request) mockchannel.RequestFault {
	return mockchannel.RequestFault{Rotate: &mockchannel.Rotate{Fault: p.ID}}
}

func (*rotateKeys) Attempt(p Planned, _ mockchannel.Notice, _ int) mockchannel.AttemptFault {
	return mockchannel.AttemptFault{Rotate: &mockchannel.Rotate{Fault: p.ID}}
}
