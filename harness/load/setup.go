package load

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/paystorm/paystorm/history"
	"github.com/paystorm/paystorm/scenarios"
)

// warmUpStock is how many units of the warm-up's own SKU there are: more than any warm-up buys.
const warmUpStock = 1_000_000

// Configure makes the steps that tell a shop what it is told over its own API, and returns what they captured. values are
// what the steps may name.
func Configure(ctx context.Context, system scenarios.System, shopURL string, values scenarios.Values) (map[string]string, error) {
	steps, err := parseSteps(system.Configure, "configure")
	if err != nil {
		return nil, err
	}
	r := &Runner{plan: scenarios.Plan{System: system}, shopURL: strings.TrimRight(shopURL, "/"), client: newClient()}
	defer r.Close()
	return r.prepare(ctx, steps, values)
}

// Setup puts the items on sale, and the SKU of the warm-up, and gives the coupons away, by the system's own set-up steps, and returns what they
// captured of each item. It is no part of the sale and not recorded.
func (r *Runner) Setup(ctx context.Context) (map[string]map[string]string, error) {
	captured := map[string]map[string]string{}
	for _, item := range slices.Concat(r.plan.Items, r.warmUpItems()) {
		var err error
		if captured[item.SKU], err = r.prepare(ctx, r.setup, r.given.values(item)); err != nil {
			return nil, fmt.Errorf("set-up of %s: %w", item.SKU, err)
		}
	}
	for _, coupon := range r.plan.Coupons {
		if _, err := r.prepare(ctx, r.coupons, r.given.coupon(coupon)); err != nil {
			return nil, fmt.Errorf("set-up of the coupon %s: %w", coupon.Code, err)
		}
	}
	return captured, nil
}

// Give tells the runner what its buyers need to know. It is called before there are any.
func (r *Runner) Give(given Given) { r.given = given }

// prepare makes steps in turn, all of which must succeed. What one captures, the next may name.
func (r *Runner) prepare(ctx context.Context, steps []*step, values scenarios.Values) (map[string]string, error) {
	captured, client := map[string]string{}, r.client
	if r.plan.System.Cookies {
		client = client.withCookies()
	}
	for _, s := range steps {
		result, err := r.succeed(ctx, client, s, values)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", s.Name, err)
		}
		maps.Copy(captured, result.captured)
		for name, value := range result.captured {
			values[name] = value
		}
	}
	return captured, nil
}

// succeed makes one step that must succeed.
func (r *Runner) succeed(ctx context.Context, client client, s *step, values scenarios.Values) (answer, error) {
	request, err := s.request(ctx, r.shopURL, values)
	if err != nil {
		return answer{}, err
	}
	result := do(client, request, s.within(), func(received reply) answer {
		classified := s.answer(r.plan.System.States, received)
		if classified.outcome != history.OK {
			classified.reason += ": the shop answered " + excerpt(received.body)
		}
		return classified
	})
	switch {
	case result.cut:
		return answer{}, ctx.Err()
	case result.outcome != history.OK:
		return answer{}, fmt.Errorf("%s (%s)", result.outcome, result.reason)
	}
	return result, nil
}

// excerpt is as much of an answer as fits into an error.
func excerpt(body []byte) string {
	const most = 200
	text := strings.TrimSpace(string(body))
	if len(text) > most {
		return strings.ToValidUTF8(text[:most], "") + "…"
	}
	return cmp.Or(text, "nothing")
}

// warmUpItems cost what the first item costs, and everybody may have as many as they like. There are two where a journey
// orders two.
func (r *Runner) warmUpItems() []scenarios.Item {
	item := scenarios.Item{SKU: r.plan.WarmUpSKU, Stock: warmUpStock, Price: r.plan.Items[0].Price}
	if !slices.ContainsFunc(r.plan.Journeys, func(share scenarios.JourneyShare) bool { return share.Pairs }) {
		return []scenarios.Item{item}
	}
	second := item
	second.SKU += "_2"
	return []scenarios.Item{item, second}
}

// WarmUp lets count well-behaved buyers buy of the warm-up's SKU at once, each journey of the plan in turn. Every one
// must be served to its end: if fair weather is too much for the shop, a storm proves nothing. The error says what went
// wrong. Buyers of the warm-up have numbers beyond those of the storm.
func (r *Runner) WarmUp(ctx context.Context, count int) error {
	failed := make([]error, count)
	var group errgroup.Group
	for nth := range count {
		share := r.plan.Journeys[nth%len(r.plan.Journeys)]
		buyer := r.plan.Offered + int(r.warmedUp.Add(1))
		group.Go(func() error {
			var lines []line
			for _, item := range r.warmUpItems()[:itemsOf(share)] {
				lines = append(lines, line{item: item, quantity: 1})
			}
			j := r.journey(share.Name, buyer, lines)
			j.phase = history.PhaseWarmUp
			why, err := j.run(ctx)
			if err == nil {
				failed[nth] = unhealthy(j, why)
			}
			return err
		})
	}
	err := group.Wait()
	r.Close() // the storm's buyers are another process's: nothing here needs the connections again soon
	if err != nil {
		return fmt.Errorf("warm-up: %w", err)
	}
	failed = slices.DeleteFunc(failed, func(err error) bool { return err == nil })
	if len(failed) == 0 {
		return nil
	}
	return &NotServedError{fmt.Errorf("warm-up: %d of %d buyers were not served in fair weather: %w",
		len(failed), count, errors.Join(distinct(failed)...))}
}

// unhealthy says how a journey without any fault failed to do what a shop is for: it did not reach its end, or at its
// end the order was closed or handed to a person although nobody cancelled it.
func unhealthy(j *journey, why string) error {
	cancels := slices.ContainsFunc(j.journeys[j.name], func(s *step) bool { return s.Name == actCancel })
	dead := j.state == string(history.OrderClosed) || j.state == string(history.OrderReview)
	switch {
	case why != endCompleted:
		return fmt.Errorf("journey %s ended at %s", j.name, why)
	case dead && !cancels:
		return fmt.Errorf("journey %s left its order %s", j.name, j.state)
	default:
		return nil
	}
}

// distinct drops errors that say the same as an earlier one.
func distinct(errs []error) []error {
	var kept []error
	for _, err := range errs {
		if !slices.ContainsFunc(kept, func(k error) bool { return k.Error() == err.Error() }) {
			kept = append(kept, err)
		}
	}
	return kept
}

// NotServedError says that the shop did not serve the buyers of the warm-up. What they met stands in the history.
type NotServedError struct{ Err error }

func (e *NotServedError) Error() string { return e.Err.Error() }
func (e *NotServedError) Unwrap() error { return e.Err }
