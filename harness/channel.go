package harness

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/paystorm/paystorm/dice"
	"github.com/paystorm/paystorm/mockchannel"
	"github.com/paystorm/paystorm/mockchannel/dialects"
	"github.com/paystorm/paystorm/mockchannel/door"
	"github.com/paystorm/paystorm/scenarios"
)

const (
	merchantID = "m-paystorm"
	// refundDelay is how long the channel takes for a refund: long enough that a shop which reads "pending" as "done", or
	// asks again too early, does so in the run.
	refundDelay = 150 * time.Millisecond
)

// startChannel starts the channel with keys of its own for this run.
func (r *run) startChannel(ctx context.Context) error {
	dialect, err := dialects.Named(r.plan.System.Channel.Dialect)
	if err != nil {
		return err
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", loopback+":0")
	if err != nil {
		return err
	}
	r.channelURL = "http://" + listener.Addr().String()
	given, err := scenarios.ExpandAll(r.plan.System.Channel.Credentials, r.config.Secrets.Values())
	if err != nil {
		return fmt.Errorf("credentials: %w", err)
	}
	merchant, err := dialect.Issue(cmp.Or(given["merchant"], merchantID), given)
	if err != nil {
		return fmt.Errorf("make the shop's keys: %w", r.config.Secrets.Error(err))
	}
	use := r.plan.System.Channel
	notify := "http://" + r.links.Addr(linkChannelToShop) + use.Callbacks
	r.told = maps.Clone(merchant.Told)
	r.told["merchant"], r.told["notify"] = merchant.ID, notify
	r.channel = mockchannel.New(mockchannel.Config{
		Clock:          r.clock,
		Record:         r.recordChannel,
		Faults:         r.engine.Channel(),
		Dice:           dice.New(r.plan.Seed),
		Merchants:      []mockchannel.Merchant{merchant},
		Dialect:        dialect,
		Endpoints:      []mockchannel.Endpoint{{ID: "shop", URL: notify, Secrets: []string{merchant.NotifySecret}, Events: use.Events, Version: use.Version}},
		Retry:          durations(use.Retry),
		Business:       &mockchannel.Business{Span: r.plan.Business.Span, In: r.plan.Business.In},
		AttemptTimeout: time.Duration(use.Timeout),
		RefundDelay:    refundDelay,
		PayURL:         r.channelURL + "/pay",
	})
	entrance, err := r.openDoor(listener, dialect)
	if err != nil {
		return err
	}
	running, end := context.WithCancel(context.WithoutCancel(ctx))
	r.work(func(context.Context) error { return r.channel.Run(running) })
	r.work(func(context.Context) error {
		if err := entrance.Serve(); !errors.Is(err, http.ErrServerClosed) {
			return fmt.Errorf("channel: %w", err)
		}
		return nil
	})
	r.onClose("channel", func(ctx context.Context) error {
		end() // requests that are held back end with it; every one of them is recorded before the history is closed
		return entrance.Shutdown(ctx)
	})
	for _, toChannel := range r.plan.System.Network() {
		if toChannel.To == "channel" {
			if err := r.links.Connect(toChannel.Name, listener.Addr().String()); err != nil {
				return err
			}
		}
	}
	return nil
}

// openDoor lets shops into the channel by plain HTTP, by TLS and as a proxy, and puts the certificate that they must trust
// for that into the run directory.
func (r *run) openDoor(listener net.Listener, dialect mockchannel.Dialect) (*door.Door, error) {
	entrance, err := door.Open(listener, r.channel.Handler(), mockchannel.HostsOf(dialect))
	if err != nil {
		return nil, err
	}
	path, err := filepath.Abs(filepath.Join(r.dir, "channel-ca.pem"))
	if err != nil {
		return nil, err
	}
	r.told["ca"] = path
	if err := os.WriteFile(path, entrance.CA(), 0o644); err != nil { // a certificate is public
		return nil, fmt.Errorf("write the channel's certificate: %w", err)
	}
	return entrance, nil
}
