package mockchannel_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/paystorm/paystorm/history"
	"github.com/paystorm/paystorm/mockchannel"
)

// onType gives every notification of a type a fault.
func onType(kind string, fault mockchannel.NoticeFault) script {
	return script{notice: func(q mockchannel.Notice) mockchannel.NoticeFault {
		if q.Type == kind {
			return fault
		}
		return mockchannel.NoticeFault{}
	}}
}

const success = history.PaymentSucceeded

func TestDeliver(t *testing.T) {
	w := newWorld(t, nil)
	id := w.createAndPay("o1")
	w.quiet()
	inbox := w.received()
	if len(inbox) != 1 || inbox[0].Path != "/callback/o1" || inbox[0].Data.Payment != id || inbox[0].Data.AmountMinor != 1000 ||
		inbox[0].Data.Version != 2 || inbox[0].Data.Merchant != "m-1" || inbox[0].Data.State != "succeeded" {
		t.Fatalf("the shop got %+v", inbox)
	}
	sent, answered := w.recorded(history.DeliverySent), w.recorded(history.DeliveryAnswered)
	if len(sent) != 1 || len(answered) != 1 || answered[0].Outcome != history.OK || answered[0].Status != http.StatusOK {
		t.Fatalf("sent %+v, answered %+v", sent, answered)
	}
	e := sent[0]
	if e.Notification == "" || e.Order != "o1" || e.Payment != id || e.Attempt != 1 || e.State != success || e.Minor != 1000 ||
		e.Currency != "CNY" || e.Ref != "ps-r-b7-o1" || e.Buyer != 7 || e.Forgery != "" || e.Source != history.SourceDelivery {
		t.Errorf("sent %+v", e)
	}
}

func TestRetry(t *testing.T) {
	for name, test := range map[string]struct {
		replies  []int // 0: no answer in time
		outcomes []history.Outcome
		givenUp  int
	}{
		"refused, then acknowledged": {[]int{500, 409, 204}, []history.Outcome{history.Refused, history.Refused, history.OK}, 0},
		"a redirect is no ack":       {[]int{302, 200}, []history.Outcome{history.Refused, history.OK}, 0},
		"silence is unknown":         {[]int{0, 200}, []history.Outcome{history.Unknown, history.OK}, 0},
		"the schedule ends": {
			[]int{500, 500, 500, 500},
			[]history.Outcome{history.Refused, history.Refused, history.Refused, history.Refused},
			1,
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, nil, func(c *mockchannel.Config) { c.AttemptTimeout = 100 * time.Millisecond })
			var n atomic.Int64
			over := make(chan struct{})
			defer close(over)
			w.replies(func(received) int {
				status := test.replies[n.Add(1)-1]
				if status == 0 {
					<-over
				}
				return status
			})
			w.createAndPay("o1")
			w.quiet()
			var outcomes []history.Outcome
			for i, event := range w.recorded(history.DeliveryAnswered) {
				outcomes = append(outcomes, event.Outcome)
				if event.Attempt != i+1 {
					t.Errorf("attempt %d has number %d", i+1, event.Attempt)
				}
				if event.Outcome == history.Unknown && event.Reason != "timeout" {
					t.Errorf("unknown for %q", event.Reason)
				}
			}
			if !slices.Equal(outcomes, test.outcomes) {
				t.Errorf("outcomes %v, want %v", outcomes, test.outcomes)
			}
			if n := len(w.recorded(history.DeliveryGivenUp)); n != test.givenUp {
				t.Errorf("given up %d times", n)
			}
			inbox := w.received()
			for _, message := range inbox {
				if message.Header.Get("Webhook-Id") != inbox[0].Header.Get("Webhook-Id") || string(message.Body) != string(inbox[0].Body) {
					t.Error("a re-delivery has another id or body")
				}
			}
		})
	}
}

func TestBrokenConnectionIsUnknown(t *testing.T) {
	w := newWorld(t, nil, func(c *mockchannel.Config) { c.Retry = []time.Duration{} })
	w.shop.Config.Handler = http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	w.createAndPay("o1")
	w.quiet()
	answered := w.recorded(history.DeliveryAnswered)
	if len(answered) != 1 || answered[0].Outcome != history.Unknown || answered[0].Reason != "connection broken" {
		t.Errorf("answered %+v", answered)
	}
}

