package load

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/paystorm/paystorm/history"
	"github.com/paystorm/paystorm/scenarios"
)

// Visit is one buyer of a k6 script on the way. What the script says of its requests becomes the same records as those of
// a native journey. A visit belongs to one virtual user.
type Visit struct {
	*journey
	ended    func(why string)
	open     []uint64 // operations that were begun and not ended
	why      string   // the journey ended; "": completed
	accepted bool     // an order
	trouble  string   // the last answer that was not ok
}

// Facts are what a script can tell of an operation. Empty ones are not known.
type Facts struct {
	Order   string         // the shop's order number
	Payment string         // the channel's payment id, or what the shop handed its buyer to pay with
	State   string         // of the order, in the shop's words
	Status  int            // of HTTP
	Lines   []history.Line // what is ordered, if it is not what the buyer wants
	Minor   int64          // of a refund: how much of it, in minor units; 0: all
	Wish    int            // of a refund: the one that is asked for again; 0: another
}

// Begun is an operation on its way.
type Begun struct {
	Op   uint64
	Ref  string // the client reference of its order
	Wish int    // of a refund: the how-manieth of its order
	Key  string // of a refund: unique to the wish
}

// Visit lets a buyer of the storm in, whom the load model wanted at intended.
func (r *Runner) Visit(buyer int, intended history.Time) *Visit {
	return visit(r.buyer(buyer, intended))
}

// WarmUpVisit lets a buyer of the warm-up in, as WarmUp does for native journeys.
func (r *Runner) WarmUpVisit() *Visit {
	nth := int(r.warmedUp.Add(1))
	name := r.plan.Journeys[(nth-1)%len(r.plan.Journeys)].Name
	j := r.journey(name, r.plan.Offered+nth, []line{{item: r.warmUpItems()[0], quantity: 1}})
	j.phase = history.PhaseWarmUp
	return visit(j)
}

func visit(j *journey) *Visit {
	v := &Visit{journey: j}
	v.ended = j.begin()
	return v
}

// About is what a script is told of its buyer.
func (v *Visit) About() map[string]any {
	about := map[string]any{"number": v.buyer, "journey": v.name, "shop": v.shopURL}
	for name, value := range v.values {
		switch value.(type) {
		case string, int64:
			about[name] = value
		}
	}
	return about
}

// Think is how long the buyer pauses, of a span such as "200ms..3s".
func (v *Visit) Think(text string) (time.Duration, error) {
	var span scenarios.Span
	if err := span.UnmarshalText([]byte(text)); err != nil {
		return 0, fmt.Errorf("think: %w", err)
	}
	v.thoughts++
	return v.span(span, &step{place: "script"}, "think", v.thoughts), nil
}

// Begin records that an operation is being made. The first order is made under the buyer's reference, each further one
// under one of its own; ref is the one.
func (v *Visit) Begin(kind string, facts Facts) (Begun, error) {
	switch kind {
	case "":
		return Begun{}, errors.New("op.begin: no kind: want order, poll, look, cancel, refund, payment, or one of your own")
	case history.OpPay:
		return Begun{}, errors.New("op.begin: paying is the channel's: want pay(payment)")
	}
	if err := v.want(facts.Lines); err != nil {
		return Begun{}, err
	}
	if kind == history.OpOrder {
		v.newRef()
		v.ordered = true
	}
	wish, err := v.wishFor(kind, facts)
	if err != nil {
		return Begun{}, err
	}
	v.know(facts)
	begun := Begun{Op: v.invoke(kind, v.text(capturePayment), facts.Minor, v.wanted(), wish, ""), Ref: v.ref.String()}
	if wish.nth > 0 {
		begun.Wish, begun.Key = wish.nth, wishKey(v.ref, wish.nth)
	}
	v.open = append(v.open, begun.Op)
	return begun, nil
}

// wishFor is the wish behind a refund: another one, unless the script says which it asks for again.
func (v *Visit) wishFor(kind string, facts Facts) (refundWish, error) {
	switch {
	case kind != history.OpRefund && (facts.Minor != 0 || facts.Wish != 0):
		return refundWish{}, errors.New("op.begin: minor and wish belong to a refund")
	case kind != history.OpRefund:
		return refundWish{}, nil
	case facts.Minor < 0:
		return refundWish{}, fmt.Errorf("op.begin: minor %d: want the part that is asked for, or nothing for all", facts.Minor)
	case facts.Wish < 0 || facts.Wish > v.wished:
		return refundWish{}, fmt.Errorf("op.begin: wish %d: want one that was asked for before, 1 to %d", facts.Wish, v.wished)
	case facts.Wish > 0:
		return refundWish{nth: facts.Wish}, nil
	}
	v.wished++
	return refundWish{nth: v.wished}, nil
}

