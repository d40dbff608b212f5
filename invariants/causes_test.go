package invariants

import (
	"slices"
	"strings"
	"testing"

	"github.com/paystorm/paystorm/history"
)

// TestMoneyAtRiskIsASumOverOrders: I1 on one order and I7 on another are two sums, and many invariants on one order are one.
func TestMoneyAtRiskIsASumOverOrders(t *testing.T) {
	b := newHistory(t)
	b.paid("o1", 1).payment("p1b").captured()
	b.order("o2", 2, "phone").payment("p2").captured().delivered(history.OK).told(history.OrderPaid).row(history.OrderClosed)
	verdict := Judge(b.at(30_000).history())
	if len(verdict.AtRisk) != 1 || verdict.AtRisk[0].NetMinor != 2*price || verdict.AtRisk[0].Bearer != BearerBuyer {
		t.Errorf("want 9998.00 of buyers, got %+v", verdict.AtRisk)
	}
	sum := int64(0)
	for _, cause := range verdict.Causes {
		for _, risk := range cause.AtRisk {
			sum += risk.NetMinor
		}
	}
	if sum != 2*price {
		t.Errorf("the causes' money adds up to %d: %+v", sum, verdict.Causes)
	}
}

// TestOneCauseIsToldOnce: what follows from the first cause stands with it.
func TestOneCauseIsToldOnce(t *testing.T) {
	b := newHistory(t)
	for _, order := range []string{"o1", "o2"} {
		b.order(order, 1, "phone").payment("p-" + order).closed().told(history.OrderClosed).captured().delivered(history.OK).row(history.OrderClosed)
	}
	verdict := Judge(b.at(30_000).history())
	if len(verdict.Causes) != 1 {
		t.Fatalf("want one cause, got %+v", verdict.Causes)
	}
	cause := verdict.Causes[0]
	if cause.Invariant != "I6" || cause.Pattern != "paid after close, not refunded" || cause.Count != 2 || !cause.Gates ||
		!slices.Equal(cause.Orders, []string{"o1", "o2"}) || !slices.Equal(cause.Also, []string{"I7", "I11", "I14"}) {
		t.Errorf("got %+v", cause)
	}
}

// TestReviewsBesideTheirCauses: too many reviews are a consequence where the reviewed orders have causes of their own, and a
// cause where they have none.
func TestReviewsBesideTheirCauses(t *testing.T) {
	b := newHistory(t)
	b.order("o1", 1, "phone").payment("p1").captured().refund("r1").refundDone("r1").row(history.OrderReview)
	b.order("o2", 2, "phone").payment("p2").captured().row(history.OrderReview)
	verdict := Judge(b.at(30_000).history())
	if len(verdict.Causes) != 2 || !slices.Equal(verdict.Causes[1].Also, []string{"I13"}) && !slices.Equal(verdict.Causes[0].Also, []string{"I13"}) {
		t.Fatalf("want one cause with I13 as a consequence and one of I13, got %+v", verdict.Causes)
	}
	if verdict.AtRisk[0].NetMinor != price {
		t.Errorf("what is at risk of the review without another cause is its money alone, got %+v", verdict.AtRisk)
	}
}

func TestAViolationWithoutMoneyHasNoPurse(t *testing.T) {
	b := newHistory(t)
	b.order("o1", 1, "phone").payment("p1").captured().delivered(history.OK).told(history.OrderPaid).told(history.OrderPending).
		row(history.OrderPaid).grant("points", 49).refund("r1").refundDone("r1").refundRow("r1", history.RefundDone)
	b.at(30_000)
	for _, result := range Judge(b.history()).Invariants {
		if strings.Contains(result.Summary, " 0.00 CNY at risk") {
			t.Errorf("%s: %s", result.ID, result.Summary)
		}
	}
}

func TestEveryInvariantIsRanked(t *testing.T) {
	for _, invariant := range All() {
		if !slices.Contains(causal(), invariant.ID) {
			t.Errorf("%s has no place among the causes", invariant.ID)
		}
	}
}
