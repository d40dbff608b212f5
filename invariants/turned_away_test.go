package invariants

import (
	"testing"

	"github.com/paystorm/paystorm/history"
)

// TestPaidInTimeAndRefunded: a buyer who paid in time and is given the money back has lost the goods, and no cent.
func TestPaidInTimeAndRefunded(t *testing.T) {
	level := func(b *builder) ServiceResult {
		for _, result := range Judge(b.at(30_000).history()).Service {
			if result.ID == "paid_in_time_refunded" {
				return result
			}
		}
		t.Fatal("the level is not shown")
		return ServiceResult{}
	}
	b := newHistory(t)
	b.paid("o1", 1)
	back := func(o *orderBuilder) *orderBuilder {
		return o.captured().refund("r-"+o.order).refundDone("r-"+o.order).refundRow("r-"+o.order, history.RefundDone).row(history.OrderRefunded)
	}
	back(b.order("o2", 2, "phone").payment("p2")) // turned away
	back(b.order("o3", 3, "phone").payment("p3").op(history.OpCancel, history.OK, history.OrderClosed, ""))
	o := b.order("o4", 4, "phone").payment("p4") // late
	b.at(8_000)
	back(o)
	o = b.order("o5", 5, "phone").payment("p5").captured() // taken back by the provider
	o.refund("").refundDone("").row(history.OrderRefunded)
	if got := level(b); got.Value != 1 || got.Status != serviceReported {
		t.Errorf("want 1 order, reported, got %+v", got)
	}
	b = newHistory(t)
	b.hist.Header.Service = []history.ServiceGoal{{ID: "paid_in_time_refunded", Bound: 0}}
	back(b.order("o2", 2, "phone").payment("p2"))
	if got := level(b); got.Status != serviceExceeded {
		t.Errorf("want it exceeded, got %+v", got)
	}
}
