package invariants

import (
	"slices"
	"strings"
	"testing"

	"github.com/paystorm/paystorm/history"
)

// loses says that the fault struck the order's message, so often.
func loses(o *orderBuilder, count int64, message string) {
	o.struck("lose")
	last := &o.b.hist.Events[len(o.b.hist.Events)-1]
	last.State, last.Key, last.Count = "pending", message, count
}

// met is an order through which a fault passes at each of its turns.
func met(b *builder, order string, buyer int) {
	o := b.order(order, buyer, "phone").payment("p-" + order)
	loses(o, 1, "query")
	o.captured()
	loses(o, 1, history.PaymentSucceeded)
	loses(o, 1, history.PaymentSucceeded)
	o.refund("r-" + order)
	loses(o, 1, "refund")
	o.refundDone("r-" + order)
	loses(o, 1, history.RefundSucceeded)
	o.row(history.OrderRefunded).refundRow("r-"+order, history.RefundDone)
}

func TestCoverageCountsByFaultOrderAndMessage(t *testing.T) {
	b := newHistory(t)
	b.fault(history.FaultFacts{ID: "lose", Unit: "notification", Floor: 3})
	met(b, "o1", 1)
	closed := b.order("o2", 2, "phone").payment("p2").closed()
	loses(closed, 4, history.PaymentClosed)
	closed.row(history.OrderClosed)
	told := b.order("o3", 3, "phone").payment("p3").op(history.OpCancel, history.OK, history.OrderClosed, "")
	loses(told, 1, "cancel-race")
	told.row(history.OrderClosed)
	b.event(history.Event{Source: history.SourceFault, Kind: history.FaultAffected, Fault: "lose", State: "paid", Key: "shop->channel"})
	verdict := Judge(b.at(30_000).history())
	want := []CoverageCell{
		{Fault: "lose", State: "closed", Hits: 1},
		{Fault: "lose", State: "closed", Message: "payment.closed", Hits: 4},
		{Fault: "lose", State: "ordered", Message: "query", Hits: 1},
		{Fault: "lose", State: "paid", Message: "payment.succeeded", Hits: 2},
		{Fault: "lose", State: "refunded", Message: "refund.succeeded", Hits: 1},
		{Fault: "lose", State: "refunding", Message: "refund", Hits: 1},
	}
	if !slices.Equal(verdict.Coverage, want) {
		t.Errorf("want %+v\ngot %+v", want, verdict.Coverage)
	}
	if verdict.Faults[0].Affected != 11 || !verdict.Faults[0].Healed {
		t.Errorf("want 11 affected and nothing left to heal, got %+v", verdict.Faults[0])
	}
}

// A cell that the scenario demands and that nothing, or too little, met leaves the run inconclusive, and is named.
func TestDemandedCells(t *testing.T) {
	for name, c := range map[string]struct {
		cell history.Cell
		want string
	}{
		"met":         {history.Cell{Fault: "lose", State: history.MetPaid, Message: "payment.succeeded", Hits: 2}, ""},
		"too seldom":  {history.Cell{Fault: "lose", State: history.MetPaid, Message: "payment.succeeded", Hits: 3}, "lose met orders that were paid at payment.succeeded 2 times, floor 3"},
		"another one": {history.Cell{Fault: "lose", State: history.MetRefunded, Message: "payment.succeeded", Hits: 1}, "lose met orders that were refunded at payment.succeeded 0 times, floor 1"},
	} {
		t.Run(name, func(t *testing.T) {
			b := newHistory(t)
			b.fault(history.FaultFacts{ID: "lose", Unit: "notification"})
			met(b, "o1", 1)
			h := b.at(30_000).history()
			h.Header.Floors.Cells = []history.Cell{c.cell}
			verdict := Judge(h)
			named := slices.ContainsFunc(verdict.Reasons.Texts(), func(reason string) bool { return strings.Contains(reason, "lose met") })
			if c.want == "" && named || c.want != "" && !slices.Contains(verdict.Reasons.Texts(), c.want) {
				t.Errorf("reasons %q, want %q", verdict.Reasons, c.want)
			}
			if c.want != "" && verdict.Verdict == Pass {
				t.Error("the run passes")
			}
		})
	}
}
