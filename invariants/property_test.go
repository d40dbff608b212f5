package invariants

import (
	"reflect"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// A correct shop is never accused, whatever the weather and whoever comes when.
func TestACorrectShopIsGreen(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		run := newRun(simulation{
			seed: rapid.Uint64().Draw(t, "seed"), buyers: rapid.IntRange(1, 60).Draw(t, "buyers"),
			stock: rapid.Int64Range(0, 40).Draw(t, "stock"), restock: rapid.Bool().Draw(t, "restock"),
			recount: rapid.Bool().Draw(t, "recount"),
		}.run())
		for _, invariant := range All() {
			if found := find(run, invariant); len(found.Violations)+len(found.Unjudged) > 0 {
				t.Errorf("%s: %+v %q", invariant.ID, found.Violations, found.Unjudged)
			}
		}
	})
}

// The simulation is worth something only if it exercises what it is there for.
func TestTheSimulationExercisesTheInvariants(t *testing.T) {
	verdict := Judge(simulated(1, 400))
	if verdict.Verdict != Pass {
		t.Fatalf("%s: %q", verdict.Verdict, verdict.Reasons)
	}
	for _, result := range verdict.Invariants {
		t.Log(result.ID, result.Summary)
		if result.Exercised == 0 && result.ID != "I11" {
			t.Errorf("%s is not exercised", result.ID)
		}
	}
}

// The same shop with one defect is red, by the invariant that is there for it, under every seed.
func TestAnIncorrectShopIsRed(t *testing.T) {
	for defect, wants := range map[string][]string{
		"D01": {"I9"}, "D09": {"I2", "I8"}, "D12": {"I5"}, "D15": {"I6", "I7"}, "D20": {"I1"}, "D21": {"I4"}, "D22": {"I4"},
		"D23": {"I4"}, "D26": {"I12"}, "D31": {"I10"}, "D32": {"I3"},
	} {
		t.Run(defect, func(t *testing.T) {
			for seed := range uint64(5) {
				verdict := Judge(simulation{seed: seed, buyers: 200, stock: 120, defect: defect}.run())
				if verdict.Verdict != Fail {
					t.Errorf("seed %d: %s", seed, verdict.Headline)
				}
				for _, result := range verdict.Invariants {
					if slices.Contains(wants, result.ID) && result.Status != Violated {
						t.Errorf("seed %d: %s is %s: %s", seed, result.ID, result.Status, result.Summary)
					}
				}
			}
		})
	}
}

// What the judge keeps of a history points into it, and no invariant may change what the others read.
func TestJudgingChangesNothing(t *testing.T) {
	for _, defect := range []string{"", "D12", "D15"} {
		shop := simulation{seed: 3, buyers: 300, stock: 200, defect: defect}
		judged := shop.run()
		Judge(judged)
		if !reflect.DeepEqual(judged, shop.run()) {
			t.Errorf("defect %q: the history is another after it was judged", defect)
		}
	}
}

// A history cut off anywhere in the storm accuses nobody either, and is never a pass.
func TestACutHistoryIsNeverAPassAndAccusesNobody(t *testing.T) {
	whole := simulated(2, 60)
	for at := time.Second; at < 12*time.Second; at += 250 * time.Millisecond {
		h := *whole
		h.Segments = append(h.Segments[:0:0], h.Segments...)
		h.Segments[0].Ended, h.Segments[0].Last = false, 0
		h.Segments[0].Last = h.Segments[0].Last.Add(at)
		if verdict := Judge(&h); verdict.Verdict != Inconclusive {
			t.Fatalf("cut at %s: %s, %q", at, verdict.Verdict, verdict.Reasons)
		}
	}
}

// Ten thousand orders of thirty records each are judged in well under a second.
func BenchmarkJudge(b *testing.B) {
	h := simulation{seed: 1, buyers: 10_000, stock: 10_000}.run()
	b.ReportAllocs()
	for b.Loop() {
		Judge(h)
	}
	b.ReportMetric(float64(len(h.Events)+len(h.Ops)), "records")
}
