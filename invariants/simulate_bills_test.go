package invariants

import (
	"fmt"
	"strings"
	"time"

	"github.com/paystorm/paystorm/history"
)

// settleBill is the shop fetching a bill, most of which are wrong in one of the ways in which bills are, and comparing it
// with what the channel says is true. What has changed since it was cut is sometimes reported too.
func (w *world) settleBill(number int) {
	cut := w.now
	truth := w.rows()
	served, reports := w.spoil(truth)
	var numbers []string
	for i, row := range served {
		row.Source, row.Kind, row.Version, row.Key = history.SourceBill, history.BillRow, int64(number*10000+i), fmt.Sprintf("day#%d", number)
		numbers = append(numbers, fmt.Sprint(row.Version))
		w.record("channel", row)
	}
	w.record("channel", history.Event{
		Source: history.SourceBill, Kind: history.BillServed, Key: fmt.Sprintf("day#%d", number), Count: int64(len(served)),
		IntendedAt: cut, Outcome: history.OK, Detail: strings.Join(numbers, ","),
	})
	w.in(500, func() {
		if w.defect != "D31" {
			w.reports = append(w.reports, reports...)
		}
		for _, later := range w.rows()[len(truth):] {
			if w.chance(20) {
				w.reports = append(w.reports, history.DiscrepancyRow{
					Kind: history.DiscrepancyMissing, Payment: later.Payment, Refund: later.MerchantRefund, Minor: later.Minor, Bill: "day",
				})
			}
		}
	})
}

// rows are the channel's movements so far, in time order.
func (w *world) rows() []history.Event {
	var rows []history.Event
	places := map[string]int{}
	for _, e := range w.Events {
		if e.Source != history.SourceChannel {
			continue
		}
		row := history.Event{
			Order: e.Order, Payment: e.Payment, Refund: e.Refund, MerchantRefund: e.MerchantRefund, Minor: e.Minor, Currency: "CNY",
			State: history.BillCapture, Reason: history.RefundDone, IntendedAt: e.At,
		}
		switch e.Kind {
		case history.PaymentSucceeded:
			rows = append(rows, row)
		case history.RefundCreated:
			row.State, row.Reason = history.BillRefund, history.RefundPending
			places[e.Refund] = len(rows)
			rows = append(rows, row)
		case history.RefundSucceeded:
			rows[places[e.Refund]].Reason = history.RefundDone
		case history.RefundFailed:
			rows[places[e.Refund]].Reason = history.RefundBroken
		}
	}
	return rows
}

// spoil makes one row wrong, and says how a correct shop reports it.
func (w *world) spoil(truth []history.Event) (served []history.Event, reports []history.DiscrepancyRow) {
	served = append(served, truth...)
	if len(served) == 0 {
		return served, nil
	}
	i := w.rand.IntN(len(served))
	row := &served[i]
	report := history.DiscrepancyRow{Payment: row.Payment, Refund: row.MerchantRefund, Minor: row.Minor}
	switch w.rand.IntN(6) {
	case 0:
		if row.Reason != history.RefundDone { // of which a bill need not tell
			return served, nil
		}
		served = append(served[:i], served[i+1:]...)
		report.Kind = history.DiscrepancyMissing
	case 1:
		extra := *row
		extra.Payment += "9"
		served = append(served, extra)
		report.Kind, report.Payment = history.DiscrepancyExtra, extra.Payment
	case 2:
		row.Minor++
		report.Kind, report.Minor = history.DiscrepancyAmount, row.Minor
	case 3:
		row.IntendedAt = row.IntendedAt.Add(-24 * time.Hour)
		report.Kind = history.DiscrepancyDay
	case 4:
		if row.Reason == history.RefundDone {
			return served, nil
		}
		row.Reason = history.RefundDone
		report.Kind = history.DiscrepancyState
	default:
		return served, nil
	}
	return served, []history.DiscrepancyRow{report}
}
