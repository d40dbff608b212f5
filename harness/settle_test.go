package harness

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/paystorm/paystorm/dice"
	"github.com/paystorm/paystorm/harness/sut"
	"github.com/paystorm/paystorm/history"
	"github.com/paystorm/paystorm/mockchannel"
	"github.com/paystorm/paystorm/mockchannel/standard"
	"github.com/paystorm/paystorm/scenarios"
)

// settlingShop is a shop whose jobs and readings take their time.
type settlingShop struct {
	sut.Shop
	jobs    map[string]time.Duration
	reading time.Duration
}

func (s *settlingShop) RunJob(ctx context.Context, job scenarios.Job) error {
	return s.work(ctx, s.jobs[job.Name])
}

func (s *settlingShop) Read(ctx context.Context, label string) (history.Reading, error) {
	if err := s.work(ctx, s.reading); err != nil {
		return history.Reading{}, err
	}
	return history.Reading{Label: label, Tables: []history.Table{history.TableOrders}}, nil
}

func (s *settlingShop) work(ctx context.Context, takes time.Duration) error {
	timer := time.NewTimer(takes)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return &url.Error{Op: "Post", URL: "http://shop", Err: ctx.Err()}
	}
}

// settling lets a shop settle, and returns how long that took and what was heard of its jobs.
func settling(t *testing.T, shop *settlingShop, settle, quiet time.Duration) (took time.Duration, heard []string) {
	t.Helper()
	dir := t.TempDir()
	if err := history.Create(dir, history.Header{Writers: []string{writerHarness}}); err != nil {
		t.Fatal(err)
	}
	clock := history.StartClock()
	recorder, err := history.NewRecorder(dir, writerHarness, clock)
	if err != nil {
		t.Fatal(err)
	}
	r := &run{clock: clock, recorder: recorder, shop: shop, ledger: newLedger(), channel: mockchannel.New(mockchannel.Config{
		Clock: clock, Record: func(history.Event) uint64 { return 0 }, Dice: dice.New(1), Dialect: standard.New(),
	})}
	r.plan.Settle = settle
	r.plan.System.Timers.Query = scenarios.Duration(quiet)
	for name := range shop.jobs {
		r.plan.System.Jobs = append(r.plan.System.Jobs, scenarios.Job{Name: name})
	}
	slices.SortFunc(r.plan.System.Jobs, func(a, b scenarios.Job) int { return len(a.Name) - len(b.Name) })
	begin := clock.Now()
	if err := r.settle(t.Context()); err != nil {
		t.Fatal(err)
	}
	took = clock.Now().Sub(begin)
	if err := recorder.Close(); err != nil {
		t.Fatal(err)
	}
	recorded, err := history.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, event := range recorded.Events {
		heard = append(heard, fmt.Sprintf("%s %s %s", event.State, event.Outcome, event.Reason))
	}
	return took, slices.Compact(heard)
}

func TestSettleBoundsEverythingInIt(t *testing.T) {
	for name, test := range map[string]struct {
		shop  *settlingShop
		quiet time.Duration
		least time.Duration // of settle's 20s
		most  time.Duration
		heard []string
	}{
		"nothing to do": {&settlingShop{}, time.Second, time.Second, 2 * time.Second, nil},
		"a quick job": {
			&settlingShop{jobs: map[string]time.Duration{"a": time.Millisecond}}, 3 * time.Second, 3 * time.Second, 5 * time.Second, []string{"job a ok "},
		},
		"a job that takes long, and is waited for": {
			&settlingShop{jobs: map[string]time.Duration{"a": 9 * time.Second}}, time.Second, 18 * time.Second, 20 * time.Second, []string{"job a ok "},
		},
		"a job that hangs": {
			&settlingShop{jobs: map[string]time.Duration{"a": time.Hour}}, time.Second, 20 * time.Second, 20 * time.Second,
			[]string{"job a unknown open-at-bound"},
		},
		"a reading that hangs": {&settlingShop{reading: time.Hour}, time.Second, 20 * time.Second, 20 * time.Second, nil},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				took, heard := settling(t, test.shop, 20*time.Second, test.quiet)
				if took < test.least || took > test.most {
					t.Errorf("it took %s, want %s to %s", took, test.least, test.most)
				}
				if !slices.Equal(heard, test.heard) {
					t.Errorf("heard %q, want %q", heard, test.heard)
				}
			})
		})
	}
}

// A job has as long as the bound allows, and one that hangs keeps no other from its turn.
func TestAJobTakesAsLongAsTheBoundAllows(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		shop := &settlingShop{jobs: map[string]time.Duration{"slow": 50 * time.Second, "hangs": time.Hour, "nightly": time.Second}}
		took, heard := settling(t, shop, 2*time.Minute, time.Second)
		slices.Sort(heard)
		// The slow one is at work again when the bound cuts off both; how often the quick one had its turn is of no interest.
		want := []string{"job hangs unknown open-at-bound", "job nightly ok ", "job slow ok ", "job slow unknown open-at-bound"}
		if took != 2*time.Minute || !slices.Equal(slices.Compact(heard), want) {
			t.Errorf("after %s heard %q, want %q", took, heard, want)
		}
	})
}
