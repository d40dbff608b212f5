package wechatpay_test

import (
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"errors"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/paystorm/paystorm/history"
	"github.com/paystorm/paystorm/mockchannel"
	"github.com/paystorm/paystorm/mockchannel/wechatpay"
)

func TestAcknowledged(t *testing.T) {
	for name, test := range map[string]struct {
		status int
		body   string
		ok     bool
		remark bool
	}{
		"200":                     {200, "", true, false},
		"204":                     {204, "", true, false},
		"the old text":            {200, `{"code":"SUCCESS","message":"OK"}`, true, false},
		"contradicting itself":    {200, `{"code":"FAIL","message":"no"}`, true, true},
		"any text":                {200, "FAIL", true, false},
		"201":                     {201, "", false, false},
		"a redirect":              {302, "", false, false},
		"a refusal":               {401, `{"code":"FAIL"}`, false, false},
		"an error":                {500, `{"code":"FAIL"}`, false, false},
		"an error with a SUCCESS": {500, `{"code":"SUCCESS"}`, false, false},
	} {
		ok, remark := wechatpay.New().Acknowledged(test.status, []byte(test.body))
		if ok != test.ok || (remark != "") != test.remark {
			t.Errorf("%s: %v %q", name, ok, remark)
		}
	}
}

func TestRetry(t *testing.T) {
	var all time.Duration
	retry := wechatpay.New().Retry()
	for _, wait := range retry {
		all += wait
	}
	if len(retry) != 15 || all != 24*time.Hour+4*time.Minute {
		t.Errorf("%d attempts in %s, want 15 in 24h4m", len(retry), all)
	}
}

func TestIdentifiers(t *testing.T) {
	identify := wechatpay.New().(mockchannel.Identifier).Identify
	// Just before midnight UTC it is the next day in Beijing.
	at := time.Date(2026, 11, 24, 23, 59, 0, 0, time.UTC)
	forms := map[mockchannel.IdentifierKind]string{
		mockchannel.IdentifyPayment: `^4200\d{6}20261125\d{10}$`, mockchannel.IdentifyRefund: `^5030\d{6}20261125\d{10}$`,
		mockchannel.IdentifyNotification: `^EV-20261125\d{16}$`,
	}
	for kind, form := range forms {
		known := map[string]bool{}
		var list []string
		for n := range int64(2000) {
			id := identify(kind, at, n, 7)
			if !regexp.MustCompile(form).MatchString(id) || known[id] {
				t.Fatalf("%s %d: %s", kind, n, id)
			}
			known[id] = true
			list = append(list, id)
		}
		if slices.IsSorted(list) {
			t.Errorf("%s: identifiers tell their order", kind)
		}
	}
}

func TestIssue(t *testing.T) {
	s := ordinaryShop(t)
	given := map[string]string{
		"mchid": "1900000109", "appid": "wxd678efh567hg6787", "serial_no": "444F4864EA9B34415...", "public_key_id": "PUB_KEY_ID_1",
		"api_v3_key": strings.Repeat("k", 32), "merchant_private_key": s.told("merchant_private_key"),
		"public_key": s.told("merchant_private_key"), "platform_cert": s.told("merchant_private_key"),
	}
	merchant, err := wechatpay.New().Issue("m-1", given)
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range given {
		if told := merchant.Told[name]; (told == value) != (name != "public_key" && name != "platform_cert") {
			t.Errorf("%s: given %q, told %q", name, value, told)
		}
	}
	key, err := x509.ParsePKIXPublicKey(decodePEM(t, merchant.Told["public_key"]))
	if err != nil || !key.(*rsa.PublicKey).Equal(&s.key.PublicKey) {
		t.Errorf("the public half: %v", err)
	}
	for name, wrong := range map[string]string{
		"api_v3_key": "short", "merchant_private_key": "no key", "public_key": s.told("public_key"), "platform_cert": s.told("platform_cert"),
	} {
		if _, err := wechatpay.New().Issue("m-1", map[string]string{name: wrong}); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("a wrong %s: %v", name, err)
		}
	}
}

