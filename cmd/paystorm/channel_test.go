package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/paystorm/paystorm/history"
	"github.com/paystorm/paystorm/mockchannel"
	"github.com/paystorm/paystorm/mockchannel/standard"
)

// output is what a program prints, for a test that reads it meanwhile.
type output struct {
	mutex sync.Mutex
	text  bytes.Buffer
}

func (o *output) Write(text []byte) (int, error) {
	o.mutex.Lock()
	defer o.mutex.Unlock()
	return o.text.Write(text)
}

func (o *output) String() string {
	o.mutex.Lock()
	defer o.mutex.Unlock()
	return o.text.String()
}

// await waits until the output has what the pattern's group is.
func (o *output) await(t *testing.T, pattern string) string {
	t.Helper()
	wanted := regexp.MustCompile(pattern)
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		if found := wanted.FindStringSubmatch(o.String()); found != nil {
			return found[len(found)-1]
		}
	}
	t.Fatalf("it has not printed %s:\n%s", pattern, o)
	return ""
}

// TestChannelAlone copies what the channel prints, as a developer would, makes a payment with it whose notification a
// fault doubles, sees it on the page, and ends the channel, with all that it has started.
func TestChannelAlone(t *testing.T) {
	running := goleak.IgnoreCurrent()
	t.Setenv("CHANNEL_KEY", "sk_mine_and_long_enough")
	notified := make(chan string, 10)
	shop := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { notified <- r.Header.Get("Webhook-Id") }))
	ctx, stop := context.WithCancel(t.Context())
	var out, errs output
	ended := make(chan int, 1)
	begun := time.Now()
	go func() {
		ended <- Run(ctx, []string{"channel", "--addr", "127.0.0.1:0", "--fault", "duplicate-callbacks: {count: 1, after: 1ms}", "--refund-delay", "0s"},
			streams{in: strings.NewReader(""), out: &out, err: &errs})
	}()
	url := errs.await(t, `export CHANNEL_URL=(http://127\.0\.0\.1:\d+)\n`)
	page := errs.await(t, `Watch and act: (http://\S+/\?token=\w+)\n`)
	if took := time.Since(begun); took > time.Second {
		t.Errorf("it took %s to start", took)
	}
	key := errs.await(t, `export CHANNEL_KEY=(\S+)\n`)
	if errs.await(t, `export CHANNEL_SECRET=(whsec_\S+)\n`) == "" || errs.await(t, `export CHANNEL_MERCHANT=(\S+)\n`) != "m-paystorm" ||
		key != "sk_mine_and_long_enough" || !strings.HasPrefix(page, url) {
		t.Errorf("it printed:\n%s", &errs)
	}

	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	client := &http.Client{Transport: &http.Transport{}, Jar: jar, Timeout: patience}
	ask := func(method, url, body string, header ...string) string {
		request, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("Authorization", "Bearer "+key)
		request.Header.Set("Idempotency-Key", "k")
		for i := 0; i+1 < len(header); i += 2 {
			request.Header.Set(header[i], header[i+1])
		}
		response, err := client.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = response.Body.Close() }()
		text, err := io.ReadAll(response.Body)
		if err != nil || response.StatusCode >= 300 {
			t.Fatalf("%s %s: %d %s %v", method, url, response.StatusCode, text, err)
		}
		return string(text)
	}
	var payment struct{ ID, PayURL string }
	made := ask(http.MethodPost, url+"/v1/payments", fmt.Sprintf(`{"order":"o1","amount_minor":1000,"currency":"CNY","notify_url":%q}`, shop.URL))
	if err := json.Unmarshal([]byte(strings.Replace(made, "pay_url", "PayURL", 1)), &payment); err != nil || payment.PayURL != url+"/pay/"+payment.ID {
		t.Fatalf("made %s, %v", made, err)
	}
	if shown := ask(http.MethodGet, page, ""); !strings.Contains(shown, payment.ID) || !strings.Contains(shown, "duplicate-callbacks: {count: 1, after: 1ms}") {
		t.Errorf("the page shows %s", shown)
	}
	ask(http.MethodPost, url+"/console/payments/"+payment.ID, "act=pay", "Content-Type", "application/x-www-form-urlencoded")
	if first, second := <-notified, <-notified; first != second {
		t.Errorf("notified of %s and %s", first, second)
	}
	out.await(t, `"kind":"fault.affected"`)
	for _, kind := range []string{history.PaymentCreated, history.PaymentSucceeded, history.Request, history.DeliveryAnswered} {
		out.await(t, `"kind":"`+regexp.QuoteMeta(kind)+`"`)
	}
	for line := range strings.Lines(out.String()) {
		var event history.Event
		if err := json.Unmarshal([]byte(line), &event); err != nil || event.Writer != "channel" || event.Seq == 0 {
			t.Errorf("printed %q: %v", line, err)
		}
	}

	stop()
	if status := <-ended; status != exitPass {
		t.Errorf("exit status %d:\n%s", status, &errs)
	}
	client.CloseIdleConnections()
	shop.Close()
	goleak.VerifyNone(t, running)
}

