package mockchannel

import (
	"cmp"
	"slices"

	"github.com/paystorm/paystorm/history"
)

// told is a message as the channel keeps it: without the payment and the refund, which keep their versions themselves. It
// is never changed.
type told struct {
	id, kind, event, url string
	payment              *payment
	refund               *refund
	at, refundAt         history.Time // of the versions
}

// tell keeps a message. The payment's lock is held.
func (c *Channel) tell(kind string, announcement Announcement, p *payment, r *refund) *told {
	t := &told{
		id: c.identifier(IdentifyNotification), kind: kind, event: announcement.Event, url: announcement.URL,
		payment: p, refund: r, at: p.now.At,
	}
	if r != nil {
		t.refundAt = r.now.At
	}
	c.remember(t)
	return t
}

// remember lets merchants ask for a message, if it has a name.
func (c *Channel) remember(t *told) {
	if t.event != "" {
		c.notices.getOrPut(t.id, t)
	}
}

// content is the message of a notification.
func (c *Channel) content(n *notification) Message {
	message := c.message(n.told)
	message.Type, message.Endpoint = n.notice.Type, n.endpoint
	return message
}

// address is where a notification goes.
func (n *notification) address() string {
	return Message{Endpoint: n.endpoint, URL: n.told.url, Payment: Payment{NotifyURL: n.payment.now.NotifyURL}}.address()
}

// message is the message again.
func (c *Channel) message(t *told) Message {
	t.payment.mutex.Lock()
	defer t.payment.mutex.Unlock()
	p, _ := t.payment.at(t.at) // it was there when it was told
	message := Message{
		ID: t.id, Type: t.kind, Event: t.event, Change: t.kind, At: c.business(t.at), Merchant: c.merchant(p.Merchant),
		Payment: p, business: c.business, URL: t.url,
	}
	if t.refund != nil {
		then, _ := t.refund.at(t.refundAt)
		message.Refund = &then
	}
	c.date(&message)
	return message
}

// Messages lists what the merchant's payments have caused, newest first, whether or not anybody was told of it. Only a
// dialect whose messages have names keeps them.
func (call *Call) Messages() []Message {
	var messages []Message
	for _, t := range call.channel.notices.all() {
		if t.payment.now.Merchant == call.merchant.ID { // the merchant never changes
			messages = append(messages, call.channel.message(t))
		}
	}
	slices.SortFunc(messages, func(a, b Message) int {
		return cmp.Or(b.At.Compare(a.At), cmp.Compare(b.Payment.Version, a.Payment.Version), cmp.Compare(a.ID, b.ID))
	})
	return messages
}

// Message is one of them.
func (call *Call) Message(id string) (Message, error) {
	t, found := call.channel.notices.get(id)
	if !found || t.payment.now.Merchant != call.merchant.ID { // the merchant never changes
		return Message{}, refuse(CodeNotFound, "there is no such event")
	}
	return call.channel.message(t), nil
}