// message is a notification of a payment made in public-key mode, or of a refund of it.
func message(s *shop, state, forgery string, refund *mockchannel.Refund) mockchannel.Message {
	return mockchannel.Message{
		ID: "EV-1", Type: history.PaymentSucceeded, At: time.Date(2026, 1, 2, 3, 4, 5, 6, time.UTC), Forgery: forgery,
		Merchant: s.merchant, Refund: refund,
		Payment: mockchannel.Payment{
			ID: "4200000000202601020000000001", Merchant: s.merchant.ID, Order: "order-1", Minor: 1000, Captured: 900,
			Currency: "CNY", State: mockchannel.State(state),
		},
	}
}

// posted is a notification as a shop decodes it.
type posted struct {
	ID        string         `json:"id"`
	EventType string         `json:"event_type"`
	Resource  map[string]any `json:"resource"`
}

func (s *shop) decode(envelope mockchannel.Envelope) (posted, string) {
	s.t.Helper()
	var content posted
	if err := json.Unmarshal(envelope.Body, &content); err != nil {
		s.t.Fatal(err)
	}
	return content, string(s.open(content.Resource))
}

func TestEncode(t *testing.T) {
	s := ordinaryShop(t)
	d, now := wechatpay.New(), time.Now()
	genuine, err := d.Encode(message(s, "succeeded", "", nil), now)
	if err != nil {
		t.Fatal(err)
	}
	content, told := s.decode(genuine)
	want := `{"appid":"` + s.told("appid") + `","mchid":"` + s.told("mchid") + `","out_trade_no":"order-1",` +
		`"transaction_id":"4200000000202601020000000001","trade_type":"NATIVE","trade_state":"SUCCESS","trade_state_desc":"支付成功",` +
		`"bank_type":"OTHERS","success_time":"2026-01-02T11:04:05+08:00","payer":{"openid":"o200000000202601020000000001"},` +
		`"amount":{"total":900,"payer_total":900,"currency":"CNY","payer_currency":"CNY"},"promotion_detail":[]}`
	if told != want || content.EventType != "TRANSACTION.SUCCESS" || content.ID != "EV-1" {
		t.Errorf("%s tells %s", content.EventType, told)
	}
	again, err := d.Encode(message(s, "succeeded", "", nil), now.Add(time.Minute))
	if err != nil || string(again.Body) != string(genuine.Body) ||
		again.Header.Get("Wechatpay-Signature") == genuine.Header.Get("Wechatpay-Signature") {
		t.Errorf("a re-delivery: %v, %v", again.Header, err)
	}
	certified := s.certificate().PublicKey.(*rsa.PublicKey)
	for forgery, authentic := range map[string]bool{
		"": true, history.ForgeryNoSignature: false, history.ForgeryWrongKey: false, history.ForgeryProbe: false,
		history.ForgeryOtherMerchant: true, history.ForgeryWrongAmount: true,
	} {
		forged, err := d.Encode(message(s, "succeeded", forgery, nil), now)
		if err != nil {
			t.Fatal(err)
		}
		if err := s.verify(certified, forged.Header, forged.Body); (err == nil) != authentic {
			t.Errorf("%q: %v", forgery, err)
		}
		if strings.HasPrefix(forged.Header.Get("Wechatpay-Signature"), "WECHATPAY/SIGNTEST/") != (forgery == history.ForgeryProbe) {
			t.Errorf("%q: %s", forgery, forged.Header.Get("Wechatpay-Signature"))
		}
	}
	other := message(s, "succeeded", history.ForgeryOtherMerchant, nil)
	other.Payment.Merchant = "m-2"
	envelope, err := d.Encode(other, now)
	if _, told := s.decode(envelope); err != nil || strings.Contains(told, s.told("mchid")) {
		t.Errorf("another merchant's: %s, %v", told, err)
	}
	other.Merchant.Keys = nil
	if _, err := d.Encode(other, now); err == nil {
		t.Error("a merchant without keys")
	}
}

