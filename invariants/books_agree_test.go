package invariants

import (
	"fmt"
	"testing"
	"time"

	"github.com/paystorm/paystorm/history"
)

const atChannel = "provider"

// booked is a double entry of an order: what the channel's account gets, and its other side. fee is kept by the channel.
func (b *builder) booked(entry, order string, minor, fee int64) *builder {
	rows := []history.LedgerRow{
		{Entry: entry, Account: atChannel, Order: order, Minor: minor, Currency: "CNY"},
		{Entry: entry, Account: "sales", Order: order, Minor: -minor - fee, Currency: "CNY"},
	}
	if fee != 0 {
		rows = append(rows, history.LedgerRow{Entry: entry, Account: "fees", Order: order, Minor: fee, Currency: "CNY"})
	}
	b.final.Books.Ledger = append(b.final.Books.Ledger, rows...)
	return b
}

func (b *builder) paymentRow(rows ...history.PaymentRow) *builder {
	b.final.Books.Payments = append(b.final.Books.Payments, rows...)
	return b
}

func (b *builder) report(rows ...history.DiscrepancyRow) *builder {
	b.final.Books.Discrepancies = append(b.final.Books.Discrepancies, rows...)
	return b
}

// served hands out a bill of these rows. Each row is one of the bill's own contents.
func (b *builder) served(name string, rows ...history.Event) *builder {
	cut, first := b.now+1, b.seq["bill"]+1
	for _, row := range rows {
		row.Source, row.Kind, row.Version = history.SourceBill, history.BillRow, int64(b.next("bill"))
		b.event(row)
	}
	return b.event(history.Event{
		Source: history.SourceBill, Kind: history.BillServed, Key: name + "#1", IntendedAt: cut, Outcome: history.OK,
		Count: int64(len(rows)), Detail: fmt.Sprintf("%d-%d", first, b.seq["bill"]),
	})
}

// took and gave are the true rows of the order's latest payment, and of a refund of it.
func (o *orderBuilder) took() history.Event {
	for _, e := range o.b.hist.Events {
		if e.Kind == history.PaymentSucceeded && e.Payment == o.current {
			return history.Event{
				Order: o.order, Payment: e.Payment, Minor: e.Minor, Currency: "CNY", State: history.BillCapture,
				Reason: history.RefundDone, IntendedAt: e.At,
			}
		}
	}
	o.b.t.Fatalf("%s was never captured", o.current)
	return history.Event{}
}

func (o *orderBuilder) gave(number, state string) history.Event {
	for _, e := range o.b.hist.Events {
		if e.Kind == history.RefundCreated && e.MerchantRefund == number {
			return history.Event{
				Order: o.order, Payment: e.Payment, Refund: e.Refund, MerchantRefund: number, Minor: e.Minor, Currency: "CNY",
				State: history.BillRefund, Reason: state, IntendedAt: e.At,
			}
		}
	}
	o.b.t.Fatalf("there is no refund %s", number)
	return history.Event{}
}

// declared is a run in which the shop has said which account is the channel's.
func declared(t testing.TB) *builder {
	b := newHistory(t)
	b.hist.Header.System.ChannelAccounts = []string{atChannel}
	return b
}

// sold is an order that goes well although the first message of its success has no answer, and booked is in its ledger.
func (b *builder) sold(order, payment string, buyer int) *orderBuilder {
	return b.order(order, buyer, "phone").payment(payment).captured().delivered(history.Unknown).delivered(history.OK).
		told(history.OrderPaid).row(history.OrderPaid)
}

