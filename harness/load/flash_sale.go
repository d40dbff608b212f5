package load

import (
	"time"

	"github.com/paystorm/paystorm/scenarios"
)

// flashSale is a door that opens: a tenth of the time the rate climbs from start (default 0) to peak, half of it the
// crowd stands there, and in the rest it thins out exponentially to a twentieth of the peak.
func flashSale() scenarios.Profile {
	const climb, crowd, last = 0.10, 0.50, 0.05
	return scenarios.Profile{
		Name: "flash-sale",
		Doc:  "A rush at the start: up to `peak` in a tenth of the time, half the time there, then thinning out.",
		Steps: func(load scenarios.Load) ([]scenarios.LoadStep, error) {
			peak, length, err := bounds(load)
			if err != nil {
				return nil, err
			}
			part := func(share float64) time.Duration { return time.Duration(share * float64(length)) }
			var s shape
			s.slope(part(climb), linear(float64(load.Start), peak))
			s.add(part(crowd), 1, flat(peak))
			s.slope(length-s.end, decay(peak, peak*last))
			return s.steps, nil
		},
	}
}
