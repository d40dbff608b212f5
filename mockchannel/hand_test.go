package mockchannel_test

import (
	"errors"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/paystorm/paystorm/history"
	"github.com/paystorm/paystorm/mockchannel"
	"github.com/paystorm/paystorm/mockchannel/standard"
)

// What a person does to a channel by hand, and what they see of it.

func TestAbandon(t *testing.T) {
	w := newWorld(t, nil)
	id := w.create("o1")
	if _, err := w.channel.Pay(id, "", 30*time.Millisecond); err != nil {
		t.Fatal(err)
	}
	if agenda := w.channel.Agenda(); len(agenda) != 1 || agenda[0].Payment != id || agenda[0].Order != "o1" ||
		agenda[0].What != "the payer pays" {
		t.Errorf("agenda %+v", agenda)
	}
	payment, err := w.channel.Abandon(id)
	if err != nil || payment.State != mockchannel.Pending {
		t.Fatalf("abandoned: %+v, %v", payment, err)
	}
	if agenda := w.channel.Agenda(); len(agenda) != 0 {
		t.Errorf("agenda of a payer who has left: %+v", agenda)
	}
	w.quiet()
	if payment, _ := w.channel.Find(id); payment.State != mockchannel.Pending || len(w.received()) != 0 {
		t.Errorf("something came of it: %+v, %d messages", payment, len(w.received()))
	}
	// A payer may come back.
	if payment, err := w.channel.Pay(id, "", 0); err != nil || payment.State != mockchannel.Succeeded {
		t.Errorf("paid after all: %+v, %v", payment, err)
	}
	if _, err := w.channel.Abandon(id); err == nil {
		t.Error("a payment that was made can be abandoned")
	}
}

func TestCloseByProvider(t *testing.T) {
	w := newWorld(t, nil)
	id := w.create("o1")
	if payment, err := w.channel.Close(id); err != nil || payment.State != mockchannel.Closed {
		t.Fatalf("closed: %+v, %v", payment, err)
	}
	w.quiet()
	if got := strings.Join(types(w.received()), " "); got != history.PaymentClosed {
		t.Errorf("the shop got %s", got)
	}
	if _, err := w.channel.Close(w.createAndPay("o2")); !refusedWith(err, mockchannel.CodePaymentSucceeded) {
		t.Errorf("a payment that was made: %v", err)
	}
}

func refusedWith(err error, code mockchannel.Code) bool {
	var refusal *mockchannel.Error
	return errors.As(err, &refusal) && refusal.Code == code
}

func TestResend(t *testing.T) {
	w := newWorld(t, script{notice: func(mockchannel.Notice) mockchannel.NoticeFault {
		return mockchannel.NoticeFault{Lose: &mockchannel.LoseNotice{Fault: "f"}}
	}})
	id := w.createAndPay("o1")
	w.quiet()
	lost, found := w.channel.Dossier(id)
	if !found || len(lost.Notifications) != 1 || lost.Notifications[0].Acknowledged || lost.Notifications[0].Status != "lost for ever" {
		t.Fatalf("lost: %+v", lost)
	}
	// What was lost for ever comes all the same if a person says so.
	if err := w.channel.Resend(id, lost.Notifications[0].ID); err != nil {
		t.Fatal(err)
	}
	w.quiet()
	messages := w.received()
	if len(messages) != 1 || messages[0].Header.Get("Webhook-Id") != lost.Notifications[0].ID {
		t.Fatalf("the shop got %+v", messages)
	}
	if err := standard.Verify(secret, messages[0].Header, messages[0].Body, time.Now()); err != nil {
		t.Error(err)
	}
	if now, _ := w.channel.Dossier(id); !now.Notifications[0].Acknowledged || now.Notifications[0].Attempts != 2 {
		t.Errorf("afterwards: %+v", now.Notifications)
	}
	for name, err := range map[string]error{
		"no payment":      w.channel.Resend("pay_none", lost.Notifications[0].ID),
		"no notification": w.channel.Resend(id, "ntf_none"),
	} {
		if err == nil {
			t.Errorf("%s: sent again", name)
		}
	}
}

