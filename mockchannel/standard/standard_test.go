package standard_test

import (
	"errors"
	"net/http"
	"strconv"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"github.com/paystorm/paystorm/history"
	"github.com/paystorm/paystorm/mockchannel"
	"github.com/paystorm/paystorm/mockchannel/standard"
)

// The vector is the one that the Standard Webhooks libraries test their signing with.
const (
	vectorSecret    = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
	vectorID        = "msg_p5jXN8AQM9LWM0D4loKWxJek"
	vectorTimestamp = 1614265330
	vectorBody      = `{"test": 2432232314}`
	vectorSignature = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
)

func vectorHeader() http.Header {
	header := http.Header{}
	header.Set("webhook-id", vectorID)
	header.Set("webhook-timestamp", strconv.Itoa(vectorTimestamp))
	header.Set("webhook-signature", vectorSignature)
	return header
}

func TestVerify(t *testing.T) {
	set := func(name, value string) func(http.Header) { return func(h http.Header) { h.Set(name, value) } }
	now := time.Unix(vectorTimestamp, 0)
	for name, test := range map[string]struct {
		secret string
		body   string
		now    time.Time
		change func(http.Header)
		want   error
	}{
		"the known answer":         {want: nil},
		"one of several":           {change: set("webhook-signature", "v1a,xx v1,AAAA "+vectorSignature+" v2,zz"), want: nil},
		"just not too old":         {now: now.Add(5 * time.Minute), want: nil},
		"too old":                  {now: now.Add(5*time.Minute + time.Second), want: standard.ErrTimestamp},
		"from the future":          {now: now.Add(-5*time.Minute - time.Second), want: standard.ErrTimestamp},
		"far from now":             {change: set("webhook-timestamp", "-9223372036854775808"), want: standard.ErrTimestamp},
		"another body":             {body: vectorBody + " ", want: standard.ErrSignature},
		"another id":               {change: set("webhook-id", "msg_x"), want: standard.ErrSignature},
		"another timestamp":        {change: set("webhook-timestamp", strconv.Itoa(vectorTimestamp+1)), want: standard.ErrSignature},
		"another scheme":           {change: set("webhook-signature", "v2,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="), want: standard.ErrSignature},
		"an empty signature":       {change: set("webhook-signature", "v1,"), want: standard.ErrSignature},
		"no signature":             {change: func(h http.Header) { h.Del("webhook-signature") }, want: standard.ErrHeaders},
		"no id":                    {change: func(h http.Header) { h.Del("webhook-id") }, want: standard.ErrHeaders},
		"no timestamp":             {change: func(h http.Header) { h.Del("webhook-timestamp") }, want: standard.ErrHeaders},
		"a timestamp in words":     {change: set("webhook-timestamp", "now"), want: standard.ErrHeaders},
		"another secret":           {secret: "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", want: standard.ErrSignature},
		"an empty secret":          {secret: "whsec_", want: standard.ErrSecret},
		"a secret without whsec_":  {secret: "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", want: standard.ErrSecret},
		"a secret that is no text": {secret: "whsec_***", want: standard.ErrSecret},
	} {
		t.Run(name, func(t *testing.T) {
			if test.secret == "" {
				test.secret = vectorSecret
			}
			if test.body == "" {
				test.body = vectorBody
			}
			if test.now.IsZero() {
				test.now = now
			}
			header := vectorHeader()
			if test.change != nil {
				test.change(header)
			}
			if err := standard.Verify(test.secret, header, []byte(test.body), test.now); !errors.Is(err, test.want) {
				t.Errorf("got %v, want %v", err, test.want)
			}
		})
	}
}

func message(forgery string) mockchannel.Message {
	return mockchannel.Message{
		ID: "ntf_1", Type: history.RefundSucceeded, At: time.Date(2026, 1, 2, 3, 4, 5, 678, time.UTC), Forgery: forgery,
		Merchant: mockchannel.Merchant{ID: "m-1", NotifySecret: vectorSecret},
		Payment: mockchannel.Payment{
			ID: "pay_1", Merchant: "m-1", Order: "o1", Minor: 1000, Captured: 900, Currency: "CNY",
			State: mockchannel.Succeeded, Version: 4,
		},
		Refund: &mockchannel.Refund{ID: "ref_1", Number: "r1", Minor: 100, State: history.RefundDone},
	}
}

func TestEncode(t *testing.T) {
	verifier, err := standardwebhooks.NewWebhook(vectorSecret)
	if err != nil {
		t.Fatal(err)
	}
	dialect, now := standard.New(), time.Now()
	genuine, err := dialect.Encode(message(""), now)
	if err != nil {
		t.Fatal(err)
	}
	const want = `{"type":"refund.succeeded","timestamp":"2026-01-02T03:04:05.000000678Z","data":{"payment":"pay_1",` +
		`"merchant":"m-1","order":"o1","amount_minor":900,"currency":"CNY","state":"succeeded","version":4,` +
		`"refund":{"id":"ref_1","refund_no":"r1","amount_minor":100,"state":"succeeded"}}}`
	if string(genuine.Body) != want || genuine.Method != http.MethodPost {
		t.Errorf("body %s", genuine.Body)
	}
	if err := verifier.Verify(genuine.Body, genuine.Header); err != nil {
		t.Errorf("another verifier: %v", err)
	}
	if err := standard.Verify(vectorSecret, genuine.Header, genuine.Body, now); err != nil {
		t.Errorf("our verifier: %v", err)
	}
	again, err := dialect.Encode(message(""), now.Add(time.Minute))
	if err != nil || string(again.Body) != want || again.Header.Get("webhook-id") != "ntf_1" ||
		again.Header.Get("webhook-signature") == genuine.Header.Get("webhook-signature") {
		t.Errorf("a re-delivery: %v, %v", again.Header, err)
	}
	for forgery, authentic := range map[string]bool{
		history.ForgeryNoSignature: false, history.ForgeryWrongKey: false, history.ForgeryOtherMerchant: true,
		history.ForgeryWrongAmount: true,
	} {
		forged, err := dialect.Encode(message(forgery), now)
		if err != nil {
			t.Fatal(err)
		}
		if err := verifier.Verify(forged.Body, forged.Header); (err == nil) != authentic {
			t.Errorf("%s: %v", forgery, err)
		}
	}
	broken := message("")
	broken.Merchant.NotifySecret = "nonsense"
	if _, err := dialect.Encode(broken, now); !errors.Is(err, standard.ErrSecret) {
		t.Errorf("a broken secret: %v", err)
	}
}

func TestAcknowledged(t *testing.T) {
	for status, want := range map[int]bool{199: false, 200: true, 204: true, 299: true, 301: false, 404: false, 500: false} {
		if got, _ := standard.New().Acknowledged(status, nil); got != want {
			t.Errorf("%d: want %v", status, want)
		}
	}
}
