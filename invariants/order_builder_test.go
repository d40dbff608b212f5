package invariants

import (
	"cmp"
	"fmt"

	"github.com/paystorm/paystorm/history"
)

// orderBuilder tells one order's story. What it says of a payment or refund is of the latest one, unless on names
// another.
type orderBuilder struct {
	b            *builder
	order, ref   string
	buyer        int
	item         history.Item
	quantity     int64
	more         []history.OrderRow // its further lines: SKU and quantity
	current      string
	notification int
	versions     map[string]int64
	refunds      map[string]string // merchant refund → payment
	amounts      map[string]int64  // merchant refund → minor
	finalRow     *history.OrderRow
}

// order lets a buyer order one unit, and the shop accept it. The n-th call for a buyer is that buyer's n-th order.
func (b *builder) order(order string, buyer int, sku string) *orderBuilder {
	return b.orderOf(order, buyer, sku, 1)
}

// orderOf is order with a quantity.
func (b *builder) orderOf(order string, buyer int, sku string, quantity int64) *orderBuilder {
	o := b.unseen(order, buyer, sku, quantity)
	o.op(history.OpOrder, history.OK, history.OrderPending, "")
	return o
}

// unseen is an order in the shop without an op of a client: op records what the client saw of it.
func (b *builder) unseen(order string, buyer int, sku string, quantity int64) *orderBuilder {
	b.nth[buyer]++
	o := &orderBuilder{
		b: b, order: order, buyer: buyer, quantity: quantity, versions: map[string]int64{},
		refunds: map[string]string{}, amounts: map[string]int64{},
		ref: history.Ref{Run: "r1", Buyer: buyer, Nth: b.nth[buyer]}.String(),
	}
	for _, item := range b.hist.Header.Sale {
		if item.SKU == sku {
			o.item = item
		}
	}
	b.orders = append(b.orders, o)
	return o
}

func (o *orderBuilder) total() int64 {
	sum := o.item.Price.Minor * o.quantity
	for _, line := range o.more {
		for _, item := range o.b.hist.Header.Sale {
			if item.SKU == line.SKU {
				sum += item.Price.Minor * line.Quantity
			}
		}
	}
	return sum
}

// with makes it an order of another SKU too; it comes before the order is placed.
func (o *orderBuilder) with(sku string, quantity int64) *orderBuilder {
	o.more = append(o.more, history.OrderRow{SKU: sku, Quantity: quantity})
	return o
}

// rows are its lines in a state, as the books have them.
func (o *orderBuilder) rows(state history.OrderState) []history.OrderRow {
	rows := []history.OrderRow{o.as(state)}
	for _, line := range o.more {
		row := rows[0]
		row.SKU, row.Quantity, row.State = line.SKU, line.Quantity, cmp.Or(line.State, state)
		rows = append(rows, row)
	}
	return rows
}

// op records what a client tried and what it was told: reason goes with a refusal, state with an answer.
func (o *orderBuilder) op(kind string, outcome history.Outcome, state history.OrderState, reason string) *orderBuilder {
	called := o.b.now + tick
	o.b.now = called + tick
	return o.opBetween(kind, outcome, state, reason, called, o.b.now)
}

// opBetween is op at given times; the clock stays.
func (o *orderBuilder) opBetween(kind string, outcome history.Outcome, state history.OrderState, reason string, called, returned history.Time) *orderBuilder {
	o.b.op++
	op := history.Op{
		Writer: "load", Seq: o.b.next("load"), Returned: returned, Outcome: outcome, Reason: reason, State: string(state),
		Invocation: history.Invocation{
			Op: o.b.op, Ref: o.ref, Buyer: o.buyer, Kind: kind, Order: o.order, Payment: o.current, SKU: o.item.SKU,
			Quantity: o.quantity, Phase: history.PhaseStorm, Called: called,
		},
	}
	for _, line := range o.more {
		op.More = append(op.More, history.Line{SKU: line.SKU, Quantity: line.Quantity})
	}
	if kind == history.OpPay {
		op.Minor, op.Currency = o.total(), o.item.Price.Currency
	}
	if outcome == history.Unknown {
		op.Returned = 0
	}
	o.b.hist.Ops = append(o.b.hist.Ops, op)
	return o
}

