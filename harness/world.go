package harness

import (
	"context"
	"errors"
	"fmt"
	"maps"
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
	"github.com/paystorm/paystorm/scenarios"
)

// The links of a run, named by who dials whom.
const (
	linkClientToShop  = "client->shop"
	linkChannelToShop = "channel->shop"
)

const loopback = "127.0.0.1"

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
func (r *run) recordChannel(event history.Event) uint64 {
	seq := r.channelRecorder.Event(event)
	r.ledger.take(event)
	return seq
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
	if err != nil {
		return err
	}
	if len(reading.Errors) > 0 { // what was there before the sale would be taken for what the sale has done
		return r.config.Secrets.Error(fmt.Errorf("a probe failed on the shop's books before the sale: %s: correct it, or take it out of the system file",
			strings.Join(reading.Errors, "; ")))
	}
	if !reading.Has(history.TableStock) {
		return nil
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
		Clock:    r.clock,
		Record:   r.record,
		Dice:     dice.New(r.plan.Seed),
		Links:    r.links,
		Nodes:    func() []fault.Node { return nodes(r.shop) },
		Database: func() string { return r.shop.Database() },
		Server: func() (fault.Server, error) {
			server, err := r.shop.Server()
			return fault.Server(server), err
		},
		AfterRestart: r.checkpoint,
		ReadBooks:    r.readBooks,
		AfterLock:    r.checkpoint,
	})
	if err != nil {
		return err
	}
	r.engine = engine
	return nil
}

// mishap is what faults do to an effect on its way into a sink.
func (r *run) mishap(arrival sut.Arrival) sut.Mishap {
	return sut.Mishap(r.engine.Sink(fault.Arrival(arrival)))
}

func (r *run) startSinks(ctx context.Context) error {
	sinks, err := sut.StartSinks(ctx, r.docker.host, r.plan.System.Sinks, r.mishap, r.recordSink)
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
