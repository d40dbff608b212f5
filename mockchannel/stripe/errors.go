package stripe

import (
	"cmp"
	"net/http"
	"strings"

	"github.com/paystorm/paystorm/mockchannel"
)

// The types of errors: https://docs.stripe.com/api/errors.
const (
	typeAPI         = "api_error"
	typeCard        = "card_error"
	typeIdempotency = "idempotency_error"
	typeInvalid     = "invalid_request_error"
)

// problem is an error in Stripe's own words. It is the Details of a *mockchannel.Error whose Message and Field are
// Stripe's too.
type problem struct {
	status      int
	kind        string // "": typeInvalid
	code        string
	declineCode string
	charge      string
	intent      string // the PaymentIntent concerned, as JSON
	method      string // the PaymentMethod concerned, as JSON
}

func fail(code mockchannel.Code, p problem, param, message string) *mockchannel.Error {
	return &mockchannel.Error{Code: code, Field: param, Message: message, Details: p}
}

// invalid is a mistake in the parameters. Not every mistake has a code.
func invalid(code, param, message string) *mockchannel.Error {
	return fail(mockchannel.CodeInvalidRequest, problem{status: http.StatusBadRequest, code: code}, param, message)
}

// noSuch says that an object is not there, as everything else is that another account has.
func noSuch(kind, id, param string) *mockchannel.Error {
	code := mockchannel.CodeNotFound
	switch kind {
	case "payment_intent", "charge", "checkout.session":
		code = mockchannel.CodePaymentNotFound
	case "refund":
		code = mockchannel.CodeRefundNotFound
	}
	return fail(code, problem{status: http.StatusNotFound, code: "resource_missing"}, param, "No such "+kind+": '"+id+"'")
}

func unauthorized(code, message string) *mockchannel.Error {
	return fail(mockchannel.CodeUnauthorized, problem{status: http.StatusUnauthorized, code: code}, "", message)
}

// problemOf is what a refusal of the channel's own is at Stripe, and the words for it.
func problemOf(refusal *mockchannel.Error) (problem, string) {
	if own, is := refusal.Details.(problem); is {
		return own, refusal.Message
	}
	switch refusal.Code {
	case mockchannel.CodeInvalidRequest:
		return problem{status: http.StatusBadRequest}, refusal.Message
	case mockchannel.CodeUnauthorized:
		return problem{status: http.StatusUnauthorized}, refusal.Message
	case mockchannel.CodeNotFound, mockchannel.CodePaymentNotFound, mockchannel.CodeRefundNotFound:
		return problem{status: http.StatusNotFound, code: "resource_missing"}, refusal.Message
	case mockchannel.CodeIdempotencyInUse:
		// The type is that of a real answer: beam-community/stripity-stripe#564.
		return problem{status: http.StatusConflict, code: "idempotency_key_in_use"}, "There is currently another in-progress " +
			"request using this Stripe-Idempotent-Key (that probably means you submitted twice, and the other request is " +
			"still going through): " + refusal.Field + ". Please try again later."
	case mockchannel.CodeIdempotencyMismatch:
		return problem{status: http.StatusBadRequest, kind: typeIdempotency}, refusal.Message
	case mockchannel.CodeRateLimited:
		return problem{status: http.StatusTooManyRequests, code: "rate_limit"}, "Request rate limit exceeded. Learn more about " +
			"rate limits here https://stripe.com/docs/rate-limits."
	case mockchannel.CodeUnavailable:
		return problem{status: http.StatusServiceUnavailable, kind: typeAPI}, "Stripe is temporarily unavailable."
	case mockchannel.CodeInternal:
		return problem{status: http.StatusInternalServerError, kind: typeAPI}, "An unknown error occurred."
	default:
		return problem{status: http.StatusBadRequest}, refusal.Message
	}
}

// errorText is the body of a refusal: https://docs.stripe.com/api/errors.
func errorText(refusal *mockchannel.Error, requestID string) (status int, text []byte) {
	p, message := problemOf(refusal)
	w := &writer{}
	w.begin("")
	w.begin("error")
	if p.charge != "" {
		w.string("charge", p.charge)
	}
	if p.code != "" {
		w.string("code", p.code)
	}
	if p.declineCode != "" {
		w.string("decline_code", p.declineCode)
	}
	if p.code != "" {
		w.string("doc_url", docURL(p.code))
	}
	w.string("message", message)
	if refusal.Field != "" && refusal.Code != mockchannel.CodeIdempotencyInUse {
		w.string("param", refusal.Field)
	}
	if p.intent != "" {
		w.raw("payment_intent", p.intent)
	}
	if p.method != "" {
		w.raw("payment_method", p.method)
	}
	w.string("request_log_url", "https://dashboard.stripe.com/test/logs/"+requestID)
	w.string("type", cmp.Or(p.kind, typeInvalid))
	w.end()
	w.end()
	return cmp.Or(refusal.Status, p.status), w.text
}

func docURL(code string) string {
	return "https://stripe.com/docs/error-codes/" + strings.ReplaceAll(code, "_", "-")
}

// mismatch says how a request differs from the one that had its idempotency key first.
func mismatch(earlier, path, key string) string {
	used, _, _ := strings.Cut(earlier, "\x00")
	if used != path {
		return "Keys for idempotent requests can only be used for the same endpoint they were first used for ('" + path +
			"' vs '" + used + "'). Try using a key other than '" + key + "' if you meant to execute a different request."
	}
	return "Keys for idempotent requests can only be used with the same parameters they were first used with. Try using a " +
		"key other than '" + key + "' if you meant to execute a different request."
}
