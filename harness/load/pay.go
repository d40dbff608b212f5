package load

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/paystorm/paystorm/history"
)

// What a payer can do at the channel.
const (
	actionPay     = "pay"
	actionDecline = "decline"
)

// reasonDeclined is the answer to an attempt that the payer declined: it paid nothing, which is a definite no.
const reasonDeclined = "declined"

// reasonPaid is the answer to who would pay what is paid already, as a wallet without a password does by itself: the money is
// there, and the buyer goes on and looks for the order.
const reasonPaid = "payment_succeeded"

// paidAlready says so of a payment.
func (a answer) paidAlready(s *step) bool {
	return s.Payment != "" && a.outcome == history.Refused && a.reason == reasonPaid
}

// payStep pays, the way this buyer does.
func (j *journey) payStep(ctx context.Context, s *step) (answer, error) {
	if abandon := j.payer.Abandon; abandon != nil {
		j.affected(abandon, didAbandon, answer{})
		return answer{}, end{endAbandoned}
	}
	payment, err := s.path.Execute(j.values)
	if err != nil {
		return answer{}, end{s.Name + ": cannot be asked: " + err.Error()}
	}
	var result answer
	switch p := j.payer; {
	case p.PayAfterCancel != nil && j.acts[actCancel] != nil:
		result, err = j.payAfterCancel(ctx, s, payment, p.PayAfterCancel)
	case p.CancelRace != nil && j.acts[actCancel] != nil:
		result, err = j.cancelRace(ctx, s, payment, p.CancelRace)
	case p.PayTwice != nil && j.acts[actPayment] != nil:
		result, err = j.payTwice(ctx, s, payment, p.PayTwice)
	case p.SwitchPayment != nil && j.acts[actPayment] != nil:
		result, err = j.switchPayment(ctx, s, payment, p.SwitchPayment)
	case p.PayLate != nil:
		result, err = j.payLate(ctx, s, payment, p.PayLate)
	case p.DeclineFirst != nil:
		result, err = j.declineFirst(ctx, s, payment, p.DeclineFirst)
	default:
		result, err = j.pay(ctx, s, payment, actionPay, 0, "")
	}
	result.captured = nil // the channel's id is for the record: later steps speak to the shop in the shop's words
	return result, err
}

// payAfterCancel cancels, and pays all the same. Whether the channel still takes the money is for the shop to prevent, if
// its provider lets it: one that cannot close what nobody has begun to pay can only promise to, which its system file calls ok.
func (j *journey) payAfterCancel(ctx context.Context, s *step, payment string, b *Behaviour) (answer, error) {
	cancel := j.acts[actCancel]
	cancelled, err := j.shopRequest(ctx, cancel, cancel.within(), b.Fault)
	if err != nil {
		return answer{}, err
	}
	paid, err := j.pay(ctx, s, payment, actionPay, 0, b.Fault)
	if err == nil && cancelled.outcome == history.OK {
		j.affected(b, didPayAfterCancel, answer{})
	}
	return paid, err
}

// cancelRace pays and cancels at once; the payment has a head start.
func (j *journey) cancelRace(ctx context.Context, s *step, payment string, b *Behaviour) (answer, error) {
	cancel := j.acts[actCancel]
	results, err := together(ctx, 2, b.After, func(nth int) (answer, error) {
		if nth == 0 {
			return j.pay(ctx, s, payment, actionPay, 0, b.Fault)
		}
		return j.shopRequest(ctx, cancel, cancel.within(), b.Fault)
	})
	if err != nil {
		return answer{}, err
	}
	j.affected(b, didCancelRace, answer{})
	return results[0], nil
}

// payTwice opens a second payment of the order while the first is unpaid, as in another tab, and pays both. A shop that
// gives none, or the same again, has nothing to be paid twice.
func (j *journey) payTwice(ctx context.Context, s *step, payment string, b *Behaviour) (answer, error) {
	act := j.acts[actPayment]
	opened, err := j.shopRequest(ctx, act, act.within(), b.Fault)
	if err != nil {
		return answer{}, err
	}
	first, err := j.pay(ctx, s, payment, actionPay, 0, "")
	second := opened.captured[capturePayment]
	if err != nil || second == "" || second == payment {
		return first, err
	}
	again, err := j.pay(ctx, s, second, actionPay, 0, b.Fault)
	if err != nil {
		return answer{}, err
	}
	if first.outcome != history.OK {
		return again, nil
	}
	if again.outcome == history.OK {
		j.affected(b, didPayTwice, answer{})
	}
	return first, nil
}

