package invariants

import (
	"github.com/paystorm/paystorm/history"
)

// VerdictSchema is the version of verdict.json.
const VerdictSchema = 1

// Status is what is known of one invariant.
type Status string

// The statuses of an invariant.
const (
	Held          Status = "held"
	Violated      Status = "violated"
	NotKnown      Status = "unknown"
	NotApplicable Status = "not-applicable"
)

// Result is the answer of a whole run.
type Result string

// The results.
const (
	Pass         Result = "pass"
	Fail         Result = "fail"
	Inconclusive Result = "inconclusive"
)

// Verdict is the judgement of a run: a pure function of its history, byte for byte, and the content of verdict.json.
type Verdict struct {
	Schema     int               `json:"schema"`
	Judge      string            `json:"judge"` // the judge's version
	Scenario   string            `json:"scenario"`
	Why        string            `json:"why,omitempty"`
	Seed       int64             `json:"seed"`
	PlanDigest string            `json:"plan_digest"`
	System     VerdictSystem     `json:"system"`
	Verdict    Result            `json:"verdict"`
	Headline   string            `json:"headline"` // "pass, 11 of 14 judged"
	Judged     Judged            `json:"judged"`
	Protected  bool              `json:"protected"` // a change of the run's files would show; a reason says why not
	Reasons    Reasons           `json:"reasons"`   // why it is not a pass, the most important first; then notes, which a pass may have too
	AtRisk     []RiskTotal       `json:"at_risk"`   // of the whole run: what is at risk of each order counts once
	Causes     []Cause           `json:"causes"`    // what is wrong, each case under its first cause, the gravest first
	Invariants []InvariantResult `json:"invariants"`
	Faults     []FaultResult     `json:"faults"`
	Load       LoadResult        `json:"load"`
	Channel    ChannelResult     `json:"channel"`
	Service    []ServiceResult   `json:"service"`
	Coverage   []CoverageCell    `json:"coverage"`
	Timings    Timings           `json:"timings"`
	CPU        CPUResult         `json:"cpu"`
	Sale       []SaleResult      `json:"sale"`
	Money      []MoneyResult     `json:"money"`
	Known      []KnownResult     `json:"known"`
	Orders     OrdersResult      `json:"orders"`
}

// ReasonKind says what sort of reason it is.
type ReasonKind string

// The kinds of reasons, in the order in which a verdict lists them.
const (
	ReasonViolation ReasonKind = "violation" // an invariant is violated, and the run fails for it
	ReasonService   ReasonKind = "service"   // a service level is not kept, and the run fails for it
	ReasonDoubt     ReasonKind = "doubt"     // the run proves too little to pass
	ReasonNote      ReasonKind = "note"      // worth knowing, and no reason against a pass
)

// Reason is one sentence of why the verdict is what it is.
type Reason struct {
	Kind      ReasonKind `json:"kind"`
	Invariant string     `json:"invariant,omitempty"` // id of the invariant that it is about, if it is about one
	Text      string     `json:"text"`
}

// Reasons are those of one verdict.
type Reasons []Reason

// Texts are their sentences alone.
func (r Reasons) Texts() []string {
	texts := make([]string, len(r))
	for i, reason := range r {
		texts[i] = reason.Text
	}
	return texts
}

// VerdictSystem names the system under test.
type VerdictSystem struct {
	Name    string   `json:"name"`
	Version string   `json:"version,omitempty"`
	Commit  string   `json:"commit,omitempty"`
	Images  []string `json:"images"`
}

// Judged counts invariants.
type Judged struct {
	Judged int `json:"judged"` // held or violated
	Total  int `json:"total"`
}

