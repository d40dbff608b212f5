package wechatpay_test

import (
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/paystorm/paystorm/history"
	"github.com/paystorm/paystorm/mockchannel"
)

// target is one address of the channel; ID stands for an identifier and what follows it.
type target struct{ method, path string }

func targets() []target {
	return []target{
		{"POST", native},
		{"POST", "/v3/pay/transactions/jsapi"},
		{"POST", "/v3/pay/transactions/h5"},
		{"POST", "/v3/pay/transactions/out-trade-no/ID/close"},
		{"POST", refunds},
		{"GET", "/v3/pay/transactions/out-trade-no/ID"},
		{"GET", "/v3/pay/transactions/id/ID"},
		{"GET", refunds + "/ID"},
		{"GET", "/v3/bill/tradebill"},
		{"GET", "/v3/bill/fundflowbill"},
		{"GET", "/v3/billdownload/file"},
		{"GET", "/v3/certificates"},
		{"POST", "/pay/ID"},
		{"PUT", "/ID"},
	}
}

// FuzzMerchantRequest sends anything to each address, authentic: nothing panics, nothing is an error of the server, and
// what is refused changes nothing and is refused in the provider's words.
func FuzzMerchantRequest(f *testing.F) {
	today := time.Now().Format(time.DateOnly)
	order := ordinaryShop(f).order("order-3", map[string]any{
		"attach": "ps-r-b1-o1", "time_expire": "2030-01-01T00:00:00+08:00", "payer": map[string]any{"openid": "o"},
		"scene_info": map[string]any{"payer_client_ip": "::1", "h5_info": map[string]any{"type": "Wap"}},
	})
	for index := range targets() {
		f.Add(uint8(index), "order-1", "mchid=MCHID&bill_date="+today+"&tar_type=GZIP&token=x", order)
	}
	f.Add(uint8(3), "order-2", "", `{"mchid":"MCHID"}`)
	f.Add(uint8(4), "", "", `{"out_trade_no":"order-1","out_refund_no":"r2","amount":{"refund":5,"total":1000,"currency":"CNY"}}`)
	f.Add(uint8(4), "", "", `{"transaction_id":"TRANSACTION","out_refund_no":"r1","amount":{"refund":9223372036854775807,"total":1e3}}`)
	f.Add(uint8(0), "", "", `{"appid":"a","appid":{"b":[1,2,{"c":null}]}}`)
	f.Add(uint8(0), "", "", order[:len(order)/2])
	f.Add(uint8(0), "", "", "\xff\xfe"+order)
	f.Add(uint8(0), "", "", strings.Repeat("[", 70<<10))
	f.Add(uint8(12), "order-2", "", `{"action":"pay","after_ms":1}`)
	f.Fuzz(func(t *testing.T, which uint8, id, query, body string) {
		var changes atomic.Int64
		s := ordinaryShop(t, func(c *mockchannel.Config) {
			c.Record = func(event history.Event) uint64 {
				if event.Version > 0 {
					changes.Add(1)
				}
				return 0
			}
		})
		call := s.channel.Call(s.merchant)
		wanted := mockchannel.PaymentRequest{Order: "order-1", Minor: 1000, Currency: "CNY", NotifyURL: "http://127.0.0.1:1/"}
		paid, _, err := call.CreateOnlyPayment(wanted)
		if err != nil {
			t.Fatal(err)
		}
		wanted.Order = "order-2"
		if _, _, err := call.CreateOnlyPayment(wanted); err != nil {
			t.Fatal(err)
		}
		if _, err := s.channel.Pay(paid.ID, "", 0); err != nil {
			t.Fatal(err)
		}
		if _, _, err := call.Refund(mockchannel.RefundRequest{Payment: paid.ID, Number: "r1", Minor: 10}); err != nil {
			t.Fatal(err)
		}
		known := strings.NewReplacer("TRANSACTION", paid.ID, "MCHID", s.told("mchid"), "APPID", s.told("appid"))
		before, bill := changes.Load(), call.Bill()

		at := targets()[int(which)%len(targets())]
		r := s.fuzzed(at.method, strings.Replace(at.path, "ID", known.Replace(id), 1), known.Replace(query), known.Replace(body))
		answer := httptest.NewRecorder()
		s.channel.Handler().ServeHTTP(answer, r)

		if answer.Code >= 500 {
			t.Errorf("%s %s: %d %s", at.method, r.URL, answer.Code, answer.Body)
		}
		if answer.Code >= 300 && (changes.Load() != before || !reflect.DeepEqual(call.Bill(), bill)) {
			t.Errorf("%s %s changed the ledger with a %d", at.method, r.URL, answer.Code)
		}
		if v3 := strings.HasPrefix(at.path, "/v3/") && answer.Code >= 400; v3 && !strings.Contains(answer.Body.String(), `"code":"`) {
			t.Errorf("%s %s: %d %s", at.method, r.URL, answer.Code, answer.Body)
		}
		if err := s.channel.Balanced(); err != nil {
			t.Error(err)
		}
	})
}

// fuzzed is a signed request for any path and query, however odd.
func (s *shop) fuzzed(method, path, query, body string) *http.Request {
	r := httptest.NewRequest(method, "/", strings.NewReader(body))
	r.URL.Path, r.URL.RawQuery = path, query
	r.Header.Set("Authorization", s.authorization(method, r.URL.RequestURI(), body, time.Now(), "nonce"))
	r.Header.Set("Content-Type", "application/json")
	return r
}

// FuzzAuthorization sends anything as a signature: nobody is believed who has not signed.
func FuzzAuthorization(f *testing.F) {
	s := ordinaryShop(f)
	f.Add(s.request(http.MethodGet, "/v3/certificates", "").Header.Get("Authorization"))
	f.Add(`WECHATPAY2-SHA256-RSA2048 mchid="` + s.told("mchid") + `",nonce_str="x",timestamp="1",serial_no="x",signature="AA=="`)
	f.Add(`WECHATPAY2-SHA256-RSA2048 ,,=,"`)
	f.Fuzz(func(t *testing.T, header string) {
		r := httptest.NewRequest(http.MethodGet, "/v3/pay/transactions/id/1", nil)
		r.Header["Authorization"] = []string{header}
		answer := httptest.NewRecorder()
		ordinaryShop(t).channel.Handler().ServeHTTP(answer, r)
		if answer.Code != http.StatusUnauthorized && answer.Code != http.StatusBadRequest {
			t.Errorf("%q: %d %s", header, answer.Code, answer.Body)
		}
	})
}
