package invariants

import (
	"fmt"
	"slices"
	"time"

	"github.com/paystorm/paystorm/history"
	"github.com/paystorm/paystorm/money"
)

// crossing is how long a shop may take to have a capture in its books after it has shown that it knows of it, and to ask for
// a bill after it has looked into them.
const crossing = 500 * time.Millisecond

// judgeBillsReported holds that what differs between a bill and the ledger at its cut-off was reported. A shop that was
// killed with the bill in its hands, and one that got it just before its books were read, owes nothing for it; nor does one
// that cannot miss a row because it did not know of the capture either.
func judgeBillsReported(run *Run) Finding {
	billing, end := newBilling(run), atRest(run)
	reports := run.reports()
	found, told, spared := Finding{}, map[string]bool{}, 0
	for _, served := range billing.bills {
		if served.served.Outcome != history.OK {
			continue
		}
		found.Evaluated++
		for _, differs := range billing.differences(served) {
			found.Exercised++
			if slices.ContainsFunc(reports, func(r history.DiscrepancyRow) bool { return billing.tells(r, differs) }) {
				continue
			}
			unknown := differs.kind == history.DiscrepancyMissing && !billing.knewBy(differs.made, served.cut().Add(-crossing))
			if unknown || !end.over(served.served.At) || run.diedWith(served, end) {
				spared++
				continue
			}
			violation := billing.unreported(differs)
			if key := violation.Pattern + "\x00" + violation.Detail; !told[key] { // the same in the next bill is the same case
				told[key] = true
				found.Violations = append(found.Violations, violation)
			}
		}
	}
	if spared > 0 {
		found.Pending = append(found.Pending, countOf(spared, "difference")+
			" of bills that the shop could not have seen: it did not know of the capture yet, died then, or its books were read")
	}
	return found
}

// reports are the discrepancies of the final books that the baseline did not have.
func (r *Run) reports() []history.DiscrepancyRow {
	var reports []history.DiscrepancyRow
	for _, row := range r.Final.Books.Discrepancies {
		old := r.Baseline != nil && slices.Contains(r.Baseline.Books.Discrepancies, row)
		if !old && !r.index.foreign[row.Order] && !r.index.foreign[r.index.orderOf[row.Payment]] {
			reports = append(reports, row)
		}
	}
	return reports
}

// diedWith says whether a process of the shop went down while it may have worked on the bill.
func (r *Run) diedWith(b *bill, end bound) bool {
	return slices.ContainsFunc(r.Events, func(e history.Event) bool {
		down := e.Kind == history.NodeKilled || e.Kind == history.NodeExited || e.Kind == history.NodeStopped
		return down && e.At >= b.cut() && e.At <= b.served.At.Add(end.longest)
	})
}

// tells says whether a report is about a difference.
func (b *billing) tells(r history.DiscrepancyRow, d difference) bool {
	if r.Bill != "" && r.Bill != d.bill.name() {
		return false
	}
	if r.Kind == history.DiscrepancyUnit {
		return d.kind == history.DiscrepancyAmount && d.shifted() && (r.Order+r.Payment+r.Refund == "" || b.names(r, d.row, d.made))
	}
	known := slices.Contains(history.DiscrepancyKinds(), r.Kind)
	return (!known || r.Kind == d.kind) && b.names(r, d.row, d.made) && (r.Minor == 0 || r.Minor == d.minor())
}

// shifted says that a row has the right amount in another unit.
func (d difference) shifted() bool {
	low, high := min(d.row.Minor, d.made.event.Minor), max(d.row.Minor, d.made.event.Minor)
	for low > 0 && low < high {
		low *= 10
	}
	return low == high
}

