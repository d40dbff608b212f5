package stripe

import (
	"slices"

	"github.com/paystorm/paystorm/mockchannel"
)

// attempt is one attempt to pay an intent: a charge.
type attempt struct {
	payment mockchannel.Payment
	number  int
}

func (a attempt) id() string { return chargeID(a.payment.ID, a.number) }

// charges lists the attempts to pay some intents, newest first.
func charges(payments []mockchannel.Payment) []attempt {
	var list []attempt
	for _, p := range payments {
		for number := latestCharge(p); number > 0; number-- {
			list = append(list, attempt{p, number})
		}
	}
	return list
}

// chargeOf finds a charge of the merchant.
func chargeOf(call *mockchannel.Call, id, param string) (attempt, error) {
	intent, number, ok := chargedIntent(id)
	if !ok {
		return attempt{}, noSuch("charge", id, param)
	}
	p, err := call.Payment(intent)
	if err != nil || number < 1 || number > latestCharge(p) {
		return attempt{}, noSuch("charge", id, param)
	}
	return attempt{p, number}, nil
}

func getCharge(r *request) (mockchannel.MerchantRequest, error) {
	intent, _, _ := chargedIntent(r.id)
	return mockchannel.MerchantRequest{
		Payment: intent,
		Do: func(call *mockchannel.Call) (mockchannel.Answer, error) {
			found, err := chargeOf(call, r.id, "id")
			if err != nil {
				return mockchannel.Answer{}, err
			}
			return r.answer(call, func(w *writer) { writeCharge(w, found.payment, found.number) }), nil
		},
	}, r.check()
}

func listCharges(r *request) (mockchannel.MerchantRequest, error) {
	intent, owner := r.text("payment_intent"), r.text("customer")
	page, err := r.page("created", "customer", "payment_intent", "transfer_group")
	if err != nil {
		return mockchannel.MerchantRequest{}, err
	}
	return mockchannel.MerchantRequest{
		Payment: intent,
		Do: func(call *mockchannel.Call) (mockchannel.Answer, error) {
			var payments []mockchannel.Payment
			if intent == "" {
				payments = call.Payments()
			} else if p, err := call.Payment(intent); err == nil {
				payments = []mockchannel.Payment{p}
			}
			list := slices.DeleteFunc(charges(payments), func(a attempt) bool {
				return (owner != "" && intentOf(a.payment).customer != owner) || !page.covers(call.Business(chargedAt(a.payment)).Unix())
			})
			return answerList(r, call, page, "charge", list, attempt.id, func(w *writer, a attempt) { writeCharge(w, a.payment, a.number) })
		},
	}, nil
}
