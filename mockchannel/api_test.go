package mockchannel_test

import (
	"context"
	"encoding/csv"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/paystorm/paystorm/history"
	"github.com/paystorm/paystorm/mockchannel"
)

func TestIdempotency(t *testing.T) {
	w := newWorld(t, nil)
	first := w.do(http.MethodPost, "/v1/payments", w.paymentBody("o1"), "Idempotency-Key", "k")
	again := w.do(http.MethodPost, "/v1/payments", w.paymentBody("o1"), "Idempotency-Key", "k")
	if again.status != http.StatusCreated || string(again.body) != string(first.body) || again.header.Get("Idempotent-Replayed") != "true" {
		t.Errorf("repeated: %d %s", again.status, again.body)
	}
	if first.header.Get("Idempotent-Replayed") != "" {
		t.Error("the first answer says that it was replayed")
	}
	other := w.do(http.MethodPost, "/v1/payments", w.paymentBody("o2"), "Idempotency-Key", "k")
	if other.status != http.StatusConflict || other.Error.Code != "idempotency_mismatch" {
		t.Errorf("another body: %d %s", other.status, other.body)
	}
	if a := w.do(http.MethodPost, "/v1/payments", w.paymentBody("o1"), "Idempotency-Key", "k2"); a.ID == first.ID {
		t.Error("another key got the first payment")
	}
	missing := w.do(http.MethodPost, "/v1/payments", w.paymentBody("o1"))
	if missing.status != http.StatusBadRequest || missing.Error.Field != "Idempotency-Key" {
		t.Errorf("no key: %d %s", missing.status, missing.body)
	}
	stranger := w.do(http.MethodPost, "/v1/payments", w.paymentBody("o1"), "Idempotency-Key", "k", "Authorization", "Bearer key-2")
	if stranger.status != http.StatusCreated || stranger.ID == first.ID {
		t.Errorf("another merchant's key: %d %s", stranger.status, stranger.body)
	}
	// A refusal is kept too: the payment succeeds, and the same request is still refused.
	early := w.refund(first.ID, "r1", 10)
	w.pay(first.ID)
	late := w.refund(first.ID, "r1", 10)
	if early.Error.Code != "payment_not_succeeded" || late.Error.Code != "payment_not_succeeded" {
		t.Errorf("refund %s, then %s", early.body, late.body)
	}
	for _, event := range w.recorded(history.Request) {
		if event.State == "refund" && (event.Outcome != history.Refused || event.Reason != "payment_not_succeeded") {
			t.Errorf("a refusal, and the same one again, is recorded as %s %d %q", event.Outcome, event.Status, event.Reason)
		}
	}
}

func TestIdempotencyInUse(t *testing.T) {
	entered, leave := make(chan struct{}), make(chan struct{})
	var once sync.Once
	w := newWorld(t, script{change: func(q mockchannel.Change) (fault mockchannel.ChangeFault) {
		if q.Kind == mockchannel.ChangeCreated {
			once.Do(func() { close(entered); <-leave })
		}
		return fault
	}})
	first := make(chan answer, 1)
	go func() {
		first <- w.do(http.MethodPost, "/v1/payments", w.paymentBody("o1"), "Idempotency-Key", "k")
	}()
	<-entered
	second := w.do(http.MethodPost, "/v1/payments", w.paymentBody("o1"), "Idempotency-Key", "k")
	close(leave)
	if second.status != http.StatusConflict || second.Error.Code != "idempotency_in_use" {
		t.Errorf("meanwhile: %d %s", second.status, second.body)
	}
	if a := <-first; a.status != http.StatusCreated {
		t.Errorf("the first: %d %s", a.status, a.body)
	}
}