// want changes what the buyer orders.
func (v *Visit) want(lines []history.Line) error {
	if len(lines) == 0 {
		return nil
	}
	var wanted []line
	for _, asked := range lines {
		at := slices.IndexFunc(v.onSale(), func(i scenarios.Item) bool { return i.SKU == asked.SKU })
		if at < 0 || asked.Quantity < 1 {
			return fmt.Errorf("op.begin: %d of %q: want at least one of a SKU of the sale", asked.Quantity, asked.SKU)
		}
		wanted = append(wanted, line{item: v.onSale()[at], quantity: asked.Quantity})
	}
	v.lines = wanted
	return nil
}

func (v *Visit) onSale() []scenarios.Item {
	return append(slices.Clone(v.plan.Items), v.warmUpItems()...)
}

// know remembers what payers and acts of the system file need of an order.
func (v *Visit) know(facts Facts) {
	for name, value := range map[string]string{captureOrder: facts.Order, capturePayment: facts.Payment} {
		if value != "" {
			v.values[name] = value
		}
	}
}

// End records what came of an operation. Reason is a refusal's, or why nothing is known.
func (v *Visit) End(op uint64, outcome history.Outcome, reason string, facts Facts) error {
	at := slices.Index(v.open, op)
	if at < 0 {
		return errors.New("the operation has ended already: want one of ok, refused and unknown, once")
	}
	if outcome == history.Refused && reason == "" {
		return errors.New("op.refused: no reason: want one, such as sold_out")
	}
	v.open = slices.Delete(v.open, at, at+1)
	result := answer{outcome: outcome, reason: reason, status: facts.Status}
	if outcome == history.OK {
		v.know(facts)
		result.captured = map[string]string{captureOrder: facts.Order, capturePayment: facts.Payment}
		v.accepted = v.accepted || facts.Order != ""
	} else {
		v.trouble = fmt.Sprintf("%s (%s)", outcome, reason)
	}
	if facts.State != "" {
		result.state, result.reason = canonical(v.plan.System.States, facts.State, "state")
	}
	return v.answered(context.Background(), op, result)
}

// Pay is the buyer's act at the channel, the way this buyer does it. Outcome "abandoned" is a buyer who never pays; the
// error is the context's. A payment that is found paid is ok, and the reason says so.
func (v *Visit) Pay(ctx context.Context, payment string) (outcome, reason string, err error) {
	if payment == "" {
		return "", "", errors.New("pay: no payment: want what the shop handed its buyer to pay with")
	}
	v.values[payingNow] = payment
	result, err := v.payStep(ctx, v.paying)
	var early end
	switch {
	case errors.As(err, &early) && ctx.Err() == nil:
		v.why = early.why
		return early.why, "", nil
	case err != nil:
		return "", "", err
	case result.paidAlready(v.paying):
		result.outcome = history.OK
	case result.outcome != history.OK:
		v.trouble = fmt.Sprintf("pay %s (%s)", result.outcome, result.reason)
	}
	return string(result.outcome), result.reason, nil
}

// payingNow is the name under which the step that a script pays by finds the payment.
const payingNow = "paying now"

// Leave ends the journey. thrown is what the script threw, if it did. Operations that it left open are unknown.
func (v *Visit) Leave(thrown string) {
	v.why = strings.TrimSpace(v.why)
	reason := "the script never said"
	if thrown != "" {
		v.why, reason = "script: "+thrown, thrown
	}
	for _, op := range slices.Clone(v.open) {
		_ = v.End(op, history.Unknown, reason, Facts{}) // open, so that there is no error
	}
	if v.why == "" {
		v.why = endCompleted
	}
	v.ended(v.why)
}

// Unserved is why a buyer of the warm-up who has left was not served, "" if all was well.
func (v *Visit) Unserved() string {
	switch {
	case v.why != endCompleted:
		return v.why
	case v.trouble != "":
		return v.trouble
	case !v.accepted:
		return "the script had no order accepted: want op.begin(\"order\") and .ok({order: …})"
	default:
		return ""
	}
}
