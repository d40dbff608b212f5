package history

import (
	"time"

	"github.com/paystorm/paystorm/money"
)

// Schema is the version of the history's format. A reader refuses a newer one, and of each that it knows every key that it
// does not know: what a header says decides a verdict.
//
// From 2 on, segments and manifest show whether a run's files are as they were recorded.
const Schema = 2

// Contract says on what ground a fault stands: what a provider itself says, or what was seen of one.
type Contract string

// The contract levels.
const (
	Documented Contract = "documented" // the provider says that it may happen
	Seen       Contract = "seen"       // it happened, in public incidents
)

// Header is everything the judge needs to know that did not happen: what was for sale, what was planned, below which
// floors the run proves nothing. It is written before the first event, so that `check` needs no scenario file.
type Header struct {
	Schema     int           `json:"schema"`
	Scenario   string        `json:"scenario"`
	File       string        `json:"file,omitempty"`  // the scenario as it was named on the command line
	Flags      []string      `json:"flags,omitempty"` // that chose another system or other values
	Why        string        `json:"why,omitempty"`
	System     SystemFacts   `json:"system"`
	Seed       int64         `json:"seed"`
	PlanDigest string        `json:"plan_digest"`
	Run        string        `json:"run"`     // as in Ref.Run
	Started    time.Time     `json:"started"` // wall clock at Time 0
	Writers    []string      `json:"writers"` // each owes a segment with an end record
	Sale       []Item        `json:"sale"`
	Coupons    []Coupon      `json:"coupons,omitempty"`     // that the sale gives away; of any other nobody has said what it is worth
	WarmUpSKU  string        `json:"warm_up_sku,omitempty"` // not part of the sale, not judged
	LeftOut    []LeftOut     `json:"left_out,omitempty"`    // optional faults that the provider cannot produce
	Faults     []FaultFacts  `json:"faults"`                // message, link, node and payer faults alike
	Floors     Floors        `json:"floors"`
	Required   []string      `json:"required"`         // invariants that must be judged and exercised
	Waived     []Waiver      `json:"waived,omitempty"` // tables or invariants that the scenario does without, and why
	ReviewCap  int           `json:"review_cap"`       // most orders that may end in review
	Known      []Known       `json:"known,omitempty"`
	Service    []ServiceGoal `json:"service,omitempty"`
	Laws       []Law         `json:"laws,omitempty"` // the team's own, which Required names too
	Settle     time.Duration `json:"settle_ns"`
	Cores      int           `json:"cores,omitempty"` // processors of the machine that ran it
}

// SystemFacts is what the system file declares about the shop.
type SystemFacts struct {
	Name    string   `json:"name"`
	Version string   `json:"version,omitempty"`
	Commit  string   `json:"commit,omitempty"`
	Images  []string `json:"images,omitempty"`
	Dialect string   `json:"dialect"`
	Timers  Timers   `json:"timers"`
	Legal   Legal    `json:"legal"`
	Tables  []Table  `json:"tables"` // probes that are declared
	Sinks   []string `json:"sinks,omitempty"`
	// OwedSinks are the sinks to which every paid order owes one effect.
	OwedSinks []string `json:"owed_sinks,omitempty"`
	// Grants lists the kinds of side effect that every paid order must have exactly once.
	Grants []string `json:"grants,omitempty"`
	// NumberPerPayment: the channel knows payments by numbers of which an order may have several.
	NumberPerPayment bool         `json:"number_per_payment,omitempty"`
	Prices           Prices       `json:"prices,omitempty"`
	FeeMost          money.Amount `json:"fee_most,omitzero"` // the most that an order may cost beside its price: shipping, tax
	// ChannelAccounts are the accounts of the shop's double entry that stand for its money at the channel.
	ChannelAccounts []string `json:"channel_accounts,omitempty"`
}

// Prices says whose word the price of an order is.
type Prices string

// The sorts of prices.
const (
	PricesListed Prices = ""      // the sale's, less known discounts; what is more than that is worth a look
	PricesExact  Prices = "exact" // the sale's, less known discounts and plus known fees, to the cent
	PricesOwn    Prices = "own"   // the shop's own: nothing is known of them beforehand
)

// Timers are the shop's own, as its system file declares them.
type Timers struct {
	Expiry    time.Duration `json:"expiry_ns"`
	Query     time.Duration `json:"query_ns"`
	Refund    time.Duration `json:"refund_ns"`
	Reconcile time.Duration `json:"reconcile_ns"`
	Apply     time.Duration `json:"apply_ns"` // longest time between an acknowledgement and its effect; 0: before it
}

// Longest is the longest of the declared timers.
func (t Timers) Longest() time.Duration {
	return max(t.Expiry, t.Query, t.Refund, t.Reconcile, t.Apply)
}

