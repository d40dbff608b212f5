package invariants

import (
	"strings"
	"testing"

	"github.com/paystorm/paystorm/history"
)

// judgement is one hand-built history and what an invariant must make of it. Its story begins at one second, and the
// books are read at thirty, when every timer is long over.
type judgement struct {
	name     string
	story    func(*builder)
	violated string // the pattern; "" means held
	unjudged string // part of the reason; "" means judged
	idle     bool   // held, and not exercised
}

func judgeCases(t *testing.T, invariant Invariant, cases []judgement) {
	t.Helper()
	for _, test := range cases {
		t.Run(test.name, func(t *testing.T) {
			b := newHistory(t)
			test.story(b)
			if b.now < 30*history.Time(1e9) {
				b.at(30_000)
			}
			found := b.find(invariant)
			switch {
			case test.unjudged != "":
				if len(found.Violations) > 0 || !strings.Contains(strings.Join(found.Unjudged, "; "), test.unjudged) {
					t.Fatalf("want unjudged %q, got %+v", test.unjudged, found)
				}
			case test.violated != "":
				wantViolated(t, found, test.violated)
			case test.idle:
				if found.Exercised != 0 || len(found.Violations)+len(found.Unjudged) != 0 {
					t.Fatalf("want nothing exercised, got %+v", found)
				}
			default:
				wantHeld(t, found)
			}
		})
	}
}

// standing is a fault that still stands when the books are read.
func (b *builder) standing(id string) {
	b.fault(history.FaultFacts{ID: id, Unit: "request"})
	b.event(history.Event{Source: history.SourceFault, Kind: history.FaultBegin, Fault: id})
}

// paid is the whole of a sale without trouble.
func (b *builder) paid(order string, buyer int) *orderBuilder {
	return b.order(order, buyer, "phone").payment("p-"+order).captured().delivered(history.OK).
		told(history.OrderPaid).row(history.OrderPaid).grant("points", 49)
}
