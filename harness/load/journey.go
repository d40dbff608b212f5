package load

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/paystorm/paystorm/history"
	"github.com/paystorm/paystorm/scenarios"
)

// How a journey can end beside "completed" and "<step>: <why>".
const (
	endCompleted = "completed"
	endAbandoned = "abandoned" // by a payer fault, after the order
	endPatience  = "no patience left"
)

// journey is one buyer on the way. Only its own goroutine changes it; requests that a misbehaving payer sends at once
// read it.
type journey struct {
	*Runner
	name     string
	phase    string
	buyer    int
	lines    []line // what the buyer wants
	payers   Payers
	intended history.Time // of the first operation; 0 from then on

	client  client // to the shop: with the buyer's own cookies, where the system has them
	ref     history.Ref
	ordered bool // under this reference
	payer   Payer
	values  scenarios.Values
	state   string // that the shop told last
	off     int64  // what a coupon takes off the order, in minor units

	wish     int    // the refund of the order that is asked for now, from 1
	wished   int    // how many there were, the present ones among them
	tabs     int    // in how many the buyer orders; 0: one
	fault    string // that made this tab, or ""
	thoughts int    // of a script
	stormed  bool   // the retry storm was acted out, and said so
}

// end is why a journey ends before its last step. It is no error of ours.
type end struct{ why string }

func (e end) Error() string { return e.why }

// run takes the steps in turn until one ends the journey. It returns why the journey ended, or the context's error; a
// journey that was cut off has no JourneyEnd.
func (j *journey) run(ctx context.Context) (why string, err error) {
	ended := j.begin()
	if several := j.payer.ParallelOrders; several != nil {
		why, err = j.inTabs(ctx, several)
	} else {
		why, err = j.toEnd(ctx)
	}
	if err != nil {
		return "", err
	}
	ended(why)
	return why, nil
}

// toEnd takes the journey's steps.
func (j *journey) toEnd(ctx context.Context) (why string, err error) {
	if err := j.walk(ctx, j.journeys[j.name]); err != nil {
		var early end
		if cut := ctx.Err(); !errors.As(err, &early) || (cut != nil && errors.Is(err, cut)) {
			return "", err
		}
		return early.why, nil
	}
	return endCompleted, nil
}

// begin records that the buyer is here, and returns how to record the end.
func (j *journey) begin() (ended func(why string)) {
	j.arrive()
	event := history.Event{
		Source: history.SourceLoad, Kind: history.JourneyBegin, Ref: j.ref.String(), Buyer: j.buyer, Key: j.name,
		IntendedAt: j.intended,
	}
	j.recorder.Event(event)
	return func(why string) {
		event.Kind, event.Reason, event.IntendedAt = history.JourneyEnd, why, 0
		j.recorder.Event(event)
	}
}

// walk takes steps in turn.
func (j *journey) walk(ctx context.Context, steps []*step) error {
	for _, step := range steps {
		if err := j.take(ctx, step); err != nil {
			return err
		}
		j.intended = 0 // later steps follow from answers
	}
	return nil
}

// arrive makes a buyer whom the shop has never seen: no cookies, and nothing known but what is on sale.
func (j *journey) arrive() {
	j.client = j.Runner.client
	if j.plan.System.Cookies {
		j.client = j.client.withCookies()
	}
	j.values = j.given.values(j.lines[0].item)
	j.values["quantity"] = j.lines[0].quantity
	if len(j.lines) > 1 {
		second := j.given.item(j.lines[1].item)
		second["quantity"] = j.lines[1].quantity
		maps.Copy(j.values, second.Second())
	}
	j.values[scenarios.NameCoupon] = j.coupon().Code
	// Unique to the run, because limits per buyer outlive it in a shop that was there before.
	j.values["buyer"] = "ps-" + j.Runner.run + "-" + keyOf(j.buyer)
	j.state = ""
	j.newRef()
}

