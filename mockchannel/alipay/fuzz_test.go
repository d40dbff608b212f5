package alipay_test

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"net/http/httptest"
	"net/url"
	"reflect"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/paystorm/paystorm/history"
	"github.com/paystorm/paystorm/mockchannel"
	"github.com/paystorm/paystorm/mockchannel/alipay"
)

// methods are those of the gateway, and one that there is not.
func methods() []string {
	return []string{
		"alipay.trade.precreate", "alipay.trade.page.pay", "alipay.trade.wap.pay", "alipay.trade.app.pay", "alipay.trade.create",
		"alipay.trade.pay", "alipay.trade.query", "alipay.trade.close", "alipay.trade.cancel", "alipay.trade.refund",
		"alipay.trade.fastpay.refund.query", billMethod, "alipay.open.app.alipaycert.download", "alipay.trade.settle",
	}
}

var fuzzedKey = sync.OnceValue(appKey)

// fuzzed is a channel in which one trade is paid, one is not, and a part of the paid one was given back.
func fuzzed(t *testing.T, changes *atomic.Int64) (*mockchannel.Channel, *strings.Replacer) {
	channel := mockchannel.New(mockchannel.Config{
		Clock: history.StartClock(), Dialect: alipay.New(alipay.Settings{KeyBits: 1024, BillsAtOnce: true}), Merchants: merchants(),
		Record: func(event history.Event) uint64 {
			if event.Version > 0 {
				changes.Add(1)
			}
			return 0
		},
	})
	call := channel.Call(merchants()[0])
	wanted := mockchannel.PaymentRequest{Order: "paid", Minor: 1000, Currency: "CNY", NotifyURL: "http://127.0.0.1:1/"}
	paid, errPaid := call.CreatePayment(wanted)
	wanted.Order = "open"
	open, errOpen := call.CreatePayment(wanted)
	_, errPay := channel.Pay(paid.ID, "", 0)
	_, errBegin := channel.Begin(open.ID)
	_, _, errRefund := call.Refund(mockchannel.RefundRequest{Payment: paid.ID, Number: "part", PerPayment: true, Minor: 10})
	for _, err := range []error{errPaid, errOpen, errPay, errBegin, errRefund} {
		if err != nil {
			t.Fatal(err)
		}
	}
	return channel, strings.NewReplacer("PAID", paid.ID, "OPEN", open.ID)
}

// FuzzGateway sends anything to the gateway, signed or not: nothing panics, nothing is an error of the server, and what is
// refused changes nothing.
func FuzzGateway(f *testing.F) {
	const made = `{"out_trade_no":"o1","total_amount":"0.01","subject":"x","buyer_id":"1","auth_code":"281234567890123456",` +
		`"passback_params":"ps-r-b1-o1","timeout_express":"1c"}`
	for index := range methods() {
		f.Add(uint8(index), made, "", "application/x-www-form-urlencoded", true)
		f.Add(uint8(index), `{"out_trade_no":"paid","refund_amount":1,"out_request_no":"part","query_options":["fund_bill_list"]}`, "",
			"application/x-www-form-urlencoded", true)
		f.Add(uint8(index), `{"trade_no":"OPEN","bill_type":"trade","bill_date":"2026-01"}`, "", "", true)
	}
	f.Add(uint8(0), `{"out_trade_no":"o1","out_trade_no":"o2","total_amount":9223372036854775807`, "sign=AAAA", "text/plain", false)
	f.Add(uint8(9), `{"trade_no":"PAID","refund_amount":"99999999999999999999999999.99"}`, "biz_content={}", "", true)
	f.Add(uint8(9), `{"trade_no":"PAID","refund_amount":"9.90"}`, "encrypt_type=AES&app_cert_sn=1", "application/x-www-form-urlencoded", true)
	f.Add(uint8(6), "\xff\xfe{", "charset=gbk&a=%zz&a=b;c", "application/x-www-form-urlencoded", true)
	f.Fuzz(func(t *testing.T, which uint8, content, more, contentType string, signed bool) {
		var changes atomic.Int64
		channel, known := fuzzed(t, &changes)
		call := channel.Call(merchants()[0])
		before, bill := changes.Load(), call.Bill()
		method := methods()[int(which)%len(methods())]
		parameters := url.Values{
			"app_id": {told()["app_id"]}, "method": {method}, "sign_type": {"RSA2"}, "timestamp": {"2026-01-02 03:04:05"},
			"version": {"1.0"}, "biz_content": {known.Replace(content)}, "notify_url": {"http://127.0.0.1:1/"},
		}
		added, err := url.ParseQuery(more)
		for key := range added {
			if signed && err == nil {
				parameters.Set(key, added.Get(key))
			}
		}
		if signed {
			digest := sha256.Sum256([]byte(joined(parameters, "sign")))
			signature, err := rsa.SignPKCS1v15(rand.Reader, fuzzedKey(), crypto.SHA256, digest[:])
			if err != nil {
				t.Fatal(err)
			}
			parameters.Set("sign", base64.StdEncoding.EncodeToString(signature))
		}
		request := httptest.NewRequest(http.MethodGet, "/gateway.do", http.NoBody)
		if contentType == "" {
			request.URL.RawQuery = parameters.Encode() + "&" + more
		} else {
			request = httptest.NewRequest(http.MethodPost, "/gateway.do", strings.NewReader(parameters.Encode()))
			request.Header.Set("Content-Type", contentType)
		}
		answer := httptest.NewRecorder()
		channel.Handler().ServeHTTP(answer, request)

		body := answer.Body.String()
		if answer.Code != http.StatusOK {
			t.Errorf("%s: %d %s", method, answer.Code, body)
		}
		done := strings.Contains(body, `"code":"10000"`) || strings.Contains(body, `"code":"10003"`) || strings.Contains(body, "cashier") ||
			strings.Contains(body, `_response":"`) // encrypted
		if !done && (changes.Load() != before || !reflect.DeepEqual(call.Bill(), bill)) {
			t.Errorf("%s changed the ledger: %s", method, body)
		}
		if err := channel.Balanced(); err != nil {
			t.Error(err)
		}
	})
}

// FuzzPayer hands a buyer anything.
func FuzzPayer(f *testing.F) {
	for _, handed := range []string{
		"PAID", "OPEN", "open", "https://qr.alipay.com/bax72kv3tp6gz6n2hkrih", "https://qr.alipay.com/bax", "method=alipay.trade.app.pay&sign=x",
		"http://[::1/gateway.do?method=alipay.trade.page.pay", "", "..", "%",
	} {
		f.Add(handed, "pay", "")
		f.Add(handed, "decline", "/cashier")
	}
	f.Fuzz(func(t *testing.T, handed, action, page string) {
		var changes atomic.Int64
		channel, known := fuzzed(t, &changes)
		before := changes.Load()
		form := strings.NewReader(url.Values{"action": {action}}.Encode())
		request := httptest.NewRequest(http.MethodPost, "/", form)
		request.URL = &url.URL{Path: "/pay/" + known.Replace(handed) + page, RawPath: "/pay/" + url.PathEscape(known.Replace(handed)) + page}
		request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		answer := httptest.NewRecorder()
		channel.Handler().ServeHTTP(answer, request)
		if answer.Code >= http.StatusInternalServerError {
			t.Errorf("%q: %d %s", request.URL, answer.Code, answer.Body)
		}
		if answer.Code >= http.StatusBadRequest && changes.Load() != before {
			t.Errorf("%q changed the ledger with a %d", request.URL, answer.Code)
		}
		if err := channel.Balanced(); err != nil {
			t.Error(err)
		}
	})
}
