package flashshop

import (
	"bytes"
	"cmp"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stripe/stripe-go/v85"
	"github.com/stripe/stripe-go/v85/webhook"
)

// stripeTongue speaks as much of Stripe's API as the shop asks for.
type stripeTongue struct {
	mu     sync.Mutex
	strict bool            // what was not answered well gets a 500 under its idempotency key for ever, as at Stripe
	used   map[string]bool // idempotency keys, where it is strict
}

func (s *stripeTongue) name() string { return "stripe" }

func (s *stripeTongue) configure(f *fakeChannel, env map[string]string) {
	env["PROVIDER"], env["CHANNEL_URL"], env["CHANNEL_KEY"] = "stripe", f.server.URL, "sk_test_1"
	env["CALLBACK_SECRET"], env["MERCHANT"] = testSecret, testMerchant
}

func (s *stripeTongue) routes(f *fakeChannel, mux *http.ServeMux) {
	handle := func(pattern, op string, work func(r *http.Request, bad fault) (any, string)) {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			_ = r.ParseForm()
			if r.Header.Get("Authorization") != "Bearer sk_test_1" {
				f.t.Errorf("%s: authorization %q", pattern, r.Header.Get("Authorization"))
			}
			if s.replay(w, r) {
				return
			}
			f.serve(w, r, op, func(bad fault) (func(), string) {
				told, code := work(r, bad)
				return func() { _ = json.NewEncoder(w).Encode(told) }, code
			})
		})
	}
	found := func(p standardPayment, code string) (any, string) { return f.intent(p), code }
	handle("POST /v1/payment_intents", opCreate, func(r *http.Request, _ fault) (any, string) {
		minor, _ := strconv.ParseInt(r.Form.Get("amount"), 10, 64)
		key := r.Header.Get("Idempotency-Key")
		if r.Form.Get("metadata[attempt]") != key {
			return nil, "invalid_request"
		}
		return found(f.create(key, r.Form.Encode(), "", standardPayment{
			Order: r.Form.Get("metadata[order]"), AmountMinor: minor, Currency: strings.ToUpper(r.Form.Get("currency")),
		}))
	})
	handle("GET /v1/payment_intents", opList, func(*http.Request, fault) (any, string) {
		f.mu.Lock()
		defer f.mu.Unlock()
		list := []any{}
		for _, c := range f.charges {
			list = append(list, f.intentLocked(c.standardPayment))
		}
		return map[string]any{"object": "list", "data": list}, ""
	})
	handle("GET /v1/payment_intents/{id}", opList, func(r *http.Request, bad fault) (any, string) {
		return found(f.query(r.PathValue("id"), bad))
	})
	handle("POST /v1/payment_intents/{id}/cancel", opClose, func(r *http.Request, _ fault) (any, string) {
		return found(f.close(r.PathValue("id")))
	})
	handle("POST /v1/refunds", opRefund, func(r *http.Request, _ fault) (any, string) {
		minor, _ := strconv.ParseInt(r.Form.Get("amount"), 10, 64)
		number := r.Form.Get("metadata[refund_no]")
		if r.Header.Get("Idempotency-Key") != number {
			return nil, "invalid_request"
		}
		made, code := f.refund(number, r.Form.Get("payment_intent"), minor)
		return stripeRefundOf(made, r.Form.Get("payment_intent")), code
	})
	handle("GET /v1/refunds", opRefundQuery, func(r *http.Request, bad fault) (any, string) {
		f.mu.Lock()
		defer f.mu.Unlock()
		id, list := r.Form.Get("payment_intent"), []any{}
		for number, made := range f.refunds {
			if f.refunded[number] == id && !bad.stale {
				list = append(list, stripeRefundOf(*made, id))
			}
		}
		return map[string]any{"object": "list", "data": list}, ""
	})
}

// replay answers a key that was used before.
func (s *stripeTongue) replay(w http.ResponseWriter, r *http.Request) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	key := r.Header.Get("Idempotency-Key")
	if !s.strict || key == "" || !s.used[key] {
		s.used[key] = true
		return false
	}
	w.Header().Set("Idempotent-Replayed", "true")
	s.fail(w, r, http.StatusInternalServerError, "unavailable")
	return true
}

