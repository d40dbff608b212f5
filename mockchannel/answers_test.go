package mockchannel_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/paystorm/paystorm/history"
	"github.com/paystorm/paystorm/mockchannel"
)

// Each answer names the sending that it answers, however many of one message are in flight at once.
func TestAnAnswerNamesItsSending(t *testing.T) {
	w := newWorld(t, onType(success, mockchannel.NoticeFault{Duplicates: []mockchannel.Duplicate{{Fault: "f", Count: 3, Burst: true}}}))
	w.replies(func(received) int {
		<-time.After(5 * time.Millisecond)
		return http.StatusOK
	})
	w.createAndPay("o1")
	w.createAndPay("o2")
	w.quiet()
	w.mutex.Lock()
	defer w.mutex.Unlock()
	answered := 0
	for _, event := range w.events {
		if event.Kind != history.DeliveryAnswered {
			continue
		}
		answered++
		if event.Answers == 0 || event.Answers > uint64(len(w.events)) {
			t.Fatalf("answers %d of %d events", event.Answers, len(w.events))
		}
		sent := w.events[event.Answers-1]
		if sent.Kind != history.DeliverySent || sent.Notification != event.Notification || sent.Attempt != event.Attempt {
			t.Errorf("%+v answers %+v", event, sent)
		}
	}
	if answered != 8 {
		t.Errorf("%d answers, want 8", answered)
	}
}
