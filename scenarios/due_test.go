package scenarios_test

import (
	"testing"
	"time"

	"github.com/paystorm/paystorm/scenarios"
)

func TestDue(t *testing.T) {
	t.Parallel()
	plan := scenarios.Plan{Steps: []scenarios.LoadStep{
		{For: time.Second, PerSecond: 4, Iterations: 4, FirstBuyer: 1},
		{At: time.Second, For: time.Second, FirstBuyer: 5},
		{At: 3 * time.Second, For: 500 * time.Millisecond, PerSecond: 2, Iterations: 1, FirstBuyer: 5},
	}}
	for buyer, want := range map[int]time.Duration{-1: 0, 0: 0, 1: 250, 2: 500, 4: 1000, 5: 3500, 6: 0} {
		if got := plan.Due(buyer); got != want*time.Millisecond {
			t.Errorf("buyer %d is due at %s, want %s", buyer, got, want*time.Millisecond)
		}
	}
}
