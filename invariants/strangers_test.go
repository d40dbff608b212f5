package invariants

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/paystorm/paystorm/history"
	"github.com/paystorm/paystorm/money"
)

// stranger is a whole history, and what the judge must say of it.
type stranger struct {
	name  string
	story func(b *builder)
	want  Result
	by    string // an invariant that is violated or unknown; "" none is violated
	rest  int    // units that other buyers buy without trouble
	late  func(b *builder)
	why   string // in words, where the story does not say it
}

// TestHistoriesOfStrangers judges whole histories whose rows lie, whose tables are missing, and whose shops are unlike ours. Before
// the judge was mended each of them passed although money or goods were lost, or failed although the shop was right.
func TestHistoriesOfStrangers(t *testing.T) {
	const mail = "mail"
	sunk := func(b *builder) {
		b.hist.Header.System.Sinks, b.hist.Header.System.OwedSinks = []string{mail}, []string{mail}
	}
	asked := func(b *builder, what string, outcome history.Outcome, detail string) {
		b.event(history.Event{Source: history.SourceProbe, Kind: history.ShopAsked, State: what, Outcome: outcome, Detail: detail})
	}
	tests := []stranger{
		{name: "a short capture is written into the row", want: Fail, by: "I2", rest: 9, story: func(b *builder) {
			o := b.order("o1", 1, "phone").payment("p1").capturedMinor(1).delivered(history.OK).told(history.OrderPaid).row(history.OrderPaid).grant("points", 49)
			o.finalRow.Minor = 1
		}},
		{name: "twice the price is captured and written into the row", want: Fail, by: "I2", rest: 9, story: func(b *builder) {
			o := b.order("o1", 1, "phone").payment("p1").capturedMinor(2*price).delivered(history.OK).told(history.OrderPaid).row(history.OrderPaid).grant("points", 49)
			o.finalRow.Minor = 2 * price
		}},
		{name: "everything says one fen", want: Fail, by: "I2", rest: 9, story: func(b *builder) { b.pricedAt(1, "CNY") }},
		{name: "everything says half the price", want: Fail, by: "I2", rest: 9, story: func(b *builder) { b.pricedAt(price/2, "CNY") }},
		{name: "shipping on every order", want: Pass, rest: 9, story: func(b *builder) { b.pricedAt(price+1500, "CNY") }},
		{name: "two mails, and grants are not probed", want: Fail, by: "I9", rest: 9, story: func(b *builder) {
			sunk(b)
			b.unread(history.TableGrants).hist.Header.System.Grants = nil
			b.hist.Header.System.OwedSinks = nil
			b.order("o1", 1, "phone").payment("p1").captured().delivered(history.OK).told(history.OrderPaid).row(history.OrderPaid).sunk(mail, "k1").sunk(mail, "k2")
		}},
		{name: "half of the mails are missing", want: Fail, by: "I9", story: func(b *builder) {
			sunk(b)
			for i := range 10 {
				if o := b.paid(fmt.Sprintf("o%d", i), i+1); i < 5 {
					o.sunk(mail, fmt.Sprintf("k%d", i))
				}
			}
		}},
		{name: "no mail at all", want: Fail, by: "I9", rest: 10, story: sunk},
		{name: "a sold unit too many beside a late order that was refunded", want: Fail, by: "I4", rest: 8, story: func(b *builder) {
			b.paid("o1", 1)
			b.order("o2", 2, "phone").payment("p2").closed().told(history.OrderClosed).captured().delivered(history.OK).refund("r2").
				refundDone("r2").row(history.OrderRefunded).refundRow("r2", history.RefundDone)
			b.stockRow("phone", 0, 0, 10)
		}},
		{name: "one refund number, two payments, two rows", want: Pass, rest: 9, story: func(b *builder) {
			b.oneNumber().refundRow("R", history.RefundDone).on("p1").refundRow("R", history.RefundDone).row(history.OrderRefunded)
			b.stockRow("phone", 0, 0, 10)
		}},
		{name: "one refund number, two payments, one row", want: Fail, by: "I3", rest: 9, story: func(b *builder) {
			b.oneNumber().on("p1").refundRow("R", history.RefundDone).row(history.OrderRefunded)
			b.stockRow("phone", 0, 0, 10)
		}},
		{name: "twelve of ten sold, and the stock is waived", want: Fail, by: "I4", rest: 12, story: func(b *builder) {
			b.unread(history.TableStock).hist.Header.Waived = []history.Waiver{{Invariant: "stock", Reason: "the stock is in another system"}}
		}},
		{name: "the shop's own ledger and reconciliation are wrong", want: Fail, by: "I10", rest: 9, story: func(b *builder) {
			b.paid("o1", 1)
			b.final.Books.Ledger = []history.LedgerRow{{Entry: "e1", Account: "cash", Order: "o1", Minor: 99999999, Currency: "CNY"}}
			b.final.Books.Discrepancies = []history.DiscrepancyRow{{Kind: "missing", Order: "o1", Minor: price}}
		}},
		{name: "refunded in the shop alone, and refunds are not probed", want: Fail, by: "I3", rest: 10, story: func(b *builder) {
			b.unread(history.TableRefunds)
			b.unseen("o1", 1, "phone", 1).payment("p1").captured().delivered(history.OK).row(history.OrderRefunded)
		}},
		{
			name: "paid twice just before the books were read", want: Inconclusive, by: "I1", rest: 9,
			story: func(b *builder) { b.paid("o1", 1) },
			late:  func(b *builder) { b.orders[0].payment("p2").captured() },
		},
		{name: "one coupon on two orders, and nothing declares it", want: Inconclusive, by: "I2", rest: 8, story: func(b *builder) {
			b.paid("o1", 1).coupon("ONCE-ONLY")
			b.paid("o2", 2).coupon("ONCE-ONLY")
		}},
		{name: "one coupon on two orders, for one", want: Fail, by: "I12", rest: 8, story: func(b *builder) {
			b.hist.Header.Coupons = []history.Coupon{{Code: "ONCE-ONLY", Off: money.Amount{Minor: 1, Currency: "CNY"}, Uses: 1}}
			b.paid("o1", 1).coupon("ONCE-ONLY")
			b.paid("o2", 2).coupon("ONCE-ONLY")
		}},
		{name: "an order that nobody placed, paid by a coupon that nobody gave", want: Inconclusive, by: "I2", rest: 9, story: func(b *builder) {
			o := b.unseen("ghost", 77, "phone", 1).row(history.OrderPaid).coupon("c").grant("points", 49)
			o.finalRow.Minor = 0
		}},
		{name: "five hundred sold before, and no baseline", want: Inconclusive, by: "I4", story: func(b *builder) {
			b.hist.Readings = nil
			b.paid("o1", 1)
			b.stockRow("phone", 9, 0, 501)
		}},
		{
			name: "a job that takes long, while the shop answers", want: Inconclusive, by: "I13", rest: 9,
			story: func(b *builder) { b.paid("o1", 1) },
			late: func(b *builder) {
				asked(b, "job reconcile", history.Unknown, "timeout")
				b.hist.Events[len(b.hist.Events)-1].Reason = history.ReasonOpenAtBound
				asked(b, "ready", history.OK, "")
			},
		},
		{
			name: "a job answers 500 and the shop 503 for ever", want: Fail, by: "I13", rest: 9,
			story: func(b *builder) { b.paid("o1", 1) },
			late: func(b *builder) {
				asked(b, "job reconcile", history.Refused, "500")
				asked(b, "ready", history.Refused, "503")
			},
		},
		{name: "mails that name no order", want: Inconclusive, by: "I9", rest: 9, story: func(b *builder) {
			b.hist.Header.Required = append(b.hist.Header.Required, "I9")
			b.hist.Header.System.Sinks = []string{mail}
			b.paid("o1", 1)
			for _, key := range []string{"k1", "k2", ""} {
				b.event(history.Event{Source: history.SourceSink, Kind: history.SinkReceived, State: mail, Key: key})
			}
		}},
		{name: "a small imbalance in a checkpoint, and five units oversold", want: Fail, by: "I4", rest: 15, story: func(b *builder) {
			reading := b.checkpoint()
			reading.Tables, reading.Books = []history.Table{history.TableStock}, history.Books{Stock: []history.StockRow{{SKU: "phone", Available: 9}}}
			b.stockRow("phone", 0, 0, 10)
		}},
		{name: "deposit and balance", want: Pass, rest: 9, story: func(b *builder) {
			o := b.order("o1", 1, "phone").on("p1").channel(history.Event{Kind: history.PaymentCreated, Minor: 100000}).capturedMinor(100000).delivered(history.OK)
			o.on("p2").channel(history.Event{Kind: history.PaymentCreated, Minor: price - 100000}).capturedMinor(price - 100000).delivered(history.OK)
			o.told(history.OrderPaid).row(history.OrderPaid).grant("points", 49)
		}},
		{name: "free by promotion, and coupons are not probed", want: Inconclusive, by: "I2", rest: 9, story: func(b *builder) {
			b.unread(history.TableCoupons)
			b.order("o1", 1, "phone").told(history.OrderPaid).row(history.OrderPaid).grant("points", 49).finalRow.Minor = 0
		}},
		{name: "free by promotion, in a shop with prices of its own", want: Pass, rest: 9, story: func(b *builder) {
			b.hist.Header.System.Prices = history.PricesOwn
			b.unread(history.TableCoupons)
			b.order("o1", 1, "phone").told(history.OrderPaid).row(history.OrderPaid).grant("points", 49).finalRow.Minor = 0
		}},
		{name: "a unit on its way between two services in a checkpoint", want: Pass, rest: 9, story: func(b *builder) {
			reading := b.checkpoint()
			reading.Tables, reading.Books = []history.Table{history.TableStock}, history.Books{Stock: []history.StockRow{{SKU: "phone", Available: 9}}}
			b.paid("o1", 1)
		}},
		{name: "told sold out while refused orders still hold", want: Pass, rest: 10, story: func(b *builder) {
			b.hist.Header.System.Timers.Expiry = 0
			b.hist.Header.System.Timers = history.Timers{}
			for i := range 9 {
				b.unseen("", 200+i, "phone", 1).op(history.OpOrder, history.Refused, "", "payment_provider_down")
			}
			b.unseen("", 300, "phone", 2).op(history.OpOrder, history.Refused, "", history.ReasonSoldOut)
		}},
		{name: "a first attempt in another currency, then paid and closed", want: Fail, by: "I7", rest: 9, story: func(b *builder) {
			o := b.order("o1", 1, "phone").on("p1").channel(history.Event{Kind: history.PaymentCreated, Minor: 70000, Currency: "USD"})
			o.channel(history.Event{Kind: history.PaymentFailed, Minor: 70000, Currency: "USD"})
			o.payment("p2").captured().delivered(history.Unknown).row(history.OrderClosed)
		}},
		{name: "paid twice, and a fee column explains it", want: Fail, by: "I1", rest: 9, story: func(b *builder) {
			o := b.paid("o1", 1).payment("p2").captured().delivered(history.OK)
			o.finalRow.Fee, o.finalRow.Minor = price, 2*price
		}},
		{name: "charged twice the price by a fee beyond its bound", want: Fail, by: "I2", rest: 9, story: func(b *builder) {
			b.hist.Header.System.FeeMost, b.hist.Header.System.Prices = money.Amount{Minor: 1500, Currency: "CNY"}, history.PricesExact
			b.pricedAt(2*price, "CNY").finalRow.Fee = price
		}},
		{name: "two paid for, one in the books", want: Fail, by: "I2", rest: 8, story: func(b *builder) {
			b.orderOf("o1", 1, "phone", 2).payment("p1").captured().delivered(history.OK).told(history.OrderPaid).
				row(history.OrderPaid).grant("points", 49).finalRow.Quantity = 1
		}},
		{name: "a refund promised, and failed in the shop's books alone", want: Fail, by: "I3", rest: 9, story: func(b *builder) {
			b.paid("o1", 1).wish(1, 0).refundRow("r1", history.RefundBroken)
		}},
		{name: "nine units written off by nobody", want: Fail, by: "I4", rest: 1, story: func(b *builder) {
			b.stock["phone"] = history.StockRow{SKU: "phone", Sold: 1, WrittenOff: 9}
		}},
		{name: "an order number of before the run, charged and closed", want: Fail, by: "I7", rest: 9, story: func(b *builder) {
			b.hist.Readings[0].Books.Orders = []history.OrderRow{{Order: "o1", SKU: "phone", Quantity: 1, Minor: price, State: history.OrderClosed}}
			b.order("o1", 1, "phone").payment("p1").captured().delivered(history.OK).row(history.OrderClosed)
		}},
		{name: "a lopsided row in a ledger's entry of before the run", want: Fail, by: "I10", rest: 9, story: func(b *builder) {
			old := []history.LedgerRow{{Entry: "day", Account: "cash", Minor: 5, Currency: "CNY"}, {Entry: "day", Account: "sales", Minor: -5, Currency: "CNY"}}
			b.hist.Readings[0].Books.Ledger = old
			b.final.Books.Ledger = append(slices.Clone(old), history.LedgerRow{Entry: "day", Account: "cash", Minor: 100000, Currency: "CNY"})
		}},
		{name: "a refund less a fee, as wished", want: Pass, rest: 9, story: func(b *builder) {
			b.paid("o1", 1).wish(1, price-100).refundMinor("r1", price-100).refundDone("r1").refundRow("r1", history.RefundDone).row(history.OrderRefunded)
			b.stockRow("phone", 0, 0, 10)
		}},
		{name: "shipping paid by itself", want: Pass, rest: 9, story: func(b *builder) {
			b.hist.Header.System.FeeMost = money.Amount{Minor: 1500, Currency: "CNY"}
			o := b.paid("o1", 1).on("p2").channel(history.Event{Kind: history.PaymentCreated, Minor: 1500}).capturedMinor(1500).delivered(history.OK)
			o.finalRow.Minor += 1500
		}},
		{name: "a refund row in a state of its own", want: Inconclusive, by: "I3", rest: 9, story: func(b *builder) {
			o := b.paid("o1", 1)
			o.channel(history.Event{Kind: history.RefundCreated, Refund: "c1", Minor: price / 2}).
				channel(history.Event{Kind: history.RefundSucceeded, Refund: "c1", Minor: price / 2})
			b.final.Books.Refunds = append(b.final.Books.Refunds, history.RefundRow{MerchantRefund: "other", Order: "o1", Minor: price / 2, State: "weird"})
		}},
	}
	judgeStrangers(t, slices.Concat(tests, secondRound()))
}

