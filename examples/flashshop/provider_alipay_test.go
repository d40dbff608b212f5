package flashshop

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// rsaKey makes a small key; those of a provider are twice as long.
func rsaKey() *rsa.PrivateKey {
	key, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		panic(err)
	}
	return key
}

var (
	appKey    = sync.OnceValue(rsaKey)
	alipayKey = sync.OnceValue(rsaKey)
	otherKey  = sync.OnceValue(rsaKey)
)

const testApp, testSeller = "2021000000000001", "2088000000000001"

// alipayTongue speaks as much of Alipay's gateway as the shop asks for. Its buyers scan a code as soon as it is there, if
// they do at all.
type alipayTongue struct{ nobodyScans bool }

func (alipayTongue) name() string { return "alipay" }

func (alipayTongue) configure(f *fakeChannel, env map[string]string) {
	private := x509.MarshalPKCS1PrivateKey(appKey())
	public, err := x509.MarshalPKIXPublicKey(&alipayKey().PublicKey)
	if err != nil {
		f.t.Error(err)
	}
	env["PROVIDER"], env["CHANNEL_URL"], env["APP_ID"], env["SELLER_ID"] = "alipay", f.server.URL, testApp, testSeller
	env["APP_PRIVATE_KEY"] = base64.StdEncoding.EncodeToString(private)
	env["ALIPAY_PUBLIC_KEY"] = base64.StdEncoding.EncodeToString(public)
}

func (s alipayTongue) routes(f *fakeChannel, mux *http.ServeMux) {
	ops := map[string]string{
		"alipay.trade.precreate": opCreate, "alipay.trade.query": opList, "alipay.trade.close": opClose,
		"alipay.trade.refund": opRefund, "alipay.trade.fastpay.refund.query": opRefundQuery,
	}
	mux.HandleFunc("POST /gateway.do", func(w http.ResponseWriter, r *http.Request) {
		_ = r.ParseForm()
		if !signedBy(&appKey().PublicKey, r.PostForm, "sign") || r.PostForm.Get("app_id") != testApp {
			f.t.Errorf("unsigned: %v", r.PostForm)
		}
		biz := map[string]string{}
		all := map[string]any{}
		_ = json.Unmarshal([]byte(r.PostForm.Get("biz_content")), &all)
		for name, value := range all {
			biz[name], _ = value.(string)
		}
		method := r.PostForm.Get("method")
		f.serve(w, r, ops[method], func(bad fault) (func(), string) {
			told, code := s.work(f, method, r.PostForm.Get("notify_url"), biz, bad)
			return func() { s.answer(w, r, told) }, code
		})
	})
}

func (s alipayTongue) work(f *fakeChannel, method, notify string, biz map[string]string, bad fault) (map[string]string, string) {
	number := biz["out_trade_no"]
	if s.unscanned(f, number) && method != "alipay.trade.precreate" {
		return nil, "payment_not_found"
	}
	switch method {
	case "alipay.trade.precreate":
		order, _, _ := strings.Cut(number, "_")
		minor, err := fromYuan(biz["total_amount"])
		if err != nil || notify != shopName+"/callbacks/alipay/"+order || len(number) > 64 {
			return nil, "invalid_request"
		}
		expires, dated := time.ParseInLocation(alipayTimes, biz["time_expire"], beijing())
		if dated == nil && time.Now().After(expires) {
			return nil, "invalid_request"
		}
		p, code := f.create(number, biz["total_amount"]+biz["time_expire"], number,
			standardPayment{Order: order, AmountMinor: minor, Currency: "CNY"})
		f.mu.Lock()
		defer f.mu.Unlock()
		if dated == nil && code == "" {
			c := f.charge(number)
			c.expires, c.unscanned = expires.UnixMilli(), s.nobodyScans
		}
		return map[string]string{"out_trade_no": number, "qr_code": "https://qr.invalid" + p.PayURL}, code
	case "alipay.trade.query":
		p, code := f.query(number, bad)
		return alipayTrade(p), code
	case "alipay.trade.close":
		_, code := f.close(number)
		return map[string]string{"out_trade_no": number, "trade_no": "T" + number}, code
	case "alipay.trade.refund":
		minor, _ := fromYuan(biz["refund_amount"])
		made, code := f.refund(biz["out_request_no"], number, minor)
		change := map[bool]string{true: "Y", false: "N"}[made.State == refundSucceeded]
		return map[string]string{"out_trade_no": number, "fund_change": change}, code
	default:
		found, code := f.queryRefund(biz["out_request_no"], bad)
		told := map[string]string{"out_trade_no": number, "out_request_no": found.RefundNo}
		if found.State == refundSucceeded {
			told["refund_status"], told["refund_amount"] = "REFUND_SUCCESS", inYuan(found.AmountMinor)
		}
		if code == "refund_not_found" { // Alipay answers well, and says nothing
			code = ""
		}
		return told, code
	}
}

