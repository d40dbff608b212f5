package stripe_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/paystorm/paystorm/dice"
	"github.com/paystorm/paystorm/history"
	"github.com/paystorm/paystorm/mockchannel"
	"github.com/paystorm/paystorm/mockchannel/stripe"
)

// world is a channel whose handler is asked directly.
type world struct {
	t       testing.TB
	channel *mockchannel.Channel
	handler http.Handler
	call    *mockchannel.Call

	mutex  sync.Mutex
	events []history.Event
}

func newWorld(t testing.TB, change ...func(*mockchannel.Config)) *world {
	t.Helper()
	w := &world{t: t}
	merchant, err := stripe.New().Issue("m-1", map[string]string{"key": "sk_test_1", "publishable": "pk_test_1", "secret": "whsec_1"})
	if err != nil {
		t.Fatal(err)
	}
	config := mockchannel.Config{
		Clock: history.StartClock(), Dice: dice.New(1), Dialect: stripe.New(), Merchants: []mockchannel.Merchant{merchant},
		Record: func(event history.Event) uint64 {
			w.mutex.Lock()
			defer w.mutex.Unlock()
			w.events = append(w.events, event)
			return uint64(len(w.events))
		},
	}
	for _, set := range change {
		set(&config)
	}
	w.channel = mockchannel.New(config)
	w.handler, w.call = w.channel.Handler(), w.channel.Call(merchant)
	t.Cleanup(func() {
		if err := w.channel.Balanced(); err != nil {
			t.Error(err)
		}
	})
	return w
}

// answer is what the API answered.
type answer struct {
	status int
	header http.Header
	text   string

	ID       string            `json:"id"`
	Status   string            `json:"status"`
	Amount   int64             `json:"amount"`
	Currency string            `json:"currency"`
	Metadata map[string]string `json:"metadata"`
	Version  string            `json:"api_version"`
	Data     []struct {
		ID   string `json:"id"`
		Type string `json:"type"`
	} `json:"data"`
	More  bool `json:"has_more"`
	Error struct {
		Type, Code, Param, Message string
	} `json:"error"`
}

// ask makes a request; headers are pairs.
func (w *world) ask(method, path, form string, headers ...string) answer {
	w.t.Helper()
	request := httptest.NewRequestWithContext(w.t.Context(), method, path, strings.NewReader(form))
	request.Header.Set("Authorization", "Bearer sk_test_1")
	if form != "" {
		request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for i := 0; i+1 < len(headers); i += 2 {
		request.Header.Set(headers[i], headers[i+1])
	}
	recorded := httptest.NewRecorder()
	w.handler.ServeHTTP(recorded, request)
	a := answer{status: recorded.Code, header: recorded.Header(), text: recorded.Body.String()}
	if err := json.Unmarshal(recorded.Body.Bytes(), &a); err != nil {
		w.t.Fatalf("%s %s: no JSON: %s", method, path, a.text)
	}
	return a
}

func (w *world) create(more string) answer {
	w.t.Helper()
	a := w.ask("POST", "/v1/payment_intents", "amount=1000&currency=usd&automatic_payment_methods[enabled]=true&automatic_payment_methods[allow_redirects]=never"+more)
	if a.status != http.StatusOK {
		w.t.Fatalf("create: %d %s", a.status, a.text)
	}
	return a
}

// recorded are the events of a kind.
func (w *world) recorded(kind string) (found []history.Event) {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	for _, event := range w.events {
		if event.Kind == kind {
			found = append(found, event)
		}
	}
	return found
}

func TestOrderAndRef(t *testing.T) {
	w := newWorld(t)
	for name, test := range map[string]struct{ metadata, order, ref string }{
		"order":            {"&metadata[order]=o-1&metadata[order_id]=no&metadata[ref]=ps-r-b7-o1", "o-1", "ps-r-b7-o1"},
		"order_id":         {"&metadata[order_id]=o-2", "o-2", ""},
		"neither":          {"", "", ""},
		"one that is long": {"&metadata[order]=" + strings.Repeat("x", 65), "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			made := w.create(test.metadata)
			p, _ := w.channel.Find(made.ID)
			if test.order == "" {
				test.order = made.ID
			}
			if p.Order != test.order || p.Ref != test.ref {
				t.Errorf("%+v", p)
			}
		})
	}
}

// TestRefundNumbersAreNotUnique: two refunds with one refund_no are two refunds, at Stripe and here.
func TestRefundNumbersAreNotUnique(t *testing.T) {
	w := newWorld(t)
	made := w.create("&confirm=true&payment_method=pm_card_visa")
	ask := func() answer {
		return w.ask("POST", "/v1/refunds", "payment_intent="+made.ID+"&amount=400&metadata[refund_no]=r-1")
	}
	first, second := ask(), ask()
	if first.ID == second.ID || first.status != 200 || second.status != 200 {
		t.Fatalf("%s, %s", first.text, second.text)
	}
	refunds := w.recorded(history.RefundSucceeded)
	if len(refunds) != 2 || refunds[0].MerchantRefund != "r-1" || refunds[1].MerchantRefund != second.ID {
		t.Errorf("%+v", refunds)
	}
	if third := ask(); third.status != 400 || third.Error.Param != "amount" {
		t.Errorf("beyond the capture: %s", third.text)
	}
}

