package console_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/paystorm/paystorm/dice"
	"github.com/paystorm/paystorm/history"
	"github.com/paystorm/paystorm/mockchannel"
	"github.com/paystorm/paystorm/mockchannel/console"
	"github.com/paystorm/paystorm/mockchannel/standard"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const patience = 5 * time.Second

// world is a channel with its console over real HTTP, a shop, and a browser that has been let in.
type world struct {
	t        *testing.T
	console  *console.Console
	channel  *mockchannel.Channel
	merchant mockchannel.Merchant
	server   *httptest.Server
	shop     *httptest.Server
	browser  *http.Client

	asked  int64        // requests of merchants
	traced atomic.Int64 // and those of them that the console has been told of, which it is only once they are answered

	mutex sync.Mutex
	inbox []string // types of what the shop has got
	reply func(http.ResponseWriter)
}

// disputing is the standard dialect of a provider that has disputes and probes signatures.
type disputing struct{ mockchannel.Dialect }

func (d disputing) Traits() mockchannel.Traits {
	traits := d.Dialect.Traits()
	traits.Disputes, traits.SignatureProbes = true, true
	return traits
}

func newWorld(t *testing.T, change ...func(*mockchannel.Config)) *world {
	t.Helper()
	w := &world{t: t}
	dialect := mockchannel.Dialect(disputing{standard.New()})
	merchant, err := dialect.Issue("m-1", nil)
	if err != nil {
		t.Fatal(err)
	}
	w.merchant = merchant
	clock := history.StartClock()
	config := mockchannel.Config{
		Clock: clock, Dice: dice.New(1), Merchants: []mockchannel.Merchant{merchant}, Dialect: dialect,
		Retry: []time.Duration{time.Hour}, Couriers: 4,
	}
	for _, set := range change {
		set(&config)
	}
	w.console = console.New(console.Config{
		Clock: clock, Dialect: config.Dialect, Merchants: config.Merchants, Faults: []string{"lose-callbacks: {share: <b>30%</b>}"},
	})
	config.Record = func(event history.Event) uint64 { w.console.Record(event); return 0 }
	config.Trace = func(trace mockchannel.Trace) {
		w.console.Trace(trace)
		if trace.Event.Kind == history.Request {
			w.traced.Add(1)
		}
	}
	w.channel = mockchannel.New(config)
	w.server = httptest.NewServer(w.console.Handler(w.channel))
	w.shop = httptest.NewServer(http.HandlerFunc(w.take))
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	w.browser = &http.Client{Transport: &http.Transport{}, Jar: jar, Timeout: patience}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- w.channel.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("Run: %v", err)
		}
		w.browser.CloseIdleConnections()
		w.server.Close()
		w.shop.Close()
		if err := w.channel.Balanced(); err != nil {
			t.Errorf("the ledger: %v", err)
		}
	})
	if page := w.get(w.console.Path()); page.status != http.StatusOK {
		t.Fatalf("not let in: %d %s", page.status, page.body)
	}
	return w
}

func (w *world) take(rw http.ResponseWriter, r *http.Request) {
	var message struct {
		Type string `json:"type"`
	}
	if err := json.NewDecoder(r.Body).Decode(&message); err != nil {
		w.t.Errorf("the shop got no JSON: %v", err)
	}
	w.mutex.Lock()
	w.inbox = append(w.inbox, message.Type)
	reply := w.reply
	w.mutex.Unlock()
	if reply != nil {
		reply(rw)
	}
}

func (w *world) received() string {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	return strings.Join(w.inbox, " ")
}

// answer is what a browser or a merchant got.
type answer struct {
	status int
	header http.Header
	body   string
}

func (w *world) do(client *http.Client, method, path, body string, headers ...string) answer {
	w.t.Helper()
	request, err := http.NewRequestWithContext(w.t.Context(), method, w.server.URL+path, strings.NewReader(body))
	if err != nil {
		w.t.Fatal(err)
	}
	for i := 0; i+1 < len(headers); i += 2 {
		if headers[i] == "Host" {
			request.Host = headers[i+1]
		}
		request.Header.Set(headers[i], headers[i+1])
	}
	response, err := client.Do(request)
	if err != nil {
		w.t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	if strings.HasPrefix(path, "/v1/") {
		w.asked++
		w.eventually("the console knows of the request", func() bool { return w.traced.Load() >= w.asked })
	}
	return answer{response.StatusCode, response.Header, string(text)}
}

func (w *world) get(path string) answer {
	w.t.Helper()
	return w.do(w.browser, http.MethodGet, path, "")
}

// click posts a form as the page itself would. The answer is what is shown then.
func (w *world) click(payment string, form url.Values) answer {
	w.t.Helper()
	return w.do(w.browser, http.MethodPost, pageOf(payment), form.Encode(),
		"Content-Type", "application/x-www-form-urlencoded", "Origin", w.server.URL, "Sec-Fetch-Site", "same-origin")
}

func pageOf(payment string) string { return "/console/payments/" + payment }

// merchantAsks makes a request of the merchant's.
func (w *world) merchantAsks(method, path, body, key string) answer {
	w.t.Helper()
	client := &http.Client{Transport: w.browser.Transport, Timeout: patience}
	return w.do(client, method, path, body, "Authorization", "Bearer "+w.merchant.APIKey, "Idempotency-Key", key)
}

// create lets the merchant create a payment of 10.00 CNY.
func (w *world) create(order string) string {
	w.t.Helper()
	body := fmt.Sprintf(`{"order":%q,"amount_minor":1000,"currency":"CNY","notify_url":%q}`, order, w.shop.URL+"/callback")
	made := w.merchantAsks(http.MethodPost, "/v1/payments", body, "create-"+order)
	var payment struct {
		ID string `json:"id"`
	}
	if err := json.Unmarshal([]byte(made.body), &payment); err != nil || made.status != http.StatusCreated {
		w.t.Fatalf("create: %d %s", made.status, made.body)
	}
	return payment.ID
}

// paid creates a payment and pays it, and waits until the shop has acknowledged that.
func (w *world) paid(order string) string {
	w.t.Helper()
	id := w.create(order)
	if _, err := w.channel.Pay(id, "", 0); err != nil {
		w.t.Fatal(err)
	}
	w.settled()
	return id
}

// settled waits until nothing is under way.
func (w *world) settled() {
	w.t.Helper()
	w.eventually("nothing is under way", func() bool { return w.channel.Due() == len(w.channel.Agenda()) })
}

func (w *world) eventually(what string, is func() bool) {
	w.t.Helper()
	for deadline := time.Now().Add(patience); !is(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			w.t.Fatalf("never happened: %s", what)
		}
	}
}

func (w *world) wantShown(page answer, texts ...string) {
	w.t.Helper()
	for _, text := range texts {
		if !strings.Contains(page.body, text) {
			w.t.Errorf("the page lacks %q:\n%s", text, page.body)
		}
	}
}

func (w *world) wantHidden(page answer, texts ...string) {
	w.t.Helper()
	for _, text := range texts {
		if strings.Contains(page.body, text) {
			w.t.Errorf("the page has %q:\n%s", text, page.body)
		}
	}
}
