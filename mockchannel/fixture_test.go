package mockchannel_test

import (
	"bytes"
	"context"
	"encoding/base64"
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

	"go.uber.org/goleak"

	"github.com/paystorm/paystorm/dice"
	"github.com/paystorm/paystorm/history"
	"github.com/paystorm/paystorm/mockchannel"
	"github.com/paystorm/paystorm/mockchannel/standard"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	patience = 5 * time.Second       // until a test gives up waiting
	calm     = 60 * time.Millisecond // in which nothing more must happen
)

var (
	secret   = "whsec_" + base64.StdEncoding.EncodeToString([]byte("0123456789abcdef0123456789abcdef"))
	merchant = mockchannel.Merchant{ID: "m-1", APIKey: "key-1", NotifySecret: secret}
)

// script answers the channel's questions by functions; a nil one lets nothing go wrong.
type script struct {
	request func(mockchannel.Request) mockchannel.RequestFault
	change  func(mockchannel.Change) mockchannel.ChangeFault
	notice  func(mockchannel.Notice) mockchannel.NoticeFault
	attempt func(mockchannel.Notice, int) mockchannel.AttemptFault
	reached func(mockchannel.Moment)
}

func (s script) Request(q mockchannel.Request) (fault mockchannel.RequestFault) {
	if s.request != nil {
		fault = s.request(q)
	}
	return fault
}

func (s script) Change(q mockchannel.Change) (fault mockchannel.ChangeFault) {
	if s.change != nil {
		fault = s.change(q)
	}
	return fault
}

func (s script) Notice(q mockchannel.Notice) (fault mockchannel.NoticeFault) {
	if s.notice != nil {
		fault = s.notice(q)
	}
	return fault
}

func (s script) Attempt(q mockchannel.Notice, attempt int) (fault mockchannel.AttemptFault) {
	if s.attempt != nil {
		fault = s.attempt(q, attempt)
	}
	return fault
}

func (s script) Reached(moment mockchannel.Moment) {
	if s.reached != nil {
		s.reached(moment)
	}
}

// received is a notification as the shop got it.
type received struct {
	Header http.Header
	Body   []byte
	Path   string
	At     time.Time

	Type string `json:"type"`
	Data struct {
		Payment     string `json:"payment"`
		Merchant    string `json:"merchant"`
		Order       string `json:"order"`
		AmountMinor int64  `json:"amount_minor"`
		Currency    string `json:"currency"`
		State       string `json:"state"`
		Version     int64  `json:"version"`
		Refund      *struct {
			RefundNo string `json:"refund_no"`
			State    string `json:"state"`
		} `json:"refund"`
	} `json:"data"`
}

// world is a channel over real HTTP, and a shop that takes its notifications.
type world struct {
	t       testing.TB
	channel *mockchannel.Channel
	api     *httptest.Server
	shop    *httptest.Server
	client  *http.Client
	stop    func()
	clock   history.Clock

	mutex  sync.Mutex
	events []history.Event
	inbox  []received
	reply  func(received) int // the shop's answer, by default 200; called without the lock
}

func newWorld(t testing.TB, faults mockchannel.Faults, change ...func(*mockchannel.Config)) *world {
	t.Helper()
	w := &world{t: t, client: &http.Client{Transport: &http.Transport{}, Timeout: patience}, clock: history.StartClock()}
	config := mockchannel.Config{
		Clock:          w.clock,
		Record:         w.record,
		Faults:         faults,
		Dice:           dice.New(1),
		Merchants:      []mockchannel.Merchant{merchant, {ID: "m-2", APIKey: "key-2", NotifySecret: secret}},
		Dialect:        standard.New(),
		Retry:          []time.Duration{20 * time.Millisecond, 20 * time.Millisecond, 20 * time.Millisecond},
		AttemptTimeout: time.Second,
		Couriers:       16,
	}
	for _, set := range change {
		set(&config)
	}
	w.channel = mockchannel.New(config)
	w.api = httptest.NewServer(w.channel.Handler())
	w.shop = httptest.NewServer(http.HandlerFunc(w.take))
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- w.channel.Run(ctx) }()
	w.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("Run: %v", err)
		}
	})
	t.Cleanup(func() {
		w.stop()
		w.client.CloseIdleConnections()
		w.api.Close()
		w.shop.Close()
		if err := w.channel.Balanced(); err != nil {
			t.Errorf("the ledger: %v", err)
		}
	})
	return w
}

func (w *world) record(event history.Event) uint64 {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	if event.At == 0 { // as a history.Recorder does
		event.At = w.clock.Now()
	}
	w.events = append(w.events, event)
	return uint64(len(w.events))
}