func TestDoubleEntry(t *testing.T) {
	b := declared(t)
	b.sold("o1", "p1", 1)
	wantHeld(t, b.booked("e1", "o1", price, 100).at(30000).find(booksAgree()))

	b = declared(t)
	b.sold("o1", "p1", 1)
	b.booked("e1", "o1", price, 0)
	b.final.Books.Ledger = append(b.final.Books.Ledger, history.LedgerRow{Entry: "e2", Account: "cash", Order: "o1", Minor: 100, Currency: "CNY"})
	found := wantViolated(t, b.at(30000).find(booksAgree()), "an entry of the shop's ledger does not add up")
	if found.Net.Minor != 100 || found.Order != "o1" {
		t.Errorf("%+v", found)
	}

	b = declared(t) // two currencies of one entry do not make up for each other
	b.sold("o1", "p1", 1)
	b.booked("e1", "o1", price, 0)
	b.final.Books.Ledger[1].Currency = "USD"
	if found := b.at(30000).find(booksAgree()); len(found.Violations) != 2 {
		t.Errorf("%+v", found.Violations)
	}

	b = declared(t) // what was there before the run is not its business
	b.hist.Readings[0].Books.Ledger = []history.LedgerRow{{Entry: "e0", Account: "cash", Minor: 5, Currency: "CNY"}}
	b.final.Books.Ledger = append(b.final.Books.Ledger, b.hist.Readings[0].Books.Ledger...)
	b.sold("o1", "p1", 1)
	wantHeld(t, b.booked("e1", "o1", price, 0).at(30000).find(booksAgree()))
}

func TestLedgerAgrees(t *testing.T) {
	tests := []struct {
		name, want string
		net        int64
		tell       func(*builder)
	}{
		{"not in the ledger", "captured at the channel, not in the shop's ledger", price, func(b *builder) { b.sold("o1", "p1", 1) }},
		{"booked twice", "the shop's ledger has more than the channel", price, func(b *builder) {
			b.sold("o1", "p1", 1)
			b.booked("e1", "o1", price, 0).booked("e2", "o1", price, 0)
		}},
		{"yuan for fen", "the shop's ledger has less than the channel", price - price/100, func(b *builder) {
			b.sold("o1", "p1", 1)
			b.booked("e1", "o1", price/100, 0)
		}},
		{"a refund is not booked", "the shop's ledger has more than the channel", price, func(b *builder) {
			b.sold("o1", "p1", 1).refund("r1").refundDone("r1").row(history.OrderRefunded).refundRow("r1", history.RefundDone)
			b.booked("e1", "o1", price, 0)
		}},
		{"never captured", "booked in the shop's ledger, never captured at the channel", price, func(b *builder) {
			b.order("o1", 1, "phone").payment("p1").row(history.OrderClosed)
			b.booked("e1", "o1", price, 0)
		}},
		{"of no order that there is", "booked in the shop's ledger, never captured at the channel", price, func(b *builder) {
			b.sold("o1", "p1", 1)
			b.booked("e1", "o1", price, 0).booked("e2", "o19", price, 0)
		}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			b := declared(t)
			test.tell(b)
			if found := wantViolated(t, b.at(30000).find(booksAgree()), test.want); found.Net.Minor != test.net {
				t.Errorf("%d at risk, want %d", found.Net.Minor, test.net)
			}
		})
	}
}

func TestLedgerMayDiffer(t *testing.T) {
	for _, withRefund := range []bool{false, true} { // a refund that is pending at the channel may stand in it or not
		b := declared(t)
		b.sold("o1", "p1", 1).refund("r1").row(history.OrderRefunding).refundRow("r1", history.RefundPending)
		b.booked("e1", "o1", price, 0)
		if withRefund {
			b.booked("e2", "o1", -price, 0)
		}
		found := b.at(30000).find(booksAgree())
		wantHeld(t, found)
		if len(found.Pending) != 1 {
			t.Errorf("pending %v", found.Pending)
		}
	}
	b := declared(t) // a fee is another account's
	b.sold("o1", "p1", 1)
	wantHeld(t, b.booked("e1", "o1", price, 3000).at(30000).find(booksAgree()))

	b = declared(t) // a part went back
	b.sold("o1", "p1", 1).refundMinor("r1", 1000).refundDone("r1").refundRow("r1", history.RefundDone)
	wantHeld(t, b.booked("e1", "o1", price, 0).booked("e2", "o1", -1000, 0).at(30000).find(booksAgree()))

	b = newHistory(t) // nobody has said which account it is
	b.sold("o1", "p1", 1)
	b.booked("e1", "o1", 1, 0)
	wantHeld(t, b.at(30000).find(booksAgree()))
}

