package invariants

import (
	"testing"

	"github.com/paystorm/paystorm/history"
)

// crossed lets a wrongly signed message and the genuine one of the same id and attempt be in flight at once: the genuine one
// is acknowledged first, then the other is refused. The shop is right. answers says whether the channel recorded which
// sending each answer answers.
func crossed(b *builder, answers bool) {
	o := b.order("o1", 1, "phone").payment("p1").captured()
	delivery := func(kind, forgery string, outcome history.Outcome, answered uint64) uint64 {
		if !answers {
			answered = 0
		}
		b.event(history.Event{
			Source: history.SourceDelivery, Kind: kind, Notification: "n1", Attempt: 1, State: history.PaymentSucceeded, Forgery: forgery,
			Order: "o1", Payment: "p1", Minor: price, Currency: "CNY", Outcome: outcome, Answers: answered,
		})
		return b.seq["channel"]
	}
	probe := delivery(history.DeliverySent, history.ForgeryProbe, "", 0)
	genuine := delivery(history.DeliverySent, "", "", 0)
	delivery(history.DeliveryAnswered, "", history.OK, genuine)
	delivery(history.DeliveryAnswered, history.ForgeryProbe, history.Refused, probe)
	o.told(history.OrderPaid).row(history.OrderPaid).grant("points", 49)
}

func TestAnAnswerBelongsToTheDeliveryItAnswers(t *testing.T) {
	b := newHistory(t)
	crossed(b, true)
	wantHeld(t, b.find(forgedHasNoEffect()))
	b = newHistory(t)
	crossed(b, true)
	for _, delivery := range storyOf(t, b.run(), "o1").Deliveries {
		want := history.OK
		if delivery.Forgery != "" {
			want = history.Refused
		}
		if delivery.Outcome() != want {
			t.Errorf("delivery with forgery %q is %s, want %s", delivery.Forgery, delivery.Outcome(), want)
		}
	}
}

// In histories that do not say which sending an answer answers, the first that was sent is taken for it.
func TestAnAnswerWithoutItsDeliveryIsTheFirstOnes(t *testing.T) {
	b := newHistory(t)
	crossed(b, false)
	deliveries := storyOf(t, b.run(), "o1").Deliveries
	if len(deliveries) != 2 || deliveries[0].Outcome() != history.OK || deliveries[1].Outcome() != history.Refused {
		t.Errorf("got %+v", deliveries)
	}
}
