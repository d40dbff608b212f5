package load

import (
	"github.com/paystorm/paystorm/scenarios"
)

// ramp goes from start (default 0) to peak in a straight line; a start above the peak goes down.
func ramp() scenarios.Profile {
	return scenarios.Profile{
		Name: "ramp",
		Doc:  "The arrival rate goes from `start` to `peak` in a straight line.",
		Steps: func(load scenarios.Load) ([]scenarios.LoadStep, error) {
			peak, length, err := bounds(load)
			if err != nil {
				return nil, err
			}
			var s shape
			s.slope(length, linear(float64(load.Start), peak))
			return s.steps, nil
		},
	}
}
