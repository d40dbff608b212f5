package stripe

import (
	"strings"

	"github.com/paystorm/paystorm/history"
	"github.com/paystorm/paystorm/mockchannel"
)

// writeCharge is one attempt to pay an intent: https://docs.stripe.com/api/charges/object. The last is what the ledger
// has; those before it failed, for reasons that are not kept.
func writeCharge(w *writer, p mockchannel.Payment, attempt int) {
	i, m := intentOf(p), payer(p)
	last := attempt >= p.Attempts
	paid := last && (p.State == mockchannel.Succeeded || p.State == mockchannel.Authorized)
	captured := last && p.State == mockchannel.Succeeded
	pending := last && status(p) == processing
	back := p.Refunded + p.Refunding - p.Disputed
	if !last {
		back = 0
	}
	id := chargeID(p.ID, attempt)
	w.begin("")
	w.string("id", id)
	w.string("object", "charge")
	w.number("amount", toWire(p.Minor, p.Currency))
	w.number("amount_captured", toWire(p.Captured, p.Currency))
	w.number("amount_refunded", toWire(back, p.Currency))
	w.constant(`"application":null,"application_fee":null,"application_fee_amount":null`)
	if captured {
		w.reference("balance_transaction", balanceID(id), func(w *writer) { writeBalance(w, chargeMovement(p, w)) })
	} else {
		w.null("balance_transaction")
	}
	w.constant(`"billing_details":{"address":{"city":null,"country":null,"line1":null,"line2":null,"postal_code":null,"state":null},` +
		`"email":null,"name":null,"phone":null,"tax_id":null}`)
	w.string("calculated_statement_descriptor", "PAYSTORM")
	w.bool("captured", captured)
	w.moment("created", chargedAt(p))
	w.string("currency", strings.ToLower(p.Currency))
	w.reference("customer", i.customer, writeCustomerOf(i.customer))
	w.optional("description", i.describes)
	w.bool("disputed", last && p.Disputed > 0)
	w.null("failure_balance_transaction")
	writeOutcome(w, p, paid, pending, last)
	w.constant(`"fraud_details":{}`)
	w.bool("livemode", false)
	w.metadata(p.Metadata)
	w.null("on_behalf_of")
	w.bool("paid", paid)
	w.reference("payment_intent", p.ID, func(w *writer) { writeIntent(w, p) })
	w.string("payment_method", m.id)
	w.begin("payment_method_details")
	m.details(w)
	w.string("type", m.kind)
	w.end()
	w.optional("receipt_email", i.receipt)
	w.constant(`"receipt_number":null,"receipt_url":null`)
	w.bool("refunded", back > 0 && back == p.Captured-p.Disputed)
	w.null("review")
	w.raw("shipping", i.shipping)
	w.constant(`"source":null,"source_transfer":null`)
	w.optional("statement_descriptor", i.descriptor)
	w.optional("statement_descriptor_suffix", i.suffix)
	switch {
	case paid:
		w.string("status", "succeeded")
	case pending:
		w.string("status", "pending")
	default:
		w.string("status", "failed")
	}
	w.null("transfer_data")
	w.optional("transfer_group", i.group)
	w.end()
}

// chargedAt is when the last attempt to pay was made.
func chargedAt(p mockchannel.Payment) history.Time {
	if p.State == mockchannel.Succeeded {
		return p.PaidAt
	}
	return p.At
}

// writeOutcome tells why an attempt went as it did.
func writeOutcome(w *writer, p mockchannel.Payment, paid, pending, last bool) {
	why := declined("")
	if last {
		why = declined(p.Reason)
	}
	if paid || pending {
		w.constant(`"failure_code":null,"failure_message":null,"outcome":{"network_status":"approved_by_network","reason":null,` +
			`"risk_level":"normal","seller_message":"Payment complete.","type":"authorized"}`)
		return
	}
	w.string("failure_code", why.code)
	w.string("failure_message", why.message)
	w.begin("outcome")
	w.string("network_status", "declined_by_network")
	w.optional("reason", why.declineCode)
	w.constant(`"risk_level":"normal","seller_message":"The bank did not return any further details with this decline.","type":"issuer_declined"`)
	w.end()
}
