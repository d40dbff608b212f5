package mockchannel

import (
	"errors"
	"fmt"

	"github.com/paystorm/paystorm/history"
)

// entryKind is why money moved.
type entryKind string

const (
	entryCapture        entryKind = "capture"
	entryRefund         entryKind = "refund"          // accepted: it has left the merchant and not reached the payer
	entryRefundPaid     entryKind = "refund-paid"     // it reached the payer
	entryRefundReturned entryKind = "refund-returned" // it failed and went back to the merchant
)

// Accounts beside the merchants' own, which are "merchant:<id>".
const (
	accountPayers    = "payers"
	accountInTransit = "refunds in transit"
)

// posting is one side of an entry. What an account receives is positive.
type posting struct {
	account string
	minor   int64
}

// entry is one movement of money; its postings add up to nothing.
type entry struct {
	at       history.Time
	kind     entryKind
	payment  *payment
	refund   *refund // of a refund's entries
	state    string  // of the refund, after the movement
	postings [2]posting
}

// ledger is the double entry of all payments. A payment's entries are booked inside its critical section.
type ledger struct{ entries table[[]entry] }

func (l *ledger) book(p *payment, r *refund, kind entryKind, minor int64) {
	merchant := "merchant:" + p.now.Merchant
	from, to := accountPayers, merchant
	switch kind {
	case entryRefund:
		from, to = merchant, accountInTransit
	case entryRefundPaid:
		from, to = accountInTransit, accountPayers
	case entryRefundReturned:
		from, to = accountInTransit, merchant
	case entryCapture:
	}
	booked := entry{at: p.now.At, kind: kind, payment: p, refund: r, postings: [2]posting{{from, -minor}, {to, minor}}}
	if r != nil {
		booked.state = r.now.State
	}
	l.entries.update(p.now.ID, func(entries []entry) []entry { return append(entries, booked) })
}

// Balanced says whether every entry adds up to nothing, and whether the ledger and the payments agree on what was
// captured, given back, and is on its way back.
func (c *Channel) Balanced() error {
	var wrong []error
	for _, p := range c.payments.all() {
		if err := c.balanced(p); err != nil {
			wrong = append(wrong, err)
		}
	}
	return errors.Join(wrong...)
}

func (c *Channel) balanced(p *payment) error {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	entries, _ := c.ledger.entries.get(p.now.ID)
	accounts := map[string]int64{}
	for _, booked := range entries {
		if sum := booked.postings[0].minor + booked.postings[1].minor; sum != 0 {
			return fmt.Errorf("payment %s: a %s adds up to %d", p.now.ID, booked.kind, sum)
		}
		for _, side := range booked.postings {
			accounts[side.account] += side.minor
		}
	}
	payers, transit := -accounts[accountPayers], accounts[accountInTransit]
	switch {
	case payers != p.now.Captured-p.now.Refunded:
		return fmt.Errorf("payment %s: the payer paid %d net by the ledger, %d − %d by the payment",
			p.now.ID, payers, p.now.Captured, p.now.Refunded)
	case transit != p.now.Refunding:
		return fmt.Errorf("payment %s: refunds in transit are %d by the ledger, %d by the payment",
			p.now.ID, transit, p.now.Refunding)
	case p.now.Refunded+p.now.Refunding > p.now.Captured:
		return fmt.Errorf("payment %s: refunds of %d exceed the captured %d",
			p.now.ID, p.now.Refunded+p.now.Refunding, p.now.Captured)
	}
	return nil
}