func TestChannelFlags(t *testing.T) {
	t.Parallel()
	flags := channelFlags{
		dialect: "standard", addr: "[::1]:0", seed: 7, retry: "1s, 2m", business: "24h=30s", refundDelay: time.Second,
		faults: []string{"lose-callbacks"},
	}
	setup, err := flags.understand()
	if err != nil || !slices.Equal(setup.retry, []time.Duration{time.Second, 2 * time.Minute}) || len(setup.faults) != 1 ||
		setup.business != (mockchannel.Business{Span: 24 * time.Hour, In: 30 * time.Second}) || setup.seed != 7 || setup.endpoint != nil {
		t.Errorf("understood %+v, %v", setup, err)
	}
	flags.retry, flags.business = "none", ""
	if setup, err = flags.understand(); err != nil || setup.retry == nil || len(setup.retry) != 0 {
		t.Errorf("no retry: %+v, %v", setup.retry, err)
	}
	flags.retry = ""
	if setup, err = flags.understand(); err != nil || setup.retry != nil {
		t.Errorf("the dialect's own: %+v, %v", setup.retry, err)
	}
}

// oneAddress is a provider whose payments have no address of their own.
type oneAddress struct{ mockchannel.Dialect }

func (d oneAddress) Traits() mockchannel.Traits {
	traits := d.Dialect.Traits()
	traits.OneAddress = true
	return traits
}

func TestChannelEndpoint(t *testing.T) {
	t.Parallel()
	dialect := oneAddress{standard.New()}
	flags := channelFlags{endpoint: "http://127.0.0.1:3000/hook", events: "payment.succeeded,refund.succeeded"}
	endpoint, err := flags.parseEndpoint(dialect)
	if err != nil {
		t.Fatal(err)
	}
	setup := channelSetup{dialect: dialect, endpoint: endpoint}
	got := setup.endpoints(mockchannel.Merchant{NotifySecret: "s"})
	if len(got) != 1 || got[0].URL != flags.endpoint || !slices.Equal(got[0].Events, []string{"payment.succeeded", "refund.succeeded"}) ||
		!slices.Equal(got[0].Secrets, []string{"s"}) {
		t.Errorf("endpoints %+v", got)
	}
	for _, wrong := range []string{"127.0.0.1:3000", "/hook", "ftp://x/"} {
		flags.endpoint = wrong
		if _, err := flags.parseEndpoint(dialect); err == nil || !strings.Contains(err.Error(), "want an absolute http or https address") {
			t.Errorf("%s: %v", wrong, err)
		}
	}
	var printed output
	introduce(streams{err: &printed}, channelSetup{dialect: dialect}, mockchannel.Merchant{}, "http://x", "/")
	if !strings.Contains(printed.String(), "so say --endpoint URL") {
		t.Errorf("printed %s", &printed)
	}
}

func TestQuoted(t *testing.T) {
	t.Parallel()
	for value, want := range map[string]string{
		"whsec_aZ0/+==":  "whsec_aZ0/+==",
		"a b":            "'a b'",
		"it's\n$(here)":  `'it'\''s` + "\n$(here)'",
		"":               "''",
		"http://h:1/p?x": "'http://h:1/p?x'",
	} {
		if got := quoted(value); got != want {
			t.Errorf("%q is printed as %s, want %s", value, got, want)
		}
	}
}

func TestShortEvents(t *testing.T) {
	t.Parallel()
	for want, event := range map[string]history.Event{
		"payment.succeeded   order o1  10.00 CNY": {
			Source: history.SourceChannel, Kind: history.PaymentSucceeded, Order: "o1", Minor: 1000, Currency: "CNY",
		},
		"request             order o·[2J  refund  409  refused  refund_exceeds_capture": {
			Source: history.SourceChannel, Kind: history.Request, Order: "o\x1b[2J", State: "refund", Status: 409,
			Outcome: history.Refused, Reason: "refund_exceeds_capture",
		},
		"delivery.answered   order o1  payment.succeeded #2  200": {
			Source: history.SourceDelivery, Kind: history.DeliveryAnswered, Order: "o1", State: history.PaymentSucceeded, Attempt: 2,
			Status: 200, Outcome: history.OK,
		},
		"delivery.sent       order o1  charge.succeeded #1  forged: wrong-key": {
			Source: history.SourceDelivery, Kind: history.DeliverySent, Order: "o1", State: history.PaymentSucceeded, Attempt: 1,
			Key: "charge.succeeded", Forgery: history.ForgeryWrongKey,
		},
		"fault.affected      order o1  payment.succeeded  fault: lose": {
			Source: history.SourceFault, Kind: history.FaultAffected, Order: "o1", Key: history.PaymentSucceeded, Fault: "lose",
		},
	} {
		if got := short(event); got != want {
			t.Errorf("got  %q\nwant %q", got, want)
		}
	}
}
