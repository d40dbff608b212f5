package mockchannel

import (
	"context"
	"slices"

	"github.com/paystorm/paystorm/history"
)

// Resend sends a notification of a payment once more, now, beside its schedule and past all faults. If it is
// acknowledged the schedule ends, as it would have by an attempt of its own.
func (c *Channel) Resend(payment, notification string) error {
	sent, err := c.sentAs(payment, notification)
	if err != nil {
		return err
	}
	for _, n := range sent {
		c.dispatch(0, errand{}, func(ctx context.Context) { c.heard(n, c.post(ctx, c.delivery(n, n.next(), nil)), nil) })
	}
	return nil
}

// Corrupt sends, once, a copy of a notification that is wrong in the way of a forgery. It has an id of its own, or a
// shop that knows the genuine one would drop it unread.
func (c *Channel) Corrupt(payment, notification, forgery string) error {
	sent, err := c.sentAs(payment, notification)
	if err != nil {
		return err
	}
	if !slices.Contains(c.Forgeries(), forgery) {
		return invalid("forgery", "the provider's messages cannot be forged so: "+forgery)
	}
	for _, n := range sent {
		message, err := c.corrupted(n, forgery)
		if err != nil {
			return err
		}
		message.ID = c.identifier(IdentifyNotification)
		d := delivery{message: message, payment: n.payment, attempt: 1, minor: message.Minor()}
		c.dispatch(0, errand{}, func(ctx context.Context) { c.post(ctx, d) })
	}
	return nil
}

// Forgeries lists the ways in which the provider's messages can be forged, its own signature probes among them.
func (c *Channel) Forgeries() []string {
	traits := c.config.Dialect.Traits()
	forgeries := slices.Clone(traits.Forgeries)
	if traits.SignatureProbes && !slices.Contains(forgeries, history.ForgeryProbe) {
		forgeries = append(forgeries, history.ForgeryProbe)
	}
	return forgeries
}

// sentAs are the notifications with an id: one for each address that they go to.
func (c *Channel) sentAs(payment, id string) ([]*notification, error) {
	if c.over() {
		return nil, errOver()
	}
	p, found := c.payments.get(payment)
	if !found {
		return nil, errNoPayment()
	}
	p.mutex.Lock()
	defer p.mutex.Unlock()
	var sent []*notification
	for _, n := range p.notifications {
		if n.notice.ID == id {
			sent = append(sent, n)
		}
	}
	if len(sent) == 0 {
		return nil, refuse(CodeNotFound, "the payment has no such notification")
	}
	return sent, nil
}

// corrupted is the message as the forgery would have it.
func (c *Channel) corrupted(n *notification, forgery string) (Message, error) {
	message := c.content(n)
	message.Forgery = forgery
	switch forgery {
	case history.ForgeryOtherOrder:
		if c.paid[message.Payment.Merchant].otherThan(n.payment.order) == nil {
			return Message{}, refuse(CodePaymentNotFound, "no other order has been paid whose message could be sent here")
		}
		message = c.forgedMessage(n.payment, Extra{Forgery: forgery, OtherOrder: true})
	case history.ForgeryOtherMerchant:
		message.Payment.Merchant = c.otherMerchant(message.Payment.Merchant)
	case history.ForgeryWrongAmount:
		message.misstate()
	case history.ForgeryWrongCurrency:
		message.Payment.Currency = otherCurrency(message.Payment.Currency)
		if message.Refund != nil {
			claimed := *message.Refund
			claimed.Currency = message.Payment.Currency
			message.Refund = &claimed
		}
	}
	return message, nil
}

// misstate lets the message speak of one minor unit less, or more where there is only one.
func (m *Message) misstate() {
	wrong := func(minor int64) int64 {
		if minor > 1 {
			return minor - 1
		}
		return minor + 1
	}
	if m.Refund != nil {
		claimed := *m.Refund
		claimed.Minor = wrong(claimed.Minor)
		m.Refund = &claimed
		return
	}
	m.Payment.Minor = wrong(m.Payment.Minor)
	if m.Payment.Captured > 0 {
		m.Payment.Captured = wrong(m.Payment.Captured)
	}
}

func otherCurrency(code string) string {
	if code == "USD" {
		return "EUR"
	}
	return "USD"
}