func TestEncodeRefunds(t *testing.T) {
	s := ordinaryShop(t)
	for name, test := range map[string]struct {
		state, reason, event, status string
	}{
		"done":     {history.RefundDone, "", "REFUND.SUCCESS", `"refund_status":"SUCCESS","success_time":"2026-01-02T11:04:05+08:00"`},
		"failed":   {history.RefundBroken, "account_closed", "REFUND.ABNORMAL", `"refund_status":"ABNORMAL","user`},
		"given up": {history.RefundBroken, "closed", "REFUND.CLOSED", `"refund_status":"CLOSED","user`},
	} {
		t.Run(name, func(t *testing.T) {
			r := &mockchannel.Refund{
				ID: "5030", Number: "r1", Payment: "4200", Order: "order-1", Minor: 100, State: test.state, Reason: test.reason,
			}
			envelope, err := wechatpay.New().Encode(message(s, "succeeded", "", r), time.Now())
			if err != nil {
				t.Fatal(err)
			}
			content, told := s.decode(envelope)
			if content.EventType != test.event || !strings.Contains(told, test.status) ||
				!strings.Contains(told, `"amount":{"total":900,"refund":100,"payer_total":900,"payer_refund":100}`) {
				t.Errorf("%s tells %s", content.EventType, told)
			}
		})
	}
}

// A merchant who asks for the public key gets everything with it: its answers, and the messages about what it made.
func TestMessagesAreSignedAsAsked(t *testing.T) {
	s := ordinaryShop(t)
	d := wechatpay.New()
	for serial, key := range map[string]*rsa.PublicKey{
		"": s.certificate().PublicKey.(*rsa.PublicKey), s.told("public_key_id"): s.publicKey(),
	} {
		s.serial = serial
		number := "order-" + serial[:min(4, len(serial))] + "-1"
		s.paid(number)
		if a := s.refund(number, "refund-"+number, 1, 1000); a.status != http.StatusOK {
			t.Fatalf("%d %s", a.status, a.body)
		}
		p, _ := s.channel.FindByOrder(s.merchant.ID, number)
		refunds, err := s.channel.Call(s.merchant).RefundsOf(p.ID)
		if err != nil || len(refunds) != 1 {
			t.Fatal(refunds, err)
		}
		for _, r := range []*mockchannel.Refund{nil, &refunds[0]} {
			envelope, err := d.Encode(mockchannel.Message{ID: "EV-1", Merchant: s.merchant, Payment: p, Refund: r}, time.Now())
			if err := errors.Join(err, s.verify(key, envelope.Header, envelope.Body)); err != nil {
				t.Errorf("%q, of a refund %v: %v", serial, r != nil, err)
			}
		}
	}
}

func TestWhereRefundsAreTold(t *testing.T) {
	s := ordinaryShop(t)
	s.paid("order-1")
	s.refund("order-1", "refund-1", 1, 1000)
	body := `{"out_trade_no":"order-1","out_refund_no":"refund-2","notify_url":"http://h/refunds","amount":{"refund":1,"total":1000,"currency":"CNY"}}`
	if a := s.post(refunds, body); a.status != http.StatusOK {
		t.Fatalf("%d %s", a.status, a.body)
	}
	announce := wechatpay.New().(mockchannel.Announcer).Announce
	for number, want := range map[string]mockchannel.Announcement{"refund-1": {ToMerchant: true}, "refund-2": {URL: "http://h/refunds"}} {
		r, err := s.channel.Call(s.merchant).RefundByNumber(number)
		if err != nil {
			t.Fatal(err)
		}
		for _, kind := range []string{history.RefundSucceeded, history.RefundFailed} {
			if got := announce(kind, mockchannel.Payment{}, &r); len(got) != 1 || got[0] != want {
				t.Errorf("%s of %s: %+v", kind, number, got)
			}
		}
	}
	for _, kind := range []string{history.PaymentCreated, history.PaymentFailed, history.PaymentClosed, history.RefundCreated} {
		if got := announce(kind, mockchannel.Payment{}, &mockchannel.Refund{}); len(got) != 0 {
			t.Errorf("%s is told: %+v", kind, got)
		}
	}
}

