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
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/paystorm/paystorm/dice"
	"github.com/paystorm/paystorm/harness/fault"
	"github.com/paystorm/paystorm/harness/link"
	"github.com/paystorm/paystorm/harness/load"
	"github.com/paystorm/paystorm/harness/sut"
	"github.com/paystorm/paystorm/history"
	"github.com/paystorm/paystorm/mockchannel"
	"github.com/paystorm/paystorm/mockchannel/alipay"
	"github.com/paystorm/paystorm/mockchannel/door"
	"github.com/paystorm/paystorm/mockchannel/standard"
	"github.com/paystorm/paystorm/mockchannel/stripe"
	"github.com/paystorm/paystorm/mockchannel/wechatpay"
	"github.com/paystorm/paystorm/scenarios"
)

// The links of a run, named by who dials whom.
const (
	linkClientToShop  = "client->shop"
	linkChannelToShop = "channel->shop"
)

const (
	loopback   = "127.0.0.1"
	merchantID = "m-paystorm"
	// refundDelay is how long the channel takes for a refund: long enough that a shop which reads "pending" as "done", or
	// asks again too early, does so in the run.
	refundDelay = 150 * time.Millisecond
)

// Dialects are the channel dialects that a system file may ask for. One line each.
func Dialects() []mockchannel.Dialect {
	return []mockchannel.Dialect{
		alipay.New(alipay.Settings{BillsAtOnce: true}), // a run is over before the next day
		standard.New(),
		stripe.New(),
		wechatpay.New(),
	}
}

// Dialect is the dialect of that name.
func Dialect(name string) (mockchannel.Dialect, error) {
	var names []string
	for _, dialect := range Dialects() {
		if dialect.Name() == name {
			return dialect, nil
		}
		names = append(names, dialect.Name())
	}
	return nil, fmt.Errorf("dialect %q: there are %s", name, strings.Join(names, ", "))
}

// run is one run under way: the world that was started for it, and how to take it down again.
type run struct {
	config   Config
	plan     scenarios.Plan
	dir      string
	planPath string
	id       string // as in history.Ref.Run
	clock    history.Clock

	recorder        *history.Recorder
	channelRecorder *history.Recorder

	background errgroup.Group                    // what runs until close
	closers    []part                            // in the order of start
	work       func(func(context.Context) error) // adds to background

	docker     docker
	links      *link.Links
	engine     *fault.Engine
	channel    *mockchannel.Channel
	channelURL string
	told       map[string]string // what the shop is told of the channel
	sinks      map[string]string
	child      *load.Child
	journey    *load.Runner
	given      load.Given // what buyers need to know beside the plan
	shop       sut.Shop

	ledger     *ledger
	still      stillness
	reading    sync.Mutex   // one reading of the books at a time
	phaseIn    atomic.Value // string: the phase under way
	stormBegin atomic.Int64 // a history.Time
}

// part is one part of the world, to be started or to be taken down.
type part struct {
	name string
	do   func(context.Context) error
}

func (r *run) record(event history.Event) { r.recorder.Event(event) }

// recordChannel writes what the channel reports into its own segment: it is the busiest source.
func (r *run) recordChannel(event history.Event) {
	r.channelRecorder.Event(event)
	r.ledger.take(event)
}

// recordSink writes what came to a sink. It shows that the shop is at work.
func (r *run) recordSink(event history.Event) {
	r.record(event)
	r.still.stir(r.clock.Now())
}

// onClose remembers how to take down what was just started.
func (r *run) onClose(name string, do func(context.Context) error) {
	r.closers = append(r.closers, part{name, do})
}

// start brings up the world around the shop, the load generator and the shop, sets up the sale, and reads the books.
func (r *run) start(ctx context.Context) error {
	err := r.startParts(ctx, []part{
		{"links", r.startLinks},
		{"faults", r.startFaults},
		{"channel", r.startChannel},
		{"sinks", r.startSinks},
		{"load generator", r.startLoad}, // it takes as long to get ready as the shop does
		{"shop", r.startShop},
		{"schema", r.checkOperations},
		{"configure", r.configure},
		{"sale", r.setUp},
	})
	if err != nil {
		return err
	}
	return r.baseline(ctx)
}

