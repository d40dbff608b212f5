package mockchannel

import (
	"time"

	"github.com/paystorm/paystorm/history"
)

// Faults is what the channel asks at each point where a real provider, or the network before it, can go wrong. The zero
// answer means that nothing does. Answers name the id of the fault behind each effect; the channel records
// history.FaultAffected with it when, and only when, the effect really took place.
//
// All methods are called from many goroutines at once and must not block.
type Faults interface {
	// Request is asked once per merchant request that was decoded and authenticated, before anything is processed.
	Request(Request) RequestFault
	// Change is asked when a payment or refund is about to change by its ordinary course.
	Change(Change) ChangeFault
	// Notice is asked once per genuine notification, when it enters the outbox.
	Notice(Notice) NoticeFault
	// Attempt is asked before each delivery attempt of a genuine notification.
	Attempt(Notice, int) AttemptFault
	// Reached tells that a message has reached a stage. It answers nothing; a node fault strikes here, and the channel
	// waits for it to return.
	Reached(Moment)
}

// Subject is whose message it is. Keyed decisions use Key and nothing that the shop invents.
type Subject struct {
	Order   string      // the merchant's order number
	Payment string      // the channel's payment id, "" before there is one
	Ref     history.Ref // the zero Ref where the channel cannot tell the buyer
	Key     string      // Ref.Key(), or "p<n>" for the n-th payment of an unknown buyer
	Nth     int         // n-th payment of this order at the channel, from 1
	State   State       // of the payment, when the question is asked; "" before there is one
}

// Operation is what a merchant asks of the channel.
type Operation string

// The operations of a merchant.
const (
	OpCreate      Operation = "create"
	OpQuery       Operation = "query"
	OpClose       Operation = "close"
	OpRefund      Operation = "refund"
	OpRefundQuery Operation = "refund-query"
	OpBill        Operation = "bill"
)

// Request is a merchant's request.
type Request struct {
	Subject
	Operation Operation
	Attempt   int // n-th request of this operation for this order, from 1, under whatever numbers
}

// RequestFault is what goes wrong with a merchant's request. Nil fields do not go wrong.
type RequestFault struct {
	Slow        *Slow        // answered late; processed before the wait if After is true
	Reject      *Reject      // refused before it is processed
	Lose        *Lose        // processed, and the answer lost
	Stale       *Stale       // a query is answered with what was true earlier
	NotifyFirst *NotifyFirst // the notifications it causes are delivered before its own answer leaves
	Missign     *Missign     // the answer carries a wrong signature
	Spoil       *Spoil       // a bill is wrong
	Rotate      *Rotate      // the answer is signed with the provider's next key
}

// Slow delays an answer.
type Slow struct {
	Fault string
	By    time.Duration
	After bool // process first, then wait
}

// Reject refuses a request before it is processed.
type Reject struct {
	Fault  string
	Status int    // HTTP status
	Code   string // the channel's neutral error code; a dialect translates it
}

// LoseHow says how an answer is lost after the request was processed.
type LoseHow string

// The ways of losing an answer.
const (
	LoseByReset    LoseHow = "reset"     // TCP reset
	LoseByTimeout  LoseHow = "timeout"   // silence until the merchant gives up
	LoseByTruncate LoseHow = "truncated" // half a body, then the connection closes
	LoseByError    LoseHow = "error-500" // a server error although it was done
)

// Lose loses the answer of a request that was processed.
type Lose struct {
	Fault string
	How   LoseHow
}

// Stale answers a query with an earlier truth.
type Stale struct {
	Fault    string
	Lag      time.Duration // the state as it was so long ago
	NotFound bool          // as if there were no such payment or refund
}

// NotifyFirst delivers the notifications that a request causes before the request is answered.
type NotifyFirst struct{ Fault string }

// Missign signs an answer wrongly. The request was processed.
type Missign struct {
	Fault string
	Probe bool // as the provider does on purpose, where it does; otherwise by another key
}

// Rotate signs rightly, with the key that follows the present one and is as valid.
type Rotate struct{ Fault string }

// ChangeKind is a change of the ledger, or the moment before one.
type ChangeKind string

// The changes that are asked about.
const (
	ChangeCreated ChangeKind = "created" // a payment was created: AutoPay, Extras
	ChangePaying  ChangeKind = "paying"  // the payer has just paid, and nothing is captured yet: Process
	ChangeCapture ChangeKind = "capture" // a payment is about to be captured: CaptureMinor
	ChangePaid    ChangeKind = "paid"    // a payment was captured: GiveBack, Dispute, Extras
	ChangeClosed  ChangeKind = "closed"  // a payment was closed: LateSuccess, Extras
	ChangeRefund  ChangeKind = "refund"  // a refund was accepted: RefundFails, Extras
)

// Change is a change of a payment or refund.
type Change struct {
	Subject
	Kind   ChangeKind
	Minor  int64 // the payment's or refund's amount
	Refund string
}