func TestOperations(t *testing.T) {
	w := newWorld(t)
	made := w.create("&metadata[order]=o-1")
	w.ask("GET", "/v1/payment_intents/"+made.ID, "")
	w.ask("POST", "/v1/payment_intents/"+made.ID+"/confirm", "payment_method=pm_card_visa")
	refund := w.ask("POST", "/v1/refunds", "payment_intent="+made.ID)
	w.ask("GET", "/v1/refunds/"+refund.ID, "")
	w.ask("POST", "/v1/payment_intents/"+made.ID+"/cancel", "")
	w.ask("GET", "/v1/balance_transactions", "")
	var got []string
	for _, event := range w.recorded(history.Request) {
		got = append(got, event.State)
		if event.State != string(mockchannel.OpBill) && event.Order != "o-1" {
			t.Errorf("%s is recorded for order %q", event.State, event.Order)
		}
	}
	if want := []string{"create", "query", "confirm", "refund", "refund-query", "close", "bill"}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

// TestFaultsInStripesWords: what a fault refuses is refused in Stripe's own way.
func TestFaultsInStripesWords(t *testing.T) {
	for code, want := range map[string]struct {
		status     int
		kind, word string
	}{
		"rate_limited": {429, "invalid_request_error", "rate_limit"},
		"internal":     {500, "api_error", ""},
		"unavailable":  {503, "api_error", ""},
	} {
		w := newWorld(t, func(config *mockchannel.Config) {
			config.Faults = rejecting{mockchannel.Reject{Fault: "f", Code: code}}
		})
		a := w.ask("POST", "/v1/payment_intents", "amount=1&currency=usd", "Idempotency-Key", "k")
		if a.status != want.status || a.Error.Type != want.kind || a.Error.Code != want.word || a.header.Get("Request-Id") == "" {
			t.Errorf("%s: %d %s", code, a.status, a.text)
		}
	}
}

type rejecting struct{ reject mockchannel.Reject }

func (r rejecting) Request(mockchannel.Request) mockchannel.RequestFault {
	return mockchannel.RequestFault{Reject: &r.reject}
}
func (rejecting) Change(mockchannel.Change) (fault mockchannel.ChangeFault)        { return fault }
func (rejecting) Notice(mockchannel.Notice) (fault mockchannel.NoticeFault)        { return fault }
func (rejecting) Attempt(mockchannel.Notice, int) (fault mockchannel.AttemptFault) { return fault }
func (rejecting) Reached(mockchannel.Moment)                                       {}

func TestAuthentication(t *testing.T) {
	w := newWorld(t)
	made := w.create("")
	basic := "Basic c2tfdGVzdF8xOg==" // sk_test_1:
	for name, test := range map[string]struct {
		method, path, form, authorization string
		status                            int
	}{
		"basic":                    {"GET", "/v1/payment_intents/" + made.ID, "", basic, 200},
		"nobody":                   {"GET", "/v1/payment_intents/" + made.ID, "", "", 401},
		"a wrong key":              {"GET", "/v1/payment_intents/" + made.ID, "", "Bearer sk_test_2", 401},
		"public, no client secret": {"GET", "/v1/payment_intents/" + made.ID, "", "Bearer pk_test_1", 400},
		"public, not for the shop": {"GET", "/v1/refunds", "", "Bearer pk_test_1", 401},
		"public, another's secret": {"POST", "/v1/payment_intents/" + made.ID + "/confirm", "client_secret=" + made.ID + "_secret_x", "Bearer pk_test_1", 400},
		"no such address":          {"GET", "/v1/nothing", "", "Bearer sk_test_1", 404},
		"no such method":           {"DELETE", "/v1/payment_intents/" + made.ID, "", "Bearer sk_test_1", 404},
		"key among the parameters": {"POST", "/v1/payment_intents", "amount=1&currency=usd&key=sk_test_1", "", 200},
	} {
		t.Run(name, func(t *testing.T) {
			a := w.ask(test.method, test.path, test.form, "Authorization", test.authorization)
			if a.status != test.status || (a.status >= 400 && a.Error.Type != "invalid_request_error") {
				t.Errorf("%d %s", a.status, a.text)
			}
		})
	}
}

func TestContentTypes(t *testing.T) {
	w := newWorld(t)
	for kind, want := range map[string]int{
		"application/x-www-form-urlencoded": 200, "application/x-www-form-urlencoded; charset=UTF-8": 200,
		"application/json": 400, "": 400, "application/x-www-form-urlencoded; charset=gbk": 400,
	} {
		if a := w.ask("POST", "/v1/payment_intents", "amount=1&currency=usd", "Content-Type", kind); a.status != want {
			t.Errorf("%s: %d %s", kind, a.status, a.text)
		}
	}
	if a := w.ask("POST", "/v1/payment_intents", strings.Repeat("a", 10<<20)); a.status != http.StatusRequestEntityTooLarge {
		t.Errorf("2 MiB: %d", a.status)
	}
}

// TestSubscribers: a shop that listens to one event only is told by that one.
func TestSubscribers(t *testing.T) {
	for _, event := range []string{"payment_intent.succeeded", "charge.succeeded"} {
		got := make(chan string, 8)
		shop := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			var told struct{ Type string }
			_ = json.NewDecoder(r.Body).Decode(&told)
			got <- told.Type
		}))
		defer shop.Close()
		w := newWorld(t, func(config *mockchannel.Config) {
			config.Endpoints = []mockchannel.Endpoint{{ID: "shop", URL: shop.URL, Secrets: []string{"whsec_1"}, Events: []string{event}}}
		})
		go func() { _ = w.channel.Run(t.Context()) }()
		w.create("&confirm=true&payment_method=pm_card_visa")
		if told := <-got; told != event {
			t.Errorf("got %s, want %s", told, event)
		}
		for deadline := time.Now().Add(5 * time.Second); !w.channel.Quiet() && time.Now().Before(deadline); {
			time.Sleep(time.Millisecond)
		}
		sent := w.recorded(history.DeliverySent)
		if len(sent) != 1 || sent[0].State != history.PaymentSucceeded || sent[0].Key != event {
			t.Errorf("%+v", sent)
		}
	}
}

