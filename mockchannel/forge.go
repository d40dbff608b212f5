package mockchannel

import (
	"context"
	"time"

	"github.com/paystorm/paystorm/history"
)

// forgeries starts the messages that no change of the ledger justifies. The payment's lock is held.
func (c *Channel) forgeries(p *payment, extras []Extra) {
	for _, extra := range extras {
		id := c.identifier(IdentifyNotification)
		start := func() {
			c.dispatch(0, errand{}, func(ctx context.Context) { c.forge(ctx, p, extra, id, 1) })
		}
		if extra.OtherOrder {
			whole := start
			start = func() { c.paid[p.now.Merchant].once(p.order, whole) }
		}
		if extra.After <= 0 {
			start()
			continue
		}
		c.after(extra.After, errand{what: "forged message, " + extra.Forgery, payment: p}, start)
	}
}

// forge sends a forged message, and again by the schedule until it was acknowledged or sent often enough.
func (c *Channel) forge(ctx context.Context, p *payment, extra Extra, id string, attempt int) {
	message := c.forgedMessage(p, extra)
	message.ID = id
	d := delivery{message: message, payment: p, attempt: attempt, minor: message.Minor()}
	if attempt == 1 {
		d.effects = []string{extra.Fault}
	}
	answer := c.post(ctx, d)
	if answer.outcome == history.OK || attempt >= extra.Repeat {
		return
	}
	wait := time.Duration(0)
	if retry := c.config.Retry; len(retry) > 0 {
		wait = retry[min(attempt, len(retry))-1]
	}
	again := errand{what: "forged message again, " + extra.Forgery, payment: p, notification: id}
	c.dispatch(wait, again, func(ctx context.Context) { c.forge(ctx, p, extra, id, attempt+1) })
}

// forgedMessage claims that the payment succeeded, in the way that the forgery says.
func (c *Channel) forgedMessage(p *payment, extra Extra) Message {
	claimed := p.snapshot()
	message := Message{
		Type: history.PaymentSucceeded, Change: history.PaymentSucceeded, At: c.businessNow(),
		Merchant: c.merchant(claimed.Merchant), Forgery: extra.Forgery, business: c.business,
	}
	c.direct(p, &message)
	if extra.OtherOrder {
		if other := c.paid[claimed.Merchant].otherThan(p.order); other != nil {
			address := claimed.NotifyURL
			claimed = other.snapshot()
			claimed.NotifyURL = address
		}
	}
	if claimed.State != Succeeded {
		claimed.State, claimed.Captured, claimed.Version = Succeeded, claimed.Minor, claimed.Version+1
		claimed.Begun, claimed.PaidAt = true, c.config.Clock.Now()
	}
	if extra.Minor != 0 {
		claimed.Captured = extra.Minor
	}
	if extra.Currency != "" {
		claimed.Currency = extra.Currency
	}
	if extra.Forgery == history.ForgeryOtherMerchant {
		claimed.Merchant = c.otherMerchant(claimed.Merchant)
	}
	message.Payment = claimed
	c.date(&message)
	return message
}

// direct gives a forged message the name and the address that a genuine one of its kind would have.
func (c *Channel) direct(p *payment, message *Message) {
	for _, announcement := range c.announcements(message.Type, message.Payment, nil) {
		message.Event, message.URL = announcement.Event, announcement.URL
		if addressees := c.addressees(p, announcement); len(addressees) > 0 {
			message.Endpoint = addressees[0]
			return
		}
	}
}

func (c *Channel) merchant(id string) Merchant {
	for _, merchant := range c.config.Merchants {
		if merchant.ID == id {
			return merchant
		}
	}
	return Merchant{ID: id}
}

// otherMerchant is another merchant of the channel, or the id of one that could be.
func (c *Channel) otherMerchant(id string) string {
	for _, merchant := range c.config.Merchants {
		if merchant.ID != id {
			return merchant.ID
		}
	}
	return id + "-other"
}
