package mockchannel

import (
	"net/url"
	"strconv"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/paystorm/paystorm/history"
	"github.com/paystorm/paystorm/money"
)

// Payment is a payment as it was at one moment.
type Payment struct {
	ID        string
	Merchant  string // the merchant's id
	Order     string // the merchant's order number
	Ref       string // the client reference, "" where none is known
	Minor     int64  // what was asked for, in minor units
	Captured  int64
	Refunded  int64 // of refunds that succeeded
	Refunding int64 // of refunds that are pending
	Disputed  int64 // of Refunded, what disputes took back
	Currency  string
	State     State
	Version   int64 // 1 when created, one more with each change of the ledger
	NotifyURL string
	PayURL    string
	Metadata  map[string]string // shared: not to be changed
	Details   any               // the dialect's own; shared: not to be changed
	Attempts  int               // of the payer to pay, failed ones included
	Begun     bool              // the payer has done something: opened the cashier, scanned the code
	Manual    bool              // what the payer authorizes waits for the merchant to capture it
	Expires   time.Time         // wall clock; the zero time is never
	Reason    string            // why the last attempt failed, or why it was closed
	CreatedAt history.Time
	PaidAt    history.Time // of the capture; 0 before it
	At        history.Time // of this version
}

// Refund is a refund as it was at one moment, or a dispute, which is a refund that the payer's bank has forced.
type Refund struct {
	ID        string
	Number    string // the merchant's refund number; "" where the provider acted by itself
	Merchant  string
	Payment   string
	Order     string
	Minor     int64
	Currency  string
	State     string            // history.RefundPending, RefundDone or RefundBroken
	Reason    string            // why it failed, or history.ReasonDispute
	Metadata  map[string]string // shared: not to be changed
	Details   any               // the dialect's own; shared: not to be changed
	CreatedAt history.Time
	At        history.Time
}

// Dispute says whether it is a dispute.
func (r Refund) Dispute() bool { return r.Reason == history.ReasonDispute }

// PaymentRequest is what a merchant asks for. Limits: order 1 to 64 characters, 1 to 10¹² minor units, an ISO 4217
// currency, an absolute http or https address, or none where the merchant has endpoints.
type PaymentRequest struct {
	Order     string // "" makes the payment's own id its order
	Minor     int64
	Currency  string
	NotifyURL string
	Metadata  map[string]string // kept: not to be changed any more. "ref", if it is a client reference, tells whose order it is
	Ref       string            // the client reference, where metadata is not the place for it
	Details   any               // the dialect's own
	Manual    bool              // the merchant captures what the payer authorizes
	Expires   time.Time         // when it can no longer be paid; the zero time is never
}

const (
	largestMinor  = 1_000_000_000_000
	longestNumber = 64 // of an order or refund number, in characters
)

// Validate says what is wrong with a request, as an *Error, before anything is asked or changed.
func (r PaymentRequest) Validate() error {
	_, known := money.Exponent(r.Currency)
	switch {
	case r.Order != "" && !validNumber(r.Order):
		return invalid("order", "want 1 to 64 characters")
	case r.Minor < 1 || r.Minor > largestMinor:
		return invalid("amount_minor", "want 1 to 1000000000000")
	case !known:
		return invalid("currency", "want an ISO 4217 code")
	case r.NotifyURL != "" && !validAddress(r.NotifyURL):
		return invalid("notify_url", "want an absolute http or https address")
	}
	return nil
}

func validAddress(text string) bool {
	address, err := url.Parse(text)
	return err == nil && address.Host != "" && (address.Scheme == "http" || address.Scheme == "https")
}

func validNumber(number string) bool {
	return number != "" && utf8.ValidString(number) && utf8.RuneCountInString(number) <= longestNumber
}

// payment is a live payment. Its mutex guards what follows it, and whoever changes the payment holds it while the
// change is timed, versioned, recorded, booked and put into the outbox.
type payment struct {
	order *order
	nth   int
	key   string // by which faults decide

	mutex         sync.Mutex
	visit         int         // of the payer; what they put off in an earlier one is off
	ref           history.Ref // zero while unknown
	now           Payment
	past          []Payment // earlier versions, oldest first
	refunds       []*refund
	notifications []*notification
}

// refund is a live refund, guarded by its payment's mutex.
type refund struct {
	payment *payment
	now     Refund
	past    []Refund
}

// subject is whose payment it is. The lock is held.
func (p *payment) subject() Subject {
	return Subject{Order: p.now.Order, Payment: p.now.ID, Ref: p.ref, Key: p.key, Nth: p.nth, State: p.now.State}
}

// peek is subject for those who do not hold the lock.
func (p *payment) peek() Subject {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	return p.subject()
}

func (p *payment) snapshot() Payment {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	return p.now
}

// identify notes a client reference that tells whose payment it is, unless that is known. The lock is held.
func (p *payment) identify(text string) {
	if p.ref != (history.Ref{}) {
		return
	}
	if ref, err := history.ParseRef(text); err == nil {
		p.ref, p.key, p.now.Ref = ref, ref.Key(), text
	}
}

