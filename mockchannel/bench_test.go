package mockchannel_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/paystorm/paystorm/history"
	"github.com/paystorm/paystorm/mockchannel"
	"github.com/paystorm/paystorm/mockchannel/standard"
)

func benchChannel(retry []time.Duration) *mockchannel.Channel {
	return mockchannel.New(mockchannel.Config{
		Clock: history.StartClock(), Record: func(history.Event) uint64 { return 0 }, Dialect: standard.New(), Retry: retry,
		Merchants: []mockchannel.Merchant{merchant},
	})
}

// BenchmarkCreate creates payments through the handler, without a network.
func BenchmarkCreate(b *testing.B) {
	handler := benchChannel(nil).Handler()
	var n atomic.Int64
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			i := n.Add(1)
			body := fmt.Sprintf(`{"order":"o%d","amount_minor":1000,"currency":"CNY","notify_url":"http://h/","metadata":{"ref":"ps-r-b%d-o1"}}`, i, i)
			request := httptest.NewRequestWithContext(b.Context(), http.MethodPost, "/v1/payments", strings.NewReader(body))
			request.Header.Set("Authorization", "Bearer "+merchant.APIKey)
			request.Header.Set("Idempotency-Key", fmt.Sprint(i))
			answer := httptest.NewRecorder()
			handler.ServeHTTP(answer, request)
			if answer.Code != http.StatusCreated {
				b.Errorf("%d %s", answer.Code, answer.Body)
			}
		}
	})
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "payments/s")
}

// BenchmarkDeliver captures payments and delivers their notifications to a server of this process.
func BenchmarkDeliver(b *testing.B) {
	shop := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer shop.Close()
	channel := benchChannel(nil)
	call := channel.Call(merchant)
	ids := make([]string, b.N)
	for i := range ids {
		p, err := call.CreatePayment(mockchannel.PaymentRequest{
			Order: fmt.Sprint("o", i), Minor: 1000, Currency: "CNY", NotifyURL: shop.URL,
		})
		if err != nil {
			b.Fatal(err)
		}
		ids[i] = p.ID
	}
	ctx, cancel := context.WithCancel(b.Context())
	ended := make(chan error, 1)
	go func() { ended <- channel.Run(ctx) }()
	b.ResetTimer()
	for _, id := range ids {
		if _, err := channel.Pay(id, "", 0); err != nil {
			b.Fatal(err)
		}
	}
	for !channel.Quiet() {
		time.Sleep(100 * time.Microsecond)
	}
	b.StopTimer()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "notifications/s")
	cancel()
	if err := <-ended; err != nil {
		b.Error(err)
	}
}

// BenchmarkPending schedules payments for later while 100,000 others are pending.
func BenchmarkPending(b *testing.B) {
	channel := benchChannel(nil)
	call := channel.Call(merchant)
	schedule := func(n int) {
		for i := range n {
			p, err := call.CreatePayment(mockchannel.PaymentRequest{
				Order: fmt.Sprint("o", i), Minor: 1000, Currency: "CNY", NotifyURL: "http://h/",
			})
			if err != nil {
				b.Fatal(err)
			}
			if _, err := channel.Pay(p.ID, "", time.Hour+time.Duration(i%1000)*time.Second); err != nil {
				b.Fatal(err)
			}
		}
	}
	schedule(100_000)
	b.ResetTimer()
	schedule(b.N)
}
