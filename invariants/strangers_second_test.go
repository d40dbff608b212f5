package invariants

import (
	"fmt"

	"github.com/paystorm/paystorm/history"
)

// gaveBack is a refund that succeeds, and its row.
func (o *orderBuilder) gaveBack(number string, minor int64) *orderBuilder {
	return o.refundMinor(number, minor).refundDone(number).refundRow(number, history.RefundDone)
}

// halfAMinuteLate lets the time to settle end, has something happen long after it, and then ends the phase.
func (b *builder) halfAMinuteLate(happens func()) {
	b.at(4000).healed().at(45_000)
	happens()
	b.at(52_000).phase(history.PhaseEnd, history.PhaseSettle)
}

// lineEnded is an order of a phone and a case, of which the case is refunded, and so many cases are on sale again of those that were sold.
func (b *builder) lineEnded(back int64) {
	b.twoItems(10, 10)
	b.hist.Header.System.Legal.RestockRefunds = true
	b.order("o2", 2, "case").told(history.OrderClosed).row(history.OrderClosed)
	b.unseen("o3", 3, "case", 1).op(history.OpOrder, history.OK, history.OrderPending, "").payment("p-o3").captured().delivered(history.OK).
		told(history.OrderPaid).row(history.OrderPaid).grant("points", 49)
	o := b.unseen("o1", 1, "phone", 1).with("case", 1)
	o.op(history.OpOrder, history.OK, history.OrderPending, "").payment("p-o1").captured().delivered(history.OK).told(history.OrderPaid).
		row(history.OrderPaid).grant("points", 49).gaveBack("r1", o.total()-price)
	o.more[0].State = history.OrderRefunded
	b.stockRow("case", 8+back, 0, 2-back)
}

// others buy the rest without trouble, before what the history is about: at its end nobody orders any more.
func (b *builder) others(count int) {
	for i := range count {
		b.paid(fmt.Sprintf("y%d", i), 200+i)
	}
}

