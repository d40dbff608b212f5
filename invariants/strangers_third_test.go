package invariants

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/paystorm/paystorm/history"
)

// TestStrangersThird is of histories that the third stranger tried: those of which the judge was right from the start, and those that it
// had wrong and has not any more. The rest are in known_holes_test.go.
func TestStrangersThird(t *testing.T) {
	judgeStrangers(t, slices.Concat(thirdRound(), thirdRoundMended()))
}

// part is one payment of several that make up the price: asked for, captured and told.
func (o *orderBuilder) part(payment string, minor int64) *orderBuilder {
	return o.asks(payment, minor).capturedMinor(minor).delivered(history.OK)
}

// asks is a payment of so much that is asked for.
func (o *orderBuilder) asks(payment string, minor int64) *orderBuilder {
	return o.on(payment).channel(history.Event{Kind: history.PaymentCreated, Minor: minor})
}

// isPaid is an order that the shop tells and books as paid.
func (o *orderBuilder) isPaid() *orderBuilder {
	return o.told(history.OrderPaid).row(history.OrderPaid).grant("points", 49)
}

// twicePaid is an order that was paid twice, of which the second payment went back.
func (b *builder) twicePaid() *orderBuilder {
	return b.paid("o1", 1).payment("p2").captured().delivered(history.OK).gaveBack("r2", price)
}

// phoneAndCase is an order of both that is paid for, in a sale of nine phones and ten cases.
func (b *builder) phoneAndCase() *orderBuilder {
	b.twoItems(9, 10)
	o := b.unseen("o1", 1, "phone", 1).with("case", 1)
	return o.op(history.OpOrder, history.OK, history.OrderPending, "").payment("p-o1").captured().delivered(history.OK).isPaid()
}

// halfAMinuteLateAfter is halfAMinuteLate of a run that has lasted half a minute.
func (b *builder) halfAMinuteLateAfter(happens func()) {
	b.healed().at(65_000)
	happens()
	b.at(72_000).phase(history.PhaseEnd, history.PhaseSettle)
}

// numbered are the numbers of so many orders.
func numbered(prefix string, count int) []string {
	var orders []string
	for i := range count {
		orders = append(orders, fmt.Sprintf("%s%d", prefix, i))
	}
	return orders
}