// InvariantResult is one invariant's line.
type InvariantResult struct {
	ID         string         `json:"id"`
	Name       string         `json:"name"`
	Status     Status         `json:"status"`
	Required   bool           `json:"required"`
	Evaluated  int            `json:"evaluated"`
	Exercised  int            `json:"exercised"`
	Violations int            `json:"violations"`
	Patterns   []Pattern      `json:"patterns"`
	AtRisk     []AtRisk       `json:"at_risk"`
	Units      int64          `json:"units"`
	Summary    string         `json:"summary"` // one sentence: what was found, or why it is not judged
	Clauses    []ClauseResult `json:"clauses"`
	Pending    []string       `json:"pending,omitempty"`
	Unjudged   []string       `json:"unjudged,omitempty"` // what of it could not be judged, and why
	Doubt      string         `json:"doubt,omitempty"`    // why the run proves too little of it to pass
	Evidence   []Evidence     `json:"evidence"`           // of the first violations
	Known      bool           `json:"known,omitempty"`    // every violation is a known red that has not expired
	Gates      bool           `json:"gates,omitempty"`    // violated, and the run fails for it
	SinceMS    int64          `json:"since_ms,omitempty"`
	UntilMS    int64          `json:"until_ms,omitempty"` // 0: it lasts
}

// ClauseStatus says whether a clause was asked.
type ClauseStatus string

// What may have become of a clause.
const (
	ClauseJudged        ClauseStatus = "judged"
	ClauseNotJudged     ClauseStatus = "not-judged"
	ClauseNotApplicable ClauseStatus = "not-applicable" // nothing in the run is its business, or the scenario waives what it needs
)

// ClauseResult is how one clause of an invariant fared.
type ClauseResult struct {
	Name       string       `json:"name"`
	Status     ClauseStatus `json:"status"`
	Why        string       `json:"why,omitempty"` // it was not judged
	Evaluated  int          `json:"evaluated"`
	Exercised  int          `json:"exercised"`
	Violations int          `json:"violations"`
}

// Pattern groups equal violations.
type Pattern struct {
	Text    string   `json:"text"`
	Count   int      `json:"count"`
	Orders  []string `json:"orders"`  // the first hundred
	Details []string `json:"details"` // of the first ten, in the order of Orders
}

// AtRisk is money at risk in one currency, for one bearer.
type AtRisk struct {
	Currency   string `json:"currency"`
	NetMinor   int64  `json:"net_minor"`
	GrossMinor int64  `json:"gross_minor"`
	Bearer     Bearer `json:"bearer"`
}

// RiskTotal is money at risk over several orders, and since when. Until 0: it lasts.
type RiskTotal struct {
	AtRisk
	SinceMS int64 `json:"since_ms,omitempty"`
	UntilMS int64 `json:"until_ms,omitempty"`
}

// Cause is one way in which things went wrong. An order that several invariants see red stands under the first of them in
// the chain of causes; the others are its consequences. Each invariant's own result counts all of its violations.
type Cause struct {
	Invariant string      `json:"invariant"`
	Pattern   string      `json:"pattern"`
	Count     int         `json:"count"`   // orders, SKUs, or 1 of the run itself
	Orders    []string    `json:"orders"`  // the first hundred; SKUs, or "", where it is no order's
	Details   []string    `json:"details"` // of the first ten, in the order of Orders
	AtRisk    []RiskTotal `json:"at_risk"`
	Also      []string    `json:"also"` // ids of the invariants that are red on the same orders
	Gates     bool        `json:"gates,omitempty"`
}

// FaultResult is one fault's line.
type FaultResult struct {
	ID       string           `json:"id"`
	Kind     string           `json:"kind"`
	Contract history.Contract `json:"contract"`
	Unit     string           `json:"unit"`
	Planned  string           `json:"planned"`
	Affected int              `json:"affected"`
	Floor    int              `json:"floor"`
	Healed   bool             `json:"healed"`
}

// LoadResult is what the load did.
type LoadResult struct {
	Offered           int64                `json:"offered"`
	Started           int64                `json:"started"`
	Completed         int64                `json:"completed"`
	Dropped           int64                `json:"dropped"`
	Interrupted       int64                `json:"interrupted"`
	KnownOutcomeShare float64              `json:"known_outcome_share"`
	Ops               map[string]OpCounts  `json:"ops"`
	LatencyMS         map[string]LatencyMS `json:"latency_ms"` // by kind, from the intended start where there is one
}

