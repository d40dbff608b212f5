package stripe

import (
	"cmp"
	"errors"
	"net/http"
	"slices"
	"strings"

	"github.com/paystorm/paystorm/mockchannel"
)

// largestAmount is the documented limit of eight digits: https://docs.stripe.com/currencies#minimum-and-maximum-charge-amounts.
const largestAmount = 99_999_999

// orderOf is the merchant's order number, by which shops find a payment again: metadata is where Stripe lets them keep it.
func orderOf(metadata ...map[string]string) string {
	for _, m := range metadata {
		for _, key := range []string{"order", "order_id"} {
			if number := m[key]; number != "" && len(number) <= 64 {
				return number
			}
		}
	}
	return ""
}

// money takes the amount and the currency, in the channel's units.
func (r *request) money() (minor int64, currency string) {
	amount := r.required("amount")
	code := r.required("currency")
	if amount == "" || code == "" {
		return 0, ""
	}
	return r.amount("amount", code), strings.ToUpper(code)
}

// amount is a positive amount in the channel's units.
func (r *request) amount(name, code string) int64 {
	n := r.integer(name, 0)
	currency, known := supported(strings.ToLower(code))
	switch {
	case !known:
		r.fail(invalid("", "currency", "Invalid currency: "+clip(code)+". Stripe currently supports these currencies: usd, eur, cny, jpy, …"))
	case r.err != nil:
	case n < 1:
		r.fail(invalid("parameter_invalid_integer", name, "This value must be greater than or equal to 1."))
	case n > largestAmount:
		r.fail(invalid("amount_too_large", name, "Amount must be no more than "+decimal(largestAmount, currency)+" "+strings.ToLower(code)))
	}
	minor, whole := toLedger(n, currency)
	if r.err == nil && !whole {
		r.fail(invalid("", name, "Invalid amount: "+strings.ToLower(code)+" has no such fraction; see https://stripe.com/docs/currencies#special-cases"))
	}
	return minor
}

var intentParameters = []string{
	"amount", "amount_details", "application_fee_amount", "automatic_payment_methods", "capture_method", "confirm",
	"confirmation_method", "currency", "customer", "description", "error_on_requires_action", "excluded_payment_method_types",
	"hooks", "mandate_data", "metadata", "off_session", "payment_details", "payment_method", "payment_method_data",
	"payment_method_options", "payment_method_types", "radar_options", "receipt_email", "return_url", "setup_future_usage",
	"shipping", "statement_descriptor", "statement_descriptor_suffix", "transfer_group", "use_stripe_sdk",
}

// merge takes what creating, updating and confirming an intent have in common. The payment method is taken later, since
// that may keep one.
func (i *intent) merge(r *request) {
	i.manual = r.oneOf("capture_method", cmp.Or(i.manual, "automatic_async"), "automatic", "automatic_async", "manual")
	i.confirm = r.oneOf("confirmation_method", cmp.Or(i.confirm, "automatic"), "automatic", "manual")
	if r.has("setup_future_usage") && r.text("setup_future_usage") != "" {
		r.oneOf("setup_future_usage", "off_session", "on_session")
	}
	for _, text := range i.texts() {
		if r.has(text.name) {
			*text.field = r.text(text.name)
		}
	}
	if r.has("shipping") {
		i.shipping = r.under("shipping").json()
	}
	if kinds := r.list("payment_method_types"); len(kinds) > 0 {
		i.kinds, i.automatic = kinds, ""
		if r.has("automatic_payment_methods") {
			r.fail(invalid("", "payment_method_types", "You may only specify one of these parameters: automatic_payment_methods, payment_method_types."))
		}
	}
	if r.has("automatic_payment_methods") {
		i.automatic = r.automatic()
	}
}

// texts are the fields that are taken and given back as they are.
func (i *intent) texts() [8]textField {
	return [...]textField{
		{"customer", &i.customer},
		{"description", &i.describes},
		{"receipt_email", &i.receipt},
		{"return_url", &i.returnURL},
		{"setup_future_usage", &i.future},
		{"statement_descriptor", &i.descriptor},
		{"statement_descriptor_suffix", &i.suffix},
		{"transfer_group", &i.group},
	}
}