// baseline reads the books before anything is sold, and holds them against the sale: a shop that has been sold out before, or
// calls the item otherwise, would leave a whole run to nothing.
func (r *run) baseline(ctx context.Context) error {
	reading, err := r.read(ctx, history.ReadingBaseline)
	if err != nil || !reading.Has(history.TableStock) {
		return err
	}
	for _, item := range r.plan.Items {
		at := slices.IndexFunc(reading.Books.Stock, func(row history.StockRow) bool { return row.SKU == item.SKU })
		if at < 0 {
			return fmt.Errorf("the shop's books have no stock of %s: want set-up to put it on sale, and the stock's probe to name it so", item.SKU)
		}
		if found := reading.Books.Stock[at].Available; found != item.Stock {
			return fmt.Errorf("the shop has %d units of %s on sale, and the scenario sells %d: want set-up to put exactly that on sale, or an item "+
				"that was never sold before, as in --set sale.items.0.sku=%s-2", found, item.SKU, item.Stock, item.SKU)
		}
	}
	return nil
}

// Probe starts a shop with what it needs around it and no load, and reads its books once. Of the plan, it needs no more
// than a name and the system.
func Probe(ctx context.Context, config Config) (reading history.Reading, err error) {
	docker, err := openDocker(ctx, config)
	if err != nil {
		return history.Reading{}, err
	}
	r, err := open(config, docker)
	if err != nil {
		return history.Reading{}, &EnvironmentError{Phase: "preparing the run directory", Err: errors.Join(err, docker.close())}
	}
	defer func() { err = errors.Join(err, r.close(ctx)) }()
	err = r.startParts(ctx, []part{
		{"links", r.startLinks},
		{"faults", r.startFaults},
		{"channel", r.startChannel},
		{"sinks", r.startSinks},
		{"shop", r.startShop},
		{"schema", r.checkOperations},
		{"configure", r.configure},
	})
	if err != nil {
		return history.Reading{}, blamed(history.PhaseStart, err)
	}
	return r.shop.Read(ctx, history.ReadingBaseline)
}

// startParts starts one part of the world after another.
func (r *run) startParts(ctx context.Context, parts []part) error {
	background, cancel := context.WithCancel(context.WithoutCancel(ctx))
	r.onClose("background work", func(context.Context) error {
		cancel()
		return r.background.Wait()
	})
	r.work = func(do func(context.Context) error) { r.background.Go(func() error { return do(background) }) }
	r.work(r.watch)
	for _, part := range parts {
		if err := part.do(ctx); err != nil {
			return fmt.Errorf("%s: %w", part.name, err)
		}
	}
	return nil
}

// startLinks opens the links, so that everybody can be told an address before anybody is there to answer. Those that the
// shop dials listen where it reaches them.
func (r *run) startLinks(ctx context.Context) error {
	var specs []link.Spec
	for _, wanted := range r.plan.System.Network() {
		spec := link.Spec{Name: wanted.Name, Host: loopback, Address: r.plan.System.Links[wanted.Name], Over: wanted.Over}
		if wanted.From != "client" && wanted.From != "channel" {
			spec.Host = r.docker.host
		}
		specs = append(specs, spec)
	}
	links, err := link.Start(ctx, link.Config{Record: r.record, Links: specs, Groups: r.plan.System.LinkGroups()})
	if err != nil {
		return err
	}
	r.links = links
	r.onClose("links", links.Close)
	return nil
}

// startFaults builds the engine. What it needs of the shop it asks for when a fault strikes.
func (r *run) startFaults(context.Context) error {
	engine, err := fault.NewEngine(r.plan, fault.Env{
		Clock:        r.clock,
		Record:       r.record,
		Dice:         dice.New(r.plan.Seed),
		Links:        r.links,
		Nodes:        func() []fault.Node { return nodes(r.shop) },
		Database:     func() string { return r.shop.Database() },
		AfterRestart: r.checkpoint,
		AfterLock:    r.checkpoint,
	})
	if err != nil {
		return err
	}
	r.engine = engine
	return nil
}

