package stripe

import (
	"strings"

	"github.com/paystorm/paystorm/mockchannel"
)

// method is a PaymentMethod, or what pays where none was named.
type method struct {
	id       string
	kind     string // "card", or one of delayedKinds
	brand    string // of a card
	last4    string
	customer string
	metadata map[string]string
	created  int64 // seconds of business time
	behaves  behaviour
}

// behaviour is what a test PaymentMethod is for.
type behaviour struct {
	declines      string // the reason for which it is declined
	authenticates bool   // the payer must authenticate at each payment
	refunds       string // refundPends or refundFails
	disputed      bool
}

const (
	refundPends = "pending" // a refund is pending for a while, and then succeeds
	refundFails = "fails"   // a refund succeeds, and fails after a while
)

// delayedKinds are methods whose money comes, or does not, some time after the payer has confirmed:
// https://docs.stripe.com/payments/payment-methods#payment-notification.
func delayedKind(kind string) bool {
	switch kind {
	case "us_bank_account", "sepa_debit", "bacs_debit", "au_becs_debit", "boleto", "konbini", "oxxo", "multibanco", "customer_balance":
		return true
	}
	return false
}

// decline is a reason for which a payment fails.
type decline struct{ code, declineCode, message string }

// declined tells a reason in Stripe's words: https://docs.stripe.com/declines/codes.
func declined(reason string) decline {
	switch reason {
	case "insufficient_funds":
		return decline{"card_declined", reason, "Your card has insufficient funds."}
	case "lost_card", "stolen_card", "fraudulent":
		return decline{"card_declined", reason, "Your card was declined."}
	case "card_velocity_exceeded":
		return decline{"card_declined", reason, "Your card was declined for making repeated attempts too frequently or exceeding its amount limit."}
	case "expired_card":
		return decline{"expired_card", "expired_card", "Your card has expired."}
	case "incorrect_cvc":
		return decline{"incorrect_cvc", "incorrect_cvc", "Your card's security code is incorrect."}
	case "processing_error":
		return decline{"processing_error", "processing_error", "An error occurred while processing your card. Try again in a little bit."}
	case "authentication_required":
		return decline{"authentication_required", reason, "Your card was declined. This transaction requires authentication."}
	case "payment_method_customer_decline":
		return decline{"payment_method_customer_decline", "", "The customer declined the payment."}
	default:
		return decline{"card_declined", "generic_decline", "Your card was declined."}
	}
}

// testMethod is the test PaymentMethod of a name such as pm_card_visa or tok_visa, or of a test card's number:
// https://docs.stripe.com/testing.
func testMethod(name string) (method, bool) {
	for _, prefix := range []string{"pm_card_", "pm_", "tok_"} {
		if rest, found := strings.CutPrefix(name, prefix); found {
			name = rest
			break
		}
	}
	// Stripe's pages write some names with the brand, and some without.
	short := strings.TrimPrefix(name, "visa_")
	for _, m := range testMethods() {
		if m.name == name || m.name == short || m.number == name {
			return method{kind: m.kind, brand: m.brand, last4: m.number[len(m.number)-4:], behaves: m.behaves}, true
		}
	}
	return method{}, false
}

type tested struct {
	name, kind, brand, number string
	behaves                   behaviour
}

