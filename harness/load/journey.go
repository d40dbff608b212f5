package load

import (
	"cmp"
	"context"
	"errors"
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
	item     scenarios.Item
	quantity int64
	payers   Payers
	intended history.Time // of the first operation; 0 from then on

	ref    history.Ref
	payer  Payer
	values scenarios.Values
	state  string // that the shop told last

	stormed bool // the retry storm was acted out, and said so
}

// end is why a journey ends before its last step. It is no error of ours.
type end struct{ why string }

func (e end) Error() string { return e.why }

// run takes the steps in turn until one does not end as wished. It returns why the journey ended, or the context's
// error; a journey that was cut off has no JourneyEnd.
func (j *journey) run(ctx context.Context) (why string, err error) {
	j.newRef()
	begun := history.Event{
		Source: history.SourceLoad, Kind: history.JourneyBegin, Ref: j.ref.String(), Buyer: j.buyer, Key: j.name,
		IntendedAt: j.intended,
	}
	j.recorder.Event(begun)
	why = endCompleted
	for position, step := range j.journeys[j.name] {
		if position > 0 && step.kind() == history.OpOrder {
			j.newRef()
		}
		if err := j.take(ctx, step); err != nil {
			var early end
			if cut := ctx.Err(); !errors.As(err, &early) || (cut != nil && errors.Is(err, cut)) {
				return "", err
			}
			why = early.why
			break
		}
		j.intended = 0 // later steps follow from answers
	}
	ended := begun
	ended.Kind, ended.Reason, ended.IntendedAt = history.JourneyEnd, why, 0
	j.recorder.Event(ended)
	return why, nil
}

// newRef begins the buyer's next order.
func (j *journey) newRef() {
	j.ref = history.Ref{Run: j.Runner.run, Buyer: j.buyer, Nth: j.ref.Nth + 1}
	j.values["ref"] = j.ref.String()
	j.payer, j.stormed = Payer{}, false
	if j.payers != nil {
		j.payer = j.payers.Payer(j.ref)
	}
}

// take takes one step, the way this buyer does.
func (j *journey) take(ctx context.Context, s *step) error {
	if j.intended > 0 {
		j.intended = j.intended.Add(time.Duration(s.Think))
	}
	if !pause(ctx, time.Duration(s.Think)) {
		return ctx.Err()
	}
	switch {
	case s.Payment != "":
		return j.payStep(ctx, s)
	case s.polling:
		return j.poll(ctx, s)
	default:
		result, err := j.shopStep(ctx, s)
		if err != nil {
			return err
		}
		return j.accept(s, result)
	}
}

// accept keeps what an answer said, and ends the journey if it was not ok.
func (j *journey) accept(s *step, result answer) error {
	if result.outcome != history.OK {
		return end{s.Name + ": " + result.reason}
	}
	for name, value := range result.captured {
		j.values[name] = value
	}
	j.state = cmp.Or(result.state, j.state)
	return nil
}

// poll asks until the order is as wished or patience ends. Each request is an operation of its own, because each is an
// observation with a time of its own; one that stays without an answer is no reason to stop asking.
func (j *journey) poll(ctx context.Context, s *step) error {
	every := cmp.Or(time.Duration(s.Every), pollEvery)
	patience := j.clock.Now().Add(time.Duration(s.Within))
	for {
		left := patience.Sub(j.clock.Now())
		result, err := j.shopRequest(ctx, s, min(requestWithin, max(left, pollShortest)), "")
		if err != nil {
			return err
		}
		if result.outcome == history.Refused {
			return j.accept(s, result)
		}
		if result.outcome == history.OK {
			if err := j.accept(s, result); err != nil {
				return err
			}
			if s.until(result.state) {
				return nil
			}
		}
		if patience.Sub(j.clock.Now()) <= every {
			return end{s.Name + ": " + endPatience}
		}
		if !pause(ctx, every) {
			return ctx.Err()
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
	ctx context.Context, s *step, within time.Duration, intended history.Time, fault string,
) (answer, error) {
	limited, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	request, err := s.request(limited, j.shopURL, j.values)
	if err != nil {
		return answer{}, end{s.Name + ": cannot be asked: " + err.Error()}
	}
	op := j.invoke(s.kind(), j.text(capturePayment), 0, intended, fault)
	result := j.do(ctx, request, func(status int, body []byte) answer {
		return classify(&s.Step, j.plan.System.States, status, body)
	})
	return result, j.answered(ctx, op, result)
}

// invoke records an operation that is about to be made. minor is what the buyer pays with it, or 0.
func (j *journey) invoke(kind, payment string, minor int64, intended history.Time, fault string) uint64 {
	invocation := history.Invocation{
		Op: j.recorder.NextOp(), Kind: kind, Ref: j.ref.String(), Buyer: j.buyer,
		Order: j.text(captureOrder), Payment: payment, SKU: j.item.SKU, Quantity: j.quantity,
		Minor: minor, Phase: j.phase, Fault: fault, Intended: intended, Called: j.clock.Now(),
	}
	if minor > 0 {
		invocation.Currency = j.item.Price.Currency
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

// price is what the order costs in minor units.
func (j *journey) price() int64 { return j.item.Price.Minor * j.quantity }

// wanted is when the load model wanted the journey's first operation, for that one, and 0 for the others.
func (j *journey) wanted() history.Time {
	intended := j.intended
	j.intended = 0
	return intended
}
