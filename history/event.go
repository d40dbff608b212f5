package history

import "time"

// Source says which part of the world an event happened in.
type Source string

// The sources of events.
const (
	SourcePhase    Source = "phase"    // the run's own phases and the harness's health
	SourceChannel  Source = "channel"  // payments, refunds and the merchant's requests, at the channel
	SourceBill     Source = "bill"     // what merchants are told afterwards, at the channel
	SourceDelivery Source = "delivery" // notifications on their way to the shop
	SourceLink     Source = "link"
	SourceNode     Source = "node" // the shop's processes
	SourceFault    Source = "fault"
	SourceProbe    Source = "probe"
	SourceSink     Source = "sink" // effects outside the shop: mail, SMS, shipping orders
	SourceLoad     Source = "load"
)

// Event kinds, by source. The comment names the fields that carry meaning beside At, Source and Kind.
const (
	// Phases. State is the phase. A phase that never ended is one the run died in.
	PhaseBegin = "phase.begin"
	PhaseEnd   = "phase.end"
	HarnessErr = "harness.error" // Detail: what broke in the harness itself; such a run is never a pass

	// The channel's ledger: Order, Payment, Minor, Currency, State, Version; Ref where known. Each is recorded inside
	// the payment's critical section, so Version orders them.
	PaymentCreated    = "payment.created"
	PaymentUpdated    = "payment.updated"    // by the merchant, before it was paid. Minor: what is asked for now
	PaymentAuthorized = "payment.authorized" // Minor: what the payer's bank set aside; nothing is captured yet
	PaymentSucceeded  = "payment.succeeded"  // Minor: what was captured, which a ledger-true short capture makes less
	PaymentFailed     = "payment.failed"     // an attempt was declined; the payment may still succeed
	PaymentClosed     = "payment.closed"
	// Refund: the channel's id; MerchantRefund: the shop's number, "" where the provider acted by itself; Minor. A dispute
	// is a refund that the payer's bank forced: Reason is ReasonDispute.
	RefundCreated   = "refund.created"
	RefundSucceeded = "refund.succeeded"
	RefundFailed    = "refund.failed"

	// A merchant's request to the channel, recorded when its answer left (or was lost on purpose). State: the operation
	// (create, query, close, refund, refund-query, bill). Outcome: ok, refused (Reason: the channel's error code) or
	// unknown (processed, and the answer lost). Status is the HTTP status. Fault: what interfered, if anything. Signing: how
	// long the channel took to sign the answer.
	Request = "request"

	// Bills: what a merchant was told afterwards. Rows are recorded as they were served, each content once: Version is the
	// row's number. BillRow: Order, Payment, Refund, MerchantRefund, Minor, Currency as the bill has them (a payment or an
	// order may be one that nobody knows); State: BillCapture or BillRefund; Reason: "succeeded", or a refund's state;
	// IntendedAt: when it happened, by the bill, on the run's clock; Detail: the same in business time; Key: the first bill
	// that had it.
	BillRow = "bill.row"
	// BillServed: At: when it was handed out. Key: the provider's name of it (such as its date), "#" and the number of the
	// download; IntendedAt: its cut-off, up to which it is to have everything that the ledger then had; From and Until: the
	// time that it is about, Until not included, 0 without bound; State: BillCapture or BillRefund, "" both; Count: rows;
	// Detail: their numbers, such as 1-40,43; Outcome: ok, or unknown where the answer was lost; Status; Fault that spoilt it.
	BillServed = "bill.served"

	// Deliveries: Notification, Order, Payment, Attempt (from 1), State: the message type (such as PaymentSucceeded),
	// Forgery ("" if genuine), Minor and Currency as the message claims them; Key: the provider's own name of the message,
	// where it has one. Signing: how long the channel took to sign it, which is over before it is sent.
	DeliverySent     = "delivery.sent"
	DeliveryAnswered = "delivery.answered" // Outcome: ok (acknowledged), refused, unknown; Status; Reason; Answers
	DeliveryLost     = "delivery.lost"     // lost on purpose, before it was sent. Fault
	DeliveryGivenUp  = "delivery.given-up" // the retry schedule is exhausted

	// Faults. Fault is the fault's id in the plan.
	FaultBegin      = "fault.begin"
	FaultEnd        = "fault.end" // its window is over or it was healed, and that was checked
	FaultAffected   = "fault.affected"
	FaultHealFailed = "fault.heal-failed" // Detail: what would not be undone

	// Links. Detail: why.
	LinkCut = "link.cut" // a fault could come or go only by cutting connections. Key: the link; Count; Fault

	// Nodes. Detail: which process, and why.
	NodeImage   = "node.image" // what a container is made of. Key: the service; Detail: the image's name and digest
	NodeStarted = "node.started"
	NodeReady   = "node.ready"
	NodeKilled  = "node.killed" // by a fault
	NodePaused  = "node.paused"
	NodeResumed = "node.resumed"
	NodeExited  = "node.exited"  // unasked. Detail: exit status and the last log lines
	NodeStopped = "node.stopped" // by SIGTERM: a fault, or the harness at close

	// Processor time, when the storm begins and when it ends. Key: whose, "" for all that runs on the machine; Count:
	// microseconds of all processors so far, which begin anew with a container that is started again.
	CPUTime = "cpu.time"

	// The system under test as a whole.
	SystemBegin = "system.begin" // it is about to be started
	SystemReady = "system.ready"
	SystemStop  = "system.stop" // it is about to be stopped
	SystemGone  = "system.gone" // and nothing of it is left

	// Questions of the harness to the shop after heal, past all links. State: what was asked, "ready" or "job" and its name;
	// Outcome: OK, Refused (answered with an error) or Unknown (no answer; Reason: ReasonOpenAtBound if settle was over before
	// there could be one); Detail: the error.
	ShopAsked = "shop.asked"

	// Sinks. State: the sink's name; Key: the effect's own key; Order where the sink can tell it.
	SinkReceived = "sink.received"
	// SinkRefused is an effect that a fault had the sink refuse: an attempt that came to nothing. Status, Fault; else as above.
	SinkRefused = "sink.refused"

	// Load. Count carries the figure.
	LoadOffered     = "load.offered"     // iterations that the load model wanted
	LoadDropped     = "load.dropped"     // wanted, and never started
	LoadInterrupted = "load.interrupted" // started, and cut off before they ended
	JourneyBegin    = "journey.begin"    // Ref, Buyer, Key: the journey's name; Intended in IntendedAt
	JourneyEnd      = "journey.end"      // Ref, Buyer, Key; Reason: where it ended ("completed", "sold_out", …)
)

