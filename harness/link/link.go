package link

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"slices"
	"strings"
	"sync"
	"syscall"

	"github.com/Shopify/toxiproxy/v2"
	"github.com/rs/zerolog"

	"github.com/paystorm/paystorm/history"
	"github.com/paystorm/paystorm/ports"
)

// Config names the links to keep.
type Config struct {
	// Record is told of what nobody asked for: connections that had to be cut, and failures to accept.
	Record func(history.Event)
	Host   string // to listen on; default 127.0.0.1
	Links  []Spec
	// Groups are names for several links at once: a fault that strikes a group strikes each link of it.
	Groups map[string][]string
}

// Spec is one link.
type Spec struct {
	Name    string // "shop->channel"
	Host    string // to listen on; default: the one of all links
	Address string // to listen at, where somebody knows it already; default: any port of the host
	// Over makes a balancer of it, which leads to the links of these names, and is their group too.
	Over []string
}

// Links are the links of one run. Its methods may be called from many goroutines.
type Links struct {
	record    func(history.Event)
	relays    map[string]*relay
	balancers map[string]*balancer
	groups    map[string][]*relay // balancers among them
	cancel    context.CancelFunc
	group     sync.WaitGroup // every goroutine and every open connection

	mutex   sync.Mutex
	strikes map[string][]*strike // by fault; healed ones too, for what they have counted
}

// Start opens a listener for each link. Until Connect, connections are reset.
func Start(ctx context.Context, config Config) (*Links, error) {
	registerToxics()
	serving, cancel := context.WithCancel(context.WithoutCancel(ctx))
	links := &Links{
		record: config.Record, relays: map[string]*relay{}, balancers: map[string]*balancer{}, groups: map[string][]*relay{},
		cancel: cancel, strikes: map[string][]*strike{},
	}
	if err := links.open(ctx, serving, config); err != nil {
		return nil, errors.Join(err, links.Close(ctx))
	}
	return links, nil
}

// open opens the links first, and then what leads over them.
func (l *Links) open(ctx, serving context.Context, config Config) error {
	server := toxiproxy.NewServer(toxiproxy.NewMetricsContainer(nil), zerolog.Nop())
	for _, spec := range config.Links {
		if len(spec.Over) > 0 {
			continue
		}
		listener, err := l.listen(ctx, spec, config.Host)
		if err != nil {
			return err
		}
		relay := newRelay(l, server, spec.Name, listener)
		l.relays[spec.Name] = relay
		l.group.Go(func() { l.accept(serving, spec.Name, listener, relay.admit) })
	}
	for _, spec := range config.Links {
		if len(spec.Over) == 0 {
			continue
		}
		listener, err := l.listen(ctx, spec, config.Host)
		if err != nil {
			return err
		}
		balancer := &balancer{listener: listener}
		l.balancers[spec.Name] = balancer
		if err := l.bind(spec.Name, spec.Over); err != nil {
			return err
		}
		balancer.over = l.groups[spec.Name]
		l.group.Go(func() { l.accept(serving, spec.Name, listener, balancer.admit) })
	}
	for _, name := range slices.Sorted(maps.Keys(config.Groups)) {
		if err := l.bind(name, config.Groups[name]); err != nil {
			return err
		}
	}
	return nil
}

func (l *Links) listen(ctx context.Context, spec Spec, host string) (net.Listener, error) {
	if spec.Name == "" || l.relays[spec.Name] != nil || l.balancers[spec.Name] != nil {
		return nil, fmt.Errorf("link %q: want each link once, with a name", spec.Name)
	}
	host = cmp.Or(spec.Host, host, "127.0.0.1")
	var listener net.Listener
	var err error
	if spec.Address == "" {
		listener, err = ports.Listen(ctx, host)
	} else {
		listener, err = (&net.ListenConfig{}).Listen(ctx, "tcp", spec.Address)
	}
	if errors.Is(err, syscall.EADDRINUSE) {
		err = fmt.Errorf("another program has this port: end it (ss -ltnp shows which), or give the link another address under links: %w", err)
	}
	if err != nil {
		return nil, fmt.Errorf("open link %s: %w", spec.Name, err)
	}
	return listener, nil
}

// bind makes a name mean several links.
func (l *Links) bind(name string, members []string) error {
	if l.relays[name] != nil || l.groups[name] != nil || len(members) == 0 {
		return fmt.Errorf("links %q: want a name that nothing else has, for one link or more", name)
	}
	for _, member := range members {
		relay := l.relays[member]
		if relay == nil {
			return fmt.Errorf("links %s: %w", name, l.unknown(member))
		}
		l.groups[name] = append(l.groups[name], relay)
	}
	return nil
}

// Connect sets where a link leads to, as host:port. New connections go there.
func (l *Links) Connect(name, upstream string) error {
	relay := l.relays[name]
	if relay == nil {
		return l.unknown(name)
	}
	relay.mutex.Lock()
	defer relay.mutex.Unlock()
	relay.upstream = upstream
	return nil
}

// Addr is the host:port at which the link listens, "" for an unknown link.
func (l *Links) Addr(name string) string {
	if relay := l.relays[name]; relay != nil {
		return relay.listener.Addr().String()
	}
	if balancer := l.balancers[name]; balancer != nil {
		return balancer.listener.Addr().String()
	}
	return ""
}

// named are the links that a name means: one, or those of a group.
func (l *Links) named(name string) ([]*relay, error) {
	if single := l.relays[name]; single != nil {
		return []*relay{single}, nil
	}
	if group := l.groups[name]; group != nil {
		return group, nil
	}
	return nil, l.unknown(name)
}

func (l *Links) unknown(name string) error {
	names := slices.AppendSeq(slices.Collect(maps.Keys(l.relays)), maps.Keys(l.groups))
	slices.Sort(names)
	return fmt.Errorf("unknown link %q: want one of %s", name, strings.Join(names, ", "))
}

// Close takes all toxics off, cuts all connections and frees the ports. It returns when everything has ended or the
// context has. Closing twice is harmless.
func (l *Links) Close(ctx context.Context) error {
	l.cancel()
	var errs []error
	for name, balancer := range l.balancers {
		if err := balancer.listener.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
			errs = append(errs, fmt.Errorf("close link %s: %w", name, err))
		}
	}
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
