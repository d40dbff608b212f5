package mockchannel

// Code is why the channel refuses something, in words of no dialect.
type Code string

// The codes of refusals. A dialect translates them.
const (
	CodeInvalidRequest       Code = "invalid_request"
	CodeUnauthorized         Code = "unauthorized"
	CodeNotFound             Code = "not_found" // no such endpoint
	CodePaymentNotFound      Code = "payment_not_found"
	CodePaymentSucceeded     Code = "payment_succeeded"
	CodePaymentClosed        Code = "payment_closed"
	CodePaymentNotSucceeded  Code = "payment_not_succeeded"
	CodePaymentNotAuthorized Code = "payment_not_authorized"
	CodePaymentMismatch      Code = "payment_mismatch" // the order number belongs to a payment that was asked for differently
	CodeDeclined             Code = "payment_declined" // the payer's bank says no, in the merchant's own request
	CodeRefundNotFound       Code = "refund_not_found"
	CodeRefundExceeds        Code = "refund_exceeds_capture"
	CodeRefundMismatch       Code = "refund_mismatch"
	CodeIdempotencyMismatch  Code = "idempotency_mismatch"
	CodeIdempotencyInUse     Code = "idempotency_in_use"
	CodeRateLimited          Code = "rate_limited"
	CodeInternal             Code = "internal"
	CodeUnavailable          Code = "unavailable"
)

// Error is a refusal.
type Error struct {
	Code    Code
	Message string // for people
	Field   string // the member of the request that is at fault, "" if none is
	Status  int    // the HTTP status that a fault wants, where the dialect has statuses; 0: the dialect's own
	Earlier string // of CodeIdempotencyMismatch: the fingerprint of the request that had the key first
	Details any    // the dialect's own, of an error that it makes itself
}

func (e *Error) Error() string {
	if e.Field == "" {
		return string(e.Code) + ": " + e.Message
	}
	return string(e.Code) + ": " + e.Field + ": " + e.Message
}

func refuse(code Code, message string) *Error { return &Error{Code: code, Message: message} }

func invalid(field, message string) *Error {
	return &Error{Code: CodeInvalidRequest, Field: field, Message: message}
}