// thirdRound are refunds nobody asked for, parts, lines, currencies, effects outside the shop, and a busy machine.
func thirdRound() []stranger {
	return []stranger{
		{
			name: "a forged message says that a wished refund is done, and the shop believes it",
			want: Fail, why: "the channel gave nothing back", by: "I3", rest: 9,
			story: func(b *builder) {
				o := b.paid("o1", 1).wish(1, 0)
				o.delivery("nf", 1, history.RefundSucceeded, history.ForgeryWrongKey, price, history.OK).
					row(history.OrderRefunded).refundRow("r1", history.RefundDone)
				b.stockRow("phone", 0, 0, 10)
			},
		},
		{
			name: "a deposit in yuan, and the balance charged in dollars",
			want: Fail, why: "the number is right and the currency is not, so the buyer pays seven times the balance", by: "I2", rest: 9,
			story: func(b *builder) {
				o := b.order("o1", 1, "phone").part("p1", 100000)
				o.on("p2").channel(history.Event{Kind: history.PaymentCreated, Minor: price - 100000, Currency: "USD"})
				o.channel(history.Event{Kind: history.PaymentSucceeded, Minor: price - 100000, Currency: "USD"}).delivered(history.OK).isPaid()
			},
		},
		{
			name: "paid in yuan, paid again in dollars, and nothing refunded",
			want: Fail, why: "money of another currency is extra money all the same", by: "I1", rest: 9,
			story: func(b *builder) {
				o := b.paid("o1", 1).on("p2").channel(history.Event{Kind: history.PaymentCreated, Minor: 70000, Currency: "USD"})
				o.channel(history.Event{Kind: history.PaymentSucceeded, Minor: 70000, Currency: "USD"}).delivered(history.OK)
			},
		},
		{
			name: "a deposit taken, the balance never, and the goods shipped",
			want: Fail, why: "what was captured is less than the price", by: "I2", rest: 9,
			story: func(b *builder) {
				o := b.order("o1", 1, "phone").part("p1", 100000).asks("p2", price-100000)
				o.isPaid().row(history.OrderShipped)
			},
		},
		{
			name: "deposit and balance, all of it wished, the balance alone refunded",
			want: Fail, why: "the deposit is the buyer's too", by: "I3", rest: 9,
			story: func(b *builder) {
				o := b.order("o1", 1, "phone").part("p1", 100000).part("p2", price-100000).isPaid().wish(1, 0).gaveBack("r1", price-100000)
				o.row(history.OrderRefunded)
				b.stockRow("phone", 0, 0, 10)
			},
		},
		{
			name: "the refund of one order made on another",
			want: Fail, why: "both orders are wrong, although the sums of the day agree", by: "I3", rest: 8,
			story: func(b *builder) {
				b.paid("o1", 1).wish(1, 0).refundRow("r1", history.RefundDone).row(history.OrderRefunded)
				o := b.paid("o2", 2).refund("r1").refundDone("r1")
				o.row(history.OrderPaid)
				b.stockRow("phone", 0, 0, 10)
			},
		},
		{
			name: "an order written down from two units to one, and nothing given back",
			want: Fail, why: "the buyer paid for two", by: "I2", rest: 8,
			story: func(b *builder) {
				o := b.orderOf("o1", 1, "phone", 2).payment("p1").captured().delivered(history.OK).isPaid()
				o.finalRow.Quantity, o.finalRow.Minor = 1, price
				b.stockRow("phone", 1, 0, 9)
			},
		},
		{
			name: "exact prices, and a discount that the row alone knows",
			want: Fail, why: "with exact prices the row's word is no discount", by: "I2", rest: 9,
			story: func(b *builder) {
				b.hist.Header.System.Prices = history.PricesExact
				b.pricedAt(price-1000, "CNY").finalRow.Discount = 1000
			},
		},
		{
			name: "exact prices, a coupon used, and the full price charged",
			want: Fail, why: "the coupon is worth something, and exact prices leave no room for a fee", by: "I2", rest: 9,
			story: func(b *builder) {
				b.hist.Header.System.Prices = history.PricesExact
				b.coupons(1000).paid("o1", 1).coupon("LAUNCH")
			},
		},
		{
			name: "a settled payment of no order, which the channel does not know",
			want: Fail, why: "the shop counts money that never came", by: "I10", rest: 9,
			story: func(b *builder) {
				b.paid("o1", 1)
				row := history.PaymentRow{Payment: "ghost", Minor: price, Currency: "CNY", State: history.PaymentCaptured}
				b.paymentRow(row)
				for _, order := range append(numbered("x", 9), "o1") {
					row.Payment, row.Order = "p-"+order, order
					b.paymentRow(row)
				}
			},
		},
		{
			name: "another order's signed message, and the goods given",
			want: Fail, why: "the signature is right, and nothing was captured for this order", by: "I2", rest: 8,
			story: func(b *builder) {
				b.paid("o1", 1)
				b.order("o2", 2, "phone").payment("p2").forged(history.ForgeryOtherOrder, price, history.OK).isPaid()
			},
		},
		{
			name: "the refund of an extra payment failed, as its row says",
			want: Fail, why: "a failed refund of extra money is owed, whoever may wait for a person", by: "I1", rest: 9,
			story: func(b *builder) {
				b.hist.Header.ReviewCap = 1
				b.paid("o1", 1).payment("p2").captured().delivered(history.OK).
					refund("r1").refundBroken("r1").refundRow("r1", history.RefundBroken)
			},
		},
		{
			name: "a sink refused a mail, and it was never sent again",
			want: Fail, why: "a refused effect is none", by: "I9",
			story: func(b *builder) {
				b.hist.Header.System.Sinks, b.hist.Header.System.OwedSinks = []string{"mail"}, []string{"mail"}
				for i, order := range numbered("y", 9) {
					b.paid(order, 200+i).sunk("mail", "k"+order)
				}
				b.paid("o1", 1).sinkRefused("mail", "k")
			},
		},
		{
			name: "one wish asked for twice, and refunded twice",
			want: Fail, why: "asked again it is the same wish", by: "I3", rest: 9,
			story: func(b *builder) {
				b.paid("o1", 1).wish(1, 1000).wish(1, 1000).gaveBack("r1", 1000).gaveBack("r2", 1000)
			},
		},
		{
			name: "a line refunded with the price of the other line",
			want: Fail, why: "more went back than the ended line cost", by: "I3", rest: 8,
			story: func(b *builder) {
				b.hist.Header.System.Legal.RestockRefunds = true
				o := b.phoneAndCase().gaveBack("r1", price)
				o.more[0].State = history.OrderRefunded
				b.stockRow("case", 10, 0, 0)
			},
		},
		{
			name: "a mail came late, and other work had the machine",
			want: Inconclusive, why: "lateness proves nothing there, and a scenario that demands the invariant is told so", by: "I9",
			story: func(b *builder) {
				b.hist.Header.System.Sinks, b.hist.Header.System.OwedSinks = []string{"mail"}, []string{"mail"}
				b.hist.Header.Required = append(b.hist.Header.Required, "I9")
				b.crowded()
				for i, order := range numbered("y", 9) {
					b.paid(order, 200+i).sunk("mail", "k"+order)
				}
				o := b.paid("o1", 1)
				b.halfAMinuteLateAfter(func() { o.sunk("mail", "k") })
			},
		},
		{
			name: "a paid order pending for ever, and other work had the machine",
			want: Inconclusive, why: "the shop's own database may be that work: nobody knows", by: "I7", rest: 9,
			story: func(b *builder) {
				b.crowded()
				b.order("o1", 1, "phone").payment("p1").captured().delivered(history.Refused).row(history.OrderPending)
				b.at(70_000)
			},
		},
		{
			name: "an extra payment given back, and nothing but orders and stock read",
			want: Inconclusive, why: "refunds are always judged, and were not read", by: "I3", rest: 9,
			story: func(b *builder) {
				b.unread(history.TableRefunds, history.TableGrants, history.TableCoupons,
					history.TableLedger, history.TableDiscrepancies, history.TableInbox, history.TablePayments)
				b.hist.Header.System.Grants = nil
				b.twicePaid()
			},
		},
		{
			name: "a forged message that tells the truth, refused",
			want: Pass, why: "the shop learns the truth by asking", rest: 9,
			story: func(b *builder) {
				b.order("o1", 1, "phone").payment("p1").captured().forged(history.ForgeryWrongKey, price, history.Refused).
					request("query", history.OK).isPaid()
			},
		},
		{
			name: "a deposit whose balance never came, given back",
			want: Pass, why: "the order ends with nothing captured and nothing sold", rest: 9,
			story: func(b *builder) {
				o := b.order("o1", 1, "phone").part("p1", 100000).asks("p2", price-100000).closed()
				o.on("p1").gaveBack("r1", 100000).told(history.OrderRefunded).row(history.OrderRefunded)
				b.stockRow("phone", 1, 0, 9)
				b.order("z", 99, "phone").told(history.OrderClosed).row(history.OrderClosed)
			},
		},
		{
			name: "deposit and balance, and a part refunded of the deposit as wished",
			want: Pass, why: "parts of a price stay parts when some of one goes back", rest: 9,
			story: func(b *builder) {
				b.order("o1", 1, "phone").part("p1", 100000).part("p2", price-100000).isPaid().on("p1").wish(1, 40000).gaveBack("r1", 40000)
			},
		},
		{
			name: "an extra payment refunded, and a wished part of the other",
			want: Pass, why: "both refunds have their reason", rest: 9,
			story: func(b *builder) {
				b.twicePaid().wish(1, 50000).on("p-o1").gaveBack("r1", 50000)
			},
		},
		{
			name: "one row of payments for each order, one of them paid at the second attempt",
			want: Pass, why: "a row without a payment's id is about the order's capture",
			story: func(b *builder) {
				b.order("o1", 1, "phone").payment("p1").declined().payment("p2").captured().delivered(history.OK).isPaid()
				b.others(9)
				for _, order := range append(numbered("y", 9), "o1") {
					b.paymentRow(history.PaymentRow{Order: order, Minor: price, Currency: "CNY", State: history.PaymentCaptured})
				}
			},
		},
		{
			name: "a refund refused by the channel at first, and made under a new number",
			want: Pass, why: "what is owed is given once", rest: 9,
			story: func(b *builder) {
				b.paid("o1", 1).wish(1, 0).request("refund", history.Refused).gaveBack("r2", price).row(history.OrderRefunded)
				b.stockRow("phone", 0, 0, 10)
			},
		},
		{
			name: "a success stored first, and applied three seconds later, as declared",
			want: Pass, why: "a shop may acknowledge what it has stored", rest: 9,
			story: func(b *builder) {
				b.hist.Header.System.Timers.Apply = 3 * time.Second
				o := b.order("o1", 1, "phone").payment("p1").captured().delivered(history.OK)
				b.at(4_000)
				o.told(history.OrderPending)
				b.at(6_000)
				o.isPaid()
			},
		},
		{
			name: "goods shipped, and all refunded as wished",
			want: Pass, why: "the buyer may keep what was sent", rest: 9,
			story: func(b *builder) {
				b.paid("o1", 1).wish(1, 0).gaveBack("r1", price).row(history.OrderShipped)
			},
		},
		{
			name: "a row that says what is left, after an extra payment and a wished part went back",
			want: Pass, why: "some shops write refunds into the amount", rest: 9,
			story: func(b *builder) {
				b.twicePaid().wish(1, 50000).on("p-o1").gaveBack("r1", 50000).finalRow.Minor = price - 50000
			},
		},
		{
			name: "cancelled after it was paid, refunded, and closed",
			want: Pass, why: "a closed order whose money is all back is at its end", rest: 9,
			story: func(b *builder) {
				b.hist.Header.System.Legal.RestockRefunds = true
				b.paid("o1", 1).op(history.OpCancel, history.OK, history.OrderClosed, "").gaveBack("r1", price).row(history.OrderClosed)
				b.stockRow("phone", 1, 0, 9)
				b.order("z", 99, "phone").told(history.OrderClosed).row(history.OrderClosed)
			},
		},
		{
			name: "a deposit, its balance declined once and then paid",
			want: Pass, why: "the declined attempt is no part", rest: 9,
			story: func(b *builder) {
				o := b.order("o1", 1, "phone").part("p1", 100000).asks("p2", price-100000)
				o.channel(history.Event{Kind: history.PaymentFailed, Minor: price - 100000}).part("p3", price-100000).isPaid()
			},
		},
		{
			name: "a coupon, with deposit and balance",
			want: Pass, why: "the parts add up to the price less the coupon", rest: 9,
			story: func(b *builder) {
				o := b.coupons(1000).order("o1", 1, "phone").part("p1", 100000).part("p2", price-101000).isPaid().coupon("LAUNCH")
				o.finalRow.Minor = price - 1000
			},
		},
		{
			name: "the first line refunded as wished, the second kept",
			want: Pass, why: "the order lives on in its other line", rest: 8,
			story: func(b *builder) {
				o := b.phoneAndCase()
				o.wish(1, price).gaveBack("r1", price).row(history.OrderRefunded)
				o.more[0].State = history.OrderPaid
				b.stockRow("phone", 0, 0, 9)
				b.stockRow("case", 9, 0, 1)
			},
		},
		{
			name: "a line ended, and its price refunded as wished",
			want: Pass, why: "one refund has two reasons", rest: 8,
			story: func(b *builder) {
				o := b.phoneAndCase().wish(1, price/2)
				o.gaveBack("r1", price/2)
				o.more[0].State = history.OrderRefunded
				b.stockRow("case", 9, 0, 1)
			},
		},
	}
}

