package mockchannel

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/paystorm/paystorm/dice"
	"github.com/paystorm/paystorm/history"
)

// Merchant is one of the channel's customers, with what the two sides know of each other. A dialect issues it.
type Merchant struct {
	ID           string
	APIKey       string // by which its requests name it: a bearer key, an app id, a merchant number
	NotifySecret string // signs the channel's notifications, in the dialect's own form
	Keys         any    // what else the dialect needs, in its own form; never changed
	// Told is what the merchant is given, by the names of Dialect.Credentials.
	Told map[string]string
}

// Config is what a channel is made from.
type Config struct {
	Clock history.Clock
	// Record is called from many goroutines at once. It returns the event's place in its writer's sequence, 0 if it has none.
	Record    func(history.Event) uint64
	Faults    Faults    // nil: nothing goes wrong
	Dice      dice.Dice // for identifiers
	Merchants []Merchant
	Dialect   Dialect
	// Retry holds the waits after the first, second, … attempt of a notification. Nil means the dialect's own.
	Retry []time.Duration
	// Business maps the run's time to business time, in which retry schedules that are not given, refunds, expiries and
	// all dates of payments are. Nil means that the two are the same.
	Business       *Business
	Endpoints      []Endpoint    // of the first merchant, for dialects whose payments have no address of their own
	AttemptTimeout time.Duration // of one delivery attempt; 0 means 10 s
	RefundDelay    time.Duration // refunds are pending so long, then succeed; 0: at once
	PayURL         string        // a payment's pay_url without its "/" and id; "" means "/pay"
	Couriers       int           // deliveries under way at once; 0 means 256
	Trace          func(Trace)   // is told of every exchange, from many goroutines at once; nil: nobody looks on
}

const (
	defaultAttemptTimeout = 10 * time.Second
	defaultCouriers       = 256
)

// Channel is a payment channel. Its methods may be called from many goroutines at once.
type Channel struct {
	config      Config
	run         string // makes identifiers differ between runs
	byKey       map[string]Merchant
	payments    table[*payment]
	orders      table[*order]
	refunds     table[*refund]
	keys        table[*keyed]
	asked       table[*atomic.Int64] // requests so far, by operation and order
	refundIDs   table[*refund]       // by the channel's own id
	objects     table[Object]
	endpoints   map[string]*endpoints // by merchant; the map itself never changes
	once        once
	notices     table[*told] // that have a name, by id, for merchants who ask what has happened
	ledger      ledger
	bills       billRecords
	signers     signers
	timers      *timers
	couriers    *queue
	paid        map[string]*paidOrders // by merchant; the map itself never changes
	serial      atomic.Int64           // of identifiers
	identifiers uint64                 // the key of their hashes
	strangers   atomic.Int64           // payments of unknown buyers
	due         atomic.Int64
	inFlight    atomic.Int64 // attempts of genuine notifications that are posted and not yet answered
	started     atomic.Bool
	ended       chan struct{} // closed when Run's context has ended
	client      *http.Client
}

// New makes a channel. It answers requests at once; what happens later (retries, refunds that take time, scheduled
// payments) needs Run.
func New(config Config) *Channel {
	if config.AttemptTimeout == 0 {
		config.AttemptTimeout = defaultAttemptTimeout
	}
	if config.Couriers == 0 {
		config.Couriers = defaultCouriers
	}
	if config.PayURL == "" {
		config.PayURL = "/pay"
	}
	if config.Faults == nil {
		config.Faults = none{}
	}
	if config.Business == nil {
		config.Business = &Business{}
	}
	if config.Retry == nil {
		config.Retry = config.Business.compressAll(config.Dialect.Retry())
	}
	c := &Channel{
		config:   config,
		run:      strconv.FormatInt(config.Clock.Wall(0).UnixNano(), 36),
		byKey:    map[string]Merchant{},
		couriers: newQueue(),
		paid:     map[string]*paidOrders{},
		ended:    make(chan struct{}),
		client:   newClient(config),
		signers:  newSigners(),

		endpoints: map[string]*endpoints{},
	}
	c.timers = newTimers(config.Clock)
	c.identifiers = config.Dice.Uint64("identifiers", c.run)
	for _, merchant := range config.Merchants {
		c.byKey[merchant.APIKey] = merchant
		c.paid[merchant.ID] = &paidOrders{}
		c.endpoints[merchant.ID] = &endpoints{}
	}
	for _, endpoint := range config.Endpoints {
		c.endpoints[config.Merchants[0].ID].add(endpoint)
	}
	return c
}

