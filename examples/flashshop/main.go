package flashshop

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sync/singleflight"
)

// shop is what the handlers and the workers share.
type shop struct {
	config
	store    store
	cache    *cache
	provider provider
	mail     *http.Client
	log      *slog.Logger
	flights  singleflight.Group // one conversation with the provider per attempt, order and refund at a time
	inbox    chan notification  // D04 only
	known    sync.Map           // D44 only: an order's id → view
	earned   chan earning       // D45 only
}

// Main runs the shop until ctx ends. It is configured by env alone (config.go), logs to stderr, and prints the address
// it listens on to stdout.
func Main(ctx context.Context, env func(string) string, stdout, stderr io.Writer) error {
	v := &variables{env: env}
	cfg := readConfig(v)
	partner, client := connect(v, cfg)
	if err := v.err(); err != nil {
		return fmt.Errorf("flashshop: configuration: %w", err)
	}
	st, err := openStore(ctx, cfg.db, &clock{file: cfg.clockOffset}, cfg.defects)
	if err != nil {
		return fmt.Errorf("flashshop: %w", err)
	}
	log := slog.New(slog.NewTextHandler(stderr, nil))
	s := &shop{
		config: cfg, store: st, cache: openCache(cfg.redis, cfg.defects, log), provider: partner,
		mail: &http.Client{Timeout: cfg.channelTimeout, Transport: &http.Transport{MaxIdleConnsPerHost: parallel}},
		log:  log, inbox: make(chan notification, 1<<14), earned: make(chan earning, 1<<14),
	}
	err = s.run(ctx, stdout)
	client.CloseIdleConnections()
	s.mail.CloseIdleConnections()
	return errors.Join(err, s.cache.close(), st.close())
}

// run serves and works until ctx ends; then requests in work are finished and the workers waited for.
func (s *shop) run(ctx context.Context, stdout io.Writer) error {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", s.addr)
	if err != nil {
		return fmt.Errorf("flashshop: listen: %w", err)
	}
	server := &http.Server{
		Handler: s.handler(), ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 30 * time.Second,
		ErrorLog: slog.NewLogLogger(s.log.Handler(), slog.LevelWarn),
	}
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error {
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			return fmt.Errorf("flashshop: serve: %w", err)
		}
		return nil
	})
	group.Go(func() error {
		<-ctx.Done()
		// As long as the longest request takes: its turn to write, and three tries at the provider.
		grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), postgresPatience+4*s.channelTimeout)
		defer cancel()
		if err := server.Shutdown(grace); errors.Is(err, context.DeadlineExceeded) {
			return server.Close()
		} else if err != nil {
			return fmt.Errorf("flashshop: stop: %w", err)
		}
		return nil
	})
	for _, q := range s.queues() {
		group.Go(func() error { return q.run(ctx, s.log) })
	}
	group.Go(func() error { return s.cache.keep(ctx, s.store) })
	if s.defects.has("D04") {
		group.Go(func() error { return s.workInbox(ctx) })
	}
	if s.defects.has("D45") {
		group.Go(func() error { return s.giveEarned(ctx) })
	}
	if _, err := fmt.Fprintf(stdout, "flashshop listens on http://%s\n", listener.Addr()); err != nil {
		s.log.Warn("print address", "error", err)
	}
	return group.Wait()
}

// queues are the shop's workers.
func (s *shop) queues() []queue {
	return []queue{
		{name: "orders", every: s.workEvery, claim: s.claims("orders", "id", "check_at"), work: s.check},
		{name: "refunds", every: s.workEvery, claim: s.claims("refunds", "refund_no", "next_at"), work: s.pursue},
		{name: "mail", every: s.workEvery, claim: s.claims("outbox", "key", "next_at"), work: s.post},
	}
}
