package mockchannel

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"sync"
	"time"

	"github.com/paystorm/paystorm/history"
)

// delivery is one attempt to post one message.
type delivery struct {
	message Message
	payment *payment // whose shop it goes to
	attempt int
	minor   int64         // as the message claims
	effects []string      // faults that have their effect by its being posted
	rotate  *Rotate       // it is to be signed with the next key
	genuine *notification // nil for a forged message
}

// delivered is how an attempt ended.
type delivered struct {
	outcome history.Outcome
	status  int
	reason  string
	detail  string
	header  http.Header // of the shop's answer, and body
	body    []byte
}

func (d delivered) String() string {
	if d.status != 0 {
		return fmt.Sprintf("%s (%d)", d.outcome, d.status)
	}
	return fmt.Sprintf("%s (%s)", d.outcome, d.reason)
}

// largestReply is how much of a shop's answer to a notification is read.
const largestReply = 64 << 10

// newClient makes the couriers' own HTTP client: no proxy of the environment, no redirects, connections kept.
func newClient(config Config) *http.Client {
	return &http.Client{
		Transport: &http.Transport{
			DialContext:         (&net.Dialer{KeepAlive: 15 * time.Second}).DialContext,
			MaxIdleConns:        config.Couriers,
			MaxIdleConnsPerHost: config.Couriers,
			IdleConnTimeout:     30 * time.Second,
			DisableCompression:  true,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// post makes one attempt and records it.
func (c *Channel) post(ctx context.Context, d delivery) delivered {
	d.message.Attempt, d.message.Sent = d.attempt, c.businessNow()
	d.message.NextKey = d.rotate != nil
	began := c.config.Clock.Now()
	var envelope Envelope
	signing, err := c.signers.notification(func() (err error) {
		envelope, err = c.config.Dialect.Encode(d.message, time.Now())
		return err
	})
	if envelope.Rotated && d.rotate != nil {
		d.effects = append(d.effects, d.rotate.Fault)
	}
	answer, sent := delivered{outcome: history.Refused, reason: "not encoded"}, uint64(0)
	if err != nil {
		answer.detail = err.Error()
	} else {
		_, sent = c.recordDelivery(d, history.Event{Kind: history.DeliverySent, Signing: signing})
		answer = c.send(ctx, d, envelope)
	}
	answered, _ := c.recordDelivery(d, history.Event{
		Kind: history.DeliveryAnswered, Outcome: answer.outcome, Status: answer.status, Reason: answer.reason,
		Detail: answer.detail, Answers: sent,
	})
	c.traceDelivery(began, d, envelope, answer, answered)
	if d.genuine != nil && answer.outcome == history.OK {
		c.reachedByNotice(d, StageAcked)
	}
	return answer
}

// send makes the request and classifies what comes back. A connection that breaks says nothing about whether the
// shop took the message in.
func (c *Channel) send(ctx context.Context, d delivery, envelope Envelope) delivered {
	ctx, cancel := context.WithTimeout(ctx, c.config.AttemptTimeout)
	defer cancel()
	posted := false
	written := &hook{do: func() {
		if posted = d.genuine != nil; posted {
			c.inFlight.Add(1)
		}
		c.written(d)
	}}
	defer func() {
		written.close()
		if posted {
			c.inFlight.Add(-1)
		}
	}()
	request, err := http.NewRequestWithContext(httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		WroteRequest: func(info httptrace.WroteRequestInfo) {
			if info.Err == nil {
				written.run()
			}
		},
	}), envelope.Method, d.message.address(), bytes.NewReader(envelope.Body))
	if err != nil {
		return delivered{outcome: history.Refused, reason: "bad address", detail: err.Error()}
	}
	request.GetBody = nil // the transport must not send it twice on its own
	request.Header = envelope.Header
	response, err := c.client.Do(request)
	if err != nil {
		return broken(err)
	}
	written.run() // the answer may be faster than the transport's hook

	defer func() { _ = response.Body.Close() }() // what matters has been read
	var body []byte
	if response.ContentLength != 0 { // most shops acknowledge by their status alone
		body, err = io.ReadAll(io.LimitReader(response.Body, largestReply))
	}
	if err != nil {
		answer := broken(err)
		answer.status, answer.header, answer.body = response.StatusCode, response.Header, body
		return answer
	}
	answer := delivered{outcome: history.OK, status: response.StatusCode, header: response.Header, body: body}
	var acknowledged bool
	if acknowledged, answer.detail = c.config.Dialect.Acknowledged(response.StatusCode, body); !acknowledged {
		answer.outcome, answer.reason = history.Refused, "not acknowledged"
	}
	return answer
}

func broken(err error) delivered {
	reason := "connection broken"
	var network net.Error
	switch {
	case errors.As(err, &network) && network.Timeout():
		reason = "timeout"
	case errors.Is(err, context.Canceled):
		reason = "channel closed"
	}
	return delivered{outcome: history.Unknown, reason: reason, detail: err.Error()}
}

// written is called when an attempt is on its way: what faults wanted of it has happened.
func (c *Channel) written(d delivery) {
	if len(d.effects) > 0 {
		subject := d.payment.peek()
		for _, fault := range d.effects {
			c.affected(fault, subject, d.message.Type, d.message.ID)
		}
	}
	if n := d.genuine; n != nil {
		n.mutex.Lock()
		n.posted = true
		n.mutex.Unlock()
		c.reachedByNotice(d, StageSent)
	}
}

func (c *Channel) reachedByNotice(d delivery, stage Stage) {
	c.config.Faults.Reached(Moment{Subject: d.payment.peek(), Message: d.message.Type, Stage: stage, Attempt: d.attempt, InFlight: int(c.inFlight.Load())})
}

// recordDelivery records an event of an attempt, and returns it with its place in the sequence. It fills in what all of
// them carry.
func (c *Channel) recordDelivery(d delivery, event history.Event) (whole history.Event, seq uint64) {
	subject := d.payment.peek()
	event.Source = history.SourceDelivery
	event.Notification, event.Attempt, event.State, event.Forgery = d.message.ID, d.attempt, d.message.Type, d.message.Forgery
	event.Order, event.Payment, event.Buyer = subject.Order, subject.Payment, subject.Ref.Buyer
	event.Minor, event.Currency, event.Key = d.minor, d.message.Payment.Currency, d.message.Event
	if subject.Ref != (history.Ref{}) {
		event.Ref = subject.Ref.String()
	}
	if d.message.Refund != nil {
		event.Refund, event.MerchantRefund = d.message.Refund.ID, d.message.Refund.Number
	}
	return event, c.config.Record(event)
}

// hook runs something at most once, never after close, and close waits for it: the transport calls its hooks from
// goroutines that may outlive the request.
type hook struct {
	mutex sync.Mutex
	over  bool
	do    func()
}

func (h *hook) run() {
	h.mutex.Lock()
	defer h.mutex.Unlock()
	if !h.over {
		h.over = true
		h.do()
	}
}

func (h *hook) close() {
	h.mutex.Lock()
	defer h.mutex.Unlock()
	h.over = true
}