// secondRound are histories of strangers who had read the judge as it was after the first: money that vanished from its sight, that
// came back too late, that nobody asked for, and parts of orders.
func secondRound() []stranger {
	return []stranger{
		{name: "a capture that names no order", want: Inconclusive, by: "I7", rest: 9, story: func(b *builder) {
			b.order("o1", 1, "phone").row(history.OrderClosed).told(history.OrderClosed)
			for version, kind := range []string{history.PaymentCreated, history.PaymentSucceeded} {
				b.event(history.Event{Source: history.SourceChannel, Kind: kind, Payment: "p1", Minor: price, Currency: "CNY", Version: int64(version + 1)})
			}
		}},
		{name: "an extra payment refunded half a minute late", want: Fail, by: "I1", story: func(b *builder) {
			b.others(9)
			o := b.paid("o1", 1).payment("p2").captured().delivered(history.OK)
			b.halfAMinuteLate(func() { o.gaveBack("r1", price) })
		}},
		{name: "a refund that was wished, made half a minute late", want: Fail, by: "I3", story: func(b *builder) {
			b.others(9)
			o := b.paid("o1", 1).wish(1, 0)
			b.halfAMinuteLate(func() { o.gaveBack("r1", price).row(history.OrderRefunded) })
			b.stockRow("phone", 0, 0, 10)
		}},
		{name: "a mail that is owed, sent half a minute late", want: Fail, by: "I9", story: func(b *builder) {
			b.hist.Header.System.Sinks, b.hist.Header.System.OwedSinks = []string{"mail"}, []string{"mail"}
			o := b.paid("o1", 1)
			b.halfAMinuteLate(func() { o.sunk("mail", "k") })
		}},
		{name: "nine tenths refunded, and nobody asked", want: Fail, by: "I3", rest: 9, story: func(b *builder) {
			b.paid("o1", 1).gaveBack("r1", price-50000)
		}},
		{name: "shipped, all of it refunded, and nobody asked", want: Fail, by: "I3", rest: 9, story: func(b *builder) {
			b.paid("o1", 1).gaveBack("r1", price).row(history.OrderShipped)
		}},
		{name: "one payment captured twice", want: Fail, by: "I2", rest: 9, story: func(b *builder) { b.paid("o1", 1).captured() }},
		{name: "twice the amount captured, and the payment updated afterwards", want: Fail, by: "I2", rest: 9, story: func(b *builder) {
			o := b.order("o1", 1, "phone").payment("p1").capturedMinor(2 * price).channel(history.Event{Kind: history.PaymentUpdated, Minor: 2 * price})
			o.delivered(history.OK).told(history.OrderPaid).row(history.OrderPaid).grant("points", 49).finalRow.Minor = 2 * price
		}},
		{name: "a capture without a row in the shop's payments", want: Fail, by: "I10", rest: 8, story: func(b *builder) {
			b.hist.Header.Required = append(b.hist.Header.Required, "I10")
			b.paid("o1", 1)
			b.paid("o2", 2)
			b.paymentRow(history.PaymentRow{Payment: "p-o1", Order: "o1", Minor: price, Currency: "CNY", State: history.PaymentCaptured})
		}},
		{name: "no row of the shop's payments is about a capture", want: Inconclusive, by: "I10", rest: 9, story: func(b *builder) {
			b.hist.Header.Required = append(b.hist.Header.Required, "I10")
			b.paid("o1", 1)
			b.paymentRow(history.PaymentRow{Payment: "another", State: "open"})
		}},
		{name: "a coupon used, and the full price charged", want: Fail, by: "I2", rest: 9, story: func(b *builder) {
			b.coupons(1000).paid("o1", 1).coupon("LAUNCH")
		}},
		{name: "a coupon used, and shipping that large orders do not pay", want: Pass, rest: 8, story: func(b *builder) {
			b.coupons(1000).pricedAt(price-1000+1500, "CNY").coupon("LAUNCH")
			o := b.order("o2", 2, "phone").on("p-o2").channel(history.Event{Kind: history.PaymentCreated, Minor: price + 1500})
			o.capturedMinor(price+1500).delivered(history.OK).told(history.OrderPaid).row(history.OrderPaid).grant("points", 49).finalRow.Minor = price + 1500
		}},
		{name: "deposit and balance, and a part refunded late that was wished late", want: Pass, story: func(b *builder) {
			b.others(9)
			o := b.order("o1", 1, "phone").on("p1").channel(history.Event{Kind: history.PaymentCreated, Minor: 100000}).capturedMinor(100000).delivered(history.OK)
			o.on("p2").channel(history.Event{Kind: history.PaymentCreated, Minor: price - 100000}).capturedMinor(price - 100000).delivered(history.OK)
			o.told(history.OrderPaid).row(history.OrderPaid).grant("points", 49)
			b.halfAMinuteLate(func() { o.wish(1, 500).gaveBack("r1", 500) })
			b.at(70_000)
		}},
		{name: "a refund that was wished failed just before the books were read", want: Pass, rest: 9, story: func(b *builder) {
			b.paid("o1", 1)
		}, late: func(b *builder) {
			b.orders[0].wish(1, 0).refund("r1").refundBroken("r1").refundRow("r1", history.RefundBroken)
		}},
		{name: "a line refunded, as its row says, and its unit on sale again", want: Pass, rest: 8, story: func(b *builder) { b.lineEnded(1) }},
		{name: "a line refunded, as its row says, and two units on sale again", want: Fail, by: "I4", rest: 8, story: func(b *builder) { b.lineEnded(2) }},
		{name: "a coupon used, of less than the shipping that every order carries", want: Pass, story: func(b *builder) {
			b.coupons(1000).pricedAt(price-1000+1500, "CNY").coupon("LAUNCH")
			for i := range 9 {
				payment := fmt.Sprintf("p-y%d", i)
				o := b.order(fmt.Sprintf("y%d", i), 200+i, "phone").on(payment).channel(history.Event{Kind: history.PaymentCreated, Minor: price + 1500})
				o.capturedMinor(price+1500).delivered(history.OK).told(history.OrderPaid).row(history.OrderPaid).grant("points", 49).finalRow.Minor = price + 1500
			}
		}},
		{name: "deposit and balance, and one row for the order", want: Pass, rest: 9, story: func(b *builder) {
			o := b.order("o1", 1, "phone").on("p1").channel(history.Event{Kind: history.PaymentCreated, Minor: 100000}).capturedMinor(100000).delivered(history.OK)
			o.on("p2").channel(history.Event{Kind: history.PaymentCreated, Minor: price - 100000}).capturedMinor(price - 100000).delivered(history.OK)
			o.told(history.OrderPaid).row(history.OrderPaid).grant("points", 49)
			for i := range 9 {
				b.paymentRow(history.PaymentRow{Order: fmt.Sprintf("x%d", i), State: "open"})
			}
			b.paymentRow(history.PaymentRow{Order: "o1", State: "settled"})
		}},
		{name: "goods sent for a late order that was refunded", want: Fail, by: "I9", rest: 9, story: func(b *builder) {
			b.hist.Header.System.Sinks = []string{"ship"}
			b.order("o1", 1, "phone").payment("p1").closed().told(history.OrderClosed).captured().delivered(history.OK).
				gaveBack("r1", price).row(history.OrderRefunded).sunk("ship", "k1")
		}},
		{name: "a refund that was wished failed once, was never made again, and the shop does not say so", want: Fail, by: "I3", rest: 9, story: func(b *builder) {
			b.paid("o1", 1).wish(1, 0).refund("r1").refundBroken("r1")
		}},
		{name: "a refund that was wished failed, and refunds are not probed", want: Inconclusive, by: "I3", rest: 9, story: func(b *builder) {
			b.unread(history.TableRefunds)
			b.paid("o1", 1).wish(1, 0).refund("r1").refundBroken("r1")
		}},
		{name: "a refund that was wished failed, which its row says, and nobody may wait for a person", want: Fail, by: "I13", rest: 9, story: func(b *builder) {
			b.paid("o1", 1).wish(1, 0).refund("r1").refundBroken("r1").refundRow("r1", history.RefundBroken)
		}},
		{name: "a refund that was wished failed, which its row says", want: Pass, rest: 9, story: func(b *builder) {
			b.hist.Header.ReviewCap = 1
			b.paid("o1", 1).wish(1, 0).refund("r1").refundBroken("r1").refundRow("r1", history.RefundBroken)
		}},
		{name: "a refund that was wished failed, and the order was handed to a person", want: Pass, rest: 9, story: func(b *builder) {
			b.hist.Header.ReviewCap = 1
			b.paid("o1", 1).wish(1, 0).refund("r1").refundBroken("r1").refundRow("r1", history.RefundBroken).row(history.OrderReview)
			b.stockRow("phone", 0, 0, 10)
		}},
		{name: "a state that nobody knows, and the stock is waived", want: Inconclusive, by: "I13", rest: 9, story: func(b *builder) {
			b.unread(history.TableStock).hist.Header.Waived = []history.Waiver{{Invariant: "stock", Reason: "elsewhere"}}
			b.order("o1", 1, "phone").row("completed")
		}},
		{name: "one of two units refunded as wished, and on sale again", want: Pass, rest: 8, story: func(b *builder) {
			b.order("o2", 2, "phone").told(history.OrderClosed).row(history.OrderClosed)
			b.hist.Header.System.Legal.RestockRefunds = true
			b.orderOf("o1", 1, "phone", 2).payment("p-o1").captured().delivered(history.OK).told(history.OrderPaid).row(history.OrderPaid).
				grant("points", 49).wish(1, price).gaveBack("r1", price)
			b.stockRow("phone", 1, 0, 9)
		}},
		{name: "one of two units refunded as wished, and both on sale again", want: Fail, by: "I4", rest: 8, story: func(b *builder) {
			b.hist.Header.System.Legal.RestockRefunds = true
			b.orderOf("o1", 1, "phone", 2).payment("p-o1").captured().delivered(history.OK).told(history.OrderPaid).row(history.OrderPaid).
				grant("points", 49).wish(1, price).gaveBack("r1", price)
			b.stockRow("phone", 2, 0, 8)
		}},
		{name: "deposit, and the balance paid twice and refunded once", want: Pass, rest: 9, story: func(b *builder) {
			o := b.order("o1", 1, "phone").on("p1").channel(history.Event{Kind: history.PaymentCreated, Minor: 100000}).capturedMinor(100000).delivered(history.OK)
			for _, balance := range []string{"p2", "p3"} {
				o.on(balance).channel(history.Event{Kind: history.PaymentCreated, Minor: price - 100000}).capturedMinor(price - 100000).delivered(history.OK)
			}
			o.told(history.OrderPaid).row(history.OrderPaid).grant("points", 49).gaveBack("r1", price-100000)
		}},
		{name: "deposit, and the balance paid twice and refunded never", want: Fail, by: "I1", rest: 9, story: func(b *builder) {
			o := b.order("o1", 1, "phone").on("p1").channel(history.Event{Kind: history.PaymentCreated, Minor: 100000}).capturedMinor(100000).delivered(history.OK)
			for _, balance := range []string{"p2", "p3"} {
				o.on(balance).channel(history.Event{Kind: history.PaymentCreated, Minor: price - 100000}).capturedMinor(price - 100000).delivered(history.OK)
			}
			o.told(history.OrderPaid).row(history.OrderPaid).grant("points", 49)
		}},
	}
}
