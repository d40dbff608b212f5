package flashshop

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
)

const (
	testSecret   = "whsec_c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0"
	testMerchant = "m-1"
	shopName     = "http://shop.invalid" // what notify_url says; the fake knows where the shop really is
)

// Operations of the channel, as a script names them.
const (
	opCreate      = "create"
	opList        = "list"
	opQuery       = "query"
	opClose       = "close"
	opRefund      = "refund"
	opRefundQuery = "refund-query"
)

// fault is what goes wrong with one request.
type fault struct {
	refuse int  // answered with this status and not processed
	lose   bool // processed, then the connection is cut
	hang   bool // processed, then silence until the shop gives up
	stale  bool // a query finds nothing
}

type charge struct{ standardPayment }

// fakeChannel speaks the standard dialect's merchant API. A test pays at it, and says what goes wrong.
type fakeChannel struct {
	t      testing.TB
	server *httptest.Server

	mu       sync.Mutex
	shop     string // base URL
	seq      int
	charges  []*charge
	keys     map[string]string // idempotency key → payment id, or refund number
	bodies   map[string]string
	refunds  map[string]*standardRefund
	refunded map[string]string // refund number → payment id
	calls    map[string]int    // how often each operation was asked for
	script   func(op string, nth int) fault
	early    func(c charge)                  // called inside a create, before its answer
	ended    func(no string, nth int) string // state that a refund is in at once; nil leaves it pending
	mails    []string
}

func newFakeChannel(t testing.TB) *fakeChannel {
	t.Helper()
	f := &fakeChannel{
		t: t, keys: map[string]string{}, bodies: map[string]string{}, refunds: map[string]*standardRefund{},
		refunded: map[string]string{}, calls: map[string]int{},
	}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /v1/payments", f.route(opCreate, f.create))
	mux.HandleFunc("GET /v1/payments", f.route(opList, f.list))
	mux.HandleFunc("GET /v1/payments/{id}", f.route(opQuery, f.query))
	mux.HandleFunc("POST /v1/payments/{id}/close", f.route(opClose, f.close))
	mux.HandleFunc("POST /v1/refunds", f.route(opRefund, f.refund))
	mux.HandleFunc("GET /v1/refunds/{no}", f.route(opRefundQuery, f.queryRefund))
	mux.HandleFunc("POST /mail", func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		f.mu.Lock()
		defer f.mu.Unlock()
		f.mails = append(f.mails, string(body))
	})
	f.server = httptest.NewServer(mux)
	t.Cleanup(f.server.Close)
	return f
}

type reply struct {
	status int
	body   any
}

func wrong(status int, code string) reply {
	return reply{status, map[string]any{"error": map[string]string{"code": code, "message": code}}}
}

// goesWrong scripts what goes wrong from now on; nil is nothing.
func (f *fakeChannel) goesWrong(script func(op string, nth int) fault) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.script = script
}

func (f *fakeChannel) route(op string, work func(*http.Request, []byte, fault) reply) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		f.mu.Lock()
		f.calls[op]++
		var bad fault
		if f.script != nil {
			bad = f.script(op, f.calls[op])
		}
		f.mu.Unlock()
		if bad.refuse != 0 {
			f.answer(w, wrong(bad.refuse, "unavailable"))
			return
		}
		out := work(r, body, bad)
		switch {
		case bad.hang:
			<-r.Context().Done()
		case bad.lose:
			panic(http.ErrAbortHandler)
		default:
			f.answer(w, out)
		}
	}
}

func (f *fakeChannel) answer(w http.ResponseWriter, out reply) {
	w.WriteHeader(out.status)
	_ = json.NewEncoder(w).Encode(out.body)
}

