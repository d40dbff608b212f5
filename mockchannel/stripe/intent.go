package stripe

import (
	"slices"
	"strings"
	"time"

	"github.com/paystorm/paystorm/history"
	"github.com/paystorm/paystorm/mockchannel"
)

// intent is what a PaymentIntent has beside the ledger's payment. It is never changed, but replaced.
type intent struct {
	secret     string // the client secret's part after the id
	method     *method
	kinds      []string // payment_method_types
	automatic  string   // automatic_payment_methods, as JSON
	manual     string   // capture_method
	confirm    string   // confirmation_method
	action     bool     // it has been confirmed, and waits for the payer to authenticate
	returnURL  string
	customer   string
	describes  string // description
	receipt    string // receipt_email
	future     string // setup_future_usage
	descriptor string // statement_descriptor
	suffix     string // statement_descriptor_suffix
	group      string // transfer_group
	shipping   string // as JSON
	session    *session
}

func intentOf(p mockchannel.Payment) *intent {
	if details, is := p.Details.(*intent); is {
		return details
	}
	return &intent{kinds: []string{"card"}} // of a payment that was not made by this dialect
}

const secretInfix = "_secret_"

// delayed says that the money of the payment comes, or does not, some time after the payer has confirmed.
func (i *intent) delayed() bool {
	if i.method != nil {
		return delayedKind(i.method.kind)
	}
	return len(i.kinds) > 0 && !slices.ContainsFunc(i.kinds, func(kind string) bool { return !delayedKind(kind) })
}

// The states of a PaymentIntent: https://docs.stripe.com/payments/paymentintents/lifecycle.
const (
	requiresMethod       = "requires_payment_method"
	requiresConfirmation = "requires_confirmation"
	requiresAction       = "requires_action"
	processing           = "processing"
	requiresCapture      = "requires_capture"
	succeeded            = "succeeded"
	canceled             = "canceled"
)

// status is the state of a payment in Stripe's words. One that is pending at the channel is processing here only with a
// method that takes its time: a payer who has opened the page and not paid is nobody whom Stripe knows of.
func status(p mockchannel.Payment) string {
	i := intentOf(p)
	switch p.State {
	case mockchannel.Succeeded:
		return succeeded
	case mockchannel.Authorized:
		return requiresCapture
	case mockchannel.Closed:
		return canceled
	case mockchannel.Failed:
		return requiresMethod
	case mockchannel.Pending:
		if i.delayed() {
			return processing
		}
	case mockchannel.Created:
	}
	switch {
	case i.action:
		return requiresAction
	case i.method != nil:
		return requiresConfirmation
	default:
		return requiresMethod
	}
}

// payer is the method that paid, or tried to.
func payer(p mockchannel.Payment) *method {
	if m := intentOf(p).method; m != nil {
		return m
	}
	return plainVisa(p.ID)
}

// latestCharge is the attempt to pay that is under way, or was the last; 0 before the first.
func latestCharge(p mockchannel.Payment) int {
	if status(p) == processing {
		return p.Attempts + 1
	}
	return p.Attempts
}

// writeIntent is the object of https://docs.stripe.com/api/payment_intents/object.
func writeIntent(w *writer, p mockchannel.Payment) {
	i, state := intentOf(p), status(p)
	var capturable int64
	if state == requiresCapture {
		capturable = p.Minor
	}
	w.begin("")
	w.string("id", p.ID)
	w.string("object", "payment_intent")
	w.number("amount", toWire(p.Minor, p.Currency))
	w.number("amount_capturable", toWire(capturable, p.Currency))
	w.constant(`"amount_details":{"tip":{}}`)
	w.number("amount_received", toWire(p.Captured, p.Currency))
	w.constant(`"application":null,"application_fee_amount":null`)
	w.raw("automatic_payment_methods", i.automatic)
	if state == canceled {
		w.moment("canceled_at", p.At)
	} else {
		w.null("canceled_at")
	}
	w.optional("cancellation_reason", cancellation(p))
	w.string("capture_method", i.manual)
	w.string("client_secret", p.ID+secretInfix+i.secret)
	w.string("confirmation_method", i.confirm)
	w.moment("created", p.CreatedAt)
	w.string("currency", strings.ToLower(p.Currency))
	w.reference("customer", i.customer, writeCustomerOf(i.customer))
	w.optional("description", i.describes)
	writeLastError(w, p, state)
	w.reference("latest_charge", latestChargeID(p), func(w *writer) { writeCharge(w, p, latestCharge(p)) })
	w.bool("livemode", false)
	w.metadata(p.Metadata)
	writeNextAction(w, p, state)
	w.null("on_behalf_of")
	paid := payingMethod(p, state)
	if paid == nil {
		w.null("payment_method")
	} else {
		w.reference("payment_method", paid.id, paid.write)
	}
	w.constant(`"payment_method_configuration_details":null,"payment_method_options":{}`)
	w.strings("payment_method_types", i.kinds)
	w.null("processing")
	w.optional("receipt_email", i.receipt)
	w.null("review")
	w.optional("setup_future_usage", i.future)
	w.raw("shipping", i.shipping)
	w.null("source")
	w.optional("statement_descriptor", i.descriptor)
	w.optional("statement_descriptor_suffix", i.suffix)
	w.string("status", state)
	w.null("transfer_data")
	w.optional("transfer_group", i.group)
	w.end()
}

func latestChargeID(p mockchannel.Payment) string {
	if n := latestCharge(p); n > 0 {
		return chargeID(p.ID, n)
	}
	return ""
}

// payingMethod is the method that the intent shows: a failed attempt takes it away again.
func payingMethod(p mockchannel.Payment, state string) *method {
	switch {
	case p.State == mockchannel.Failed:
		return nil
	case state == succeeded || state == requiresCapture:
		return payer(p)
	default:
		return intentOf(p).method
	}
}

// cancellation is why an intent was canceled.
func cancellation(p mockchannel.Payment) string {
	switch {
	case p.State != mockchannel.Closed:
		return ""
	case p.Reason == reasonExpired:
		return "automatic"
	default:
		return p.Reason
	}
}

// reasonExpired is the channel's reason for closing what was not paid in time.
const reasonExpired = "expired"

func writeLastError(w *writer, p mockchannel.Payment, state string) {
	if p.State != mockchannel.Failed || state != requiresMethod {
		w.null("last_payment_error")
		return
	}
	why := declined(p.Reason)
	w.begin("last_payment_error")
	w.string("charge", chargeID(p.ID, p.Attempts))
	w.string("code", why.code)
	if why.declineCode != "" {
		w.string("decline_code", why.declineCode)
	}
	w.string("doc_url", docURL(why.code))
	w.string("message", why.message)
	w.name("payment_method")
	payer(p).write(w)
	w.string("type", typeCard)
	w.end()
}

// writeNextAction tells the payer where to authenticate: on the channel's own page.
func writeNextAction(w *writer, p mockchannel.Payment, state string) {
	if state != requiresAction {
		w.null("next_action")
		return
	}
	w.begin("next_action")
	w.begin("redirect_to_url")
	w.optional("return_url", intentOf(p).returnURL)
	w.string("url", p.PayURL)
	w.end()
	w.string("type", "redirect_to_url")
	w.end()
}

// intentText is a PaymentIntent without expansions, as errors and events have it.
func intentText(business func(history.Time) time.Time, p mockchannel.Payment) string {
	return string(written(writer{business: business}, func(w *writer) { writeIntent(w, p) }))
}
