package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"github.com/paystorm/paystorm/dice"
	"github.com/paystorm/paystorm/harness"
	"github.com/paystorm/paystorm/history"
	"github.com/paystorm/paystorm/mockchannel"
	"github.com/paystorm/paystorm/mockchannel/door"
)

// channelCommand is the mock channel alone, for development against it.
func channelCommand() *cobra.Command {
	dialect, addr, ca := "standard", "127.0.0.1:8090", ""
	refundDelay := time.Second
	cmd := &cobra.Command{
		Use:   "channel",
		Short: "Run the mock payment channel alone, beside a shop under development",
		Example: `  paystorm channel
  CHANNEL_KEY=sk_mine CHANNEL_SECRET=whsec_… paystorm channel --dialect standard --addr 127.0.0.1:8090`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			spoken, err := harness.Dialect(dialect)
			if err != nil {
				return err
			}
			return serveChannel(cmd.Context(), commandStreams(cmd), spoken, addr, ca, refundDelay)
		},
	}
	cmd.Flags().StringVar(&dialect, "dialect", dialect, "what the channel speaks")
	cmd.Flags().StringVar(&addr, "addr", addr, "where it listens; loopback only")
	cmd.Flags().StringVar(&ca, "ca", ca, "write the certificate here that a shop must trust to reach the channel by TLS or through HTTPS_PROXY")
	cmd.Flags().DurationVar(&refundDelay, "refund-delay", refundDelay, "how long a refund is pending")
	return cmd
}

// serveChannel runs a channel until the context ends. Its events go to standard output as JSON lines.
func serveChannel(ctx context.Context, s streams, dialect mockchannel.Dialect, addr, ca string, refundDelay time.Duration) error {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return fmt.Errorf("--addr %q: want HOST:PORT: %w", addr, err)
	}
	if ip := net.ParseIP(host); host != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return fmt.Errorf("--addr %q: the channel listens on loopback only; it moves play money, but anyone could move it", addr)
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", addr)
	if err != nil {
		return fmt.Errorf("%w: %w", errEnvironment, err)
	}
	merchant, err := dialect.Issue("m-paystorm", givenCredentials(dialect))
	if err != nil {
		return fmt.Errorf("%s: %w", dialect.Name(), err)
	}
	url := "http://" + listener.Addr().String()
	fmt.Fprintf(s.err, "channel %s (%s)\nmerchant %s\n", url, dialect.Name(), merchant.ID)
	for _, name := range dialect.Credentials() {
		fmt.Fprintf(s.err, "%s %s\n", name, merchant.Told[name])
	}

	clock := history.StartClock()
	channel := mockchannel.New(mockchannel.Config{
		Clock: clock, Record: lines(s.out, clock),
		Dice: dice.New(time.Now().UnixNano()), Merchants: []mockchannel.Merchant{merchant}, Dialect: dialect,
		RefundDelay: refundDelay, PayURL: url + "/pay",
	})
	entrance, err := openDoor(s, listener, channel.Handler(), mockchannel.HostsOf(dialect), ca)
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return channel.Run(ctx) })
	group.Go(func() error {
		if err := entrance.Serve(); !errors.Is(err, http.ErrServerClosed) {
			return err
		}
		return nil
	})
	group.Go(func() error {
		<-ctx.Done()
		return entrance.Close()
	})
	return group.Wait()
}

// openDoor lets shops in by plain HTTP, by TLS and as through a proxy, and writes the certificate that they must trust for
// that where the user wants it.
func openDoor(s streams, listener net.Listener, handler http.Handler, hosts []string, ca string) (*door.Door, error) {
	entrance, err := door.Open(listener, handler, hosts)
	if err != nil || ca == "" {
		return entrance, err
	}
	if err := os.WriteFile(ca, entrance.CA(), 0o644); err != nil { //nolint:gosec // a certificate is public
		return nil, fmt.Errorf("%w: --ca: %w", errEnvironment, err)
	}
	fmt.Fprintf(s.err, "ca %s\n", ca)
	if len(hosts) > 0 {
		fmt.Fprintf(s.err, "HTTPS_PROXY=http://%s leads to it as %s\n", listener.Addr(), strings.Join(hosts, ", "))
	}
	return entrance, nil
}

// lines records events as lines of JSON, timed and numbered as in a history.
func lines(out io.Writer, clock history.Clock) func(history.Event) {
	var mu sync.Mutex
	seq := uint64(0)
	encoder := json.NewEncoder(out)
	return func(event history.Event) {
		mu.Lock()
		defer mu.Unlock()
		seq++
		event.Writer, event.Seq = "channel", seq
		if event.At == 0 {
			event.At = clock.Now()
		}
		_ = encoder.Encode(event) // a broken pipe has nobody left to tell
	}
}

// givenCredentials are those that the environment brings: CHANNEL_KEY is the credential "key".
func givenCredentials(dialect mockchannel.Dialect) map[string]string {
	given := map[string]string{}
	for _, name := range dialect.Credentials() {
		if value := os.Getenv("CHANNEL_" + strings.ToUpper(name)); value != "" {
			given[name] = value
		}
	}
	return given
}