func (f *fakeChannel) create(r *http.Request, body []byte, _ fault) reply {
	var in struct {
		Order     string `json:"order"`
		Amount    int64  `json:"amount_minor"`
		Currency  string `json:"currency"`
		NotifyURL string `json:"notify_url"`
	}
	if err := json.Unmarshal(body, &in); err != nil || in.NotifyURL != shopName+"/callbacks/standard/"+in.Order {
		return wrong(http.StatusBadRequest, "invalid_request")
	}
	key := r.Header.Get("Idempotency-Key")
	f.mu.Lock()
	if id, ok := f.keys[key]; ok {
		defer f.mu.Unlock()
		if f.bodies[key] != string(body) {
			return wrong(http.StatusConflict, "idempotency_mismatch")
		}
		return reply{http.StatusCreated, f.charge(id).standardPayment}
	}
	f.seq++
	id := fmt.Sprintf("pay-%d", f.seq)
	c := &charge{standardPayment{
		ID: id, Order: in.Order, AmountMinor: in.Amount, Currency: in.Currency, State: "created", PayURL: "/pay/" + id,
	}}
	f.charges, f.keys[key], f.bodies[key] = append(f.charges, c), id, string(body)
	early, copied := f.early, *c
	f.mu.Unlock()
	if early != nil {
		early(copied)
	}
	return reply{http.StatusCreated, copied.standardPayment}
}

func (f *fakeChannel) charge(id string) *charge {
	for _, c := range f.charges {
		if c.ID == id {
			return c
		}
	}
	return nil
}

func (f *fakeChannel) list(r *http.Request, _ []byte, bad fault) reply {
	f.mu.Lock()
	defer f.mu.Unlock()
	found := []standardPayment{}
	for _, c := range f.charges {
		if c.Order == r.URL.Query().Get("order") && !bad.stale {
			found = append(found, c.standardPayment)
		}
	}
	return reply{http.StatusOK, map[string]any{"payments": found}}
}

func (f *fakeChannel) query(r *http.Request, _ []byte, bad fault) reply {
	f.mu.Lock()
	defer f.mu.Unlock()
	c := f.charge(r.PathValue("id"))
	if c == nil || bad.stale {
		return wrong(http.StatusNotFound, "payment_not_found")
	}
	return reply{http.StatusOK, c.standardPayment}
}

func (f *fakeChannel) close(r *http.Request, _ []byte, _ fault) reply {
	f.mu.Lock()
	defer f.mu.Unlock()
	c := f.charge(r.PathValue("id"))
	switch {
	case c == nil:
		return wrong(http.StatusNotFound, "payment_not_found")
	case c.State == paymentSucceeded:
		return wrong(http.StatusConflict, "payment_succeeded")
	}
	c.State = paymentClosed
	return reply{http.StatusOK, c.standardPayment}
}

