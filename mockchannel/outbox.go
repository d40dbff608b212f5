package mockchannel

import (
	"context"
	"slices"
	"sync"

	"github.com/paystorm/paystorm/history"
)

// notification is a message in the outbox on its way to the shop. It is tried, and tried again by the schedule, until
// it is acknowledged or the schedule is exhausted; duplicates of it go their own way beside that.
type notification struct {
	payment  *payment
	place    int64 // among the genuine notifications of its order
	notice   Notice
	told     *told     // shared: not to be changed
	endpoint *Endpoint // whom it goes to; nil where the message or the payment has the address
	fault    NoticeFault
	probed   bool          // the wrongly signed forerunner has been sent
	tried    chan struct{} // closed when the first attempt has ended, however it did

	mutex    sync.Mutex
	attempts int // that have a number: posted or lost
	tries    int // of the schedule
	posted   bool
	acked    bool
	effects  []string    // faults that will have had their effect once the next attempt is posted
	burst    []Duplicate // the copies that go together with the first attempt that is posted
	status   string      // for people
}

// notify announces what just happened to whoever wants to know it. The payment's lock is held. call is the request that
// caused it, if one did.
func (c *Channel) notify(p *payment, kind string, r *refund, call *Call) {
	var then *Refund
	if r != nil {
		copied := r.now
		then = &copied
	}
	notice := Notice{Subject: p.subject()}
	if r != nil {
		notice.Refund = r.now.ID
	}
	var informed []string // addresses that have the message of the change
	for _, announcement := range c.announcements(kind, p.now, then) {
		told := c.tell(kind, announcement, p, r)
		notice.ID = told.id
		for _, endpoint := range c.addressees(p, announcement) {
			n := &notification{
				payment: p, place: p.order.number(), tried: make(chan struct{}), told: told, endpoint: endpoint, notice: notice,
			}
			if address := n.address(); announcement.Note || slices.Contains(informed, address) {
				n.notice.Type = history.Note
			} else {
				n.notice.Type = kind
				informed = append(informed, address)
			}
			n.notice.Minor = minorOf(n.notice.Type, p.now, then)
			c.enqueue(n, call)
		}
	}
}

// date tells a message when its payment was made and paid.
func (c *Channel) date(message *Message) {
	message.Created = c.business(message.Payment.CreatedAt)
	if message.Payment.PaidAt > 0 {
		message.Paid = c.business(message.Payment.PaidAt)
	}
}

// announcements lists the messages of a change.
func (c *Channel) announcements(kind string, p Payment, r *Refund) []Announcement {
	if announcer, own := c.config.Dialect.(Announcer); own {
		return announcer.Announce(kind, p, r)
	}
	switch kind {
	case history.PaymentSucceeded, history.PaymentFailed, history.PaymentClosed, history.RefundSucceeded, history.RefundFailed:
		return []Announcement{{}}
	default:
		return nil
	}
}

// addressees are the endpoints that a message goes to; nil is the address that it or its payment has. The lock is held.
func (c *Channel) addressees(p *payment, announcement Announcement) []*Endpoint {
	if announcement.URL != "" || (p.now.NotifyURL != "" && !announcement.ToMerchant) {
		return []*Endpoint{nil}
	}
	var wanting []*Endpoint
	for _, endpoint := range c.endpoints[p.now.Merchant].all() {
		if endpoint.wants(announcement.Event) {
			wanting = append(wanting, &endpoint)
		}
	}
	return wanting
}

// enqueue puts a notification into the outbox. The payment's lock is held.
func (c *Channel) enqueue(n *notification, call *Call) {
	n.fault = c.config.Faults.Notice(n.notice)
	for _, duplicate := range n.fault.Duplicates {
		for range duplicate.Count {
			if duplicate.Burst {
				n.burst = append(n.burst, duplicate)
			}
		}
	}
	n.payment.notifications = append(n.payment.notifications, n)
	if twin := n.fault.Twin; twin != nil {
		c.twin(n, twin)
	}
	switch {
	case call != nil && call.awaits: // whose answer waits for it
		call.caused = append(call.caused, n)
		c.dispatch(0, errand{}, func(ctx context.Context) { c.try(ctx, n) })
	case n.fault.Delay != nil:
		n.effects = append(n.effects, n.fault.Delay.Fault)
		c.dispatch(n.fault.Delay.By, n.errand("delayed"), func(ctx context.Context) { c.release(ctx, n) })
	default:
		c.dispatch(0, errand{}, func(ctx context.Context) { c.release(ctx, n) })
	}
}