// thirdRoundMended are those that the judge had wrong.
func thirdRoundMended() []stranger {
	return []stranger{
		{
			name: "paid twice, the extra refunded, a part wished, accepted and forgotten",
			want: Fail, why: "the refund of the extra payment is no answer to the wish: the promised part is owed", by: "I3", rest: 9,
			story: func(b *builder) {
				b.twicePaid().wish(1, price/4)
			},
		},
		{
			name: "paid twice, all of the price wished in two parts, the order refunded, one payment kept",
			want: Fail, why: "two payments were taken and one went back", by: "I3", rest: 9,
			story: func(b *builder) {
				o := b.paid("o1", 1).payment("p2").captured().delivered(history.OK).wish(1, price*3/5).wish(2, price-price*3/5).on("p-o1").gaveBack("r1", price*3/5).gaveBack("r2", price-price*3/5)
				o.told(history.OrderRefunded).row(history.OrderRefunded)
				b.stockRow("phone", 0, 0, 10)
			},
		},
		{
			name: "more captured than asked for, the difference given back, the same sum wished and forgotten",
			want: Fail, why: "the difference was owed before anybody wished", by: "I3", rest: 9,
			story: func(b *builder) {
				o := b.order("o1", 1, "phone").payment("p1").capturedMinor(price + 50000).delivered(history.OK).isPaid()
				o.gaveBack("r1", 50000).wish(1, 50000)
			},
		},
		{
			name: "a wish accepted, its refund refused by the channel once, and forgotten",
			want: Fail, why: "what the shop accepts it owes, and no row and no review says that a person sees to it", by: "I3", rest: 9,
			story: func(b *builder) {
				b.paid("o1", 1).wish(1, 0).request("refund", history.Refused)
			},
		},
		{
			name: "a wish accepted, the request for its refund unanswered, and forgotten",
			want: Fail, why: "an unknown answer is to be resolved, D16", by: "I3", rest: 9,
			story: func(b *builder) {
				b.paid("o1", 1).wish(1, 0).request("refund", history.Unknown)
			},
		},
		{
			name: "a wish accepted, refused by the channel, booked as failed, and no order may wait for a person",
			want: Fail, why: "it is the same as a refund that failed at the channel, which counts as review", by: "I13", rest: 9,
			story: func(b *builder) {
				b.paid("o1", 1).wish(1, 0).request("refund", history.Refused).refundRow("r1", history.RefundBroken)
			},
		},
		{
			name: "a late order paid twice, both refunded, and goods sent",
			want: Fail, why: "it was never sold, however often it was paid", by: "I9", rest: 10,
			story: func(b *builder) {
				b.hist.Header.System.Sinks = []string{"ship"}
				o := b.order("o1", 1, "phone").payment("p1").payment("p2").on("p1").closed().on("p2").closed().told(history.OrderClosed)
				o.on("p1").captured().delivered(history.OK).on("p2").captured().delivered(history.OK)
				o.on("p1").gaveBack("r1", price).on("p2").gaveBack("r2", price).row(history.OrderRefunded).sunk("ship", "k1")
			},
		},
		{
			name: "a late order paid twice, both refunded, and a unit counted as sold",
			want: Fail, why: "it was never sold, so that it holds no unit", by: "I4", rest: 9,
			story: func(b *builder) {
				o := b.order("o1", 1, "phone").payment("p1").payment("p2").on("p1").closed().on("p2").closed().told(history.OrderClosed)
				o.on("p1").captured().delivered(history.OK).on("p2").captured().delivered(history.OK)
				o.on("p1").gaveBack("r1", price).on("p2").gaveBack("r2", price).row(history.OrderRefunded)
				b.stockRow("phone", 0, 0, 10)
			},
		},
		{
			name: "a late order in refunding, and goods sent",
			want: Fail, why: "it was never sold, and its money is on its way back", by: "I9", rest: 10,
			story: func(b *builder) {
				b.hist.Header.System.Sinks = []string{"ship"}
				b.order("o1", 1, "phone").payment("p1").closed().told(history.OrderClosed).captured().delivered(history.OK).
					refund("r1").refundRow("r1", history.RefundPending).row(history.OrderRefunding).sunk("ship", "k1")
			},
		},
		{
			name: "a coupon of the sale used, and coupons not read",
			want: Inconclusive, why: "nobody can say that no coupon was used", by: "I2", rest: 9,
			story: func(b *builder) {
				b.coupons(1000).unread(history.TableCoupons)
				b.pricedAt(price-1000, "CNY")
			},
		},
		{
			name: "the shop writes its currency in small letters",
			want: Pass, why: "it is the same currency, as Stripe writes it", rest: 9,
			story: func(b *builder) {
				b.paid("o1", 1).finalRow.Currency = "cny"
			},
		},
	}
}
