package alipay_test

import (
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/paystorm/paystorm/history"
	"github.com/paystorm/paystorm/mockchannel"
	"github.com/paystorm/paystorm/mockchannel/alipay"
)

// genuine wants a notification that the provider signed and that has no empty field.
func genuine(t *testing.T, fields url.Values) {
	t.Helper()
	if !believed(joined(fields, "sign", "sign_type"), fields.Get("sign")) || fields.Get("sign_type") != "RSA2" {
		t.Errorf("nobody believes %v", fields)
	}
	for key, values := range fields {
		if len(values) != 1 || values[0] == "" {
			t.Errorf("%s is %q", key, values)
		}
	}
}

// wantFields wants values by pattern; "" wants a field to be absent.
func wantFields(t *testing.T, fields url.Values, want map[string]string) {
	t.Helper()
	for key, pattern := range want {
		if pattern == "" && fields.Has(key) || pattern != "" && !regexp.MustCompile("^("+pattern+")$").MatchString(fields.Get(key)) {
			t.Errorf("%s is %q, want %q", key, fields.Get(key), pattern)
		}
	}
}

const moment = `\d{4}-\d\d-\d\d \d\d:\d\d:\d\d`

func TestNotifications(t *testing.T) {
	w := newWorld(t, alipay.Settings{}, nil)
	w.paid("o1")
	w.does("alipay.trade.refund", m{"out_trade_no": "o1", "refund_amount": "8.88", "out_request_no": "part"})
	p, _ := w.channel.FindByOrder("m-1", "o1")
	if _, err := w.channel.GiveBack(p.ID, 0, ""); err != nil {
		t.Fatal(err)
	}
	w.quiet()
	byStatus := map[string]url.Values{}
	for _, fields := range w.received() {
		genuine(t, fields)
		byStatus[fields.Get("trade_status")+" "+fields.Get("refund_fee")] = fields
	}
	always := map[string]string{
		"app_id": told()["app_id"], "auth_app_id": told()["app_id"], "seller_id": told()["seller_id"], "out_trade_no": "o1",
		"trade_no": p.ID, "total_amount": "88.88", "subject": "手机", "passback_params": "ps-r-b7-o1", "charset": "utf-8",
		"notify_type": "trade_status_sync", "notify_id": `\d{34}`, "notify_time": moment, "gmt_create": moment, "gmt_payment": moment,
		"version": "1.0", "buyer_id": `2088\d{12}`, "receipt_amount": "88.88", "buyer_pay_amount": "88.88", "body": "",
		"fund_bill_list": `\[\{"amount":"88.88","fundChannel":"ALIPAYACCOUNT"\}\]`,
	}
	for name, want := range map[string]map[string]string{
		"TRADE_SUCCESS ":     {"gmt_refund": "", "out_biz_no": "", "gmt_close": ""},
		"TRADE_SUCCESS 8.88": {"gmt_refund": moment + `\.\d{3}`, "out_biz_no": "part", "gmt_close": ""},
		"TRADE_CLOSED 88.88": {"gmt_refund": moment + `\.\d{3}`, "out_biz_no": `\d{28}`, "gmt_close": moment},
	} {
		t.Run(name, func(t *testing.T) {
			wantFields(t, byStatus[name], always)
			wantFields(t, byStatus[name], want)
		})
	}
	if len(w.received()) != 3 {
		t.Errorf("%d notifications", len(w.received()))
	}
}

