// Package stripe is the dialect of Stripe's API (docs.stripe.com/api, "v1"): a shop's own Stripe library talks to the
// channel unchanged, with another base URL. A request comes in as a form and is read by form.go; api.go says who asks and
// which endpoint it is; the endpoint's file asks the channel and writes the object that it has of it. The dialect has no
// state: what Stripe knows of a payment beside the ledger's is the payment's Details (intent), and Charges, Checkout
// Sessions and balance transactions are views of payments, found by identifiers that are made from the payment's.
//
// # Requests
//
// Forms with nested names (a[b][c]=x, a[]=x, a[0]=x), of at most 1 MiB, in UTF-8; answers are JSON. "Authorization:
// Bearer sk_test_…" or basic authentication; with the publishable key pk_test_… only the retrieval and the confirmation
// of the intent whose client_secret comes with it, and the creation of payment methods (docs.stripe.com/api/authentication,
// docs.stripe.com/keys). expand[] is honoured for the members that name another object. Lists have limit (10, at most
// 100), starting_after, ending_before, has_more and created[gte…]; they are newest first (docs.stripe.com/api/pagination).
// Stripe-Version is echoed and checked for its form only: the objects are those of 2026-03-25.dahlia.
//
//	POST /v1/payment_intents [/{id} [/confirm /capture /cancel]]     GET /v1/payment_intents [/{id} /search]
//	POST /v1/refunds [/{id}]                                         GET /v1/refunds [/{id}]
//	POST /v1/checkout/sessions [/{id}/expire]                        GET /v1/checkout/sessions [/{id} [/line_items]]
//	POST /v1/webhook_endpoints [/{id} [/roll_secret]]  DELETE …/{id}  GET /v1/webhook_endpoints [/{id}]
//	POST /v1/customers [/{id}]         DELETE /v1/customers/{id}      GET /v1/customers [/{id} [/payment_methods]]
//	POST /v1/payment_methods [/{id}/attach /{id}/detach]             GET /v1/payment_methods [/{id}]
//	POST /v1/reporting/report_runs     GET /v1/reporting/report_runs/{id}, /v1/files/{id}/contents
//	GET  /v1/charges [/{id}], /v1/disputes [/{id}], /v1/events [/{id}], /v1/balance_transactions [/{id}]
//
// roll_secret is no endpoint of Stripe's, where a person rolls a secret at the dashboard: {"expires_in"?: seconds that the
// old secret goes on signing, 86400 by default} answers the endpoint with its new secret (docs.stripe.com/webhooks).
//
// # Whose payment it is
//
// metadata.order, else metadata.order_id, is the merchant's order number (of a session: of payment_intent_data.metadata,
// of the session's metadata, or client_reference_id); without it the intent's id is. metadata.ref is the client reference.
// metadata.refund_no is the merchant's refund number, else the refund's id is: an idempotency key is none, since Stripe's
// libraries invent one for each call. As at Stripe none of these is unique: a second refund with the same refund_no is
// another refund, and its number is its id. Only the idempotency key makes a request safe to repeat.
//
// Amounts are in the currency's smallest unit as Stripe counts it (docs.stripe.com/currencies): ISK and UGX have two
// decimals and MGA has none, other than by ISO 4217; the last digit of a three-decimal amount is 0.
//
// # Idempotency (docs.stripe.com/api/idempotent_requests)
//
// A POST with an Idempotency-Key (at most 255 bytes) keeps its first status and body, card errors and 500s included, and
// a repeat gets them with Idempotent-Replayed: true and Original-Request: the first one's Request-Id. The same key with
// other parameters, in whatever order, or at another endpoint: 400 idempotency_error; while the first is in work: 409
// idempotency_key_in_use. What was refused before it was begun (bad parameters, 401, 404 for the address, 429 and whatever
// a fault rejects) is not kept. A 500 that a fault answers although the work was done is kept: a shop gets it again for
// ever under this key, and must look for what became of the request (list, search, events).
//
// # Errors (docs.stripe.com/api/errors)
//
//	{"error": {"type", "code"?, "decline_code"?, "param"?, "message", "doc_url"?, "charge"?, "payment_intent"?,
//	           "payment_method"?, "request_log_url"}}
//
// 400 and 404 invalid_request_error (parameter_missing, parameter_unknown, parameter_invalid_integer,
// parameter_invalid_empty, resource_missing, payment_intent_unexpected_state, charge_already_refunded, amount_too_large,
// …), 401, 402 card_error (card_declined, expired_card, …), 409, 413, 429 rate_limit, 500 and 503 api_error. Every answer
// has a Request-Id.
//
// # Payments
//
// A PaymentIntent is paid by its payer, or confirmed with a test payment method (docs.stripe.com/testing): pm_card_visa and
// its like, pm_card_chargeDeclined… (402 and payment_intent.payment_failed), pm_card_authenticationRequired
// (requires_action until the payer has been at next_action.redirect_to_url.url), pm_card_pendingRefund, pm_card_refundFail,
// pm_card_createDispute, pm_usBankAccount (processing for three seconds). The payer is handed a PaymentIntent's id, a
// client_secret, or a Checkout URL:
//
//	GET  /pay/{id}    a page with buttons; for a session Checkout's own, which leads back to success_url
//	POST /pay/{id}    as in package standard
//
// Of a session whose payment_method_types are all delayed ones (sepa_debit, …) the page confirms only:
// checkout.session.completed says "unpaid", and three seconds later async_payment_succeeded follows
// (docs.stripe.com/payments/checkout/fulfill-orders). A payer who comes later (after_ms) is nobody whom Stripe knows of:
// the intent stays requires_payment_method until then. capture_method=manual authorizes (requires_capture). A session
// expires after expires_at, between half an hour and a day of business time.
//
// A refund is pending as long as the channel was told that refunds are (paystorm channel --refund-delay, 0 for at once, as
// cards are at Stripe), then succeeded or failed. One to pm_card_refundFail says succeeded and fails after five seconds.
//
// # Events (docs.stripe.com/api/events/types, docs.stripe.com/webhooks)
//
// POST to each endpoint that wants the event, with Stripe-Signature: t=<unix seconds>,v1=<hex HMAC-SHA256 of "t.body" under
// the whole whsec_… text>, one v1 for each of two secrets while one replaces the other. The body is the same at each
// delivery, the time and so the signature is not. Any 2xx acknowledges. api_version is the endpoint's own; without one it
// is the Stripe-Version that a request had last. created is in whole seconds of business time, so it orders nothing. One
// change is told by several events; the first that a shop has subscribed to tells it, the others are notes beside it:
//
//	created     (note) payment_intent.created, not for Checkout
//	confirmed   (note) payment_intent.requires_action | processing, checkout.session.completed with payment_status unpaid
//	authorized  (note) payment_intent.amount_capturable_updated, charge.succeeded, checkout.session.completed
//	paid        payment_intent.succeeded, charge.succeeded | charge.captured,
//	            checkout.session.completed | async_payment_succeeded
//	declined    payment_intent.payment_failed, charge.failed, checkout.session.async_payment_failed
//	closed      payment_intent.canceled; of a session checkout.session.expired first
//	refund      (note) refund.created; then refund.updated, charge.refunded, charge.refund.updated, or
//	            refund.failed, refund.updated, charge.refund.updated
//	dispute     charge.dispute.created, charge.dispute.funds_withdrawn
//
// An endpoint's address and secret are its own, so there are no forgeries by another order or another merchant.
//
// # Bill
//
// /v1/balance_transactions, or a ReportRun of balance_change_from_activity.itemized, whose result.url is a CSV in major
// units with the columns balance_transaction_id, created_utc, reporting_category, gross, fee, net, currency, source_id,
// charge_id, payment_intent_id, payment_metadata[order] and refund_metadata[refund_no]. Fees are 0. A refund that failed
// is two lines: it left and came back. (docs.stripe.com/reports/report-types/balance-change-from-activity)
package stripe
