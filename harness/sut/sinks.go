package sut

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"github.com/tidwall/gjson"

	"github.com/paystorm/paystorm/history"
	"github.com/paystorm/paystorm/ports"
	"github.com/paystorm/paystorm/scenarios"
)

const effectLargest = 1 << 20

// Sinks are recording endpoints for what a shop sends to the world: mail, SMS, shipping orders.
type Sinks struct {
	server *http.Server
	urls   map[string]string
	ended  chan error // what Serve returned
}

// StartSinks opens an endpoint for each sink of the system file on one port of the host. It answers 204 to a POST of JSON
// and records it as history.SinkReceived, with the key and the order number that stand at the sink's paths.
func StartSinks(ctx context.Context, host string, sinks map[string]scenarios.Sink, record func(history.Event)) (*Sinks, error) {
	listener, err := ports.Listen(ctx, host)
	if err != nil {
		return nil, fmt.Errorf("open the sinks: %w", err)
	}
	mux := http.NewServeMux()
	s := &Sinks{
		server: &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second},
		urls:   map[string]string{}, ended: make(chan error, 1),
	}
	for name, sink := range sinks {
		path := "/" + url.PathEscape(name)
		s.urls[name] = "http://" + listener.Addr().String() + path
		mux.HandleFunc("POST "+path, func(w http.ResponseWriter, r *http.Request) { take(w, r, name, sink, record) })
	}
	go func() { s.ended <- s.server.Serve(listener) }()
	return s, nil
}

// take records one effect. A body that cannot be read as JSON is an effect too, refused and without a key.
func take(w http.ResponseWriter, r *http.Request, name string, sink scenarios.Sink, record func(history.Event)) {
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
	}
	record(event)
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

// Close stops taking effects and waits for those that are being taken. Closing twice is harmless.
func (s *Sinks) Close(ctx context.Context) error {
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
