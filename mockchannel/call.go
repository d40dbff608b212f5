package mockchannel

import (
	"sync/atomic"

	"github.com/paystorm/paystorm/history"
)

// Call is one merchant's request under way: what the merchant may ask, of its own payments only. All errors are *Error.
type Call struct {
	channel  *Channel
	merchant Merchant

	stale   *Stale          // queries are answered with what was true earlier
	untrue  bool            // and one really was
	awaits  bool            // its notifications are delivered before its answer leaves
	caused  []*notification // those that this call caused
	subject Subject         // of what was created or asked for
}

// Call begins a call of a configured merchant that does not come in over HTTP.
func (c *Channel) Call(merchant Merchant) *Call { return &Call{channel: c, merchant: merchant} }

// CreatePayment creates a payment. One order may have several.
func (call *Call) CreatePayment(request PaymentRequest) (Payment, error) {
	if err := request.Validate(); err != nil {
		return Payment{}, err
	}
	return call.channel.create(call, request), nil
}

// Payment is one payment of the merchant.
func (call *Call) Payment(id string) (Payment, error) {
	p, err := call.find(id)
	if err != nil {
		return Payment{}, err
	}
	if then, found := call.asOf(p); found {
		return then, nil
	}
	return Payment{}, errNoPayment()
}

// PaymentsOf lists the payments of an order, oldest first.
func (call *Call) PaymentsOf(order string) []Payment {
	o, found := call.channel.orders.get(call.merchant.ID + "\x00" + order)
	if !found {
		return nil
	}
	var payments []Payment
	for _, p := range o.list() {
		if then, found := call.asOf(p); found {
			payments = append(payments, then)
		}
	}
	return payments
}

// Close closes a payment, so that it can no longer be paid. Closing twice is harmless.
func (call *Call) Close(id string) (Payment, error) {
	p, err := call.find(id)
	if err != nil {
		return Payment{}, err
	}
	p.mutex.Lock()
	defer p.mutex.Unlock()
	switch p.now.State {
	case Succeeded:
		return p.now, refuse(CodePaymentSucceeded, "the payment has been made and cannot be closed")
	case Closed:
	default:
		call.channel.closePayment(p, call)
	}
	return p.now, nil
}

// RefundRequest asks for a part of a captured payment, or all of it, to be given back. Number is the merchant's own and
// makes the request safe to repeat.
type RefundRequest struct {
	Payment string
	Number  string
	Minor   int64
}

// Validate says what is wrong with a request, as an *Error, before anything is asked or changed.
func (r RefundRequest) Validate() error {
	switch {
	case r.Payment == "":
		return invalid("payment", "want a payment's id")
	case !validNumber(r.Number):
		return invalid("refund_no", "want 1 to 64 characters")
	case r.Minor < 1 || r.Minor > largestMinor:
		return invalid("amount_minor", "want 1 to 1000000000000")
	}
	return nil
}

// Refund accepts a refund; repeated says that it had been accepted before, under the same number and amount.
func (call *Call) Refund(request RefundRequest) (refund Refund, repeated bool, err error) {
	if err := request.Validate(); err != nil {
		return Refund{}, false, err
	}
	p, err := call.find(request.Payment)
	if err != nil {
		return Refund{}, false, err
	}
	return call.channel.refund(call, p, request)
}

// RefundByNumber is a refund by the merchant's number.
func (call *Call) RefundByNumber(number string) (Refund, error) {
	r, found := call.channel.refunds.get(call.merchant.ID + "\x00" + number)
	if !found {
		return Refund{}, errNoRefund()
	}
	r.payment.mutex.Lock()
	defer r.payment.mutex.Unlock()
	call.subject = r.payment.subject()
	if call.stale == nil {
		return r.now, nil
	}
	if then, found := r.at(call.earlier()); found && !call.stale.NotFound {
		call.untrue = call.untrue || then.State != r.now.State
		return then, nil
	}
	call.untrue = true
	return Refund{}, errNoRefund()
}

// Bill lists the merchant's captures and refunds, oldest first.
func (call *Call) Bill() []BillLine {
	return call.channel.ledger.bill(call.merchant.ID, call.channel.config.Clock)
}

func (call *Call) find(id string) (*payment, error) {
	p, found := call.channel.payments.get(id)
	if !found || p.now.Merchant != call.merchant.ID { // the merchant never changes
		return nil, errNoPayment()
	}
	return p, nil
}