// names says whether a report names a row or a movement: all that it says of order, payment and refund must be theirs. One
// that names no refund is about a capture, unless only a refund has what it tells.
func (b *billing) names(r history.DiscrepancyRow, row *history.Event, made *movement) bool {
	var orders, payments, refunds []string
	for _, about := range []*history.Event{row, made.eventOrNil()} {
		if about == nil {
			continue
		}
		orders = append(orders, about.Order, b.run.index.orderNumber(about.Order, about.Ref))
		payments = append(payments, about.Payment, about.Order)
		if about.Refund != "" {
			refunds = append(refunds, about.Refund, about.MerchantRefund)
		}
	}
	captureOnly := slices.Contains(history.DiscrepancyKinds(), r.Kind) && r.Kind != history.DiscrepancyState
	if r.Order+r.Payment+r.Refund == "" || r.Refund == "" && len(refunds) > 0 && captureOnly {
		return false
	}
	fits := func(said string, among []string) bool { return said == "" || slices.Contains(among, said) }
	return fits(r.Order, orders) && fits(r.Payment, payments) && fits(r.Refund, refunds)
}

func (m *movement) eventOrNil() *history.Event {
	if m == nil {
		return nil
	}
	return m.event
}

// unreported is the violation of a difference that nobody told of.
func (b *billing) unreported(d difference) Violation {
	words := map[string]string{
		history.DiscrepancyMissing: "a bill lacks a row, and no discrepancy says so",
		history.DiscrepancyExtra:   "a bill has a row too many, and no discrepancy says so",
		history.DiscrepancyAmount:  "a bill has another amount, and no discrepancy says so",
		history.DiscrepancyDay:     "a bill has a row on another day, and no discrepancy says so",
		history.DiscrepancyState:   "a bill has a refund in another state, and no discrepancy says so",
	}
	violation := Violation{
		Pattern: words[d.kind], Bearer: BearerMerchant, Since: d.bill.served.At, Evidence: []Evidence{recordOf(d.bill.served)},
	}
	if d.row != nil {
		violation.Evidence = append(violation.Evidence, recordOf(d.row))
		violation.Order = b.run.index.orderNumber(d.row.Order, "")
	}
	off, detail := d.minor(), ""
	if d.made != nil {
		violation.Evidence = append(violation.Evidence, recordOf(d.made.event))
		violation.Order = b.run.index.orderNumber(d.made.event.Order, d.made.event.Ref)
		detail = fmt.Sprintf("%s %s in the ledger, ", d.made.kind, money.Amount{Minor: d.made.event.Minor, Currency: d.made.event.Currency})
	}
	if d.row == nil {
		detail += "nothing in the bill"
	} else {
		detail += fmt.Sprintf("%s %s %s of %s in the bill", d.row.State, money.Amount{Minor: d.row.Minor, Currency: d.row.Currency},
			d.row.Reason, d.row.Detail)
	}
	currency := d.currency()
	switch d.kind {
	case history.DiscrepancyAmount:
		off = max(d.row.Minor-d.made.event.Minor, d.made.event.Minor-d.row.Minor)
	case history.DiscrepancyDay: // it is there, and no money is in doubt
		off, violation.Bearer = 0, BearerNone
	}
	violation.Net = money.Amount{Minor: off, Currency: currency}
	violation.Gross = violation.Net
	violation.Detail = detail
	return violation
}

func (d difference) currency() string {
	if d.made != nil {
		return d.made.event.Currency
	}
	return d.row.Currency
}

// judgeReportsTrue holds that what a reconciliation reported was so in some bill that was served.
func judgeReportsTrue(run *Run) Finding {
	billing := newBilling(run)
	var all []difference
	for _, served := range billing.bills {
		all = append(all, billing.differences(served)...)
	}
	found := Finding{}
	for i, report := range run.reports() {
		found.Evaluated++
		found.Exercised++
		told := slices.ContainsFunc(all, func(d difference) bool { return billing.tells(report, d) })
		if told || slices.ContainsFunc(billing.bills, func(served *bill) bool { return billing.wasSo(report, served) }) {
			continue
		}
		found.Violations = append(found.Violations, billing.untrue(report, i))
	}
	return found
}

