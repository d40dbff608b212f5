package stripe

import (
	"cmp"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/paystorm/paystorm/mockchannel"
)

// refundTakes is how long a refund to a test card is pending whose refunds take a while: business time.
const refundTakes = 5 * time.Second

func createRefund(r *request) (mockchannel.MerchantRequest, error) {
	intent, charge := r.filled("payment_intent"), r.filled("charge")
	reason := ""
	if r.has("reason") {
		reason = r.oneOf("reason", "duplicate", "fraudulent", "requested_by_customer")
	}
	metadata := r.metadata(nil)
	r.integer("amount", 1)
	if intent == "" && charge == "" {
		r.fail(invalid("parameter_missing", "", "One of the following params should be provided for this request: payment_intent or charge."))
	}
	if err := r.check("amount", "charge", "payment_intent", "reason", "metadata", "instructions_email", "origin", "refund_application_fee", "reverse_transfer"); err != nil {
		return mockchannel.MerchantRequest{}, err
	}
	charged, _, isCharge := chargedIntent(charge)
	if intent == "" && !isCharge {
		return mockchannel.MerchantRequest{}, noSuch("charge", charge, "charge")
	}
	number := metadata["refund_no"]
	if len(number) > 64 {
		number = ""
	}
	return mockchannel.MerchantRequest{
		Payment: cmp.Or(intent, charged), Refund: number,
		Do: func(call *mockchannel.Call) (mockchannel.Answer, error) {
			p, err := call.Payment(cmp.Or(intent, charged))
			if err != nil {
				if intent != "" {
					return mockchannel.Answer{}, noSuch("payment_intent", intent, "payment_intent")
				}
				return mockchannel.Answer{}, noSuch("charge", charge, "charge")
			}
			wanted := mockchannel.RefundRequest{Payment: p.ID, Number: number, Metadata: metadata}
			wanted.Minor = p.Captured - p.Refunded - p.Refunding
			if r.has("amount") {
				if wanted.Minor = r.amount("amount", p.Currency); r.err != nil {
					return mockchannel.Answer{}, r.err
				}
			}
			if err := refundable(p, wanted.Minor); err != nil {
				return mockchannel.Answer{}, err
			}
			made, err := refund(call, behaving(wanted, payer(p), reason))
			if codeOf(err) == mockchannel.CodeRefundExceeds { // somebody else was faster
				if now, gone := call.Payment(p.ID); gone == nil && refundable(now, wanted.Minor) != nil {
					err = refundable(now, wanted.Minor)
				}
			}
			if err != nil {
				return mockchannel.Answer{}, err
			}
			return r.answerRefund(call, made)
		},
	}, nil
}

// refund makes a refund. Metadata does not make a request safe to repeat: a second refund with the same merchant number
// is another refund, and has its own id for a number.
func refund(call *mockchannel.Call, wanted mockchannel.RefundRequest) (mockchannel.Refund, error) {
	made, repeated, err := call.Refund(wanted)
	if repeated || codeOf(err) == mockchannel.CodeRefundMismatch {
		wanted.Number = ""
		made, _, err = call.Refund(wanted)
	}
	return made, err
}

// behaving is a refund that goes as refunds to a test card go: https://docs.stripe.com/testing#refunds.
func behaving(wanted mockchannel.RefundRequest, m *method, reason string) mockchannel.RefundRequest {
	wanted.Details = returned{reason: reason, hides: m.behaves.refunds == refundFails}
	takes := refundTakes
	switch m.behaves.refunds {
	case refundPends:
		wanted.Delay = &takes
	case refundFails:
		wanted.Delay, wanted.Fails = &takes, "expired_or_canceled_card"
	}
	return wanted
}

// refundable says why so much of a payment cannot be refunded.
func refundable(p mockchannel.Payment, minor int64) error {
	charge, left := chargeID(p.ID, p.Attempts), p.Captured-p.Refunded-p.Refunding
	switch {
	case p.State != mockchannel.Succeeded:
		return fail(mockchannel.CodePaymentNotSucceeded, problem{status: http.StatusBadRequest}, "",
			"This PaymentIntent ("+p.ID+") does not have a successful charge to refund.")
	case left <= 0 && p.Disputed > 0:
		return fail(mockchannel.CodeRefundExceeds, problem{status: http.StatusBadRequest, code: "charge_disputed", charge: charge}, "",
			"Charge "+charge+" has been charged back; cannot issue a refund.")
	case left <= 0:
		return fail(mockchannel.CodeRefundExceeds, problem{status: http.StatusBadRequest, code: "charge_already_refunded", charge: charge}, "",
			"Charge "+charge+" has already been refunded.")
	case minor > left:
		currency := strings.ToUpper(p.Currency)
		return fail(mockchannel.CodeRefundExceeds, problem{status: http.StatusBadRequest, charge: charge}, "amount",
			"Refund amount ("+decimal(toWire(minor, currency), currency)+" "+currency+") is greater than unrefunded amount on charge ("+
				decimal(toWire(left, currency), currency)+" "+currency+")")
	}
	return nil
}