func TestServerErrorsAreNotKept(t *testing.T) {
	channel, _ := bareChannel(nil)
	n := 0
	ask := func() int {
		w := httptest.NewRecorder()
		request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "/", nil)
		if err != nil {
			t.Fatal(err)
		}
		channel.Serve(w, request, mockchannel.MerchantRequest{
			Merchant: merchant, Operation: mockchannel.OpCreate, Order: "o", IdempotencyKey: "k", Fingerprint: "f",
			Do: func(*mockchannel.Call) (mockchannel.Answer, error) {
				if n++; n == 1 {
					return mockchannel.Answer{}, fmt.Errorf("out of luck")
				}
				return mockchannel.Answer{Status: http.StatusOK}, nil
			},
			Refuse: func(*mockchannel.Error) mockchannel.Answer {
				return mockchannel.Answer{Status: http.StatusInternalServerError}
			},
		})
		return w.Code
	}
	if a, b, c := ask(), ask(), ask(); a != 500 || b != 200 || c != 200 || n != 2 {
		t.Errorf("answers %d %d %d, processed %d times", a, b, c, n)
	}
}

func TestAPI(t *testing.T) {
	w := newWorld(t, nil, func(c *mockchannel.Config) { c.PayURL = "http://pay.example/pay" })
	paid, closed := w.createAndPay("o1"), w.create("o2")
	w.do(http.MethodPost, "/v1/payments/"+closed+"/close", "{}")
	w.refund(paid, "r1", 300)
	key := func(k string) []string { return []string{"Idempotency-Key", k} }
	foreign := []string{"Authorization", "Bearer key-2", "Idempotency-Key", "x"}
	create := func(from, to string) string { return strings.Replace(w.paymentBody("o3"), from, to, 1) }
	for name, test := range map[string]struct {
		method, path, body string
		headers            []string
		status             int
		code, field        string
	}{
		"no key":                   {"GET", "/v1/bill", "", []string{"Authorization", "Bearer nobody"}, 401, "unauthorized", ""},
		"no such endpoint":         {"GET", "/v1/nothing", "", nil, 404, "not_found", ""},
		"no such payment":          {"GET", "/v1/payments/none", "", nil, 404, "payment_not_found", ""},
		"another's payment":        {"GET", "/v1/payments/" + paid, "", foreign, 404, "payment_not_found", ""},
		"close another's":          {"POST", "/v1/payments/" + closed + "/close", "", foreign, 404, "payment_not_found", ""},
		"close a paid one":         {"POST", "/v1/payments/" + paid + "/close", "", nil, 409, "payment_succeeded", ""},
		"close again":              {"POST", "/v1/payments/" + closed + "/close", "", nil, 200, "", ""},
		"close with a member":      {"POST", "/v1/payments/" + closed + "/close", `{"x":1}`, nil, 400, "invalid_request", "x"},
		"pay a closed one":         {"POST", "/pay/" + closed, `{"action":"pay"}`, nil, 409, "payment_closed", ""},
		"pay a paid one":           {"POST", "/pay/" + paid, `{"action":"pay"}`, nil, 409, "payment_succeeded", ""},
		"pay none":                 {"POST", "/pay/none", `{"action":"pay"}`, nil, 404, "payment_not_found", ""},
		"another act":              {"POST", "/pay/" + paid, `{"action":"steal"}`, nil, 400, "invalid_request", ""},
		"an act with more":         {"POST", "/pay/" + paid, `{"action":"pay","x":1}`, nil, 400, "invalid_request", ""},
		"pay in the past":          {"POST", "/pay/" + closed, `{"action":"pay","after_ms":-1}`, nil, 400, "invalid_request", ""},
		"list without an order":    {"GET", "/v1/payments", "", nil, 400, "invalid_request", "order"},
		"refund again":             {"POST", "/v1/refunds", `{"payment":"` + paid + `","refund_no":"r1","amount_minor":300}`, key("a"), 200, "", ""},
		"refund another amount":    {"POST", "/v1/refunds", `{"payment":"` + paid + `","refund_no":"r1","amount_minor":301}`, key("b"), 409, "refund_mismatch", ""},
		"refund too much":          {"POST", "/v1/refunds", `{"payment":"` + paid + `","refund_no":"r2","amount_minor":701}`, key("c"), 409, "refund_exceeds_capture", ""},
		"refund a closed one":      {"POST", "/v1/refunds", `{"payment":"` + closed + `","refund_no":"r3","amount_minor":1}`, key("d"), 409, "payment_not_succeeded", ""},
		"refund none":              {"POST", "/v1/refunds", `{"payment":"none","refund_no":"r4","amount_minor":1}`, key("e"), 404, "payment_not_found", ""},
		"refund nothing":           {"POST", "/v1/refunds", `{"payment":"` + paid + `","refund_no":"r5","amount_minor":0}`, key("f"), 400, "invalid_request", "amount_minor"},
		"no such refund":           {"GET", "/v1/refunds/none", "", nil, 404, "refund_not_found", ""},
		"another's refund":         {"GET", "/v1/refunds/r1", "", foreign, 404, "refund_not_found", ""},
		"the refund":               {"GET", "/v1/refunds/r1", "", nil, 200, "", ""},
		"create: unknown key":      {"POST", "/v1/payments", create(`"order"`, `"more":1,"order"`), key("g"), 400, "invalid_request", "more"},
		"create: key in capitals":  {"POST", "/v1/payments", create(`"order"`, `"Order"`), key("h"), 400, "invalid_request", "Order"},
		"create: repeated key":     {"POST", "/v1/payments", create(`"order"`, `"order":"x","order"`), key("i"), 400, "invalid_request", "order"},
		"create: fraction":         {"POST", "/v1/payments", create(`1000`, `10.5`), key("j"), 400, "invalid_request", "amount_minor"},
		"create: amount as text":   {"POST", "/v1/payments", create(`1000`, `"1000"`), key("k"), 400, "invalid_request", "amount_minor"},
		"create: negative":         {"POST", "/v1/payments", create(`1000`, `-1`), key("l"), 400, "invalid_request", "amount_minor"},
		"create: currency":         {"POST", "/v1/payments", create(`CNY`, `ABC`), key("m"), 400, "invalid_request", "currency"},
		"create: address":          {"POST", "/v1/payments", create(`http://`, `ftp://`), key("n"), 400, "invalid_request", "notify_url"},
		"create: null":             {"POST", "/v1/payments", create(`"o3"`, `null`), key("o"), 400, "invalid_request", "order"},
		"create: metadata":         {"POST", "/v1/payments", create(`"ps-r-b7-o1"`, `1`), key("p"), 400, "invalid_request", "metadata"},
		"create: trailing":         {"POST", "/v1/payments", w.paymentBody("o3") + "{}", key("q"), 400, "invalid_request", ""},
		"create: no JSON":          {"POST", "/v1/payments", "hello", key("r"), 400, "invalid_request", ""},
		"create: too large":        {"POST", "/v1/payments", create("o3", strings.Repeat("x", 10<<20)), key("s"), 400, "invalid_request", ""},
		"create: order too long":   {"POST", "/v1/payments", create("o3", strings.Repeat("x", 65)), key("t"), 400, "invalid_request", "order"},
		"create: key of 256 bytes": {"POST", "/v1/payments", w.paymentBody("o3"), key(strings.Repeat("k", 256)), 400, "invalid_request", "Idempotency-Key"},
	} {
		t.Run(name, func(t *testing.T) {
			a := w.do(test.method, test.path, test.body, test.headers...)
			if a.err != nil || a.status != test.status || a.Error.Code != test.code || (test.field != "" && a.Error.Field != test.field) {
				t.Errorf("%d %s %v", a.status, a.body, a.err)
			}
		})
	}
	one := w.do(http.MethodGet, "/v1/payments/"+paid, "")
	if one.State != "succeeded" || one.CapturedMinor != 1000 || one.RefundedMinor != 300 || one.Version != 4 || one.Metadata["ref"] == "" ||
		!strings.Contains(string(one.body), `"pay_url":"http://pay.example/pay/`+paid+`"`) {
		t.Errorf("payment %s", one.body)
	}
	if a := w.do(http.MethodGet, "/v1/payments?order=o1", ""); len(a.Payments) != 1 || a.Payments[0].ID != paid {
		t.Errorf("list %s", a.body)
	}
	if a := w.do(http.MethodGet, "/v1/payments?order=o3", ""); a.status != 200 || string(a.body) != "{\"payments\":[]}\n" {
		t.Errorf("empty list %s", a.body)
	}
}

