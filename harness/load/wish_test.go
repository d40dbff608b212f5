package load

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/paystorm/paystorm/scenarios"
)

// inParts lets the journey "refund" ask for a part, twice, and say which wish it is.
func inParts(p *scenarios.Plan) {
	steps := slices.Clone(p.System.Journeys["refund"])
	last := steps[len(steps)-1]
	last.JSON = map[string]any{"minor": "{{ refund_minor | number }}", "key": "{{ wish }}"}
	part := last
	part.Amount = 0.4
	part.Retry = &scenarios.Retry{On: []string{"busy"}, Times: 1}
	p.System.Journeys["refund"] = append(steps[:len(steps)-1], part, last)
}

// A refund says how much it asks for, and the judge is told. Asked for again, it is the same wish; the next step's is another.
func TestRefundsAreWishes(t *testing.T) {
	m := newMarket(t)
	busy := false
	m.routes["POST /orders/{id}/refunds"] = func(w http.ResponseWriter, r *http.Request) {
		if !busy {
			busy = true
			answering(http.StatusConflict, `{"code": "busy"}`)(w, r)
			return
		}
		m.set("PAID", http.StatusAccepted)(w, r)
	}
	if err := m.runner("refund", Payer{}, inParts).Buy(t.Context(), 7, 0); err != nil {
		t.Fatal(err)
	}
	asked := m.hitsOf("POST /orders/O1/refunds")
	want := []string{
		`POST /orders/O1/refunds {"key":"ps-r1-b7-o1-r1","minor":199960}`,
		`POST /orders/O1/refunds {"key":"ps-r1-b7-o1-r1","minor":199960}`,
		`POST /orders/O1/refunds {"key":"ps-r1-b7-o1-r2","minor":499900}`,
	}
	if !slices.Equal(asked, want) {
		t.Errorf("asked\n%s", strings.Join(asked, "\n"))
	}
	checkWishes(t, m, [][2]int64{{1, 199960}, {1, 199960}, {2, 0}})
}

// Parallel refunds are one wish that is asked for several times, unless each is one of its own.
func TestParallelRefundsAreOneWishOrSeveral(t *testing.T) {
	part := scenarios.Part(0.6)
	for name, c := range map[string]struct {
		payer Behaviour
		want  [][2]int64
	}{
		"the step's":           {Behaviour{Fault: "f1", Count: 3}, [][2]int64{{1, 199960}, {1, 199960}, {1, 199960}, {2, 0}, {2, 0}, {2, 0}}},
		"of another size":      {Behaviour{Fault: "f1", Count: 2, Amount: &part}, [][2]int64{{1, 299940}, {1, 299940}, {2, 299940}, {2, 299940}}},
		"each one of its own":  {Behaviour{Fault: "f1", Count: 2, Amount: &part, Distinct: true}, [][2]int64{{1, 299940}, {2, 299940}, {3, 299940}, {4, 299940}}},
		"all, each of its own": {Behaviour{Fault: "f1", Count: 2, Amount: new(scenarios.Part), Distinct: true}, [][2]int64{{1, 0}, {2, 0}, {3, 0}, {4, 0}}},
	} {
		t.Run(name, func(t *testing.T) {
			m := newMarket(t)
			if err := m.runner("refund", Payer{ParallelRefunds: &c.payer}, inParts).Buy(t.Context(), 7, 0); err != nil {
				t.Fatal(err)
			}
			checkWishes(t, m, c.want)
		})
	}
}

// A retry storm asks for one wish.
func TestARetryStormIsOneWish(t *testing.T) {
	m := newMarket(t)
	storm := Payer{RetryStorm: &Behaviour{Fault: "f1", Count: 2}}
	if err := m.runner("refund", storm, inParts).Buy(t.Context(), 7, 0); err != nil {
		t.Fatal(err)
	}
	checkWishes(t, m, [][2]int64{{1, 199960}, {1, 199960}, {2, 0}, {2, 0}})
}

// checkWishes compares the wishes of all refunds, and that nothing else has one.
func checkWishes(t *testing.T, m *market, want [][2]int64) {
	t.Helper()
	var got [][2]int64
	for _, op := range m.notes.ops {
		switch {
		case op.Kind == "refund":
			got = append(got, [2]int64{int64(op.Wish), op.Minor})
			if currency := op.Currency; (op.Minor > 0) != (currency == "CNY") {
				t.Errorf("%d of %q", op.Minor, currency)
			}
		case op.Wish != 0:
			t.Errorf("a wish of %s", op.Kind)
		}
	}
	slices.SortFunc(got, func(a, b [2]int64) int { return int(a[0] - b[0]) })
	if !slices.Equal(got, want) {
		t.Errorf("wishes %v, want %v", got, want)
	}
}