// asOf is the payment as this call sees it, which is earlier than now if the answer is to be stale.
func (call *Call) asOf(p *payment) (Payment, bool) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	call.subject = p.subject()
	if call.stale == nil {
		return p.now, true
	}
	if then, found := p.at(call.earlier()); found && !call.stale.NotFound {
		call.untrue = call.untrue || then.Version != p.now.Version || then.State != p.now.State
		return then, true
	}
	call.untrue = true
	return Payment{}, false
}

func (call *Call) earlier() history.Time {
	return call.channel.config.Clock.Now().Add(-call.stale.Lag)
}

func errNoPayment() *Error { return refuse(CodePaymentNotFound, "there is no such payment") }
func errNoRefund() *Error  { return refuse(CodeRefundNotFound, "there is no such refund") }

// refund accepts a refund and sees to it that it is settled.
func (c *Channel) refund(call *Call, p *payment, request RefundRequest) (Refund, bool, error) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	key := call.merchant.ID + "\x00" + request.Number
	if earlier, found := c.refunds.get(key); found {
		return earlier.repeat(p, request)
	}
	if p.now.State != Succeeded {
		return Refund{}, false, refuse(CodePaymentNotSucceeded, "there is nothing to give back: the payment is "+string(p.now.State))
	}
	if request.Minor > p.now.Captured-p.now.Refunded-p.now.Refunding {
		return Refund{}, false, refuse(CodeRefundExceeds, "more than was captured and not given back yet")
	}
	r := &refund{payment: p, now: Refund{
		ID: c.identifier("ref"), Number: request.Number, Merchant: p.now.Merchant, Payment: p.now.ID, Order: p.now.Order,
		Minor: request.Minor, Currency: p.now.Currency,
	}}
	if earlier, existed := c.refunds.getOrPut(key, r); existed { // by a request about another payment, just now
		return earlier.repeat(p, request)
	}
	p.refunds = append(p.refunds, r)
	c.commitRefund(r, history.RefundCreated, history.RefundPending, func() { p.now.Refunding += r.now.Minor })
	c.ledger.book(p.now, r, entryRefund, r.now.Minor)
	fails := c.changed(p, ChangeRefund, r.now.Minor, r).RefundFails
	if c.config.RefundDelay <= 0 || call.awaits {
		c.settle(r, fails, call)
		return r.now, false, nil
	}
	c.after(c.config.RefundDelay, func() {
		p.mutex.Lock()
		defer p.mutex.Unlock()
		c.settle(r, fails, nil)
	})
	return r.now, false, nil
}

// repeat answers a refund number that comes again. The lock of the payment that is asked about is held, so the refund is
// read only if it is that payment's.
func (r *refund) repeat(p *payment, request RefundRequest) (Refund, bool, error) {
	if r.payment != p || r.now.Minor != request.Minor {
		return Refund{}, false, refuse(CodeRefundMismatch, "the number belongs to a refund of another payment or amount")
	}
	return r.now, true, nil
}

// settle ends a pending refund. The lock is held.
func (c *Channel) settle(r *refund, fails *RefundFails, call *Call) {
	p := r.payment
	if fails != nil {
		r.now.Reason = fails.Reason
		c.commitRefund(r, history.RefundFailed, history.RefundBroken, func() { p.now.Refunding -= r.now.Minor })
		c.ledger.book(p.now, r, entryRefundReturned, r.now.Minor)
		c.affected(fails.Fault, p.subject(), history.RefundFailed, "")
		c.notify(p, history.RefundFailed, r, call)
		return
	}
	c.commitRefund(r, history.RefundSucceeded, history.RefundDone, func() {
		p.now.Refunding -= r.now.Minor
		p.now.Refunded += r.now.Minor
	})
	c.ledger.book(p.now, r, entryRefundPaid, r.now.Minor)
	c.notify(p, history.RefundSucceeded, r, call)
}

// nth counts the requests of one operation for one object.
func (c *Channel) nth(request MerchantRequest) int {
	key := string(request.Operation) + "\x00" + request.Merchant.ID + "\x00" + request.object()
	counter, found := c.asked.get(key)
	if !found {
		counter, _ = c.asked.getOrPut(key, &atomic.Int64{})
	}
	return int(counter.Add(1))
}