// Phases of a run, in order.
const (
	PhaseStart   = "start"
	PhaseWarmUp  = "warm-up"
	PhaseStorm   = "storm"
	PhaseHeal    = "heal"
	PhaseSettle  = "settle"
	PhaseObserve = "observe"
	PhaseClose   = "close"
)

// Types of message beside the changes of the ledger.
const (
	PaymentDisputed = "payment.disputed" // a dispute has taken the money back
	Note            = "note"             // tells no movement of money, or tells one beside the message that does
)

// What a bill's row is about.
const (
	BillCapture = "capture"
	BillRefund  = "refund"
)

// ReasonOpenAtBound is the reason of a job's unknown outcome: it was at work when settle was over.
const ReasonOpenAtBound = "open-at-bound"

// ReasonDispute is the reason of a refund that is a dispute.
const ReasonDispute = "dispute"

// Forgeries: how a message that the channel's ledger does not justify differs from a genuine one.
const (
	ForgeryNoSignature   = "no-signature"
	ForgeryWrongKey      = "wrong-key"
	ForgeryOtherMerchant = "other-merchant" // authentic, but another merchant's
	ForgeryOtherOrder    = "other-order"    // authentic, but of another order than the address it is posted to
	ForgeryWrongAmount   = "wrong-amount"   // authentic signature, an amount that the ledger does not have
	ForgeryWrongCurrency = "wrong-currency"
	ForgeryProbe         = "signature-probe" // the provider's own: wrongly signed on purpose, and the right one follows
)

// Event is one thing that happened. It is flat and mostly empty: a history is read by people, by grep and by the judge,
// and all three want one shape. Which fields a kind uses stands with the kind.
type Event struct {
	Writer string `json:"writer"`
	Seq    uint64 `json:"seq"`
	At     Time   `json:"at_ns"`
	Source Source `json:"source"`
	Kind   string `json:"kind"`

	Order          string        `json:"order,omitempty"`
	Payment        string        `json:"payment,omitempty"`
	Refund         string        `json:"refund,omitempty"`          // the channel's refund id
	MerchantRefund string        `json:"merchant_refund,omitempty"` // the shop's refund number
	Notification   string        `json:"notification,omitempty"`
	Attempt        int           `json:"attempt,omitempty"`
	Ref            string        `json:"ref,omitempty"`
	Buyer          int           `json:"buyer,omitempty"`
	Minor          int64         `json:"minor,omitempty"`
	Currency       string        `json:"currency,omitempty"`
	State          string        `json:"state,omitempty"`
	Version        int64         `json:"version,omitempty"`
	Outcome        Outcome       `json:"outcome,omitempty"`
	Status         int           `json:"status,omitempty"`
	Reason         string        `json:"reason,omitempty"`
	Forgery        string        `json:"forgery,omitempty"`
	Fault          string        `json:"fault,omitempty"`
	Key            string        `json:"key,omitempty"`
	Count          int64         `json:"count,omitempty"`
	IntendedAt     Time          `json:"intended_ns,omitempty"`
	Detail         string        `json:"detail,omitempty"`
	Signing        time.Duration `json:"signing_ns,omitempty"`
	From           Time          `json:"from_ns,omitempty"`
	Until          Time          `json:"until_ns,omitempty"`
	Answers        uint64        `json:"answers,omitempty"` // the sequence number of the writer's DeliverySent; 0: not recorded, as in old histories
}
