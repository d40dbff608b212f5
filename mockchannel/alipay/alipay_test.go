package alipay_test

import (
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/paystorm/paystorm/mockchannel"
	"github.com/paystorm/paystorm/mockchannel/alipay"
)

// TestATradeExistsOnceItsBuyerHasDoneSomething: before that there is nothing to query or close, and whoever was told so
// has closed nothing.
func TestATradeExistsOnceItsBuyerHasDoneSomething(t *testing.T) {
	w := newWorld(t, alipay.Settings{}, nil)
	code := w.does("alipay.trade.precreate", trade("o1")).get("qr_code")
	for _, method := range []string{"query", "close"} {
		s := w.refuses("ACQ.TRADE_NOT_EXIST", "alipay.trade."+method, m{"out_trade_no": "o1"})
		if method == "query" && (s.get("out_trade_no") != "o1" || s.get("receipt_amount") != "0.00") {
			t.Errorf("%s", s.raw)
		}
	}
	w.refuses("ACQ.TRADE_NOT_EXIST", "alipay.trade.refund", m{"out_trade_no": "o1", "refund_amount": "1"})
	if s := w.does("alipay.trade.cancel", m{"out_trade_no": "o1"}); s.get("action") != "" {
		t.Errorf("cancelled what is not there: %s", s.raw)
	}
	if p, found := w.channel.FindByOrder("m-1", "o1"); !found || p.State != mockchannel.Created || p.Begun {
		t.Errorf("the ledger has %+v", p)
	}
	response, err := w.client.Get(w.api.URL + "/pay/" + url.PathEscape(code)) // somebody scans
	if err != nil {
		t.Fatal(err)
	}
	_ = response.Body.Close()
	scanned := w.does("alipay.trade.query", m{"out_trade_no": "o1"})
	if scanned.get("trade_status") != "WAIT_BUYER_PAY" || scanned.get("total_amount") != "88.88" || scanned.get("send_pay_date") != "" {
		t.Errorf("%s", scanned.raw)
	}
	if status := w.pays(code); status != http.StatusOK {
		t.Errorf("pay: %d", status)
	}
	w.refuses("ACQ.TRADE_STATUS_ERROR", "alipay.trade.close", m{"out_trade_no": "o1"})
	if p, _ := w.channel.FindByOrder("m-1", "o1"); p.Ref != "ps-r-b7-o1" || p.Captured != 8888 || p.Currency != "CNY" {
		t.Errorf("the ledger has %+v", p)
	}
}

// TestWhatABuyerMayBeHanded: each finds or makes the one trade, and a trade that is over says so.
func TestWhatABuyerMayBeHanded(t *testing.T) {
	w := newWorld(t, alipay.Settings{}, nil)
	address := func(method, number string) string {
		return w.signedRequest(method, trade(number)).Encode()
	}
	made := func(method, number string) said {
		content := trade(number)
		content["buyer_id"] = "2088000000000001"
		return w.does(method, content)
	}
	for name, handed := range map[string]string{
		"a code":               made("alipay.trade.precreate", "o1").get("qr_code"),
		"an address":           w.api.URL + "/gateway.do?" + address("alipay.trade.page.pay", "o2"),
		"another address":      "https://openapi.alipay.com/gateway.do?" + address("alipay.trade.wap.pay", "o3"),
		"an order string":      address("alipay.trade.app.pay", "o4"),
		"a trade_no":           made("alipay.trade.create", "o5").get("trade_no"),
		"an out_trade_no":      made("alipay.trade.create", "o6").get("out_trade_no"),
		"one that nobody scan": made("alipay.trade.precreate", "o7").get("out_trade_no"),
	} {
		t.Run(name, func(t *testing.T) {
			if status := w.pays(handed); status != http.StatusOK {
				t.Errorf("pay: %d", status)
			}
			if status := w.pays(handed); status != http.StatusConflict {
				t.Errorf("pay again: %d", status)
			}
		})
	}
	for _, order := range []string{"o1", "o2", "o3", "o4", "o5", "o6", "o7"} {
		if p, _ := w.channel.FindByOrder("m-1", order); p.State != mockchannel.Succeeded {
			t.Errorf("%s is %s", order, p.State)
		}
	}
	tampered := strings.Replace(address("alipay.trade.page.pay", "o8"), "88.88", "0.01", 1)
	for name, handed := range map[string]string{
		"a wrong signature": w.api.URL + "/gateway.do?" + tampered, "no page": address("alipay.trade.query", "o9"),
		"a code of nothing": "https://qr.alipay.com/baxzz", "no code": "https://qr.alipay.com/bax-", "nothing": "o8",
		"no parameters": "method=%zz",
	} {
		if status := w.pays(handed); status != http.StatusNotFound && status != http.StatusBadRequest {
			t.Errorf("%s: %d", name, status)
		}
	}
	if _, found := w.channel.FindByOrder("m-1", "o8"); found {
		t.Error("a wrong signature made a trade")
	}
}

