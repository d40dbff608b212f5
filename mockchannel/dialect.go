package mockchannel

import (
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/paystorm/paystorm/history"
)

// Dialect is a provider's way of speaking: it decodes, verifies, signs and encodes, and keeps no state. The optional
// interfaces below are for providers that differ from the plainest one.
type Dialect interface {
	// Name is what a system file calls the dialect.
	Name() string
	// Credentials names what a merchant is given, in the words in which a system file asks for it: "key" is
	// {{ channel.key }} there.
	Credentials() []string
	// Issue makes a merchant, with fresh keys where given does not bring them. given is by the names of Credentials; the
	// dialect says which of them it takes.
	Issue(id string, given map[string]string) (Merchant, error)
	// Traits is what the provider can and cannot do, so that a scenario that asks for the impossible is refused.
	Traits() Traits
	// MerchantHandler serves the merchant's endpoints: it authenticates and decodes, and hands the rest to Channel.Serve.
	MerchantHandler(*Channel) http.Handler
	// PayerHandler serves everything below /pay/, usually by Channel.PayerHandler.
	PayerHandler(*Channel) http.Handler
	// Encode signs a message as of a wall-clock time.
	Encode(Message, time.Time) (Envelope, error)
	// Acknowledged says whether the shop's answer to a notification acknowledges it. remark, if any, is what is odd about
	// the answer, such as a status that accepts and a body that does not.
	Acknowledged(status int, body []byte) (ok bool, remark string)
	// Retry is the provider's own schedule: the waits after the first, second, … attempt.
	Retry() []time.Duration
}

// Announcer is a dialect that does not send exactly one message for each change. Without it there is one for
// history.PaymentSucceeded, PaymentFailed, PaymentClosed, RefundSucceeded and RefundFailed, and none for the others.
type Announcer interface {
	// Announce lists the messages that a change of the ledger causes, the most important first. kind is one of history's
	// kinds of a payment's or refund's change, or PaymentBegun.
	Announce(kind string, p Payment, r *Refund) []Announcement
}

// PaymentBegun is what an Announcer is asked when the payer has begun. It changes no ledger, so its messages are notes.
const PaymentBegun = "payment.begun"

// Announcement is one message that a change causes.
type Announcement struct {
	Event string // the provider's own name of it, such as "charge.succeeded"; "" where it has none
	// Note marks a message that does not by itself tell that money has moved. Of several without it the first that the
	// shop has subscribed to tells the change, and the others are notes beside it.
	Note bool
	// URL is where it goes, where a refund has an address of its own, such as the notify_url of its request.
	URL string
	// ToMerchant sends it to the merchant's endpoints even though the payment has an address of its own.
	ToMerchant bool
}

// Identifier is a dialect whose identifiers have a form of their own.
type Identifier interface {
	// Identify makes an identifier. It is unique if n is, and should not tell the order of creation, for which hash is
	// there; at is business time.
	Identify(kind IdentifierKind, at time.Time, n int64, hash uint64) string
}

// IdentifierKind is what an identifier is for.
type IdentifierKind string

// What has an identifier.
const (
	IdentifyPayment      IdentifierKind = "pay"
	IdentifyRefund       IdentifierKind = "ref"
	IdentifyNotification IdentifierKind = "ntf"
	IdentifyDispute      IdentifierKind = "dsp"
	IdentifyEndpoint     IdentifierKind = "end"
)

// Presenter is a dialect in which a shop hands its buyer something else than the payment's id: a QR text, the address of
// a cashier, a client secret.
type Presenter interface {
	// Presented finds the payment that a buyer was handed, as a payer's browser or wallet would, which may begin it. Its
	// errors are *Error.
	Presented(c *Channel, handed string) (id string, err error)
}

// Hosted is a dialect whose provider has hosts that shops' client libraries insist on.
type Hosted interface {
	Hosts() []string
}

// HostsOf are the hosts for which a channel of a dialect can stand.
func HostsOf(dialect Dialect) []string {
	if hosted, has := dialect.(Hosted); has {
		return hosted.Hosts()
	}
	return nil
}

// Traits is what a provider can and cannot do.
type Traits struct {
	// Notifies lists the types of its notifications: history.PaymentSucceeded and so on.
	Notifies []string
	// Forgeries lists the ways in which a message to it can be forged: history.Forgery….
	Forgeries []string
	// SignatureProbes: it now and then signs wrongly on purpose, to see whether the merchant looks.
	SignatureProbes bool
	// TwinEvents: it may tell one change by two events with different ids.
	TwinEvents bool
	// RotatesKeys: the key that signs is replaced by one that merchants can know of beforehand.
	RotatesKeys bool
	// SignsAnswers: its answers carry signatures, which may be wrong.
	SignsAnswers bool
	// Disputes: a payer can dispute a payment at it.
	Disputes bool
	// NumberPerPayment: it knows a payment by the merchant's number for it, of which each payment needs one of its own, so
	// that an order with several payments has several.
	NumberPerPayment bool
	// OneAddress: notifications go to addresses of the merchant and not of the order, so nothing can be posted to another
	// order's address.
	OneAddress bool
}