func TestPaymentsAgree(t *testing.T) {
	row := func(state string) history.PaymentRow {
		return history.PaymentRow{Payment: "p1", Order: "o1", Minor: price, Currency: "CNY", State: state}
	}
	with := func(r history.PaymentRow, change func(*history.PaymentRow)) history.PaymentRow { change(&r); return r }
	captured := row(history.PaymentCaptured)
	tests := []struct {
		name, want string
		tell       func(*builder)
	}{
		{"another amount", "captured another amount at the channel than in the shop's payments", func(b *builder) {
			b.sold("o1", "p1", 1)
			b.paymentRow(with(captured, func(r *history.PaymentRow) { r.Minor = 7 }))
		}},
		{"another currency", "captured in another currency at the channel than in the shop's payments", func(b *builder) {
			b.sold("o1", "p1", 1)
			b.paymentRow(with(captured, func(r *history.PaymentRow) { r.Currency = "USD" }))
		}},
		{"never captured", "captured in the shop's payments, never captured at the channel", func(b *builder) {
			b.order("o1", 1, "phone").payment("p1").row(history.OrderClosed)
			b.paymentRow(captured)
		}},
		{"a payment that is none", "captured in the shop's payments, never captured at the channel", func(b *builder) {
			b.sold("o1", "p1", 1)
			b.paymentRow(captured, with(captured, func(r *history.PaymentRow) { r.Payment = "pX" }))
		}},
		{"two rows", "one payment of the channel, captured more than once in the shop's payments", func(b *builder) {
			b.sold("o1", "p1", 1)
			b.paymentRow(captured, captured)
		}},
		{"two rows without its id", "one payment of the channel, captured more than once in the shop's payments", func(b *builder) {
			b.sold("o1", "p1", 1)
			nameless := with(captured, func(r *history.PaymentRow) { r.Payment = "" })
			b.paymentRow(nameless, nameless)
		}},
		{"closed", "captured at the channel, closed in the shop's payments, not refunded", func(b *builder) {
			b.order("o1", 1, "phone").payment("p1").captured().row(history.OrderClosed)
			b.paymentRow(row(history.PaymentDead))
		}},
		{"refunded", "refunded in the shop's payments, not in full at the channel", func(b *builder) {
			b.sold("o1", "p1", 1)
			b.paymentRow(row(history.PaymentRefunded))
		}},
		{"refunded in part", "refunded in the shop's payments, not in full at the channel", func(b *builder) {
			b.sold("o1", "p1", 1).refundMinor("r1", 1000).refundDone("r1").refundRow("r1", history.RefundDone)
			b.paymentRow(row(history.PaymentRefunded))
		}},
		{"an order that is not there", "a settled payment in the shop, its order not in the books", func(b *builder) {
			b.order("o1", 1, "phone").payment("p1").captured()
			b.paymentRow(captured)
		}},
		{"a bill was believed", "captured in the shop's payments, and only a bill said so", func(b *builder) {
			o := b.sold("o1", "p1", 1)
			extra := o.took()
			extra.Payment, extra.Order = "p19", "o19"
			b.served("", o.took(), extra)
			b.report(history.DiscrepancyRow{Kind: "extra", Payment: "p19"})
			b.paymentRow(captured, with(captured, func(r *history.PaymentRow) { r.Payment = "p19" }))
		}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			b := newHistory(t)
			test.tell(b)
			wantViolated(t, b.at(30000).find(booksAgree()), test.want)
		})
	}
}

