package invariants

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/paystorm/paystorm/history"
)

// Statuses of a service level.
const (
	serviceReported     = "reported" // no bound was given
	serviceWithin       = "within"
	serviceExceeded     = "exceeded"
	serviceInconclusive = "inconclusive"
)

// The service levels.
const (
	// servicePayments is the share of orders whose buyer tried to pay that end paid.
	servicePayments = "payment_success_rate"
	// serviceOrder is the 99th percentile of placing an order, from when the load model wanted it.
	serviceOrder = "order_p99_ms"
	// serviceRecover is how long after the begin of heal the channel still saw the shop repair something.
	serviceRecover = "time_to_recover_ms"
	// serviceVisible is the 99th percentile from the first delivery of a success to the first answer that told "paid".
	serviceVisible = "callback_to_visible_p99_ms"
	// serviceWait is the 99th percentile from the end of the buyer's payment to the end of the poll that followed.
	serviceWait = "processing_wait_p99_ms"
	// serviceTurnedAway is how many orders were paid before they expired and ended refunded although nobody had asked for it.
	serviceTurnedAway = "paid_in_time_refunded"
)

// serviceResults measures every service level and compares it with the bound that the scenario gives, if it does. A
// level that could not be measured is inconclusive.
func serviceResults(run *Run, load LoadResult) []ServiceResult {
	fromIntended := load.Dropped == 0
	results := []ServiceResult{}
	add := func(id, unit string, value float64, measured bool) {
		result := ServiceResult{ID: id, Unit: unit, Status: serviceReported}
		if measured {
			result.Value = value
		} else {
			result.Status = serviceInconclusive
		}
		results = append(results, result)
	}
	rate, measured := paymentSuccessRate(run)
	add(servicePayments, "share", rate, measured)
	order, placed := load.LatencyMS[history.OpOrder]
	add(serviceOrder, "ms", order.P99, placed && fromIntended)
	recovered, healed := timeToRecover(run)
	add(serviceRecover, "ms", recovered, healed)
	visible, waits := buyerWaits(run)
	add(serviceVisible, "ms", percentiles(visible).P99, len(visible) > 0)
	add(serviceWait, "ms", percentiles(waits).P99, len(waits) > 0)
	turned, paid := turnedAway(run)
	add(serviceTurnedAway, "orders", float64(turned), paid > 0)
	return bounded(results, run.Header.Service)
}

// turnedAway counts the orders that were paid in full before they expired, and those of them whose buyers got all of it back
// and no goods, without a wish, a cancellation or an act of the provider. The books may be right, and nobody lost a cent, and
// yet each of them is a buyer who paid in time and was turned away.
func turnedAway(run *Run) (turned, paid int) {
	for _, story := range run.Stories {
		capture := story.firstCapture()
		if capture == nil || !paidInTime(story, capture, run.Header.System.Timers.Expiry) {
			continue
		}
		paid++
		turned += one(story.balance().net() == 0 && !effective(story.State()) && !wanted(story))
	}
	return turned, paid
}

// paidInTime says whether the first capture was of what was asked for, and came before the order expired or was ended.
func paidInTime(story *Story, capture *history.Event, expiry time.Duration) bool {
	since := story.Payments[0].Created.At
	if accepted := acceptedBy(story); accepted != nil {
		since = accepted.Called
	}
	for _, payment := range story.Payments {
		if payment.Succeeded == capture && (payment.Captured() != payment.Minor || before(payment.Closed, capture)) {
			return false
		}
	}
	return expiry == 0 || capture.At <= since.Add(expiry)
}

// wanted says whether anybody but the shop wanted the money to go back: a buyer, whatever came of the wish, or the provider.
func wanted(story *Story) bool {
	for _, op := range story.Ops {
		if op.Kind == history.OpRefund || op.Kind == history.OpCancel {
			return true
		}
	}
	for _, payment := range story.Payments {
		for _, refund := range payment.Refunds {
			if refund.MerchantRefund == "" {
				return true
			}
		}
	}
	return false
}