// wasSo says whether the report was true of a bill when the shop read it, although bill and ledger agree: what the shop
// had not learnt yet, or had learnt since the bill was cut.
func (b *billing) wasSo(r history.DiscrepancyRow, served *bill) bool {
	if r.Bill != "" && r.Bill != served.name() {
		return false
	}
	known := slices.Contains(history.DiscrepancyKinds(), r.Kind)
	for _, row := range served.rows {
		made := b.of(row)
		if made == nil || !b.names(r, row, made) || r.Minor != 0 && r.Minor != row.Minor {
			continue
		}
		switch {
		case r.Kind == history.DiscrepancyExtra || !known:
			if !b.knewBy(made, served.cut()) {
				return true
			}
		case r.Kind == history.DiscrepancyAmount: // it was captured otherwise than the shop had asked
			if payment := b.run.index.byPayment[row.Payment]; payment != nil && row.State == history.BillCapture && payment.Minor != row.Minor {
				return true
			}
		case r.Kind == history.DiscrepancyState:
			if row.State == history.BillRefund && !b.settledBy(made, row.Reason, served.cut()) {
				return true
			}
		}
	}
	return (r.Kind == history.DiscrepancyMissing || !known) && b.lacked(r, served)
}

// lacked says whether the bill has no row of a movement that the report names, or of one that the shop believes in.
func (b *billing) lacked(r history.DiscrepancyRow, served *bill) bool {
	if slices.ContainsFunc(served.rows, func(row *history.Event) bool { return b.names(r, row, b.of(row)) }) {
		return false
	}
	for _, key := range b.order {
		made := b.movements[key]
		if b.names(r, nil, made) && served.about(made.kind, made.event.At) && (r.Minor == 0 || r.Minor == made.event.Minor) {
			return true
		}
	}
	story := b.run.index.byOrder[r.Order]
	return story != nil && story.firstCapture() == nil && believesPaid(story.State())
}

// knewBy says whether the shop had known of a movement when the bill was cut: it had shown so, or had its longest timer.
func (b *billing) knewBy(made *movement, cut history.Time) bool {
	if made.event.At.Add(b.run.Header.System.Timers.Longest()) <= cut {
		return true
	}
	story := b.run.index.byOrder[b.run.index.orderNumber(made.event.Order, made.event.Ref)]
	return made.kind == history.BillCapture && story != nil && len(story.Captured()) == 1 && story.paidSince() <= cut
}

// settledBy says whether a refund had been in a state for so long, when the bill was cut, that the shop must have known.
func (b *billing) settledBy(made *movement, state string, cut history.Time) bool {
	since := made.event.At
	for _, change := range made.changes {
		if change.At <= cut {
			since = change.At
		}
	}
	return made.stateAt(cut) == state && since.Add(b.run.Header.System.Timers.Longest()) <= cut
}

// untrue is the violation of a report that was never so.
func (b *billing) untrue(r history.DiscrepancyRow, nth int) Violation {
	order := r.Order
	if order == "" {
		order = b.run.index.orderOf[r.Payment]
	}
	currency := b.run.currencyOf(order)
	detail := fmt.Sprintf("reported as %s: order %q, payment %q, refund %q, %s", r.Kind, r.Order, r.Payment, r.Refund,
		money.Amount{Minor: r.Minor, Currency: currency})
	if len(b.bills) == 0 {
		detail += "; no bill was ever served"
	}
	return Violation{
		Pattern: "a discrepancy is reported that no bill had", Order: order, Bearer: BearerNone,
		Evidence: []Evidence{rowOf(b.run, history.TableDiscrepancies, fmt.Sprintf("%s/%s", r.Kind, nameOf(r, nth)))},
		Since:    b.run.Final.Begin, Detail: detail,
	}
}

func nameOf(r history.DiscrepancyRow, nth int) string {
	for _, name := range []string{r.Refund, r.Payment, r.Order} {
		if name != "" {
			return name
		}
	}
	return fmt.Sprint(nth + 1)
}
