package flashshop

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
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

	opCertificates = "certificates" // WeChat Pay's
)

// fault is what goes wrong with one request.
type fault struct {
	refuse int  // answered with this status and not processed
	lose   bool // processed, then the connection is cut
	hang   bool // processed, then silence until the shop gives up
	stale  bool // a query finds nothing

	meanwhile func() // before it is processed
}

type charge struct {
	standardPayment
	unscanned bool  // of a provider that makes a payment only when a buyer begins to pay
	expires   int64 // when it can be begun no more, Unix ms
}

// fakeChannel is a payment provider, in the tongue of one. A test pays at it, and says what goes wrong.
type fakeChannel struct {
	t      testing.TB
	tongue tongue
	server *httptest.Server

	mu       sync.Mutex
	shop     string // base URL
	seq      int
	charges  []*charge
	keys     map[string]string // idempotency key → payment id, or refund number
	drafts   map[string]string // idempotency key → what it is bound to
	refunds  map[string]*standardRefund
	refunded map[string]string // refund number → payment id
	calls    map[string]int    // how often each operation was asked for
	served   map[string]int    // and has had its effect, though its answer may not have come yet
	answered map[string]int    // and was answered as asked, and the shop was still there
	script   func(op string, nth int) fault
	early    func(c charge)                  // called inside a create, before its answer
	ended    func(no string, nth int) string // state that a refund is in at once; nil leaves it pending
	mails    []string
	bill     func() string // what the bill of everything says, in standard's words; nil: there is none
}

// tongue is how a provider speaks. The fake behind it knows only what all have in common.
type tongue interface {
	name() string
	// configure sets what a shop of this provider needs in its environment.
	configure(f *fakeChannel, env map[string]string)
	routes(f *fakeChannel, mux *http.ServeMux)
	// fail answers a request that was refused before it was processed, or with one of the fake's codes.
	fail(w http.ResponseWriter, r *http.Request, status int, code string)
	// callback is the request that tells the shop of a message, signed under the message's secret.
	callback(f *fakeChannel, m message) (*http.Request, error)
	// addressed says whether a message is posted to the address of its order.
	addressed() bool
	// naming says whether a message names the order beside the payment.
	naming() bool
	// acknowledged says whether the shop has accepted a message.
	acknowledged(status int, body string) bool
}

func newFakeChannel(t testing.TB, speaks tongue) *fakeChannel {
	t.Helper()
	f := &fakeChannel{
		t: t, tongue: speaks, keys: map[string]string{}, drafts: map[string]string{}, refunds: map[string]*standardRefund{},
		refunded: map[string]string{}, calls: map[string]int{}, served: map[string]int{}, answered: map[string]int{},
	}
	mux := http.NewServeMux()
	speaks.routes(f, mux)
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

// goesWrong scripts what goes wrong from now on; nil is nothing.
func (f *fakeChannel) goesWrong(script func(op string, nth int) fault) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.script = script
}

// serve answers a request by what work makes of it: an answer, or the fake's code for why not.
func (f *fakeChannel) serve(w http.ResponseWriter, r *http.Request, op string, work func(fault) (answer func(), code string)) {
	f.mu.Lock()
	f.calls[op]++
	var bad fault
	if f.script != nil {
		bad = f.script(op, f.calls[op])
	}
	f.mu.Unlock()
	if bad.meanwhile != nil {
		bad.meanwhile()
	}
	if bad.refuse != 0 {
		f.over(op)
		f.tongue.fail(w, r, bad.refuse, "unavailable")
		return
	}
	answer, code := work(bad)
	f.over(op)
	switch {
	case bad.hang:
		<-r.Context().Done()
	case bad.lose:
		panic(http.ErrAbortHandler)
	case code != "":
		f.tongue.fail(w, r, codes[code], code)
	default:
		answer()
		if r.Context().Err() == nil { // else the shop has given it up, and asks again
			f.mu.Lock()
			f.answered[op]++
			f.mu.Unlock()
		}
	}
}

// codes are the fake's reasons for a definite no, with their HTTP status where that has a meaning.
var codes = map[string]int{
	"invalid_request": http.StatusBadRequest, "idempotency_mismatch": http.StatusConflict,
	"payment_not_found": http.StatusNotFound, "payment_succeeded": http.StatusConflict,
	"payment_not_succeeded": http.StatusConflict, "refund_exceeds_capture": http.StatusConflict,
	"refund_not_found": http.StatusNotFound,
}

// create makes a payment, once for each key. It is known by id, or by a number of the fake's.
func (f *fakeChannel) create(key, bound, id string, p standardPayment) (standardPayment, string) {
	f.mu.Lock()
	if id, ok := f.keys[key]; ok {
		defer f.mu.Unlock()
		if f.drafts[key] != bound {
			return standardPayment{}, "idempotency_mismatch"
		}
		return f.charge(id).standardPayment, ""
	}
	f.seq++
	p.ID, p.State = cmp.Or(id, fmt.Sprintf("pay-%d", f.seq)), "created"
	p.PayURL = "/pay/" + p.ID
	c := &charge{standardPayment: p}
	f.charges, f.keys[key], f.drafts[key] = append(f.charges, c), p.ID, bound
	early, copied := f.early, *c
	f.mu.Unlock()
	if early != nil {
		early(copied)
	}
	return p, ""
}