// Legal lists what the shop declares as its intended behaviour, so that it is not flagged.
type Legal struct {
	RestockRefunds  bool `json:"restock_refunds,omitempty"`  // refunded units go back on sale
	StaleReads      bool `json:"stale_reads,omitempty"`      // users may read from a replica that lags
	FetchOnPing     bool `json:"fetch_on_ping,omitempty"`    // any ping, even a forged one, is acknowledged and makes the shop query
	RecountRefunded bool `json:"recount_refunded,omitempty"` // a refunded unit may be bought again within the limit
}

// Item is one thing on sale.
type Item struct {
	SKU      string       `json:"sku"`
	Stock    int64        `json:"stock"`
	Price    money.Amount `json:"price"`
	PerBuyer int64        `json:"per_buyer,omitempty"` // 0: no limit
}

// Coupon is a discount that the sale gives away.
type Coupon struct {
	Code     string       `json:"code"`
	Off      money.Amount `json:"off"`                 // what it takes off an order
	Uses     int64        `json:"uses,omitempty"`      // orders that may use it in all; 0: any number
	PerBuyer int64        `json:"per_buyer,omitempty"` // orders of one buyer that may use it; 0: any number
}

// FaultFacts is one fault as planned.
type FaultFacts struct {
	ID        string   `json:"id"`
	Kind      string   `json:"kind"`
	Contract  Contract `json:"contract"`
	Unit      string   `json:"unit"`    // what Affected counts: delivery, notification, request, connection, node, payer
	Planned   string   `json:"planned"` // in words: "30% of notifications, from 2s for 4s"
	Floor     int      `json:"floor"`   // fewer affected than this and the run proves nothing
	Payer     bool     `json:"payer,omitempty"`
	Exercises []string `json:"exercises"` // invariants it is there to exercise
}

// LeftOut is a fault that the scenario has and the run had not.
type LeftOut struct {
	Fault string `json:"fault"`
	Why   string `json:"why"`
}

// Law is a law of the team's own: questions in SQL about the tables that package history/tables makes of the run.
type Law struct {
	ID        string  `json:"id"`
	Name      string  `json:"name"`
	Statement string  `json:"statement,omitempty"`
	Bearer    string  `json:"bearer,omitempty"` // buyer or merchant: who loses by it
	Needs     []Table `json:"needs,omitempty"`  // tables of the shop's books that they read
	Wrong     string  `json:"wrong"`            // each row of its answer is a violation
	Cases     string  `json:"cases"`            // its answer is how many cases could have been one
}

// Floors are the least that must have happened for a verdict to mean anything.
type Floors struct {
	SoldOut      bool    `json:"sold_out,omitempty"`
	Orders       int     `json:"orders,omitempty"`        // orders that the shop accepted
	StartedShare float64 `json:"started_share,omitempty"` // of offered iterations
	KnownShare   float64 `json:"known_share,omitempty"`   // of ops with an outcome other than unknown
	Cells        []Cell  `json:"cells,omitempty"`         // what faults must have met
}

// Cell is a fault that meets an order in a state with a message, and how often it must have.
type Cell struct {
	Fault   string       `json:"fault"` // its id in the plan
	State   OrderAtFault `json:"state"`
	Message string       `json:"message,omitempty"` // a notification's type or a merchant's operation; "" of a fault that concerns none
	Hits    int          `json:"hits"`
}

// OrderAtFault is what an order was when a fault struck it, by all that had happened at the channel and been told to its buyer.
type OrderAtFault string

// The states in which a fault can meet an order.
const (
	MetOrdered   OrderAtFault = "ordered"   // and nothing else yet
	MetPaid      OrderAtFault = "paid"      // captured, and nothing on its way back
	MetClosed    OrderAtFault = "closed"    // unpaid: its payments are closed, or its buyer was told so
	MetRefunding OrderAtFault = "refunding" // some of the money is on its way back, or back
	MetRefunded  OrderAtFault = "refunded"  // all of it is back
)

// OrdersAtFault lists the states in which a fault can meet an order.
func OrdersAtFault() []OrderAtFault {
	return []OrderAtFault{MetOrdered, MetPaid, MetClosed, MetRefunding, MetRefunded}
}

// Waiver is something the scenario does without.
type Waiver struct {
	Invariant string `json:"invariant"`
	Reason    string `json:"reason"`
}

// Known is a red that the team knows about: shown, never silent, and expiring.
type Known struct {
	Invariant string    `json:"invariant"`
	Pattern   string    `json:"pattern"` // a violation's pattern text contains it; "" matches any
	Ticket    string    `json:"ticket"`
	Until     time.Time `json:"until"`
}

// ServiceGoal bounds a service level; without a bound it is reported only.
type ServiceGoal struct {
	ID    string  `json:"id"`
	Bound float64 `json:"bound"`
	Unit  string  `json:"unit"`
}
