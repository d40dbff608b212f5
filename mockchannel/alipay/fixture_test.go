package alipay_test

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/paystorm/paystorm/dice"
	"github.com/paystorm/paystorm/history"
	"github.com/paystorm/paystorm/mockchannel"
	"github.com/paystorm/paystorm/mockchannel/alipay"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const patience = 10 * time.Second

// merchants are two, made once: keys take their time.
var merchants = sync.OnceValue(func() []mockchannel.Merchant {
	var all []mockchannel.Merchant
	for _, id := range []string{"m-1", "m-2"} {
		merchant, err := alipay.New(alipay.Settings{KeyBits: 1024}).Issue(id, nil)
		if err != nil {
			panic(err)
		}
		all = append(all, merchant)
	}
	return all
})

// told is what the first merchant was told.
func told() map[string]string { return merchants()[0].Told }

func appKey() *rsa.PrivateKey {
	der, _ := base64.StdEncoding.DecodeString(told()["app_private_key"])
	key, err := x509.ParsePKCS8PrivateKey(der)
	if err != nil {
		panic(err)
	}
	return key.(*rsa.PrivateKey)
}

// believed says whether the provider signed a text.
func believed(text, signature string) bool {
	der, _ := base64.StdEncoding.DecodeString(told()["alipay_public_key"])
	key, _ := x509.ParsePKIXPublicKey(der)
	raw, err := base64.StdEncoding.DecodeString(signature)
	digest := sha256.Sum256([]byte(text))
	return err == nil && rsa.VerifyPKCS1v15(key.(*rsa.PublicKey), crypto.SHA256, digest[:], raw) == nil
}

// joined is the text that parameters are signed as, written once more and in another way than the dialect does.
func joined(parameters url.Values, without ...string) string {
	var parts []string
	for _, key := range slices.Sorted(maps.Keys(parameters)) {
		if value := parameters.Get(key); value != "" && !slices.Contains(without, key) {
			parts = append(parts, key+"="+value)
		}
	}
	return strings.Join(parts, "&")
}

// world is a channel on a socket, and a shop that takes its notifications.
type world struct {
	t       testing.TB
	channel *mockchannel.Channel
	api     *httptest.Server
	shop    *httptest.Server
	client  *http.Client

	mutex  sync.Mutex
	inbox  []url.Values
	events []history.Event
	reply  func(nth int) string // to the n-th notification, from 1
}

func newWorld(t testing.TB, settings alipay.Settings, change func(*mockchannel.Config)) *world {
	t.Helper()
	w := &world{t: t, reply: func(int) string { return "success" }, client: &http.Client{
		Transport:     &http.Transport{},
		Timeout:       patience,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
	settings.KeyBits = 1024
	config := mockchannel.Config{
		Clock: history.StartClock(), Record: w.record, Dice: dice.New(1), Merchants: merchants(), Dialect: alipay.New(settings),
		Retry: []time.Duration{10 * time.Millisecond, 10 * time.Millisecond}, AttemptTimeout: time.Second, Couriers: 8,
	}
	if change != nil {
		change(&config)
	}
	w.channel = mockchannel.New(config)
	w.api = httptest.NewServer(w.channel.Handler())
	w.shop = httptest.NewServer(http.HandlerFunc(w.take))
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- w.channel.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		w.client.CloseIdleConnections()
		w.api.Close()
		w.shop.Close()
		if err := w.channel.Balanced(); err != nil {
			t.Error(err)
		}
	})
	return w
}

func (w *world) record(event history.Event) uint64 {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	w.events = append(w.events, event)
	return uint64(len(w.events))
}

func (w *world) take(rw http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	fields, err := url.ParseQuery(string(body))
	if err != nil || r.Header.Get("Content-Type") != "application/x-www-form-urlencoded; charset=utf-8" {
		w.t.Errorf("the shop got %q as %s: %v", body, r.Header.Get("Content-Type"), err)
	}
	w.mutex.Lock()
	defer w.mutex.Unlock()
	w.inbox = append(w.inbox, fields)
	_, _ = rw.Write([]byte(w.reply(len(w.inbox))))
}

func (w *world) received() []url.Values {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	return slices.Clone(w.inbox)
}

// quiet waits until the channel owes nothing.
func (w *world) quiet() {
	w.t.Helper()
	w.eventually("quiet", w.channel.Quiet)
}

func (w *world) eventually(what string, is func() bool) {
	w.t.Helper()
	for end := time.Now().Add(patience); !is(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			w.t.Fatalf("not in time: %s", what)
		}
	}
}