func TestTheSameNumberAgain(t *testing.T) {
	w := newWorld(t, alipay.Settings{}, nil)
	code := w.does("alipay.trade.precreate", trade("o1")).get("qr_code")
	if again := w.does("alipay.trade.precreate", trade("o1")).get("qr_code"); again != code {
		t.Errorf("another code: %s, %s", code, again)
	}
	for key, value := range map[string]string{"total_amount": "88.89", "subject": "电脑"} {
		other := trade("o1")
		other[key] = value
		w.refuses("ACQ.CONTEXT_INCONSISTENT", "alipay.trade.precreate", other)
	}
	w.paid("o1")
	w.refuses("ACQ.TRADE_HAS_SUCCESS", "alipay.trade.precreate", trade("o1"))
	closed := trade("o2")
	closed["buyer_id"] = "2088000000000001"
	w.does("alipay.trade.create", closed)
	w.does("alipay.trade.create", closed)
	w.does("alipay.trade.close", m{"out_trade_no": "o2"})
	w.refuses("ACQ.TRADE_HAS_CLOSE", "alipay.trade.create", closed)
	w.refuses("ACQ.TRADE_STATUS_ERROR", "alipay.trade.close", m{"out_trade_no": "o2"})
	w.refuses("ACQ.TRADE_STATUS_ERROR", "alipay.trade.refund", m{"out_trade_no": "o2", "refund_amount": "88.88"})
	if s := w.does("alipay.trade.query", m{"out_trade_no": "o2"}); s.get("trade_status") != "TRADE_CLOSED" {
		t.Errorf("%s", s.raw)
	}
}

func TestPayByCode(t *testing.T) {
	w := newWorld(t, alipay.Settings{PasswordAbove: 8888}, nil)
	content := trade("o1")
	content["auth_code"] = "281234567890123456"
	if s := w.does("alipay.trade.pay", content); s.get("total_amount") != "88.88" || s.get("gmt_payment") == "" || s.get("trade_no") == "" {
		t.Errorf("%s", s.raw)
	}
	w.refuses("ACQ.TRADE_HAS_SUCCESS", "alipay.trade.pay", content)
	content["out_trade_no"], content["total_amount"] = "o2", "88.89"
	if s := w.ask("alipay.trade.pay", content); s.get("code") != "10003" || !s.signed {
		t.Errorf("%s", s.raw)
	}
	if s := w.does("alipay.trade.query", m{"out_trade_no": "o2"}); s.get("trade_status") != "WAIT_BUYER_PAY" {
		t.Errorf("%s", s.raw)
	}
	if s := w.does("alipay.trade.cancel", m{"out_trade_no": "o2"}); s.get("action") != "close" {
		t.Errorf("%s", s.raw)
	}
	if s := w.does("alipay.trade.cancel", m{"out_trade_no": "o1"}); s.get("action") != "refund" || s.get("retry_flag") != "N" {
		t.Errorf("%s", s.raw)
	}
	w.does("alipay.trade.cancel", m{"out_trade_no": "o1"})
	if p, _ := w.channel.FindByOrder("m-1", "o1"); p.Refunded != 8888 {
		t.Errorf("given back %d", p.Refunded)
	}
	content["out_trade_no"], content["auth_code"] = "o3", "111234567890123456"
	w.refuses("ACQ.PAYMENT_AUTH_CODE_INVALID", "alipay.trade.pay", content)
}

