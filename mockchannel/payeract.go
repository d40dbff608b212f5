package mockchannel

import (
	"time"

	"github.com/paystorm/paystorm/history"
)

// Pay is the payer's act. It happens after a while if after is positive: the payment is pending then, and stays as it
// is if it can no longer be paid when the time comes. ref, if it is a client reference, tells whose payment it is.
func (c *Channel) Pay(id, ref string, after time.Duration) (Payment, error) {
	return c.act(id, ref, func(p *payment) {
		if after <= 0 {
			after = c.inProcess(p)
		}
		if after <= 0 {
			c.authorize(p, nil)
			return
		}
		c.begin(p)
		visit := p.visit
		gone := func() bool { return p.visit != visit || p.payable() != nil || p.expired(c) }
		c.after(after, errand{what: "the payer pays", payment: p, moot: gone}, func() {
			p.mutex.Lock()
			defer p.mutex.Unlock()
			if !gone() {
				c.authorize(p, nil)
			}
		})
	})
}

// Abandon is the payer leaving: they have begun, and nothing comes of it. What they were going to do later is off, and
// nobody is told, as no provider tells: the payment is pending until it expires, is closed, or a payer comes back.
func (c *Channel) Abandon(id string) (Payment, error) {
	return c.act(id, "", func(p *payment) {
		c.begin(p)
		p.visit++
	})
}

// Close is the provider closing a payment that was not made, as it does when the time for it is over.
func (c *Channel) Close(id string) (Payment, error) {
	return c.act(id, "", func(p *payment) { c.closePayment(p, reasonExpired, nil) })
}

// inProcess is how long a payment that the payer has just made is in process, by a fault. The lock is held.
func (c *Channel) inProcess(p *payment) time.Duration {
	process := c.config.Faults.Change(Change{Subject: p.subject(), Kind: ChangePaying, Minor: p.now.Minor}).Process
	if process == nil {
		return 0
	}
	c.affected(process.Fault, p.subject(), history.PaymentSucceeded, "")
	return process.By
}

// Decline is an attempt of the payer that failed. The payment may still succeed.
func (c *Channel) Decline(id, ref string) (Payment, error) {
	return c.act(id, ref, func(p *payment) { c.decline(p, "declined", nil) })
}

// Begin is the payer opening the cashier or scanning the code.
func (c *Channel) Begin(id string) (Payment, error) {
	return c.act(id, "", func(p *payment) {
		if p.now.State == Created {
			c.begin(p)
		}
	})
}

// Find is a payment, whoever asks.
func (c *Channel) Find(id string) (Payment, bool) {
	p, found := c.payments.get(id)
	if !found {
		return Payment{}, false
	}
	return p.snapshot(), true
}

// FindByOrder is the newest payment of a merchant's order, whoever asks.
func (c *Channel) FindByOrder(merchant, order string) (Payment, bool) {
	o, found := c.orders.get(merchant + "\x00" + order)
	if !found {
		return Payment{}, false
	}
	payments := o.list()
	if len(payments) == 0 {
		return Payment{}, false
	}
	return payments[len(payments)-1].snapshot(), true
}

// decline notes a failed attempt. The lock is held.
func (c *Channel) decline(p *payment, reason string, call *Call) {
	c.commit(p, history.PaymentFailed, p.now.Minor, func() {
		p.now.State, p.now.Begun, p.now.Reason = Failed, true, reason
		p.now.Attempts++
	})
	c.notify(p, history.PaymentFailed, nil, call)
}

// act does what a payer does to a payment that can still be paid.
func (c *Channel) act(id, ref string, do func(*payment)) (Payment, error) {
	if c.over() {
		return Payment{}, errOver()
	}
	p, found := c.payments.get(id)
	if !found {
		return Payment{}, errNoPayment()
	}
	p.mutex.Lock()
	defer p.mutex.Unlock()
	p.identify(ref)
	if err := p.payable(); err != nil {
		return p.now, err
	}
	if p.expired(c) {
		return p.now, refuse(CodePaymentClosed, "the payment has expired")
	}
	do(p)
	return p.now, nil
}
