package mockchannel

import (
	"cmp"
	"slices"
	"sync/atomic"
	"time"

	"github.com/paystorm/paystorm/history"
)

// Call is one merchant's request under way: what the merchant may ask, of its own payments only. All errors are *Error.
type Call struct {
	channel  *Channel
	merchant Merchant

	stale   *Stale          // queries are answered with what was true earlier
	untrue  bool            // and one really was
	awaits  bool            // its notifications are delivered before its answer leaves
	caused  []*notification // those that this call caused
	spoil   *Spoil          // bills are wrong
	spoilt  bool            // and one really was
	handed  *Bill           // by its answer
	payment *payment        // that was created or asked for
}

// Call begins a call of a configured merchant that does not come in over HTTP.
func (c *Channel) Call(merchant Merchant) *Call { return &Call{channel: c, merchant: merchant} }

// CreatePayment creates a payment. One order may have several.
func (call *Call) CreatePayment(request PaymentRequest) (Payment, error) {
	if err := request.Validate(); err != nil {
		return Payment{}, err
	}
	made, _ := call.channel.create(call, request, false)
	return made, nil
}

// CreateOnlyPayment creates the one payment of an order number, where the provider knows payments by it. If there is one
// already, existed is true and that is the answer; whether the request was the same is for the dialect to say.
func (call *Call) CreateOnlyPayment(request PaymentRequest) (payment Payment, existed bool, err error) {
	if err := request.Validate(); err != nil {
		return Payment{}, false, err
	}
	payment, existed = call.channel.create(call, request, true)
	return payment, existed, nil
}

// Payment is one payment of the merchant.
func (call *Call) Payment(id string) (Payment, error) {
	p, err := call.find(id)
	if err != nil {
		return Payment{}, err
	}
	if then, found := call.asOf(p); found {
		return then, nil
	}
	return Payment{}, errNoPayment()
}

// PaymentsOf lists the payments of an order, oldest first.
func (call *Call) PaymentsOf(order string) []Payment {
	o, found := call.channel.orders.get(call.merchant.ID + "\x00" + order)
	if !found {
		return nil
	}
	var payments []Payment
	for _, p := range o.list() {
		if then, found := call.asOf(p); found {
			payments = append(payments, then)
		}
	}
	return payments
}

// PaymentOf is the newest payment of an order.
func (call *Call) PaymentOf(order string) (Payment, error) {
	payments := call.PaymentsOf(order)
	if len(payments) == 0 {
		return Payment{}, errNoPayment()
	}
	return payments[len(payments)-1], nil
}

// Payments lists all payments of the merchant, newest first.
func (call *Call) Payments() []Payment {
	var payments []Payment
	for _, p := range call.channel.payments.all() {
		if p.now.Merchant != call.merchant.ID { // the merchant never changes
			continue
		}
		if then, found := call.asOf(p); found {
			payments = append(payments, then)
		}
	}
	slices.SortFunc(payments, func(a, b Payment) int {
		return cmp.Or(cmp.Compare(b.CreatedAt, a.CreatedAt), cmp.Compare(a.ID, b.ID))
	})
	return payments
}

// Update changes what is asked for, before it is paid: change may set Minor, Metadata, Details and Manual, and refuses
// by an *Error. A changed amount is a change of the ledger.
func (call *Call) Update(id string, change func(*Payment) error) (Payment, error) {
	return call.alter(id, func(p *payment) error {
		wanted := p.now
		if err := change(&wanted); err != nil {
			return err
		}
		if wanted.Minor != p.now.Minor {
			if err := p.payable(); err != nil {
				return err
			}
			call.channel.commit(p, history.PaymentUpdated, wanted.Minor, func() { p.now.Minor = wanted.Minor })
		}
		p.past = append(p.past, p.now) // no version of the ledger, but what was told before stays as it was
		p.now.At = call.channel.config.Clock.Now()
		p.now.Metadata, p.now.Details, p.now.Manual = wanted.Metadata, wanted.Details, wanted.Manual
		return nil
	})
}

// Pay lets the payer pay within the merchant's own request, as a card that is charged by the server is. After a while if
// after is positive: the payment is pending until then.
func (call *Call) Pay(id string, after time.Duration) (Payment, error) {
	return call.alter(id, func(p *payment) error {
		switch err := p.payable(); {
		case err != nil:
			return err
		case after > 0:
			call.channel.begin(p)
			call.channel.after(after, errand{what: "the payer pays", payment: p}, func() { _, _ = call.channel.Pay(id, "", 0) }) // refused if it was closed meanwhile
		default:
			call.channel.authorize(p, call)
		}
		return nil
	})
}

