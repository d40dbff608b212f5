package scenarios

import (
	"time"

	"github.com/paystorm/paystorm/money"
)

// Scenario is a scenario file.
type Scenario struct {
	Name         string            `yaml:"name" jsonschema:"required,pattern=^[a-z0-9][a-z0-9-]*$"`
	Why          string            `yaml:"why"`
	System       string            `yaml:"system" jsonschema:"required"` // a system file, relative to this one, or the name of a shipped one
	Sale         Sale              `yaml:"sale" jsonschema:"required"`
	Load         Load              `yaml:"load" jsonschema:"required"`
	Payers       []FaultSpec       `yaml:"payers"`                       // written as a map: {abandon: 3%, pay-late: {share: 1%, around: expiry}}
	Faults       []FaultSpec       `yaml:"faults"`                       // written as a list of single-key maps
	Checkpoints  []Duration        `yaml:"checkpoints"`                  // storm times at which the shop's books are read
	Settle       Duration          `yaml:"settle" jsonschema:"required"` // longer than every timer of the system; the shop has so long to converge
	Expect       Expect            `yaml:"expect"`
	Invariants   []string          `yaml:"invariants"`                        // required; empty: those that the faults and payers exercise
	Waive        map[string]string `yaml:"waive"`                             // invariant → why the scenario does without
	ReviewCap    int               `yaml:"review-cap" jsonschema:"minimum=0"` // orders that may end in review
	Known        []Known           `yaml:"known"`                             // reds that are shown and do not gate until their date
	Service      []ServiceGoal     `yaml:"service"`                           // service levels that gate
	Laws         []Law             `yaml:"laws"`                              // the team's own, beside those of the system
	BusinessTime BusinessTime      `yaml:"business-time"`                     // compresses the provider's own schedules: {span: 24h, in: 30s}

	source *source
}

// BusinessTime lets a long time pass at the channel in a short one. Retry schedules, refunds and all dates that the channel
// tells follow it; the time of a signature never does.
type BusinessTime struct {
	Span Duration `yaml:"span" jsonschema:"required"` // so much business time
	In   Duration `yaml:"in" jsonschema:"required"`   // in so much of the run
}

// Sale is what is sold.
type Sale struct {
	Items   []Item   `yaml:"items" jsonschema:"required"`
	Coupons []Coupon `yaml:"coupons"`
}

// Coupon is a discount that the sale gives away, each buyer's to use in an order.
type Coupon struct {
	Code     string       `yaml:"code" json:"code" jsonschema:"required"`
	Off      money.Amount `yaml:"off" json:"off" jsonschema:"required"`                        // what it takes off an order
	Uses     int64        `yaml:"uses" json:"uses,omitempty" jsonschema:"minimum=0"`           // orders that may use it in all; 0: any number
	PerBuyer int64        `yaml:"per-buyer" json:"per_buyer,omitempty" jsonschema:"minimum=0"` // orders of one buyer that may; 0: any number
}

// Item is one thing on sale.
type Item struct {
	SKU      string       `yaml:"sku" json:"sku" jsonschema:"required"`
	Stock    int64        `yaml:"stock" json:"stock" jsonschema:"required,minimum=1"` // units
	Price    money.Amount `yaml:"price" json:"price" jsonschema:"required"`
	PerBuyer int64        `yaml:"per-buyer" json:"per_buyer,omitempty" jsonschema:"minimum=0"` // units; 0: no limit
}

// Load is how buyers arrive. Which of the rates a profile needs is the profile's to say.
type Load struct {
	Profile  string           `yaml:"profile" jsonschema:"required"`
	Start    Rate             `yaml:"start"` // arrival rate at the begin
	Peak     Rate             `yaml:"peak"`
	For      Duration         `yaml:"for"`
	Journeys map[string]Share `yaml:"journeys"` // of the system file; empty: its first, for everyone
}

// FaultSpec is one fault or payer fault as the file has it.
type FaultSpec struct {
	Kind     string
	ID       string // the kind, unless `id:` says otherwise; unique in the scenario
	Share    Share
	Only     Only
	When     string // the payment's state when the fault would strike; several with "|" between them
	From     Duration
	For      Duration // 0: until heal
	Until    string   // "heal" (default) or "books": stays until the books were read
	Optional bool     // left out where the system's provider cannot produce it
	Params   any      // the kind's own, decoded into what its Kind.New returned
	Place    string   // file:line:column

	at   place // of its name
	node *node // its parameters
}

// Only narrows a fault to some messages. Zero fields do not narrow.
type Only struct {
	Buyer   int    `yaml:"buyer" json:"buyer,omitempty" jsonschema:"minimum=1"`
	Order   int    `yaml:"order" json:"order,omitempty" jsonschema:"minimum=1"` // that buyer's n-th
	Attempt int    `yaml:"attempt" json:"attempt,omitempty" jsonschema:"minimum=1"`
	Message string `yaml:"message" json:"message,omitempty"` // a notification type or a merchant operation
}

// Expect holds the floors: below them the run proves nothing.
type Expect struct {
	SoldOut      bool           `yaml:"sold-out"`                      // every item must be sold out
	Orders       int            `yaml:"orders" jsonschema:"minimum=0"` // least number of orders; default 1
	StartedShare Share          `yaml:"started"`                       // of the offered iterations; default 95%
	KnownShare   Share          `yaml:"known-outcomes"`                // of the operations; default 50%
	Affected     map[string]int `yaml:"affected"`                      // fault id → least number affected
	Cells        []Cell         `yaml:"cells"`                         // what faults must have met
}

// Cell is an order that a fault meets in a state, with a message, and how often it must.
type Cell struct {
	Fault   string `yaml:"fault" json:"fault" jsonschema:"required"` // the id of a fault or a payer
	State   string `yaml:"state" json:"state" jsonschema:"required"` // of the order when it is struck: ordered, paid, closed, refunding or refunded
	Message string `yaml:"message" json:"message,omitempty"`         // a notification type or a merchant operation; none for a fault that concerns none, such as a payer's
	Hits    int    `yaml:"hits" json:"hits" jsonschema:"required,minimum=1"`
}

// Known is a red that the team knows about.
type Known struct {
	Invariant string    `yaml:"invariant" json:"invariant" jsonschema:"required"`
	Pattern   string    `yaml:"pattern" json:"pattern" jsonschema:"required"` // the violation's words
	Ticket    string    `yaml:"ticket" json:"ticket" jsonschema:"required"`
	Until     time.Time `yaml:"until" json:"until" jsonschema:"required"` // from then on it gates again
}

// ServiceGoal bounds a service level.
type ServiceGoal struct {
	ID    string  `yaml:"id" json:"id" jsonschema:"required"`
	Bound float64 `yaml:"bound" json:"bound" jsonschema:"required,minimum=0"`
}
