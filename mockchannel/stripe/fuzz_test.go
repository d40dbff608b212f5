package stripe_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"reflect"
	"strings"
	"testing"

	"github.com/paystorm/paystorm/history"
)

// addresses are the endpoints; ID stands for an identifier.
func addresses() []string {
	return []string{
		"POST /v1/payment_intents", "GET /v1/payment_intents", "GET /v1/payment_intents/search", "GET /v1/payment_intents/ID",
		"POST /v1/payment_intents/ID", "POST /v1/payment_intents/ID/confirm", "POST /v1/payment_intents/ID/capture",
		"POST /v1/payment_intents/ID/cancel", "GET /v1/charges", "GET /v1/charges/ID", "POST /v1/refunds", "GET /v1/refunds",
		"GET /v1/refunds/ID", "POST /v1/refunds/ID", "GET /v1/disputes", "GET /v1/disputes/ID", "POST /v1/checkout/sessions",
		"GET /v1/checkout/sessions", "GET /v1/checkout/sessions/ID", "GET /v1/checkout/sessions/ID/line_items",
		"POST /v1/checkout/sessions/ID/expire", "POST /v1/customers", "GET /v1/customers", "POST /v1/customers/ID",
		"POST /v1/payment_methods", "GET /v1/payment_methods/ID", "POST /v1/payment_methods/ID/attach",
		"POST /v1/webhook_endpoints", "POST /v1/webhook_endpoints/ID", "POST /v1/webhook_endpoints/ID/roll_secret",
		"DELETE /v1/webhook_endpoints/ID", "GET /v1/events", "GET /v1/events/ID", "GET /v1/balance_transactions",
		"GET /v1/balance_transactions/ID", "POST /v1/reporting/report_runs", "GET /v1/files/ID/contents", "GET /pay/ID",
		"POST /pay/ID", "GET /", "PUT /ID",
	}
}

// FuzzRequest sends anything to each endpoint, twice under one idempotency key: nothing panics, nothing is an error of the
// server, what is refused changes nothing, and the ledger balances. A declined card is refused, and is a change.
func FuzzRequest(f *testing.F) {
	const create = "amount=100&currency=jpy&metadata[order]=o2&metadata[ref]=ps-r-b1-o1&confirm=true&payment_method=pm_card_visa&return_url=http://h/"
	for index := range addresses() {
		f.Add(uint8(index), "PAID", "limit=3&expand[]=data.latest_charge", create, "k", "application/x-www-form-urlencoded", "sk_test_1")
		f.Add(uint8(index), "OPEN", "", "payment_intent=PAID&amount=9223372036854775807&metadata[refund_no]=r", "", "application/x-www-form-urlencoded", "sk_test_1")
	}
	f.Add(uint8(10), "", "", "payment_intent=PAID&amount=500&amount=1&metadata[refund_no]=r", "k", "application/x-www-form-urlencoded", "sk_test_1")
	f.Add(uint8(0), "", "", "amount=1&currency=usd&payment_method=pm_card_chargeDeclined&confirm=true&return_url=x", "k", "application/x-www-form-urlencoded", "sk_test_1")
	f.Add(uint8(16), "", "", "mode=payment&success_url=http://h/&line_items[0][quantity]=999999&line_items[0][price_data][currency]=isk&"+
		"line_items[0][price_data][unit_amount]=100&line_items[0][price_data][product_data][name]=x", "k", "application/x-www-form-urlencoded", "sk_test_1")
	f.Add(uint8(0), "", "", `{"amount":1`, "", "application/json", "sk_test_1")
	f.Add(uint8(0), "", "", "amount=%ff&currency=%c3%28", "", "application/x-www-form-urlencoded; charset=gbk", "sk_test_1")
	f.Add(uint8(38), "SESSION", "", "action=pay", "", "application/x-www-form-urlencoded", "")
	f.Add(uint8(5), "OPEN", "client_secret=x", "payment_method=pm_card_createDispute", "", "application/x-www-form-urlencoded", "pk_test_1")
	f.Fuzz(func(t *testing.T, which uint8, id, query, body, key, contentType, apiKey string) {
		w := newWorld(t)
		paid, open := w.create("&confirm=true&payment_method=pm_card_visa"), w.create("")
		session := w.ask("POST", "/v1/checkout/sessions", "mode=payment&success_url=http://h/&line_items[0][price_data][currency]=usd&"+
			"line_items[0][price_data][unit_amount]=100&line_items[0][price_data][product_data][name]=x")
		known := strings.NewReplacer("PAID", paid.ID, "OPEN", open.ID, "SESSION", session.ID, "CHARGE", "ch_"+strings.TrimPrefix(paid.ID, "pi_")+"1")
		method, path, _ := strings.Cut(addresses()[int(which)%len(addresses())], " ")
		for range 2 {
			before, bill := w.versions(), w.call.Bill()
			request := httptest.NewRequest(method, "/", strings.NewReader(known.Replace(body)))
			request.URL = &url.URL{Path: strings.Replace(path, "ID", known.Replace(id), 1), RawQuery: known.Replace(query)}
			request.Header.Set("Authorization", "Bearer "+apiKey)
			request.Header.Set("Idempotency-Key", key)
			request.Header.Set("Content-Type", contentType)
			answer := httptest.NewRecorder()
			w.handler.ServeHTTP(answer, request)

			if answer.Code >= 500 {
				t.Errorf("%s %s: %d %s", method, request.URL, answer.Code, answer.Body)
			}
			refused := answer.Code >= 300 && answer.Code != http.StatusPaymentRequired && answer.Code != http.StatusSeeOther
			if refused && (w.versions() != before || !reflect.DeepEqual(w.call.Bill(), bill)) {
				t.Errorf("%s %s changed the ledger with a %d: %s", method, request.URL, answer.Code, answer.Body)
			}
		}
	})
}

// versions counts the changes of the ledger.
func (w *world) versions() (changes int) {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	for _, event := range w.events {
		if event.Version > 0 && event.Source == history.SourceChannel {
			changes++
		}
	}
	return changes
}