// told is a look at the order that answered with a state.
func (o *orderBuilder) told(state history.OrderState) *orderBuilder {
	return o.op(history.OpLook, history.OK, state, "")
}

// channel records an event of the channel on this order.
func (o *orderBuilder) channel(e history.Event) *orderBuilder {
	e.Source, e.Order, e.Ref, e.Buyer = history.SourceChannel, o.order, o.ref, o.buyer
	if e.Payment == "" {
		e.Payment = o.current
	}
	if e.Currency == "" {
		e.Currency = o.item.Price.Currency
	}
	if e.Kind != history.Request {
		o.versions[e.Payment]++
		e.Version = o.versions[e.Payment]
	}
	o.b.event(e)
	return o
}

// payment creates a payment of the order's total at the channel; later lines are about it.
func (o *orderBuilder) payment(id string) *orderBuilder {
	o.current = id
	return o.channel(history.Event{Kind: history.PaymentCreated, Minor: o.total()})
}

// on makes later lines be about another payment.
func (o *orderBuilder) on(payment string) *orderBuilder { o.current = payment; return o }

// captured takes the whole amount; capturedMinor another.
func (o *orderBuilder) captured() *orderBuilder { return o.capturedMinor(o.total()) }

func (o *orderBuilder) capturedMinor(minor int64) *orderBuilder {
	return o.channel(history.Event{Kind: history.PaymentSucceeded, Minor: minor, State: "succeeded"})
}

func (o *orderBuilder) declined() *orderBuilder {
	return o.channel(history.Event{Kind: history.PaymentFailed, Minor: o.total(), State: "failed"})
}

func (o *orderBuilder) closed() *orderBuilder {
	return o.channel(history.Event{Kind: history.PaymentClosed, Minor: o.total(), State: "closed"})
}

// request is one of the shop's requests to the channel: create, query, close, refund, refund-query.
func (o *orderBuilder) request(operation string, outcome history.Outcome) *orderBuilder {
	return o.channel(history.Event{Kind: history.Request, State: operation, Outcome: outcome})
}

// refund asks the channel to give the latest payment's amount back under a number of the shop.
func (o *orderBuilder) refund(number string) *orderBuilder { return o.refundMinor(number, o.total()) }

func (o *orderBuilder) refundMinor(number string, minor int64) *orderBuilder {
	o.refunds[number], o.amounts[number] = o.current, minor
	return o.refundEvent(history.RefundCreated, number)
}

func (o *orderBuilder) refundDone(number string) *orderBuilder {
	return o.refundEvent(history.RefundSucceeded, number)
}

func (o *orderBuilder) refundBroken(number string) *orderBuilder {
	return o.refundEvent(history.RefundFailed, number)
}

func (o *orderBuilder) refundEvent(kind, number string) *orderBuilder {
	return o.channel(history.Event{
		Kind: kind, Payment: o.refunds[number], Refund: "ch-" + number, MerchantRefund: number, Minor: o.amounts[number],
	})
}

// notified delivers a genuine message of a type about the latest payment, and has it answered. lost never sends it.
func (o *orderBuilder) notified(kind string, outcome history.Outcome) *orderBuilder {
	o.notification++
	return o.delivery(o.lastNotification(), 1, kind, "", o.total(), outcome)
}

// delivered is notified of payment.succeeded.
func (o *orderBuilder) delivered(outcome history.Outcome) *orderBuilder {
	return o.notified(history.PaymentSucceeded, outcome)
}

// again delivers the last message once more.
func (o *orderBuilder) again(kind string, attempt int, outcome history.Outcome) *orderBuilder {
	return o.delivery(o.lastNotification(), attempt, kind, "", o.total(), outcome)
}

