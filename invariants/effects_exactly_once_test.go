package invariants

import (
	"testing"

	"github.com/paystorm/paystorm/history"
)

func TestEffectsExactlyOnce(t *testing.T) {
	twice := func(b *builder) *orderBuilder {
		return b.order("o1", 1, "phone").payment("p1").captured().delivered(history.OK).
			again(history.PaymentSucceeded, 2, history.OK).told(history.OrderPaid).row(history.OrderPaid)
	}
	judgeCases(t, effectsExactlyOnce(), []judgement{
		{name: "once for two deliveries", story: func(b *builder) { twice(b).grant("points", 49) }},
		{name: "once for a delivery and a query", story: func(b *builder) {
			b.order("o1", 1, "phone").payment("p1").captured().delivered(history.OK).request("query", history.OK).
				row(history.OrderPaid).grant("points", 49)
		}},
		{name: "one delivery proves nothing", idle: true, story: func(b *builder) { b.paid("o1", 1) }},
		{name: "the same mail many times under one key", story: func(b *builder) {
			twice(b).grant("points", 49).sunk("mail", "k1").sunk("mail", "k1").sunk("mail", "k1")
		}},
		{name: "taken back with the refund", story: func(b *builder) {
			twice(b).grant("points", 49).grant("points", -49).refund("r1").refundDone("r1").row(history.OrderRefunded)
		}},
		{name: "gone with the refund", story: func(b *builder) {
			twice(b).refund("r1").refundDone("r1").row(history.OrderRefunded)
		}},
		{name: "kinds that are not declared", story: func(b *builder) {
			twice(b).grant("points", 49).grant("ticket", 1).grant("ticket", 1)
		}},
		{name: "a late success refunded without effects", story: func(b *builder) {
			twice(b).refund("r1").refundDone("r1").row(history.OrderClosed)
		}},
		{name: "few orders send to a sink", story: func(b *builder) {
			b.hist.Header.System.Sinks = []string{"parcel"}
			twice(b).grant("points", 49).sunk("parcel", "k1")
			b.paid("o2", 2)
			b.paid("o3", 3)
		}},
		{name: "a coupon pays for all of it", story: func(b *builder) {
			b.order("o1", 1, "phone").coupon("FREE").sunk("mail", "k1").grant("points", 0).row(history.OrderPaid).finalRow.Minor = 0
			b.paid("o2", 2).again(history.PaymentSucceeded, 2, history.OK).sunk("mail", "k2")
		}},
		{name: "two different coupons", story: func(b *builder) {
			twice(b).grant("points", 49).coupon("SPRING").coupon("STAFF")
		}},
		{name: "twice", violated: "side effect more than once: points", story: func(b *builder) {
			twice(b).grant("points", 49).grant("points", 49)
		}},
		{name: "missing", violated: "side effect of a paid order is missing: points", story: func(b *builder) { twice(b) }},
		{name: "missing, and nobody knows since when it is paid", unjudged: "not known to have been paid", story: func(b *builder) {
			b.order("o1", 1, "phone").payment("p1").captured().row(history.OrderPaid)
		}},
		{name: "two mails under two keys", violated: "effect outside the shop under more than one key: mail", story: func(b *builder) {
			twice(b).grant("points", 49).sunk("mail", "k1").sunk("mail", "k2")
		}},
		{name: "one coupon twice", violated: "coupon used more than once by one order", story: func(b *builder) {
			twice(b).grant("points", 49).coupon("SPRING").coupon("SPRING")
		}},
		{name: "taken back twice", violated: "side effect taken back more often than it happened: points", story: func(b *builder) {
			twice(b).grant("points", 49).grant("points", -49).grant("points", -49).row(history.OrderRefunded)
		}},
		{
			name: "mails of two orders under one key", violated: "effects of different orders outside the shop under one key: mail",
			story: func(b *builder) {
				twice(b).grant("points", 49).sunk("mail", "buyer-1")
				b.paid("o2", 1).sunk("mail", "buyer-1")
				b.paid("o3", 1).sunk("mail", "buyer-1")
			},
		},
		{name: "a mail and a parcel under one key", story: func(b *builder) {
			twice(b).grant("points", 49).sunk("mail", "o1")
			b.paid("o2", 2).sunk("parcel", "o1")
		}},
		{name: "a mail lost", violated: "effect outside the shop is missing for a paid order: mail", story: func(b *builder) {
			b.hist.Header.System.Sinks = []string{"mail"}
			twice(b).grant("points", 49)
			b.paid("o2", 2).sunk("mail", "k2")
			b.paid("o3", 3).sunk("mail", "k3")
		}},
		{name: "effects without a key", unjudged: "carry no key", story: func(b *builder) {
			twice(b).grant("points", 49).sunk("mail", "")
		}},
		{name: "cut off, and a sink has proven it", violated: "effect outside the shop under more than one key: mail", story: func(b *builder) {
			twice(b).sunk("mail", "k1").sunk("mail", "k2")
			b.cutOff()
		}},
		{name: "the grants were not read", unjudged: "never read", story: func(b *builder) {
			twice(b)
			b.cutOff()
		}},
	})
}

func TestNoEffectWithoutACapture(t *testing.T) {
	for name, test := range map[string]struct {
		effect  func(*orderBuilder)
		pattern string
	}{
		"points": {func(o *orderBuilder) { o.grant("points", 49) }, "side effect of an order that was never paid: points"},
		"parcel": {func(o *orderBuilder) { o.sunk("parcel", "k1") }, "effect outside the shop for an order that was never paid: parcel"},
	} {
		t.Run(name, func(t *testing.T) {
			b := newHistory(t)
			test.effect(b.order("o1", 1, "phone").payment("p1").closed().row(history.OrderClosed))
			b.paid("o2", 2).again(history.PaymentSucceeded, 2, history.OK)
			b.at(30_000)
			wantViolated(t, b.find(effectsExactlyOnce()), test.pattern)
		})
	}
}
