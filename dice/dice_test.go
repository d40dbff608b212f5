package dice

import (
	"math"
	"strconv"
	"testing"
	"time"
)

func TestSameSeedAndKeySameNumber(t *testing.T) {
	// A known answer: whoever changes the hash changes every scenario's luck, and must mean to.
	const want uint64 = 5466173018295491674
	if got := New(7).Uint64("lose-callbacks", "b17-o1"); got != want {
		t.Errorf("seed 7 gives %d, want %d", got, want)
	}
	if got := New(8).Uint64("lose-callbacks", "b17-o1"); got == want {
		t.Error("seeds 7 and 8 give the same number")
	}
	if New(1).Uint64("ab", "c") == New(1).Uint64("a", "bc") {
		t.Error("parts of a key run together")
	}
}

func TestHitKeepsItsShare(t *testing.T) {
	const draws = 20_000
	for _, share := range []float64{0, 0.01, 0.3, 1} {
		hits := 0
		for n := range draws {
			if New(1).Hit(share, strconv.Itoa(n)) {
				hits++
			}
		}
		deviation := math.Sqrt(share * (1 - share) * draws)
		if math.Abs(float64(hits)-share*draws) > 4*deviation {
			t.Errorf("share %g: %d of %d", share, hits, draws)
		}
	}
}

func TestBetween(t *testing.T) {
	low, high := time.Second, 3*time.Second
	least, most := high, low
	for n := range 1000 {
		got := New(1).Between(low, high, strconv.Itoa(n))
		least, most = min(least, got), max(most, got)
	}
	if least < low || most > high || least > low+100*time.Millisecond || most < high-100*time.Millisecond {
		t.Errorf("1000 draws between %s and %s lie between %s and %s", low, high, least, most)
	}
	if got := New(1).Between(high, low, "x"); got != high {
		t.Errorf("an empty span gives %s, want its begin", got)
	}
}

func TestPick(t *testing.T) {
	counts := map[int]int{}
	for n := range 10_000 {
		counts[New(1).Pick([]float64{3, 0, 1}, strconv.Itoa(n))]++
	}
	if counts[1] > 0 || counts[0] < 7200 || counts[0] > 7800 || counts[0]+counts[2] != 10_000 {
		t.Errorf("weights 3, 0, 1 of 10000 gave %v", counts)
	}
	if got := New(1).Pick(nil, "x"); got != -1 {
		t.Errorf("no weights gave %d, want -1", got)
	}
}
