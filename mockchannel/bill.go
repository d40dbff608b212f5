package mockchannel

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/paystorm/paystorm/history"
)

// BillLine is one line of a merchant's bill: a capture or a refund.
type BillLine struct {
	Kind     string // history.BillCapture or BillRefund
	At       time.Time
	Payment  string
	Order    string
	Refund   string // the channel's id
	Number   string // the merchant's refund number
	Minor    int64  // always positive
	Currency string
	State    string // "succeeded"; of a refund also history.RefundPending or RefundBroken

	on history.Time // At on the run's clock
}

// BillScope is what a bill is about, in its dialect's terms.
type BillScope struct {
	Name        string    // what the provider calls it, such as 2026-01-02; "" where there is but one
	Kind        string    // history.BillCapture or BillRefund; "": both
	From, Until time.Time // business time; Until is not in it; zero: without bound
	// Shown is how the bill has a line, and false if it has none for it. nil: as it is.
	Shown func(BillLine) (BillLine, bool)
}

// has says what the bill makes of a line.
func (s BillScope) has(line BillLine) (BillLine, bool) {
	within := (s.From.IsZero() || !line.At.Before(s.From)) && (s.Until.IsZero() || line.At.Before(s.Until))
	if !within || (s.Kind != "" && s.Kind != line.Kind) {
		return line, false
	}
	if s.Shown == nil {
		return line, true
	}
	return s.Shown(line)
}

func (s BillScope) of(lines []BillLine) []BillLine {
	var chosen []BillLine
	for _, line := range lines {
		if shown, has := s.has(line); has {
			chosen = append(chosen, shown)
		}
	}
	return chosen
}

// Bill is a merchant's bill as it was cut, spoilt if a fault wanted it so. It is recorded when it is handed out: by Hand
// in an exchange, else by Handed.
type Bill struct {
	Lines []BillLine // oldest first

	merchant string
	scope    BillScope
	cut      history.Time // what the ledger held then is in it, and nothing later
	fault    string       // that spoilt it
}

// Bill lists the merchant's captures and refunds, oldest first, as the ledger has them now.
func (call *Call) Bill() []BillLine {
	return call.channel.billed(call.merchant.ID, call.channel.config.Clock.Now())
}

// Cut cuts a bill.
func (call *Call) Cut(scope BillScope) Bill {
	c := call.channel
	bill := Bill{merchant: call.merchant.ID, scope: scope, cut: c.config.Clock.Now()}
	lines := c.billed(call.merchant.ID, bill.cut)
	bill.Lines = scope.of(lines)
	if call.spoil == nil {
		return bill
	}
	if spoilt := scope.of(call.spoil.lines(lines, c.config.Business)); !slices.Equal(spoilt, bill.Lines) {
		bill.Lines, bill.fault, call.spoilt = spoilt, call.spoil.Fault, true
	}
	return bill
}

// Part is a bill of some lines of another and of the time that they are of: a page of it.
func (b Bill) Part(lines []BillLine, from, until time.Time) Bill {
	b.Lines, b.scope.From, b.scope.Until = lines, later(b.scope.From, from), sooner(b.scope.Until, until)
	return b
}

func later(a, b time.Time) time.Time {
	if a.IsZero() || b.After(a) {
		return b
	}
	return a
}

func sooner(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

// Hand says that the answer of this call hands the bill out.
func (call *Call) Hand(bill Bill) { call.handed = &bill }

// Handed records that a bill was handed out by an answer that no exchange records.
func (c *Channel) Handed(bill Bill, outcome history.Outcome, status int) {
	c.recordBill(bill, outcome, status)
}

// billed are the lines of everything that the ledger held at a moment: a refund's later entries tell what became of it.
// Entries are booked in their payment's critical section, so that none of that time is still to come.
func (c *Channel) billed(merchant string, cut history.Time) []BillLine {
	var lines []BillLine
	for _, p := range c.payments.all() {
		if p.now.Merchant != merchant { // the merchant never changes
			continue
		}
		p.mutex.Lock()
		entries, _ := c.ledger.entries.get(p.now.ID)
		p.mutex.Unlock()
		refunds := map[string]int{}
		for _, booked := range entries {
			switch {
			case booked.at > cut:
			case booked.kind == entryCapture:
				lines = append(lines, billLine(history.BillCapture, booked, c.business))
			case booked.kind == entryRefund:
				refunds[booked.refund.now.ID] = len(lines)
				lines = append(lines, billLine(history.BillRefund, booked, c.business))
			default:
				lines[refunds[booked.refund.now.ID]].State = booked.state
			}
		}
	}
	slices.SortFunc(lines, func(a, b BillLine) int {
		return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.Payment, b.Payment), cmp.Compare(a.Refund, b.Refund))
	})
	return lines
}