// Message is a notification to be encoded, genuine or forged.
type Message struct {
	ID    string // constant over re-deliveries
	Type  string // history.PaymentSucceeded, PaymentFailed, PaymentClosed, PaymentDisputed, RefundSucceeded, RefundFailed, Note
	Event string // the provider's own name, as announced
	// Change is the kind of the change that caused it, which for a note is not its Type.
	Change   string
	At       time.Time // business time of the change
	Created  time.Time // business time of the payment's creation
	Paid     time.Time // business time of its capture; zero before it
	Sent     time.Time // business time of this attempt
	Attempt  int       // of its delivery, from 1
	Merchant Merchant  // whose keys sign it
	Payment  Payment   // as it was then, or as a forged message claims; its Merchant may be another one
	Refund   *Refund   // of a refund or dispute message
	Endpoint *Endpoint // whom it goes to; nil where the payment itself has the address
	URL      string    // where it goes, if neither to an endpoint nor to the payment's own address
	// Forgery is how the message differs from a genuine one. A dialect acts on history.ForgeryNoSignature,
	// history.ForgeryWrongKey and history.ForgeryProbe; in the others the content is wrong and the signature is right.
	Forgery string
	// NextKey: it is signed with the key that follows the present one, where keys rotate.
	NextKey bool

	business func(history.Time) time.Time
}

// Minor is the amount that the message speaks of: what was refunded, what was captured, or else what was asked for.
func (m Message) Minor() int64 { return minorOf(m.Type, m.Payment, m.Refund) }

func minorOf(kind string, p Payment, r *Refund) int64 {
	switch {
	case r != nil:
		return r.Minor
	case kind == history.PaymentSucceeded:
		return p.Captured
	default:
		return p.Minor
	}
}

// Business is what tells business time at a moment of the run, as Call.Business does. A message that no channel made
// knows only its own time.
func (m Message) Business() func(history.Time) time.Time {
	if m.business == nil {
		at := m.At
		return func(history.Time) time.Time { return at }
	}
	return m.business
}

// address is where the message goes.
func (m Message) address() string {
	switch {
	case m.Endpoint != nil:
		return m.Endpoint.URL
	case m.URL != "":
		return m.URL
	default:
		return m.Payment.NotifyURL
	}
}

// redirect sends the message to another path of where it goes.
func (m *Message) redirect(path string) {
	address, err := url.Parse(m.address())
	if err != nil { // then it goes where it would have gone, and what is wrong shows there
		return
	}
	address.Path, address.RawPath = path, ""
	m.URL = address.String()
	if m.Endpoint != nil {
		elsewhere := *m.Endpoint
		elsewhere.URL = m.URL
		m.Endpoint = &elsewhere
	}
}

// Envelope is an encoded notification.
type Envelope struct {
	Method string
	Header http.Header
	Body   []byte
	// Rotated: the next key has signed it. Not every message is signed with a key that rotates.
	Rotated bool
}

// Answer is an encoded answer to a merchant's request.
type Answer struct {
	Status int
	Header Fields // Content-Type at least; may be nil
	Body   []byte
	// Sign, if the provider signs its answers, puts the signature into Header or Body. It is called at most once, when the
	// answer is about to leave, and not for one that is lost.
	Sign func(*Answer, Signature) error
	// Rotated is set by Sign: the next key has signed it. Not every answer is signed with a key that rotates.
	Rotated bool
}

// Field is a line of an answer's header. Its name is in http.Header's form.
type Field struct{ Name, Value string }

// Fields are the header of an answer. They are a list, because an answer is kept for as long as its idempotency key is, and
// a map would be half as large as all the rest of it.
type Fields []Field

// Set adds a field, or replaces the one of its name.
func (f *Fields) Set(name, value string) {
	at := slices.IndexFunc(*f, func(known Field) bool { return known.Name == name })
	if at < 0 {
		*f = append(*f, Field{name, value})
		return
	}
	(*f)[at].Value = value
}

func (f Fields) get(name string) string {
	for _, field := range f {
		if field.Name == name {
			return field.Value
		}
	}
	return ""
}

// Signature is how an answer is to be signed.
type Signature struct {
	At      time.Time // wall clock
	Forgery string    // "" for a right one, history.ForgeryWrongKey or history.ForgeryProbe
	NextKey bool      // with the key that follows the present one, where keys rotate
}