func TestResendEndsTheSchedule(t *testing.T) {
	w := newWorld(t, nil, func(c *mockchannel.Config) { c.Retry = []time.Duration{time.Hour} })
	w.replies(func(received) int { return http.StatusServiceUnavailable })
	id := w.createAndPay("o1")
	w.eventually("a retry is due", func() bool { return len(w.channel.Agenda()) == 1 })
	if what := w.channel.Agenda()[0].What; what != "retry: payment.succeeded" {
		t.Errorf("due is %q", what)
	}
	w.replies(nil)
	dossier, _ := w.channel.Dossier(id)
	if err := w.channel.Resend(id, dossier.Notifications[0].ID); err != nil {
		t.Fatal(err)
	}
	w.eventually("no retry is due", func() bool { return len(w.channel.Agenda()) == 0 })
}

func TestCorrupt(t *testing.T) {
	w := newWorld(t, nil, func(c *mockchannel.Config) { c.Dialect = probing{standard.New()} })
	id, other := w.createAndPay("o1"), w.createAndPay("o2")
	w.refund(id, "r1", 300)
	w.quiet()
	dossier, _ := w.channel.Dossier(id)
	paid, refunded := dossier.Notifications[0], dossier.Notifications[1]
	for name, test := range map[string]struct {
		of       mockchannel.Notification
		forgery  string
		is       func(received) bool
		verifies bool
	}{
		"no signature":  {paid, history.ForgeryNoSignature, func(m received) bool { return m.Data.AmountMinor == 1000 }, false},
		"wrong key":     {paid, history.ForgeryWrongKey, func(m received) bool { return m.Data.AmountMinor == 1000 }, false},
		"merchant":      {paid, history.ForgeryOtherMerchant, func(m received) bool { return m.Data.Merchant == "m-2" }, true},
		"amount":        {paid, history.ForgeryWrongAmount, func(m received) bool { return m.Data.AmountMinor == 999 }, true},
		"currency":      {paid, history.ForgeryWrongCurrency, func(m received) bool { return m.Data.Currency == "USD" }, true},
		"another order": {paid, history.ForgeryOtherOrder, func(m received) bool { return m.Data.Payment == other && m.Path == "/callback/o1" }, true},
		"of a refund": {refunded, history.ForgeryWrongAmount, func(m received) bool {
			return m.Type == history.RefundSucceeded && strings.Contains(string(m.Body), `"amount_minor":299`)
		}, true},
		"probe": {paid, history.ForgeryProbe, func(m received) bool { return m.Data.AmountMinor == 1000 }, true}, // which this dialect does not encode
	} {
		before := len(w.received())
		if err := w.channel.Corrupt(id, test.of.ID, test.forgery); err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		w.quiet()
		messages := w.received()[before:]
		if len(messages) != 1 || !test.is(messages[0]) || messages[0].Header.Get("Webhook-Id") == test.of.ID {
			t.Errorf("%s: the shop got %+v", name, messages)
			continue
		}
		if err := standard.Verify(secret, messages[0].Header, messages[0].Body, time.Now()); (err == nil) != test.verifies {
			t.Errorf("%s: verified: %v", name, err)
		}
	}
	if err := w.channel.Corrupt(id, paid.ID, "by magic"); !refusedWith(err, mockchannel.CodeInvalidRequest) {
		t.Errorf("an unknown forgery: %v", err)
	}
	if now, _ := w.channel.Dossier(id); now.Payment.Captured != 1000 || len(now.Notifications) != 2 {
		t.Errorf("the truth has changed: %+v", now)
	}
}

// probing is a provider that probes signatures.
type probing struct{ mockchannel.Dialect }

func (p probing) Traits() mockchannel.Traits {
	traits := p.Dialect.Traits()
	traits.SignatureProbes = true
	return traits
}

func TestCorruptNeedsAnotherOrder(t *testing.T) {
	w := newWorld(t, nil)
	id := w.createAndPay("o1")
	w.quiet()
	dossier, _ := w.channel.Dossier(id)
	if err := w.channel.Corrupt(id, dossier.Notifications[0].ID, history.ForgeryOtherOrder); err == nil {
		t.Error("there is no other order, and a message of it was sent")
	}
}