func TestPaymentsMayDiffer(t *testing.T) {
	captured := history.PaymentRow{Payment: "p1", Order: "o1", Minor: price, Currency: "CNY", State: history.PaymentCaptured}
	tests := map[string]func(*builder){
		"as captured": func(b *builder) { b.sold("o1", "p1", 1); b.paymentRow(captured) },
		"by the shop's own": func(b *builder) {
			b.sold("o1", "p1", 1)
			r := captured
			r.Payment, r.Number = "", "o1"
			b.paymentRow(r)
		},
		"nothing of amount": func(b *builder) {
			b.sold("o1", "p1", 1)
			r := captured
			r.Minor, r.Currency = 0, "cny"
			b.paymentRow(r)
		},
		"a part went back": func(b *builder) {
			b.sold("o1", "p1", 1).refundMinor("r1", 1000).refundDone("r1").refundRow("r1", history.RefundDone)
			b.paymentRow(captured)
		},
		"all went back, and the row is as it was": func(b *builder) {
			b.sold("o1", "p1", 1).refund("r1").refundDone("r1").row(history.OrderRefunded).refundRow("r1", history.RefundDone)
			b.paymentRow(captured)
		},
		"all is on its way back": func(b *builder) {
			b.sold("o1", "p1", 1).refund("r1").row(history.OrderRefunding).refundRow("r1", history.RefundPending)
			r := captured
			r.State = history.PaymentRefunded
			b.paymentRow(r)
		},
		"closed, and given back": func(b *builder) {
			b.order("o1", 1, "phone").payment("p1").captured().refund("r1").refundDone("r1").row(history.OrderRefunded).refundRow("r1", history.RefundDone)
			r := captured
			r.State = history.PaymentDead
			b.paymentRow(r)
		},
		"one closed, another captured": func(b *builder) {
			o := b.order("o1", 1, "phone").payment("p1")
			o.payment("p2").captured().delivered(history.Unknown).delivered(history.OK).told(history.OrderPaid).row(history.OrderPaid)
			one, two := captured, captured
			one.State, two.Payment = history.PaymentDead, "p2"
			b.paymentRow(one, two)
		},
		"words of the shop's own": func(b *builder) {
			b.sold("o1", "p1", 1)
			r := captured
			r.State, r.Minor = "CREATED", 3
			b.paymentRow(captured, r)
		},
	}
	for name, tell := range tests {
		t.Run(name, func(t *testing.T) {
			b := newHistory(t)
			tell(b)
			wantHeld(t, b.at(30000).find(booksAgree()))
		})
	}
	b := newHistory(t) // too late to be held against anybody
	o := b.sold("o1", "p1", 1)
	b.at(30000)
	o.payment("p2").captured()
	r := captured
	r.Payment, r.State = "p2", history.PaymentDead
	b.paymentRow(captured, r)
	if found := b.find(booksAgree()); len(found.Violations) > 0 || len(found.Unjudged) != 1 {
		t.Errorf("%+v", found)
	}
}