// ChangeFault is what goes wrong with a change.
type ChangeFault struct {
	Process     *Process     // the payment is in process for a while
	Capture     *Capture     // a ledger-true capture of another amount
	AutoPay     *AutoPay     // captured, and its notification delivered, before the create request is answered
	LateSuccess *LateSuccess // a closed payment is captured after all
	RefundFails *RefundFails // an accepted refund fails later
	GiveBack    *GiveBack    // the provider refunds a captured payment by itself
	Dispute     *Dispute     // the payer's bank takes a captured payment back
	Extras      []Extra      // messages that the ledger does not justify
}

// Process lets a payment that the payer has made be in process for a while: queries say so, and nothing is captured yet.
type Process struct {
	Fault string
	By    time.Duration
}

// Capture replaces the captured amount; the ledger really has it.
type Capture struct {
	Fault string
	Minor int64
}

// AutoPay captures a payment inside the request that creates it, as password-free wallets do.
type AutoPay struct{ Fault string }

// LateSuccess captures a payment some time after the merchant closed it.
type LateSuccess struct {
	Fault string
	After time.Duration
}

// RefundFails lets a refund that was accepted fail after the refund delay instead of succeeding.
type RefundFails struct {
	Fault  string
	Reason string
}

// GiveBack refunds all of a captured payment from the provider's own console.
type GiveBack struct {
	Fault string
	After time.Duration
}

// Dispute takes all of a captured payment back.
type Dispute struct {
	Fault string
	After time.Duration
}

// Extra is a message that no change of the ledger caused. It claims that the payment succeeded.
type Extra struct {
	Fault   string
	Forgery string        // history.Forgery…: how it differs from a genuine message
	After   time.Duration // after the change
	Minor   int64         // claimed amount; 0 claims the true one
	// Currency is the claimed currency; "" claims the true one.
	Currency string
	// OtherOrder posts a genuine body of another, paid order to this order's address (history.ForgeryOtherOrder). It is
	// sent when the channel has another paid order to take the body from, and not at all if it never does.
	OtherOrder bool
	Repeat     int // deliver until acknowledged or so often; at least 1
}

// Notice is a genuine notification: a change of the ledger on its way to the shop.
type Notice struct {
	Subject
	ID     string // constant over re-deliveries
	Type   string // history.PaymentSucceeded, history.RefundFailed, …, history.Note
	Refund string
	Minor  int64
}

// NoticeFault is what goes wrong with a notification as a whole.
type NoticeFault struct {
	Lose       *LoseNotice
	Delay      *Delay
	Reorder    *Reorder
	Duplicates []Duplicate
	Probe      *Probe // a wrongly signed forerunner
	Twin       *Twin  // the same change is told by a second message
}

// LoseNotice loses the first attempts of a notification, or all.
type LoseNotice struct {
	Fault string
	First int // the first n attempts; 0 means all, for ever
}

// Delay holds the first attempt of a notification back.
type Delay struct {
	Fault string
	By    time.Duration
}

// Reorder holds a notification back until a later one of the same order was delivered, or for at most AtMost. It has
// affected something only if the order was inverted.
type Reorder struct {
	Fault  string
	AtMost time.Duration
}

// Probe posts the notification once with a signature that is wrong on purpose, before the right one.
type Probe struct{ Fault string }

// Twin tells the same change by a second notification with an id of its own.
type Twin struct {
	Fault string
	After time.Duration
}

// Duplicate delivers a notification again although nothing asked for it, even if it was acknowledged.
type Duplicate struct {
	Fault string
	Count int           // how many more
	After time.Duration // after the first attempt was answered, each after the one before
	Burst bool          // all at once and together with the first attempt
	// AfterType waits until a notification of this type of the same order was acknowledged, for instance
	// history.RefundSucceeded: an old success after the order was refunded.
	AfterType string
	// Path posts it to this path of the shop and not to the message's own, as to an endpoint that was left from before.
	// What is answered there is no answer to the notification.
	Path string
}

// AttemptFault is what goes wrong with one delivery attempt.
type AttemptFault struct {
	Lose      *LoseNotice // this attempt never leaves
	Rotate    *Rotate     // it is signed with the provider's next key
	IgnoreAck *IgnoreAck  // the shop's acknowledgement counts for nothing, so the retry schedule goes on
}

// IgnoreAck treats an acknowledged attempt as unanswered.
type IgnoreAck struct{ Fault string }

// Stage is how far a message has come.
type Stage string

// The stages of a message. A request is received, processed and response-sent; a notification is sent and acked.
const (
	StageReceived     Stage = "received"
	StageProcessed    Stage = "processed"
	StageResponseSent Stage = "response-sent"
	StageSent         Stage = "sent"  // the attempt has been posted; whether the shop has read it is not known
	StageAcked        Stage = "acked" // the shop's acknowledgement has arrived
)

// Moment is a message reaching a stage.
type Moment struct {
	Subject
	Message  string // an Operation, or the notification's type
	Stage    Stage
	Attempt  int
	InFlight int // attempts to deliver genuine notifications that are under way, this one included
}