func TestRefunds(t *testing.T) {
	w := newWorld(t, alipay.Settings{}, nil)
	w.paid("o1")
	w.paid("o2")
	refund := func(amount, number string) m {
		return m{"out_trade_no": "o1", "refund_amount": amount, "out_request_no": number, "refund_reason": "坏了"}
	}
	wanted := func(s said, change, fee, back string) {
		t.Helper()
		if s.get("fund_change") != change || s.get("refund_fee") != fee || s.get("send_back_fee") != back {
			t.Errorf("want %s %s %s: %s", change, fee, back, s.raw)
		}
	}
	wanted(w.does("alipay.trade.refund", refund("8.88", "1")), "Y", "8.88", "8.88")
	wanted(w.does("alipay.trade.refund", refund("8.88", "1")), "N", "8.88", "0.00")
	wanted(w.does("alipay.trade.refund", m{"out_trade_no": "o2", "refund_amount": 8.88, "out_request_no": 1}), "Y", "8.88", "8.88")
	wanted(w.does("alipay.trade.refund", refund("10", "2")), "Y", "18.88", "10.00")
	w.refuses("ACQ.DISCORDANT_REPEAT_REQUEST", "alipay.trade.refund", refund("8.87", "1"))
	w.refuses("ACQ.REASON_TRADE_REFUND_FEE_ERR", "alipay.trade.refund", refund("70.01", "3"))
	w.refuses("ACQ.REFUND_AMT_NOT_EQUAL_TOTAL", "alipay.trade.refund", refund("70.00", ""))
	w.refuses("ACQ.INVALID_PARAMETER", "alipay.trade.refund", refund("0.00", "4"))
	w.refuses("ACQ.INVALID_PARAMETER", "alipay.trade.refund", refund("1.001", "4"))
	w.refuses("ACQ.INVALID_PARAMETER", "alipay.trade.refund", m{"out_trade_no": "o1"})

	query := func(number string, options ...string) m {
		return m{"out_trade_no": "o1", "out_request_no": number, "query_options": options}
	}
	done := w.does("alipay.trade.fastpay.refund.query", query("2", "gmt_refund_pay"))
	if done.get("refund_status") != "REFUND_SUCCESS" || done.get("refund_amount") != "10.00" || done.get("total_amount") != "88.88" ||
		done.get("gmt_refund_pay") == "" || done.get("refund_reason") != "坏了" {
		t.Errorf("%s", done.raw)
	}
	if s := w.does("alipay.trade.fastpay.refund.query", query("9")); len(s.content) != 2 {
		t.Errorf("a refund that nobody asked for: %s", s.raw)
	}
	w.refuses("ACQ.INVALID_PARAMETER", "alipay.trade.fastpay.refund.query", query(""))
	w.refuses("ACQ.TRADE_NOT_EXIST", "alipay.trade.fastpay.refund.query", m{"out_trade_no": "o3", "out_request_no": "1"})
}