func TestCertificatesRotate(t *testing.T) {
	s := ordinaryShop(t, func(c *mockchannel.Config) { c.Faults = rotating{} })
	a := s.get("/v3/certificates")
	var list struct {
		Data []struct {
			SerialNo           string         `json:"serial_no"`
			EncryptCertificate map[string]any `json:"encrypt_certificate"`
		} `json:"data"`
	}
	if err := json.Unmarshal(a.body, &list); err != nil || len(list.Data) != 2 {
		t.Fatalf("%d %s, %v", a.status, a.body, err)
	}
	keys := map[string]*rsa.PublicKey{}
	for _, listed := range list.Data {
		certificate, err := x509.ParseCertificate(decodePEM(t, string(s.open(listed.EncryptCertificate))))
		if err != nil || strings.ToUpper(certificate.SerialNumber.Text(16)) != listed.SerialNo {
			t.Fatalf("certificate %s: %v", listed.SerialNo, err)
		}
		keys[listed.SerialNo] = certificate.PublicKey.(*rsa.PublicKey)
	}
	later := list.Data[1].SerialNo
	if got := s.query("order-1").header.Get("Wechatpay-Serial"); got != later {
		t.Errorf("an answer is signed by %s, want %s", got, later)
	}
	for _, next := range []bool{false, true} {
		told := message(s, "succeeded", "", nil)
		told.NextKey = next
		envelope, err := wechatpay.New().Encode(told, time.Now())
		serial := envelope.Header.Get("Wechatpay-Serial")
		if err != nil || (serial == later) != next || envelope.Rotated != next {
			t.Errorf("a message is signed by %s, rotated %v, %v", serial, envelope.Rotated, err)
		}
		if err := s.verify(keys[serial], envelope.Header, envelope.Body); err != nil {
			t.Error(err)
		}
	}
	s.serial = s.told("public_key_id")
	if got := s.query("order-1").header.Get("Wechatpay-Serial"); got != s.serial {
		t.Errorf("the public key does not rotate: signed by %s", got)
	}
}

// rotating lets the next key sign.
type rotating struct{ nothingWrong }

func (rotating) Request(mockchannel.Request) mockchannel.RequestFault {
	return mockchannel.RequestFault{Rotate: &mockchannel.Rotate{Fault: "f"}}
}

