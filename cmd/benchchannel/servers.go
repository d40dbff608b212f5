package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"runtime/debug"
	"strconv"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/paystorm/paystorm/dice"
	"github.com/paystorm/paystorm/history"
	"github.com/paystorm/paystorm/mockchannel"
	"github.com/paystorm/paystorm/mockchannel/stripe"
)

// The servers.
const (
	serverChannel    = "paystorm"
	serverStripeMock = "stripe-mock"
	serverBare       = "bare handler"
)

func servers() []string { return []string{serverChannel, serverStripeMock, serverBare} }

// gcPercent is that of `paystorm channel`: what is measured is the channel as its users run it.
const gcPercent = 400

// apiKey is any that stripe-mock takes too.
const apiKey = "sk_test_123"

// serve is one of our servers in a process of its own: "serve NAME ADDRESS SIZE-OR-DIRECTORY".
func serve(ctx context.Context, args []string) error {
	if len(args) != 3 {
		return errors.New("want a server, an address, and the bare one's answer size or the channel's directory")
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", args[1])
	if err != nil {
		return err
	}
	group, ctx := errgroup.WithContext(ctx)
	var handler http.Handler
	done := func() error { return nil }
	if args[0] == serverBare {
		size, err := strconv.Atoi(args[2])
		if err != nil {
			return err
		}
		handler = bare(size)
	} else {
		clock := history.StartClock()
		recorder, err := newRecorder(args[2], clock)
		if err != nil {
			return err
		}
		debug.SetGCPercent(gcPercent)
		channel, _, err := newChannel(clock, recorder.Event, nil, nil)
		if err != nil {
			return err
		}
		group.Go(func() error { return channel.Run(ctx) })
		handler, done = channel.Handler(), recorder.Close
	}
	server := &http.Server{Handler: handler, ReadHeaderTimeout: 10 * time.Second}
	group.Go(func() error {
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			return err
		}
		return nil
	})
	group.Go(func() error {
		<-ctx.Done()
		return server.Close()
	})
	return errors.Join(group.Wait(), done())
}

// newRecorder begins a history that nobody reads.
func newRecorder(dir string, clock history.Clock) (*history.Recorder, error) {
	if err := history.Create(dir, history.Header{}); err != nil {
		return nil, err
	}
	return history.NewRecorder(dir, "channel", clock)
}

func newChannel(
	clock history.Clock, record func(history.Event) uint64, faults mockchannel.Faults, endpoints []mockchannel.Endpoint,
) (*mockchannel.Channel, mockchannel.Merchant, error) {
	merchant, err := stripe.New().Issue("m-bench", map[string]string{"key": apiKey})
	if err != nil {
		return nil, merchant, err
	}
	return mockchannel.New(mockchannel.Config{
		Clock: clock, Record: record, Dice: dice.New(1), Dialect: stripe.New(), Merchants: []mockchannel.Merchant{merchant},
		Faults: faults, Endpoints: endpoints,
	}), merchant, nil
}

// bare reads the form and answers as many bytes of JSON as the channel does.
func bare(size int) http.Handler {
	body := make([]byte, size)
	for i := range body {
		body[i] = ' '
	}
	copy(body, "{}")
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := r.ParseForm(); err != nil || r.PostForm.Get("amount") == "" {
			http.Error(w, "want a form with an amount", http.StatusBadRequest)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(body) // a client that has gone is told nothing
	})
}

// answerSize asks a server to create one PaymentIntent, and says how long the answer is.
func answerSize(ctx context.Context, url string) (int, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, url, newForm(0))
	if err != nil {
		return 0, err
	}
	request.Header.Set("Authorization", "Bearer "+apiKey)
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	request.Header.Set("Idempotency-Key", "size")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0, err
	}
	body, err := io.ReadAll(response.Body)
	if err = errors.Join(err, response.Body.Close()); err != nil {
		return 0, err
	}
	if response.StatusCode != http.StatusOK {
		return 0, fmt.Errorf("%s answered %d: %s", url, response.StatusCode, body)
	}
	return len(body), nil
}

// freeAddress is one that nobody listens on, for the moment.
func freeAddress(ctx context.Context) (string, error) {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return listener.Addr().String(), listener.Close()
}

func tempDir() (string, error) { return os.MkdirTemp("", "benchchannel-") }
