package mockchannel_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/paystorm/paystorm/history"
	"github.com/paystorm/paystorm/mockchannel"
)

// on answers one operation's first request with a fault.
func on(operation mockchannel.Operation, fault mockchannel.RequestFault) script {
	return script{request: func(q mockchannel.Request) mockchannel.RequestFault {
		if q.Operation == operation && q.Attempt == 1 {
			return fault
		}
		return mockchannel.RequestFault{}
	}}
}

func wantRequest(t *testing.T, w *world, operation string, outcome history.Outcome, status int) {
	t.Helper()
	var found history.Event
	w.eventually("a request event", func() bool {
		for _, event := range w.recorded(history.Request) {
			if event.State == operation {
				found = event
				return true
			}
		}
		return false
	})
	if found.Outcome != outcome || found.Status != status || found.Fault != "f" || found.Order != "o1" || found.Buyer != 7 {
		t.Errorf("request event %+v, want %s with status %d by fault f", found, outcome, status)
	}
}

func TestSlow(t *testing.T) {
	for name, after := range map[string]bool{"before it is processed": false, "after it was processed": true} {
		t.Run(name, func(t *testing.T) {
			const wait = 120 * time.Millisecond
			w := newWorld(t, on(mockchannel.OpCreate, mockchannel.RequestFault{
				Slow: &mockchannel.Slow{Fault: "f", By: wait, After: after},
			}))
			begun := time.Now()
			w.create("o1")
			took := time.Since(begun)
			if took < wait {
				t.Errorf("answered after %s", took)
			}
			created := w.recorded(history.PaymentCreated)[0].At
			affected := w.wantAffected(1)[0]
			wantRequest(t, w, "create", history.OK, http.StatusCreated)
			if affected.Key != "create" {
				t.Errorf("affected %+v", affected)
			}
			if processedEarly := created.Duration() < wait; processedEarly != after {
				t.Errorf("processed at %s, waited after=%v", created.Duration(), after)
			}
		})
	}
}

func TestReject(t *testing.T) {
	w := newWorld(t, on(mockchannel.OpCreate, mockchannel.RequestFault{
		Reject: &mockchannel.Reject{Fault: "f", Status: http.StatusTooManyRequests, Code: "rate_limited"},
	}))
	a := w.do(http.MethodPost, "/v1/payments", w.paymentBody("o1"), "Idempotency-Key", "k")
	if a.status != http.StatusTooManyRequests || a.Error.Code != "rate_limited" {
		t.Errorf("answer %d %s", a.status, a.body)
	}
	w.wantAffected(1)
	wantRequest(t, w, "create", history.Refused, http.StatusTooManyRequests)
	if len(w.recorded(history.PaymentCreated)) != 0 {
		t.Error("it was processed")
	}
	if a := w.do(http.MethodPost, "/v1/payments", w.paymentBody("o1"), "Idempotency-Key", "k"); a.status != http.StatusCreated {
		t.Errorf("the second request: %d %s", a.status, a.body)
	}
}

func TestLose(t *testing.T) {
	cases := map[mockchannel.LoseHow]struct {
		status int    // that the client sees, 0 for none
		says   string // the client's error
	}{
		mockchannel.LoseByReset:    {0, "reset"},
		mockchannel.LoseByTimeout:  {0, "Timeout"},
		mockchannel.LoseByTruncate: {http.StatusCreated, "unexpected EOF"},
		mockchannel.LoseByError:    {http.StatusInternalServerError, ""},
	}
	for how, want := range cases {
		t.Run(string(how), func(t *testing.T) {
			w := newWorld(t, on(mockchannel.OpCreate, mockchannel.RequestFault{
				Lose: &mockchannel.Lose{Fault: "f", How: how},
			}))
			w.client.Timeout = 300 * time.Millisecond
			a := w.do(http.MethodPost, "/v1/payments", w.paymentBody("o1"), "Idempotency-Key", "k")
			if a.status != want.status || (want.says == "") != (a.err == nil) || (a.err != nil && !strings.Contains(a.err.Error(), want.says)) {
				t.Errorf("the client got %d %q, %v", a.status, a.body, a.err)
			}
			w.client.Timeout = patience
			affected := w.wantAffected(1)[0]
			if affected.Payment == "" || affected.State != "created" {
				t.Errorf("affected %+v", affected)
			}
			status := http.StatusCreated
			if how == mockchannel.LoseByError {
				status = http.StatusInternalServerError
			}
			wantRequest(t, w, "create", history.Unknown, status)
			again := w.do(http.MethodPost, "/v1/payments", w.paymentBody("o1"), "Idempotency-Key", "k")
			if again.status != http.StatusCreated || again.ID != affected.Payment || again.header.Get("Idempotent-Replayed") != "true" {
				t.Errorf("the retry got %d %s", again.status, again.body)
			}
			if n := len(w.recorded(history.PaymentCreated)); n != 1 {
				t.Errorf("%d payments", n)
			}
		})
	}
}

func TestLoseByTimeoutEndsWithTheChannel(t *testing.T) {
	w := newWorld(t, on(mockchannel.OpCreate, mockchannel.RequestFault{
		Lose: &mockchannel.Lose{Fault: "f", How: mockchannel.LoseByTimeout},
	}))
	answered := make(chan error, 1)
	go func() {
		answered <- w.do(http.MethodPost, "/v1/payments", w.paymentBody("o1"), "Idempotency-Key", "k").err
	}()
	w.eventually("it is processed", func() bool { return len(w.recorded(history.PaymentCreated)) == 1 })
	w.stop()
	if err := <-answered; err == nil {
		t.Error("it was answered")
	}
	if a := w.do(http.MethodGet, "/v1/bill", ""); a.status != http.StatusServiceUnavailable || a.Error.Code != "unavailable" {
		t.Errorf("after the end: %d %s", a.status, a.body)
	}
	if a := w.pay("x"); a.status != http.StatusServiceUnavailable {
		t.Errorf("after the end: %d %s", a.status, a.body)
	}
}

