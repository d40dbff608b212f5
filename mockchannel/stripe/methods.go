package stripe

import (
	"strings"

	"github.com/paystorm/paystorm/mockchannel"
)

// methodFrom makes a PaymentMethod from its data: a test token or number of a card, or a kind that takes its time.
func methodFrom(f form) (method, error) {
	r := reader{form: f}
	kind := r.required("type")
	if r.err != nil {
		return method{}, r.err
	}
	if delayedKind(kind) {
		return method{kind: kind, last4: "6789"}, nil
	}
	if kind != "card" {
		return method{}, invalid("", "type", "Invalid type: "+clip(kind)+" cannot be used here")
	}
	card := reader{form: r.under("card")}
	name := card.text("token") + strings.ReplaceAll(card.text("number"), " ", "")
	made, known := testMethod(name)
	switch {
	case name == "":
		return method{}, missing("card")
	case card.has("token") && !known:
		return method{}, noSuch("token", name, "card[token]")
	case !known:
		return method{}, fail(mockchannel.CodeInvalidRequest, problem{status: 402, kind: typeCard, code: "incorrect_number"}, "number",
			"Your card number is incorrect.")
	}
	return made, nil
}

func createMethod(r *request) (mockchannel.MerchantRequest, error) {
	made, err := methodFrom(r.form)
	if err != nil {
		return mockchannel.MerchantRequest{}, err
	}
	made.metadata = r.metadata(nil)
	if err := r.check("type", "card", "billing_details", "metadata", "allow_redisplay", "customer", "payment_method", made.kind); err != nil {
		return mockchannel.MerchantRequest{}, err
	}
	return r.does(func(call *mockchannel.Call) (mockchannel.Answer, error) {
		return r.answer(call, keepMethod(call, made).write), nil
	})
}

func getMethod(r *request) (mockchannel.MerchantRequest, error) {
	return r.does(func(call *mockchannel.Call) (mockchannel.Answer, error) {
		found, err := methodOf(call, r.id, "payment_method")
		if err == nil {
			return r.answer(call, found.write), nil
		}
		// The payer at the channel's own page has a method that nobody has made.
		intent := prefixIntent + strings.TrimPrefix(r.id, prefixMethod)
		if p, gone := call.Payment(intent); gone == nil && p.Begun && payer(p).id == r.id {
			return r.answer(call, payer(p).write), nil
		}
		return mockchannel.Answer{}, err
	})
}

// owned replaces a method by one that has another owner.
func (r *request) owned(owner string, known ...string) (mockchannel.MerchantRequest, error) {
	if err := r.check(known...); err != nil {
		return mockchannel.MerchantRequest{}, err
	}
	return r.does(func(call *mockchannel.Call) (mockchannel.Answer, error) {
		found, err := methodOf(call, r.id, "payment_method")
		if err == nil && owner != "" {
			_, err = customerOf(call, owner, "customer")
		}
		if err != nil {
			return mockchannel.Answer{}, err
		}
		changed := *found
		changed.customer = owner
		call.PutObject(kindMethod, changed.id, &changed)
		return r.answer(call, changed.write), nil
	})
}

func attachMethod(r *request) (mockchannel.MerchantRequest, error) {
	return r.owned(r.required("customer"), "customer")
}

func detachMethod(r *request) (mockchannel.MerchantRequest, error) { return r.owned("") }

func listMethods(r *request) (mockchannel.MerchantRequest, error) {
	owner, kind := r.id, r.text("type")
	if owner == "" {
		owner = r.required("customer")
	}
	page, err := r.page("customer", "type", "allow_redisplay")
	if err != nil {
		return mockchannel.MerchantRequest{}, err
	}
	return r.does(func(call *mockchannel.Call) (mockchannel.Answer, error) {
		var list []*method
		for _, m := range newestOf[*method](call, kindMethod) {
			if m.customer == owner && (kind == "" || m.kind == kind) {
				list = append(list, m)
			}
		}
		return answerList(r, call, page, "PaymentMethod", list, func(m *method) string { return m.id }, func(w *writer, m *method) { m.write(w) })
	})
}