func (f *fakeChannel) charge(id string) *charge {
	for _, c := range f.charges {
		if c.ID == id {
			return c
		}
	}
	return nil
}

// list finds the payments of an order; a stale list is empty.
func (f *fakeChannel) list(order string, bad fault) []standardPayment {
	f.mu.Lock()
	defer f.mu.Unlock()
	found := []standardPayment{}
	for _, c := range f.charges {
		if c.Order == order && !bad.stale {
			found = append(found, c.standardPayment)
		}
	}
	return found
}

// query finds a payment; a stale one is not found.
func (f *fakeChannel) query(id string, bad fault) (standardPayment, string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	c := f.charge(id)
	if c == nil || bad.stale {
		return standardPayment{}, "payment_not_found"
	}
	return c.standardPayment, ""
}

func (f *fakeChannel) close(id string) (standardPayment, string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	c := f.charge(id)
	switch {
	case c == nil:
		return standardPayment{}, "payment_not_found"
	case c.State == paymentSucceeded:
		return standardPayment{}, "payment_succeeded"
	}
	c.State = paymentClosed
	return c.standardPayment, ""
}

// refund makes a refund, once for each number. A provider says pending first.
func (f *fakeChannel) refund(number, payment string, minor int64) (standardRefund, string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if known := f.refunds[number]; known != nil {
		return *known, ""
	}
	c := f.charge(payment)
	switch {
	case c == nil:
		return standardRefund{}, "payment_not_found"
	case c.State != paymentSucceeded:
		return standardRefund{}, "payment_not_succeeded"
	case f.backLocked(payment)+minor > c.CapturedMinor:
		return standardRefund{}, "refund_exceeds_capture"
	}
	made := &standardRefund{ID: "re-" + number, RefundNo: number, AmountMinor: minor, State: "pending"}
	f.refunds[number], f.refunded[number] = made, payment
	told := *made
	if f.ended != nil {
		made.State = f.ended(number, len(f.refunds))
	}
	return told, ""
}

func (f *fakeChannel) queryRefund(number string, bad fault) (standardRefund, string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	known := f.refunds[number]
	if known == nil || bad.stale {
		return standardRefund{}, "refund_not_found"
	}
	return *known, ""
}

// console refunds a payment as a person at the provider would: the shop has not asked for it.
func (f *fakeChannel) console(number, payment string, minor int64, state string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.refunds[number] = &standardRefund{ID: number, RefundNo: number, AmountMinor: minor, State: state}
	f.refunded[number] = payment
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

// made are the payments and the numbers of the refunds that the channel has made. A request may be in work there still
// when its sender has given up.
func (f *fakeChannel) made() (payments []charge, refunds []string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, c := range f.charges {
		payments = append(payments, *c)
	}
	return payments, slices.Collect(maps.Keys(f.refunds))
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
		dead := c.unscanned && time.Now().UnixMilli() > c.expires
		if c.State != paymentSucceeded && c.State != paymentClosed && !dead {
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
	c.State, c.CapturedMinor, c.unscanned = paymentSucceeded, minor, false
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
	probe   bool   // signed as WeChat Pay does to see whether the merchant looks
	version string // of Stripe's API, if another than its library's
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

// deliver posts a message to the shop. It returns 204 if the shop has accepted it in the provider's words, else the
// status, 0 if there was no answer.
func (f *fakeChannel) deliver(m message) int {
	ctx, cancel := context.WithTimeout(f.t.Context(), 5*time.Second)
	defer cancel()
	req, err := f.tongue.callback(f, m)
	if err != nil {
		f.t.Error(err)
		return 0
	}
	resp, err := client.Do(req.WithContext(ctx))
	if err != nil {
		return 0
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return 0
	}
	if f.tongue.acknowledged(resp.StatusCode, string(body)) {
		return http.StatusNoContent
	}
	return resp.StatusCode
}

// deliverUntilTaken posts a message again while the shop refuses it or does not answer, as providers do: one whose writers'
// queue is long is too busy for it.
func (f *fakeChannel) deliverUntilTaken(m message) (status int) {
	for range 20 {
		if status = f.deliver(m); status == http.StatusNoContent {
			break
		}
	}
	return status
}

// address is where the shop is really to be found.
func (f *fakeChannel) address(path string) string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.shop + path
}

// pay captures a payment and delivers the good news.
func (f *fakeChannel) pay(id string) int {
	return f.deliverUntilTaken(f.message("payment.succeeded", f.take(id, 0)))
}

func (f *fakeChannel) over(op string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.served[op]++
}

// called is how many requests have had their effect.
func (f *fakeChannel) called(op string) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.served[op]
}