type textField struct {
	name  string
	field *string
}

const automaticRedirects = `{"allow_redirects":"always","enabled":true}`

func (r *request) automatic() string {
	inner := reader{form: r.under("automatic_payment_methods")}
	enabled := inner.bool("enabled")
	redirects := inner.oneOf("allow_redirects", "always", "never")
	if !inner.has("enabled") {
		r.fail(missing("automatic_payment_methods[enabled]"))
	}
	r.fail(inner.err)
	switch {
	case !enabled:
		return ""
	case redirects == "always":
		return automaticRedirects
	default:
		return `{"allow_redirects":"never","enabled":true}`
	}
}

func createIntent(r *request) (mockchannel.MerchantRequest, error) {
	minor, currency := r.money()
	i := &intent{kinds: []string{"card"}}
	if !r.has("payment_method_types") && !r.has("automatic_payment_methods") {
		i.automatic = automaticRedirects // by default since API version 2023-08-16
	}
	i.merge(r)
	confirms := r.bool("confirm")
	metadata := r.metadata(nil)
	if !confirms {
		for _, name := range []string{"off_session", "error_on_requires_action", "return_url", "mandate_data"} {
			if r.has(name) {
				r.fail(invalid("", name, "The parameter `"+name+"` cannot be passed when creating a PaymentIntent unless `confirm` is set to true."))
			}
		}
	} else if i.needsReturn() {
		r.fail(errNoReturn())
	}
	if err := r.check(intentParameters...); err != nil {
		return mockchannel.MerchantRequest{}, err
	}
	order := orderOf(metadata)
	return mockchannel.MerchantRequest{
		Order: order, Ref: metadata["ref"],
		Do: func(call *mockchannel.Call) (mockchannel.Answer, error) {
			if err := i.choose(r, call); err != nil {
				return mockchannel.Answer{}, err
			}
			i.secret = call.Identifier(identifySecret)
			p, err := call.CreatePayment(mockchannel.PaymentRequest{
				Order: order, Minor: minor, Currency: currency, Metadata: metadata, Details: i, Manual: i.manual == "manual",
			})
			if err == nil && confirms && p.State == mockchannel.Created {
				p, err = confirm(r, call, p.ID)
			}
			return r.intent(call, p, err)
		},
	}, nil
}

// needsReturn says that the payer might be led away to pay, and nobody said where to come back to.
func (i *intent) needsReturn() bool { return i.automatic == automaticRedirects && i.returnURL == "" }

func errNoReturn() *mockchannel.Error {
	return invalid("", "return_url", "This PaymentIntent is configured to accept payment methods enabled in your Dashboard. Because some of "+
		"these payment methods might redirect your customer off of your page, you must provide a `return_url`. If you don't want to accept "+
		"redirect-based payment methods, set `automatic_payment_methods[enabled]` to `true` and "+
		"`automatic_payment_methods[allow_redirects]` to `never` when creating Setup Intents and Payment Intents.")
}

// choose takes the customer and the payment method that a request names.
func (i *intent) choose(r *request, call *mockchannel.Call) error {
	if r.has("customer") && i.customer != "" {
		if _, err := customerOf(call, i.customer, "customer"); err != nil {
			return err
		}
	}
	switch {
	case r.has("payment_method_data"):
		made, err := methodFrom(r.under("payment_method_data"))
		if err != nil {
			return err
		}
		i.method = keepMethod(call, made)
	case r.has("payment_method"):
		name := r.text("payment_method")
		if name == "" {
			i.method = nil
			return nil
		}
		chosen, err := methodOf(call, name, "payment_method")
		if err != nil {
			return err
		}
		i.method = chosen
	}
	if i.method != nil && delayedKind(i.method.kind) && !slices.Contains(i.kinds, i.method.kind) {
		if i.automatic == "" {
			return invalid("payment_intent_incompatible_payment_method", "payment_method", "The PaymentMethod provided ("+i.method.kind+
				") is not allowed for this PaymentIntent. Please attach a PaymentMethod of one of the following types: "+strings.Join(i.kinds, ", ")+".")
		}
		i.kinds = append(slices.Clone(i.kinds), i.method.kind)
	}
	return nil
}

