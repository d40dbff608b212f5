package console

import (
	"cmp"
	"slices"
	"strconv"
	"sync"

	"github.com/paystorm/paystorm/history"
	"github.com/paystorm/paystorm/mockchannel"
)

// Bound is how many bytes of events and exchanges a console keeps. The oldest are forgotten first; what the channel
// itself knows of a payment is not.
const Bound = 64 << 20

// entry is one thing that happened: a change of the ledger, a request, an attempt.
type entry struct {
	event   history.Event
	traced  *mockchannel.Trace // what went over the wire, if anything has yet
	payment string
}

// at is when it began.
func (e *entry) at() history.Time {
	if e.traced != nil {
		return e.traced.At
	}
	return e.event.At
}

// eventBytes is about what an entry costs without its texts.
const eventBytes = 1 << 10

func (e *entry) bytes() int {
	size := eventBytes + len(e.event.Detail)
	if e.traced == nil {
		return size
	}
	for _, content := range []mockchannel.Content{e.traced.Request, e.traced.Answer} {
		size += len(content.Body)
		for name, values := range content.Header {
			for _, value := range values {
				size += len(name) + len(value)
			}
		}
	}
	return size
}

// memory keeps the latest entries, in the order in which they came.
type memory struct {
	bound int

	mutex     sync.Mutex
	size      int
	forgotten int
	entries   []*entry
	byPayment map[string][]*entry
	sent      map[string][]*entry // attempts without an answer yet
}

func newMemory(bound int) *memory {
	return &memory{bound: bound, byPayment: map[string][]*entry{}, sent: map[string][]*entry{}}
}

// record keeps an event, unless its exchange is about to be traced, which tells more.
func (m *memory) record(event history.Event) {
	switch event.Kind {
	case history.Request, history.DeliveryAnswered, history.FaultBegin, history.FaultEnd:
		return
	}
	m.mutex.Lock()
	defer m.mutex.Unlock()
	e := &entry{event: event, payment: event.Payment}
	m.add(e)
	if event.Kind == history.DeliverySent {
		m.sent[attemptKey(event)] = append(m.sent[attemptKey(event)], e)
	}
}

// trace keeps an exchange. An attempt that was sent becomes one that was answered.
func (m *memory) trace(trace mockchannel.Trace) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	key := attemptKey(trace.Event)
	waiting := m.sent[key]
	if trace.Event.Kind != history.DeliveryAnswered || len(waiting) == 0 {
		m.add(&entry{event: trace.Event, traced: &trace, payment: trace.Event.Payment})
		return
	}
	e := waiting[0]
	m.settle(key, e)
	m.size -= e.bytes()
	e.event, e.traced = trace.Event, &trace
	m.size += e.bytes()
	m.forget()
}

// settle takes an attempt out of those that wait for an answer. The mutex is held.
func (m *memory) settle(key string, e *entry) {
	m.sent[key] = slices.DeleteFunc(m.sent[key], func(one *entry) bool { return one == e })
	if len(m.sent[key]) == 0 {
		delete(m.sent, key)
	}
}

// add keeps an entry. The mutex is held.
func (m *memory) add(e *entry) {
	m.entries = append(m.entries, e)
	m.byPayment[e.payment] = append(m.byPayment[e.payment], e)
	m.size += e.bytes()
	m.forget()
}

// forget drops the oldest entries until the rest is within the bound. The mutex is held.
func (m *memory) forget() {
	for m.size > m.bound && len(m.entries) > 1 {
		oldest := m.entries[0]
		m.entries[0] = nil
		m.entries = m.entries[1:]
		m.size -= oldest.bytes()
		m.forgotten++
		m.settle(attemptKey(oldest.event), oldest)
		if rest := m.byPayment[oldest.payment][1:]; len(rest) > 0 { // in the same order
			m.byPayment[oldest.payment] = rest
		} else {
			delete(m.byPayment, oldest.payment)
		}
	}
}

// story is what happened to a payment, in the order in which it began; to none, if payment is "".
func (m *memory) story(payment string) []entry {
	return m.pick(func() []*entry { return m.byPayment[payment] }, func(*entry) bool { return true })
}

// forged are the attempts with messages that no change of the ledger caused.
func (m *memory) forged() []entry {
	return m.pick(func() []*entry { return m.entries }, func(e *entry) bool { return e.event.Forgery != "" })
}

func (m *memory) pick(from func() []*entry, wanted func(*entry) bool) []entry {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	var picked []entry
	for _, e := range from() {
		if wanted(e) {
			picked = append(picked, *e)
		}
	}
	slices.SortStableFunc(picked, func(a, b entry) int { return cmp.Compare(a.at(), b.at()) })
	return picked
}

// lost is how many entries have been forgotten.
func (m *memory) lost() int {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	return m.forgotten
}

func attemptKey(event history.Event) string {
	return event.Notification + "\x00" + strconv.Itoa(event.Attempt) + "\x00" + event.Forgery
}
