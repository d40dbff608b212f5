package invariants

import (
	"fmt"
	"testing"

	"github.com/paystorm/paystorm/history"
)

// discounted is a sale without trouble with the coupon LAUNCH of 500.00.
func (b *builder) discounted(order string, buyer int) *orderBuilder {
	o := b.order(order, buyer, "phone")
	o.item.Price.Minor -= 50000
	return o.payment("p-" + order).captured().delivered(history.OK).told(history.OrderPaid).row(history.OrderPaid).coupon("LAUNCH")
}

func TestCouponsHold(t *testing.T) {
	const (
		often = "a coupon is used by more orders than it is for"
		again = "a buyer uses a coupon in more orders than allowed"
	)
	many := func(b *builder, n int) {
		b.coupons(50000)
		for i := range n {
			b.discounted(fmt.Sprintf("o%d", i+1), i+1)
		}
	}
	judgeCases(t, limitsHold(), []judgement{
		{name: "as many as it is for", story: func(b *builder) { many(b, 3) }},
		{name: "one more, and that one was closed", story: func(b *builder) {
			many(b, 3)
			b.order("o9", 9, "phone").payment("p9").closed().row(history.OrderClosed).coupon("LAUNCH")
		}},
		{name: "one buyer again, after the first order was given back", story: func(b *builder) {
			b.recounting()
			many(b, 1)
			b.orders[0].refund("r1").refundDone("r1").row(history.OrderRefunded)
			b.discounted("o2", 1)
		}},
		{name: "one too many", violated: often, story: func(b *builder) { many(b, 4) }},
		{name: "one buyer twice", violated: again, story: func(b *builder) {
			many(b, 1)
			b.discounted("o2", 1)
		}},
		{name: "a coupon that the sale does not give", violated: "a coupon is used that the sale does not give away", story: func(b *builder) {
			b.coupons(50000).paid("o1", 1).coupon("ONCE-ONLY")
		}},
		{name: "declared, and not probed", unjudged: "table coupons was not read", story: func(b *builder) {
			b.unread(history.TableCoupons).coupons(50000).paid("o1", 1)
		}},
	})
}

func TestCouponsHoldCountsTheMoney(t *testing.T) {
	b := newHistory(t).coupons(50000)
	for i := range 5 {
		b.discounted(fmt.Sprintf("o%d", i+1), i+1)
	}
	found := b.at(30_000).find(limitsHold())
	if len(found.Violations) != 1 || found.Violations[0].Net.Minor != 2*50000 || found.Violations[0].Bearer != BearerMerchant {
		t.Errorf("two discounts too many cost the merchant 1000.00, got %+v", found.Violations)
	}
}