// twin tells the same change once more, under an id of its own. The payment's lock is held.
func (c *Channel) twin(n *notification, fault *Twin) {
	again := *n.told
	again.id = c.identifier(IdentifyNotification)
	c.remember(&again)
	notice := n.notice
	notice.ID = again.id
	second := &notification{
		payment: n.payment, place: n.payment.order.number(), tried: make(chan struct{}), told: &again, endpoint: n.endpoint, notice: notice,
		effects: []string{fault.Fault},
	}
	n.payment.notifications = append(n.payment.notifications, second)
	c.dispatch(fault.After, second.errand("twin"), func(ctx context.Context) { c.try(ctx, second) })
}

// release makes the first attempt, unless the notification is to be overtaken by a later one first.
func (c *Channel) release(ctx context.Context, n *notification) {
	reorder := n.fault.Reorder
	if reorder == nil {
		c.try(ctx, n)
		return
	}
	c.due.Add(1) // until it is let go, which may be at once
	held, inverted := n.payment.order.hold(n, func(inverted bool) {
		if inverted {
			n.effect(reorder.Fault)
		}
		c.dispatch(0, errand{}, func(ctx context.Context) { c.try(ctx, n) })
		c.due.Add(-1)
	})
	if held {
		until := c.config.Clock.Now().Add(reorder.AtMost)
		c.timers.add(until, n.errand("held back no longer"), func() { n.payment.order.letGo(n) })
		return
	}
	c.due.Add(-1)
	if inverted {
		n.effect(reorder.Fault)
	}
	c.try(ctx, n)
}

// try makes the next attempt of the schedule, with what is to go together with the first one, and sees to what follows.
func (c *Channel) try(ctx context.Context, n *notification) {
	if n.isAcknowledged() {
		return
	}
	attempt := n.next()
	fault := c.config.Faults.Attempt(n.notice, attempt)
	first := n.begin()
	switch {
	case n.fault.Lose != nil && n.fault.Lose.First == 0:
		c.loseAttempt(n, attempt, n.fault.Lose.Fault)
		n.end(first, "lost for ever")
		return
	case n.fault.Lose != nil && attempt <= n.fault.Lose.First:
		c.loseAttempt(n, attempt, n.fault.Lose.Fault)
	case fault.Lose != nil:
		c.loseAttempt(n, attempt, fault.Lose.Fault)
	default:
		c.probe(ctx, n)
		var copies sync.WaitGroup
		for _, duplicate := range n.takeBurst() {
			copies.Go(func() { c.copy(ctx, n, duplicate) })
		}
		timely := c.delivery(n, attempt, n.takeEffects())
		timely.rotate = fault.Rotate
		answer := c.post(ctx, timely)
		c.heard(n, answer, fault.IgnoreAck)
		copies.Wait()
	}
	if first {
		c.duplicate(n)
	}
	c.again(n)
	n.end(first, "")
}

// probe sends, once, the message with a signature that is wrong on purpose, and waits for the answer. The right one
// follows, whatever that was.
func (c *Channel) probe(ctx context.Context, n *notification) {
	if n.fault.Probe == nil || n.probed {
		return
	}
	n.probed = true // attempts of the schedule come one after the other
	wrong := c.delivery(n, 1, []string{n.fault.Probe.Fault})
	wrong.message.Forgery, wrong.genuine = history.ForgeryProbe, nil
	c.post(ctx, wrong)
}

// heard takes in how an attempt ended. An acknowledgement that is to be ignored is one all the same to those who wait
// for the order's notifications to arrive.
func (c *Channel) heard(n *notification, answer delivered, ignore *IgnoreAck) {
	n.mutex.Lock()
	n.status = answer.String()
	switch {
	case answer.outcome != history.OK:
	case ignore != nil && !n.acked:
		n.effects = append(n.effects, ignore.Fault)
		n.status += ", ignored"
	default:
		n.acked = true
	}
	n.mutex.Unlock()
	if answer.outcome != history.Unknown {
		n.payment.order.answered(n)
	}
	if answer.outcome == history.OK {
		n.payment.order.acknowledged(n.notice.Type)
	}
}

