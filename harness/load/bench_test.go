package load

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"testing"
	"time"

	"github.com/paystorm/paystorm/history"
	"github.com/paystorm/paystorm/money"
	"github.com/paystorm/paystorm/scenarios"
)

// nowhere is a connection to a server that answers at once, and has a socket no more than a network.
type nowhere struct {
	net.Conn
	answer string
}

func (n *nowhere) Write(request []byte) (int, error) {
	status, body := "200 OK", `{"payment": "P1", "state": "succeeded"}`
	switch {
	case bytes.HasPrefix(request, []byte("GET ")):
		body = `{"id": "O1", "state": "PAID"}`
	case bytes.HasPrefix(request, []byte("POST /orders ")):
		status, body = "201 Created", `{"id": "O1", "payment_id": "P1", "state": "PENDING"}`
	}
	n.answer = fmt.Sprintf("HTTP/1.1 %s\r\nContent-Length: %d\r\n\r\n%s", status, len(body), body)
	return len(request), nil
}

func (n *nowhere) Read(into []byte) (int, error) {
	read := copy(into, n.answer)
	n.answer = n.answer[read:]
	return read, nil
}

func (n *nowhere) SetDeadline(time.Time) error { return nil }
func (n *nowhere) Close() error                { return nil }

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
	r.client.wire.dial = func(context.Context, string, time.Time) (net.Conn, error) { return &nowhere{}, nil }
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
