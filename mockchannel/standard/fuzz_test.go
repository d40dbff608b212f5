package standard_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"reflect"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"github.com/paystorm/paystorm/history"
	"github.com/paystorm/paystorm/mockchannel"
	"github.com/paystorm/paystorm/mockchannel/standard"
)

// endpoint is one address of the channel; ID stands for an identifier.
type endpoint struct{ method, path string }

func endpoints() []endpoint {
	return []endpoint{
		{"POST", "/v1/payments"},
		{"GET", "/v1/payments"},
		{"GET", "/v1/payments/ID"},
		{"POST", "/v1/payments/ID/close"},
		{"POST", "/v1/refunds"},
		{"GET", "/v1/refunds/ID"},
		{"GET", "/v1/bill"},
		{"GET", "/pay/ID"},
		{"POST", "/pay/ID"},
		{"GET", "/"},
		{"DELETE", "/ID"},
	}
}

// FuzzMerchantRequest sends anything to each endpoint: nothing panics, nothing is an error of the server, and what is
// refused changes nothing.
func FuzzMerchantRequest(f *testing.F) {
	const create = `{"order":"o2","amount_minor":1,"currency":"JPY","notify_url":"http://h/","metadata":{"ref":"ps-r-b1-o1"}}`
	for index := range endpoints() {
		f.Add(uint8(index), "PAID", "order=o1", create, "k", "application/json", "key-1")
	}
	f.Add(uint8(4), "", "", `{"payment":"PAID","refund_no":"r1","amount_minor":5,"reason":"x"}`, "k", "", "key-1")
	f.Add(uint8(4), "", "", `{"payment":"OPEN","refund_no":"r1","amount_minor":9223372036854775807}`, "k", "", "key-1")
	f.Add(uint8(8), "OPEN", "", `{"action":"pay","after_ms":1,"ref":"ps-r-b1-o1"}`, "", "application/json", "")
	f.Add(uint8(8), "OPEN", "", `action=decline&after_ms=x`, "", "application/x-www-form-urlencoded", "")
	f.Add(uint8(3), "OPEN", "", `{"a":{"b":[1,2]},"a":1}`, "", "", "key-1")
	f.Fuzz(func(t *testing.T, which uint8, id, query, body, key, contentType, apiKey string) {
		var changes atomic.Int64
		channel := mockchannel.New(mockchannel.Config{
			Clock:   history.StartClock(),
			Dialect: standard.New(),
			Record: func(event history.Event) uint64 {
				if event.Version > 0 {
					changes.Add(1)
				}
				return 0
			},
			Merchants: []mockchannel.Merchant{{ID: "m-1", APIKey: "key-1", NotifySecret: vectorSecret}},
		})
		merchant, _ := channel.Authenticate("key-1")
		call := channel.Call(merchant)
		wanted := mockchannel.PaymentRequest{Order: "o1", Minor: 1000, Currency: "CNY", NotifyURL: "http://127.0.0.1:1/"}
		paid, errPaid := call.CreatePayment(wanted)
		open, errOpen := call.CreatePayment(wanted)
		if _, err := channel.Pay(paid.ID, "", 0); err != nil || errPaid != nil || errOpen != nil {
			t.Fatal(err, errPaid, errOpen)
		}
		known := strings.NewReplacer("PAID", paid.ID, "OPEN", open.ID)
		before, bill := changes.Load(), call.Bill()

		at := endpoints()[int(which)%len(endpoints())]
		request := httptest.NewRequest(at.method, "/", strings.NewReader(known.Replace(body)))
		request.URL = &url.URL{Path: strings.Replace(at.path, "ID", known.Replace(id), 1), RawQuery: query}
		request.Header.Set("Authorization", "Bearer "+apiKey)
		request.Header.Set("Idempotency-Key", key)
		request.Header.Set("Content-Type", contentType)
		answer := httptest.NewRecorder()
		channel.Handler().ServeHTTP(answer, request)

		if answer.Code >= 500 {
			t.Errorf("%s %s: %d %s", at.method, request.URL, answer.Code, answer.Body)
		}
		if answer.Code >= 300 && (changes.Load() != before || !reflect.DeepEqual(call.Bill(), bill)) {
			t.Errorf("%s %s changed the ledger with a %d", at.method, request.URL, answer.Code)
		}
		if err := channel.Balanced(); err != nil {
			t.Error(err)
		}
	})
}

// FuzzVerify wants whatever our verifier believes to be believed by another one too, and to be the one thing that was
// signed.
func FuzzVerify(f *testing.F) {
	stamp := strconv.Itoa(vectorTimestamp)
	f.Add(vectorSecret, vectorID, stamp, vectorSignature, []byte(vectorBody))
	f.Add(vectorSecret, vectorID, stamp, "v1,x "+vectorSignature+" v1,", []byte(vectorBody))
	f.Add(vectorSecret, "", "-1", "v1", []byte{})
	f.Add("whsec_AA==", "a.b", "+"+stamp, "v1,,", []byte("x"))
	f.Fuzz(func(t *testing.T, secret, id, timestamp, signatures string, body []byte) {
		header := http.Header{"Webhook-Id": {id}, "Webhook-Timestamp": {timestamp}, "Webhook-Signature": {signatures}}
		if standard.Verify(secret, header, body, time.Unix(vectorTimestamp, 0)) != nil {
			return
		}
		other, err := standardwebhooks.NewWebhook(secret)
		if err != nil {
			t.Fatalf("the secret %q: %v", secret, err)
		}
		if err := other.VerifyIgnoringTimestamp(body, header); err != nil && strconv.Itoa(vectorTimestamp) == timestamp {
			t.Errorf("we believed id %q, timestamp %q, signatures %q: %v", id, timestamp, signatures, err)
		}
		if secret == vectorSecret && string(body) != vectorBody && signatures == vectorSignature {
			t.Errorf("we believed another body: %q", body)
		}
	})
}