func TestEndpointsFollowTheVersion(t *testing.T) {
	w := newWorld(t)
	make := func(more string) answer {
		return w.ask("POST", "/v1/webhook_endpoints", "url=http://h/&enabled_events[]=*"+more)
	}
	follows, pinned := make(""), make("&api_version=2020-08-27")
	w.ask("GET", "/v1/events", "", "Stripe-Version", "2025-01-27.acacia")
	versions := map[string]string{}
	for _, e := range w.call.Endpoints() {
		versions[e.ID] = e.Version
	}
	if versions[follows.ID] != "2025-01-27.acacia" || versions[pinned.ID] != "2020-08-27" || pinned.Version != "2020-08-27" {
		t.Errorf("%v", versions)
	}
	if a := w.ask("GET", "/v1/events", "", "Stripe-Version", "yesterday"); a.status != 400 {
		t.Errorf("%d", a.status)
	}
	off := w.ask("POST", "/v1/webhook_endpoints/"+follows.ID, "disabled=true")
	if off.Status != "disabled" {
		t.Errorf("%s", off.text)
	}
	if a := make("&enabled_events[]=invoice.paid"); a.status != 400 {
		t.Errorf("an event that is never sent: %d", a.status)
	}
}

func TestPages(t *testing.T) {
	w := newWorld(t)
	for range 7 {
		w.create("")
	}
	first := w.ask("GET", "/v1/payment_intents?limit=3", "")
	second := w.ask("GET", "/v1/payment_intents?limit=3&starting_after="+first.Data[2].ID, "")
	third := w.ask("GET", "/v1/payment_intents?limit=3&starting_after="+second.Data[2].ID, "")
	if len(first.Data) != 3 || !first.More || len(second.Data) != 3 || !second.More || len(third.Data) != 1 || third.More {
		t.Fatalf("%d %d %d", len(first.Data), len(second.Data), len(third.Data))
	}
	back := w.ask("GET", "/v1/payment_intents?limit=2&ending_before="+third.Data[0].ID, "")
	if len(back.Data) != 2 || back.Data[1].ID != second.Data[2].ID || !back.More {
		t.Errorf("%s", back.text)
	}
	for _, query := range []string{"limit=0", "limit=101", "limit=x", "starting_after=pi_none", "starting_after=a&ending_before=b", "colour=green"} {
		if a := w.ask("GET", "/v1/payment_intents?"+query, ""); a.status < 400 {
			t.Errorf("%s: %d", query, a.status)
		}
	}
}

func TestUpdate(t *testing.T) {
	w := newWorld(t)
	made := w.create("&metadata[order]=o-1&metadata[a]=1")
	changed := w.ask("POST", "/v1/payment_intents/"+made.ID, "amount=1500&metadata[a]=&metadata[b]=2&description=d")
	if changed.Amount != 1500 || changed.Metadata["order"] != "o-1" || changed.Metadata["b"] != "2" || len(changed.Metadata) != 2 {
		t.Errorf("%s", changed.text)
	}
	if updated := w.recorded(history.PaymentUpdated); len(updated) != 1 || updated[0].Minor != 1500 {
		t.Errorf("%+v", updated)
	}
	w.ask("POST", "/v1/payment_intents/"+made.ID+"/confirm", "payment_method=pm_card_visa")
	if a := w.ask("POST", "/v1/payment_intents/"+made.ID, "amount=1"); a.status != 400 || a.Error.Code != "payment_intent_unexpected_state" {
		t.Errorf("%s", a.text)
	}
	if a := w.ask("POST", "/v1/payment_intents/"+made.ID, "metadata[c]=3"); a.status != 200 || a.Metadata["c"] != "3" {
		t.Errorf("metadata can always be changed: %s", a.text)
	}
}
