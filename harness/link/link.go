package link

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"

	"github.com/Shopify/toxiproxy/v2"
	"github.com/rs/zerolog"

	"github.com/paystorm/paystorm/harness/ports"
	"github.com/paystorm/paystorm/history"
)

// Config names the links to keep.
type Config struct {
	// Record is told of what nobody asked for: connections that had to be cut, and failures to accept.
	Record func(history.Event)
	Host   string // to listen on; default 127.0.0.1
	Links  []Spec
}

// Spec is one link.
type Spec struct {
	Name    string // "shop->channel"
	Address string // to listen at, where somebody knows it already; default: any port of the host
}

// Links are the links of one run. Its methods may be called from many goroutines.
type Links struct {
	record func(history.Event)
	relays map[string]*relay
	cancel context.CancelFunc
	group  sync.WaitGroup // every goroutine and every open connection

	mutex   sync.Mutex
	strikes map[string][]*strike // by fault; healed ones too, for what they have counted
}

// Start opens a listener for each link. Until Connect, connections are reset.
func Start(ctx context.Context, config Config) (*Links, error) {
	registerToxics()
	host := config.Host
	if host == "" {
		host = "127.0.0.1"
	}
	serving, cancel := context.WithCancel(context.WithoutCancel(ctx))
	links := &Links{
		record: config.Record, relays: map[string]*relay{}, cancel: cancel, strikes: map[string][]*strike{},
	}
	server := toxiproxy.NewServer(toxiproxy.NewMetricsContainer(nil), zerolog.Nop())
	for _, spec := range config.Links {
		if spec.Name == "" || links.relays[spec.Name] != nil {
			return nil, errors.Join(fmt.Errorf("link %q: want each link once, with a name", spec.Name), links.Close(ctx))
		}
		listener, err := listen(ctx, host, spec.Address)
		if err != nil {
			return nil, errors.Join(fmt.Errorf("open link %s: %w", spec.Name, err), links.Close(ctx))
		}
		relay := newRelay(links, server, spec.Name, listener)
		links.relays[spec.Name] = relay
		links.group.Go(func() { relay.serve(serving) })
	}
	return links, nil
}

func listen(ctx context.Context, host, address string) (net.Listener, error) {
	if address == "" {
		return ports.Listen(ctx, host)
	}
	return (&net.ListenConfig{}).Listen(ctx, "tcp", address)
}

// Connect sets where a link leads to, as host:port. New connections go there.
func (l *Links) Connect(name, upstream string) error {
	relay, err := l.relay(name)
	if err != nil {
		return err
	}
	relay.mutex.Lock()
	defer relay.mutex.Unlock()
	relay.upstream = upstream
	return nil
}

// Addr is the host:port at which the link listens, "" for an unknown link.
func (l *Links) Addr(name string) string {
	relay, err := l.relay(name)
	if err != nil {
		return ""
	}
	return relay.listener.Addr().String()
}

func (l *Links) relay(name string) (*relay, error) {
	if relay := l.relays[name]; relay != nil {
		return relay, nil
	}
	var names []string
	for known := range l.relays {
		names = append(names, known)
	}
	slices.Sort(names)
	return nil, fmt.Errorf("unknown link %q: want one of %s", name, strings.Join(names, ", "))
}

// Close takes all toxics off, cuts all connections and frees the ports. It returns when everything has ended or the
// context has. Closing twice is harmless.
func (l *Links) Close(ctx context.Context) error {
	l.cancel()
	var errs []error
	for _, relay := range l.relays {
		errs = append(errs, relay.close())
	}
	for _, fault := range l.faults() {
		errs = append(errs, l.Heal(ctx, fault))
	}
	ended := make(chan struct{})
	go func() {
		l.group.Wait()
		close(ended)
	}()
	select {
	case <-ended:
	case <-ctx.Done():
		errs = append(errs, fmt.Errorf("close the links: connections are still open: %w", ctx.Err()))
	}
	return errors.Join(errs...)
}

func (l *Links) faults() []string {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	var faults []string
	for fault := range l.strikes {
		faults = append(faults, fault)
	}
	slices.Sort(faults)
	return faults
}
