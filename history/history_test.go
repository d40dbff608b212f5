package history

import (
	"reflect"
	"testing"
)

func TestCompleteAndHorizon(t *testing.T) {
	for name, test := range map[string]struct {
		writers  []string
		segments []Segment
		complete bool
		horizon  Time
	}{
		"all ended":            {[]string{"a", "b"}, []Segment{{Writer: "a", Ended: true, Last: 5}, {Writer: "b", Ended: true, Last: 9}}, true, 9},
		"one cut off":          {[]string{"a", "b"}, []Segment{{Writer: "a", Last: 5}, {Writer: "b", Ended: true, Last: 9}}, false, 5},
		"both cut off":         {[]string{"a", "b"}, []Segment{{Writer: "a", Last: 7}, {Writer: "b", Last: 6}}, false, 6},
		"cut off at once":      {[]string{"a", "b"}, []Segment{{Writer: "a"}, {Writer: "b", Last: 6}}, false, 0},
		"ended but damaged":    {[]string{"a"}, []Segment{{Writer: "a", Ended: true, Last: 4, Damage: "bit"}}, false, 4},
		"one never began":      {[]string{"a", "b"}, []Segment{{Writer: "a", Ended: true, Last: 5}}, false, 0},
		"nobody owes anything": {nil, nil, true, 0},
		"one more than owed":   {[]string{"a"}, []Segment{{Writer: "a", Ended: true, Last: 5}, {Writer: "x", Ended: true, Last: 8}}, true, 8},
	} {
		t.Run(name, func(t *testing.T) {
			h := &History{Header: Header{Writers: test.writers}, Segments: test.segments}
			if h.Complete() != test.complete || h.Horizon() != test.horizon {
				t.Fatalf("complete %v, horizon %d; want %v, %d", h.Complete(), h.Horizon(), test.complete, test.horizon)
			}
		})
	}
}

func TestPhaseAt(t *testing.T) {
	h := &History{Events: []Event{
		{At: 1, Source: SourcePhase, Kind: PhaseBegin, State: PhaseStorm},
		{At: 4, Source: SourcePhase, Kind: PhaseEnd, State: PhaseStorm},
		{At: 5, Source: SourcePhase, Kind: PhaseBegin, State: PhaseHeal},
	}}
	for phase, want := range map[string]struct {
		begin, end Time
		ok         bool
	}{PhaseStorm: {1, 4, true}, PhaseHeal: {5, 0, true}, PhaseSettle: {}} {
		begin, end, ok := h.PhaseAt(phase)
		if begin != want.begin || end != want.end || ok != want.ok {
			t.Errorf("%s: %d to %d, %v", phase, begin, end, ok)
		}
	}
}

// A row more in any table makes other books.
func TestBooksEqual(t *testing.T) {
	same, other := Books{Orders: []OrderRow{{Order: "O1"}}}, Books{Orders: []OrderRow{{Order: "O1"}}}
	if !same.Equal(other) {
		t.Error("equal books are not")
	}
	for i := range reflect.TypeFor[Books]().NumField() {
		changed := same
		table := reflect.ValueOf(&changed).Elem().Field(i)
		table.Set(reflect.Append(table, reflect.Zero(table.Type().Elem())))
		if changed.Equal(other) || other.Equal(changed) {
			t.Errorf("a row more of %s is not noticed", reflect.TypeFor[Books]().Field(i).Name)
		}
	}
	if (Books{Orders: []OrderRow{{Order: "O2"}}}).Equal(other) {
		t.Error("another order is not noticed")
	}
}

func TestRefRoundTrip(t *testing.T) {
	for _, ref := range []Ref{{"k3x9", 1, 1}, {"a", 12345, 7}} {
		if got, err := ParseRef(ref.String()); err != nil || got != ref {
			t.Errorf("%v: got %v, %v", ref, got, err)
		}
	}
	if got := (Ref{Run: "k3x9", Buyer: 17, Nth: 2}); got.String() != "ps-k3x9-b17-o2" || got.Key() != "b17-o2" {
		t.Errorf("got %s, %s", got, got.Key())
	}
	for _, text := range []string{"", "ps", "ps-a-b1", "ps-a-b1-o1-x", "xx-a-b1-o1", "ps-a-b0-o1", "ps-a-b1-o0", "ps-a-1-o1", "ps-a-bx-o1"} {
		if ref, err := ParseRef(text); err == nil {
			t.Errorf("%q was read as %v", text, ref)
		}
	}
}
