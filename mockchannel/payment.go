package mockchannel

import (
	"maps"
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
	Currency  string
	State     State
	Version   int64 // 1 when created, one more with each change of the ledger
	NotifyURL string
	PayURL    string
	Metadata  map[string]string // shared: not to be changed
	At        history.Time      // of this version
}

// Refund is a refund as it was at one moment.
type Refund struct {
	ID       string
	Number   string // the merchant's refund number
	Merchant string
	Payment  string
	Order    string
	Minor    int64
	Currency string
	State    string // history.RefundPending, RefundDone or RefundBroken
	Reason   string // why it failed
	At       history.Time
}

// PaymentRequest is what a merchant asks for. Limits: order 1 to 64 characters, 1 to 10¹² minor units, an ISO 4217
// currency, an absolute http or https address.
type PaymentRequest struct {
	Order     string
	Minor     int64
	Currency  string
	NotifyURL string
	Metadata  map[string]string // "ref", if it is a client reference, tells whose order it is
}

const (
	largestMinor  = 1_000_000_000_000
	longestNumber = 64 // of an order or refund number, in characters
)

// Validate says what is wrong with a request, as an *Error, before anything is asked or changed.
func (r PaymentRequest) Validate() error {
	address, err := url.Parse(r.NotifyURL)
	_, known := money.Exponent(r.Currency)
	switch {
	case !validNumber(r.Order):
		return invalid("order", "want 1 to 64 characters")
	case r.Minor < 1 || r.Minor > largestMinor:
		return invalid("amount_minor", "want 1 to 1000000000000")
	case !known:
		return invalid("currency", "want an ISO 4217 code")
	case err != nil || address.Host == "" || (address.Scheme != "http" && address.Scheme != "https"):
		return invalid("notify_url", "want an absolute http or https address")
	}
	return nil
}

func validNumber(number string) bool {
	return number != "" && utf8.ValidString(number) && utf8.RuneCountInString(number) <= longestNumber
}

