package stripe

import (
	"slices"
	"strconv"
	"strings"

	"github.com/paystorm/paystorm/money"
)

// Stripe's amounts are in the smallest unit of a currency, but it does not count the digits of all as ISO 4217 does:
// https://docs.stripe.com/currencies#zero-decimal, #three-decimal and #special-cases.
var (
	zeroDecimal = []string{
		"BIF", "CLP", "DJF", "GNF", "JPY", "KMF", "KRW", "MGA", "PYG", "RWF", "VND", "VUV", "XAF", "XOF", "XPF",
	}
	threeDecimal = []string{"BHD", "JOD", "KWD", "OMR", "TND"}
)

// digits is how many of a currency's decimal digits Stripe's amounts have. Among the two-decimal ones are ISK and UGX,
// which have none by ISO 4217.
func digits(currency string) int {
	switch {
	case slices.Contains(zeroDecimal, currency):
		return 0
	case slices.Contains(threeDecimal, currency):
		return 3
	default:
		return 2
	}
}

// step is how many minor units of ISO 4217 one of Stripe's is worth, or how many of Stripe's are one.
func step(currency string) (times, per int64) {
	switch currency {
	case "ISK", "UGX": // none by ISO 4217
		return 1, 100
	case "MGA": // two by ISO 4217
		return 100, 1
	default:
		return 1, 1
	}
}

// toLedger is one of Stripe's amounts in the channel's minor units. ok is false for a fraction that the currency has not.
func toLedger(amount int64, currency string) (minor int64, ok bool) {
	times, per := step(currency)
	if amount%per != 0 || (digits(currency) == 3 && amount%10 != 0) { // the last of three digits must be 0
		return 0, false
	}
	return amount / per * times, true
}

// toWire is a number of minor units as one of Stripe's amounts.
func toWire(minor int64, currency string) int64 {
	times, per := step(currency)
	return minor * per / times
}

// supported is the currency of a lower-case code.
func supported(code string) (currency string, ok bool) {
	currency = strings.ToUpper(code)
	_, ok = money.Exponent(currency)
	return currency, ok && len(code) == 3
}

// decimal is one of Stripe's amounts as its reports write it: in major units.
func decimal(amount int64, currency string) string {
	d := digits(currency)
	sign := ""
	if amount < 0 {
		sign, amount = "-", -amount
	}
	text := strconv.FormatInt(amount, 10)
	if d == 0 {
		return sign + text
	}
	text = strings.Repeat("0", max(0, d+1-len(text))) + text
	return sign + text[:len(text)-d] + "." + text[len(text)-d:]
}
