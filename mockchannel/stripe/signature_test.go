package stripe

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/paystorm/paystorm/history"
	"github.com/paystorm/paystorm/mockchannel"
)

// vectorBody, its time, its secret and its signature are those of Stripe's library for .NET: EventUtilityTest.cs and
// event_test_signature.json in stripe/stripe-dotnet.
const (
	vectorBody = `{
  "id": "evt_123",
  "object": "event",
  "account": "acct_123",
  "api_version": "2017-05-25",
  "created": 1533204620,
  "data": {
    "object": {
      "id": "ii_123",
      "object": "invoiceitem",
      "amount": 1000,
      "currency": "usd",
      "customer": "cus_123",
      "date": 1533204620,
      "description": "Test Invoice Item",
      "discountable": false,
      "invoice": "in_123",
      "livemode": false,
      "metadata": {},
      "period": {
        "start": 1533204620,
        "end": 1533204620
      },
      "plan": null,
      "proration": false,
      "quantity": null,
      "subscription": null
    }
  },
  "livemode": false,
  "pending_webhooks": 1,
  "request": {
    "id": "req_123",
    "idempotency_key": "idempotency-key-123"
  },
  "type": "invoiceitem.created"
}
`
	vectorTime      = 1533204620
	vectorSecret    = "webhook_secret"
	vectorSignature = "f0bdba6d4eacbd8ad8a3bbadd7248e633ec1477f7899c124c51b39405fa36613"
)

func TestSignatureKnownAnswer(t *testing.T) {
	if got, want := signature([]string{vectorSecret}, time.Unix(vectorTime, 0), []byte(vectorBody)), "t=1533204620,v1="+vectorSignature; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	two := signature([]string{"whsec_new", vectorSecret}, time.Unix(vectorTime, 0), []byte(vectorBody))
	if !strings.HasSuffix(two, ",v1="+vectorSignature) || strings.Count(two, "v1=") != 2 {
		t.Errorf("two secrets: %s", two)
	}
}

func TestEncode(t *testing.T) {
	endpoint := &mockchannel.Endpoint{Secrets: []string{"whsec_a"}, Version: "2020-08-27"}
	message := mockchannel.Message{
		ID: "evt_1", Type: history.PaymentSucceeded, Event: "payment_intent.succeeded", At: time.Unix(1700000000, 987654321),
		Merchant: mockchannel.Merchant{NotifySecret: "whsec_m"}, Endpoint: endpoint,
		Payment: mockchannel.Payment{ID: "pi_1", Minor: 1000, Captured: 900, Currency: "USD", State: mockchannel.Succeeded, Attempts: 1},
	}
	now := time.Unix(vectorTime, 0)
	genuine, err := New().Encode(message, now)
	if err != nil || genuine.Method != http.MethodPost {
		t.Fatal(err, genuine)
	}
	for _, part := range []string{
		`{"id":"evt_1","object":"event","api_version":"2020-08-27","created":1700000000,"data":{"object":{"id":"pi_1"`,
		`"amount":1000,`, `"amount_received":900,`, `"currency":"usd"`, `"status":"succeeded"`, `"type":"payment_intent.succeeded"}`,
	} {
		if !strings.Contains(string(genuine.Body), part) {
			t.Errorf("no %s in %s", part, genuine.Body)
		}
	}
	header := genuine.Header.Get("Stripe-Signature")
	if header != signature([]string{"whsec_a"}, now, genuine.Body) {
		t.Errorf("signature %s", header)
	}
	again, err := New().Encode(message, now.Add(time.Minute))
	if err != nil || string(again.Body) != string(genuine.Body) || again.Header.Get("Stripe-Signature") == header {
		t.Error("a re-delivery has the same body and another signature", err)
	}
	message.Forgery = history.ForgeryNoSignature
	if unsigned, err := New().Encode(message, now); err != nil || unsigned.Header.Get("Stripe-Signature") != "" {
		t.Error("unsigned", err)
	}
	message.Forgery = history.ForgeryWrongKey
	if forged, err := New().Encode(message, now); err != nil || forged.Header.Get("Stripe-Signature") == header {
		t.Error("signed rightly", err)
	}
	message.Forgery, message.Endpoint = "", nil
	if direct, err := New().Encode(message, now); err != nil || direct.Header.Get("Stripe-Signature") != signature([]string{"whsec_m"}, now, direct.Body) {
		t.Error("without an endpoint the merchant's secret signs", err)
	}
}

func TestRetiredSecretsSignNoMore(t *testing.T) {
	retires := time.Unix(vectorTime, 0)
	endpoint := &mockchannel.Endpoint{Secrets: []string{"new", "old"}, Details: hook{retires: retires}}
	if got := signing(endpoint, mockchannel.Merchant{}, retires); len(got) != 2 {
		t.Errorf("until then both: %v", got)
	}
	if got := signing(endpoint, mockchannel.Merchant{}, retires.Add(time.Nanosecond)); len(got) != 1 || got[0] != "new" {
		t.Errorf("after that the newest: %v", got)
	}
}

func TestAcknowledged(t *testing.T) {
	for status, want := range map[int]bool{199: false, 200: true, 204: true, 299: true, 301: false, 404: false, 500: false} {
		if got, _ := New().Acknowledged(status, nil); got != want {
			t.Errorf("%d: want %v", status, want)
		}
	}
}