// newRef is the buyer's next order, unless the one that it has is still to be placed.
func (j *journey) newRef() {
	if j.ref.Nth == 0 || j.ordered {
		j.ref = history.Ref{Run: j.Runner.run, Buyer: j.buyer, Nth: j.ref.Nth + max(1, j.tabs)}
		j.payer, j.stormed, j.ordered = Payer{}, false, false
		j.wish, j.wished = 0, 0
		if j.payers != nil {
			j.payer = j.payers.Payer(j.ref)
		}
	}
	j.values["ref"] = j.ref.String()
}

// take takes one step, again where it says so, and the way on from there.
func (j *journey) take(ctx context.Context, s *step) error {
	if s.Fresh {
		j.arrive()
	}
	think := j.span(s.Think, s, "think", 0)
	if j.intended > 0 {
		j.intended = j.intended.Add(think)
	}
	if !pause(ctx, think) {
		return ctx.Err()
	}
	if s.End != "" {
		return end{s.End}
	}
	switch s.kind() {
	case history.OpOrder:
		j.newRef()
		j.ordered, j.off = true, 0
		if s.coupon {
			j.off = j.coupon().Off.Minor
		}
	case history.OpRefund:
		j.wished++
		j.wish = j.wished
	}
	result, err := j.attempt(ctx, s)
	for nth := 1; err == nil && s.Retry != nil && nth <= s.Retry.Times && result.is(s.Retry.On...); nth++ {
		if !pause(ctx, j.span(s.Retry.Every, s, "retry", nth)) {
			return ctx.Err()
		}
		result, err = j.attempt(ctx, s)
	}
	if err != nil {
		return err
	}
	if result.outcome == history.OK {
		j.keep(result)
	}
	if branch := result.branch(s.on); branch != nil {
		return j.walk(ctx, branch)
	}
	if result.paidAlready(s) {
		return nil
	}
	if result.outcome != history.OK || result.late {
		return end{s.Name + ": " + result.reason}
	}
	return nil
}

// span is a pause of this buyer, the same in every run of the same seed.
func (j *journey) span(of scenarios.Span, s *step, why string, nth int) time.Duration {
	if of.Low == of.High {
		return of.Low
	}
	return j.dice.Between(of.Low, of.High, why, s.place, keyOf(j.buyer), strconv.Itoa(j.ref.Nth), strconv.Itoa(nth))
}

// attempt takes a step once, the way this buyer does.
func (j *journey) attempt(ctx context.Context, s *step) (answer, error) {
	switch {
	case s.Payment != "":
		return j.payStep(ctx, s)
	case s.polling:
		return j.poll(ctx, s)
	default:
		return j.shopStep(ctx, s)
	}
}

// keep remembers what an answer said.
func (j *journey) keep(result answer) {
	for name, value := range result.captured {
		j.values[name] = value
	}
	j.state = cmp.Or(result.state, j.state)
}

// is says whether the answer is one of the ways to end that `on` and `retry` name.
func (a answer) is(words ...string) bool {
	return slices.ContainsFunc(words, func(word string) bool {
		switch a.outcome {
		case history.OK:
			return a.late && word == scenarios.OnPatience || !a.late && word == a.state && word != ""
		case history.Refused:
			return word == a.reason || word == scenarios.OnRefused
		default:
			return word == scenarios.OnUnknown
		}
	})
}

// branch is where the answer leads, nil if nowhere. A refusal's own reason comes before refusals in general.
func (a answer) branch(on map[string][]*step) []*step {
	if branch := on[a.reason]; branch != nil && a.outcome == history.Refused {
		return branch
	}
	for word, branch := range on {
		if a.is(word) {
			return branch
		}
	}
	return nil
}