// again schedules the next attempt, if the notification needs one and the schedule has one.
func (c *Channel) again(n *notification) {
	n.mutex.Lock()
	acked, tries, attempts := n.acked, n.tries, n.attempts
	if !acked && tries > len(c.config.Retry) {
		n.status += ", given up"
	}
	n.mutex.Unlock()
	switch {
	case acked:
	case tries <= len(c.config.Retry):
		c.dispatch(c.config.Retry[tries-1], n.errand("retry"), func(ctx context.Context) { c.try(ctx, n) })
	default:
		c.recordDelivery(c.delivery(n, attempts, nil), history.Event{Kind: history.DeliveryGivenUp})
	}
}

// duplicate starts the copies that follow the first attempt.
func (c *Channel) duplicate(n *notification) {
	for _, duplicate := range n.fault.Duplicates {
		start := func() { c.series(n, duplicate, duplicate.Count) }
		switch {
		case duplicate.Burst:
		case duplicate.AfterType != "":
			n.payment.order.onceAcknowledged(duplicate.AfterType, start)
		default:
			start()
		}
	}
}

// series sends copies one after the other.
func (c *Channel) series(n *notification, duplicate Duplicate, left int) {
	if left <= 0 {
		return
	}
	again := errand{what: "copy: " + n.notice.Type, payment: n.payment, notification: n.notice.ID}
	c.dispatch(duplicate.After, again, func(ctx context.Context) {
		c.copy(ctx, n, duplicate)
		c.series(n, duplicate, left-1)
	})
}

// copy sends a notification once more, outside its schedule.
func (c *Channel) copy(ctx context.Context, n *notification, duplicate Duplicate) {
	attempt := n.next()
	attemptFault := c.config.Faults.Attempt(n.notice, attempt)
	switch lose := n.fault.Lose; {
	case lose != nil && attempt <= lose.First:
		c.loseAttempt(n, attempt, lose.Fault)
	case attemptFault.Lose != nil:
		c.loseAttempt(n, attempt, attemptFault.Lose.Fault)
	case duplicate.Path != "":
		elsewhere := c.delivery(n, attempt, []string{duplicate.Fault})
		elsewhere.message.redirect(duplicate.Path)
		c.post(ctx, elsewhere)
	default:
		again := c.delivery(n, attempt, []string{duplicate.Fault})
		again.rotate = attemptFault.Rotate
		c.heard(n, c.post(ctx, again), attemptFault.IgnoreAck)
	}
}

// loseAttempt records an attempt that never left.
func (c *Channel) loseAttempt(n *notification, attempt int, fault string) {
	c.recordDelivery(c.delivery(n, attempt, nil), history.Event{Kind: history.DeliveryLost, Fault: fault})
	c.affected(fault, n.payment.peek(), n.notice.Type, n.notice.ID)
}

// delivery is one attempt to post the notification.
func (c *Channel) delivery(n *notification, attempt int, effects []string) delivery {
	return delivery{
		message: c.content(n), payment: n.payment, attempt: attempt, minor: n.notice.Minor, effects: effects, genuine: n,
	}
}

// next numbers an attempt.
func (n *notification) next() int {
	n.mutex.Lock()
	defer n.mutex.Unlock()
	n.attempts++
	return n.attempts
}

// begin counts a try of the schedule, and says whether it is the first.
func (n *notification) begin() (first bool) {
	n.mutex.Lock()
	defer n.mutex.Unlock()
	n.tries++
	return n.tries == 1
}

// end tells those who wait for the first try that it is over.
func (n *notification) end(first bool, status string) {
	if status != "" {
		n.mutex.Lock()
		n.status = status
		n.mutex.Unlock()
	}
	if first {
		close(n.tried)
	}
}

func (n *notification) effect(fault string) {
	n.mutex.Lock()
	defer n.mutex.Unlock()
	n.effects = append(n.effects, fault)
}

func (n *notification) takeEffects() []string {
	n.mutex.Lock()
	defer n.mutex.Unlock()
	effects := n.effects
	n.effects = nil
	return effects
}

func (n *notification) takeBurst() []Duplicate {
	n.mutex.Lock()
	defer n.mutex.Unlock()
	burst := n.burst
	n.burst = nil
	return burst
}

func (n *notification) isAcknowledged() bool {
	n.mutex.Lock()
	defer n.mutex.Unlock()
	return n.acked
}

func (n *notification) wasPosted() bool {
	n.mutex.Lock()
	defer n.mutex.Unlock()
	return n.posted
}