// ChannelResult is what the mock channel itself cost the run. The signatures of answers are in the time that the shop
// waited for them, and none of them is the shop's doing.
type ChannelResult struct {
	Signatures     int       `json:"signatures"` // of messages and answers
	SigningMS      LatencyMS `json:"signing_ms"` // of one, waiting for its turn included
	SigningTotalMS float64   `json:"signing_total_ms"`
}

// OpCounts counts operations by outcome.
type OpCounts struct {
	OK      int64 `json:"ok"`
	Refused int64 `json:"refused"`
	Unknown int64 `json:"unknown"`
}

// LatencyMS are percentiles in milliseconds.
type LatencyMS struct {
	P50 float64 `json:"p50"`
	P95 float64 `json:"p95"`
	P99 float64 `json:"p99"`
	Max float64 `json:"max"`
}

// ServiceResult is one service level.
type ServiceResult struct {
	ID     string   `json:"id"`
	Value  float64  `json:"value"`
	Unit   string   `json:"unit"`
	Bound  *float64 `json:"bound,omitempty"`
	Status string   `json:"status"` // reported, within, exceeded, inconclusive
}

// CoverageCell counts how often a fault met an order in a state, with a message.
type CoverageCell struct {
	Fault   string `json:"fault"`
	State   string `json:"state"`   // of the order when the fault struck: ordered, paid, closed, refunding, refunded
	Message string `json:"message"` // type of the notification, or the merchant's operation; "" if none is concerned
	Hits    int    `json:"hits"`
	Floor   int    `json:"floor"` // 0: the scenario demands none
}

// Timings are of the run as a whole, in milliseconds.
type Timings struct {
	ColdStartMS      int64 `json:"cold_start_ms"` // from nothing to a system that is ready
	StartToFirstOpMS int64 `json:"start_to_first_op_ms"`
	StormMS          int64 `json:"storm_ms"`
	SettleMS         int64 `json:"settle_ms"`
	TeardownMS       int64 `json:"teardown_ms"` // of the system, to the last of what was started for it
}

// CPUResult is what the storm cost the machine, so that it can be seen whether the shop was the bottleneck.
type CPUResult struct {
	Cores int       `json:"cores"` // processors of the machine; 0: not known
	Used  []CPUUsed `json:"used"`  // the most first
}

// CPUUsed is one part of the run in the storm: the load generator, the harness (links, channel, probes), a node of the
// system, or all else on the machine. Cores is how many processors it kept busy. A container that was started again counts
// from then on.
type CPUUsed struct {
	By    string  `json:"by"`
	MS    int64   `json:"ms"`
	Cores float64 `json:"cores"`
}

// SaleResult is one SKU at the end. Fields from the shop's stock table are 0 when it was not read.
type SaleResult struct {
	SKU       string `json:"sku"`
	Stock     int64  `json:"stock"`
	Sold      int64  `json:"sold"`
	Reserved  int64  `json:"reserved"`
	Available int64  `json:"available"`
	SoldOut   bool   `json:"sold_out"`
}

// MoneyResult is the channel's ledger in one currency.
type MoneyResult struct {
	Currency      string `json:"currency"`
	CapturedMinor int64  `json:"captured_minor"`
	RefundedMinor int64  `json:"refunded_minor"`
	OwedMinor     int64  `json:"owed_minor"` // captured, not refunded, and without an order that is paid for
}

// OrdersResult counts people and orders.
type OrdersResult struct {
	Buyers   int            `json:"buyers"`
	Orders   int            `json:"orders"`   // that the shop accepted
	Payments int            `json:"payments"` // captured at the channel
	States   map[string]int `json:"states"`   // of orders in the final books
}

// KnownResult is a known red and whether it was met.
type KnownResult struct {
	history.Known
	Met     int  `json:"met"`
	Expired bool `json:"expired"`
}
