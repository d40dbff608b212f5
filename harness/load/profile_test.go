package load

import (
	"math"
	"strings"
	"testing"
	"time"

	"github.com/paystorm/paystorm/scenarios"
)

func profile(t *testing.T, name string) scenarios.Profile {
	t.Helper()
	for _, p := range Profiles() {
		if p.Name == name {
			return p
		}
	}
	t.Fatalf("no profile %s", name)
	return scenarios.Profile{}
}

func seconds(s float64) scenarios.Duration { return scenarios.Duration(s * float64(time.Second)) }

func TestProfiles(t *testing.T) {
	cases := []struct {
		name        string
		load        scenarios.Load
		steps       int
		offered     int // the area under the shape
		first, last float64
		tolerance   float64
	}{
		{"steady", scenarios.Load{Peak: 400, For: seconds(3)}, 1, 1200, 400, 400, 0},
		{"steady", scenarios.Load{Peak: 0.5, For: seconds(10)}, 1, 5, 0.5, 0.5, 0},
		{"ramp", scenarios.Load{Peak: 100, For: seconds(4)}, 40, 200, 0, 100, 10},
		{"ramp", scenarios.Load{Start: 50, Peak: 150, For: seconds(60)}, 40, 6000, 50, 150, 2},
		{"ramp", scenarios.Load{Start: 100, Peak: 1, For: seconds(2)}, 20, 101, 100, 1, 10},
		{"flash-sale", scenarios.Load{Peak: 150, For: seconds(6)}, 6 + 1 + 24, 45 + 450 + 114, 15, 7, 10},
		{"flash-sale", scenarios.Load{Start: 150, Peak: 150, For: seconds(6)}, 6 + 1 + 24, 90 + 450 + 114, 150, 7, 10},
		{"flash-sale", scenarios.Load{Peak: 1000, For: seconds(600)}, 40 + 1 + 40, 30000 + 300000 + 76110, 12, 52, 2},
		{"flash-sale", scenarios.Load{Peak: 4, For: seconds(0.5)}, 1 + 1 + 2, 2, 0, 0, 8},
	}
	for _, c := range cases {
		steps, err := profile(t, c.name).Steps(c.load)
		if err != nil {
			t.Errorf("%s %+v: %v", c.name, c.load, err)
			continue
		}
		end, offered := time.Duration(0), 0
		for n, step := range steps {
			if step.At != end || step.For < 50*time.Millisecond {
				t.Errorf("%s %+v: step %d at %s for %s, want at %s", c.name, c.load, n, step.At, step.For, end)
			}
			if whole := step.PerSecond * step.For.Seconds(); math.Abs(whole-float64(step.Iterations)) > 1e-6 {
				t.Errorf("%s %+v: step %d offers %g buyers, and says %d", c.name, c.load, n, whole, step.Iterations)
			}
			if step.PerSecond > max(float64(c.load.Peak), float64(c.load.Start))+1/step.For.Seconds() {
				t.Errorf("%s %+v: step %d is above the peak: %g", c.name, c.load, n, step.PerSecond)
			}
			end, offered = end+step.For, offered+step.Iterations
		}
		if len(steps) != c.steps || end != time.Duration(c.load.For) {
			t.Errorf("%s %+v: %d steps until %s, want %d", c.name, c.load, len(steps), end, c.steps)
		}
		if math.Abs(float64(offered-c.offered)) > math.Max(2, float64(c.offered)*0.002) {
			t.Errorf("%s %+v: offers %d, want %d", c.name, c.load, offered, c.offered)
		}
		first, last := steps[0].PerSecond, steps[len(steps)-1].PerSecond
		if math.Abs(first-c.first) > c.tolerance || math.Abs(last-c.last) > c.tolerance {
			t.Errorf("%s %+v: from %g to %g, want from %g to %g", c.name, c.load, first, last, c.first, c.last)
		}
	}
}

func TestProfilesRefuse(t *testing.T) {
	cases := []struct {
		profile string
		load    scenarios.Load
		field   string
	}{
		{"steady", scenarios.Load{For: seconds(1)}, "peak:"},
		{"ramp", scenarios.Load{Peak: 1}, "for:"},
		{"flash-sale", scenarios.Load{Peak: 1, For: seconds(0.05)}, "for:"},
		{"steady", scenarios.Load{Start: 1, Peak: 2, For: seconds(1)}, "start:"},
	}
	for _, c := range cases {
		if _, err := profile(t, c.profile).Steps(c.load); err == nil || !strings.HasPrefix(err.Error(), c.field) {
			t.Errorf("%s %+v: got %v, want an error about %s", c.profile, c.load, err, c.field)
		}
	}
}
