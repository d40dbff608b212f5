package load

import (
	"context"
	"errors"
	"maps"
	"sync"
	"time"

	"github.com/paystorm/paystorm/history"
)

// Keys of the affected events: what the payer did.
const (
	didAbandon         = "abandon"
	didDeclineFirst    = "decline-first"
	didPayLate         = "pay-late"
	didPayTwice        = "pay-twice"
	didSwitchPayment   = "switch-payment"
	didPayAfterCancel  = "pay-after-cancel"
	didCancelRace      = "cancel-race"
	didDoubleClick     = "double-click"
	didParallelOrders  = "parallel-orders"
	didParallelRefunds = "parallel-refunds"
	didRetryStorm      = "retry-storm"
)

// Acts of the system file that payers need.
const (
	actCancel  = "cancel"
	actPayment = "payment"
)

// affected records that a misbehaviour was acted out, and not merely planned. The order may be one that the answer has
// only just named.
func (j *journey) affected(b *Behaviour, did string, result answer) {
	event := history.Event{
		Source: history.SourceFault, Kind: history.FaultAffected, Fault: b.Fault, Key: did,
		Ref: j.ref.String(), Buyer: j.buyer, Order: j.text(captureOrder), Payment: j.text(capturePayment),
	}
	if order := result.captured[captureOrder]; order != "" {
		event.Order, event.Payment = order, result.captured[capturePayment]
	}
	j.recorder.Event(event)
}

// shopStep makes a step's request, as often as this buyer does.
func (j *journey) shopStep(ctx context.Context, s *step) (answer, error) {
	var several *Behaviour
	var did string
	var count int
	switch {
	case s.Name == history.OpOrder && j.payer.DoubleClick != nil:
		several, did, count = j.payer.DoubleClick, didDoubleClick, 2
	case s.Name == history.OpRefund && j.payer.ParallelRefunds != nil:
		several, did, count = j.payer.ParallelRefunds, didParallelRefunds, j.payer.ParallelRefunds.Count
	default:
		return j.shopRequest(ctx, s, s.within(), "")
	}
	result, err := j.askOften(ctx, s, s.within(), several, count, "")
	if err != nil {
		return answer{}, err
	}
	if several.Distinct {
		j.wished = j.wish + count - 1
	}
	j.affected(several, did, result)
	return result, nil
}

// shopRequest makes one request to the shop, which a retry storm makes many.
func (j *journey) shopRequest(ctx context.Context, s *step, within time.Duration, fault string) (answer, error) {
	storm := j.payer.RetryStorm
	if storm == nil {
		return j.ask(ctx, s, within, j.wanted(), j.wishes(s), fault)
	}
	result, err := j.askOften(ctx, s, within, storm, storm.Count, fault)
	if err == nil && !j.stormed {
		j.stormed = true
		j.affected(storm, didRetryStorm, result)
	}
	return result, err
}

// askOften makes the same request count times, each After the one before and without waiting for its answer. Of the
// answers, the buyer goes on with the first success, or else with the first refusal. The first request is the one that
// a well-behaved buyer makes; fault is what made even that one, or "".
func (j *journey) askOften(
	ctx context.Context, s *step, within time.Duration, b *Behaviour, count int, fault string,
) (answer, error) {
	intended, first := j.wanted(), j.wishes(s)
	results, err := together(ctx, count, b.After, func(nth int) (answer, error) {
		wish := b.severalWishes(first, nth)
		if nth == 0 {
			return j.ask(ctx, s, within, intended, wish, fault)
		}
		return j.ask(ctx, s, within, 0, wish, b.Fault)
	})
	if err != nil {
		return answer{}, err
	}
	for _, outcome := range []history.Outcome{history.OK, history.Refused} {
		for _, result := range results {
			if result.outcome == outcome {
				return result, nil
			}
		}
	}
	return results[0], nil
}

// inTabs acts the journey out in several tabs at once. It ends as it does in the first one.
func (j *journey) inTabs(ctx context.Context, b *Behaviour) (why string, err error) {
	j.tabs = b.Count
	tabs := []*journey{j}
	for nth := 1; nth < b.Count; nth++ {
		tabs = append(tabs, j.tab(nth, b.Fault))
	}
	whys, err := together(ctx, b.Count, b.After, func(nth int) (string, error) { return tabs[nth].toEnd(ctx) })
	if err != nil {
		return "", err
	}
	ordered := 0
	for _, tab := range tabs {
		if tab.ordered {
			ordered++
		}
	}
	if ordered > 1 {
		j.affected(b, didParallelOrders, answer{})
	}
	return whys[0], nil
}

// tab is the same buyer in another tab: with the same cookies, and an order of its own.
func (j *journey) tab(nth int, fault string) *journey {
	tab := *j
	tab.values, tab.intended, tab.fault = maps.Clone(j.values), 0, fault
	tab.ref.Nth += nth
	tab.payer = j.payers.Payer(tab.ref)
	tab.values["ref"] = tab.ref.String()
	return &tab
}

// together calls act count times, each apart later than the one before, and waits for all of them.
func together[T any](
	ctx context.Context, count int, apart time.Duration, act func(nth int) (T, error),
) ([]T, error) {
	results, failed := make([]T, count), make([]error, count)
	var group sync.WaitGroup
	for nth := range count {
		group.Go(func() {
			if !pause(ctx, time.Duration(nth)*apart) {
				failed[nth] = ctx.Err()
				return
			}
			results[nth], failed[nth] = act(nth)
		})
	}
	group.Wait()
	return results, errors.Join(failed...)
}
