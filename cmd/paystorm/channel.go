package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"regexp"
	"runtime/debug"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"github.com/paystorm/paystorm/dice"
	"github.com/paystorm/paystorm/harness/fault"
	"github.com/paystorm/paystorm/history"
	"github.com/paystorm/paystorm/mockchannel"
	"github.com/paystorm/paystorm/mockchannel/console"
	"github.com/paystorm/paystorm/mockchannel/door"
	"github.com/paystorm/paystorm/scenarios"
)

// channelCommand is the mock channel alone, for development against it.
func channelCommand() *cobra.Command {
	var flags channelFlags
	cmd := &cobra.Command{
		Use:   "channel",
		Short: "Run the mock payment channel alone, beside a shop under development",
		Long: `Run the mock payment channel alone, beside a shop under development.

It prints its address, the merchant's keys as lines for a shell, and the address of a page that shows payments,
refunds and notifications with all that went over the wire, and on which you pay, decline, refund, send again and
forge by a click. Keys of your own come from the environment: CHANNEL_KEY is the credential "key".
Events go to standard output: a short line each on a terminal, JSON elsewhere.`,
		Example: `  paystorm channel
  paystorm channel --fault 'lose-callbacks: {share: 30%, attempts: all}' --fault 'duplicate-callbacks: {count: 3}'
  paystorm channel --retry 1s,2s,4s --refund-delay 5s
  CHANNEL_KEY=sk_mine CHANNEL_SECRET=whsec_… paystorm channel --dialect standard --addr 127.0.0.1:8090`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			setup, err := flags.understand()
			if err != nil {
				return err
			}
			return serveChannel(cmd.Context(), commandStreams(cmd), setup)
		},
	}
	flags.add(cmd)
	return cmd
}

// channelGCPercent lets the heap grow further between two collections than Go does by itself: a channel forgets nothing, so
// each collection looks at everything that it has ever been told, and frees little.
const channelGCPercent = 400

// serveChannel runs a channel until the context ends.
func serveChannel(ctx context.Context, s streams, setup channelSetup) error {
	debug.SetGCPercent(channelGCPercent)
	merchant, err := setup.dialect.Issue("m-paystorm", givenCredentials(setup.dialect))
	if err != nil {
		return fmt.Errorf("%s: %w", setup.dialect.Name(), err)
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", setup.addr)
	if err != nil {
		return fmt.Errorf("%w: --addr %s: %w", errEnvironment, setup.addr, err)
	}
	url := "http://" + listener.Addr().String()

	clock := history.StartClock()
	desk := console.New(console.Config{
		Clock: clock, Dialect: setup.dialect, Merchants: []mockchannel.Merchant{merchant}, Faults: setup.faultTexts,
	})
	record := both(lines(s.out, clock), desk.Record)
	engine, err := fault.NewEngine(scenarios.Plan{Seed: setup.seed, Faults: setup.faults}, fault.Env{
		Clock: clock, Record: record, Dice: dice.New(setup.seed),
	})
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	channel := mockchannel.New(mockchannel.Config{
		Clock: clock, Record: unnumbered(record), Trace: desk.Trace, Faults: engine.Channel(), Dice: dice.New(setup.seed),
		Merchants: []mockchannel.Merchant{merchant}, Dialect: setup.dialect, Endpoints: setup.endpoints(merchant),
		Retry: setup.retry, Business: &setup.business, RefundDelay: setup.refundDelay, PayURL: url + "/pay",
	})
	entrance, err := setup.openDoor(listener, desk.Handler(channel))
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	introduce(s, setup, merchant, url, desk.Path())
	engine.Begin(clock.Now())

	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return channel.Run(ctx) })
	group.Go(func() error { return engine.Run(ctx) })
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

// unnumbered is a record that nobody keeps, so that no event has a place in it.
func unnumbered(record func(history.Event)) func(history.Event) uint64 {
	return func(event history.Event) uint64 {
		record(event)
		return 0
	}
}

// openDoor lets shops in by plain HTTP, by TLS and as through a proxy, and writes the certificate that they must trust for
// that where the user wants it.
func (s *channelSetup) openDoor(listener net.Listener, handler http.Handler) (*door.Door, error) {
	entrance, err := door.Open(listener, handler, mockchannel.HostsOf(s.dialect))
	if err != nil || s.ca == "" {
		return entrance, err
	}
	if err := os.WriteFile(s.ca, entrance.CA(), 0o644); err != nil { // a certificate is public
		return nil, fmt.Errorf("%w: --ca: %w", errEnvironment, err)
	}
	return entrance, nil
}

// introduce prints what a developer copies: lines for a shell, and the page's address.
func introduce(s streams, setup channelSetup, merchant mockchannel.Merchant, url, page string) {
	fmt.Fprintf(s.err, "Payment channel, dialect %s. Tell your shop:\n\n", setup.dialect.Name())
	fmt.Fprintf(s.err, "export CHANNEL_URL=%s\nexport CHANNEL_MERCHANT=%s\n", url, quoted(merchant.ID))
	for _, name := range setup.dialect.Credentials() {
		fmt.Fprintf(s.err, "export CHANNEL_%s=%s\n", strings.ToUpper(name), quoted(merchant.Told[name]))
	}
	if setup.ca != "" {
		fmt.Fprintf(s.err, "export CHANNEL_CA=%s\n", quoted(setup.ca))
		if hosts := mockchannel.HostsOf(setup.dialect); len(hosts) > 0 {
			fmt.Fprintf(s.err, "export HTTPS_PROXY=%s # leads to it as %s\n", url, strings.Join(hosts, ", "))
		}
	}
	if setup.dialect.Traits().OneAddress && setup.endpoint == nil {
		fmt.Fprint(s.err, "\nNotifications go nowhere yet: payments have no address of their own here, so say --endpoint URL.\n")
	}
	if len(setup.faultTexts) > 0 {
		fmt.Fprintf(s.err, "\nWhat goes wrong: %s\n", strings.Join(setup.faultTexts, "; "))
	}
	fmt.Fprintf(s.err, "\nWatch and act: %s%s\n\n", url, page)
}

// quoted is a value as a shell reads it.
func quoted(value string) string {
	if regexp.MustCompile(`^[\w./:+=@-]+$`).MatchString(value) {
		return value
	}
	return "'" + strings.ReplaceAll(value, "'", `'\''`) + "'"
}

// endpoints are the merchant's own addresses, signed for with its secret.
func (s *channelSetup) endpoints(merchant mockchannel.Merchant) []mockchannel.Endpoint {
	if s.endpoint == nil {
		return nil
	}
	endpoint := *s.endpoint
	endpoint.Secrets = []string{merchant.NotifySecret}
	return []mockchannel.Endpoint{endpoint}
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
