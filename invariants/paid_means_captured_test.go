package invariants

import (
	"testing"

	"github.com/paystorm/paystorm/history"
	"github.com/paystorm/paystorm/money"
)

func TestPaidMeansCaptured(t *testing.T) {
	const (
		nothing = "treated as paid, nothing captured"
		early   = "treated as paid before the money was captured"
		another = "paid with another amount than the order's"
		cheap   = "sold for less than its price, and no discount is known"
		unit    = "charged in another unit of money than the sale's"
		kept    = "captured another amount than the order's, neither refunded nor in review"
	)
	judgeCases(t, paidMeansCaptured(), []judgement{
		{name: "paid after the capture", idle: true, story: func(b *builder) { b.paid("o1", 1) }},
		{name: "a discount that is in the books", idle: true, story: func(b *builder) { b.pricedAt(price-50000, "CNY").finalRow.Discount = 50000 }},
		{name: "a discount in a shop with prices of its own", idle: true, story: func(b *builder) {
			b.hist.Header.System.Prices = history.PricesOwn
			b.pricedAt(price-50000, "CNY")
		}},
		{name: "a coupon that the sale gives away", idle: true, story: func(b *builder) {
			b.coupons(50000)
			b.pricedAt(price-50000, "CNY").coupon("LAUNCH")
		}},
		{name: "a fee within the declared bound", idle: true, story: func(b *builder) {
			b.hist.Header.System.Prices, b.hist.Header.System.FeeMost = history.PricesExact, money.Amount{Minor: 1500, Currency: "CNY"}
			b.pricedAt(price+1200, "CNY")
		}},
		{name: "a fee that is in the books", idle: true, story: func(b *builder) {
			b.hist.Header.System.Prices = history.PricesExact
			b.pricedAt(price+1200, "CNY").finalRow.Fee = 1200
		}},
		{name: "deposit and balance", idle: true, story: func(b *builder) {
			o := b.order("o1", 1, "phone").on("p1").channel(history.Event{Kind: history.PaymentCreated, Minor: 100000}).capturedMinor(100000)
			o.on("p2").channel(history.Event{Kind: history.PaymentCreated, Minor: price - 100000}).capturedMinor(price - 100000)
			o.told(history.OrderPaid).row(history.OrderPaid)
		}},
		{name: "lowered by the shop before it was paid, by a known discount", idle: true, story: func(b *builder) {
			b.order("o1", 1, "phone").payment("p1").channel(history.Event{Kind: history.PaymentUpdated, Minor: price - 500}).
				capturedMinor(price - 500).told(history.OrderPaid).row(history.OrderPaid)
			b.orders[0].finalRow.Minor, b.orders[0].finalRow.Discount = price-500, 500
		}},
		{name: "a fee is the shop's affair", idle: true, story: func(b *builder) { b.pricedAt(price+1200, "CNY") }},
		{name: "a coupon of unknown worth", unjudged: "nothing says what coupon c1 is worth", story: func(b *builder) { b.pricedAt(price/10, "CNY").coupon("c1") }},
		{name: "never captured at the wrong price", idle: true, story: func(b *builder) {
			o := b.order("o1", 1, "phone")
			o.item.Price.Minor = price / 100
			o.payment("p1").row(history.OrderClosed)
		}},
		{name: "two asked for and two booked", idle: true, story: func(b *builder) {
			b.orderOf("o1", 1, "phone", 2).payment("p1").captured().told(history.OrderPaid).row(history.OrderPaid)
		}},
		{name: "one asked for and two booked", violated: "charged for more units than were ordered", story: func(b *builder) {
			o := b.order("o1", 1, "phone")
			o.quantity = 2
			o.payment("p1").captured().told(history.OrderPaid).row(history.OrderPaid)
		}},
		{name: "half of the price, and no discount", violated: cheap, story: func(b *builder) { b.pricedAt(price/2, "CNY") }},
		{name: "one fen", violated: cheap, story: func(b *builder) { b.pricedAt(1, "CNY") }},
		{name: "less than a coupon explains", violated: cheap, story: func(b *builder) {
			b.coupons(50000)
			b.pricedAt(price-50001, "CNY").coupon("LAUNCH").finalRow.Discount = 50001
		}},
		{name: "more than exact prices", violated: "charged more than its price", story: func(b *builder) {
			b.hist.Header.System.Prices = history.PricesExact
			b.pricedAt(price+1200, "CNY")
		}},
		{name: "a short capture written into the row", violated: another, story: func(b *builder) {
			b.order("o1", 1, "phone").payment("p1").capturedMinor(1).told(history.OrderPaid).row(history.OrderPaid).finalRow.Minor = 1
		}},
		{name: "twice the amount captured and written into the row", violated: another, story: func(b *builder) {
			b.order("o1", 1, "phone").payment("p1").capturedMinor(2 * price).told(history.OrderPaid).row(history.OrderPaid).finalRow.Minor = 2 * price
		}},
		{name: "free, and the coupons were not read", unjudged: "coupons were not read", story: func(b *builder) {
			b.unread(history.TableCoupons)
			b.order("o1", 1, "phone").told(history.OrderPaid).row(history.OrderPaid).finalRow.Minor = 0
		}},
		{name: "yuan taken for fen", violated: unit, story: func(b *builder) { b.pricedAt(price/100, "CNY") }},
		{name: "fen taken for yuan", violated: unit, story: func(b *builder) { b.pricedAt(price*100, "CNY") }},
		{name: "charged in another currency", violated: unit, story: func(b *builder) { b.pricedAt(price, "USD") }},
		{name: "refusing a wrong message and waiting for the true one", story: func(b *builder) {
			b.order("o1", 1, "phone").payment("p1").forged(history.ForgeryWrongAmount, 1, history.Refused).
				told(history.OrderPending).captured().delivered(history.OK).told(history.OrderPaid).row(history.OrderPaid)
		}},
		{name: "a short capture handed to a person", story: func(b *builder) {
			b.order("o1", 1, "phone").payment("p1").capturedMinor(1).row(history.OrderReview)
		}},
		{name: "a short capture refunded", story: func(b *builder) {
			b.order("o1", 1, "phone").payment("p1").capturedMinor(100).refundMinor("r1", 100).refundDone("r1").row(history.OrderClosed)
		}},
		{name: "a short capture whose refund is accepted and pending", story: func(b *builder) {
			b.order("o1", 1, "phone").payment("p1").capturedMinor(100).refundMinor("r1", 100).row(history.OrderRefunding)
		}},
		{name: "too much captured, the difference given back", story: func(b *builder) {
			b.order("o1", 1, "phone").payment("p1").capturedMinor(price+100).refundMinor("r1", 100).refundDone("r1").row(history.OrderPaid)
		}},
		{name: "a capture whose moment is that of the answer", story: func(b *builder) {
			o := b.order("o1", 1, "phone").payment("p1").forged(history.ForgeryWrongKey, price, history.Refused).captured()
			o.opBetween(history.OpLook, history.OK, history.OrderPaid, "", b.now-tick, b.now).row(history.OrderPaid)
		}},
		{name: "refunded after it was paid", story: func(b *builder) {
			b.order("o1", 1, "phone").payment("p1").captured().told(history.OrderPaid).
				forged(history.ForgeryNoSignature, price, history.Refused).refund("r1").refundDone("r1").row(history.OrderRefunded)
		}},
		{name: "free with a coupon", idle: true, story: func(b *builder) {
			b.coupons(price)
			o := b.order("o1", 1, "phone").told(history.OrderPaid).row(history.OrderPaid).coupon("LAUNCH")
			o.finalRow.Minor = 0
		}},
		{name: "free with a coupon that nobody gave", unjudged: "nothing says what coupon all-of-it is worth", story: func(b *builder) {
			o := b.order("o1", 1, "phone").told(history.OrderPaid).row(history.OrderPaid).coupon("all-of-it")
			o.finalRow.Minor = 0
		}},
		{name: "a short capture behind a fault that stands", unjudged: "a fault stood", story: func(b *builder) {
			b.standing("cut")
			b.order("o1", 1, "phone").payment("p1").capturedMinor(1).row(history.OrderPending)
		}},

		{name: "the books believe a forged message", violated: nothing, story: func(b *builder) {
			b.order("o1", 1, "phone").payment("p1").forged(history.ForgeryNoSignature, price, history.OK).row(history.OrderPaid)
		}},
		{name: "refunded without ever having been paid", violated: nothing, story: func(b *builder) {
			b.order("o1", 1, "phone").payment("p1").row(history.OrderRefunded)
		}},
		{name: "a buyer is told paid, and it is taken back", violated: nothing, story: func(b *builder) {
			b.order("o1", 1, "phone").payment("p1").told(history.OrderPaid).row(history.OrderClosed)
		}},
		{name: "no amount in the books, and no coupon either", violated: nothing, story: func(b *builder) {
			b.order("o1", 1, "phone").row(history.OrderPaid).finalRow.Minor = 0
		}},
		{name: "a coupon, and a payment that was asked for", violated: nothing, story: func(b *builder) {
			b.order("o1", 1, "phone").payment("p1").row(history.OrderPaid).coupon("half-of-it").finalRow.Minor = 0
		}},
		{name: "told paid before the capture", violated: early, story: func(b *builder) {
			b.order("o1", 1, "phone").payment("p1").told(history.OrderPaid).captured().row(history.OrderPaid)
		}},
		{name: "a checkpoint has it paid before the capture", violated: early, story: func(b *builder) {
			o := b.order("o1", 1, "phone").payment("p1")
			b.checkpoint(o.as(history.OrderPaid))
			o.captured().row(history.OrderPaid)
		}},
		{name: "a short capture taken for the whole", violated: another, story: func(b *builder) {
			b.order("o1", 1, "phone").payment("p1").capturedMinor(1).row(history.OrderPaid)
		}},
		{name: "a capture in another currency", violated: another, story: func(b *builder) {
			o := b.order("o1", 1, "phone").payment("p1")
			o.channel(history.Event{Kind: history.PaymentSucceeded, Minor: price, Currency: "JPY"}).row(history.OrderPaid)
		}},
		{name: "asked for less than the order costs", violated: another, story: func(b *builder) {
			o := b.order("o1", 1, "phone")
			o.current = "p1"
			o.channel(history.Event{Kind: history.PaymentCreated, Minor: 1}).capturedMinor(1).row(history.OrderPaid)
		}},
		{name: "a short capture kept, the order closed", violated: kept, story: func(b *builder) {
			b.order("o1", 1, "phone").payment("p1").capturedMinor(100).row(history.OrderClosed)
		}},
	})
}