func TestLoseNotice(t *testing.T) {
	for name, test := range map[string]struct {
		first, lost, arrived, affected int
	}{
		"the first two": {2, 2, 1, 2},
		"all, for ever": {0, 1, 0, 1},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, onType(success, mockchannel.NoticeFault{
				Lose:       &mockchannel.LoseNotice{Fault: "f", First: test.first},
				Duplicates: nil,
			}))
			w.createAndPay("o1")
			w.quiet()
			w.wantAffected(test.affected)
			if lost := w.recorded(history.DeliveryLost); len(lost) != test.lost || lost[0].Fault != "f" || lost[0].Attempt != 1 {
				t.Errorf("lost %+v", lost)
			}
			if len(w.received()) != test.arrived || len(w.recorded(history.DeliverySent)) != test.arrived {
				t.Errorf("the shop got %v", types(w.received()))
			}
			if w.recorded(history.DeliveryGivenUp) != nil {
				t.Error("given up")
			}
		})
	}
}

func TestLoseAttempt(t *testing.T) {
	w := newWorld(t, script{attempt: func(_ mockchannel.Notice, attempt int) (fault mockchannel.AttemptFault) {
		if attempt == 1 {
			fault.Lose = &mockchannel.LoseNotice{Fault: "f", First: 1}
		}
		return fault
	}})
	w.createAndPay("o1")
	w.quiet()
	w.wantAffected(1)
	if sent := w.recorded(history.DeliverySent); len(sent) != 1 || sent[0].Attempt != 2 {
		t.Errorf("sent %+v", sent)
	}
}

func TestDelay(t *testing.T) {
	const by = 150 * time.Millisecond
	w := newWorld(t, onType(success, mockchannel.NoticeFault{Delay: &mockchannel.Delay{Fault: "f", By: by}}))
	w.createAndPay("o1")
	if w.channel.Quiet() || len(w.recorded(history.FaultAffected)) != 0 {
		t.Error("quiet or affected before the attempt was made")
	}
	w.quiet()
	late := w.recorded(history.DeliverySent)[0].At.Sub(w.recorded(history.PaymentSucceeded)[0].At)
	if len(w.received()) != 1 || late < by {
		t.Errorf("%d came, %s late", len(w.received()), late)
	}
	w.wantAffected(1)
}

func TestReorder(t *testing.T) {
	fault := mockchannel.NoticeFault{Reorder: &mockchannel.Reorder{Fault: "f", AtMost: 300 * time.Millisecond}}
	both := script{notice: func(mockchannel.Notice) mockchannel.NoticeFault { return fault }}
	for name, test := range map[string]struct {
		faults   script
		refund   bool
		inbox    []string
		affected int
	}{
		"overtaken":                {onType(success, fault), true, []string{history.RefundSucceeded, success}, 1},
		"nothing overtakes it":     {onType(success, fault), false, []string{success}, 0},
		"both would be held":       {both, true, []string{history.RefundSucceeded, success}, 1},
		"the last is held in vain": {onType(history.RefundSucceeded, fault), true, []string{success, history.RefundSucceeded}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, test.faults)
			id := w.createAndPay("o1")
			if test.affected > 0 && w.channel.Quiet() {
				t.Error("quiet although one is held")
			}
			if test.refund {
				w.refund(id, "r1", 1)
			}
			w.quiet()
			if got := types(w.received()); !slices.Equal(got, test.inbox) {
				t.Errorf("the shop got %v, want %v", got, test.inbox)
			}
			w.wantAffected(test.affected)
		})
	}
}

func TestDuplicates(t *testing.T) {
	for name, test := range map[string]struct {
		duplicate mockchannel.Duplicate
		refuse    bool
		refund    bool
		arrived   []string
		affected  int
	}{
		"in sequence": {
			duplicate: mockchannel.Duplicate{Fault: "f", Count: 2, After: 5 * time.Millisecond},
			arrived:   []string{success, success, success}, affected: 2,
		},
		"after the order was refunded": {
			duplicate: mockchannel.Duplicate{Fault: "f", Count: 1, AfterType: history.RefundSucceeded},
			refund:    true, arrived: []string{success, history.RefundSucceeded, success}, affected: 1,
		},
		"after a type that never comes": {
			duplicate: mockchannel.Duplicate{Fault: "f", Count: 1, AfterType: history.RefundFailed},
			arrived:   []string{success},
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, onType(success, mockchannel.NoticeFault{Duplicates: []mockchannel.Duplicate{test.duplicate}}))
			id := w.createAndPay("o1")
			w.eventually("the first", func() bool { return len(w.recorded(history.DeliveryAnswered)) > 0 })
			if test.refund {
				w.refund(id, "r1", 1)
			}
			w.quiet()
			w.wantAffected(test.affected)
			inbox := w.received()
			if got := types(inbox); !slices.Equal(got, test.arrived) {
				t.Fatalf("the shop got %v", got)
			}
			for _, message := range inbox {
				if message.Type == success && message.Header.Get("Webhook-Id") != inbox[0].Header.Get("Webhook-Id") {
					t.Error("a duplicate has another id")
				}
			}
		})
	}
}