// poll asks until the order is as wished or patience ends. Each request is an operation of its own, because each is an
// observation with a time of its own; one that stays without an answer is no reason to stop asking.
func (j *journey) poll(ctx context.Context, s *step) (answer, error) {
	every := cmp.Or(time.Duration(s.Every), pollEvery)
	patience := j.clock.Now().Add(time.Duration(s.Within))
	for {
		left := patience.Sub(j.clock.Now())
		result, err := j.shopRequest(ctx, s, min(requestWithin, max(left, pollShortest)), "")
		if err != nil || result.outcome == history.Refused {
			return result, err
		}
		if result.outcome == history.OK {
			j.keep(result)
			if s.until(result.state) {
				return result, nil
			}
		}
		if patience.Sub(j.clock.Now()) <= every {
			return answer{outcome: history.OK, reason: endPatience, late: true}, nil
		}
		if !pause(ctx, every) {
			return answer{}, ctx.Err()
		}
	}
}

const (
	pollEvery = 100 * time.Millisecond
	// pollShortest is what the last request of a poll gets, however little patience is left.
	pollShortest = time.Second
)

// ask makes one operation at the shop: recorded, sent, recorded. fault is the payer fault behind it, or "".
func (j *journey) ask(
	ctx context.Context, s *step, within time.Duration, intended history.Time, wish refundWish, fault string,
) (answer, error) {
	request, err := s.request(ctx, j.shopURL, j.wishing(wish))
	if err != nil {
		return answer{}, end{s.Name + ": cannot be asked: " + err.Error()}
	}
	op := j.invoke(s.kind(), j.text(capturePayment), j.partOf(wish), intended, wish, fault)
	result := do(j.client, request, within, func(received reply) answer { return s.answer(j.plan.System.States, received) })
	return result, j.answered(ctx, op, result)
}

// invoke records an operation that is about to be made. minor is what the buyer pays or wants back with it, or 0.
func (j *journey) invoke(
	kind, payment string, minor int64, intended history.Time, wish refundWish, fault string,
) uint64 {
	invocation := history.Invocation{
		Op: j.recorder.NextOp(), Kind: kind, Ref: j.ref.String(), Buyer: j.buyer,
		Order: j.text(captureOrder), Payment: payment, SKU: j.lines[0].item.SKU, Quantity: j.lines[0].quantity,
		Minor: minor, Phase: j.phase, Fault: cmp.Or(fault, j.fault), Wish: wish.nth, Intended: intended, Called: j.clock.Now(),
	}
	for _, more := range j.lines[1:] {
		invocation.More = append(invocation.More, history.Line{SKU: more.item.SKU, Quantity: more.quantity})
	}
	if minor > 0 {
		invocation.Currency = j.lines[0].item.Price.Currency
	}
	j.recorder.Invoke(invocation)
	return invocation.Op
}

// answered records what came of an operation. Of one that was cut off nothing came: it stays without an answer.
func (j *journey) answered(ctx context.Context, op uint64, result answer) error {
	if result.cut {
		return ctx.Err()
	}
	j.recorder.Answer(history.Answer{
		Op: op, Returned: j.clock.Now(), Outcome: result.outcome, Reason: result.reason, Status: result.status,
		State: result.state, Order: result.captured[captureOrder], Payment: result.captured[capturePayment],
	})
	return nil
}

// text is a captured value, or "".
func (j *journey) text(name string) string {
	value, _ := j.values[name].(string)
	return value
}

// price is what the order costs in minor units, less the coupon that it was asked for with.
func (j *journey) price() int64 {
	sum := int64(0)
	for _, line := range j.lines {
		sum += line.item.Price.Minor * line.quantity
	}
	return sum - j.off
}

// coupon is the one that the buyer was given, of several one by luck; its zero value is none. In the warm-up nobody has
// one: its uses are the sale's.
func (j *journey) coupon() scenarios.Coupon {
	given := j.plan.Coupons
	if len(given) == 0 || j.phase == history.PhaseWarmUp {
		return scenarios.Coupon{}
	}
	return given[j.dice.Uint64("coupon", keyOf(j.buyer))%uint64(len(given))]
}

// wanted is when the load model wanted the journey's first operation, for that one, and 0 for the others.
func (j *journey) wanted() history.Time {
	intended := j.intended
	j.intended = 0
	return intended
}