func (s alipayTongue) unscanned(f *fakeChannel, number string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	c := f.charge(number)
	return c != nil && c.unscanned
}

func alipayTrade(p standardPayment) map[string]string {
	trade := map[string]string{
		"out_trade_no": p.ID, "trade_no": "T" + p.ID, "trade_status": "WAIT_BUYER_PAY", "total_amount": inYuan(p.AmountMinor),
	}
	switch p.State {
	case paymentSucceeded:
		trade["trade_status"], trade["receipt_amount"] = "TRADE_SUCCESS", inYuan(p.CapturedMinor)
	case paymentClosed:
		trade["trade_status"] = "TRADE_CLOSED"
	}
	return trade
}

func (alipayTongue) answer(w http.ResponseWriter, r *http.Request, told map[string]string) {
	if told["code"] == "" {
		told["code"], told["msg"] = "10000", "Success"
	}
	inner, _ := json.Marshal(told)
	root := strings.ReplaceAll(r.PostForm.Get("method"), ".", "_") + "_response"
	_, _ = fmt.Fprintf(w, `{"%s":%s,"sign":"%s"}`, root, inner, sign(alipayKey(), inner))
}

func (s alipayTongue) fail(w http.ResponseWriter, r *http.Request, status int, code string) {
	told := map[string]string{"code": "40004", "msg": "Business Failed"}
	switch code {
	case "payment_not_found":
		told["sub_code"] = "ACQ.TRADE_NOT_EXIST"
	case "payment_succeeded", "payment_not_succeeded":
		told["sub_code"] = "ACQ.TRADE_STATUS_ERROR"
	case "refund_exceeds_capture":
		told["sub_code"] = "ACQ.REFUND_AMT_NOT_EQUAL_TOTAL"
	case "idempotency_mismatch":
		told["sub_code"] = "ACQ.CONTEXT_INCONSISTENT"
	default:
		if status >= 500 {
			http.Error(w, "bad gateway", status)
			return
		}
		told["code"], told["sub_code"] = "40002", "isv.invalid-parameter"
	}
	s.answer(w, r, told)
}

func sign(key *rsa.PrivateKey, text []byte) string {
	sum := sha256.Sum256(text)
	signature, err := rsa.SignPKCS1v15(nil, key, crypto.SHA256, sum[:])
	if err != nil {
		panic(err)
	}
	return base64.StdEncoding.EncodeToString(signature)
}

func signedBy(key *rsa.PublicKey, form url.Values, without ...string) bool {
	signature, _ := base64.StdEncoding.DecodeString(form.Get("sign"))
	sum := sha256.Sum256([]byte(signedText(form, without...)))
	return rsa.VerifyPKCS1v15(key, crypto.SHA256, sum[:], signature) == nil
}

func signedText(form url.Values, without ...string) string {
	var pairs []string
	for _, name := range slices.Sorted(maps.Keys(form)) {
		if !slices.Contains(without, name) {
			pairs = append(pairs, name+"="+form.Get(name))
		}
	}
	return strings.Join(pairs, "&")
}

func (s alipayTongue) callback(f *fakeChannel, m message) (*http.Request, error) {
	data := m.n.Data
	number := data.Payment
	f.mu.Lock()
	if c := f.charge(number); c != nil && c.Order != data.Order { // a message that names another order is of another number
		number = data.Order + "_1"
	}
	f.mu.Unlock()
	state := map[string]string{"payment.succeeded": paymentSucceeded, "payment.closed": paymentClosed}[m.n.Type]
	form := url.Values{
		"notify_id": {m.id}, "notify_type": {"trade_status_sync"}, "sign_type": {"RSA2"}, "app_id": {testApp},
		"seller_id": {testSeller}, "notify_time": {time.Now().In(beijing()).Format(alipayTimes)},
	}
	for name, value := range alipayTrade(standardPayment{
		ID: number, AmountMinor: data.AmountMinor, CapturedMinor: data.AmountMinor, State: state,
	}) {
		form.Set(name, value)
	}
	if strings.HasPrefix(m.n.Type, "refund.") {
		form.Set("trade_status", "TRADE_SUCCESS")
		form.Set("refund_fee", inYuan(data.Refund.AmountMinor))
		form.Set("gmt_refund", form.Get("notify_time"))
		form.Set("out_biz_no", data.Refund.RefundNo)
	}
	if data.Merchant != testMerchant {
		form.Set("seller_id", data.Merchant)
	}
	switch m.secret {
	case "":
	case testSecret:
		form.Set("sign", sign(alipayKey(), []byte(signedText(form, "sign", "sign_type"))))
	default:
		form.Set("sign", sign(otherKey(), []byte(signedText(form, "sign", "sign_type"))))
	}
	req, err := http.NewRequestWithContext(f.t.Context(), http.MethodPost, f.address("/callbacks/alipay/"+m.address),
		strings.NewReader(form.Encode()))
	if err == nil {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded; charset=utf-8")
	}
	return req, err
}

