package invariants

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/paystorm/paystorm/history"
)

// TestNoFalseAlarm lets a correct shop live through random legal weather and asks every invariant. It models the shop
// at the moment when a message is committed; the books may be read at any moment between. The stock has more units than
// buyers here, so that I4 has nothing to say.
func TestNoFalseAlarm(t *testing.T) {
	exercised := map[string]int{}
	for seed := range uint64(200) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			w := &weather{builder: newHistory(t), rand: rand.New(rand.NewPCG(seed, 1)), state: map[*orderBuilder]history.OrderState{}}
			w.hist.Header.Sale[0].Stock, w.hist.Header.Sale[0].PerBuyer = 1000, 1
			w.hist.Header.System.Legal.RecountRefunded = w.chance(50)
			w.hist.Header.ReviewCap = 100
			w.hist.Header.System.Sinks = []string{"mail"}
			w.hist.Header.System.ChannelAccounts = []string{atChannel}
			w.baseline(history.StockRow{SKU: "phone", Available: 1000})
			for n := range 12 {
				w.live(n)
			}
			w.at(60_000)
			run := w.run()
			for _, invariant := range All() {
				found := find(run, invariant)
				exercised[invariant.ID] += found.Exercised
				if len(found.Violations)+len(found.Unjudged) > 0 {
					t.Errorf("%s cries: %+v %q", invariant.ID, found.Violations, found.Unjudged)
				}
			}
		})
	}
	for _, invariant := range All() {
		if exercised[invariant.ID] == 0 && invariant.ID != "I4" {
			t.Errorf("%s was never exercised", invariant.ID)
		}
	}
}

// weather is a correct shop under random faults.
type weather struct {
	*builder
	rand  *rand.Rand
	state map[*orderBuilder]history.OrderState
}

func (w *weather) chance(percent int) bool { return w.rand.IntN(100) < percent }

// commit is the moment at which an order is in a state: users and checkpoints may see it from now on.
func (w *weather) commit(o *orderBuilder, state history.OrderState) {
	w.state[o] = state
	if w.chance(50) {
		o.told(state)
	}
	if w.chance(10) {
		var rows []history.OrderRow
		for _, other := range w.orders {
			rows = append(rows, other.as(w.state[other]))
		}
		reading := w.checkpoint(rows...)
		if w.chance(50) {
			reading.Tables = []history.Table{history.TableOrders, history.TableStock}
		}
	}
	if w.chance(5) {
		w.killed()
	}
}

// live is one order's life.
func (w *weather) live(n int) {
	o := w.unseen(fmt.Sprintf("o%02d", n), n+1, "phone", 1)
	w.state[o] = history.OrderPending
	outcome := history.OK
	if w.chance(20) {
		outcome = history.Unknown
	}
	o.op(history.OpOrder, outcome, "", "")
	o.payment(fmt.Sprintf("p%02d", n))
	w.forgeries(o)
	if w.chance(20) {
		o.op(history.OpPay, history.Refused, "", "declined").declined().notified(history.PaymentFailed, history.OK)
	}
	switch w.rand.IntN(5) {
	case 0:
		w.closes(o)
	case 1:
		w.closes(o)
		w.capture(o, price)
		if w.chance(50) { // some shops leave the order closed while they refund
			w.learns(o, history.OrderClosed)
			w.refunds(o, history.OrderClosed)
			break
		}
		w.learns(o, history.OrderRefunding)
		w.refunds(o, history.OrderRefunded)
	case 2:
		w.capture(o, price/2)
		w.refunds(o, history.OrderClosed)
	case 3:
		w.pays(o)
		o.payment(fmt.Sprintf("p%02d-2", n))
		w.capture(o, price)
		w.refunds(o, history.OrderPaid)
	default:
		w.pays(o)
		if w.chance(30) {
			w.triesAgain(o)
		}
		if w.chance(30) {
			w.commit(o, history.OrderRefunding)
			w.refunds(o, history.OrderRefunded)
		}
	}
	o.row(w.state[o])
}

