package stripe

import (
	"net/http"
	"slices"
	"time"

	"github.com/paystorm/paystorm/history"
	"github.com/paystorm/paystorm/mockchannel"
)

// settlesAfter is how long a delayed payment method takes here. At Stripe it is days.
const settlesAfter = 3 * time.Second

func confirmIntent(r *request) (mockchannel.MerchantRequest, error) {
	(&intent{}).merge(r)
	r.bool("off_session")
	r.bool("error_on_requires_action")
	if err := r.check(append(slices.Clone(intentParameters), "client_secret")...); err != nil {
		return mockchannel.MerchantRequest{}, err
	}
	return mockchannel.MerchantRequest{
		Payment: r.id,
		Do: func(call *mockchannel.Call) (mockchannel.Answer, error) {
			p, err := confirm(r, call, r.id)
			return r.intent(call, p, err)
		},
	}, nil
}

// confirm lets the payment method pay, in its own way: https://docs.stripe.com/api/payment_intents/confirm.
func confirm(r *request, call *mockchannel.Call, id string) (mockchannel.Payment, error) {
	known, err := call.Payment(id)
	if err != nil {
		return known, err
	}
	wanted := *intentOf(known)
	wanted.merge(r)
	if known.State == mockchannel.Failed && !r.has("payment_method") && !r.has("payment_method_data") {
		wanted.method = nil // it was taken away by the failure
	}
	if id == r.id { // creating has chosen already
		if err := wanted.choose(r, call); err != nil {
			return known, err
		}
	}
	p, err := call.Update(id, func(p *mockchannel.Payment) error {
		if err := confirmable(r, call, *p, &wanted); err != nil {
			return err
		}
		wanted.action = wanted.method.behaves.authenticates && !r.bool("off_session")
		p.Details, p.Manual = &wanted, wanted.manual == "manual"
		return nil
	})
	if err != nil {
		return p, err
	}
	return pay(r, call, p)
}

// confirmable says why an intent cannot be confirmed.
func confirmable(r *request, call *mockchannel.Call, p mockchannel.Payment, wanted *intent) error {
	state := status(p)
	switch {
	case state == succeeded:
		return unexpected(call, p, "You cannot confirm this PaymentIntent because it has already succeeded after being previously confirmed.")
	case state == canceled || state == requiresCapture || state == processing:
		return unexpected(call, p, "You cannot confirm this PaymentIntent because it has a status of "+state+". Only a PaymentIntent with one of "+
			"the following statuses may be confirmed: requires_payment_method, requires_confirmation, requires_action.")
	case wanted.method == nil:
		return unexpected(call, p, "You cannot confirm this PaymentIntent because it's missing a payment method. You can either update the "+
			"PaymentIntent with a payment method and then confirm it again, or confirm it again directly with a payment method or ConfirmationToken.")
	case wanted.needsReturn() && !r.public: // a browser comes back by itself
		return errNoReturn()
	}
	return nil
}

// pay is what becomes of a confirmed intent.
func pay(r *request, call *mockchannel.Call, p mockchannel.Payment) (mockchannel.Payment, error) {
	m := intentOf(p).method
	var err error
	switch {
	case m.behaves.authenticates && (r.bool("off_session") || r.bool("error_on_requires_action")):
		return refuseCard(call, p, "authentication_required")
	case m.behaves.declines != "":
		return refuseCard(call, p, m.behaves.declines)
	case m.behaves.authenticates:
		p, err = call.Begin(p.ID)
	case delayedKind(m.kind):
		p, err = call.Pay(p.ID, settlesAfter)
	default:
		p, err = call.Pay(p.ID, 0)
	}
	if err == nil && m.behaves.disputed && p.State == mockchannel.Succeeded {
		_, _ = r.channel.GiveBack(p.ID, 0, history.ReasonDispute) // refused where it was given back meanwhile
	}
	if code := codeOf(err); code == mockchannel.CodePaymentSucceeded || code == mockchannel.CodePaymentClosed {
		err = confirmable(r, call, p, intentOf(p)) // somebody else was faster
	}
	return p, err
}

// refuseCard declines, and answers with the card's error: https://docs.stripe.com/declines/codes.
func refuseCard(call *mockchannel.Call, p mockchannel.Payment, reason string) (mockchannel.Payment, error) {
	p, err := call.Decline(p.ID, reason)
	if err != nil {
		return p, err
	}
	why := declined(reason)
	method := &writer{}
	payer(p).write(method)
	return p, fail(mockchannel.CodeDeclined, problem{
		status: http.StatusPaymentRequired, kind: typeCard, code: why.code, declineCode: why.declineCode,
		charge: chargeID(p.ID, p.Attempts), intent: intentText(call.Business, p), method: string(method.text),
	}, "", why.message)
}