func TestBill(t *testing.T) {
	w := newWorld(t, onChange(mockchannel.ChangeRefund, mockchannel.ChangeFault{}),
		func(c *mockchannel.Config) { c.RefundDelay = 50 * time.Millisecond })
	id := w.createAndPay("o1")
	w.create("o2")
	w.refund(id, "r,1", 300)
	rows := func() [][]string {
		a := w.do(http.MethodGet, "/v1/bill", "")
		all, err := csv.NewReader(strings.NewReader(string(a.body))).ReadAll()
		if err != nil || a.header.Get("Content-Type") != "text/csv; charset=utf-8" || len(all) != 3 {
			t.Fatalf("bill %s: %v", a.body, err)
		}
		return all
	}
	if all := rows(); strings.Join(all[0], " ") != "type at payment order refund refund_no amount_minor currency state" ||
		all[1][0] != "capture" || all[1][2] != id || all[1][3] != "o1" || all[1][6] != "1000" || all[1][8] != "succeeded" ||
		all[2][0] != "refund" || all[2][5] != "r,1" || all[2][6] != "300" || all[2][7] != "CNY" || all[2][8] != "pending" {
		t.Errorf("bill %q", all)
	}
	w.quiet()
	if all := rows(); all[2][8] != "succeeded" {
		t.Errorf("bill %q", all)
	}
	if a := w.do(http.MethodGet, "/v1/bill", "", "Authorization", "Bearer key-2"); strings.Count(string(a.body), "\n") != 1 {
		t.Errorf("another merchant's bill %s", a.body)
	}
}