// intent answers a PaymentIntent, or the refusal of what was to be done with it.
func (r *request) intent(call *mockchannel.Call, p mockchannel.Payment, err error) (mockchannel.Answer, error) {
	if err != nil {
		return mockchannel.Answer{}, r.intentError(err)
	}
	return r.answer(call, func(w *writer) { writeIntent(w, p) }), nil
}

// intentError says which intent there is not.
func (r *request) intentError(err error) error {
	var refusal *mockchannel.Error
	if errors.As(err, &refusal) && refusal.Code == mockchannel.CodePaymentNotFound && refusal.Details == nil {
		return noSuch("payment_intent", r.id, "intent")
	}
	return err
}

// unexpected says that an intent's state allows not what was asked, and shows it.
func unexpected(call *mockchannel.Call, p mockchannel.Payment, message string) *mockchannel.Error {
	code := mockchannel.CodePaymentNotAuthorized
	switch p.State {
	case mockchannel.Succeeded:
		code = mockchannel.CodePaymentSucceeded
	case mockchannel.Closed:
		code = mockchannel.CodePaymentClosed
	default:
	}
	return fail(code, problem{
		status: http.StatusBadRequest, code: "payment_intent_unexpected_state", intent: intentText(call.Business, p),
	}, "", message)
}

func getIntent(r *request) (mockchannel.MerchantRequest, error) {
	if err := r.check("client_secret"); err != nil {
		return mockchannel.MerchantRequest{}, err
	}
	return mockchannel.MerchantRequest{
		Payment: r.id,
		Do: func(call *mockchannel.Call) (mockchannel.Answer, error) {
			p, err := call.Payment(r.id)
			return r.intent(call, p, err)
		},
	}, nil
}

func listIntents(r *request) (mockchannel.MerchantRequest, error) {
	owner := r.text("customer")
	page, err := r.page("created", "customer")
	if err != nil {
		return mockchannel.MerchantRequest{}, err
	}
	return r.does(func(call *mockchannel.Call) (mockchannel.Answer, error) {
		list := slices.DeleteFunc(call.Payments(), func(p mockchannel.Payment) bool {
			i := intentOf(p)
			return (i.session != nil && !p.Begun) || (owner != "" && i.customer != owner) || !page.covers(call.Business(p.CreatedAt).Unix())
		})
		return answerList(r, call, page, "payment_intent", list, func(p mockchannel.Payment) string { return p.ID }, writeIntent)
	})
}

func updateIntent(r *request) (mockchannel.MerchantRequest, error) {
	(&intent{}).merge(r)
	r.metadata(nil)
	if err := r.check(slices.DeleteFunc(slices.Clone(intentParameters), func(name string) bool {
		return name == "confirm" || name == "off_session" || name == "error_on_requires_action"
	})...); err != nil {
		return mockchannel.MerchantRequest{}, err
	}
	return mockchannel.MerchantRequest{
		Payment: r.id,
		Do: func(call *mockchannel.Call) (mockchannel.Answer, error) {
			known, err := call.Payment(r.id)
			if err != nil {
				return mockchannel.Answer{}, r.intentError(err)
			}
			changed := *intentOf(known)
			changed.merge(r)
			if err := changed.choose(r, call); err != nil {
				return mockchannel.Answer{}, err
			}
			p, err := call.Update(r.id, func(p *mockchannel.Payment) error {
				return r.update(call, p, &changed)
			})
			return r.intent(call, p, err)
		},
	}, nil
}

