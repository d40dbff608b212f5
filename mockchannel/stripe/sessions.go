package stripe

import (
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/paystorm/paystorm/mockchannel"
)

// A session is open for between half an hour and a day: https://docs.stripe.com/api/checkout/sessions/create.
const (
	shortestSession = 30 * time.Minute
	longestSession  = 24 * time.Hour
)

func sessionParameters() []string {
	return []string{
		"adaptive_pricing", "after_expiration", "allow_promotion_codes", "automatic_tax", "billing_address_collection", "cancel_url",
		"client_reference_id", "consent_collection", "currency", "custom_fields", "custom_text", "customer", "customer_creation",
		"customer_email", "customer_update", "expires_at", "invoice_creation", "line_items", "locale", "metadata", "mode",
		"payment_intent_data", "payment_method_collection", "payment_method_options", "payment_method_types",
		"phone_number_collection", "shipping_address_collection", "submit_type", "success_url", "ui_mode",
	}
}

// lines takes what is bought, which must be priced in the request: there are no Price objects here.
func (r *request) lines() (lines []line, total int64, currency string) {
	for n, item := range r.items("line_items") {
		in := reader{form: item}
		at := "line_items[" + strconv.Itoa(n) + "]"
		if in.has("price") {
			r.fail(fail(mockchannel.CodeNotFound, problem{status: http.StatusBadRequest, code: "resource_missing"}, at+"[price]",
				"No such price: '"+clip(in.text("price"))+"'"))
			return nil, 0, ""
		}
		price := reader{form: in.under("price_data")}
		product := reader{form: price.under("product_data")}
		one := line{name: product.required("name"), quantity: in.integer("quantity", 1), unit: price.integer("unit_amount", -1)}
		code := price.required("currency")
		for _, inner := range []struct {
			reader
			at string
		}{{in, at}, {price, at + "[price_data]"}, {product, at + "[price_data][product_data]"}} {
			r.fail(within(inner.err, inner.at))
		}
		if r.err != nil {
			return nil, 0, ""
		}
		switch {
		case one.quantity < 1 || one.quantity > 999_999:
			r.fail(invalid("parameter_invalid_integer", at+"[quantity]", "This value must be greater than or equal to 1."))
		case one.unit < 0 || one.unit > largestAmount:
			r.fail(invalid("parameter_invalid_integer", at+"[price_data][unit_amount]", "This value must be between 0 and 99999999."))
		case currency != "" && code != currency:
			r.fail(invalid("", at+"[price_data][currency]", "All prices on a Checkout Session must have the same currency."))
		}
		currency, total = code, total+one.unit*one.quantity
		lines = append(lines, one)
	}
	if len(lines) == 0 {
		r.fail(missing("line_items"))
	}
	return lines, total, currency
}

func createSession(r *request) (mockchannel.MerchantRequest, error) {
	if mode := r.required("mode"); mode != "payment" && r.err == nil {
		r.fail(invalid("", "mode", "Only `payment` mode is available here, not: "+clip(mode)))
	}
	lines, total, code := r.lines()
	s := &session{
		successURL: r.required("success_url"), cancelURL: r.text("cancel_url"), reference: r.text("client_reference_id"),
		email: r.text("customer_email"), locale: r.text("locale"), metadata: r.metadata(nil), lines: lines,
	}
	for name, address := range map[string]string{"success_url": s.successURL, "cancel_url": s.cancelURL} {
		if parsed, err := url.Parse(address); address != "" && (err != nil || parsed.Host == "") {
			r.fail(invalid("url_invalid", name, "Not a valid URL"))
		}
	}
	inner := reader{form: r.under("payment_intent_data")}
	i := &intent{kinds: []string{"card"}, session: s, customer: r.text("customer")}
	metadata := inner.metadata(nil)
	i.describes, i.receipt, i.group = inner.text("description"), inner.text("receipt_email"), inner.text("transfer_group")
	i.manual, i.confirm = inner.oneOf("capture_method", "automatic_async", "automatic", "manual"), "automatic"
	r.fail(inner.err)
	if kinds := r.list("payment_method_types"); len(kinds) > 0 {
		i.kinds = kinds
	}
	r.form = append(r.form, parameter{"amount", strconv.FormatInt(total, 10)})
	minor := r.amount("amount", code)
	r.form = r.form[:len(r.form)-1]
	expires := r.integer("expires_at", 0)
	if err := r.check(sessionParameters()...); err != nil {
		return mockchannel.MerchantRequest{}, err
	}
	order := orderOf(metadata, s.metadata)
	if order == "" && len(s.reference) <= 64 {
		order = s.reference
	}
	ref := metadata["ref"]
	if ref == "" {
		ref = s.metadata["ref"]
	}
	return mockchannel.MerchantRequest{
		Order: order, Ref: ref,
		Do: func(call *mockchannel.Call) (mockchannel.Answer, error) {
			open := longestSession
			if expires != 0 {
				open = time.Unix(expires, 0).Sub(call.Wall()).Round(time.Second)
			}
			if open < shortestSession || open > longestSession {
				return mockchannel.Answer{}, invalid("", "expires_at", "The `expires_at` timestamp must be between 30 minutes and 24 hours from Checkout Session creation.")
			}
			if i.customer != "" {
				if _, err := customerOf(call, i.customer, "customer"); err != nil {
					return mockchannel.Answer{}, err
				}
			}
			s.expires = call.Now().Add(open).Unix()
			i.secret = call.Identifier(identifySecret)
			currency, _ := supported(code)
			p, err := call.CreatePayment(mockchannel.PaymentRequest{
				Order: order, Minor: minor, Currency: currency, Metadata: metadata, Ref: ref, Details: i, Manual: i.manual == "manual",
				Expires: call.Deadline(open),
			})
			return r.answerSession(call, p, err)
		},
	}, nil
}

