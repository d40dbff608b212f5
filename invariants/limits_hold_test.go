package invariants

import (
	"strings"
	"testing"

	"github.com/paystorm/paystorm/history"
)

// limited puts a limit on phones.
func (b *builder) limited(perBuyer int64) *builder {
	b.hist.Header.Sale[0].PerBuyer = perBuyer
	return b
}

// recounting declares that refunded units are free again.
func (b *builder) recounting() *builder {
	b.hist.Header.System.Legal.RecountRefunded = true
	return b
}

// refunded is a sale without trouble that was then undone.
func (b *builder) refunded(order string, buyer int) *orderBuilder {
	return b.paid(order, buyer).refund("r-" + order).refundDone("r-" + order).row(history.OrderRefunded)
}

const (
	tooMany   = "a buyer has more units than the limit allows"
	againMore = "a buyer bought beyond the limit again after a refund"
)

func TestLimitsHold(t *testing.T) {
	judgeCases(t, limitsHold(), []judgement{
		{name: "the second order is refused", story: func(b *builder) {
			b.limited(1).paid("o1", 1)
			b.unseen("", 1, "phone", 1).op(history.OpOrder, history.Refused, "", history.ReasonLimit)
		}},
		{name: "more than the limit in one order, refused", story: func(b *builder) {
			b.limited(1).unseen("", 1, "phone", 2).op(history.OpOrder, history.Refused, "", history.ReasonLimit)
		}},
		{name: "two orders within the limit", idle: true, story: func(b *builder) {
			b.limited(2).paid("o1", 1)
			b.paid("o2", 1)
		}},
		{name: "each buyer has one", idle: true, story: func(b *builder) {
			b.limited(1).paid("o1", 1)
			b.paid("o2", 2)
		}},
		{name: "no limit", idle: true, story: func(b *builder) {
			b.paid("o1", 1)
			b.paid("o2", 1)
		}},
		{name: "refused because it was sold out, and then bought", idle: true, story: func(b *builder) {
			b.limited(1).unseen("", 1, "phone", 1).op(history.OpOrder, history.Refused, "", history.ReasonSoldOut)
			b.paid("o1", 1)
		}},
		{name: "the first order was closed", story: func(b *builder) {
			b.limited(1).order("o1", 1, "phone").payment("p1").closed().row(history.OrderClosed)
			b.paid("o2", 1)
		}},
		{name: "the first order was closed, and money that came late refunded", story: func(b *builder) {
			b.limited(1).order("o1", 1, "phone").payment("p1").closed().told(history.OrderClosed).captured().
				delivered(history.OK).refund("r1").refundDone("r1").told(history.OrderRefunded).row(history.OrderRefunded)
			b.paid("o2", 1)
		}},
		{name: "the first order was refunded, which frees it", story: func(b *builder) {
			b.limited(1).recounting().refunded("o1", 1)
			b.paid("o2", 1)
		}},
		{name: "both orders were refunded", story: func(b *builder) {
			b.limited(1).refunded("o1", 1)
			b.refunded("o2", 1)
		}},
		{name: "the extra order is being refunded", story: func(b *builder) {
			b.limited(1).recounting().paid("o1", 1)
			b.paid("o2", 1).refund("r2").row(history.OrderRefunding)
		}},
		{name: "the extra order is in review", story: func(b *builder) {
			b.limited(1).paid("o1", 1)
			b.paid("o2", 1).row(history.OrderReview)
		}},
		{name: "the extra order is still to be paid", story: func(b *builder) {
			b.limited(1).paid("o1", 1)
			b.order("o2", 1, "phone").row(history.OrderPending)
		}},
		{name: "orders of the warm-up", idle: true, story: func(b *builder) {
			b.limited(1).paid("o1", 1)
			b.unseen("", 1, "phone", 1).op(history.OpOrder, history.OK, "", "")
			b.hist.Ops[len(b.hist.Ops)-1].Phase = history.PhaseWarmUp
		}},
		{name: "the orders were never read", unjudged: "never read at rest", story: func(b *builder) {
			b.limited(1).cutOff()
			b.paid("o1", 1)
		}},
		{name: "nobody knows whose order it is", unjudged: "it is not known who has them", story: func(b *builder) {
			b.limited(1)
			b.final.Books.Orders = append(b.final.Books.Orders, history.OrderRow{
				Order: "o9", SKU: "phone", Quantity: 1, State: history.OrderPaid,
			})
		}},

		{name: "two orders where one is allowed", violated: tooMany, story: func(b *builder) {
			b.limited(1).paid("o1", 1)
			b.paid("o2", 1)
		}},
		{name: "one order of too many", violated: tooMany, story: func(b *builder) {
			b.limited(2).orderOf("o1", 1, "phone", 3).payment("p1").captured().row(history.OrderPaid)
		}},
		{name: "one of them has been shipped", violated: tooMany, story: func(b *builder) {
			b.limited(1).recounting().paid("o1", 1).row(history.OrderShipped)
			b.paid("o2", 1)
		}},
		{name: "the answer to one of them was lost", violated: tooMany, story: func(b *builder) {
			b.limited(1).paid("o1", 1)
			b.unseen("o2", 1, "phone", 1).op(history.OpOrder, history.Unknown, "", "").payment("p2").captured().row(history.OrderPaid)
		}},
		{name: "bought again after a refund that frees nothing", violated: againMore, story: func(b *builder) {
			b.limited(1).refunded("o1", 1)
			b.paid("o2", 1)
		}},
		{name: "bought again after a refund, as a checkpoint saw", violated: againMore, story: func(b *builder) {
			b.limited(1)
			o := b.order("o1", 1, "phone").payment("p1").captured()
			b.checkpoint(o.as(history.OrderPaid))
			o.refund("r1").refundDone("r1").row(history.OrderRefunded)
			b.paid("o2", 1)
		}},
	})
}

func TestLimitsHoldCountsUnits(t *testing.T) {
	b := newHistory(t).limited(2)
	for _, order := range []string{"o1", "o2", "o3", "o4"} {
		b.paid(order, 7)
	}
	found := wantViolated(t, b.at(30_000).find(limitsHold()), tooMany)
	if found.Units != 2 || found.Net.Minor != 2*price || found.Gross != found.Net || found.Bearer != BearerMerchant || found.SKU != "phone" {
		t.Errorf("want 2 phones too many, borne by the merchant, got %+v", found)
	}
	if found.Order != "o4" || found.Since == 0 || !strings.Contains(found.Detail, "buyer 7 may have 2 of phone: o1 paid of 1, o2 paid of 1") {
		t.Errorf("want the last order, since it was paid, and all of them in words, got %+v", found)
	}
}