// TestWhoIsTold: that an unpaid trade was closed is told for some products, and nothing of a trade that never existed.
func TestWhoIsTold(t *testing.T) {
	w := newWorld(t, alipay.Settings{}, func(c *mockchannel.Config) {
		c.Business = &mockchannel.Business{Span: 24 * time.Hour, In: 24 * time.Second}
	})
	for number, test := range map[string]struct {
		method string
		told   bool
	}{
		"o1": {"alipay.trade.page.pay", false}, "o2": {"alipay.trade.wap.pay", true}, "o3": {"alipay.trade.app.pay", true},
	} {
		address := w.api.URL + "/gateway.do?" + w.signedRequest(test.method, trade(number)).Encode()
		response, err := w.client.Get(address)
		if err != nil {
			t.Fatal(err)
		}
		_ = response.Body.Close()
		w.refuses("ACQ.TRADE_NOT_EXIST", "alipay.trade.close", m{"out_trade_no": number}) // nobody has logged in
		p, _ := w.channel.FindByOrder("m-1", number)
		if _, err := w.channel.Begin(p.ID); err != nil {
			t.Fatal(err)
		}
		w.does("alipay.trade.close", m{"out_trade_no": number})
		w.quiet()
		var got url.Values
		for _, fields := range w.received() {
			if fields.Get("out_trade_no") == number {
				got = fields
			}
		}
		if (got != nil) != test.told {
			t.Errorf("%s: told %v", test.method, got)
		}
		if got != nil {
			genuine(t, got)
			wantFields(t, got, map[string]string{
				"trade_status": "TRADE_CLOSED", "gmt_close": moment, "gmt_payment": "", "refund_fee": "", "receipt_amount": "",
			})
		}
	}
	soon := trade("o4")
	soon["timeout_express"] = "1m" // 60 ms
	w.does("alipay.trade.precreate", soon)
	w.eventually("it is closed", func() bool {
		p, _ := w.channel.FindByOrder("m-1", "o4")
		return p.State == mockchannel.Closed
	})
	code := w.does("alipay.trade.precreate", trade("o5"), with("notify_url", "")).get("qr_code")
	if status := w.pays(code); status != http.StatusOK {
		t.Errorf("pay: %d", status)
	}
	w.quiet()
	if got := w.received(); len(got) != 2 {
		t.Errorf("%d notifications: %v", len(got), got)
	}
}

// TestReDelivery keeps notify_id and changes notify_time, and with it the signature, until the shop says success.
func TestReDelivery(t *testing.T) {
	w := newWorld(t, alipay.Settings{}, func(c *mockchannel.Config) {
		c.Business = &mockchannel.Business{Span: 24 * time.Hour, In: 24 * time.Second}
		c.Retry = []time.Duration{20 * time.Millisecond, 20 * time.Millisecond, 20 * time.Millisecond}
	})
	w.reply = func(nth int) string {
		if nth < 2 {
			return "SUCCESS"
		}
		return "success"
	}
	w.paid("o1")
	w.quiet()
	got := w.received()
	if len(got) != 2 {
		t.Fatalf("%d attempts, the second of which was acknowledged", len(got))
	}
	first, second := got[0], got[1]
	genuine(t, first)
	genuine(t, second)
	for key := range first {
		same := first.Get(key) == second.Get(key)
		if changes := key == "notify_time" || key == "sign"; same == changes {
			t.Errorf("%s was %q and is %q", key, first.Get(key), second.Get(key))
		}
	}
}

func TestForgeries(t *testing.T) {
	w := newWorld(t, alipay.Settings{}, nil)
	w.paid("o1")
	w.quiet()
	p, _ := w.channel.FindByOrder("m-1", "o1")
	dossier, _ := w.channel.Dossier(p.ID)
	for _, test := range []struct {
		forgery  string
		believed bool
		want     map[string]string
	}{
		{history.ForgeryNoSignature, false, map[string]string{"sign": "", "app_id": told()["app_id"]}},
		{history.ForgeryWrongKey, false, map[string]string{"sign": ".+", "app_id": told()["app_id"]}},
		{history.ForgeryOtherMerchant, true, map[string]string{"app_id": `2021\d{12}`, "seller_id": `2088\d{12}`}},
		{history.ForgeryWrongAmount, true, map[string]string{"app_id": told()["app_id"], "out_trade_no": "o1"}},
	} {
		t.Run(test.forgery, func(t *testing.T) {
			before := len(w.received())
			if err := w.channel.Corrupt(p.ID, dossier.Notifications[0].ID, test.forgery); err != nil {
				t.Fatal(err)
			}
			w.eventually("it has come", func() bool { return len(w.received()) > before })
			fields := w.received()[before]
			if got := believed(joined(fields, "sign", "sign_type"), fields.Get("sign")); got != test.believed {
				t.Errorf("believed: %v, %v", got, fields)
			}
			wantFields(t, fields, test.want)
			if other := fields.Get("app_id") != told()["app_id"]; other != (test.forgery == history.ForgeryOtherMerchant) {
				t.Errorf("of %s", fields.Get("app_id"))
			}
			if wrong := fields.Get("total_amount") != "88.88"; wrong != (test.forgery == history.ForgeryWrongAmount) {
				t.Errorf("about %s", fields.Get("total_amount"))
			}
		})
	}
}