// payment is a live payment. Its mutex guards what follows it, and whoever changes the payment holds it while the
// change is timed, versioned, recorded, booked and put into the outbox.
type payment struct {
	order *order
	nth   int
	key   string // of an unknown buyer

	mutex         sync.Mutex
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
	s := Subject{Order: p.now.Order, Payment: p.now.ID, Ref: p.ref, Key: p.key, Nth: p.nth, State: p.now.State}
	if p.ref != (history.Ref{}) {
		s.Key = p.ref.Key()
	}
	return s
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
		p.ref, p.now.Ref = ref, text
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

// create makes a payment of the call's merchant and publishes it. Wallets without a password capture it at once.
func (c *Channel) create(call *Call, request PaymentRequest) Payment {
	merchant := call.merchant
	o := c.order(merchant.ID, request.Order)
	id := c.identifier("pay")
	p := &payment{order: o, now: Payment{
		ID: id, Merchant: merchant.ID, Order: request.Order, Minor: request.Minor, Currency: request.Currency,
		State: Created, NotifyURL: request.NotifyURL, PayURL: c.config.PayURL + "/" + id,
		Metadata: maps.Clone(request.Metadata),
	}}
	p.identify(request.Metadata["ref"])
	p.mutex.Lock()
	defer p.mutex.Unlock()
	p.nth, p.key = o.join(p, c.stranger)
	c.payments.getOrPut(id, p)
	c.commit(p, history.PaymentCreated, p.now.Minor, func() {})
	if auto := c.changed(p, ChangeCreated, p.now.Minor, nil).AutoPay; auto != nil {
		call.awaits = true
		c.capture(p, call)
		c.affected(auto.Fault, p.subject(), string(OpCreate), "")
	}
	call.subject = p.subject()
	return p.now
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

// capture takes the money. The lock is held.
func (c *Channel) capture(p *payment, call *Call) {
	fault := c.faults().Change(Change{Subject: p.subject(), Kind: ChangeCapture, Minor: p.now.Minor})
	captured := p.now.Minor
	if fault.Capture != nil && fault.Capture.Minor > 0 {
		captured = fault.Capture.Minor
	}
	c.commit(p, history.PaymentSucceeded, captured, func() { p.now.State, p.now.Captured = Succeeded, captured })
	c.ledger.book(p.now, nil, entryCapture, captured)
	if captured != p.now.Minor {
		c.affected(fault.Capture.Fault, p.subject(), history.PaymentSucceeded, "")
	}
	c.notify(p, history.PaymentSucceeded, nil, call)
	c.forgeries(p, fault.Extras)
	c.changed(p, ChangePaid, captured, nil)
	c.paid[p.now.Merchant].add(p)
}

// changed asks what goes wrong with a change that was just made, and starts the extras. The lock is held.
func (c *Channel) changed(p *payment, kind ChangeKind, minor int64, r *refund) ChangeFault {
	change := Change{Subject: p.subject(), Kind: kind, Minor: minor}
	if r != nil {
		change.Refund = r.now.ID
	}
	fault := c.faults().Change(change)
	c.forgeries(p, fault.Extras)
	return fault
}

// closePayment closes a payment that was not captured. The lock is held.
func (c *Channel) closePayment(p *payment, call *Call) {
	c.commit(p, history.PaymentClosed, p.now.Minor, func() { p.now.State = Closed })
	c.notify(p, history.PaymentClosed, nil, call)
	late := c.changed(p, ChangeClosed, p.now.Minor, nil).LateSuccess
	if late == nil {
		return
	}
	c.after(late.After, func() {
		p.mutex.Lock()
		defer p.mutex.Unlock()
		c.capture(p, nil)
		c.affected(late.Fault, p.subject(), history.PaymentSucceeded, "")
	})
}

// begin marks that the payer has begun, which is no change of the ledger and so no version. The lock is held.
func (c *Channel) begin(p *payment) {
	if p.now.State == Pending {
		return
	}
	p.past = append(p.past, p.now)
	p.now.State, p.now.At = Pending, c.config.Clock.Now()
}

// payable says why a payer cannot act on the payment, as an *Error. The lock is held.
func (p *payment) payable() error {
	switch p.now.State {
	case Succeeded:
		return refuse(CodePaymentSucceeded, "the payment has been made")
	case Closed:
		return refuse(CodePaymentClosed, "the payment is closed")
	default:
		return nil
	}
}

// Pay is the payer's act. It happens after a while if after is positive: the payment is pending then, and stays as it
// is if it can no longer be paid when the time comes. ref, if it is a client reference, tells whose payment it is.
func (c *Channel) Pay(id, ref string, after time.Duration) (Payment, error) {
	return c.act(id, ref, func(p *payment) {
		if after <= 0 {
			c.capture(p, nil)
			return
		}
		c.begin(p)
		c.after(after, func() {
			p.mutex.Lock()
			defer p.mutex.Unlock()
			if p.payable() == nil {
				c.capture(p, nil)
			}
		})
	})
}

// Decline is an attempt of the payer that failed. The payment may still succeed.
func (c *Channel) Decline(id, ref string) (Payment, error) {
	return c.act(id, ref, func(p *payment) {
		c.commit(p, history.PaymentFailed, p.now.Minor, func() { p.now.State = Failed })
		c.notify(p, history.PaymentFailed, nil, nil)
	})
}

// act does what a payer does to a payment that can still be paid.
func (c *Channel) act(id, ref string, do func(*payment)) (Payment, error) {
	if c.over() {
		return Payment{}, errOver()
	}
	p, found := c.payments.get(id)
	if !found {
		return Payment{}, refuse(CodePaymentNotFound, "there is no such payment")
	}
	p.mutex.Lock()
	defer p.mutex.Unlock()
	p.identify(ref)
	if err := p.payable(); err != nil {
		return p.now, err
	}
	do(p)
	return p.now, nil
}

func errOver() *Error { return refuse(CodeUnavailable, "the channel is shutting down") }