func (f *fakeChannel) intent(p standardPayment) any {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.intentLocked(p)
}

func (f *fakeChannel) intentLocked(p standardPayment) any {
	object := map[string]any{
		"id": p.ID, "object": "payment_intent", "amount": p.AmountMinor, "amount_received": p.CapturedMinor,
		"currency": strings.ToLower(p.Currency), "metadata": map[string]string{"order": p.Order}, "status": "requires_payment_method",
	}
	for key, id := range f.keys {
		if id == p.ID {
			object["metadata"] = map[string]string{"order": p.Order, "attempt": key}
		}
	}
	switch p.State {
	case paymentSucceeded:
		object["status"] = "succeeded"
	case paymentClosed:
		object["status"] = "canceled"
	case paymentFailed:
		object["last_payment_error"] = map[string]string{"code": "card_declined", "type": "card_error"}
	}
	return object
}

func stripeRefundOf(r standardRefund, payment string) any {
	object := map[string]any{
		"id": r.ID, "object": "refund", "amount": r.AmountMinor, "status": r.State, "payment_intent": payment,
		"metadata": map[string]string{},
	}
	if strings.HasPrefix(r.ID, "re-") { // the shop's
		object["metadata"] = map[string]string{"refund_no": r.RefundNo}
	}
	return object
}

func (s *stripeTongue) fail(w http.ResponseWriter, _ *http.Request, status int, code string) {
	told := map[string]any{"type": "invalid_request_error", "code": code, "message": code}
	switch code {
	case "payment_not_found":
		told["code"] = "resource_missing"
	case "payment_succeeded":
		status, told["code"] = http.StatusBadRequest, "payment_intent_unexpected_state"
	case "refund_exceeds_capture":
		status, told["code"] = http.StatusBadRequest, ""
	case "idempotency_mismatch":
		status, told["type"] = http.StatusBadRequest, "idempotency_error"
	case "unavailable":
		told["type"] = "api_error"
	}
	answer(w, status, map[string]any{"error": told})
}

func (s *stripeTongue) callback(f *fakeChannel, m message) (*http.Request, error) {
	data := m.n.Data
	p := standardPayment{
		ID: data.Payment, Order: data.Order, AmountMinor: data.AmountMinor, Currency: data.Currency, State: data.State,
	}
	var kind string
	var object any
	switch m.n.Type {
	case "payment.succeeded":
		p.CapturedMinor = data.AmountMinor
		kind, object = "payment_intent.succeeded", f.intent(p)
	case "payment.failed":
		kind, object = "payment_intent.payment_failed", f.intent(p)
	case "payment.closed":
		kind, object = "payment_intent.canceled", f.intent(p)
	case "refund.succeeded":
		kind, object = "refund.updated", stripeRefundOf(data.Refund, data.Payment)
	case "refund.failed":
		kind, object = "refund.failed", stripeRefundOf(data.Refund, data.Payment)
	case "dispute":
		kind, object = "charge.dispute.created", map[string]any{
			"id": "dp_" + data.Payment, "object": "dispute", "payment_intent": data.Payment, "amount": data.AmountMinor,
		}
	default:
		kind, object = "customer.created", map[string]any{"object": "customer"}
	}
	event := map[string]any{
		"id": m.id, "object": "event", "type": kind, "api_version": cmp.Or(m.version, stripe.APIVersion),
		"data": map[string]any{"object": object},
	}
	if data.Merchant != testMerchant {
		event["account"] = data.Merchant
	}
	body, err := json.Marshal(event)
	if err != nil {
		return nil, err
	}
	req, err := http.NewRequestWithContext(f.t.Context(), http.MethodPost, f.address("/callbacks/stripe"), bytes.NewReader(body))
	if err == nil && m.secret != "" {
		signed := webhook.GenerateTestSignedPayload(&webhook.UnsignedPayload{Payload: body, Secret: m.secret, Timestamp: time.Now()})
		req.Header.Set("Stripe-Signature", signed.Header)
	}
	return req, err
}

func (s *stripeTongue) acknowledged(status int, _ string) bool { return status == http.StatusOK }

func (s *stripeTongue) naming() bool { return true }

func (s *stripeTongue) addressed() bool { return false }

func strictStripe() *stripeTongue { return &stripeTongue{strict: true, used: map[string]bool{}} }