// triesAgain is a buyer who wants more than the limit, and is told so.
func (w *weather) triesAgain(o *orderBuilder) {
	w.unseen("", o.buyer, o.item.SKU, 1).op(history.OpOrder, history.Refused, "", history.ReasonLimit)
	w.orders = w.orders[:len(w.orders)-1] // the shop has no such order
}

func (w *weather) closes(o *orderBuilder) {
	if w.chance(50) {
		o.closed()
	}
	w.commit(o, history.OrderClosed)
	if w.chance(50) {
		o.op(history.OpCancel, history.OK, history.OrderClosed, "")
	}
}

func (w *weather) capture(o *orderBuilder, minor int64) {
	outcome := history.OK
	if w.chance(30) {
		outcome = history.Unknown
	}
	o.capturedMinor(minor)
	w.booked("c-"+o.current, o.order, minor, int64(w.rand.IntN(2)*30))
	row := history.PaymentRow{Payment: o.current, Order: o.order, Minor: minor, Currency: "CNY", State: history.PaymentCaptured}
	if w.chance(20) {
		row.Payment = ""
	}
	w.paymentRow(row)
	o.op(history.OpPay, outcome, "", "")
}

func (w *weather) pays(o *orderBuilder) {
	w.capture(o, price)
	w.learns(o, history.OrderPaid)
	o.grant("points", 49)
	for range 1 + w.rand.IntN(2) {
		o.sunk("mail", "confirmed:"+o.order)
	}
}

// learns is how the shop comes to know of a success, once and again: lost acknowledgements, refusals while it is in
// work, a query, duplicates.
func (w *weather) learns(o *orderBuilder, state history.OrderState) {
	o.notification++
	attempt := 1
	deliver := func(outcome history.Outcome) {
		o.again(history.PaymentSucceeded, attempt, outcome)
		attempt++
	}
	for w.chance(30) {
		deliver([]history.Outcome{history.Refused, history.Unknown}[w.rand.IntN(2)])
	}
	if w.chance(30) {
		o.request("query", history.OK)
	}
	w.commit(o, state)
	for range w.rand.IntN(3) {
		deliver(history.OK)
		w.commit(o, state)
	}
	w.forgeries(o)
}

// refunds gives the latest payment's money back, on the second try if the first fails.
func (w *weather) refunds(o *orderBuilder, state history.OrderState) {
	captured := price
	for _, event := range w.hist.Events {
		if event.Kind == history.PaymentSucceeded && event.Payment == o.current {
			captured = event.Minor
		}
	}
	number := "r-" + o.current
	o.refundMinor(number, captured)
	if w.chance(30) {
		o.refundBroken(number).refundRow(number, history.RefundBroken)
		number += "-2"
		o.refundMinor(number, captured)
	}
	if w.chance(20) && state == history.OrderRefunded {
		o.refundRow(number, history.RefundPending)
		if w.chance(50) { // booked when it is asked for
			w.booked("r-"+number, o.order, -captured, 0)
		}
		return
	}
	w.booked("r-"+number, o.order, -captured, 0)
	if last := len(w.final.Books.Payments) - 1; w.chance(50) {
		w.final.Books.Payments[last].State = history.PaymentRefunded
	}
	o.refundDone(number).refundRow(number, history.RefundDone)
	w.commit(o, state)
}

// forgeries are refused, or acknowledged and dropped where they are authentic.
func (w *weather) forgeries(o *orderBuilder) {
	for w.chance(30) {
		switch w.rand.IntN(3) {
		case 0:
			o.forged(history.ForgeryNoSignature, price, history.Refused)
		case 1:
			o.forged(history.ForgeryWrongKey, price, history.Unknown)
		default:
			o.forged(history.ForgeryOtherMerchant, price, history.OK)
		}
	}
}