// within tells where in the request an inner parameter is.
func within(err error, at string) error {
	var refusal *mockchannel.Error
	if !errors.As(err, &refusal) {
		return nil
	}
	moved := *refusal
	moved.Field = at + "[" + refusal.Field + "]"
	return &moved
}

func (r *request) answerSession(call *mockchannel.Call, p mockchannel.Payment, err error) (mockchannel.Answer, error) {
	if err == nil && intentOf(p).session == nil {
		err = &mockchannel.Error{Code: mockchannel.CodePaymentNotFound}
	}
	if codeOf(err) == mockchannel.CodePaymentNotFound {
		err = noSuch("checkout.session", r.id, "session")
	}
	if err != nil {
		return mockchannel.Answer{}, err
	}
	return r.answer(call, func(w *writer) { writeSession(w, p) }), nil
}

func getSession(r *request) (mockchannel.MerchantRequest, error) {
	return mockchannel.MerchantRequest{
		Payment: sessionIntent(r.id),
		Do: func(call *mockchannel.Call) (mockchannel.Answer, error) {
			p, err := call.Payment(sessionIntent(r.id))
			return r.answerSession(call, p, err)
		},
	}, r.check()
}

func getLines(r *request) (mockchannel.MerchantRequest, error) {
	if _, err := r.page(); err != nil {
		return mockchannel.MerchantRequest{}, err
	}
	return mockchannel.MerchantRequest{
		Payment: sessionIntent(r.id),
		Do: func(call *mockchannel.Call) (mockchannel.Answer, error) {
			p, err := call.Payment(sessionIntent(r.id))
			if err != nil || intentOf(p).session == nil {
				return mockchannel.Answer{}, noSuch("checkout.session", r.id, "session")
			}
			return r.answer(call, func(w *writer) {
				w.begin("")
				intentOf(p).session.writeLineList(w, p)
				w.end()
			}), nil
		},
	}, nil
}

func listSessions(r *request) (mockchannel.MerchantRequest, error) {
	intent, owner, state := r.text("payment_intent"), r.text("customer"), r.text("status")
	page, err := r.page("created", "customer", "customer_details", "payment_intent", "payment_link", "status", "subscription")
	if err != nil {
		return mockchannel.MerchantRequest{}, err
	}
	return r.does(func(call *mockchannel.Call) (mockchannel.Answer, error) {
		list := slices.DeleteFunc(call.Payments(), func(p mockchannel.Payment) bool {
			i := intentOf(p)
			return i.session == nil || (intent != "" && p.ID != intent) || (owner != "" && i.customer != owner) ||
				(state != "" && sessionStatus(p) != state) || !page.covers(call.Business(p.CreatedAt).Unix())
		})
		return answerList(r, call, page, "checkout.session", list, func(p mockchannel.Payment) string { return sessionID(p.ID) }, writeSession)
	})
}

func expireSession(r *request) (mockchannel.MerchantRequest, error) {
	return mockchannel.MerchantRequest{
		Payment: sessionIntent(r.id),
		Do: func(call *mockchannel.Call) (mockchannel.Answer, error) {
			p, err := call.Payment(sessionIntent(r.id))
			if err == nil && intentOf(p).session != nil {
				if sessionStatus(p) != sessionOpen {
					return mockchannel.Answer{}, unexpired(p)
				}
				if p, err = call.Close(p.ID, reasonExpired); codeOf(err) == mockchannel.CodePaymentSucceeded {
					err = unexpired(p)
				}
			}
			return r.answerSession(call, p, err)
		},
	}, r.check()
}

func unexpired(p mockchannel.Payment) error {
	return fail(mockchannel.CodePaymentSucceeded, problem{status: http.StatusBadRequest}, "",
		"Only Checkout Sessions with a status in [\"open\"] can be expired. This Checkout Session has a status of "+sessionStatus(p)+".")
}
