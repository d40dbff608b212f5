package stripe_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/paystorm/paystorm/dice"
	"github.com/paystorm/paystorm/history"
	"github.com/paystorm/paystorm/mockchannel"
	"github.com/paystorm/paystorm/mockchannel/stripe"
)

// BenchmarkCreate creates PaymentIntents through the handler, without a network. `make bench-channel` has one.
func BenchmarkCreate(b *testing.B) {
	merchant, err := stripe.New().Issue("m-1", map[string]string{"key": "sk_test_1"})
	if err != nil {
		b.Fatal(err)
	}
	clock := history.StartClock()
	dir := b.TempDir()
	if err := history.Create(dir, history.Header{}); err != nil {
		b.Fatal(err)
	}
	recorder, err := history.NewRecorder(dir, "channel", clock)
	if err != nil {
		b.Fatal(err)
	}
	handler := mockchannel.New(mockchannel.Config{
		Clock: clock, Record: recorder.Event, Dice: dice.New(1), Dialect: stripe.New(), Merchants: []mockchannel.Merchant{merchant},
	}).Handler()
	var n atomic.Int64
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			i := n.Add(1)
			body := fmt.Sprintf("amount=2000&currency=usd&payment_method_types[0]=card&metadata[order]=o-%d&metadata[ref]=ps-bench-b%d-o1", i, i)
			request := httptest.NewRequestWithContext(b.Context(), http.MethodPost, "/v1/payment_intents", strings.NewReader(body))
			request.Header.Set("Authorization", "Bearer sk_test_1")
			request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			request.Header.Set("Idempotency-Key", fmt.Sprint(i))
			answer := httptest.NewRecorder()
			handler.ServeHTTP(answer, request)
			if answer.Code != http.StatusOK {
				b.Errorf("%d %s", answer.Code, answer.Body)
			}
		}
	})
	if err := recorder.Close(); err != nil {
		b.Error(err)
	}
}