func TestBills(t *testing.T) {
	s := ordinaryShop(t)
	transaction := s.paid("order-1")
	s.refund("order-1", "refund-1", 250, 1000)
	today := time.Now().In(time.FixedZone("", 8*60*60)).Format(time.DateOnly)
	file := func(target string) []string {
		a := s.get(target)
		if a.status != http.StatusOK {
			t.Fatalf("%s: %d %s", target, a.status, a.body)
		}
		_, download, _ := strings.Cut(a.text("download_url"), "example.com")
		a = s.get(download)
		if a.status != http.StatusOK || a.header.Get("Wechatpay-Signature") != "" {
			t.Errorf("%s: %d, signed %v", download, a.status, a.header)
		}
		lines := strings.Split(regexp.MustCompile(`\d{4}-\d\d-\d\d \d\d:\d\d:\d\d`).ReplaceAllString(string(a.body), "NOW"), "\r\n")
		if !strings.HasPrefix(lines[0], "\ufeff") || lines[len(lines)-1] != "" {
			t.Errorf("%q", lines)
		}
		return lines[1 : len(lines)-1]
	}
	r, _ := s.channel.Call(s.merchant).RefundByNumber("refund-1")
	payer := "`" + "o" + transaction[1:]
	head := "`NOW,`" + s.told("appid") + ",`" + s.told("mchid") + ",`0,`,`" + transaction + ",`order-1," + payer + ",`NATIVE"
	for target, want := range map[string][]string{
		"/v3/bill/tradebill?bill_date=" + today: {
			head + ",`SUCCESS,`OTHERS,`CNY,`10.00,`0.00,`0,`0,`0.00,`0.00,`,`,`a ticket,`,`0.00000,`0.00%,`10.00,`0.00,`",
			head + ",`REFUND,`OTHERS,`CNY,`0.00,`0.00,`" + r.ID + ",`refund-1,`2.50,`0.00,`ORIGINAL,`SUCCESS,`a ticket,`,`0.00000,`0.00%,`0.00,`2.50,`",
			"总交易单数,应结订单总金额,退款总金额,充值券退款总金额,手续费总金额,订单总金额,申请退款总金额", "`2,`10.00,`2.50,`0.00,`0.00000,`10.00,`2.50",
		},
		"/v3/bill/tradebill?bill_type=SUCCESS&bill_date=" + today: {
			head + ",`SUCCESS,`OTHERS,`CNY,`10.00,`0.00,`a ticket,`,`0.00000,`0.00%,`10.00,`",
			"总交易单数,应结订单总金额,手续费总金额,订单总金额", "`1,`10.00,`0.00000,`10.00",
		},
		"/v3/bill/tradebill?bill_type=REFUND&bill_date=" + today: {
			head + ",`REFUND,`OTHERS,`CNY,`0.00,`0.00,`NOW,`NOW,`" + r.ID + ",`refund-1,`2.50,`0.00,`ORIGINAL,`SUCCESS,`a ticket,`,`0.00000,`0.00%,`0.00,`2.50,`",
			"总交易单数,应结订单总金额,退款总金额,充值券退款总金额,手续费总金额,订单总金额,申请退款总金额", "`1,`0.00,`2.50,`0.00,`0.00000,`0.00,`2.50",
		},
		"/v3/bill/fundflowbill?bill_date=" + today: {
			"`NOW,`" + transaction + ",`1" + transaction[1:] + ",`交易,`交易,`收入,`10.00,`10.00,`system,`,`order-1",
			"`NOW,`" + r.ID + ",`1" + r.ID[1:] + ",`退款,`退款,`支出,`2.50,`7.50,`system,`,`refund-1",
			"资金流水总笔数,收入笔数,收入金额,支出笔数,支出金额", "`2,`1,`10.00,`1,`2.50",
		},
	} {
		if got := file(target); !slices.Equal(got, want) {
			t.Errorf("%s:\n%s\nwant\n%s", target, strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
	}
}

// A refund that fails later stands in the bill as one that is under way, and came back to the account.
func TestBillOfAFailedRefund(t *testing.T) {
	s := ordinaryShop(t, func(c *mockchannel.Config) { c.Faults = failingRefunds{} })
	s.paid("order-1")
	if a := s.refund("order-1", "refund-1", 250, 1000); a.text("status") != "PROCESSING" {
		t.Errorf("accepted: %s", a.body)
	}
	if a := s.get(refunds + "/refund-1"); a.text("status") != "ABNORMAL" || a.text("success_time") != "" {
		t.Errorf("then: %s", a.body)
	}
	if a := s.query("order-1"); a.text("trade_state") != "REFUND" {
		t.Errorf("the transaction: %s", a.body)
	}
	today := time.Now().In(time.FixedZone("", 8*60*60)).Format(time.DateOnly)
	for target, want := range map[string]string{
		"/v3/bill/tradebill?bill_date=" + today: ",`ORIGINAL,`PROCESSING,", "/v3/bill/fundflowbill?bill_date=" + today: "`3,`2,`12.50,`1,`2.50",
	} {
		_, download, _ := strings.Cut(s.get(target).text("download_url"), "example.com")
		if a := s.get(download); !strings.Contains(string(a.body), want) {
			t.Errorf("%s: %s", target, a.body)
		}
	}
}

type failingRefunds struct{ nothingWrong }

func (failingRefunds) Change(c mockchannel.Change) mockchannel.ChangeFault {
	if c.Kind == mockchannel.ChangeRefund {
		return mockchannel.ChangeFault{RefundFails: &mockchannel.RefundFails{Fault: "f", Reason: "account_closed"}}
	}
	return mockchannel.ChangeFault{}
}

func TestFiftyRefunds(t *testing.T) {
	s := ordinaryShop(t)
	s.paid("order-1")
	number := func(n int) string { return "refund-" + time.Duration(n).String() }
	for n := range 50 {
		if a := s.refund("order-1", number(n), 1, 1000); a.status != http.StatusOK {
			t.Fatalf("%d: %d %s", n, a.status, a.body)
		}
	}
	if a := s.refund("order-1", "refund-more", 1, 1000); a.status != http.StatusBadRequest {
		t.Errorf("the 51st: %d %s", a.status, a.body)
	}
	if a := s.refund("order-1", number(0), 1, 1000); a.status != http.StatusOK || a.text("status") != "SUCCESS" {
		t.Errorf("the first again: %d %s", a.status, a.body)
	}
}