func TestStale(t *testing.T) {
	lag := &mockchannel.Stale{Fault: "f", Lag: time.Second}
	notFound := &mockchannel.Stale{Fault: "f", NotFound: true}
	past := &mockchannel.Stale{Fault: "f", Lag: time.Hour}
	query, refundQuery := mockchannel.OpQuery, mockchannel.OpRefundQuery
	for name, test := range map[string]struct {
		operation mockchannel.Operation
		stale     *mockchannel.Stale
		path      string
		status    int
		state     string
		affected  int
	}{
		"a payment before it was paid":    {query, lag, "/v1/payments/ID", 200, "created", 1},
		"a payment before it was created": {query, past, "/v1/payments/ID", 404, "", 1},
		"a payment that is not found":     {query, notFound, "/v1/payments/ID", 404, "", 1},
		"a list without it":               {query, notFound, "/v1/payments?order=o1", 200, "", 1},
		"a refund before it was settled":  {refundQuery, lag, "/v1/refunds/r1", 200, "pending", 1},
		"a refund that is not found":      {refundQuery, notFound, "/v1/refunds/r1", 404, "", 1},
		"an answer that is true all the same": {
			query, &mockchannel.Stale{Fault: "f", Lag: time.Nanosecond}, "/v1/payments/ID", 200, "succeeded", 0,
		},
	} {
		t.Run(name, func(t *testing.T) {
			stale := *test.stale
			w := newWorld(t, on(test.operation, mockchannel.RequestFault{Stale: &stale}), func(c *mockchannel.Config) {
				c.RefundDelay = 400 * time.Millisecond
			})
			id := w.create("o1")
			begun := time.Now()
			time.Sleep(30 * time.Millisecond)
			w.pay(id)
			w.refund(id, "r1", 10)
			if strings.Contains(test.path, "refunds") {
				w.quiet()
				if stale.Lag == time.Second {
					stale.Lag = 200 * time.Millisecond
				}
			} else if stale.Lag == time.Second {
				stale.Lag = time.Since(begun) - 10*time.Millisecond
			}
			a := w.do(http.MethodGet, strings.Replace(test.path, "ID", id, 1), "")
			if a.status != test.status || a.State != test.state || len(a.Payments) != 0 {
				t.Errorf("answer %d %s", a.status, a.body)
			}
			w.wantAffected(test.affected)
			if a := w.do(http.MethodGet, strings.Replace(test.path, "ID", id, 1), ""); a.status != 200 {
				t.Errorf("the second query: %d %s", a.status, a.body)
			}
		})
	}
}

func TestNotifyFirst(t *testing.T) {
	faults := on(mockchannel.OpRefund, mockchannel.RequestFault{NotifyFirst: &mockchannel.NotifyFirst{Fault: "f"}})
	faults.notice = func(mockchannel.Notice) mockchannel.NoticeFault {
		return mockchannel.NoticeFault{Delay: nil, Reorder: &mockchannel.Reorder{Fault: "other", AtMost: 10 * time.Millisecond}}
	}
	w := newWorld(t, faults, func(c *mockchannel.Config) { c.RefundDelay = time.Hour })
	id := w.createAndPay("o1")
	w.quiet()
	if a := w.refund(id, "r1", 1000); a.status != http.StatusCreated || a.State != "succeeded" {
		t.Fatalf("refund: %d %s", a.status, a.body)
	}
	inbox := w.received() // the request has been answered, so the notification must be there already
	if last := inbox[len(inbox)-1]; last.Type != history.RefundSucceeded || last.Data.Refund.RefundNo != "r1" {
		t.Errorf("the shop got %v before the answer", types(inbox))
	}
	w.wantAffected(1)
	wantRequest(t, w, "refund", history.OK, http.StatusCreated)
}

func TestNotifyFirstGivesUpOnAShopThatWaitsForTheAnswer(t *testing.T) {
	w := newWorld(t, on(mockchannel.OpClose, mockchannel.RequestFault{NotifyFirst: &mockchannel.NotifyFirst{Fault: "f"}}),
		func(c *mockchannel.Config) { c.AttemptTimeout = 150 * time.Millisecond })
	closed := make(chan struct{})
	w.replies(func(received) int { <-closed; return http.StatusOK })
	id := w.create("o1")
	a := w.do(http.MethodPost, "/v1/payments/"+id+"/close", "{}")
	close(closed)
	if a.status != http.StatusOK || a.State != "closed" {
		t.Errorf("close: %d %s", a.status, a.body)
	}
	w.quiet()
}

func TestReachedByRequests(t *testing.T) {
	var w *world
	var stages []mockchannel.Stage
	w = newWorld(t, script{reached: func(moment mockchannel.Moment) {
		if moment.Message == "create" {
			w.mutex.Lock()
			stages = append(stages, moment.Stage)
			w.mutex.Unlock()
			if moment.Order != "o1" || moment.Key != "b7-o1" || moment.Nth != 1 || moment.Attempt != 1 {
				t.Errorf("moment %+v", moment)
			}
			if (moment.Stage == mockchannel.StageReceived) != (moment.Payment == "") {
				t.Errorf("moment %+v", moment)
			}
		}
	}})
	w.create("o1")
	w.eventually("three stages", func() bool {
		w.mutex.Lock()
		defer w.mutex.Unlock()
		return len(stages) == 3
	})
	if stages[0] != mockchannel.StageReceived || stages[1] != mockchannel.StageProcessed || stages[2] != mockchannel.StageResponseSent {
		t.Errorf("stages %v", stages)
	}
}