func TestDiscrepancies(t *testing.T) {
	type rows = []history.DiscrepancyRow
	tests := []struct {
		name       string
		bill       func(capture, refund *history.Event) (without int) // changes the bill; which row to leave out, -1 none
		report     rows                                               // that is right
		unreported string
	}{
		{
			"missing", func(_, _ *history.Event) int { return 0 },
			rows{{Kind: "missing", Order: "o1", Minor: price}},
			"a bill lacks a row, and no discrepancy says so",
		},
		{
			"amount", func(c, _ *history.Event) int { c.Minor++; return -1 },
			rows{{Kind: "amount", Payment: "p1", Minor: price + 1, Bill: "today"}},
			"a bill has another amount, and no discrepancy says so",
		},
		{
			"unit", func(c, _ *history.Event) int { c.Minor *= 100; return -1 },
			rows{{Kind: "unit", Bill: "today"}},
			"a bill has another amount, and no discrepancy says so",
		},
		{
			"day", func(c, _ *history.Event) int { c.IntendedAt = c.IntendedAt.Add(-24 * time.Hour); return -1 },
			rows{{Kind: "day", Order: "o1"}},
			"a bill has a row on another day, and no discrepancy says so",
		},
		{
			"extra", func(c, _ *history.Event) int { c.Order, c.Payment = "o19", "p19"; return -1 },
			rows{{Kind: "extra", Order: "o19"}, {Kind: "missing", Payment: "p1"}},
			"",
		},
		{
			"state", func(_, r *history.Event) int { r.Reason = history.RefundDone; return -1 },
			rows{{Kind: "state", Refund: "r1"}},
			"a bill has a refund in another state, and no discrepancy says so",
		},
		{"another word", func(c, _ *history.Event) int { c.Minor++; return -1 }, rows{{Kind: "MISMATCH", Order: "o1"}}, ""},
	}
	for _, test := range tests {
		run := func(report rows) Finding {
			b := newHistory(t)
			o := b.sold("o1", "p1", 1).refundMinor("r1", 1000).refundBroken("r1")
			o.refundRow("r1", history.RefundBroken)
			capture, refund := o.took(), o.gave("r1", history.RefundBroken)
			without := test.bill(&capture, &refund)
			bill := []history.Event{capture, refund}
			if without >= 0 {
				bill = append(bill[:without], bill[without+1:]...)
			}
			return b.at(20000).served("today", bill...).report(report...).at(40000).find(booksAgree())
		}
		t.Run(test.name, func(t *testing.T) {
			wantHeld(t, run(test.report))
			if test.unreported != "" {
				wantViolated(t, run(nil), test.unreported)
			}
			wrong := run(append(rows{{Kind: "missing", Order: "o77", Minor: 5}}, test.report...))
			wantViolated(t, wrong, "a discrepancy is reported that no bill had")
		})
	}
}

func TestReportsMustBeTrue(t *testing.T) {
	const untrue = "a discrepancy is reported that no bill had"
	tests := map[string]history.DiscrepancyRow{
		"there, and said to be missing":      {Kind: "missing", Order: "o1"},
		"known for long, and said too many":  {Kind: "extra", Order: "o1"},
		"the right amount":                   {Kind: "amount", Order: "o1"},
		"the right day":                      {Kind: "day", Payment: "p1"},
		"a refund that nobody made":          {Kind: "missing", Order: "o1", Refund: "r9"},
		"nothing named":                      {Kind: "missing"},
		"in a bill that there never was":     {Kind: "missing", Order: "o2", Bill: "tomorrow"},
		"missing, and of another amount":     {Kind: "missing", Order: "o2", Minor: price / 100},
		"all of another unit, and it is not": {Kind: "unit"},
	}
	for name, report := range tests {
		t.Run(name, func(t *testing.T) {
			b := newHistory(t)
			o := b.sold("o1", "p1", 1)
			b.at(20000).served("today", o.took())
			b.sold("o2", "p2", 2)
			wantViolated(t, b.report(report).at(40000).find(booksAgree()), untrue)
		})
	}
	b := newHistory(t)
	b.sold("o1", "p1", 1)
	wantViolated(t, b.report(history.DiscrepancyRow{Kind: "missing", Order: "o1", Minor: price}).at(30000).find(booksAgree()), untrue)
}