func (f *fakeChannel) refund(_ *http.Request, body []byte, _ fault) reply {
	var in struct {
		Payment  string `json:"payment"`
		RefundNo string `json:"refund_no"`
		Amount   int64  `json:"amount_minor"`
	}
	if err := json.Unmarshal(body, &in); err != nil {
		return wrong(http.StatusBadRequest, "invalid_request")
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if known := f.refunds[in.RefundNo]; known != nil {
		return reply{http.StatusOK, *known}
	}
	c := f.charge(in.Payment)
	switch {
	case c == nil:
		return wrong(http.StatusNotFound, "payment_not_found")
	case c.State != paymentSucceeded:
		return wrong(http.StatusConflict, "payment_not_succeeded")
	case f.backLocked(in.Payment)+in.Amount > c.CapturedMinor:
		return wrong(http.StatusConflict, "refund_exceeds_capture")
	}
	made := &standardRefund{ID: "re-" + in.RefundNo, RefundNo: in.RefundNo, AmountMinor: in.Amount, State: "pending"}
	f.refunds[in.RefundNo], f.refunded[in.RefundNo] = made, in.Payment
	told := *made
	if f.ended != nil {
		made.State = f.ended(in.RefundNo, len(f.refunds))
	}
	return reply{http.StatusCreated, told} // a provider says pending first
}

func (f *fakeChannel) queryRefund(r *http.Request, _ []byte, bad fault) reply {
	f.mu.Lock()
	defer f.mu.Unlock()
	known := f.refunds[r.PathValue("no")]
	if known == nil || bad.stale {
		return wrong(http.StatusNotFound, "refund_not_found")
	}
	return reply{http.StatusOK, *known}
}

// backLocked is what a payment's refunds give back or have given back.
func (f *fakeChannel) backLocked(id string) (total int64) {
	for number, r := range f.refunds {
		if f.refunded[number] == id && r.State != "failed" {
			total += r.AmountMinor
		}
	}
	return total
}

// net is what the channel keeps of an order's money, and how many of its payments could still be paid.
func (f *fakeChannel) net(order string) (minor int64, open int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, c := range f.charges {
		if c.Order != order {
			continue
		}
		minor += c.CapturedMinor - f.backLocked(c.ID)
		if c.State != paymentSucceeded && c.State != paymentClosed {
			open++
		}
	}
	return minor, open
}

// take captures a payment without telling anybody; minor 0 takes what was asked for. It works on a closed payment too.
func (f *fakeChannel) take(id string, minor int64) charge {
	f.mu.Lock()
	defer f.mu.Unlock()
	c := f.charge(id)
	if c == nil {
		f.t.Errorf("there is no payment %q", id)
		return charge{}
	}
	if minor == 0 {
		minor = c.AmountMinor
	}
	c.State, c.CapturedMinor = paymentSucceeded, minor
	return *c
}

// endRefunds gives every pending refund its last state, and returns their numbers.
func (f *fakeChannel) endRefunds(state string) (numbers []string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for number, r := range f.refunds {
		if r.State == "pending" {
			r.State = state
			numbers = append(numbers, number)
		}
	}
	slices.Sort(numbers)
	return numbers
}

// message is a notification before it is signed; tests spoil it.
type message struct {
	id      string
	n       standardMessage
	address string // the order whose address it is posted to
	secret  string // "" does not sign
}

func (f *fakeChannel) message(kind string, c charge) message {
	m := message{id: kind + "/" + c.ID, address: c.Order, secret: testSecret}
	m.n.Type = kind
	m.n.Data.Payment, m.n.Data.Merchant, m.n.Data.Order = c.ID, testMerchant, c.Order
	m.n.Data.AmountMinor, m.n.Data.Currency, m.n.Data.State = c.AmountMinor, c.Currency, strings.TrimPrefix(kind, "payment.")
	if kind == "payment.succeeded" {
		m.n.Data.AmountMinor = c.CapturedMinor
	}
	return m
}

func (f *fakeChannel) refundMessage(number, state string) message {
	f.mu.Lock()
	defer f.mu.Unlock()
	m := f.message("refund."+state, *f.charge(f.refunded[number]))
	m.id += "/" + number
	m.n.Data.Refund = *f.refunds[number]
	return m
}

// deliver posts a message to the shop and returns the status, 0 if there was no answer.
func (f *fakeChannel) deliver(m message) int {
	body, err := json.Marshal(map[string]any{"type": m.n.Type, "timestamp": time.Now().Format(time.RFC3339), "data": m.n.Data})
	if err != nil {
		f.t.Error(err)
	}
	f.mu.Lock()
	url := f.shop + "/callbacks/standard/" + m.address
	f.mu.Unlock()
	ctx, cancel := context.WithTimeout(f.t.Context(), 5*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		f.t.Error(err)
		return 0
	}
	if m.secret != "" {
		hook, err := standardwebhooks.NewWebhook(m.secret)
		if err != nil {
			f.t.Error(err)
			return 0
		}
		now := time.Now()
		signature, err := hook.Sign(m.id, now, body)
		if err != nil {
			f.t.Error(err)
		}
		req.Header.Set("webhook-id", m.id)
		req.Header.Set("webhook-timestamp", fmt.Sprint(now.Unix()))
		req.Header.Set("webhook-signature", signature)
	}
	resp, err := client.Do(req)
	if err != nil {
		return 0
	}
	_ = resp.Body.Close()
	return resp.StatusCode
}

// pay captures a payment and delivers the good news.
func (f *fakeChannel) pay(id string) int {
	return f.deliver(f.message("payment.succeeded", f.take(id, 0)))
}

func (f *fakeChannel) called(op string) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.calls[op]
}
