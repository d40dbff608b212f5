package mockchannel

import (
	"slices"
	"sync"

	"github.com/paystorm/paystorm/history"
)

// order is what the channel knows about one order number of one merchant: its payments, and how far the shop has heard
// of them. Its mutex is taken inside a payment's, never the other way round.
type order struct {
	mutex    sync.Mutex
	payments []*payment
	reserved string // key of the next payment, if its buyer is unknown

	notices   int64 // genuine notifications so far
	delivered int64 // the latest of them that the shop has answered
	held      *notification
	release   func(inverted bool) // lets the held one go
	acked     []string            // types
	waiting   map[string][]func() // what happens once a type is acknowledged
}

func (c *Channel) order(merchant, number string) *order {
	if known, found := c.orders.get(merchant + "\x00" + number); found { // which makes no string that is kept
		return known
	}
	o, _ := c.orders.getOrPut(merchant+"\x00"+number, &order{})
	return o
}

// join adds a payment, and tells it the how-manieth it is and its key if the buyer is unknown. If it is to be the only one
// and there is one, join answers that and adds nothing. The payment's lock is held.
func (o *order) join(p *payment, stranger func() string, only bool) (earlier *payment) {
	o.mutex.Lock()
	defer o.mutex.Unlock()
	if only && len(o.payments) > 0 {
		return o.payments[len(o.payments)-1]
	}
	o.payments = append(o.payments, p)
	if p.ref == (history.Ref{}) {
		p.key = o.nextKey(stranger)
		o.reserved = ""
	}
	p.nth = len(o.payments)
	return nil
}

// next is the subject of a payment that is about to be created.
func (o *order) next(number string, ref history.Ref, stranger func() string) Subject {
	o.mutex.Lock()
	defer o.mutex.Unlock()
	s := Subject{Order: number, Ref: ref, Nth: len(o.payments) + 1}
	if ref != (history.Ref{}) {
		s.Key = ref.Key()
	} else {
		s.Key = o.nextKey(stranger)
	}
	return s
}

// nextKey keeps the number for the next payment, so that the request that creates it is asked about under the key of
// what it creates. The lock is held.
func (o *order) nextKey(stranger func() string) string {
	if o.reserved == "" {
		o.reserved = stranger()
	}
	return o.reserved
}

// list is the order's payments, oldest first.
func (o *order) list() []*payment {
	o.mutex.Lock()
	defer o.mutex.Unlock()
	return append([]*payment(nil), o.payments...)
}

// number gives a notification its place among those of the order.
func (o *order) number() int64 {
	o.mutex.Lock()
	defer o.mutex.Unlock()
	o.notices++
	return o.notices
}

// hold keeps a notification back until a later one is delivered, unless one has been (inverted), or another is held
// already: then this is the one which that waits for.
func (o *order) hold(n *notification, release func(inverted bool)) (held, inverted bool) {
	o.mutex.Lock()
	defer o.mutex.Unlock()
	if o.delivered > n.place {
		return false, true
	}
	if o.held != nil {
		return false, false
	}
	o.held, o.release = n, release
	return true, false
}

// letGo releases a notification that was held too long.
func (o *order) letGo(n *notification) {
	o.mutex.Lock()
	release := o.release
	if o.held != n {
		release = nil
	} else {
		o.held, o.release = nil, nil
	}
	o.mutex.Unlock()
	if release != nil {
		release(false)
	}
}

// answered notes that the shop has answered a notification: an earlier one that was held for it may go.
func (o *order) answered(n *notification) {
	o.mutex.Lock()
	o.delivered = max(o.delivered, n.place)
	release := o.release
	if o.held == nil || o.held.place > n.place {
		release = nil
	} else {
		o.held, o.release = nil, nil
	}
	o.mutex.Unlock()
	if release != nil {
		release(true)
	}
}

// acknowledged notes that a notification of the type was acknowledged.
func (o *order) acknowledged(kind string) {
	o.mutex.Lock()
	if !slices.Contains(o.acked, kind) {
		o.acked = append(o.acked, kind)
	}
	waiting := o.waiting[kind]
	delete(o.waiting, kind)
	o.mutex.Unlock()
	for _, do := range waiting {
		do()
	}
}

// onceAcknowledged runs a short task when a notification of the type has been acknowledged, which may never be.
func (o *order) onceAcknowledged(kind string, do func()) {
	o.mutex.Lock()
	if slices.Contains(o.acked, kind) {
		o.mutex.Unlock()
		do()
		return
	}
	defer o.mutex.Unlock()
	if o.waiting == nil {
		o.waiting = map[string][]func(){}
	}
	o.waiting[kind] = append(o.waiting[kind], do)
}

// paidOrders remembers whose genuine message can be posted to another order's address.
type paidOrders struct {
	mutex   sync.Mutex
	latest  [2]*payment // of different orders, the latest first
	waiting []otherOrder
}

// otherOrder is a forgery that waits until another order was paid.
type otherOrder struct {
	order *order
	start func()
}

// add notes a captured payment. Its lock is held.
func (s *paidOrders) add(p *payment) {
	s.mutex.Lock()
	if s.latest[0] == nil || s.latest[0].order != p.order {
		s.latest[1] = s.latest[0]
	}
	s.latest[0] = p
	var started, waiting []otherOrder
	for _, forgery := range s.waiting {
		if forgery.order != p.order {
			started = append(started, forgery)
		} else {
			waiting = append(waiting, forgery)
		}
	}
	s.waiting = waiting
	s.mutex.Unlock()
	for _, forgery := range started {
		forgery.start()
	}
}

// once runs a short task as soon as an order other than this one was paid, which may never be.
func (s *paidOrders) once(o *order, start func()) {
	s.mutex.Lock()
	if s.other(o) == nil {
		s.waiting = append(s.waiting, otherOrder{o, start})
		s.mutex.Unlock()
		return
	}
	s.mutex.Unlock()
	start()
}

// otherThan is a captured payment of another order, or nil.
func (s *paidOrders) otherThan(o *order) *payment {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return s.other(o)
}

func (s *paidOrders) other(o *order) *payment {
	for _, p := range s.latest {
		if p != nil && p.order != o {
			return p
		}
	}
	return nil
}