func TestDossiers(t *testing.T) {
	w := newWorld(t, nil)
	first := w.createAndPay("o1")
	w.refund(first, "r1", 300)
	second := w.create("o2")
	all := w.channel.Dossiers()
	if len(all) != 2 || all[0].Payment.ID != second || all[1].Payment.ID != first {
		t.Fatalf("want the newest first: %+v", all)
	}
	if refunds := all[1].Refunds; len(refunds) != 1 || refunds[0].Number != "r1" || refunds[0].Minor != 300 {
		t.Errorf("refunds %+v", refunds)
	}
	if n := all[1].Notifications; len(n) != 2 || n[0].Type != history.PaymentSucceeded || n[0].URL != w.shop.URL+"/callback/o1" || n[1].Minor != 300 {
		t.Errorf("notifications %+v", n)
	}
}

// traces gathers what a channel tells of its exchanges.
type traces struct {
	mutex sync.Mutex
	all   []mockchannel.Trace
}

func (t *traces) add(trace mockchannel.Trace) {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	t.all = append(t.all, trace)
}

// of are those of a kind of event.
func (t *traces) of(kind string) []mockchannel.Trace {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	var found []mockchannel.Trace
	for _, trace := range t.all {
		if trace.Event.Kind == kind {
			found = append(found, trace)
		}
	}
	return found
}

func TestTraceOfRequests(t *testing.T) {
	var seen traces
	w := newWorld(t, script{request: func(q mockchannel.Request) (fault mockchannel.RequestFault) {
		if q.Operation == mockchannel.OpClose {
			fault.Lose = &mockchannel.Lose{Fault: "f", How: mockchannel.LoseByReset}
		}
		return fault
	}}, func(c *mockchannel.Config) { c.Trace = seen.add })
	id := w.create("o1")
	w.do(http.MethodPost, "/v1/payments", `{"order":"`+strings.Repeat("x", mockchannel.LargestTraced)+`"}`, "Idempotency-Key", "k")
	w.do(http.MethodGet, "/v1/bill", "", "Authorization", "Bearer nobody")
	w.do(http.MethodPost, "/v1/payments/"+id+"/close", "{}")
	w.eventually("all are traced", func() bool { return len(seen.of(history.Request)) == 4 })
	created, large, stranger, lost := seen.of(history.Request)[0], seen.of(history.Request)[1], seen.of(history.Request)[2], seen.of(history.Request)[3]
	if created.Event.Payment != id || created.Method != http.MethodPost || created.URL != "/v1/payments" || created.Status != 201 ||
		!strings.Contains(string(created.Request.Body), `"order":"o1"`) || !strings.Contains(string(created.Answer.Body), id) ||
		created.Request.Header.Get("Idempotency-Key") == "" || created.Answer.Header.Get("Content-Type") != "application/json" ||
		created.Took <= 0 || created.At <= 0 {
		t.Errorf("created: %+v", created)
	}
	if len(large.Request.Body) != mockchannel.LargestTraced || large.Request.Left != 1 || large.Status != http.StatusBadRequest {
		t.Errorf("large: %d bytes and %d left, %d", len(large.Request.Body), large.Request.Left, large.Status)
	}
	if stranger.Event.Reason != string(mockchannel.CodeUnauthorized) || stranger.Status != http.StatusUnauthorized {
		t.Errorf("stranger: %+v", stranger)
	}
	if lost.Event.Outcome != history.Unknown || lost.Event.Fault != "f" {
		t.Errorf("lost: %+v", lost)
	}
}

func TestTraceOfDeliveries(t *testing.T) {
	var seen traces
	w := newWorld(t, nil, func(c *mockchannel.Config) { c.Trace = seen.add })
	refused := true
	w.replies(func(received) int {
		defer func() { refused = false }()
		if refused {
			return http.StatusBadGateway
		}
		return http.StatusNoContent
	})
	id := w.createAndPay("o1")
	w.quiet()
	attempts := seen.of(history.DeliveryAnswered)
	if len(attempts) != 2 {
		t.Fatalf("attempts %+v", attempts)
	}
	for i, want := range []struct {
		status  int
		outcome history.Outcome
	}{{http.StatusBadGateway, history.Refused}, {http.StatusNoContent, history.OK}} {
		a := attempts[i]
		if a.Event.Payment != id || a.Event.Attempt != i+1 || a.Event.Outcome != want.outcome || a.Status != want.status ||
			a.URL != w.shop.URL+"/callback/o1" || a.Request.Header.Get("Webhook-Signature") == "" ||
			string(a.Request.Body) != string(w.received()[i].Body) || a.Answer.Header.Get("Location") != "/elsewhere" || a.Took <= 0 {
			t.Errorf("attempt %d: %+v", i+1, a)
		}
	}
}
