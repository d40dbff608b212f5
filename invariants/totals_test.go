package invariants

import (
	"testing"

	"github.com/paystorm/paystorm/history"
)

func TestTotals(t *testing.T) {
	b := newHistory(t)
	b.paid("o1", 1)
	b.order("o2", 2, "phone").payment("p2").captured().row(history.OrderClosed)
	b.order("o3", 3, "phone").payment("p3").captured().refund("r3").refundDone("r3").row(history.OrderRefunded)
	b.order("o4", 3, "phone").payment("p4").captured().payment("p5").captured().row(history.OrderPaid)
	verdict := Judge(b.at(30_000).history())
	if got, want := verdict.Money[0], (MoneyResult{"CNY", 5 * price, price, 2 * price}); len(verdict.Money) != 1 || got != want {
		t.Errorf("money: want %+v, got %+v", want, verdict.Money)
	}
	if got, want := verdict.Sale[0], (SaleResult{SKU: "phone", Stock: 10, Sold: 2, Available: 8}); got != want {
		t.Errorf("sale: want %+v, got %+v", want, got)
	}
	orders := verdict.Orders
	if orders.Buyers != 3 || orders.Orders != 4 || orders.Payments != 5 || orders.States["paid"] != 2 || orders.States["closed"] != 1 {
		t.Errorf("orders: got %+v", orders)
	}
	if verdict.Timings.StartToFirstOpMS != 1020 {
		t.Errorf("the first op was called at 1.020 s, got %+v", verdict.Timings)
	}
}

func TestLatencyCountsFromTheIntendedStartUnlessIterationsWereDropped(t *testing.T) {
	for _, test := range []struct {
		name    string
		dropped int64
		want    float64
		status  string
	}{
		{"none dropped", 0, 110, serviceReported},
		{"some dropped", 1, 10, serviceInconclusive},
	} {
		t.Run(test.name, func(t *testing.T) {
			b := newHistory(t)
			b.paid("o1", 1)
			op := &b.hist.Ops[0]
			op.Intended = op.Called - 10*tick
			if test.dropped > 0 {
				b.event(history.Event{Source: history.SourceLoad, Kind: history.LoadDropped, Count: test.dropped})
			}
			verdict := Judge(b.at(30_000).history())
			if got := verdict.Load.LatencyMS[history.OpOrder]; got.P99 != test.want || got.P50 != test.want {
				t.Errorf("want %v ms, got %+v", test.want, got)
			}
			if verdict.Service[1].ID != serviceOrder || verdict.Service[1].Status != test.status {
				t.Errorf("want %s %s, got %+v", serviceOrder, test.status, verdict.Service[1])
			}
		})
	}
}

func TestServiceLevels(t *testing.T) {
	b := newHistory(t)
	b.order("o1", 1, "phone").payment("p1").captured().op(history.OpPay, history.OK, "", "").
		delivered(history.OK).op(history.OpPoll, history.OK, history.OrderPaid, "").row(history.OrderPaid)
	b.order("o2", 2, "phone").payment("p2").op(history.OpPay, history.Refused, "", "declined").row(history.OrderClosed)
	levels := map[string]float64{}
	for _, level := range Judge(b.at(30_000).history()).Service {
		levels[level.ID] = level.Value
		if level.Status != serviceReported {
			t.Errorf("%s is %s", level.ID, level.Status)
		}
	}
	want := map[string]float64{servicePayments: 0.5, serviceOrder: 10, serviceRecover: 0, serviceVisible: 30, serviceWait: 40}
	for id, value := range want {
		if levels[id] != value {
			t.Errorf("%s: want %v, got %v", id, value, levels[id])
		}
	}
}

func TestPercentilesAreNearestRank(t *testing.T) {
	list := make([]float64, 100)
	for i := range list {
		list[i] = float64(100 - i)
	}
	if got, want := percentiles(list), (LatencyMS{50, 95, 99, 100}); got != want {
		t.Errorf("want %+v, got %+v", want, got)
	}
	if got := percentiles(nil); got != (LatencyMS{}) {
		t.Errorf("of nothing: %+v", got)
	}
}