func TestPaidMeansCapturedCountsTheMoney(t *testing.T) {
	b := newHistory(t)
	b.order("o1", 1, "phone").payment("p1").capturedMinor(price - 300).row(history.OrderPaid)
	short := wantViolated(t, b.at(30_000).find(paidMeansCaptured()), "paid with another amount than the order's")
	if short.Net.Minor != 300 || short.Bearer != BearerMerchant {
		t.Errorf("a short capture costs the merchant the difference, got %+v", short)
	}
	b = newHistory(t)
	b.order("o1", 1, "phone").payment("p1").capturedMinor(price + 300).row(history.OrderPaid)
	over := wantViolated(t, b.at(30_000).find(paidMeansCaptured()), "paid with another amount than the order's")
	if over.Net.Minor != 300 || over.Bearer != BearerBuyer {
		t.Errorf("a capture of too much costs the buyer the difference, got %+v", over)
	}
}

func TestPaidMeansCapturedIsProvenByACutHistory(t *testing.T) {
	b := newHistory(t)
	b.order("o1", 1, "phone").payment("p1").forged(history.ForgeryWrongKey, price, history.OK).told(history.OrderPaid)
	wantViolated(t, b.cutOff().find(paidMeansCaptured()), "treated as paid, nothing captured")
}

// pricedAt is a sale without trouble at the shop's own price.
func (b *builder) pricedAt(minor int64, currency string) *orderBuilder {
	o := b.order("o1", 1, "phone")
	o.item.Price.Minor, o.item.Price.Currency = minor, currency
	return o.payment("p1").captured().delivered(history.OK).told(history.OrderPaid).row(history.OrderPaid).grant("points", 49)
}

func TestOtherPricesAreListed(t *testing.T) {
	b := newHistory(t)
	b.pricedAt(price+1200, "CNY")
	found := b.find(paidMeansCaptured())
	if len(found.Pending) != 1 || len(found.Violations) > 0 {
		t.Fatalf("want one line and no violation, got %+v", found)
	}
}