// TestARefundThatIsUnderWay moves nothing yet, and one that fails never does, but may be asked for again.
func TestARefundThatIsUnderWay(t *testing.T) {
	var failed atomic.Bool
	fails := faults{change: func(c mockchannel.Change) (f mockchannel.ChangeFault) {
		if c.Order == "o2" && c.Kind == mockchannel.ChangeRefund && failed.CompareAndSwap(false, true) {
			f.RefundFails = &mockchannel.RefundFails{Fault: "f", Reason: "account closed"}
		}
		return f
	}}
	w := newWorld(t, alipay.Settings{}, func(c *mockchannel.Config) { c.RefundDelay, c.Faults = 2*time.Second, fails })
	for _, order := range []string{"o1", "o2"} {
		w.paid(order)
		s := w.does("alipay.trade.refund", m{"out_trade_no": order, "refund_amount": "88.88"})
		if s.get("fund_change") != "N" || s.get("refund_fee") != "0.00" {
			t.Errorf("%s", s.raw)
		}
		if s := w.does("alipay.trade.fastpay.refund.query", m{"out_trade_no": order, "out_request_no": order}); s.get("refund_status") != "" {
			t.Errorf("%s", s.raw)
		}
	}
	w.quiet()
	for order, want := range map[string]string{"o1": "REFUND_SUCCESS", "o2": ""} {
		if s := w.does("alipay.trade.fastpay.refund.query", m{"out_trade_no": order, "out_request_no": order}); s.get("refund_status") != want {
			t.Errorf("%s", s.raw)
		}
	}
	w.does("alipay.trade.refund", m{"out_trade_no": "o2", "refund_amount": "88.88"})
	w.quiet()
	for _, order := range []string{"o1", "o2"} {
		if s := w.does("alipay.trade.query", m{"out_trade_no": order}); s.get("trade_status") != "TRADE_CLOSED" {
			t.Errorf("%s", s.raw)
		}
	}
}

// TestExpiry: absolute times are the wall clock's, lengths are business time.
func TestExpiry(t *testing.T) {
	w := newWorld(t, alipay.Settings{}, func(c *mockchannel.Config) {
		c.Business = &mockchannel.Business{Span: 24 * time.Hour, In: 24 * time.Second}
	})
	content := func(number, key, value string) m {
		made := trade(number)
		if key != "" {
			made[key] = value
		}
		return made
	}
	tomorrow := time.Now().AddDate(0, 0, 1).Truncate(time.Second)
	at := tomorrow.In(time.FixedZone("", 8*60*60)).Format("2006-01-02 15:04:05")
	for number, test := range map[string]struct {
		key, value string
		want       time.Duration // of the wall clock
	}{
		"o1": {"timeout_express", "15m", 250 * time.Millisecond},
		"o2": {"timeout_express", "3h", 3 * time.Second},
		"o3": {"qr_code_timeout_express", "1d", 24 * time.Second},
		"o4": {"", "", 2 * time.Second},
	} {
		before := time.Now()
		w.does("alipay.trade.precreate", content(number, test.key, test.value))
		p, _ := w.channel.FindByOrder("m-1", number)
		if over := p.Expires.Add(-test.want); over.Before(before) || over.After(time.Now()) {
			t.Errorf("%s %s: over at %v, asked for at %v, want %v", test.key, test.value, p.Expires, before, test.want)
		}
	}
	w.does("alipay.trade.precreate", content("o5", "time_expire", at))
	if p, _ := w.channel.FindByOrder("m-1", "o5"); !p.Expires.Equal(tomorrow) {
		t.Errorf("over at %v, want %v", p.Expires, tomorrow)
	}
	w.does("alipay.trade.precreate", content("o6", "timeout_express", "1c"))
	w.eventually("it is over", func() bool {
		p, _ := w.channel.FindByOrder("m-1", "o1")
		return p.State == mockchannel.Closed
	})
	w.refuses("ACQ.TRADE_NOT_EXIST", "alipay.trade.query", m{"out_trade_no": "o1"}) // nobody has ever scanned it
	w.refuses("ACQ.TRADE_HAS_CLOSE", "alipay.trade.precreate", trade("o1"))
	if status := w.pays("o1"); status != http.StatusConflict {
		t.Errorf("pay: %d", status)
	}
	for _, wrong := range []m{
		content("o7", "timeout_express", "16d"), content("o7", "timeout_express", "0m"), content("o7", "timeout_express", "m"),
		content("o7", "timeout_express", "5x"), content("o7", "time_expire", "2020-01-01 00:00:00"),
		content("o7", "time_expire", "tomorrow"),
	} {
		w.refuses("ACQ.INVALID_PARAMETER", "alipay.trade.precreate", wrong)
	}
}
