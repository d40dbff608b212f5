// Package standard is the channel's own dialect: plain JSON over HTTP, and notifications signed per Standard Webhooks
// (standardwebhooks.com). It is what a shop speaks that has no provider's SDK, and the smallest example of a dialect.
//
// # Merchant API
//
// Every request carries "Authorization: Bearer <api key>". Bodies are JSON objects of at most 64 KiB; unknown and
// repeated keys are refused. Amounts are whole minor units. An error is
//
//	{"error": {"code": "refund_exceeds_capture", "message": "…", "field": "amount_minor"}}
//
//	POST /v1/payments                 Idempotency-Key required
//	    {"order", "amount_minor", "currency", "notify_url", "description"?, "metadata"?: {string: string}}
//	    → 201 payment. metadata.ref, if it is a client reference, tells the channel whose order it is.
//	GET  /v1/payments/{id}            → 200 payment | 404 payment_not_found
//	GET  /v1/payments?order=NUMBER    → 200 {"payments": [payment, …]}, oldest first, possibly empty
//	POST /v1/payments/{id}/close      → 200 payment, also when it is closed already | 409 payment_succeeded
//	POST /v1/refunds                  Idempotency-Key required
//	    {"payment", "refund_no", "amount_minor", "reason"?} → 201 refund (200 for a repeat of the same refund_no and amount)
//	    | 404 payment_not_found | 409 payment_not_succeeded, refund_exceeds_capture, refund_mismatch (same number, other
//	    amount)
//	GET  /v1/refunds/{refund_no}      → 200 refund | 404 refund_not_found
//	GET  /v1/bill                     → 200 text/csv, a heading, then one line per capture and per refund, oldest first:
//	    type (capture, refund), at (RFC 3339), payment, order, refund, refund_no, amount_minor, currency, state
//
//	payment: {"id", "merchant", "order", "amount_minor", "captured_minor", "refunded_minor", "currency", "state",
//	          "version", "pay_url", "metadata"}; state: created, pending, succeeded, failed, closed
//	refund:  {"id", "refund_no", "payment", "order", "amount_minor", "currency", "state"}; state: pending, succeeded,
//	         failed. The refund_no of a refund that the channel made by itself is its id.
//
// An Idempotency-Key that comes again with the same body gets the first answer (Idempotent-Replayed: true); with
// another body 409 idempotency_mismatch; while the first is in work 409 idempotency_in_use. 400 is invalid_request, 401
// unauthorized, 429 rate_limited, 500 internal, 503 unavailable. Answers 5xx are not kept under the key.
//
// # Payer
//
//	GET  /pay/{id}                    a page with buttons
//	POST /pay/{id}                    form or JSON: {"action": "pay" | "decline", "after_ms"?: n, "ref"?: "ps-…"}
//	    → 200 {"payment", "state"}, 202 if it happens after_ms later, 409 {"error"…} payment_closed or
//	    payment_succeeded, 404. ref tells the channel whose payment it is, where metadata did not.
//
// # Notifications
//
// POST to the payment's notify_url with webhook-id, webhook-timestamp, webhook-signature ("v1,<base64 HMAC-SHA256>"
// under the whsec_ secret) and the body
//
//	{"type", "timestamp" (RFC 3339), "data": {"payment", "merchant", "order", "amount_minor", "currency", "state",
//	 "version", "refund"?: {"id", "refund_no", "amount_minor", "state"}}}
//
// with the types payment.succeeded, payment.failed, payment.closed, refund.succeeded and refund.failed. amount_minor is
// what was captured, or what was asked for where nothing was. webhook-id is constant over re-deliveries of one
// notification; the timestamp and so the signature are not. Any 2xx acknowledges.
package standard
