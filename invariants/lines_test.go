package invariants

import (
	"testing"

	"github.com/paystorm/paystorm/history"
	"github.com/paystorm/paystorm/money"
)

// twoItems puts a second item on sale, at half a phone's price.
func (b *builder) twoItems(phones, cases int64) {
	b.hist.Header.Sale[0].Stock = phones
	b.hist.Header.Sale = append(b.hist.Header.Sale, history.Item{
		SKU: "case", Stock: cases, Price: money.Amount{Minor: price / 2, Currency: "CNY"},
	})
	b.baseline(history.StockRow{SKU: "phone", Available: phones}, history.StockRow{SKU: "case", Available: cases})
}

// bundles is two orders, each of a phone and two cases, in flight at once; the first is paid.
func (b *builder) bundles() *orderBuilder {
	first, second := b.unseen("o1", 1, "phone", 1).with("case", 2), b.unseen("o2", 2, "phone", 1).with("case", 2)
	first.opBetween(history.OpOrder, history.OK, history.OrderPending, "", b.now, b.now+4*tick)
	second.opBetween(history.OpOrder, history.OK, history.OrderPending, "", b.now+tick, b.now+5*tick)
	b.now += 6 * tick
	first.payment("p1").captured().delivered(history.OK).row(history.OrderPaid)
	return second.payment("p2")
}

// bundleSentAway is an order of both items that was answered with "sold out".
func (b *builder) bundleSentAway() {
	b.unseen("", 9, "phone", 1).with("case", 1).op(history.OpOrder, history.Refused, "", history.ReasonSoldOut)
}

func TestStockOfOrdersWithTwoLines(t *testing.T) {
	judgeCases(t, stockConserved(), []judgement{
		{name: "both paid", story: func(b *builder) {
			b.twoItems(2, 4)
			b.bundles().captured().row(history.OrderPaid)
		}},
		{name: "one closed, and both its items free", story: func(b *builder) {
			b.twoItems(10, 10)
			b.bundles().row(history.OrderClosed)
		}},
		{name: "sent away because one of the two is gone", story: func(b *builder) {
			b.twoItems(10, 4)
			b.bundles().captured().row(history.OrderPaid)
			b.bundleSentAway()
		}},
		{name: "an order that only the books know", story: func(b *builder) {
			b.twoItems(10, 10)
			b.bundles().row(history.OrderClosed)
			b.unseen("o3", 3, "phone", 1).with("case", 1).payment("p3").captured().row(history.OrderPaid)
		}},
		{name: "books that name no SKU", story: func(b *builder) {
			b.twoItems(10, 10)
			o := b.bundles().captured()
			for _, order := range b.orders {
				order.row(history.OrderPaid).finalRow.SKU, order.more = "", nil
			}
			o.finalRow.Quantity = 0
			b.stockRow("phone", 8, 0, 2)
			b.stockRow("case", 6, 0, 4)
		}},

		{name: "more of the second than there were", violated: "more units bought than there were", story: func(b *builder) {
			b.twoItems(10, 3)
			b.bundles().captured().row(history.OrderPaid)
			b.stockRow("case", 0, 0, 3)
		}},
		{name: "more of the second in a checkpoint", violated: "more units bought than there were", story: func(b *builder) {
			b.twoItems(10, 3)
			o := b.bundles().captured()
			rows := append(b.orders[0].rows(history.OrderPaid), o.rows(history.OrderPaid)...)
			b.checkpoint(rows...).Books.Stock = []history.StockRow{{SKU: "phone", Available: 8, Sold: 2}, {SKU: "case", Sold: 3}}
			o.refund("r").refundDone("r").row(history.OrderRefunded)
			b.stockRow("case", 0, 0, 3)
		}},
		{name: "more of the second told paid", violated: "more units told paid than there were", story: func(b *builder) {
			b.twoItems(10, 3)
			b.bundles().captured().told(history.OrderPaid).row(history.OrderClosed)
			b.orders[0].told(history.OrderPaid)
			b.stockRow("case", 0, 0, 3)
		}},
		{name: "the second is not taken from the stock", violated: "units bought that the stock does not count as sold", story: func(b *builder) {
			b.twoItems(10, 10)
			b.bundles().captured().row(history.OrderPaid)
			b.stockRow("case", 8, 0, 2)
		}},
		{name: "the second is not released", violated: "units reserved that no live order holds", story: func(b *builder) {
			b.twoItems(10, 10)
			b.bundles().row(history.OrderClosed)
			b.stockRow("case", 6, 2, 2)
		}},
		{name: "an order that lost a line in the books", violated: "units sold that no order bought", story: func(b *builder) {
			b.twoItems(10, 10)
			o := b.bundles().captured().row(history.OrderPaid)
			b.stockRow("case", 6, 0, 4)
			o.more = nil
		}},
		{name: "sent away although both remained", violated: "told sold out while stock remained", story: func(b *builder) {
			b.twoItems(10, 10)
			b.bundles().row(history.OrderClosed)
			b.bundleSentAway()
		}},
	})
}

func TestPriceOfOrdersWithTwoLines(t *testing.T) {
	const shiftedPrice = "charged in another unit of money than the sale's"
	judgeCases(t, paidMeansCaptured(), []judgement{
		{name: "the sum of both", idle: true, story: func(b *builder) {
			b.twoItems(10, 10)
			b.bundles().captured().row(history.OrderPaid)
		}},
		{name: "a hundredth of the sum", violated: shiftedPrice, story: func(b *builder) {
			b.twoItems(10, 10)
			o := b.bundles()
			o.channel(history.Event{Kind: history.PaymentCreated, Payment: "p3", Minor: o.total() / 100}).on("p3").
				capturedMinor(o.total() / 100).row(history.OrderPaid)
			o.finalRow.Minor = o.total() / 100
		}},
		{name: "more of the second than was ordered", violated: "charged for more units than were ordered", story: func(b *builder) {
			b.twoItems(10, 10)
			o := b.bundles().captured()
			charged := o.total()
			o.more[0].Quantity = 3
			o.row(history.OrderPaid).finalRow.Minor = charged
		}},
	})
}