func TestPayLater(t *testing.T) {
	w := newWorld(t, nil)
	body := strings.Replace(w.paymentBody("o1"), "ps-r-b7-o1", "no reference", 1)
	id := w.do(http.MethodPost, "/v1/payments", body, "Idempotency-Key", "k").ID
	a := w.do(http.MethodPost, "/pay/"+id, `{"action":"pay","after_ms":80,"ref":"ps-r-b9-o2"}`)
	if a.status != http.StatusAccepted || a.State != "pending" {
		t.Errorf("pay later: %d %s", a.status, a.body)
	}
	if a := w.do(http.MethodGet, "/v1/payments/"+id, ""); a.State != "pending" || a.Version != 1 || w.channel.Due() != 1 {
		t.Errorf("meanwhile: %s, %d due", a.body, w.channel.Due())
	}
	w.quiet()
	event := w.recorded(history.PaymentSucceeded)[0]
	if event.Ref != "ps-r-b9-o2" || event.Buyer != 9 || event.Version != 2 {
		t.Errorf("recorded %+v", event)
	}
}

func TestTimersKeepTheirOrder(t *testing.T) {
	w := newWorld(t, nil)
	for order, wait := range map[string]int{"third": 120, "first": 20, "second": 70, "last": 170} {
		w.do(http.MethodPost, "/pay/"+w.create(order), fmt.Sprintf(`{"action":"pay","after_ms":%d}`, wait))
	}
	w.quiet()
	var orders []string
	for _, event := range w.recorded(history.PaymentSucceeded) {
		orders = append(orders, event.Order)
	}
	if got := strings.Join(orders, " "); got != "first second third last" {
		t.Errorf("paid in the order %s", got)
	}
}

func TestPayLaterComesTooLate(t *testing.T) {
	w := newWorld(t, nil)
	id := w.create("o1")
	w.do(http.MethodPost, "/pay/"+id, `{"action":"pay","after_ms":50}`)
	w.do(http.MethodPost, "/v1/payments/"+id+"/close", "")
	w.quiet()
	if a := w.do(http.MethodGet, "/v1/payments/"+id, ""); a.State != "closed" {
		t.Errorf("payment %s", a.body)
	}
}

func TestDeclineThenPay(t *testing.T) {
	w := newWorld(t, nil)
	id := w.create("o1")
	if a := w.do(http.MethodPost, "/pay/"+id, "action=decline", "Content-Type", "application/x-www-form-urlencoded"); a.State != "failed" {
		t.Errorf("decline: %d %s", a.status, a.body)
	}
	w.quiet()
	if a := w.pay(id); a.State != "succeeded" {
		t.Errorf("pay: %d %s", a.status, a.body)
	}
	w.quiet()
	if got := strings.Join(types(w.received()), " "); got != history.PaymentFailed+" "+success {
		t.Errorf("the shop got %s", got)
	}
}