// judgeStrangers asks the judge of each history.
func judgeStrangers(t *testing.T, strangers []stranger) {
	t.Helper()
	for _, test := range strangers {
		t.Run(test.name, func(t *testing.T) {
			if verdict, problem := test.judge(t); problem != "" {
				t.Errorf("%s; %s: %q", problem, test.why, verdict.Reasons)
			}
		})
	}
}

// judge is the verdict of the stranger's history, and what is wrong with it, "" if nothing is.
func (s stranger) judge(t *testing.T) (verdict Verdict, problem string) {
	t.Helper()
	b := newHistory(t)
	b.hist.Header.Required = []string{"I4"}
	s.story(b)
	owed := len(b.hist.Header.System.OwedSinks) > 0 && s.want != Fail
	for i := range s.rest {
		if o := b.paid(fmt.Sprintf("x%d", i), 100+i); owed {
			o.sunk("mail", fmt.Sprintf("kx%d", i))
		}
	}
	if b.now < 30*history.Time(time.Second) {
		b.at(30_000)
	}
	if s.late != nil {
		s.late(b)
	}
	verdict = Judge(b.history())
	if verdict.Verdict != s.want {
		return verdict, fmt.Sprintf("want %s, got %s", s.want, verdict.Verdict)
	}
	var red []string
	for _, result := range verdict.Invariants {
		if result.Status == Violated || result.Status == NotKnown {
			red = append(red, result.ID)
		}
	}
	if s.by != "" && !slices.Contains(red, s.by) {
		return verdict, fmt.Sprintf("want %s to say so, got %v", s.by, red)
	}
	return verdict, ""
}