// Stripe keeps a 500 under its key for ever: the same key is then no way to learn whether the object was made.
func TestErrorsThatStripeKeeps(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name    string
		op      string
		fault   fault
		want    string
		refunds int
		lag     bool // the first lists of refunds show none
	}{
		{"a payment was made", opCreate, fault{lose: true}, pending, 0, false},
		{"no payment was made", opCreate, fault{refuse: 500}, closed, 0, false},
		{"a refund was made", opRefund, fault{lose: true}, refunded, 1, false},
		{"a refund was made, and is not shown at once", opRefund, fault{lose: true}, refunded, 1, true},
		{"no refund was made: another number", opRefund, fault{refuse: 500}, refunded, 1, false},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			o := openAt(t, strictStripe(), quick)
			o.channel.ended = func(string, int) string { return refundSucceeded }
			o.channel.goesWrong(func(op string, nth int) fault {
				if op == row.op && nth == 1 {
					return row.fault
				}
				return fault{stale: row.lag && op == opRefundQuery && nth < maxRefunds}
			})
			if row.op == opCreate {
				_, answer := o.post("/orders", map[string]any{"sku": "phone-x", "quantity": 1, "buyer": 7})
				id := answer["id"].(string)
				if row.want == closed {
					o.expire(id)
					o.becomes(id, closed)
				} else if o.wantState(id, pending); answer["payment_id"] == "" {
					t.Error("the payment was not found")
				}
				return
			}
			id, _ := o.paid()
			o.post("/orders/"+id+"/refunds", nil)
			o.becomes(id, row.want)
			if _, made := o.channel.made(); len(made) != row.refunds {
				t.Errorf("%d refunds, want %d", len(made), row.refunds)
			}
			o.settles()
			o.audit("phone-x", stock)
		})
	}
}

func TestStripeMessages(t *testing.T) {
	t.Parallel()
	o := openAt(t, strictStripe())
	about := func(pay, kind string) message {
		m := o.channel.message(kind, o.channel.take(pay, 0))
		m.id += "/twin"
		return m
	}
	t.Run("a dispute before its payment is told again", func(t *testing.T) {
		id, pay := o.order()
		if status := o.channel.deliver(about(pay, "dispute")); status != http.StatusConflict {
			t.Errorf("answered %d, want 409", status)
		}
		o.channel.pay(pay)
		for _, twin := range []string{"", "/funds_withdrawn"} {
			m := about(pay, "dispute")
			m.id += twin
			if status := o.channel.deliverUntilTaken(m); status != http.StatusNoContent {
				t.Errorf("answered %d", status)
			}
		}
		if n := o.number(`SELECT sum(amount_minor) FROM refunds WHERE order_id = ? AND state = 'DONE'`, id); n != 10000 {
			t.Errorf("%d booked as taken back, want 10000", n)
		}
		o.wantState(id, review)
		if n := o.number(`SELECT count(*) FROM orders WHERE id = ? AND reason = 'dispute'`, id); n != 1 {
			t.Error("the reason is not dispute")
		}
	})
	t.Run("two events for one change", func(t *testing.T) {
		_, pay := o.paid()
		if status := o.channel.deliverUntilTaken(about(pay, "payment.succeeded")); status != http.StatusNoContent {
			t.Errorf("answered %d", status)
		}
		if n := o.number(`SELECT max(n) FROM (SELECT count(*) n FROM grants GROUP BY order_id)`); n != 1 {
			t.Errorf("%d grants of one order", n)
		}
	})
	t.Run("another version of the API is refused", func(t *testing.T) {
		id, pay := o.order()
		m := about(pay, "payment.succeeded")
		m.version = "2020-08-27"
		if status := o.channel.deliver(m); status != http.StatusUnauthorized {
			t.Errorf("answered %d", status)
		}
		o.wantState(id, pending)
	})
	t.Run("a payment that the shop never asked for", func(t *testing.T) {
		id, pay := o.order()
		m := about(pay, "payment.succeeded")
		m.n.Data.Payment = "pi_stranger"
		if status := o.channel.deliver(m); status != http.StatusUnprocessableEntity {
			t.Errorf("answered %d", status)
		}
		o.wantState(id, pending)
	})
}
