package load

import (
	"fmt"
	"net/http"
	"reflect"
	"slices"
	"testing"

	"github.com/paystorm/paystorm/history"
	"github.com/paystorm/paystorm/scenarios"
)

// orderedTogether makes the shop answer orders only when so many are there.
func (m *market) orderedTogether(count int) {
	all := make(chan struct{})
	came := make(chan struct{}, count)
	m.routes["POST /orders"] = func(w http.ResponseWriter, r *http.Request) {
		came <- struct{}{}
		if len(came) == count {
			close(all)
		}
		select {
		case <-all:
			m.order(w, r)
		case <-r.Context().Done():
		}
	}
}

// A buyer in three tabs has three orders in flight, each under its own reference, and pays each. It is one journey.
func TestParallelOrders(t *testing.T) {
	m := newMarket(t)
	m.orderedTogether(3)
	payer := Payer{ParallelOrders: &Behaviour{Fault: "f1", Count: 3}}
	if err := m.runner("buy", payer).Buy(t.Context(), 7, 42); err != nil {
		t.Fatal(err)
	}
	if why := m.notes.ended(t); why != endCompleted {
		t.Errorf("ended %q", why)
	}
	kinds := map[string][]string{}
	paid := map[string]bool{}
	for _, op := range m.notes.ops {
		if op.Outcome != history.OK {
			t.Errorf("op %+v", op)
		}
		if first := op.Ref == "ps-r1-b7-o1"; first == (op.Fault != "") || (op.Intended != 0) != (first && op.Kind == history.OpOrder) {
			t.Errorf("op %+v: want the first tab to be the buyer's own, and its order the one that was wanted", op)
		}
		kinds[op.Ref] = append(kinds[op.Ref], op.Kind)
		if op.Kind == history.OpPay {
			paid[op.Payment] = true
		}
	}
	want := map[string][]string{}
	for nth := range 3 {
		want[fmt.Sprintf("ps-r1-b7-o%d", nth+1)] = []string{history.OpOrder, history.OpPay, history.OpPoll, history.OpLook}
	}
	if !reflect.DeepEqual(kinds, want) || len(paid) != 3 {
		t.Errorf("acted %v and paid %v, want %v", kinds, paid, want)
	}
	affected := m.notes.kind(history.FaultAffected)
	if len(affected) != 1 || affected[0].Fault != "f1" || affected[0].Key != didParallelOrders || affected[0].Buyer != 7 {
		t.Errorf("affected %+v", affected)
	}
}

// Tabs whose buyers order more than once never share a reference.
func TestTabsOrderUnderReferencesOfTheirOwn(t *testing.T) {
	m := newMarket(t)
	r := m.runner("twice", Payer{ParallelOrders: &Behaviour{Fault: "f1", Count: 2}}, func(p *scenarios.Plan) {
		buy := p.System.Journeys["buy"]
		p.System.Journeys["twice"] = slices.Concat(buy, buy)
	})
	if err := r.Buy(t.Context(), 7, 0); err != nil {
		t.Fatal(err)
	}
	var refs []string
	for _, op := range m.notes.ops {
		if op.Kind == history.OpOrder {
			refs = append(refs, op.Ref)
		}
	}
	slices.Sort(refs)
	if want := []string{"ps-r1-b7-o1", "ps-r1-b7-o2", "ps-r1-b7-o3", "ps-r1-b7-o4"}; !slices.Equal(refs, want) {
		t.Errorf("ordered under %v, want %v", refs, want)
	}
}

// Where no second order was sent, nothing was in parallel.
func TestParallelOrdersThatCameToNothing(t *testing.T) {
	m := newMarket(t)
	r := m.runner("look", Payer{ParallelOrders: &Behaviour{Fault: "f1", Count: 2}}, func(p *scenarios.Plan) {
		p.System.Journeys["look"] = []scenarios.Step{{Name: "front", Get: "/", OK: scenarios.Match{Status: []int{404}}}}
	})
	if err := r.Buy(t.Context(), 7, 0); err != nil {
		t.Fatal(err)
	}
	if affected := m.notes.kind(history.FaultAffected); len(affected) > 0 || len(m.notes.told()) != 2 {
		t.Errorf("affected %+v by %v", affected, m.notes.told())
	}
}
