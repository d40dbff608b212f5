package stripe

import (
	"strings"

	"github.com/paystorm/paystorm/history"
	"github.com/paystorm/paystorm/mockchannel"
)

// returned is what a Refund has beside the ledger's refund.
type returned struct {
	reason string
	hides  bool // it tells that it has succeeded while it has not, and will not
}

func returnedOf(r mockchannel.Refund) returned {
	details, _ := r.Details.(returned)
	return details
}

// refundStatus is a refund's state in Stripe's words, which are the ledger's.
func refundStatus(r mockchannel.Refund) string {
	if r.State == history.RefundPending && returnedOf(r).hides {
		return history.RefundDone
	}
	return r.State
}

// writeRefund is the object of https://docs.stripe.com/api/refunds/object. p is its payment.
func writeRefund(w *writer, r mockchannel.Refund, p mockchannel.Payment) {
	w.begin("")
	w.string("id", r.ID)
	w.string("object", "refund")
	w.number("amount", toWire(r.Minor, r.Currency))
	if r.State == history.RefundPending {
		w.null("balance_transaction")
	} else {
		w.reference("balance_transaction", balanceID(r.ID), func(w *writer) { writeBalance(w, refundMovement(r, w)) })
	}
	w.reference("charge", chargeID(p.ID, p.Attempts), func(w *writer) { writeCharge(w, p, p.Attempts) })
	w.moment("created", r.CreatedAt)
	w.string("currency", strings.ToLower(r.Currency))
	w.constant(`"destination_details":{"card":{"reference":null,"reference_status":"pending","reference_type":"acquirer_reference_number","type":"refund"},"type":"card"}`)
	if r.State == history.RefundBroken {
		w.string("failure_balance_transaction", balanceID(r.ID)+failureSuffix)
		w.string("failure_reason", failureReason(r.Reason))
	}
	w.metadata(r.Metadata)
	w.reference("payment_intent", p.ID, func(w *writer) { writeIntent(w, p) })
	if refundStatus(r) == history.RefundPending {
		w.string("pending_reason", "processing")
	}
	w.optional("reason", returnedOf(r).reason)
	w.constant(`"receipt_number":null,"source_transfer_reversal":null`)
	w.string("status", refundStatus(r))
	w.null("transfer_reversal")
	w.end()
}

// failureReason is one of https://docs.stripe.com/refunds#failed-refunds.
func failureReason(reason string) string {
	switch reason {
	case "declined", "expired_or_canceled_card", "insufficient_funds", "lost_or_stolen_card", "merchant_request":
		return reason
	default:
		return "unknown"
	}
}

// writeDispute is the object of https://docs.stripe.com/api/disputes/object.
func writeDispute(w *writer, r mockchannel.Refund, p mockchannel.Payment) {
	w.begin("")
	w.string("id", r.ID)
	w.string("object", "dispute")
	w.number("amount", toWire(r.Minor, r.Currency))
	w.beginList("balance_transactions")
	w.name("")
	writeBalance(w, refundMovement(r, w))
	w.endList()
	w.reference("charge", chargeID(p.ID, p.Attempts), func(w *writer) { writeCharge(w, p, p.Attempts) })
	w.moment("created", r.CreatedAt)
	w.string("currency", strings.ToLower(r.Currency))
	w.constant(`"enhanced_eligibility_types":[],"evidence":{},"evidence_details":{"due_by":null,"enhanced_eligibility":{},` +
		`"has_evidence":false,"past_due":false,"submission_count":0}`)
	w.constant(`"is_charge_refundable":false,"livemode":false`)
	w.metadata(r.Metadata)
	w.reference("payment_intent", p.ID, func(w *writer) { writeIntent(w, p) })
	w.constant(`"payment_method_details":{"card":{"brand":"visa","case_type":"chargeback","network_reason_code":"10"},"type":"card"}`)
	w.constant(`"reason":"fraudulent","status":"needs_response"`)
	w.end()
}