// update changes what may be changed of an intent in its state: its metadata and texts always.
func (r *request) update(call *mockchannel.Call, p *mockchannel.Payment, changed *intent) error {
	state := status(*p)
	open := state == requiresMethod || state == requiresConfirmation || state == requiresAction
	for _, name := range []string{"amount", "currency", "payment_method", "payment_method_data", "capture_method", "customer"} {
		if r.has(name) && !open {
			return unexpected(call, *p, "This PaymentIntent's "+name+" could not be updated because it has a status of "+state+". You may only "+
				"update the "+name+" of a PaymentIntent with one of the following statuses: requires_payment_method, requires_confirmation, requires_action.")
		}
	}
	if r.has("currency") && !strings.EqualFold(r.text("currency"), p.Currency) {
		return invalid("", "currency", "The currency of a PaymentIntent cannot be changed here once it has been created.")
	}
	if r.has("amount") {
		minor := r.amount("amount", p.Currency)
		if r.err != nil {
			return r.err
		}
		p.Minor = minor
	}
	if r.has("payment_method") || r.has("payment_method_data") {
		changed.action = false
	}
	p.Metadata = r.metadata(p.Metadata)
	p.Details, p.Manual = changed, changed.manual == "manual"
	return nil
}

func captureIntent(r *request) (mockchannel.MerchantRequest, error) {
	r.integer("amount_to_capture", 0)
	if err := r.check("amount_to_capture", "metadata", "final_capture", "statement_descriptor", "statement_descriptor_suffix", "application_fee_amount", "transfer_data"); err != nil {
		return mockchannel.MerchantRequest{}, err
	}
	return mockchannel.MerchantRequest{
		Payment: r.id,
		Do: func(call *mockchannel.Call) (mockchannel.Answer, error) {
			p, err := call.Payment(r.id)
			if err != nil {
				return mockchannel.Answer{}, r.intentError(err)
			}
			minor := p.Minor
			if r.has("amount_to_capture") {
				if minor = r.amount("amount_to_capture", p.Currency); r.err != nil {
					return mockchannel.Answer{}, r.err
				}
			}
			if minor > p.Minor && p.State == mockchannel.Authorized {
				return mockchannel.Answer{}, invalid("amount_too_large", "amount_to_capture", "The amount to capture must be less than or equal to the capturable amount.")
			}
			p, err = call.Capture(r.id, minor)
			if codeOf(err) == mockchannel.CodePaymentNotAuthorized {
				err = unexpected(call, p, "This PaymentIntent could not be captured because it has a status of "+status(p)+
					". Only a PaymentIntent with one of the following statuses may be captured: requires_capture.")
			}
			return r.intent(call, p, err)
		},
	}, nil
}

func codeOf(err error) mockchannel.Code {
	var refusal *mockchannel.Error
	if errors.As(err, &refusal) {
		return refusal.Code
	}
	return ""
}

func cancelIntent(r *request) (mockchannel.MerchantRequest, error) {
	reason := ""
	if r.has("cancellation_reason") {
		reason = r.oneOf("cancellation_reason", "requested_by_customer", "duplicate", "fraudulent", "abandoned")
	}
	if err := r.check("cancellation_reason"); err != nil {
		return mockchannel.MerchantRequest{}, err
	}
	return mockchannel.MerchantRequest{
		Payment: r.id,
		Do: func(call *mockchannel.Call) (mockchannel.Answer, error) {
			p, err := call.Payment(r.id)
			if err == nil && intentOf(p).session != nil {
				err = unexpected(call, p, "You cannot cancel this PaymentIntent because it was created by Checkout. Expire the Checkout Session instead.")
			}
			if err == nil && p.State == mockchannel.Closed {
				err = uncancelable(call, p)
			}
			if err != nil {
				return mockchannel.Answer{}, r.intentError(err)
			}
			p, err = call.Close(r.id, reason)
			if codeOf(err) == mockchannel.CodePaymentSucceeded {
				err = uncancelable(call, p)
			}
			return r.intent(call, p, err)
		},
	}, nil
}

func uncancelable(call *mockchannel.Call, p mockchannel.Payment) error {
	return unexpected(call, p, "You cannot cancel this PaymentIntent because it has a status of "+status(p)+". Only a PaymentIntent with one of "+
		"the following statuses may be canceled: requires_payment_method, requires_capture, requires_confirmation, requires_action, processing.")
}
