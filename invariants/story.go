package invariants

import (
	"github.com/paystorm/paystorm/history"
	"github.com/paystorm/paystorm/money"
)

// Run is a history indexed for judgement. Warm-up orders, and whatever the baseline reading already held, are left out.
type Run struct {
	*history.History
	Stories     []*Story // sorted by Order; an order without a number comes last, by Ref
	Baseline    *history.Reading
	Checkpoints []history.Reading
	Final       *history.Reading // nil if the books were never read to rest
	SettleBegin history.Time     // 0 if settle never began

	skus      []*sku // on sale; I4's
	phases    map[string]span
	rehearsed bool // there was no storm and the books were read: the warm-up is all there is to judge
	index     *index
	strays    []stray          // rows of the final reading that name no order and no payment
	astray    map[string]int   // effects that came to a sink in the storm or later and name no order, by sink
	unclaimed []*history.Event // captures in the storm or later that name no order
}

// stray is a row that belongs to no order.
type stray struct {
	table  history.Table
	amount money.Amount
	detail string
}

// span is when a phase began and ended; an end of 0 means that it never did.
type span struct {
	begin, end history.Time
	began      bool
}

// PhaseAt is History's, from memory: it is asked often, and a history is long.
func (r *Run) PhaseAt(phase string) (begin, end history.Time, ok bool) {
	at := r.phases[phase]
	return at.begin, at.end, at.began
}

// Story is everything known of one order, from all three sources, in time order.
type Story struct {
	Order string // the shop's order number; "" if nobody ever learnt it
	Ref   string
	Buyer int
	Item  *history.Item // of the first line; nil if it cannot be told what was ordered

	terms *terms

	Ops        []*history.Op
	Payments   []*Payment // at the channel, by creation
	Deliveries []*Delivery
	Lost       []*history.Event // attempts to deliver that were lost before they were sent
	Requests   []*history.Event // the shop's requests to the channel
	Affected   []*history.Event // faults that struck this order
	Sunk       []*history.Event // effects outside the shop
	Tried      []*history.Event // effects that were refused there: nothing came of them

	Row          *history.OrderRow // in the final reading
	RowSeq       Evidence
	Booked       []history.Line // all lines of the final reading, of which Row is the first
	Ended        []history.Line // those of Booked that are closed or refunded, in an order that is neither
	ShopPayments []history.PaymentRow
	ShopRefunds  []history.RefundRow
	Grants       []history.GrantRow
	Coupons      []history.CouponRow
	// Earlier are this order's rows in the checkpoints, in time order.
	Earlier []EarlierRow
}

// EarlierRow is an order as a checkpoint saw it.
type EarlierRow struct {
	Begin, End history.Time
	Row        history.OrderRow // the first line
	Booked     []history.Line
	Evidence   Evidence
}

// Payment is one payment at the channel, with all that became of it.
type Payment struct {
	ID        string
	Minor     int64 // what was asked for
	Currency  string
	Created   *history.Event
	Succeeded *history.Event   // Minor is what was captured
	Again     []*history.Event // further captures, which a payment should not have
	Closed    *history.Event   // the last close, which a late success may follow
	Failed    []*history.Event
	Refunds   []*Refund
}

// Captured is what the ledger took from the payer.
func (p *Payment) Captured() int64 {
	if p.Succeeded == nil {
		return 0
	}
	total := p.Succeeded.Minor
	for _, again := range p.Again {
		total += again.Minor
	}
	return total
}

// Refunded is what refunds that succeeded gave back.
func (p *Payment) Refunded() int64 {
	total := int64(0)
	for _, refund := range p.Refunds {
		if refund.Succeeded != nil {
			total += refund.Minor
		}
	}
	return total
}

// RefundPending is what accepted refunds that have neither succeeded nor failed will give back.
func (p *Payment) RefundPending() int64 {
	total := int64(0)
	for _, refund := range p.Refunds {
		if refund.Succeeded == nil && refund.Failed == nil {
			total += refund.Minor
		}
	}
	return total
}

// Refund is one refund at the channel.
type Refund struct {
	ID             string
	MerchantRefund string
	Minor          int64
	Created        *history.Event
	Succeeded      *history.Event
	Failed         *history.Event
}

// Delivery is one attempt to deliver one message.
type Delivery struct {
	Notification string
	Attempt      int
	Type         string
	Forgery      string // "" if genuine
	Payment      string
	Minor        int64
	Currency     string
	Sent         *history.Event
	Answered     *history.Event // nil: no answer was recorded, so unknown
}

// Outcome is what the channel knows of the attempt.
func (d *Delivery) Outcome() history.Outcome {
	if d.Answered == nil {
		return history.Unknown
	}
	return d.Answered.Outcome
}