func TestBurst(t *testing.T) {
	const copies = 5
	w := newWorld(t, onType(success, mockchannel.NoticeFault{
		Duplicates: []mockchannel.Duplicate{{Fault: "f", Count: copies, Burst: true}},
	}), func(c *mockchannel.Config) { c.Couriers = 1 })
	var inside, together atomic.Int64
	all := make(chan struct{})
	w.replies(func(received) int { // answers only when all are there at once
		defer inside.Add(-1)
		if inside.Add(1) == copies+1 {
			together.Store(1)
			close(all)
		}
		select {
		case <-all:
		case <-time.After(800 * time.Millisecond):
		}
		return http.StatusOK
	})
	w.createAndPay("o1")
	w.quiet()
	if together.Load() != 1 || len(w.received()) != copies+1 {
		t.Errorf("%d came, all at once: %v", len(w.received()), together.Load() == 1)
	}
	w.wantAffected(copies)
}

func TestIgnoreAck(t *testing.T) {
	w := newWorld(t, script{attempt: func(_ mockchannel.Notice, attempt int) (fault mockchannel.AttemptFault) {
		if attempt < 3 {
			fault.IgnoreAck = &mockchannel.IgnoreAck{Fault: "f"}
		}
		return fault
	}})
	w.createAndPay("o1")
	w.quiet()
	if n := len(w.received()); n != 3 {
		t.Errorf("%d came", n)
	}
	w.wantAffected(2)
}

func TestReachedByNotifications(t *testing.T) {
	stages := make(chan string, 10)
	w := newWorld(t, script{reached: func(moment mockchannel.Moment) {
		if moment.Message == success {
			stages <- fmt.Sprintf("%s %d %s %s", moment.Stage, moment.Attempt, moment.Order, moment.State)
		}
	}})
	var n atomic.Int64
	w.replies(func(received) int {
		if n.Add(1) == 1 {
			return http.StatusInternalServerError
		}
		return http.StatusOK
	})
	w.createAndPay("o1")
	w.quiet()
	close(stages)
	var got []string
	for stage := range stages {
		got = append(got, stage)
	}
	want := []string{"sent 1 o1 succeeded", "sent 2 o1 succeeded", "acked 2 o1 succeeded"}
	if !slices.Equal(got, want) {
		t.Errorf("stages %v, want %v", got, want)
	}
}

// Three callbacks wait for their answers, then one after the other gets its own.
func TestCallbacksInFlightAreCounted(t *testing.T) {
	var sent, acked []int
	var mutex sync.Mutex
	w := newWorld(t, script{reached: func(moment mockchannel.Moment) {
		mutex.Lock()
		defer mutex.Unlock()
		switch {
		case moment.Message == success && moment.Stage == mockchannel.StageSent:
			sent = append(sent, moment.InFlight)
		case moment.Message == success && moment.Stage == mockchannel.StageAcked:
			acked = append(acked, moment.InFlight)
		}
	}})
	came, answer := make(chan struct{}, 3), make(chan struct{})
	w.replies(func(received) int {
		came <- struct{}{}
		<-answer
		return http.StatusOK
	})
	for n := range 3 {
		w.createAndPay(fmt.Sprintf("o%d", n))
		<-came
	}
	close(answer)
	w.quiet()
	w.createAndPay("o3")
	w.quiet()
	mutex.Lock()
	defer mutex.Unlock()
	if !slices.Equal(sent, []int{1, 2, 3, 1}) || len(acked) != 4 || slices.Max(acked) > 2 || acked[3] != 0 {
		t.Errorf("in flight when sent: %v, when acknowledged: %v", sent, acked)
	}
}

func TestUnreachableShop(t *testing.T) {
	w := newWorld(t, nil, func(c *mockchannel.Config) { c.Retry = []time.Duration{time.Millisecond} })
	body := strings.Replace(w.paymentBody("o1"), w.shop.URL, "http://127.0.0.1:1", 1)
	id := w.do(http.MethodPost, "/v1/payments", body, "Idempotency-Key", "k").ID
	w.pay(id)
	w.quiet()
	for _, event := range w.recorded(history.DeliveryAnswered) {
		if event.Outcome != history.Unknown {
			t.Errorf("answered %+v", event)
		}
	}
	if len(w.recorded(history.DeliveryGivenUp)) != 1 {
		t.Error("not given up")
	}
}
