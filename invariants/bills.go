package invariants

import (
	"slices"
	"strconv"
	"strings"

	"github.com/paystorm/paystorm/history"
)

// bill is one that the channel handed out, with its rows as served.
type bill struct {
	served *history.Event
	rows   []*history.Event
}

// name is what the provider calls the bill.
func (b *bill) name() string {
	name, _, _ := strings.Cut(b.served.Key, "#")
	return name
}

// cut is when the bill was cut off: it is to have what the ledger had up to then.
func (b *bill) cut() history.Time { return b.served.IntendedAt }

// about says whether the bill is about movements of a kind and a time.
func (b *bill) about(kind string, at history.Time) bool {
	return (b.served.State == "" || b.served.State == kind) && at >= b.served.From &&
		(b.served.Until == 0 || at < b.served.Until)
}

// movement is one of the channel's, as a bill has it in a row: a capture or a refund.
type movement struct {
	kind    string
	event   *history.Event   // the capture, or the refund's creation
	changes []*history.Event // of a refund, in time order, its creation left out
}

// stateAt is what had become of a refund by a moment.
func (m *movement) stateAt(moment history.Time) string {
	state := history.RefundPending
	if m.kind == history.BillCapture {
		return history.RefundDone
	}
	for _, change := range m.changes {
		switch {
		case change.At > moment:
		case change.Kind == history.RefundSucceeded:
			state = history.RefundDone
		case change.Kind == history.RefundFailed:
			state = history.RefundBroken
		}
	}
	return state
}

// movementKey names a movement: the payment, and of a refund the channel's id.
type movementKey struct{ payment, refund string }

// billing is all that the channel told in bills, and what it had to tell.
type billing struct {
	run       *Run
	bills     []*bill
	movements map[movementKey]*movement
	order     []movementKey // in time order
}

func anyBillServed(run *Run) bool {
	return slices.ContainsFunc(run.Events, func(e history.Event) bool { return e.Kind == history.BillServed })
}

// newBilling reads the channel's records. What belongs to the warm-up is left out on both sides.
func newBilling(run *Run) *billing {
	b := &billing{run: run, movements: map[movementKey]*movement{}}
	rows := map[int64]*history.Event{}
	for event := range each(run.Events) {
		switch {
		case event.Source == history.SourceChannel:
			b.take(event)
		case event.Kind == history.BillRow:
			rows[event.Version] = event
		}
	}
	for event := range each(run.Events) {
		if event.Kind != history.BillServed {
			continue
		}
		served := &bill{served: event}
		for _, number := range numbersOf(event.Detail) {
			if row := rows[number]; row != nil && !b.warmUp(row) {
				served.rows = append(served.rows, row)
			}
		}
		b.bills = append(b.bills, served)
	}
	return b
}

func (b *billing) take(event *history.Event) {
	key := movementKey{payment: event.Payment}
	if event.Kind == history.PaymentSucceeded {
		b.movements[key] = &movement{kind: history.BillCapture, event: event}
		b.order = append(b.order, key)
		return
	}
	key.refund = event.Refund
	switch event.Kind {
	case history.RefundCreated:
		b.movements[key] = &movement{kind: history.BillRefund, event: event}
		b.order = append(b.order, key)
	case history.RefundSucceeded, history.RefundFailed:
		if made := b.movements[key]; made != nil {
			made.changes = append(made.changes, event)
		}
	}
}

// of is the movement that a row is about, nil if there never was one.
func (b *billing) of(row *history.Event) *movement {
	return b.movements[movementKey{row.Payment, row.Refund}]
}

// warmUp says whether a row is about an order of the warm-up.
func (b *billing) warmUp(row *history.Event) bool {
	if made := b.of(row); made != nil {
		return b.foreign(made)
	}
	return b.run.index.foreign[b.run.index.orderNumber(row.Order, "")]
}

func (b *billing) foreign(m *movement) bool {
	x := b.run.index
	return x.foreign[x.orderNumber(m.event.Order, m.event.Ref)] || x.warmRefs[m.event.Ref]
}

// numbersOf reads a list such as 1-40,43.
func numbersOf(text string) []int64 {
	var numbers []int64
	for part := range strings.SplitSeq(text, ",") {
		low, high, many := strings.Cut(part, "-")
		from, err := strconv.ParseInt(low, 10, 64)
		if err != nil {
			continue
		}
		to := from
		if many {
			to, _ = strconv.ParseInt(high, 10, 64)
		}
		for number := from; number <= to; number++ {
			numbers = append(numbers, number)
		}
	}
	return numbers
}

// difference is one between a bill and the ledger at its cut-off.
type difference struct {
	kind string
	bill *bill
	row  *history.Event // as served; nil if it is missing
	made *movement      // nil if nobody made it
}

// minor is what the bill says, or what it should.
func (d difference) minor() int64 {
	if d.row != nil {
		return d.row.Minor
	}
	return d.made.event.Minor
}

// differences are those of one bill.
func (b *billing) differences(served *bill) []difference {
	var found []difference
	seen := map[movementKey]bool{}
	for _, row := range served.rows {
		key, made := movementKey{row.Payment, row.Refund}, b.of(row)
		for _, kind := range rowDiffers(row, made, served.cut(), seen[key]) {
			found = append(found, difference{kind, served, row, made})
		}
		seen[key] = true
	}
	for _, key := range b.order {
		made := b.movements[key]
		due := made.event.At <= served.cut() && served.about(made.kind, made.event.At) && made.stateAt(served.cut()) == history.RefundDone
		if due && !seen[key] && !b.foreign(made) {
			found = append(found, difference{history.DiscrepancyMissing, served, nil, made})
		}
	}
	return found
}

// rowDiffers says in what a row differs from its movement. A bill may lag behind what became of a refund.
func rowDiffers(row *history.Event, made *movement, cut history.Time, again bool) (kinds []string) {
	if made == nil || made.event.At > cut || again {
		return []string{history.DiscrepancyExtra}
	}
	if row.Minor != made.event.Minor || differentCurrency(row.Currency, made.event.Currency) {
		kinds = append(kinds, history.DiscrepancyAmount)
	}
	if row.IntendedAt != made.event.At {
		kinds = append(kinds, history.DiscrepancyDay)
	}
	state := made.stateAt(cut)
	wrongly := row.Reason == history.RefundDone && state != history.RefundDone || row.Reason == history.RefundBroken && state == history.RefundDone
	if row.State == history.BillRefund && wrongly {
		kinds = append(kinds, history.DiscrepancyState)
	}
	return kinds
}

// billedPayments are the amounts that bills gave to captures and the ledger did not, by payment.
func billedPayments(run *Run) map[string][]int64 {
	b := newBilling(run)
	amounts := map[string][]int64{}
	for _, served := range b.bills {
		for _, row := range served.rows {
			if made := b.of(row); row.State == history.BillCapture && (made == nil || made.event.Minor != row.Minor) {
				amounts[row.Payment] = append(amounts[row.Payment], row.Minor)
			}
		}
	}
	return amounts
}
