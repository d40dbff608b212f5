package load

import (
	"errors"

	"github.com/paystorm/paystorm/scenarios"
)

// steady is one rate all the time.
func steady() scenarios.Profile {
	return scenarios.Profile{
		Name: "steady",
		Doc:  "Buyers arrive at `peak` all the time.",
		Steps: func(load scenarios.Load) ([]scenarios.LoadStep, error) {
			peak, length, err := bounds(load)
			if err != nil {
				return nil, err
			}
			if load.Start > 0 {
				return nil, errors.New("start: means nothing in a steady load: want peak alone, or the profile ramp")
			}
			var s shape
			s.add(length, 1, flat(peak))
			return s.steps, nil
		},
	}
}
