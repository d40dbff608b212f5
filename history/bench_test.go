package history

import (
	"fmt"
	"testing"
)

// stormEvent is the n-th event of a busy run: every order meets ten events, two of which carry a Detail.
func stormEvent(n int) Event {
	order := n / 10
	event := Event{
		Source: SourceDelivery, Kind: DeliverySent,
		Order: fmt.Sprintf("O%08d", order), Payment: fmt.Sprintf("pay_%016x", order*7919),
		Notification: fmt.Sprintf("ntf_%016x", n/2*104729), Attempt: 1 + n%3, Minor: 499900, Currency: "CNY",
		State: "PaymentSucceeded", Version: int64(n % 10),
	}
	switch n % 10 {
	case 0:
		event.Source, event.Kind, event.Notification = SourceChannel, PaymentCreated, ""
		event.Ref = Ref{Run: "k3x9", Buyer: order + 1, Nth: 1}.String()
	case 3, 7:
		event.Kind, event.Outcome, event.Status = DeliveryAnswered, OK, 200
		event.Detail = fmt.Sprintf("answered after %d ms by 127.0.0.1:%d", n%97, 20000+n%1000)
	}
	return event
}

func stormEvents(count int) []Event {
	events := make([]Event, count)
	for n := range events {
		events[n] = stormEvent(n)
	}
	return events
}

func BenchmarkWriteEvents(b *testing.B) {
	events := stormEvents(100_000)
	recorder, err := NewRecorder(newRun(b), "bench", StartClock())
	if err != nil {
		b.Fatal(err)
	}
	for n := 0; b.Loop(); n++ {
		recorder.Event(events[n%len(events)])
	}
	if err := recorder.Close(); err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "events/s")
}

// BenchmarkReadEvents measures all of Open: reading, checking, decoding, joining and sorting.
func BenchmarkReadEvents(b *testing.B) {
	const events, ops = 400_000, 50_000
	for _, writers := range []int{1, 3} {
		b.Run(fmt.Sprintf("writers=%d", writers), func(b *testing.B) {
			dir := b.TempDir()
			if err := Create(dir, Header{}); err != nil {
				b.Fatal(err)
			}
			writeStorm(b, dir, writers, events, 0)
			readStorm(b, dir, events)
		})
	}
	b.Run("with-ops", func(b *testing.B) {
		dir := b.TempDir()
		if err := Create(dir, Header{}); err != nil {
			b.Fatal(err)
		}
		writeStorm(b, dir, 1, events, ops)
		readStorm(b, dir, events)
	})
}

func writeStorm(b *testing.B, dir string, writers, events, ops int) {
	b.Helper()
	clock := StartClock()
	recorders := make([]*Recorder, writers)
	for i := range recorders {
		recorder, err := NewRecorder(dir, fmt.Sprintf("w%d", i), clock)
		if err != nil {
			b.Fatal(err)
		}
		recorders[i] = recorder
	}
	for n, event := range stormEvents(events) {
		recorders[n%writers].Event(event)
		if n < ops {
			op := recorders[0].NextOp()
			recorders[0].Invoke(Invocation{Op: op, Kind: OpOrder, Buyer: n, Ref: Ref{Run: "k3x9", Buyer: n + 1, Nth: 1}.String()})
			recorders[0].Answer(Answer{Op: op, Outcome: OK, Order: event.Order, Status: 201})
		}
	}
	for _, recorder := range recorders {
		if err := recorder.Close(); err != nil {
			b.Fatal(err)
		}
	}
}

func readStorm(b *testing.B, dir string, events int) {
	b.Helper()
	b.ReportAllocs()
	for b.Loop() {
		h, err := Open(dir)
		if err != nil {
			b.Fatal(err)
		}
		if len(h.Events) != events {
			b.Fatalf("%d events read, %d written: %+v", len(h.Events), events, h.Segments)
		}
	}
	b.ReportMetric(float64(b.N*events)/b.Elapsed().Seconds(), "events/s")
}