func TestPayPage(t *testing.T) {
	w := newWorld(t, nil)
	body := strings.Replace(w.paymentBody("o1"), `"order":"o1"`, `"order":"<script>o1"`, 1)
	id := w.do(http.MethodPost, "/v1/payments", body, "Idempotency-Key", "k").ID
	page := w.do(http.MethodGet, "/pay/"+id, "")
	if page.status != 200 || !strings.Contains(string(page.body), "10.00 CNY") || strings.Contains(string(page.body), "<script>") ||
		!strings.Contains(string(page.body), `value="decline"`) || page.header.Get("Content-Security-Policy") == "" {
		t.Errorf("page %s", page.body)
	}
	if a := w.do(http.MethodGet, "/", ""); a.status != http.StatusNotFound {
		t.Errorf("a channel by itself has a page for people: %d", a.status)
	}
	form := url.Values{"action": {"pay"}}.Encode()
	w.client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	a := w.do(http.MethodPost, "/pay/"+id, form, "Content-Type", "application/x-www-form-urlencoded", "Accept", "text/html,*/*")
	if a.status != http.StatusSeeOther || a.header.Get("Location") != "/pay/"+id {
		t.Errorf("a person who pays: %d %s", a.status, a.body)
	}
	if page := w.do(http.MethodGet, "/pay/"+id, ""); strings.Contains(string(page.body), "<button") {
		t.Errorf("a paid page has buttons: %s", page.body)
	}
	if page := w.do(http.MethodGet, "/pay/none", ""); page.status != http.StatusNotFound {
		t.Errorf("no such page: %d", page.status)
	}
}

func TestKeysOfUnknownBuyers(t *testing.T) {
	keys := make(chan string, 10)
	w := newWorld(t, script{request: func(q mockchannel.Request) (fault mockchannel.RequestFault) {
		keys <- fmt.Sprintf("%s %s #%d %d", q.Operation, q.Key, q.Nth, q.Attempt)
		return fault
	}})
	for _, ask := range []struct{ order, key string }{{"o1", "a"}, {"o1", "a"}, {"o2", "b"}, {"o1", "c"}} {
		body := strings.Replace(w.paymentBody(ask.order), "ps-r-b7-o1", "", 1)
		w.do(http.MethodPost, "/v1/payments", body, "Idempotency-Key", ask.key)
	}
	w.do(http.MethodPost, "/v1/payments", w.paymentBody("o1"), "Idempotency-Key", "d")
	close(keys)
	var got []string
	for key := range keys {
		got = append(got, key)
	}
	want := "create p1 #1 1, create p1 #1 2, create p2 #1 1, create p3 #2 3, create b7-o1 #3 1"
	if strings.Join(got, ", ") != want {
		t.Errorf("asked about %q, want %q", got, want)
	}
}

// TestAttemptsAreAnOrders asks for one refund under a new number each time, and for another payment of the order under
// another number: to the dice that is the second attempt, and not the first of something new.
func TestAttemptsAreAnOrders(t *testing.T) {
	var mutex sync.Mutex
	var got []string
	w := newWorld(t, script{request: func(q mockchannel.Request) (fault mockchannel.RequestFault) {
		mutex.Lock()
		defer mutex.Unlock()
		got = append(got, fmt.Sprintf("%s %d", q.Operation, q.Attempt))
		return fault
	}})
	first := w.createAndPay("o1")
	w.do(http.MethodPost, "/v1/payments", w.paymentBody("o1-second"), "Idempotency-Key", "k2") // of the same buyer's order
	for _, number := range []string{"r1", "r2", "r2"} {
		w.refund(first, number, 100)
	}
	want := []string{"create 1", "create 2", "refund 1", "refund 2", "refund 3"}
	mutex.Lock()
	defer mutex.Unlock()
	if !slices.Equal(got, want) {
		t.Errorf("asked about %q, want %q", got, want)
	}
}

func TestRunOnce(t *testing.T) {
	w := newWorld(t, nil)
	w.createAndPay("o1")
	w.quiet()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := w.channel.Run(ctx); err == nil {
		t.Error("it ran twice")
	}
}