// Run owns the channel's goroutines: the timers and the couriers. It returns when the context has ended and all of them
// have; from then on the channel answers 503. It may be called once.
func (c *Channel) Run(ctx context.Context) error {
	if c.started.Swap(true) {
		return errors.New("mockchannel: Run may be called once")
	}
	var group errgroup.Group
	group.Go(func() error {
		c.timers.run(ctx)
		return nil
	})
	for range c.config.Couriers {
		group.Go(func() error {
			for {
				deliver, open := c.couriers.next()
				if !open {
					return nil
				}
				deliver(ctx)
				c.due.Add(-1)
			}
		})
	}
	<-ctx.Done()
	close(c.ended)
	c.couriers.close()
	err := group.Wait()
	c.client.CloseIdleConnections()
	return err
}

// Due is how many notifications and timers the channel still owes: attempts under way, retries, refunds that take
// time, scheduled payments. What is lost for ever is not due.
func (c *Channel) Due() int { return int(c.due.Load()) }

// Quiet says that nothing is due.
func (c *Channel) Quiet() bool { return c.Due() == 0 }

// Authenticate finds the merchant of an API key.
func (c *Channel) Authenticate(apiKey string) (Merchant, bool) {
	merchant, known := c.byKey[apiKey]
	return merchant, known
}

// Merchants are the channel's customers.
func (c *Channel) Merchants() []Merchant { return slices.Clone(c.config.Merchants) }

// FirstUse says whether a number that is to be used once, such as a request's nonce, is used for the first time. It is
// remembered for at least onceFor, so a request must be refused for its age before that.
func (c *Channel) FirstUse(number string) bool { return c.once.first(number, c.config.Clock.Now()) }

// Handler serves the dialect's merchant and payer endpoints.
func (c *Channel) Handler() http.Handler {
	merchants, payers := c.traced(c.config.Dialect.MerchantHandler(c)), c.config.Dialect.PayerHandler(c)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.EscapedPath(), "/pay/") {
			payers.ServeHTTP(w, r)
			return
		}
		merchants.ServeHTTP(w, r)
	})
}

// over says that Run's context has ended.
func (c *Channel) over() bool {
	select {
	case <-c.ended:
		return true
	default:
		return false
	}
}

// identifier is new, differs between runs, and does not tell the order of creation, as real ones do not.
func (c *Channel) identifier(kind IdentifierKind) string {
	n := c.serial.Add(1)
	hash := dice.Numbered(c.identifiers, uint64(n))
	if form, has := c.config.Dialect.(Identifier); has {
		return form.Identify(kind, c.businessNow(), n, hash)
	}
	return string(kind) + "_" + strconv.FormatUint(hash, 36)
}

// business is business time at a moment of the run.
func (c *Channel) business(t history.Time) time.Time { return c.config.Business.at(c.config.Clock, t) }

func (c *Channel) businessNow() time.Time { return c.business(c.config.Clock.Now()) }

// after runs a short task, which must not block, after a while. It is due until it has run.
func (c *Channel) after(wait time.Duration, why errand, task func()) {
	c.due.Add(1)
	c.timers.add(c.config.Clock.Now().Add(wait), why, func() {
		task()
		c.due.Add(-1)
	})
}

// dispatch gives a delivery to the couriers, after a while if wait is positive. It is due until it has ended.
func (c *Channel) dispatch(wait time.Duration, why errand, deliver func(context.Context)) {
	c.due.Add(1)
	if wait <= 0 {
		c.couriers.add(deliver)
		return
	}
	c.timers.add(c.config.Clock.Now().Add(wait), why, func() { c.couriers.add(deliver) })
}

// wait lets time pass; it is cut short only by the end of the channel.
func (c *Channel) wait(d time.Duration) (served bool) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-c.ended:
		return false
	}
}

// none is a world in which nothing goes wrong.
type none struct{}

func (none) Request(Request) RequestFault     { return RequestFault{} }
func (none) Change(Change) ChangeFault        { return ChangeFault{} }
func (none) Notice(Notice) NoticeFault        { return NoticeFault{} }
func (none) Attempt(Notice, int) AttemptFault { return AttemptFault{} }
func (none) Reached(Moment)                   {}