// bounded applies the scenario's bounds. One that names no level we know is a bound that cannot be kept: inconclusive.
func bounded(results []ServiceResult, goals []history.ServiceGoal) []ServiceResult {
	for _, goal := range goals {
		bound := goal.Bound
		at := slices.IndexFunc(results, func(r ServiceResult) bool { return r.ID == goal.ID })
		if at < 0 {
			results = append(results, ServiceResult{
				ID: goal.ID, Unit: goal.Unit, Bound: &bound, Status: serviceInconclusive,
			})
			continue
		}
		result := &results[at]
		result.Bound = &bound
		switch {
		case result.Status == serviceInconclusive:
		case kept(*result):
			result.Status = serviceWithin
		default:
			result.Status = serviceExceeded
		}
	}
	return results
}

// kept says whether a level is on the right side of its bound: a rate is bounded from below, a time from above.
func kept(result ServiceResult) bool {
	if result.ID == servicePayments {
		return result.Value >= *result.Bound
	}
	return result.Value <= *result.Bound
}

func paymentSuccessRate(run *Run) (rate float64, measured bool) {
	if !run.Has(history.TableOrders) {
		return 0, false
	}
	tried, paid := 0, 0
	for _, story := range run.Stories {
		if !slices.ContainsFunc(story.Ops, func(op *history.Op) bool { return op.Kind == history.OpPay }) {
			continue
		}
		tried++
		if effective(story.State()) {
			paid++
		}
	}
	if tried == 0 {
		return 0, false
	}
	return rounded(float64(paid)/float64(tried), 4), true
}

func timeToRecover(run *Run) (value float64, measured bool) {
	begin, _, began := run.PhaseAt(history.PhaseHeal)
	if !began || run.Final == nil {
		return 0, false
	}
	last := begin
	for event := range each(run.Events) {
		if event.At > run.Final.Begin {
			break
		}
		if repairs(event) {
			last = max(last, event.At)
		}
	}
	return rounded(milliseconds(last-begin), 3), true
}

// repairs says whether the event is the ledger changing or the shop acknowledging something, and not the shop merely
// asking how things stand.
func repairs(event *history.Event) bool {
	switch event.Kind {
	case history.PaymentSucceeded, history.PaymentClosed, history.RefundCreated, history.RefundSucceeded,
		history.RefundFailed:
		return true
	case history.DeliveryAnswered:
		return event.Outcome == history.OK && event.Forgery == ""
	default:
		return false
	}
}

// buyerWaits collects, in milliseconds, how long it took until a success became visible and until a buyer's poll ended.
func buyerWaits(run *Run) (visible, waits []float64) {
	for _, story := range run.Stories {
		delivered, paid := history.Time(0), history.Time(0)
		for _, delivery := range story.Deliveries {
			if delivery.genuineSuccess() {
				delivered = delivery.Sent.At
				break
			}
		}
		for _, op := range byReturn(story.Ops) {
			if op.Kind == history.OpPay && paid == 0 {
				paid = op.Returned
			}
			if op.Kind == history.OpPoll && paid > 0 && op.Called >= paid {
				waits = append(waits, milliseconds(op.Returned-paid))
				paid = 0
			}
			if delivered > 0 && op.State == string(history.OrderPaid) {
				visible = append(visible, milliseconds(max(0, op.Returned-delivered)))
				delivered = 0
			}
		}
	}
	return visible, waits
}

// byReturn is the ops that were answered, by when they were.
func byReturn(ops []*history.Op) []*history.Op {
	answered := make([]*history.Op, 0, len(ops))
	for _, op := range ops {
		if op.Returned > 0 {
			answered = append(answered, op)
		}
	}
	slices.SortStableFunc(answered, func(a, b *history.Op) int { return cmp.Compare(a.Returned, b.Returned) })
	return answered
}

// serviceWords says how a bounded level did.
func serviceWords(result ServiceResult) string {
	if result.Status == serviceInconclusive {
		return fmt.Sprintf("%s could not be measured, bound %g %s", result.ID, *result.Bound, result.Unit)
	}
	return fmt.Sprintf("%s is %g %s, bound %g", result.ID, result.Value, result.Unit, *result.Bound)
}
