package mockchannel

import (
	"net/http"
	"time"

	"github.com/paystorm/paystorm/history"
)

// Dialect is a provider's way of speaking: it decodes, verifies, signs and encodes, and keeps no state.
type Dialect interface {
	// Name is what a system file calls the dialect.
	Name() string
	// MerchantHandler serves the merchant's endpoints: it authenticates and decodes, and hands the rest to Channel.Serve.
	MerchantHandler(*Channel) http.Handler
	// PayerHandler serves everything below /pay/, usually by Channel.PayerHandler.
	PayerHandler(*Channel) http.Handler
	// Encode signs a message as of a wall-clock time.
	Encode(Message, time.Time) (Envelope, error)
	// Acknowledged says whether the shop's answer to a notification acknowledges it.
	Acknowledged(status int, body []byte) bool
	// Retry is the provider's own schedule: the waits after the first, second, … attempt.
	Retry() []time.Duration
}

// Message is a notification to be encoded, genuine or forged.
type Message struct {
	ID       string // constant over re-deliveries
	Type     string // history.PaymentSucceeded, history.PaymentFailed, history.PaymentClosed, history.RefundSucceeded, history.RefundFailed
	At       time.Time
	Merchant Merchant // whose keys sign it
	Payment  Payment  // as it was then, or as a forged message claims; its Merchant may be another one
	Refund   *Refund  // of a refund message
	// Forgery is how the message differs from a genuine one. A dialect acts on history.ForgeryNoSignature and
	// history.ForgeryWrongKey; in the others the content is wrong and the signature is right.
	Forgery string
}

// Minor is the amount that the message speaks of: what was refunded, what was captured, or else what was asked for.
func (m Message) Minor() int64 {
	switch {
	case m.Refund != nil:
		return m.Refund.Minor
	case m.Type == history.PaymentSucceeded:
		return m.Payment.Captured
	default:
		return m.Payment.Minor
	}
}

// Envelope is an encoded notification.
type Envelope struct {
	Method string
	Header http.Header
	Body   []byte
}

// Answer is an encoded answer to a merchant's request.
type Answer struct {
	Status int
	Header http.Header // Content-Type at least; may be nil
	Body   []byte
}