func (w *world) take(rw http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	message := received{Header: r.Header.Clone(), Body: body, Path: r.URL.Path, At: time.Now()}
	if err == nil {
		err = json.Unmarshal(body, &message)
	}
	if err != nil {
		w.t.Errorf("the shop got %q: %v", body, err)
	}
	w.mutex.Lock()
	w.inbox = append(w.inbox, message)
	reply := w.reply
	w.mutex.Unlock()
	status := http.StatusOK
	if reply != nil {
		status = reply(message)
	}
	if status > 0 {
		rw.Header().Set("Location", "/elsewhere") // which nobody must follow
		rw.WriteHeader(status)
	}
}

func (w *world) replies(reply func(received) int) {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	w.reply = reply
}

func (w *world) received() []received {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	return slices.Clone(w.inbox)
}

// recorded are the events of a kind.
func (w *world) recorded(kind string) []history.Event {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	var found []history.Event
	for _, event := range w.events {
		if event.Kind == kind {
			found = append(found, event)
		}
	}
	return found
}

// eventually waits until something is true.
func (w *world) eventually(what string, is func() bool) {
	w.t.Helper()
	for deadline := time.Now().Add(patience); !is(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			w.t.Fatalf("never happened: %s", what)
		}
	}
}

func (w *world) quiet() {
	w.t.Helper()
	w.eventually("nothing is due", w.channel.Quiet)
}

// wantAffected wants exactly n events that the fault "f" affected something, and returns them.
func (w *world) wantAffected(n int) []history.Event {
	w.t.Helper()
	w.eventually(fmt.Sprintf("%d affected", n), func() bool { return len(w.recorded(history.FaultAffected)) >= n })
	time.Sleep(calm / 3)
	found := w.recorded(history.FaultAffected)
	if len(found) != n {
		w.t.Fatalf("affected %d, want %d: %+v", len(found), n, found)
	}
	for _, event := range found {
		if event.Fault != "f" || event.Order == "" || event.Source != history.SourceFault || event.Key == "" {
			w.t.Errorf("affected: %+v", event)
		}
	}
	return found
}

// answer is what the channel's API answered.
type answer struct {
	status int
	header http.Header
	body   []byte
	err    error

	ID            string            `json:"id"`
	State         string            `json:"state"`
	CapturedMinor int64             `json:"captured_minor"`
	RefundedMinor int64             `json:"refunded_minor"`
	Version       int64             `json:"version"`
	Metadata      map[string]string `json:"metadata"`
	Payments      []struct {
		ID    string `json:"id"`
		State string `json:"state"`
	} `json:"payments"`
	Error struct {
		Code  string `json:"code"`
		Field string `json:"field"`
	} `json:"error"`
}

// do makes one request of the merchant. Headers are pairs.
func (w *world) do(method, path, body string, headers ...string) answer {
	w.t.Helper()
	request, err := http.NewRequestWithContext(w.t.Context(), method, w.api.URL+path, strings.NewReader(body))
	if err != nil {
		w.t.Fatal(err)
	}
	request.GetBody = nil
	request.Header.Set("Authorization", "Bearer "+merchant.APIKey)
	request.Header.Set("Content-Type", "application/json")
	for i := 0; i+1 < len(headers); i += 2 {
		request.Header.Set(headers[i], headers[i+1])
	}
	response, err := w.client.Do(request)
	if err != nil {
		return answer{err: err}
	}
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(response.Body)
	a := answer{status: response.StatusCode, header: response.Header, body: text, err: err}
	if err == nil && bytes.HasPrefix(text, []byte("{")) {
		if err := json.Unmarshal(text, &a); err != nil {
			w.t.Errorf("answer %q: %v", text, err)
		}
	}
	return a
}

func (w *world) paymentBody(order string) string {
	return fmt.Sprintf(`{"order":%q,"amount_minor":1000,"currency":"CNY","notify_url":%q,"metadata":{"ref":"ps-r-b7-o1"}}`,
		order, w.shop.URL+"/callback/"+order)
}

func (w *world) create(order string) string {
	w.t.Helper()
	a := w.do(http.MethodPost, "/v1/payments", w.paymentBody(order), "Idempotency-Key", "create-"+order)
	if a.err != nil || a.status != http.StatusCreated {
		w.t.Fatalf("create: %d %s %v", a.status, a.body, a.err)
	}
	return a.ID
}

func (w *world) pay(id string) answer {
	w.t.Helper()
	return w.do(http.MethodPost, "/pay/"+id, `{"action":"pay"}`)
}

func (w *world) createAndPay(order string) string {
	w.t.Helper()
	id := w.create(order)
	if a := w.pay(id); a.status != http.StatusOK {
		w.t.Fatalf("pay: %d %s", a.status, a.body)
	}
	return id
}

func (w *world) refund(payment, number string, minor int64) answer {
	w.t.Helper()
	return w.do(http.MethodPost, "/v1/refunds", fmt.Sprintf(`{"payment":%q,"refund_no":%q,"amount_minor":%d}`, payment, number, minor),
		"Idempotency-Key", "refund-"+number)
}

func types(messages []received) []string {
	var all []string
	for _, message := range messages {
		all = append(all, message.Type)
	}
	return all
}