func testMethods() []tested {
	return []tested{
		{"visa", "card", "visa", "4242424242424242", behaviour{}},
		{"debit", "card", "visa", "4000056655665556", behaviour{}},
		{"mastercard", "card", "mastercard", "5555555555554444", behaviour{}},
		{"mastercard_debit", "card", "mastercard", "5200828282828210", behaviour{}},
		{"mastercard_prepaid", "card", "mastercard", "5105105105105100", behaviour{}},
		{"amex", "card", "amex", "378282246310005", behaviour{}},
		{"discover", "card", "discover", "6011111111111117", behaviour{}},
		{"diners", "card", "diners", "3056930009020004", behaviour{}},
		{"jcb", "card", "jcb", "3566002020360505", behaviour{}},
		{"unionpay", "card", "unionpay", "6200000000000005", behaviour{}},
		{"bypassPending", "card", "visa", "4000000000000077", behaviour{}},
		{"chargeDeclined", "card", "visa", "4000000000000002", behaviour{declines: "generic_decline"}},
		{"chargeDeclinedInsufficientFunds", "card", "visa", "4000000000009995", behaviour{declines: "insufficient_funds"}},
		{"chargeDeclinedLostCard", "card", "visa", "4000000000009987", behaviour{declines: "lost_card"}},
		{"chargeDeclinedStolenCard", "card", "visa", "4000000000009979", behaviour{declines: "stolen_card"}},
		{"chargeDeclinedFraudulent", "card", "visa", "4100000000000019", behaviour{declines: "fraudulent"}},
		{"chargeDeclinedExpiredCard", "card", "visa", "4000000000000069", behaviour{declines: "expired_card"}},
		{"chargeDeclinedIncorrectCvc", "card", "visa", "4000000000000127", behaviour{declines: "incorrect_cvc"}},
		{"chargeDeclinedProcessingError", "card", "visa", "4000000000000119", behaviour{declines: "processing_error"}},
		{"chargeDeclinedVelocityLimitExceeded", "card", "visa", "4000000000006975", behaviour{declines: "card_velocity_exceeded"}},
		{"chargeCustomerFail", "card", "visa", "4000000000000341", behaviour{declines: "generic_decline"}},
		{"authenticationRequired", "card", "visa", "4000002760003184", behaviour{authenticates: true}},
		{"threeDSecure2Required", "card", "visa", "4000000000003220", behaviour{authenticates: true}},
		{"threeDSecureRequired", "card", "visa", "4000000000003063", behaviour{authenticates: true}},
		{"pendingRefund", "card", "visa", "4000000000007726", behaviour{refunds: refundPends}},
		{"refundFail", "card", "visa", "4000000000005126", behaviour{refunds: refundFails}},
		{"createDispute", "card", "visa", "4000000000000259", behaviour{disputed: true}},
		{"usBankAccount_success", "us_bank_account", "", "000123456789", behaviour{}},
		{"usBankAccount", "us_bank_account", "", "000123456789", behaviour{}},
	}
}

// write is the PaymentMethod: https://docs.stripe.com/api/payment_methods/object.
func (m *method) write(w *writer) {
	w.begin("")
	w.string("id", m.id)
	w.string("object", "payment_method")
	w.constant(`"billing_details":{"address":{"city":null,"country":null,"line1":null,"line2":null,"postal_code":null,"state":null},` +
		`"email":null,"name":null,"phone":null,"tax_id":null}`)
	m.details(w)
	w.number("created", m.created)
	w.optional("customer", m.customer)
	w.bool("livemode", false)
	w.metadata(m.metadata)
	w.string("type", m.kind)
	w.end()
}

// details is the member that is named for the method's kind.
func (m *method) details(w *writer) {
	w.begin(m.kind)
	if m.kind == "card" {
		w.string("brand", m.brand)
		w.constant(`"checks":{"address_line1_check":null,"address_postal_code_check":null,"cvc_check":"pass"}`)
		w.constant(`"country":"US","exp_month":12,"exp_year":2034`)
		w.string("fingerprint", "Xt5EWLLDS7FJj"+m.last4)
		w.string("funding", "credit")
	}
	w.string("last4", m.last4)
	w.end()
}

// plainVisa is what pays where the shop has named nothing: the payer at the channel's own page.
func plainVisa(intent string) *method {
	return &method{id: prefixMethod + serialOf(intent), kind: "card", brand: "visa", last4: "4242"}
}

const prefixMethod = string(identifyMethod) + "_"

const kindMethod = "payment_method"

// methodOf finds what a request names: a PaymentMethod of the merchant, or a test one, of which a fresh copy is kept, as
// at Stripe.
func methodOf(call *mockchannel.Call, name, param string) (*method, error) {
	if value, found := call.Object(kindMethod, name); found {
		if m, is := value.(*method); is {
			return m, nil
		}
	}
	made, known := testMethod(name)
	if !known || !strings.HasPrefix(name, prefixMethod) {
		return nil, noSuch("PaymentMethod", name, param)
	}
	return keepMethod(call, made), nil
}

func keepMethod(call *mockchannel.Call, made method) *method {
	made.id, made.created = call.Identifier(identifyMethod), call.Now().Unix()
	call.PutObject(kindMethod, made.id, &made)
	return &made
}