// TestCashier: a browser comes, pays, and is sent back with what happened, signed.
func TestCashier(t *testing.T) {
	w := newWorld(t, alipay.Settings{}, nil)
	content := trade("o1")
	content["subject"] = "<script>alert(1)</script>"
	gateway := w.api.URL + "/gateway.do?"
	status, page, _ := w.get(gateway + w.signedRequest("alipay.trade.page.pay", content).Encode())
	form := regexp.MustCompile(`action="(/pay/\d{28}/cashier)"`).FindStringSubmatch(page)
	if status != http.StatusOK || form == nil || strings.Contains(page, "<script>") || !strings.Contains(page, "88.88") {
		t.Fatalf("%d %s", status, page)
	}
	press := func(action string) (int, string, http.Header) {
		response, err := w.client.PostForm(w.api.URL+form[1], url.Values{"action": {action}})
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = response.Body.Close() }()
		return read(t, response)
	}
	if status, _, _ := press("run"); status != http.StatusBadRequest {
		t.Errorf("an unknown button: %d", status)
	}
	if status, _, header := press("decline"); status != http.StatusSeeOther || header.Get("Location") != form[1] {
		t.Errorf("decline: %d %v", status, header)
	}
	if status, page, _ := w.get(w.api.URL + form[1]); status != http.StatusOK || !strings.Contains(page, "WAIT_BUYER_PAY") {
		t.Errorf("the cashier again: %d %s", status, page)
	}
	status, _, header := press("pay")
	back, err := url.Parse(header.Get("Location"))
	if err != nil || status != http.StatusSeeOther || back.Host != "shop.example" || back.Query().Get("a") != "b" {
		t.Fatalf("pay: %d %v", status, header)
	}
	fields := back.Query()
	fields.Del("a")
	if !believed(joined(fields, "sign", "sign_type"), fields.Get("sign")) {
		t.Errorf("nobody believes %v", fields)
	}
	wantFields(t, fields, map[string]string{
		"method": "alipay.trade.page.pay.return", "out_trade_no": "o1", "total_amount": "88.88", "trade_no": `\d{28}`,
		"app_id": told()["app_id"], "seller_id": told()["seller_id"], "timestamp": moment, "charset": "utf-8", "version": "1.0",
	})
	if _, page, _ := press("pay"); !strings.Contains(page, "ACQ.TRADE_HAS_SUCCESS") {
		t.Errorf("pay again: %s", page)
	}
	for subCode, query := range map[string]url.Values{
		"ACQ.TRADE_HAS_SUCCESS": w.signedRequest("alipay.trade.page.pay", content),
		"isv.invalid-signature": w.signedRequest("alipay.trade.page.pay", trade("o2"), with("sign", "AAAA")),
		"isv.invalid-app-id":    w.signedRequest("alipay.trade.wap.pay", trade("o2"), with("app_id", "1")),
		"ACQ.INVALID_PARAMETER": w.signedRequest("alipay.trade.app.pay", m{}),
	} {
		if status, page, _ := w.get(gateway + query.Encode()); status != http.StatusOK || !strings.Contains(page, subCode) {
			t.Errorf("want %s: %d %s", subCode, status, page)
		}
	}
	if status, _, _ := w.get(w.api.URL + "/pay/1/cashier"); status != http.StatusNotFound {
		t.Errorf("a cashier of nothing: %d", status)
	}
	w.quiet()
}
