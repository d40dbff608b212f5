package mockchannel

import (
	"cmp"
	"slices"

	"github.com/paystorm/paystorm/history"
)

// Dossier is a payment and all that belongs to it, as they were at one moment.
type Dossier struct {
	Payment       Payment
	Refunds       []Refund       // oldest first, disputes included
	Notifications []Notification // genuine ones, oldest first
}

// Notification is a genuine notification as it was at one moment.
type Notification struct {
	ID           string
	Type         string // history.PaymentSucceeded, history.Note, …
	Event        string // the provider's own name of it, "" where it has none
	Payment      string
	Order        string
	Minor        int64
	Currency     string
	URL          string       // where it goes
	At           history.Time // of the change that it tells
	Attempts     int
	Acknowledged bool
	Status       string // how the last attempt ended, for people
}

// Dossiers are those of all payments, the newest payment first.
func (c *Channel) Dossiers() []Dossier {
	var all []Dossier
	for _, p := range c.payments.all() {
		all = append(all, p.dossier())
	}
	slices.SortFunc(all, func(a, b Dossier) int {
		return cmp.Or(cmp.Compare(b.Payment.CreatedAt, a.Payment.CreatedAt), cmp.Compare(a.Payment.ID, b.Payment.ID))
	})
	return all
}

// Dossier is that of one payment.
func (c *Channel) Dossier(payment string) (Dossier, bool) {
	p, found := c.payments.get(payment)
	if !found {
		return Dossier{}, false
	}
	return p.dossier(), true
}

func (p *payment) dossier() Dossier {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	d := Dossier{Payment: p.now}
	for _, r := range p.refunds {
		d.Refunds = append(d.Refunds, r.now)
	}
	for _, n := range p.notifications {
		d.Notifications = append(d.Notifications, n.snapshot())
	}
	return d
}

func (n *notification) snapshot() Notification {
	n.mutex.Lock()
	defer n.mutex.Unlock()
	return Notification{
		ID: n.notice.ID, Type: n.notice.Type, Event: n.told.event, Payment: n.payment.now.ID,
		Order: n.payment.now.Order, Minor: n.notice.Minor, Currency: n.payment.now.Currency,
		URL: n.address(), At: n.told.at, Attempts: n.attempts, Acknowledged: n.acked,
		Status: cmp.Or(n.status, "not tried yet"),
	}
}