func TestTrueWhenItWasSaid(t *testing.T) {
	b := newHistory(t) // captured after the cut-off: the bill has not got it, whether that is said or not
	o := b.sold("o1", "p1", 1)
	b.at(20000).served("today", o.took())
	b.sold("o2", "p2", 2)
	wantHeld(t, b.report(history.DiscrepancyRow{Kind: "missing", Order: "o2", Minor: price, Bill: "today"}).at(40000).find(booksAgree()))

	b = newHistory(t) // the bill told the shop
	late := b.order("o1", 1, "phone").payment("p1").captured()
	b.served("today", late.took())
	late.row(history.OrderPaid)
	wantHeld(t, b.report(history.DiscrepancyRow{Kind: "extra", Payment: "p1", Minor: price}).at(30000).find(booksAgree()))

	b = newHistory(t) // a refund was under way when the bill was cut, and the shop knew better
	back := b.sold("o1", "p1", 1).refund("r1")
	b.served("today", back.took(), back.gave("r1", history.RefundPending))
	back.refundDone("r1").row(history.OrderRefunded).refundRow("r1", history.RefundDone)
	wantHeld(t, b.report(history.DiscrepancyRow{Kind: "state", Refund: "r1"}).at(30000).find(booksAgree()))

	b = newHistory(t) // a bill lags behind a refund that failed
	failed := b.sold("o1", "p1", 1).refund("r1").refundBroken("r1")
	b.served("today", failed.took(), failed.gave("r1", history.RefundPending))
	failed.refundRow("r1", history.RefundBroken)
	if found := b.at(30000).find(booksAgree()); len(found.Violations) > 0 {
		t.Errorf("%+v", found.Violations)
	}
}

// A bill of a day, of one kind, or one whose answer was lost, owes nothing beyond that.
func TestWhatABillIsAbout(t *testing.T) {
	for name, change := range map[string]func(*history.Event){
		"of a day that was over":  func(e *history.Event) { e.Until = history.Time(time.Second) },
		"of refunds":              func(e *history.Event) { e.State = history.BillRefund },
		"its answer was lost":     func(e *history.Event) { e.Outcome = history.Unknown },
		"cut off before anything": func(e *history.Event) { e.IntendedAt = 0 },
	} {
		t.Run(name, func(t *testing.T) {
			b := newHistory(t)
			b.sold("o1", "p1", 1)
			b.served("today")
			change(&b.hist.Events[len(b.hist.Events)-1])
			if found := b.at(30000).find(booksAgree()); len(found.Violations) > 0 {
				t.Errorf("%+v", found.Violations)
			}
		})
	}
	b := newHistory(t) // a shop that was killed with the bill in its hands
	b.sold("o1", "p1", 1)
	b.served("today").event(history.Event{Source: history.SourceNode, Kind: history.NodeKilled})
	if found := b.at(30000).find(booksAgree()); len(found.Violations) > 0 || len(found.Pending) != 1 {
		t.Errorf("%+v", found)
	}
	b = newHistory(t) // the warm-up is nobody's business
	b.hist.Header.WarmUpSKU = "warm"
	warm := b.order("w1", 9, "phone").payment("pw").captured()
	warm.row(history.OrderPaid).finalRow.SKU = "warm"
	b.served("today")
	if found := b.at(30000).find(booksAgree()); len(found.Violations) > 0 {
		t.Errorf("%+v", found.Violations)
	}
}

// The shop's own payments, ledger and discrepancies say something that nobody could take for true.
func TestBooksOfAnotherWorld(t *testing.T) {
	b := newHistory(t)
	b.sold("o1", "p1", 1)
	b.paymentRow(
		history.PaymentRow{Payment: "p1", Order: "o1", Minor: 7, Currency: "USD", State: "failed"},
		history.PaymentRow{Payment: "p1", Order: "o1", Minor: 7, State: "failed"}, history.PaymentRow{Payment: "pX", Order: "o1", Minor: 1},
	)
	b.final.Books.Ledger = []history.LedgerRow{{Entry: "e1", Account: "cash", Order: "o1", Minor: 99999999, Currency: "CNY"}}
	b.report(history.DiscrepancyRow{Kind: "missing", Order: "o1", Minor: price})
	if found := b.at(30000).find(booksAgree()); len(found.Violations) != 2 {
		t.Errorf("%+v", found.Violations)
	}
	if verdict := Judge(b.hist); verdict.Verdict != Fail {
		t.Errorf("%s", verdict.Headline)
	}
}
