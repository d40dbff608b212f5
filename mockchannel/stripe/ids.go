package stripe

import (
	"strconv"
	"strings"
	"time"

	"github.com/paystorm/paystorm/mockchannel"
)

// Kinds of identifiers that only this dialect has.
const (
	identifyRequest  mockchannel.IdentifierKind = "req"
	identifyCustomer mockchannel.IdentifierKind = "cus"
	identifyMethod   mockchannel.IdentifierKind = "pm"
	identifyReport   mockchannel.IdentifierKind = "frr"
	identifyFile     mockchannel.IdentifierKind = "file"
	identifySecret   mockchannel.IdentifierKind = "secret"
)

// What identifiers begin with.
const (
	prefixIntent  = "pi_"
	prefixCharge  = "ch_"
	prefixSession = "cs_test_"
	prefixRefund  = "re_"
	prefixDispute = "dp_"
	prefixBalance = "txn_"
)

// serialLength is the length of an intent's identifier without its prefix. Those of its charges and of its Checkout
// Session are made from it, so that nobody has to remember which belongs to which.
const serialLength = 24

// Identify makes identifiers of the length and alphabet of Stripe's.
func (dialect) Identify(kind mockchannel.IdentifierKind, _ time.Time, n int64, hash uint64) string {
	prefix := string(kind) + "_"
	switch kind {
	case mockchannel.IdentifyPayment:
		prefix = prefixIntent
	case mockchannel.IdentifyRefund:
		prefix = prefixRefund
	case mockchannel.IdentifyNotification:
		prefix = "evt_"
	case mockchannel.IdentifyDispute:
		prefix = prefixDispute
	case mockchannel.IdentifyEndpoint:
		prefix = "we_"
	case identifySecret:
		prefix = ""
	default:
	}
	text := appendSerial(append(make([]byte, 0, 32), prefix...), n, hash)
	if kind == identifyRequest || kind == identifyCustomer { // which are shorter
		text = append(text[:len(prefix)], text[len(text)-14:]...)
	}
	return string(text)
}

const alphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

// appendSerial appends "3P" and 22 digits of base 62: eleven of the hash, and eleven of the number under it, which no
// other number has.
func appendSerial(text []byte, n int64, hash uint64) []byte {
	text = append(text, "3P"...)
	text = appendBase62(text, hash)
	return appendBase62(text, scatter(uint64(n)^hash))
}

// scatter is one to one (the finalizer of MurmurHash3).
func scatter(x uint64) uint64 {
	x ^= x >> 33
	x *= 0xff51afd7ed558ccd
	x ^= x >> 33
	x *= 0xc4ceb9fe1a85ec53
	return x ^ x>>33
}

func appendBase62(text []byte, x uint64) []byte {
	for range 11 {
		text = append(text, alphabet[x%62])
		x /= 62
	}
	return text
}

// serialOf is an intent's identifier without its prefix.
func serialOf(intent string) string { return strings.TrimPrefix(intent, prefixIntent) }

// chargeID names the n-th attempt to pay an intent.
func chargeID(intent string, attempt int) string {
	return prefixCharge + serialOf(intent) + strconv.Itoa(attempt)
}

// chargedIntent is whose attempt a charge is.
func chargedIntent(charge string) (intent string, attempt int, ok bool) {
	text, is := strings.CutPrefix(charge, prefixCharge)
	if !is || len(text) <= serialLength {
		return "", 0, false
	}
	attempt, err := strconv.Atoi(text[serialLength:])
	return prefixIntent + text[:serialLength], attempt, err == nil && chargeID(prefixIntent+text[:serialLength], attempt) == charge
}

func sessionID(intent string) string { return prefixSession + serialOf(intent) }

func sessionIntent(session string) string {
	return prefixIntent + strings.TrimPrefix(session, prefixSession)
}

// balanceID names the movement of the balance that a charge, a refund or a dispute is.
func balanceID(source string) string {
	_, text, _ := strings.Cut(source, "_")
	return prefixBalance + text
}

// Presented takes what a shop may hand its buyer: an intent's id, its client secret, a session's id, or the address of
// either's page.
func (dialect) Presented(_ *mockchannel.Channel, handed string) (string, error) {
	handed, _, _ = strings.Cut(handed, "#")
	handed = strings.TrimSuffix(handed, "/")
	handed = handed[strings.LastIndexByte(handed, '/')+1:]
	handed, _, _ = strings.Cut(handed, secretInfix)
	if strings.HasPrefix(handed, prefixSession) {
		return sessionIntent(handed), nil
	}
	return handed, nil
}
