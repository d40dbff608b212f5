package scenarios

import (
	"time"

	"github.com/paystorm/paystorm/money"
)

// Scenario is a scenario file.
type Scenario struct {
	Name        string            `yaml:"name"`
	Why         string            `yaml:"why"`
	System      string            `yaml:"system"` // a system file, relative to this one, or the name of a shipped one
	Sale        Sale              `yaml:"sale"`
	Load        Load              `yaml:"load"`
	Payers      []FaultSpec       `yaml:"payers"`      // written as a map: {abandon: 3%, pay-late: {share: 1%, around: expiry}}
	Faults      []FaultSpec       `yaml:"faults"`      // written as a list of single-key maps
	Checkpoints []Duration        `yaml:"checkpoints"` // storm times at which the shop's books are read
	Settle      Duration          `yaml:"settle"`
	Expect      Expect            `yaml:"expect"`
	Invariants  []string          `yaml:"invariants"` // required; empty: those that the faults and payers exercise
	Waive       map[string]string `yaml:"waive"`      // invariant → why the scenario does without
	ReviewCap   int               `yaml:"review-cap"`
	Known       []Known           `yaml:"known"`
	Service     []ServiceGoal     `yaml:"service"`
	GateBeyond  bool              `yaml:"gate-beyond"`
}

// Sale is what is sold.
type Sale struct {
	Items []Item `yaml:"items"`
}

// Item is one thing on sale.
type Item struct {
	SKU      string       `yaml:"sku" json:"sku"`
	Stock    int64        `yaml:"stock" json:"stock"`
	Price    money.Amount `yaml:"price" json:"price"`
	PerBuyer int64        `yaml:"per-buyer" json:"per_buyer,omitempty"`
}

// Load is how buyers arrive. Which of the rates a profile needs is the profile's to say.
type Load struct {
	Profile  string           `yaml:"profile"`
	Start    Rate             `yaml:"start"`
	Peak     Rate             `yaml:"peak"`
	For      Duration         `yaml:"for"`
	Journeys map[string]Share `yaml:"journeys"` // of the system file; empty: its first, for everyone
}

// FaultSpec is one fault or payer fault as the file has it.
type FaultSpec struct {
	Kind   string
	ID     string // the kind, unless `id:` says otherwise; unique in the scenario
	Share  Share
	Only   Only
	When   string // a predicate on the order's story so far
	From   Duration
	For    Duration // 0: until heal
	Until  string   // "heal" (default) or "books": stays until the books were read
	Params any      // the kind's own, decoded into what its Kind.New returned
	Place  string   // file:line:column
}

// Only narrows a fault to some messages. Zero fields do not narrow.
type Only struct {
	Buyer   int    `yaml:"buyer" json:"buyer,omitempty"`
	Order   int    `yaml:"order" json:"order,omitempty"` // that buyer's n-th
	Attempt int    `yaml:"attempt" json:"attempt,omitempty"`
	Message string `yaml:"message" json:"message,omitempty"` // a notification type or a merchant operation
}

// Expect holds the floors: below them the run proves nothing.
type Expect struct {
	SoldOut      bool           `yaml:"sold-out"`
	Orders       int            `yaml:"orders"`
	StartedShare Share          `yaml:"started"`
	KnownShare   Share          `yaml:"known-outcomes"`
	Affected     map[string]int `yaml:"affected"` // fault id → least number affected
}

// Known is a red that the team knows about.
type Known struct {
	Invariant string    `yaml:"invariant"`
	Pattern   string    `yaml:"pattern"`
	Ticket    string    `yaml:"ticket"`
	Until     time.Time `yaml:"until"`
}

// ServiceGoal bounds a service level.
type ServiceGoal struct {
	ID    string  `yaml:"id"`
	Bound float64 `yaml:"bound"`
}
