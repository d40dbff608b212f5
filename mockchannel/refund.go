package mockchannel

import (
	"slices"
	"time"

	"github.com/paystorm/paystorm/history"
)

// RefundRequest asks for a part of a captured payment, or all of it, to be given back. Number is the merchant's own and
// makes the request safe to repeat; without one the channel's id is the number.
type RefundRequest struct {
	Payment    string
	Number     string
	PerPayment bool // the number is unique within its payment only, not among all refunds of the merchant
	Again      bool // a refund of this number that failed is tried anew, as another refund under the same number
	Minor      int64
	Metadata   map[string]string
	Details    any            // the dialect's own
	Delay      *time.Duration // how long it is pending, in business time; nil is the channel's own delay
	Fails      string         // why it will fail in the end; "": it succeeds
}

// Validate says what is wrong with a request, as an *Error, before anything is asked or changed.
func (r RefundRequest) Validate() error {
	switch {
	case r.Payment == "":
		return invalid("payment", "want a payment's id")
	case r.Number != "" && !validNumber(r.Number):
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
	return call.refundAsOf(r)
}

// RefundByID is a refund by the channel's own id.
func (call *Call) RefundByID(id string) (Refund, error) {
	r, found := call.channel.refundIDs.get(id)
	if !found || r.now.Merchant != call.merchant.ID { // the merchant never changes
		return Refund{}, errNoRefund()
	}
	return call.refundAsOf(r)
}

// RefundsOf lists the refunds of a payment, oldest first, disputes included.
func (call *Call) RefundsOf(payment string) ([]Refund, error) {
	p, err := call.find(payment)
	if err != nil {
		return nil, err
	}
	p.mutex.Lock()
	list := slices.Clone(p.refunds)
	p.mutex.Unlock()
	var refunds []Refund
	for _, r := range list {
		if then, err := call.refundAsOf(r); err == nil {
			refunds = append(refunds, then)
		}
	}
	return refunds, nil
}

// UpdateRefund replaces what the dialect and the merchant have noted on a refund: change may set Metadata and Details.
func (call *Call) UpdateRefund(id string, change func(*Refund)) (Refund, error) {
	r, found := call.channel.refundIDs.get(id)
	if !found || r.now.Merchant != call.merchant.ID { // the merchant never changes
		return Refund{}, errNoRefund()
	}
	r.payment.mutex.Lock()
	defer r.payment.mutex.Unlock()
	wanted := r.now
	change(&wanted)
	r.past = append(r.past, r.now)
	r.now.At = call.channel.config.Clock.Now()
	r.now.Metadata, r.now.Details = wanted.Metadata, wanted.Details
	return r.now, nil
}

func (call *Call) refundAsOf(r *refund) (Refund, error) {
	r.payment.mutex.Lock()
	defer r.payment.mutex.Unlock()
	call.payment = r.payment
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

// refund accepts a refund and sees to it that it is settled.
func (c *Channel) refund(call *Call, p *payment, request RefundRequest) (Refund, bool, error) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	id := c.identifier(IdentifyRefund)
	if request.Number == "" {
		request.Number = id
	}
	key := call.merchant.ID + "\x00" + request.Number
	if request.PerPayment {
		key += "\x00" + p.now.ID
	}
	if earlier, found := c.refunds.get(key); found {
		if !request.Again || !earlier.failed(p, request) {
			return earlier.repeat(p, request)
		}
		c.refunds.remove(key)
	}
	if p.now.State != Succeeded {
		return Refund{}, false, refuse(CodePaymentNotSucceeded, "there is nothing to give back: the payment is "+string(p.now.State))
	}
	if request.Minor > p.now.Captured-p.now.Refunded-p.now.Refunding {
		return Refund{}, false, refuse(CodeRefundExceeds, "more than was captured and not given back yet")
	}
	r := &refund{payment: p, now: Refund{
		ID: id, Number: request.Number, Merchant: p.now.Merchant, Payment: p.now.ID, Order: p.now.Order,
		Minor: request.Minor, Currency: p.now.Currency, Metadata: request.Metadata, Details: request.Details,
	}}
	if earlier, existed := c.refunds.getOrPut(key, r); existed { // by a request about another payment, just now
		return earlier.repeat(p, request)
	}
	c.openRefund(r, call)
	fails := c.changed(p, ChangeRefund, r.now.Minor, r).RefundFails
	if fails == nil && request.Fails != "" {
		fails = &RefundFails{Reason: request.Fails}
	}
	delay := c.config.RefundDelay
	if request.Delay != nil {
		delay = c.config.Business.compress(*request.Delay)
	}
	if delay <= 0 || call.awaits {
		c.settle(r, fails, call)
		return r.now, false, nil
	}
	c.after(delay, errand{what: "the refund is settled", payment: p}, func() {
		p.mutex.Lock()
		defer p.mutex.Unlock()
		c.settle(r, fails, nil)
	})
	return r.now, false, nil
}

// openRefund books that money is on its way back. The lock is held.
func (c *Channel) openRefund(r *refund, call *Call) {
	p := r.payment
	p.refunds = append(p.refunds, r)
	c.refundIDs.getOrPut(r.now.ID, r)
	c.commitRefund(r, history.RefundCreated, history.RefundPending, func() {
		p.now.Refunding += r.now.Minor
		r.now.CreatedAt = c.config.Clock.Now()
	})
	c.ledger.book(p, r, entryRefund, r.now.Minor)
	c.notify(p, history.RefundCreated, r, call)
}

// GiveBack is the provider giving money back by itself: from its console, or because the payer's bank took it back, if
// the reason is history.ReasonDispute. minor 0 is all that is left.
func (c *Channel) GiveBack(payment string, minor int64, reason string) (Refund, error) {
	p, found := c.payments.get(payment)
	if !found {
		return Refund{}, errNoPayment()
	}
	p.mutex.Lock()
	defer p.mutex.Unlock()
	left := p.now.Captured - p.now.Refunded - p.now.Refunding
	if minor == 0 {
		minor = left
	}
	switch {
	case p.now.State != Succeeded:
		return Refund{}, refuse(CodePaymentNotSucceeded, "there is nothing to give back: the payment is "+string(p.now.State))
	case minor < 1 || minor > left:
		return Refund{}, refuse(CodeRefundExceeds, "more than was captured and not given back yet")
	}
	kind := IdentifyRefund
	if reason == history.ReasonDispute {
		kind = IdentifyDispute
	}
	r := &refund{payment: p, now: Refund{
		ID: c.identifier(kind), Merchant: p.now.Merchant, Payment: p.now.ID, Order: p.now.Order, Minor: minor,
		Currency: p.now.Currency, Reason: reason,
	}}
	c.openRefund(r, nil)
	c.settle(r, nil, nil)
	return r.now, nil
}

// failed says whether the request asks for this refund again after it came to nothing. The lock of p is held.
func (r *refund) failed(p *payment, request RefundRequest) bool {
	return r.payment == p && r.now.Minor == request.Minor && r.now.State == history.RefundBroken
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
		c.ledger.book(p, r, entryRefundReturned, r.now.Minor)
		if fails.Fault != "" {
			c.affected(fails.Fault, p.subject(), history.RefundFailed, "")
		}
		c.notify(p, history.RefundFailed, r, call)
		return
	}
	c.commitRefund(r, history.RefundSucceeded, history.RefundDone, func() {
		p.now.Refunding -= r.now.Minor
		p.now.Refunded += r.now.Minor
		if r.now.Dispute() {
			p.now.Disputed += r.now.Minor
		}
	})
	c.ledger.book(p, r, entryRefundPaid, r.now.Minor)
	kind := history.RefundSucceeded
	if r.now.Dispute() {
		kind = history.PaymentDisputed
	}
	c.notify(p, kind, r, call)
}
