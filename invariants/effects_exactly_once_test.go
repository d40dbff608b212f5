package invariants

import (
	"fmt"
	"strings"
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
		{name: "refused, and sent again", story: func(b *builder) {
			b.paid("o1", 1).sinkRefused("mail", "k1").sunk("mail", "k1")
		}},
		{name: "refused under another key before it was taken", story: func(b *builder) {
			b.paid("o1", 1).sinkRefused("mail", "k0").sunk("mail", "k1")
		}},
		{name: "taken without an answer, and again under another key", violated: "effect outside the shop under more than one key: mail", story: func(b *builder) {
			b.paid("o1", 1).sunk("mail", "k1").unanswered().sunk("mail", "k2")
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
			b.hist.Header.System.Sinks, b.hist.Header.System.OwedSinks = []string{"mail"}, []string{"mail"}
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

// manyPaid are ten paid orders of which the first few sent a mail.
func manyPaid(b *builder, mailed int) {
	for i := range 10 {
		o := b.paid(fmt.Sprintf("o%d", i), i+1).again(history.PaymentSucceeded, 2, history.OK)
		if i < mailed {
			o.sunk("mail", fmt.Sprintf("k%d", i))
		}
	}
}

// TestOwedEffectsAreDeclared: what paid orders owe outside the shop is the system file's word and is never guessed from the
// run, or the worse the loss, the less it would be seen.
func TestOwedEffectsAreDeclared(t *testing.T) {
	const missing = "effect outside the shop is missing for a paid order: mail"
	for mailed := range 11 {
		b := newHistory(t)
		b.hist.Header.System.Sinks, b.hist.Header.System.OwedSinks = []string{"mail"}, []string{"mail"}
		manyPaid(b, mailed)
		found := b.at(30_000).find(effectsExactlyOnce())
		if len(found.Violations) != 10-mailed {
			t.Errorf("%d of 10 mails came: want %d violations, got %+v", mailed, 10-mailed, found.Violations)
		}
		for _, violation := range found.Violations {
			if violation.Pattern != missing {
				t.Errorf("pattern is %q", violation.Pattern)
			}
		}
	}
	b := newHistory(t)
	b.hist.Header.System.Sinks = []string{"mail"}
	manyPaid(b, 6)
	if found := b.at(30_000).find(effectsExactlyOnce()); len(found.Violations) > 0 {
		t.Errorf("nothing is owed to a sink that does not say so, got %+v", found.Violations)
	}
}

func TestOwedEffectsBehindAStandingFault(t *testing.T) {
	b := newHistory(t)
	b.hist.Header.System.Sinks, b.hist.Header.System.OwedSinks = []string{"mail"}, []string{"mail"}
	b.standing("sink-down")
	b.paid("o1", 1)
	found := b.at(30_000).find(effectsExactlyOnce())
	if len(found.Violations) > 0 || len(found.Unjudged) != 1 || !strings.Contains(found.Unjudged[0], "a fault stood") {
		t.Errorf("want it unjudged, got %+v, %q", found.Violations, found.Unjudged)
	}
}

// TestEffectsNeedOnlyTheirTables: a table that was not read costs what needs it and nothing else.
func TestEffectsNeedOnlyTheirTables(t *testing.T) {
	twice := func(b *builder) *orderBuilder { return b.paid("o1", 1).again(history.PaymentSucceeded, 2, history.OK) }
	for name, test := range map[string]struct {
		unread  []history.Table
		story   func(*builder)
		pattern string
	}{
		"two mails, no grants": {
			[]history.Table{history.TableGrants},
			func(b *builder) { twice(b).sunk("mail", "k1").sunk("mail", "k2") },
			"effect outside the shop under more than one key: mail",
		},
		"two mails, no orders": {
			[]history.Table{history.TableOrders},
			func(b *builder) { twice(b).sunk("mail", "k1").sunk("mail", "k2") },
			"effect outside the shop under more than one key: mail",
		},
		"a mail missing, no grants": {
			[]history.Table{history.TableGrants},
			func(b *builder) {
				b.hist.Header.System.OwedSinks = []string{"mail"}
				twice(b)
			},
			"effect outside the shop is missing for a paid order: mail",
		},
		"a coupon twice, no grants and no orders": {
			[]history.Table{history.TableGrants, history.TableOrders},
			func(b *builder) { twice(b).coupon("SPRING").coupon("SPRING") },
			"coupon used more than once by one order",
		},
		"points twice, no orders": {
			[]history.Table{history.TableOrders},
			func(b *builder) { twice(b).grant("points", 49) },
			"side effect more than once: points",
		},
	} {
		t.Run(name, func(t *testing.T) {
			b := newHistory(t).unread(test.unread...)
			test.story(b)
			run := b.at(30_000).run()
			found := find(run, effectsExactlyOnce())
			wantViolated(t, found.Finding, test.pattern)
			if len(found.missing) == 0 {
				t.Error("nothing says what could not be judged")
			}
		})
	}
}

// TestNothingWithoutACause: what belongs to no order does not vanish.
func TestNothingWithoutACause(t *testing.T) {
	mail := func(b *builder, key, order string) {
		b.event(history.Event{Source: history.SourceSink, Kind: history.SinkReceived, State: "mail", Key: key, Order: order})
	}
	judgeCases(t, effectsExactlyOnce(), []judgement{
		{name: "effects that name no order", unjudged: "3 effects at the sink mail, and no order to count them for", story: func(b *builder) {
			b.paid("o1", 1)
			mail(b, "k1", "")
			mail(b, "k2", "")
			mail(b, "", "")
		}},
		{name: "points that name no order", unjudged: "1 row of the table grants name no order", story: func(b *builder) {
			b.paid("o1", 1)
			b.final.Books.Grants = append(b.final.Books.Grants, history.GrantRow{Kind: "points", Value: 49})
		}},
		{name: "points of an order that nobody knows", violated: "side effect of an order that nobody knows: points", story: func(b *builder) {
			b.paid("o1", 1)
			b.final.Books.Grants = append(b.final.Books.Grants, history.GrantRow{Order: "ghost", Kind: "points", Value: 49})
		}},
		{name: "a coupon of an order that nobody knows", violated: "coupon used by an order that nobody knows", story: func(b *builder) {
			b.paid("o1", 1)
			b.final.Books.Coupons = append(b.final.Books.Coupons, history.CouponRow{Order: "ghost", Coupon: "SPRING"})
		}},
		{name: "a refund of nothing", violated: "refund in the books of no order and no payment", story: func(b *builder) {
			b.paid("o1", 1)
			b.final.Books.Refunds = append(b.final.Books.Refunds, history.RefundRow{MerchantRefund: "r9", Minor: price, Currency: "CNY", State: history.RefundDone})
		}},
		{name: "what was there before the run", story: func(b *builder) {
			b.paid("o1", 1).again(history.PaymentSucceeded, 2, history.OK)
			old := history.Books{
				Stock:   b.hist.Readings[0].Books.Stock,
				Grants:  []history.GrantRow{{Order: "old", Kind: "points", Value: 49}, {Kind: "points", Value: 7}},
				Coupons: []history.CouponRow{{Order: "old", Coupon: "SPRING"}, {Coupon: "UNUSED"}},
				Refunds: []history.RefundRow{{Order: "old", MerchantRefund: "r8", Minor: 1, State: history.RefundDone}, {MerchantRefund: "r7", Minor: 1, State: history.RefundDone}},
			}
			b.hist.Readings[0].Books = old
			b.final.Books.Grants = append(b.final.Books.Grants, old.Grants...)
			b.final.Books.Coupons = append(b.final.Books.Coupons, old.Coupons...)
			b.final.Books.Refunds = append(b.final.Books.Refunds, old.Refunds...)
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
