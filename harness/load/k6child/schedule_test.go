package k6child

import (
	"math"
	"testing"
	"time"

	"github.com/paystorm/paystorm/harness/load"
	"github.com/paystorm/paystorm/scenarios"
)

func TestDue(t *testing.T) {
	s, err := newSchedule([]scenarios.LoadStep{
		{For: time.Second, Iterations: 4},
		{At: time.Second, For: time.Second},
		{At: 3 * time.Second, For: 500 * time.Millisecond, Iterations: 1},
	})
	if err != nil {
		t.Fatal(err)
	}
	want := []time.Duration{250, 500, 750, 1000, 3500}
	for n, due := range want {
		if got := s.due(int64(n) + 1); got != due*time.Millisecond {
			t.Errorf("buyer %d is due at %s, want %s", n+1, got, due*time.Millisecond)
		}
	}
	for at, by := range map[time.Duration]int64{0: 0, 249: 0, 250: 1, 999: 3, 2000: 4, 3499: 4, 3500: 5, 99999: 5} {
		if got := s.dueBy(at * time.Millisecond); got != by {
			t.Errorf("by %dms %d are due, want %d", at, got, by)
		}
	}
}

func TestSchedulesThatMakeNoSense(t *testing.T) {
	for name, steps := range map[string][]scenarios.LoadStep{
		"nobody":   {{For: time.Second}},
		"nothing":  nil,
		"no time":  {{Iterations: 1}},
		"overlaps": {{For: time.Second, Iterations: 1}, {At: time.Second / 2, For: time.Second, Iterations: 1}},
	} {
		if _, err := newSchedule(steps); err == nil {
			t.Errorf("%s: was taken", name)
		}
	}
}

// The area under k6's stages must not come near a whole number at its end, or rounding decides whether the last buyer
// comes.
func TestStagesEndHalfABuyerLate(t *testing.T) {
	for _, profile := range load.Profiles() {
		for _, shape := range []scenarios.Load{
			{Peak: 150, For: scenarios.Duration(6 * time.Second)},
			{Peak: 1.5, For: scenarios.Duration(7 * time.Second)},
			{Peak: 3333, For: scenarios.Duration(10 * time.Minute)},
		} {
			steps, err := profile.Steps(shape)
			if err != nil {
				t.Fatal(err)
			}
			s, err := newSchedule(steps)
			if err != nil {
				t.Fatal(err)
			}
			area := 0.0
			for _, stage := range s.stages() {
				length, err := time.ParseDuration(stage.Duration)
				if err != nil {
					t.Fatal(err)
				}
				area += float64(stage.Target) * float64(length) / float64(rateUnit)
			}
			if beyond := area - float64(s.total); math.Abs(beyond-0.5) > 0.1 {
				t.Errorf("%s %+v: the area is %g, for %d buyers", profile.Name, shape, area, s.total)
			}
		}
	}
}
