package mockchannel

import (
	"cmp"
	"slices"

	"github.com/paystorm/paystorm/history"
)

// Task is something that the channel is going to do.
type Task struct {
	At           history.Time
	What         string // for people
	Payment      string
	Order        string
	Notification string // whose delivery it is, if it is one
}

// Agenda lists what the channel is going to do, the next first. What is under way, or will turn out to need no doing, is
// not in it.
func (c *Channel) Agenda() []Task {
	var agenda []Task
	for _, pending := range c.timers.pending() {
		if p := pending.why.payment; p != nil && !pending.why.isMoot() {
			agenda = append(agenda, Task{
				At: pending.at, What: pending.why.what, Payment: p.now.ID, Order: p.now.Order, Notification: pending.why.notification,
			})
		}
	}
	slices.SortFunc(agenda, func(a, b Task) int { return cmp.Or(cmp.Compare(a.At, b.At), cmp.Compare(a.Payment, b.Payment)) })
	return agenda
}

// errand is what a timed task is for.
type errand struct {
	what         string
	payment      *payment
	notification string
	moot         func() bool // nothing is left to do by now; nil: never. The payment's lock is held
}

func (e errand) isMoot() bool {
	if e.moot == nil {
		return false
	}
	e.payment.mutex.Lock()
	defer e.payment.mutex.Unlock()
	return e.moot()
}

// errand is a later attempt to deliver the notification.
func (n *notification) errand(why string) errand {
	return errand{
		what: why + ": " + n.notice.Type, payment: n.payment, notification: n.notice.ID, moot: n.isAcknowledged,
	}
}
