package sut

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/tidwall/gjson"

	"github.com/paystorm/paystorm/history"
	"github.com/paystorm/paystorm/ports"
	"github.com/paystorm/paystorm/scenarios"
)

const effectLargest = 1 << 20

// Arrival is an effect that comes to a sink. Attempt counts what came under the same key, or else for the same order, from 1.
type Arrival struct {
	Sink, Key, Order string
	Attempt          int
}

// Mishap is what goes wrong with an arrival. The zero Mishap is nothing.
type Mishap struct {
	Fault  string
	Status int           // it is refused with that, and nothing is received; 0: it is received
	Hang   time.Duration // before the answer
	Silent bool          // received, and never answered: after Hang the connection breaks
}

// Sinks are recording endpoints for what a shop sends to the world: mail, SMS, shipping orders.
type Sinks struct {
	server *http.Server
	urls   map[string]string
	ended  chan error // what Serve returned
	closed chan struct{}
	close  sync.Once

	mishap func(Arrival) Mishap
	record func(history.Event)

	mutex sync.Mutex
	came  map[string]int // arrivals so far, by sink and key
}

// StartSinks opens an endpoint for each sink of the system file on one port of the host. It answers 204 to a POST of JSON
// and records it as history.SinkReceived, with the key and the order number that stand at the sink's paths; mishap may have
// it otherwise, and is asked from many goroutines at once. What it refuses is recorded as history.SinkRefused.
func StartSinks(
	ctx context.Context, host string, sinks map[string]scenarios.Sink, mishap func(Arrival) Mishap, record func(history.Event),
) (*Sinks, error) {
	listener, err := ports.Listen(ctx, host)
	if err != nil {
		return nil, fmt.Errorf("open the sinks: %w", err)
	}
	mux := http.NewServeMux()
	s := &Sinks{
		server: &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second},
		urls:   map[string]string{}, ended: make(chan error, 1), closed: make(chan struct{}),
		mishap: mishap, record: record, came: map[string]int{},
	}
	for name, sink := range sinks {
		path := "/" + url.PathEscape(name)
		s.urls[name] = "http://" + listener.Addr().String() + path
		mux.HandleFunc("POST "+path, func(w http.ResponseWriter, r *http.Request) { s.take(w, r, name, sink) })
	}
	go func() { s.ended <- s.server.Serve(listener) }()
	return s, nil
}

// take records one effect. A body that cannot be read as JSON is an effect too, refused and without a key.
func (s *Sinks) take(w http.ResponseWriter, r *http.Request, name string, sink scenarios.Sink) {
	event := history.Event{
		Source: history.SourceSink, Kind: history.SinkReceived, State: name,
		Outcome: history.OK, Status: http.StatusNoContent,
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, effectLargest))
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		event.Outcome, event.Status, event.Reason = history.Refused, http.StatusRequestEntityTooLarge, "too large"
	case err != nil:
		return // it was cut off on its way: nobody has received it
	case !gjson.ValidBytes(body):
		event.Outcome, event.Status, event.Reason = history.Refused, http.StatusBadRequest, "not JSON"
	default:
		event.Key, event.Order = at(body, sink.Key), at(body, sink.Order)
		if mishap := s.ask(event); mishap.Fault != "" {
			s.fail(r.Context(), w, event, mishap)
			return
		}
	}
	s.record(event)
	w.WriteHeader(event.Status)
}

// ask finds out what is to go wrong with an effect.
func (s *Sinks) ask(event history.Event) Mishap {
	if s.mishap == nil {
		return Mishap{}
	}
	about := event.State + "\x00" + event.Key
	if event.Key == "" {
		about = event.State + "\x00\x00" + event.Order
	}
	s.mutex.Lock()
	s.came[about]++
	attempt := s.came[about]
	s.mutex.Unlock()
	return s.mishap(Arrival{Sink: event.State, Key: event.Key, Order: event.Order, Attempt: attempt})
}

// fail takes an effect that a fault has struck. What is received counts from its receipt, however long its answer takes.
func (s *Sinks) fail(ctx context.Context, w http.ResponseWriter, event history.Event, mishap Mishap) {
	event.Fault = mishap.Fault
	switch {
	case mishap.Status != 0:
		event.Kind, event.Outcome, event.Status = history.SinkRefused, history.Refused, mishap.Status
	case mishap.Silent:
		event.Outcome, event.Status = history.Unknown, 0
	}
	s.record(event)
	s.record(history.Event{
		Source: history.SourceFault, Kind: history.FaultAffected, Fault: mishap.Fault, Key: event.State, Order: event.Order,
	})
	hanging := time.NewTimer(mishap.Hang)
	defer hanging.Stop()
	select {
	case <-hanging.C:
	case <-ctx.Done(): // whoever sent it has given up
	case <-s.closed:
	}
	if mishap.Silent {
		panic(http.ErrAbortHandler)
	}
	w.WriteHeader(event.Status)
}

func at(body []byte, path string) string {
	if path == "" {
		return ""
	}
	return gjson.GetBytes(body, path).String()
}

// URLs are the sinks' addresses by name.
func (s *Sinks) URLs() map[string]string { return s.urls }

// Close stops taking effects and waits for those that are being taken; what hangs is answered at once. Closing twice is
// harmless.
func (s *Sinks) Close(ctx context.Context) error {
	s.close.Do(func() { close(s.closed) })
	err := s.server.Shutdown(ctx)
	if err != nil {
		err = errors.Join(fmt.Errorf("close the sinks: %w", err), s.server.Close())
	}
	served := <-s.ended
	s.ended <- served
	if !errors.Is(served, http.ErrServerClosed) {
		err = errors.Join(err, fmt.Errorf("serve the sinks: %w", served))
	}
	return err
}