// startChannel starts the channel with keys of its own for this run.
func (r *run) startChannel(ctx context.Context) error {
	dialect, err := Dialect(r.plan.System.Channel.Dialect)
	if err != nil {
		return err
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", loopback+":0")
	if err != nil {
		return err
	}
	r.channelURL = "http://" + listener.Addr().String()
	given, err := expand(r.plan.System.Channel.Credentials, r.config.Secrets.Values())
	if err != nil {
		return err
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

// expand fills in templates.
func expand(templates map[string]string, values scenarios.Values) (map[string]string, error) {
	expanded := map[string]string{}
	for name, template := range templates {
		text, err := scenarios.Expand(template, values)
		if err != nil {
			return nil, fmt.Errorf("credentials: %s: %w", name, err)
		}
		expanded[name] = text
	}
	return expanded, nil
}

func (r *run) startSinks(ctx context.Context) error {
	sinks, err := sut.StartSinks(ctx, r.docker.host, r.plan.System.Sinks, r.recordSink)
	if err != nil {
		return err
	}
	r.sinks = sinks.URLs()
	r.onClose("sinks", sinks.Close)
	return nil
}

// startLoad starts the load generator, which waits at its gate, and the runner that sets up and warms up.
func (r *run) startLoad(ctx context.Context) error {
	shopURL := "http://" + r.links.Addr(linkClientToShop)
	script, err := r.plan.ScriptPath()
	if err != nil {
		return err
	}
	child, err := load.Start(ctx, load.Config{
		Self: r.config.Self, RunDir: r.dir, PlanPath: r.planPath, ClockOrigin: r.clock.Origin(), RunID: r.id,
		ShopURL: shopURL, ChannelURL: r.channelURL, Script: script,
	})
	if err != nil {
		return err
	}
	r.child = child
	r.onClose("load generator", child.Stop)
	r.journey, err = load.NewRunner(load.RunnerConfig{
		Plan: r.plan, RunID: r.id, ShopURL: shopURL, ChannelURL: r.channelURL, Recorder: r.recorder, Clock: r.clock,
	})
	return err
}

func (r *run) startShop(ctx context.Context) error {
	urls := map[string]string{}
	for _, known := range r.plan.System.Network() {
		urls[known.Name] = "http://" + r.links.Addr(known.Name)
	}
	r.record(history.Event{Source: history.SourcePhase, Kind: history.SystemBegin})
	shop, err := sut.Start(ctx, sut.Config{
		System: r.plan.System, SystemDir: r.plan.SystemDir, RunDir: r.dir, Clock: r.clock, Record: r.record,
		Links: urls, Channel: r.told, Sinks: r.sinks, Self: r.config.Self, Secrets: r.config.Secrets,
		RunID: r.id, Engine: r.docker.engine, Images: r.docker.images, Connect: r.links.Connect,
	})
	if err != nil {
		return err
	}
	r.shop = shop
	r.onClose("shop", r.stopShop)
	if r.docker.engine == nil { // containers are led to before they start: one of them may dial another
		for _, name := range []string{linkClientToShop, linkChannelToShop} {
			if err := r.links.Connect(name, shop.Address()); err != nil {
				return err
			}
		}
	}
	if err := shop.Ready(ctx); err != nil {
		return err
	}
	r.record(history.Event{Source: history.SourcePhase, Kind: history.SystemReady})
	return nil
}

func (r *run) stopShop(ctx context.Context) error {
	r.record(history.Event{Source: history.SourcePhase, Kind: history.SystemStop})
	err := r.shop.Stop(ctx)
	if err == nil {
		r.record(history.Event{Source: history.SourcePhase, Kind: history.SystemGone})
	}
	return err
}

// configure tells the shop what it is told over its own API, and remembers what it answered.
func (r *run) configure(ctx context.Context) error {
	values := r.config.Secrets.Values()
	maps.Copy(values, r.shop.Values())
	captured, err := load.Configure(ctx, r.plan.System, "http://"+r.links.Addr(linkClientToShop), values)
	if err != nil {
		return r.config.Secrets.Error(err)
	}
	r.shop.Learn(captured)
	r.given = load.Given{Captured: captured, Secrets: r.config.Secrets}
	return nil
}

// setUp puts the items on sale.
func (r *run) setUp(ctx context.Context) error {
	r.journey.Give(r.given)
	items, err := r.journey.Setup(ctx)
	if err != nil {
		return r.config.Secrets.Error(err)
	}
	r.given.Items = items
	r.journey.Give(r.given)
	return nil
}

// checkOperations asks the shop for the schemas that its system file has in no file of its own, and holds every operation
// against them before the first one is sent.
func (r *run) checkOperations(ctx context.Context) error {
	system := r.config.System
	if system == nil {
		system = &r.plan.System
	}
	schemas := map[string]*scenarios.Schema{}
	for _, endpoint := range system.Introspects() {
		schema, err := r.shop.Introspect(ctx, endpoint)
		if err != nil {
			return fmt.Errorf("introspection of %s: %w: name a file with the schema instead, as in graphql: {%s: {schema: shop.graphql}}",
				endpoint, err, endpoint)
		}
		schemas[endpoint] = schema
	}
	return system.CheckOperations(schemas)
}

// nodes are the shop's processes as faults see them.
func nodes(shop sut.Shop) []fault.Node {
	var all []fault.Node
	for _, node := range shop.Nodes() {
		all = append(all, node)
	}
	return all
}

func durations(list []scenarios.Duration) []time.Duration {
	var all []time.Duration
	for _, d := range list {
		all = append(all, time.Duration(d))
	}
	return all
}