// at is the payment as it was at a moment; found is false before it was created. The lock is held.
func (p *payment) at(moment history.Time) (then Payment, found bool) {
	if p.now.At <= moment {
		return p.now, true
	}
	for i := len(p.past) - 1; i >= 0; i-- {
		if p.past[i].At <= moment {
			return p.past[i], true
		}
	}
	return Payment{}, false
}

// at is the refund as it was at a moment. The payment's lock is held.
func (r *refund) at(moment history.Time) (then Refund, found bool) {
	if r.now.At <= moment {
		return r.now, true
	}
	for i := len(r.past) - 1; i >= 0; i-- {
		if r.past[i].At <= moment {
			return r.past[i], true
		}
	}
	return Refund{}, false
}

// create makes a payment of the call's merchant and publishes it, unless it is to be its order's only one and there is
// one. Wallets without a password capture it at once.
func (c *Channel) create(call *Call, request PaymentRequest, only bool) (made Payment, existed bool) {
	merchant := call.merchant
	id := c.identifier(IdentifyPayment)
	if request.Order == "" {
		request.Order = id
	}
	o := c.order(merchant.ID, request.Order)
	p := &payment{order: o, now: Payment{
		ID: id, Merchant: merchant.ID, Order: request.Order, Minor: request.Minor, Currency: request.Currency,
		State: Created, NotifyURL: request.NotifyURL, PayURL: c.config.PayURL + "/" + id,
		Metadata: request.Metadata, Details: request.Details, Manual: request.Manual, Expires: request.Expires,
	}}
	p.identify(request.Metadata["ref"])
	p.identify(request.Ref)
	p.mutex.Lock()
	defer p.mutex.Unlock()
	if earlier := o.join(p, c.stranger, only); earlier != nil {
		return call.see(earlier), true
	}
	c.payments.getOrPut(id, p)
	c.commit(p, history.PaymentCreated, p.now.Minor, func() { p.now.CreatedAt = c.config.Clock.Now() })
	c.notify(p, history.PaymentCreated, nil, call)
	if auto := c.changed(p, ChangeCreated, p.now.Minor, nil).AutoPay; auto != nil {
		call.awaits = true
		c.capture(p, call, p.now.Minor)
		c.affected(auto.Fault, p.subject(), string(OpCreate), "")
	}
	c.expire(p)
	call.payment = p
	return p.now, false
}

// expire closes the payment when its time is over. The lock is held.
func (c *Channel) expire(p *payment) {
	if p.now.Expires.IsZero() {
		return
	}
	wait := p.now.Expires.Sub(c.config.Clock.Wall(c.config.Clock.Now()))
	// Nobody waits for it: it is no message, and what it ends is not to be awaited.
	paid := func() bool { return p.payable() != nil }
	c.timers.add(c.config.Clock.Now().Add(max(0, wait)), errand{what: "the payment expires", payment: p, moot: paid}, func() {
		p.mutex.Lock()
		defer p.mutex.Unlock()
		if p.payable() == nil {
			c.closePayment(p, reasonExpired, nil)
		}
	})
}

const reasonExpired = "expired"

// expired says that the payment was not paid in time, and has not been closed for it yet. The lock is held.
func (p *payment) expired(c *Channel) bool {
	open := p.now.State == Created || p.now.State == Pending || p.now.State == Failed
	return open && !p.now.Expires.IsZero() && !c.config.Clock.Wall(c.config.Clock.Now()).Before(p.now.Expires)
}

// stranger numbers the payments of unknown buyers.
func (c *Channel) stranger() string { return "p" + strconv.FormatInt(c.strangers.Add(1), 10) }

// commit makes the next version of a payment: the change is applied, timed and recorded. The lock is held.
func (c *Channel) commit(p *payment, kind string, minor int64, change func()) {
	if p.now.Version > 0 {
		p.past = append(p.past, p.now)
	}
	change()
	p.now.Version++
	p.now.At = c.config.Clock.Now()
	c.config.Record(history.Event{
		At: p.now.At, Source: history.SourceChannel, Kind: kind, Order: p.now.Order, Payment: p.now.ID, Ref: p.now.Ref,
		Buyer: p.ref.Buyer, Minor: minor, Currency: p.now.Currency, State: string(p.now.State), Version: p.now.Version,
	})
}

// commitRefund makes the next version of a refund, which is one of its payment too. The lock is held.
func (c *Channel) commitRefund(r *refund, kind, state string, change func()) {
	p := r.payment
	p.past = append(p.past, p.now)
	if r.now.State != "" {
		r.past = append(r.past, r.now)
	}
	change()
	p.now.Version++
	p.now.At = c.config.Clock.Now()
	r.now.State, r.now.At = state, p.now.At
	c.config.Record(history.Event{
		At: p.now.At, Source: history.SourceChannel, Kind: kind, Order: p.now.Order, Payment: p.now.ID, Refund: r.now.ID,
		MerchantRefund: r.now.Number, Ref: p.now.Ref, Buyer: p.ref.Buyer, Minor: r.now.Minor, Currency: p.now.Currency,
		State: state, Version: p.now.Version, Reason: r.now.Reason,
	})
}

