package load

import (
	"bytes"
	"io"
	"net/http"
	"testing"

	"github.com/paystorm/paystorm/history"
	"github.com/paystorm/paystorm/money"
	"github.com/paystorm/paystorm/scenarios"
)

// nowhere takes requests, and answers at once.
type nowhere struct{}

func (nowhere) RoundTrip(request *http.Request) (*http.Response, error) {
	status, body := http.StatusOK, `{"payment": "P1", "state": "succeeded"}`
	switch {
	case request.Method == http.MethodGet:
		body = `{"id": "O1", "state": "PAID"}`
	case request.URL.Path == "/orders":
		status, body = http.StatusCreated, `{"id": "O1", "payment_id": "P1", "state": "PENDING"}`
	}
	return &http.Response{
		StatusCode: status, Header: http.Header{}, Body: io.NopCloser(bytes.NewReader([]byte(body))), Request: request,
	}, nil
}

// BenchmarkJourney is what a buyer costs beside the network: an order, a payment, a poll and a look, recorded.
func BenchmarkJourney(b *testing.B) {
	dir := b.TempDir()
	if err := history.Create(dir, history.Header{Writers: []string{Writer}}); err != nil {
		b.Fatal(err)
	}
	clock := history.StartClock()
	recorder, err := history.NewRecorder(dir, Writer, clock)
	if err != nil {
		b.Fatal(err)
	}
	r, err := NewRunner(RunnerConfig{
		Plan: scenarios.Plan{
			Seed: 1, System: system(),
			Items:    []scenarios.Item{{SKU: "phone", Stock: 5, Price: money.Amount{Minor: 499900, Currency: "CNY"}}},
			Journeys: []scenarios.JourneyShare{{Name: "buy", Share: 1}},
		},
		RunID: "r1", ShopURL: "http://127.0.0.1:1", ChannelURL: "http://127.0.0.1:2", Recorder: recorder, Clock: clock,
	})
	if err != nil {
		b.Fatal(err)
	}
	r.client.Transport = nowhere{}
	b.ReportAllocs()
	buyer := 0
	for b.Loop() {
		buyer++
		if err := r.Buy(b.Context(), buyer, 1); err != nil {
			b.Fatal(err)
		}
	}
	b.StopTimer()
	if err := recorder.Close(); err != nil {
		b.Fatal(err)
	}
}
