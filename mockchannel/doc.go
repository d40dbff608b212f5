// Package mockchannel is a payment channel that keeps the truth: payments, refunds, a double-entry ledger, idempotency
// keys and the outbox of signed notifications.
//
// A dialect decodes a merchant's request into a call on Channel and encodes the answer; the payer's act comes in beside
// it. Every change of a payment is made, timed, versioned and recorded inside that payment's critical section, books
// its ledger entries, and puts a notification into the outbox, whose couriers deliver it and try again until the shop
// acknowledges. At each of these points the channel asks one Faults what goes wrong here; it decides nothing by itself
// and stays a correct channel when nobody answers.
package mockchannel
