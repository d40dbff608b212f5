package scenarios

import (
	"encoding/json"
	"time"
)

// PlanSchema is the version of plan.json.
const PlanSchema = 1

// Plan is a scenario with every choice resolved. Times are relative to the begin of the storm. It is written as
// plan.json, which the load generator's process reads.
type Plan struct {
	Schema      int               `json:"schema"`
	Name        string            `json:"name"`
	Why         string            `json:"why,omitempty"`
	Seed        int64             `json:"seed"`
	Digest      string            `json:"digest"` // over scenario, system, settings, seed and schema; not over ports or paths
	System      System            `json:"system"`
	SystemDir   string            `json:"system_dir,omitempty"` // of the system file; not in the digest
	File        string            `json:"file,omitempty"`       // the scenario as it was named on the command line; not in the digest
	Flags       []string          `json:"flags,omitempty"`      // --system and --set, as they were given; not in the digest
	Items       []Item            `json:"items"`
	Coupons     []Coupon          `json:"coupons,omitempty"`
	WarmUpSKU   string            `json:"warm_up_sku"`
	Steps       []LoadStep        `json:"steps"`
	Offered     int               `json:"offered"` // iterations in all steps
	VUs         int               `json:"vus"`     // virtual users, all preallocated
	Journeys    []JourneyShare    `json:"journeys"`
	Faults      []Fault           `json:"faults"` // message, link and node faults
	Payers      []Fault           `json:"payers"`
	Checkpoints []time.Duration   `json:"checkpoints_ns,omitempty"`
	StormMax    time.Duration     `json:"storm_max_ns"` // load plus the longest journey
	Settle      time.Duration     `json:"settle_ns"`
	Expect      PlanExpect        `json:"expect"`
	Cells       []Cell            `json:"cells,omitempty"` // that faults must have met
	Required    []string          `json:"required"`
	Waive       map[string]string `json:"waive,omitempty"`
	ReviewCap   int               `json:"review_cap"`
	Known       []Known           `json:"known,omitempty"`
	Service     []ServiceGoal     `json:"service,omitempty"`
	Laws        []PlannedLaw      `json:"laws,omitempty"` // the team's own, of the system and the scenario
	Business    Business          `json:"business"`
	LeftOut     []LeftOut         `json:"left_out,omitempty"` // optional faults that the system's provider cannot produce
}

// Business is how business time passes at the channel: so much of it in so much of the run. The zero value is the wall
// clock.
type Business struct {
	Span time.Duration `json:"span_ns,omitempty"`
	In   time.Duration `json:"in_ns,omitempty"`
}

// LeftOut is an optional fault that is not in the plan.
type LeftOut struct {
	Fault string `json:"fault"`
	Why   string `json:"why"`
}

// LoadStep is a constant arrival rate for a while. k6's ramping executor blurs the intended start times, so a ramp is a
// row of short steps.
type LoadStep struct {
	At         time.Duration `json:"at_ns"`
	For        time.Duration `json:"for_ns"`
	PerSecond  float64       `json:"per_second"`
	Iterations int           `json:"iterations"`
	FirstBuyer int           `json:"first_buyer"` // buyers are numbered from 1 through all steps
}

// Due is when the load wants one of the step's buyers, in the storm's time: arrivals are even, the first one is an interval
// after the step began, and the last one is at its end.
func (s LoadStep) Due(buyer int) time.Duration {
	nth := buyer - s.FirstBuyer + 1
	return s.At + time.Duration(float64(s.For)*float64(nth)/float64(s.Iterations))
}

// Due is when the load wants a buyer, in the storm's time; 0 for a buyer of no step, such as one of the warm-up.
func (p Plan) Due(buyer int) time.Duration {
	for _, step := range p.Steps {
		if nth := buyer - step.FirstBuyer; nth >= 0 && nth < step.Iterations {
			return step.Due(buyer)
		}
	}
	return 0
}

// JourneyShare is how many of the buyers take a journey.
type JourneyShare struct {
	Name  string  `json:"name"`
	Share float64 `json:"share"`
	Pairs bool    `json:"pairs,omitempty"` // its orders are of two items
}

// Fault is one planned fault.
type Fault struct {
	ID        string          `json:"id"`
	Kind      string          `json:"kind"`
	Share     float64         `json:"share"` // 0 to 1
	Only      Only            `json:"only"`
	When      string          `json:"when,omitempty"`
	From      time.Duration   `json:"from_ns"`
	For       time.Duration   `json:"for_ns,omitempty"` // 0: until Until
	Until     string          `json:"until"`            // heal or books
	Params    json.RawMessage `json:"params"`           // the kind's own, re-read by the kind
	Contract  string          `json:"contract"`
	Unit      string          `json:"unit"`
	Planned   string          `json:"planned"` // in words
	Exercises []string        `json:"exercises"`
	Floor     int             `json:"floor"`
}

// PlanExpect is Expect without the floors of single faults, which are in Fault.Floor.
type PlanExpect struct {
	SoldOut      bool    `json:"sold_out,omitempty"`
	Orders       int     `json:"orders,omitempty"`
	StartedShare float64 `json:"started_share,omitempty"`
	KnownShare   float64 `json:"known_share,omitempty"`
}