// forged delivers a payment.succeeded that the ledger does not justify.
func (o *orderBuilder) forged(forgery string, minor int64, outcome history.Outcome) *orderBuilder {
	o.notification++
	return o.delivery(o.lastNotification(), 1, history.PaymentSucceeded, forgery, minor, outcome)
}

func (o *orderBuilder) lastNotification() string {
	return fmt.Sprintf("n-%s-%d", o.order, o.notification)
}

// delivery is one attempt: sent, and answered unless nothing is known of it.
func (o *orderBuilder) delivery(notification string, attempt int, kind, forgery string, minor int64, outcome history.Outcome) *orderBuilder {
	e := history.Event{
		Source: history.SourceDelivery, Kind: history.DeliverySent, Notification: notification, Order: o.order, Ref: o.ref,
		Buyer: o.buyer, Payment: o.current, Attempt: attempt, State: kind, Forgery: forgery, Minor: minor,
		Currency: o.item.Price.Currency,
	}
	o.b.event(e)
	e.Kind, e.Outcome = history.DeliveryAnswered, outcome
	switch outcome {
	case history.OK:
		e.Status = 200
	case history.Refused:
		e.Status = 400
	default:
	}
	o.b.event(e)
	return o
}

// struck says that a fault affected this order.
func (o *orderBuilder) struck(fault string) *orderBuilder {
	o.b.event(history.Event{
		Source: history.SourceFault, Kind: history.FaultAffected, Fault: fault, Order: o.order, Ref: o.ref, Buyer: o.buyer,
		Payment: o.current,
	})
	return o
}

// sinkRefused is an effect that a fault had its sink refuse.
func (o *orderBuilder) sinkRefused(sink, key string) *orderBuilder {
	o.sunk(sink, key)
	last := &o.b.hist.Events[len(o.b.hist.Events)-1]
	last.Kind, last.Outcome, last.Fault = history.SinkRefused, history.Refused, "f"
	return o
}

// unanswered says that the last effect was taken, and its answer lost.
func (o *orderBuilder) unanswered() *orderBuilder {
	last := &o.b.hist.Events[len(o.b.hist.Events)-1]
	last.Outcome, last.Fault = history.Unknown, "f"
	return o
}

// sunk is an effect outside the shop: a mail, a shipping order.
func (o *orderBuilder) sunk(sink, key string) *orderBuilder {
	o.b.event(history.Event{
		Source: history.SourceSink, Kind: history.SinkReceived, State: sink, Key: key, Order: o.order,
	})
	return o
}

// as is the order's row in a state.
func (o *orderBuilder) as(state history.OrderState) history.OrderRow {
	return history.OrderRow{
		Order: o.order, Ref: o.ref, SKU: o.item.SKU, Quantity: o.quantity, Minor: o.total(),
		Currency: o.item.Price.Currency, State: state,
	}
}

// row is how the order ends in the shop's books.
func (o *orderBuilder) row(state history.OrderState) *orderBuilder {
	row := o.as(state)
	o.finalRow = &row
	return o
}

// refundRow, grant and coupon are rows of the order in the final books.
func (o *orderBuilder) refundRow(number, state string) *orderBuilder {
	minor, asked := o.amounts[number]
	if !asked {
		minor = o.total()
	}
	books := &o.b.final.Books
	books.Refunds = append(books.Refunds, history.RefundRow{
		MerchantRefund: number, Order: o.order, Payment: o.current, Minor: minor, Currency: o.item.Price.Currency, State: state,
	})
	return o
}

func (o *orderBuilder) grant(kind string, value int64) *orderBuilder {
	books := &o.b.final.Books
	books.Grants = append(books.Grants, history.GrantRow{Order: o.order, Kind: kind, Value: value})
	return o
}

func (o *orderBuilder) coupon(coupon string) *orderBuilder {
	books := &o.b.final.Books
	books.Coupons = append(books.Coupons, history.CouponRow{Coupon: coupon, Order: o.order})
	return o
}
