package stripe

import (
	"strings"

	"github.com/paystorm/paystorm/mockchannel"
)

// session is a Checkout Session: a hosted page on which one payment is made. The payment is there from the beginning,
// which a shop does not see: at Stripe there is no PaymentIntent before the payer confirms.
type session struct {
	successURL string
	cancelURL  string
	reference  string // client_reference_id
	email      string // customer_email
	locale     string
	metadata   map[string]string // the session's, not the intent's
	expires    int64             // seconds of business time
	lines      []line
}

// line is one line of what is bought.
type line struct {
	name     string
	quantity int64
	unit     int64 // one of Stripe's amounts
}

// The states of a session: https://docs.stripe.com/api/checkout/sessions/object.
const (
	sessionOpen     = "open"
	sessionComplete = "complete"
	sessionExpired  = "expired"
)

func sessionStatus(p mockchannel.Payment) string {
	switch status(p) {
	case succeeded, requiresCapture, processing:
		return sessionComplete
	case canceled:
		return sessionExpired
	}
	if p.State == mockchannel.Failed && intentOf(p).delayed() { // it was complete, and the money did not come
		return sessionComplete
	}
	return sessionOpen
}

// writeSession is the object of https://docs.stripe.com/api/checkout/sessions/object.
func writeSession(w *writer, p mockchannel.Payment) {
	i := intentOf(p)
	s, state := i.session, sessionStatus(p)
	w.begin("")
	w.string("id", sessionID(p.ID))
	w.string("object", "checkout.session")
	w.constant(`"adaptive_pricing":null,"after_expiration":null,"allow_promotion_codes":null`)
	w.number("amount_subtotal", toWire(p.Minor, p.Currency))
	w.number("amount_total", toWire(p.Minor, p.Currency))
	w.constant(`"automatic_tax":{"enabled":false,"liability":null,"provider":null,"status":null},"billing_address_collection":null`)
	w.optional("cancel_url", s.cancelURL)
	w.optional("client_reference_id", s.reference)
	w.constant(`"client_secret":null,"collected_information":null,"consent":null,"consent_collection":null`)
	w.moment("created", p.CreatedAt)
	w.string("currency", strings.ToLower(p.Currency))
	w.null("currency_conversion")
	w.reference("customer", i.customer, writeCustomerOf(i.customer))
	w.constant(`"customer_creation":"if_required","custom_fields":[],"custom_text":{},"discounts":[]`)
	if state == sessionComplete {
		w.begin("customer_details")
		w.constant(`"address":null`)
		w.optional("email", s.email)
		w.constant(`"name":null,"phone":null,"tax_exempt":"none","tax_ids":[]`)
		w.end()
	} else {
		w.null("customer_details")
	}
	w.optional("customer_email", s.email)
	w.number("expires_at", s.expires)
	w.constant(`"invoice":null,"invoice_creation":null`)
	if w.call != nil && w.expands("line_items") {
		s.writeLines(w, p)
	}
	w.bool("livemode", false)
	w.optional("locale", s.locale)
	w.metadata(s.metadata)
	w.string("mode", "payment")
	intent := ""
	if p.Begun {
		intent = p.ID
	}
	w.reference("payment_intent", intent, func(w *writer) { writeIntent(w, p) })
	w.constant(`"payment_link":null,"payment_method_collection":"if_required","payment_method_options":{}`)
	w.strings("payment_method_types", i.kinds)
	if p.State == mockchannel.Succeeded {
		w.string("payment_status", "paid")
	} else {
		w.string("payment_status", "unpaid")
	}
	w.constant(`"recovered_from":null,"setup_intent":null,"shipping_address_collection":null,"shipping_cost":null,"shipping_options":[]`)
	w.string("status", state)
	w.constant(`"submit_type":null,"subscription":null`)
	w.optional("success_url", s.successURL)
	w.constant(`"total_details":{"amount_discount":0,"amount_shipping":0,"amount_tax":0},"ui_mode":"hosted"`)
	if state == sessionOpen {
		w.string("url", sessionURL(p))
	} else {
		w.null("url")
	}
	w.end()
}

// sessionURL is the address of the session's page.
func sessionURL(p mockchannel.Payment) string {
	return strings.TrimSuffix(p.PayURL, p.ID) + sessionID(p.ID)
}

// writeLines is the list of https://docs.stripe.com/api/checkout/sessions/line_items.
func (s *session) writeLines(w *writer, p mockchannel.Payment) {
	w.begin("line_items")
	s.writeLineList(w, p)
	w.end()
}

func (s *session) writeLineList(w *writer, p mockchannel.Payment) {
	currency := strings.ToLower(p.Currency)
	w.string("object", "list")
	w.beginList("data")
	for n, line := range s.lines {
		total := line.unit * line.quantity
		w.begin("")
		w.string("id", "li_"+serialOf(p.ID)+string(alphabet[n%len(alphabet)]))
		w.string("object", "item")
		w.constant(`"amount_discount":0`)
		w.number("amount_subtotal", total)
		w.constant(`"amount_tax":0`)
		w.number("amount_total", total)
		w.string("currency", currency)
		w.string("description", line.name)
		w.begin("price")
		w.string("id", "price_"+serialOf(p.ID)+string(alphabet[n%len(alphabet)]))
		w.string("object", "price")
		w.bool("active", false)
		w.string("currency", currency)
		w.string("type", "one_time")
		w.number("unit_amount", line.unit)
		w.end()
		w.number("quantity", line.quantity)
		w.end()
	}
	w.endList()
	w.bool("has_more", false)
	w.string("url", "/v1/checkout/sessions/"+sessionID(p.ID)+"/line_items")
}