func (alipayTongue) naming() bool { return false }

func (alipayTongue) addressed() bool { return true }

func (alipayTongue) acknowledged(_ int, body string) bool { return body == "success" }

// A code that nobody has scanned can be paid until it has expired, and Alipay knows nothing of it: the units are not put
// back on sale before.
func TestCodeThatNobodyScans(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name, want string
		cancel     bool
		scan       bool
	}{
		{"expires", closed, false, false},
		{"and that the buyer cancels expires all the same", closed, true, false},
		{"until somebody does", paid, false, true},
		{"although the buyer has cancelled", paid, true, true},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			o := openAt(t, alipayTongue{nobodyScans: true}, quick)
			id, number := o.order()
			if row.cancel {
				if status, _ := o.post("/orders/"+id+"/cancel", nil); status != http.StatusAccepted {
					t.Errorf("cancel: %d, want 202", status)
				}
			}
			asked := o.channel.called(opList)
			eventually(t, "asked in vain", func() bool { return o.channel.called(opList) > asked+1 })
			o.wantState(id, pending)
			var expires time.Time
			if row.scan {
				o.channel.take(number, 0) // and the message is lost
			} else {
				expires = time.Now().Add(time.Second).Truncate(time.Millisecond)
				o.expireCode(id, number, expires)
				o.expire(id)
			}
			o.becomes(id, row.want)
			if early := time.Until(expires.Add(expiryMargin)); row.want == closed && early > 0 {
				t.Errorf("closed %v too early", early)
			}
			o.settles()
			o.audit("phone-x", stock)
		})
	}
}

// expireCode has a code that is not scanned expire at a moment, in the books and at Alipay.
func (o *outlet) expireCode(id, number string, at time.Time) {
	o.t.Helper()
	o.channel.mu.Lock()
	o.channel.charge(number).expires = at.UnixMilli()
	o.channel.mu.Unlock()
	o.change(id, `UPDATE payments SET expires_at = ? WHERE id = ?`, at.UnixMilli(), number)
}

// A code whose answers were all lost until it had expired is there all the same, and may have been paid.
func TestCodeThatIsMadeUnheard(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name, want string
		paid       bool
	}{{"and paid", paid, true}, {"and not paid", closed, false}} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			o := openAt(t, alipayTongue{}, quick, curt, settings{"ORDER_EXPIRY": "2s"}) // Alipay's times have no fractions of a second
			o.channel.goesWrong(func(op string, _ int) fault { return fault{lose: op == opCreate} })
			_, answer := o.post("/orders", map[string]any{"sku": "phone-x", "quantity": 1, "buyer": 7})
			id := answer["id"].(string)
			if row.paid {
				o.channel.take(attemptKey(id, 1), 0)
			}
			if sleep(t.Context(), 2*time.Second) {
				o.channel.goesWrong(nil)
			}
			o.becomes(id, row.want)
			o.settles()
			o.audit("phone-x", stock)
		})
	}
}

func TestYuan(t *testing.T) {
	for text, want := range map[string]int64{
		"0.01": 1, "88": 8800, "88.8": 8880, "88.88": 8888, "100000000.00": 1e10, "88.": 8800,
		"": -1, ".5": -1, "1.234": -1, "-1": -1, "1e3": -1, "1,000.00": -1, "0.0x": -1, "99999999999999999999": -1,
	} {
		got, err := fromYuan(text)
		if err != nil {
			got = -1
		}
		if got != want {
			t.Errorf("%q is %d, want %d", text, got, want)
		}
	}
	if got := inYuan(8808); got != "88.08" {
		t.Errorf("8808 is %q", got)
	}
}