// switchPayment opens a second payment and pays one of the two. What becomes of the other is told when the order is paid: that
// it was declined, or that the shop or the channel has closed it.
func (j *journey) switchPayment(ctx context.Context, s *step, payment string, b *Behaviour) (answer, error) {
	act := j.acts[actPayment]
	opened, err := j.shopRequest(ctx, act, act.within(), b.Fault)
	if err != nil {
		return answer{}, err
	}
	paid, left := payment, opened.captured[capturePayment]
	if left == "" || left == payment { // there is nothing to switch to
		return j.pay(ctx, s, payment, actionPay, 0, "")
	}
	if b.Second {
		paid, left = left, paid
	}
	result, err := j.pay(ctx, s, paid, actionPay, 0, b.Fault)
	if err != nil || result.outcome != history.OK {
		return result, err
	}
	if b.Declines { // or it was closed already, which is as good
		if _, err := j.pay(ctx, s, left, actionDecline, 0, b.Fault); err != nil {
			return answer{}, err
		}
	}
	j.affected(b, didSwitchPayment, answer{})
	return result, nil
}

// payLate leaves the waiting to a timer of the channel: a virtual user that slept would be missing elsewhere.
func (j *journey) payLate(ctx context.Context, s *step, payment string, b *Behaviour) (answer, error) {
	result, err := j.pay(ctx, s, payment, actionPay, b.After, b.Fault)
	if err == nil && result.outcome == history.OK {
		j.affected(b, didPayLate, answer{})
	}
	return result, err
}

// declineFirst has one attempt declined, and pays with the next.
func (j *journey) declineFirst(ctx context.Context, s *step, payment string, b *Behaviour) (answer, error) {
	declined, err := j.pay(ctx, s, payment, actionDecline, 0, b.Fault)
	if err != nil {
		return answer{}, err
	}
	if declined.reason == reasonDeclined {
		j.affected(b, didDeclineFirst, answer{})
	}
	return j.pay(ctx, s, payment, actionPay, 0, "")
}

// pay is one act of the payer at the channel: one operation of kind pay, with what the buyer means to pay.
func (j *journey) pay(
	ctx context.Context, s *step, payment, action string, after time.Duration, fault string,
) (answer, error) {
	request, err := j.payRequest(ctx, payment, action, after)
	if err != nil {
		return answer{}, end{s.Name + ": cannot be asked: " + err.Error()}
	}
	op := j.invoke(history.OpPay, payment, j.price(), 0, refundWish{}, fault)
	// The channel is no part of the shop, and gets none of its cookies.
	result := do(j.Runner.client, request, s.within(), func(r reply) answer { return classifyPay(action, r.status, r.body) })
	return result, j.answered(ctx, op, result)
}

func (j *journey) payRequest(
	ctx context.Context, payment, action string, after time.Duration,
) (*http.Request, error) {
	body, err := json.Marshal(struct {
		Action  string `json:"action"`
		AfterMS int64  `json:"after_ms,omitempty"`
		Ref     string `json:"ref"`
	}{action, after.Milliseconds(), j.ref.String()})
	if err != nil {
		return nil, fmt.Errorf("write the payer's request: %w", err)
	}
	request, err := http.NewRequestWithContext(
		ctx, http.MethodPost, j.channelURL+"/pay/"+url.PathEscape(payment), bytes.NewReader(body),
	)
	if err != nil {
		return nil, err
	}
	request.GetBody = nil
	request.Header.Set("Content-Type", "application/json")
	return request, nil
}

// classifyPay reads the channel's answer to a payer, which is the same in every dialect. It names the payment, which the
// buyer may have been handed in other words: a QR text, an address.
func classifyPay(action string, status int, body []byte) answer {
	result := unknown(status, "status %d", status)
	switch {
	case action == actionDecline && status == http.StatusOK:
		result = answer{outcome: history.Refused, status: status, reason: reasonDeclined}
	case status == http.StatusOK, status == http.StatusAccepted:
		result = answer{outcome: history.OK, status: status}
	case status == http.StatusConflict:
		if code := get(body, "error.code").String(); code != "" {
			result = answer{outcome: history.Refused, status: status, reason: code}
		}
	}
	if id := get(body, "payment").String(); id != "" {
		result.captured = map[string]string{capturePayment: id}
	}
	return result
}
