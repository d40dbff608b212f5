package invariants

import (
	"reflect"
	"testing"
	"time"

	"github.com/paystorm/paystorm/history"
)

func TestWhoWasBusy(t *testing.T) {
	b := newHistory(t)
	b.hist.Header.Cores = 4
	used := func(whose string, spent time.Duration) {
		b.event(history.Event{Source: history.SourcePhase, Kind: history.CPUTime, Key: whose, Count: spent.Microseconds()})
	}
	used("harness", 3*time.Second)
	used("shop-1", 10*time.Second)
	used("shop-2", 10*time.Second)
	used("gone in the storm", time.Second)
	used("", 100*time.Second)
	b.now += history.Time(10*time.Second) - 5*tick // so that each has ten seconds between its figures
	used("harness", 5*time.Second)
	used("shop-1", 25*time.Second)
	used("shop-2", 2*time.Second) // it was started again
	used("", 125*time.Second)
	got := cpuResult(b.run())
	want := CPUResult{Cores: 4, Used: []CPUUsed{
		{By: "shop-1", MS: 15_000, Cores: 1.5}, {By: "all else on the machine", MS: 6000, Cores: 0.6}, {By: "harness", MS: 2000, Cores: 0.2}, {By: "shop-2", MS: 2000, Cores: 0.2},
	}}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

// The figures are not of one moment, so that the parts may come to more than the machine.
func TestNothingElseWasBusy(t *testing.T) {
	b := newHistory(t)
	for _, spent := range []int64{0, 1_000_000} {
		b.event(history.Event{Source: history.SourcePhase, Kind: history.CPUTime, Key: "", Count: spent})
		b.event(history.Event{Source: history.SourcePhase, Kind: history.CPUTime, Key: "harness", Count: spent + spent/10})
	}
	if got := cpuResult(b.run()); len(got.Used) != 1 || got.Used[0].By != "harness" {
		t.Errorf("got %+v", got)
	}
}

func TestNobodyTookTheTime(t *testing.T) {
	if got := cpuResult(newHistory(t).run()); len(got.Used) != 0 || got.Used == nil || got.Cores != 0 {
		t.Errorf("got %+v", got)
	}
}