// Begin marks that the payer has begun, within the merchant's own request.
func (call *Call) Begin(id string) (Payment, error) {
	return call.alter(id, func(p *payment) error {
		if err := p.payable(); err != nil {
			return err
		}
		call.channel.begin(p)
		return nil
	})
}

// Decline lets the payer's attempt fail within the merchant's own request.
func (call *Call) Decline(id, reason string) (Payment, error) {
	return call.alter(id, func(p *payment) error {
		if err := p.payable(); err != nil {
			return err
		}
		call.channel.decline(p, reason, call)
		return nil
	})
}

// Capture takes what the payer has authorized, or less.
func (call *Call) Capture(id string, minor int64) (Payment, error) {
	return call.alter(id, func(p *payment) error {
		switch {
		case p.now.State != Authorized:
			return refuse(CodePaymentNotAuthorized, "there is nothing to capture: the payment is "+string(p.now.State))
		case minor < 1 || minor > p.now.Minor:
			return invalid("amount", "want at most what was authorized")
		}
		if minor != p.now.Minor { // the merchant asks for so much now; what was authorized stays what it was
			call.channel.commit(p, history.PaymentUpdated, minor, func() {})
		}
		call.channel.capture(p, call, minor)
		return nil
	})
}

// Close closes a payment, so that it can no longer be paid. Closing twice is harmless.
func (call *Call) Close(id, reason string) (Payment, error) {
	return call.alter(id, func(p *payment) error {
		switch p.now.State {
		case Succeeded:
			return refuse(CodePaymentSucceeded, "the payment has been made and cannot be closed")
		case Closed:
		default:
			call.channel.closePayment(p, reason, call)
		}
		return nil
	})
}

// alter changes a payment of the merchant inside its critical section.
func (call *Call) alter(id string, change func(*payment) error) (Payment, error) {
	p, err := call.find(id)
	if err != nil {
		return Payment{}, err
	}
	p.mutex.Lock()
	defer p.mutex.Unlock()
	err = change(p)
	call.payment = p
	return p.now, err
}

// see is another payment than the one whose lock is held.
func (call *Call) see(p *payment) Payment {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	call.payment = p
	return p.now
}

// Business is business time at a moment of the run: that of all dates that a merchant is told.
func (call *Call) Business(t history.Time) time.Time { return call.channel.business(t) }

// Now is business time.
func (call *Call) Now() time.Time { return call.channel.businessNow() }

// Deadline is the wall-clock time at which so much business time has passed from now.
func (call *Call) Deadline(after time.Duration) time.Time {
	return call.Wall().Add(call.channel.config.Business.compress(after))
}

// Wall is the wall clock.
func (call *Call) Wall() time.Time {
	return call.channel.config.Clock.Wall(call.channel.config.Clock.Now())
}

// Ahead is what the wall clock will say when so much business time has passed.
func (call *Call) Ahead(business time.Duration) time.Time {
	return call.Wall().Add(call.channel.config.Business.compress(business))
}

// Identifier is a fresh identifier of the dialect's form.
func (call *Call) Identifier(kind IdentifierKind) string { return call.channel.identifier(kind) }

func (call *Call) find(id string) (*payment, error) {
	p, found := call.channel.payments.get(id)
	if !found || p.now.Merchant != call.merchant.ID { // the merchant never changes
		return nil, errNoPayment()
	}
	return p, nil
}

// asOf is the payment as this call sees it, which is earlier than now if the answer is to be stale.
func (call *Call) asOf(p *payment) (Payment, bool) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	call.payment = p
	if call.stale == nil {
		return p.now, true
	}
	if then, found := p.at(call.earlier()); found && !call.stale.NotFound {
		call.untrue = call.untrue || then.Version != p.now.Version || then.State != p.now.State
		return then, true
	}
	call.untrue = true
	return Payment{}, false
}

func (call *Call) earlier() history.Time {
	return call.channel.config.Clock.Now().Add(-call.stale.Lag)
}

func errNoPayment() *Error { return refuse(CodePaymentNotFound, "there is no such payment") }
func errNoRefund() *Error  { return refuse(CodeRefundNotFound, "there is no such refund") }

// nth counts the requests of one operation for one order, which is the buyer's, or the merchant's number of it where the
// buyer is not known. A merchant that tries again under a new number is trying again. Of what is unknown here, each number
// counts for itself.
func (c *Channel) nth(request MerchantRequest, subject Subject) int {
	about := cmp.Or(subject.Order, request.object())
	if subject.Ref != (history.Ref{}) {
		about = subject.Key
	}
	key := string(request.Operation) + "\x00" + request.Merchant.ID + "\x00" + about
	counter, found := c.asked.get(key)
	if !found {
		counter, _ = c.asked.getOrPut(key, &atomic.Int64{})
	}
	return int(counter.Add(1))
}