func billLine(kind string, booked entry, business func(history.Time) time.Time) BillLine {
	p := &booked.payment.now // of which only what never changes is read
	line := BillLine{
		Kind: kind, At: business(booked.at), Payment: p.ID, Order: p.Order, Minor: booked.postings[1].minor,
		Currency: p.Currency, State: string(Succeeded), on: booked.at,
	}
	if r := booked.refund; r != nil {
		line.Refund, line.Number, line.State = r.now.ID, r.now.Number, booked.state
	}
	return line
}

// billRecords numbers what bills have said, so that a bill that says the same again is told in a line.
type billRecords struct {
	mutex   sync.Mutex
	numbers map[BillLine]int64 // by the line without At
	bills   int
}

// number is that of a line's content, and whether it is new.
func (r *billRecords) number(line BillLine) (number int64, fresh bool) {
	line.At = time.Time{} // which is on says
	number, known := r.numbers[line]
	if !known {
		if r.numbers == nil {
			r.numbers = map[BillLine]int64{}
		}
		number = int64(len(r.numbers)) + 1
		r.numbers[line] = number
	}
	return number, !known
}

// recordBill records what was handed out: the rows that no bill had before, then the bill, which names all of its rows.
func (c *Channel) recordBill(bill Bill, outcome history.Outcome, status int) {
	c.bills.mutex.Lock()
	defer c.bills.mutex.Unlock()
	c.bills.bills++
	key := bill.scope.Name + "#" + strconv.Itoa(c.bills.bills)
	numbers := make([]int64, 0, len(bill.Lines))
	for _, line := range bill.Lines {
		number, fresh := c.bills.number(line)
		numbers = append(numbers, number)
		if !fresh {
			continue
		}
		c.config.Record(history.Event{
			Source: history.SourceBill, Kind: history.BillRow, Key: key, Version: number, Order: line.Order, Payment: line.Payment,
			Refund: line.Refund, MerchantRefund: line.Number, Minor: line.Minor, Currency: line.Currency, State: line.Kind,
			Reason: line.State, IntendedAt: line.on, Detail: line.At.Format(time.RFC3339),
		})
	}
	c.config.Record(history.Event{
		Source: history.SourceBill, Kind: history.BillServed, Key: key, Count: int64(len(numbers)), State: bill.scope.Kind,
		Outcome: outcome, Status: status, Fault: bill.fault, IntendedAt: bill.cut, From: c.moment(bill.scope.From),
		Until: c.moment(bill.scope.Until), Detail: ranges(numbers),
	})
}

// moment is the run's at a business time; 0 where there is none.
func (c *Channel) moment(business time.Time) history.Time {
	if business.IsZero() {
		return 0
	}
	return history.Time(c.config.Business.compress(business.Sub(c.config.Clock.Wall(0))))
}

// ranges writes numbers as 1-4,7.
func ranges(numbers []int64) string {
	numbers = slices.Sorted(slices.Values(numbers))
	var parts []string
	for i := 0; i < len(numbers); {
		last := i
		for last+1 < len(numbers) && numbers[last+1] == numbers[last]+1 {
			last++
		}
		part := strconv.FormatInt(numbers[i], 10)
		if last > i {
			part = fmt.Sprintf("%d-%d", numbers[i], numbers[last])
		}
		parts = append(parts, part)
		i = last + 1
	}
	return strings.Join(parts, ",")
}