// signedRequest are the parameters of a request, before and after which change may alter them.
func (w *world) signedRequest(method string, content any, change ...func(url.Values)) url.Values {
	raw, isText := content.(string)
	if !isText {
		encoded, err := json.Marshal(content)
		if err != nil {
			w.t.Fatal(err)
		}
		raw = string(encoded)
	}
	parameters := url.Values{
		"app_id": {told()["app_id"]}, "method": {method}, "format": {"JSON"}, "charset": {"utf-8"}, "sign_type": {"RSA2"},
		"timestamp": {"2026-01-02 03:04:05"}, "version": {"1.0"}, "biz_content": {raw},
		"notify_url": {w.shop.URL + "/notify"}, "return_url": {"http://shop.example/back?a=b"},
	}
	for _, alter := range change {
		alter(parameters)
	}
	digest := sha256.Sum256([]byte(joined(parameters, "sign")))
	signature, err := rsa.SignPKCS1v15(rand.Reader, appKey(), crypto.SHA256, digest[:])
	if err != nil {
		w.t.Fatal(err)
	}
	if !parameters.Has("sign") {
		parameters.Set("sign", base64.StdEncoding.EncodeToString(signature))
	}
	return parameters
}

// with sets a public parameter; "" removes it.
func with(key, value string) func(url.Values) {
	return func(parameters url.Values) {
		parameters.Set(key, value)
		if value == "" {
			parameters.Del(key)
		}
	}
}

// said is an answer.
type said struct {
	raw, root, inner string
	content          map[string]any
	signed           bool // by the provider's key
	certificate      string
}

func (s said) get(key string) string {
	text, _ := s.content[key].(string)
	return text
}

// envelopeForm is the one form that the provider's SDKs can cut.
var envelopeForm = regexp.MustCompile(`^\{"([a-z_]+_response)":(\{.*\}|"[^"]*")(?:,"alipay_cert_sn":"([0-9a-f]{32})")?(?:,"sign":"([^"]+)")?\}$`)

func (w *world) ask(method string, content any, change ...func(url.Values)) said {
	w.t.Helper()
	return w.post(w.signedRequest(method, content, change...).Encode())
}

func (w *world) post(body string) said {
	w.t.Helper()
	response, err := w.client.Post(w.api.URL+"/gateway.do", "application/x-www-form-urlencoded;charset=utf-8", strings.NewReader(body))
	if err != nil {
		w.t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != http.StatusOK {
		w.t.Fatalf("%d %s: %v", response.StatusCode, text, err)
	}
	return w.parse(string(text))
}

func (w *world) parse(text string) said {
	w.t.Helper()
	parts := envelopeForm.FindStringSubmatch(text)
	if parts == nil {
		w.t.Fatalf("this is no envelope: %s", text)
	}
	s := said{raw: text, root: parts[1], inner: parts[2], certificate: parts[3], signed: believed(parts[2], parts[4])}
	if strings.Count(text, strings.TrimSuffix(s.root, "_response")+"_response") != 1 {
		w.t.Errorf("the root comes twice: %s", text)
	}
	if s.inner[0] == '{' {
		if err := json.Unmarshal([]byte(s.inner), &s.content); err != nil {
			w.t.Fatalf("%s: %v", text, err)
		}
	}
	return s
}

// does wants success.
func (w *world) does(method string, content any, change ...func(url.Values)) said {
	w.t.Helper()
	s := w.ask(method, content, change...)
	if s.get("code") != "10000" || !s.signed {
		w.t.Fatalf("%s: %s", method, s.raw)
	}
	return s
}

// refuses wants a refusal, signed as everything is.
func (w *world) refuses(subCode, method string, content any, change ...func(url.Values)) said {
	w.t.Helper()
	s := w.ask(method, content, change...)
	if s.get("sub_code") != subCode || !s.signed {
		w.t.Errorf("%s: want %s, got %s", method, subCode, s.raw)
	}
	return s
}

// m is biz_content.
type m map[string]any

// trade is what is needed to make one.
func trade(number string) m {
	return m{"out_trade_no": number, "total_amount": "88.88", "subject": "手机", "passback_params": "ps-r-b7-o1"}
}

// pays is what a buyer does with what the shop has handed out.
func (w *world) pays(handed string) int {
	w.t.Helper()
	response, err := w.client.Post(w.api.URL+"/pay/"+url.PathEscape(handed), "application/json", strings.NewReader(`{"action":"pay"}`))
	if err != nil {
		w.t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	return response.StatusCode
}

// paid makes a trade and pays it.
func (w *world) paid(number string) {
	w.t.Helper()
	code := w.does("alipay.trade.precreate", trade(number)).get("qr_code")
	if status := w.pays(code); status != http.StatusOK {
		w.t.Fatalf("pay: %d", status)
	}
}