func (r *request) answerRefund(call *mockchannel.Call, made mockchannel.Refund) (mockchannel.Answer, error) {
	p, err := call.Payment(made.Payment)
	if err != nil {
		return mockchannel.Answer{}, err
	}
	return r.answer(call, func(w *writer) { writeRefund(w, made, p) }), nil
}

// refundOf finds a refund of the merchant. A dispute is none.
func refundOf(call *mockchannel.Call, id string) (mockchannel.Refund, error) {
	found, err := call.RefundByID(id)
	if err != nil || found.Dispute() {
		return found, noSuch("refund", id, "id")
	}
	return found, nil
}

func getRefund(r *request) (mockchannel.MerchantRequest, error) {
	return mockchannel.MerchantRequest{
		Refund: r.id,
		Do: func(call *mockchannel.Call) (mockchannel.Answer, error) {
			found, err := refundOf(call, r.id)
			if err != nil {
				return mockchannel.Answer{}, err
			}
			return r.answerRefund(call, found)
		},
	}, r.check()
}

func updateRefund(r *request) (mockchannel.MerchantRequest, error) {
	r.metadata(nil)
	if err := r.check("metadata"); err != nil {
		return mockchannel.MerchantRequest{}, err
	}
	return mockchannel.MerchantRequest{
		Refund: r.id,
		Do: func(call *mockchannel.Call) (mockchannel.Answer, error) {
			if _, err := refundOf(call, r.id); err != nil {
				return mockchannel.Answer{}, err
			}
			changed, err := call.UpdateRefund(r.id, func(known *mockchannel.Refund) {
				known.Metadata = r.metadata(known.Metadata)
			})
			if err != nil {
				return mockchannel.Answer{}, err
			}
			return r.answerRefund(call, changed)
		},
	}, nil
}

// returns lists the refunds, or the disputes, of a payment or of all, newest first.
func returns(call *mockchannel.Call, payment string, disputes bool) []mockchannel.Refund {
	payments := []string{payment}
	if payment == "" {
		payments = nil
		for _, p := range call.Payments() {
			if p.Refunded+p.Refunding > 0 || p.State == mockchannel.Succeeded {
				payments = append(payments, p.ID)
			}
		}
	}
	var list []mockchannel.Refund
	for _, id := range payments {
		refunds, err := call.RefundsOf(id)
		if err != nil {
			continue
		}
		for _, r := range refunds {
			if r.Dispute() == disputes {
				list = append(list, r)
			}
		}
	}
	slices.SortStableFunc(list, func(a, b mockchannel.Refund) int { return cmp.Compare(b.CreatedAt, a.CreatedAt) })
	return list
}

func listReturns(r *request, disputes bool, kind string, write func(*writer, mockchannel.Refund, mockchannel.Payment)) (mockchannel.MerchantRequest, error) {
	intent, charge := r.filled("payment_intent"), r.filled("charge")
	page, err := r.page("payment_intent", "charge", "created")
	if err != nil {
		return mockchannel.MerchantRequest{}, err
	}
	if charged, _, ok := chargedIntent(charge); ok && intent == "" {
		intent = charged
	} else if charge != "" && !ok {
		return mockchannel.MerchantRequest{}, noSuch("charge", charge, "charge")
	}
	return mockchannel.MerchantRequest{
		Payment: intent,
		Do: func(call *mockchannel.Call) (mockchannel.Answer, error) {
			if intent != "" {
				if _, found := r.channel.Find(intent); !found {
					return mockchannel.Answer{}, noSuch("payment_intent", intent, "payment_intent")
				}
			}
			list := slices.DeleteFunc(returns(call, intent, disputes), func(one mockchannel.Refund) bool {
				return !page.covers(call.Business(one.CreatedAt).Unix())
			})
			return answerList(r, call, page, kind, list, func(one mockchannel.Refund) string { return one.ID },
				func(w *writer, one mockchannel.Refund) {
					p, _ := r.channel.Find(one.Payment) // a refund's payment is there
					write(w, one, p)
				})
		},
	}, nil
}

func listRefunds(r *request) (mockchannel.MerchantRequest, error) {
	return listReturns(r, false, "refund", writeRefund)
}

func listDisputes(r *request) (mockchannel.MerchantRequest, error) {
	return listReturns(r, true, "dispute", writeDispute)
}

func getDispute(r *request) (mockchannel.MerchantRequest, error) {
	return mockchannel.MerchantRequest{
		Refund: r.id,
		Do: func(call *mockchannel.Call) (mockchannel.Answer, error) {
			found, err := call.RefundByID(r.id)
			if err != nil || !found.Dispute() {
				return mockchannel.Answer{}, noSuch("dispute", r.id, "dispute")
			}
			p, err := call.Payment(found.Payment)
			if err != nil {
				return mockchannel.Answer{}, err
			}
			return r.answer(call, func(w *writer) { writeDispute(w, found, p) }), nil
		},
	}, r.check()
}