// affected records that a fault really had an effect. The subject is whose payment it was, as it is now.
func (c *Channel) affected(fault string, subject Subject, key, notification string) {
	ref := ""
	if subject.Ref != (history.Ref{}) {
		ref = subject.Ref.String()
	}
	c.config.Record(history.Event{
		Source: history.SourceFault, Kind: history.FaultAffected, Fault: fault, Order: subject.Order,
		Payment: subject.Payment, Ref: ref, Buyer: subject.Ref.Buyer, State: string(subject.State), Key: key,
		Notification: notification,
	})
}

// authorize sets the money aside, or takes it at once where the merchant does not capture by itself. The lock is held.
func (c *Channel) authorize(p *payment, call *Call) {
	if !p.now.Manual {
		c.capture(p, call, p.now.Minor)
		return
	}
	c.commit(p, history.PaymentAuthorized, p.now.Minor, func() {
		p.now.State, p.now.Begun, p.now.Reason = Authorized, true, ""
		p.now.Attempts++
	})
	c.notify(p, history.PaymentAuthorized, nil, call)
}

// capture takes the money. The lock is held.
func (c *Channel) capture(p *payment, call *Call, minor int64) {
	fault := c.config.Faults.Change(Change{Subject: p.subject(), Kind: ChangeCapture, Minor: minor})
	captured := minor
	if fault.Capture != nil && fault.Capture.Minor > 0 {
		captured = fault.Capture.Minor
	}
	c.commit(p, history.PaymentSucceeded, captured, func() {
		if p.now.State != Authorized {
			p.now.Attempts++
		}
		p.now.State, p.now.Captured, p.now.Begun, p.now.Reason = Succeeded, captured, true, ""
		p.now.PaidAt = c.config.Clock.Now()
	})
	c.ledger.book(p, nil, entryCapture, captured)
	if captured != minor {
		c.affected(fault.Capture.Fault, p.subject(), history.PaymentSucceeded, "")
	}
	c.notify(p, history.PaymentSucceeded, nil, call)
	c.forgeries(p, fault.Extras)
	c.reverse(p, c.changed(p, ChangePaid, captured, nil))
	c.paid[p.now.Merchant].add(p)
}

// reverse lets the provider give the money back by itself, if it is to. The lock is held.
func (c *Channel) reverse(p *payment, fault ChangeFault) {
	if back := fault.GiveBack; back != nil {
		c.after(back.After, errand{what: "the provider gives it back", payment: p}, func() {
			if _, err := c.GiveBack(p.now.ID, 0, ""); err == nil { // the id never changes
				c.affected(back.Fault, p.peek(), history.RefundCreated, "")
			}
		})
	}
	if dispute := fault.Dispute; dispute != nil {
		c.after(dispute.After, errand{what: "the payer's bank takes it back", payment: p}, func() {
			if _, err := c.GiveBack(p.now.ID, 0, history.ReasonDispute); err == nil {
				c.affected(dispute.Fault, p.peek(), history.PaymentDisputed, "")
			}
		})
	}
}

// changed asks what goes wrong with a change that was just made, and starts the extras. The lock is held.
func (c *Channel) changed(p *payment, kind ChangeKind, minor int64, r *refund) ChangeFault {
	change := Change{Subject: p.subject(), Kind: kind, Minor: minor}
	if r != nil {
		change.Refund = r.now.ID
	}
	fault := c.config.Faults.Change(change)
	c.forgeries(p, fault.Extras)
	return fault
}

// closePayment closes a payment that was not captured. The lock is held.
func (c *Channel) closePayment(p *payment, reason string, call *Call) {
	c.commit(p, history.PaymentClosed, p.now.Minor, func() { p.now.State, p.now.Reason = Closed, reason })
	c.notify(p, history.PaymentClosed, nil, call)
	late := c.changed(p, ChangeClosed, p.now.Minor, nil).LateSuccess
	if late == nil {
		return
	}
	c.after(late.After, errand{what: "captured although it is closed", payment: p}, func() {
		p.mutex.Lock()
		defer p.mutex.Unlock()
		c.capture(p, nil, p.now.Minor)
		c.affected(late.Fault, p.subject(), history.PaymentSucceeded, "")
	})
}

// begin marks that the payer has begun, which is no change of the ledger and so no version. The lock is held.
func (c *Channel) begin(p *payment) {
	if p.now.State == Pending {
		return
	}
	p.past = append(p.past, p.now)
	p.now.State, p.now.Begun, p.now.At = Pending, true, c.config.Clock.Now()
	c.notify(p, PaymentBegun, nil, nil)
}

// payable says why a payer cannot act on the payment, as an *Error. The lock is held.
func (p *payment) payable() error {
	switch p.now.State {
	case Succeeded, Authorized:
		return refuse(CodePaymentSucceeded, "the payment has been made")
	case Closed:
		return refuse(CodePaymentClosed, "the payment is closed")
	default:
		return nil
	}
}

func errOver() *Error { return refuse(CodeUnavailable, "the channel is shutting down") }
