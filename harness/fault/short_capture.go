package fault

import (
	"errors"
	"math"

	"github.com/paystorm/paystorm/history"
	"github.com/paystorm/paystorm/mockchannel"
	"github.com/paystorm/paystorm/scenarios"
)

// shortCapture captures less than the order costs. The ledger has it so, and every message says so truly.
type shortCapture struct {
	Minor int64           `yaml:"minor" json:"minor"` // captured minor units; 0: a part
	Part  scenarios.Share `yaml:"part" json:"part"`   // of the amount, where minor is 0
}

func shortCaptureKind() scenarios.Kind {
	return scenarios.Kind{
		Name:      "short-capture",
		Doc:       "The ledger really captures less than the order costs: `minor` units, or a `part` of the amount.",
		Contract:  string(history.Seen),
		Unit:      unitPayment,
		Exercises: []string{"I2"},
		New:       func() any { return &shortCapture{Part: 0.5} },
	}
}

func (f *shortCapture) Check(scenarios.System) error {
	if f.Minor < 0 {
		return errors.New("minor: want a positive number of minor units")
	}
	if f.Minor == 0 && (f.Part <= 0 || f.Part >= 1) {
		return errors.New("part: want more than 0% and less than 100%")
	}
	return nil
}

// Change leaves a payment alone of which no shorter capture can be made.
func (f *shortCapture) Change(p Planned, change mockchannel.Change) mockchannel.ChangeFault {
	minor := f.Minor
	if minor == 0 {
		minor = max(1, int64(math.Floor(float64(change.Minor)*float64(f.Part))))
	}
	if change.Kind != mockchannel.ChangeCapture || minor >= change.Minor {
		return mockchannel.ChangeFault{}
	}
	return mockchannel.ChangeFault{Capture: &mockchannel.Capture{Fault: p.ID, Minor: minor}}
}
