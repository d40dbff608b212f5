package stripe

import (
	"github.com/paystorm/paystorm/mockchannel"
)

// customer is a Customer. The ledger does not know it.
type customer struct {
	id, email, name, phone, describes string
	address                           string // as JSON
	shipping                          string // as JSON
	metadata                          map[string]string
	created                           int64 // seconds of business time
	deleted                           bool
}

const kindCustomer = "customer"

// customerOf finds a customer of the merchant. A deleted one is still there to be retrieved, and for nothing else.
func customerOf(call *mockchannel.Call, id, param string) (*customer, error) {
	value, _ := call.Object(kindCustomer, id)
	found, is := value.(*customer)
	if !is {
		return nil, noSuch("customer", id, param)
	}
	return found, nil
}

// write is the object of https://docs.stripe.com/api/customers/object.
func (c *customer) write(w *writer) {
	w.begin("")
	w.string("id", c.id)
	w.string("object", "customer")
	if c.deleted {
		w.bool("deleted", true)
		w.end()
		return
	}
	w.raw("address", c.address)
	w.constant(`"balance":0`)
	w.number("created", c.created)
	w.constant(`"currency":null,"default_source":null,"delinquent":false`)
	w.optional("description", c.describes)
	w.constant(`"discount":null`)
	w.optional("email", c.email)
	w.string("invoice_prefix", c.id[len(c.id)-8:])
	w.constant(`"invoice_settings":{"custom_fields":null,"default_payment_method":null,"footer":null,"rendering_options":null}`)
	w.bool("livemode", false)
	w.metadata(c.metadata)
	w.optional("name", c.name)
	w.optional("phone", c.phone)
	w.constant(`"preferred_locales":[]`)
	w.raw("shipping", c.shipping)
	w.constant(`"tax_exempt":"none","test_clock":null`)
	w.end()
}

// writeCustomerOf writes the customer of an id where it is expanded.
func writeCustomerOf(id string) func(*writer) {
	return func(w *writer) {
		found, err := customerOf(w.call, id, "customer")
		if err != nil {
			w.text = append(w.text, "null"...)
			return
		}
		found.write(w)
	}
}

// merge takes the parameters that creating and updating have in common.
func (c *customer) merge(r *reader) {
	for _, text := range [...]textField{
		{"email", &c.email}, {"name", &c.name}, {"phone", &c.phone}, {"description", &c.describes},
	} {
		if r.has(text.name) {
			*text.field = r.text(text.name)
		}
	}
	if r.has("address") {
		c.address = r.under("address").json()
	}
	if r.has("shipping") {
		c.shipping = r.under("shipping").json()
	}
	c.metadata = r.metadata(c.metadata)
}

func customerParameters() []string {
	return []string{
		"email", "name", "phone", "description", "address", "shipping", "metadata", "payment_method", "invoice_settings",
		"preferred_locales", "source", "balance", "tax_exempt", "individual_name", "business_name",
	}
}

func createCustomer(r *request) (mockchannel.MerchantRequest, error) {
	made := customer{}
	made.merge(&r.reader)
	if err := r.check(customerParameters()...); err != nil {
		return mockchannel.MerchantRequest{}, err
	}
	return r.does(func(call *mockchannel.Call) (mockchannel.Answer, error) {
		made.id, made.created = call.Identifier(identifyCustomer), call.Now().Unix()
		call.PutObject(kindCustomer, made.id, &made)
		return r.answer(call, made.write), nil
	})
}

func getCustomer(r *request) (mockchannel.MerchantRequest, error) {
	return r.does(func(call *mockchannel.Call) (mockchannel.Answer, error) {
		found, err := customerOf(call, r.id, "id")
		if err != nil {
			return mockchannel.Answer{}, err
		}
		return r.answer(call, found.write), nil
	})
}

func updateCustomer(r *request) (mockchannel.MerchantRequest, error) {
	(&customer{}).merge(&r.reader)
	if err := r.check(customerParameters()...); err != nil {
		return mockchannel.MerchantRequest{}, err
	}
	return r.does(func(call *mockchannel.Call) (mockchannel.Answer, error) {
		found, err := customerOf(call, r.id, "id")
		if err == nil && found.deleted {
			err = noSuch("customer", r.id, "id")
		}
		if err != nil {
			return mockchannel.Answer{}, err
		}
		changed := *found
		changed.merge(&r.reader)
		call.PutObject(kindCustomer, changed.id, &changed)
		return r.answer(call, changed.write), nil
	})
}

func deleteCustomer(r *request) (mockchannel.MerchantRequest, error) {
	return r.does(func(call *mockchannel.Call) (mockchannel.Answer, error) {
		found, err := customerOf(call, r.id, "id")
		if err == nil && found.deleted {
			err = noSuch("customer", r.id, "id")
		}
		if err != nil {
			return mockchannel.Answer{}, err
		}
		gone := customer{id: found.id, deleted: true}
		call.PutObject(kindCustomer, gone.id, &gone)
		return r.answer(call, gone.write), nil
	})
}

func listCustomers(r *request) (mockchannel.MerchantRequest, error) {
	email := r.text("email")
	page, err := r.page("email", "created")
	if err != nil {
		return mockchannel.MerchantRequest{}, err
	}
	return r.does(func(call *mockchannel.Call) (mockchannel.Answer, error) {
		var list []*customer
		for _, c := range newestOf[*customer](call, kindCustomer) {
			if !c.deleted && (email == "" || c.email == email) && page.covers(c.created) {
				list = append(list, c)
			}
		}
		return answerList(r, call, page, "customer", list, func(c *customer) string { return c.id }, func(w *writer, c *customer) { c.write(w) })
	})
}
