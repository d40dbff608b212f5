package flashshop

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

const (
	wechatHost   = "api.mch.weixin.qq.com"
	testMchID    = "1900000001"
	testAppID    = "wx0000000000000001"
	testAPIv3    = "0123456789abcdef0123456789abcdef"
	testPublicID = "PUB_KEY_ID_0001"
)

var wechatKey = sync.OnceValue(rsaKey)

// wechatHostCertificate is one for the provider's host, which signs itself.
var wechatHostCertificate = sync.OnceValue(func() tls.Certificate {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), DNSNames: []string{wechatHost}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		panic(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
})

// wechatTongue speaks as much of WeChat Pay's API v3 as the shop asks for, on its own host behind a proxy.
type wechatTongue struct {
	proxy *httptest.Server
	ca    string
	probe atomic.Bool // answers are signed as WeChat Pay does to see whether the merchant looks

	platform *wechatPlatform // what the shop verifies by; nil: the public key
}

func (*wechatTongue) name() string { return "wechatpay" }

func (s *wechatTongue) configure(f *fakeChannel, env map[string]string) {
	private, err := x509.MarshalPKCS8PrivateKey(appKey())
	if err != nil {
		f.t.Error(err)
	}
	public, err := x509.MarshalPKIXPublicKey(&wechatKey().PublicKey)
	if err != nil {
		f.t.Error(err)
	}
	env["PROVIDER"], env["HTTPS_PROXY"], env["CHANNEL_CA"] = "wechatpay", s.proxy.URL, s.ca
	env["MCHID"], env["APPID"], env["API_V3_KEY"] = testMchID, testAppID, testAPIv3
	env["MERCHANT_SERIAL_NO"] = "5157F09EFDC096DE15EBE81A47057A72"
	env["MERCHANT_PRIVATE_KEY"] = string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}))
	if s.platform == nil {
		env["PUBLIC_KEY_ID"], env["PUBLIC_KEY"] = testPublicID, string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: public}))
	}
}

func (s *wechatTongue) routes(f *fakeChannel, _ *http.ServeMux) {
	mux := http.NewServeMux()
	handle := func(pattern, op string, work func(r *http.Request, in wechatAsked, bad fault) (any, string)) {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			if !s.authorized(r, body) {
				f.t.Errorf("%s: unsigned", pattern)
			}
			var in wechatAsked
			_ = json.Unmarshal(body, &in)
			f.serve(w, r, op, func(bad fault) (func(), string) {
				told, code := work(r, in, bad)
				return func() { s.answer(w, told) }, code
			})
		})
	}
	handle("POST /v3/pay/transactions/native", opCreate, func(_ *http.Request, in wechatAsked, _ fault) (any, string) {
		order, _, _ := strings.Cut(in.OutTradeNo, "_")
		if in.NotifyURL != shopName+"/callbacks/wechatpay/"+order || len(in.OutTradeNo) > 32 || in.MchID != testMchID {
			return nil, "invalid_request"
		}
		p, code := f.create(in.OutTradeNo, fmt.Sprint(in), in.OutTradeNo,
			standardPayment{Order: order, AmountMinor: in.Amount.Total, Currency: in.Amount.Currency})
		return map[string]string{"code_url": "weixin://wxpay" + p.PayURL}, code
	})
	handle("GET /v3/pay/transactions/out-trade-no/{no}", opList, func(r *http.Request, _ wechatAsked, bad fault) (any, string) {
		p, code := f.query(r.PathValue("no"), bad)
		return wechatTransaction(p), code
	})
	handle("POST /v3/pay/transactions/out-trade-no/{no}/close", opClose, func(r *http.Request, _ wechatAsked, _ fault) (any, string) {
		_, code := f.close(r.PathValue("no"))
		return nil, code
	})
	handle("POST /v3/refund/domestic/refunds", opRefund, func(_ *http.Request, in wechatAsked, _ fault) (any, string) {
		if p, _ := f.query(in.OutTradeNo, fault{}); in.Amount.Total != p.CapturedMinor {
			return nil, "refund_exceeds_capture" // or another reason for INVALID_REQUEST
		}
		made, code := f.refund(in.OutRefundNo, in.OutTradeNo, in.Amount.Refund)
		return wechatRefundOf(made), code
	})
	handle("GET /v3/refund/domestic/refunds/{no}", opRefundQuery, func(r *http.Request, _ wechatAsked, bad fault) (any, string) {
		found, code := f.queryRefund(r.PathValue("no"), bad)
		return wechatRefundOf(found), code
	})
	if s.platform != nil {
		handle("GET /v3/certificates", opCertificates, func(*http.Request, wechatAsked, fault) (any, string) { return s.platform.list(), "" })
	}
	s.listen(f, mux)
}

// listen serves the provider's host by TLS, and a proxy through which it is reached.
func (s *wechatTongue) listen(f *fakeChannel, mux *http.ServeMux) {
	host := httptest.NewUnstartedServer(mux)
	host.TLS = &tls.Config{Certificates: []tls.Certificate{wechatHostCertificate()}, MinVersion: tls.VersionTLS12}
	host.StartTLS()
	f.t.Cleanup(host.Close)
	s.ca = filepath.Join(f.t.TempDir(), "ca.pem")
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: wechatHostCertificate().Certificate[0]})
	if err := os.WriteFile(s.ca, text, 0o600); err != nil {
		f.t.Fatal(err)
	}
	s.proxy = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodConnect || r.Host != wechatHost+":443" {
			f.t.Errorf("%s %s", r.Method, r.Host)
			return
		}
		there, err := (&net.Dialer{}).DialContext(r.Context(), "tcp", host.Listener.Addr().String())
		if err != nil {
			f.t.Error(err)
			return
		}
		here, _, err := http.NewResponseController(w).Hijack()
		if err == nil {
			_, err = io.WriteString(here, "HTTP/1.1 200 Connection established\r\n\r\n")
		}
		if err != nil {
			f.t.Error(err)
			return
		}
		var pipes sync.WaitGroup
		for _, ends := range [][2]net.Conn{{here, there}, {there, here}} {
			pipes.Go(func() {
				_, _ = io.Copy(ends[0], ends[1])
				_ = ends[0].Close()
			})
		}
		pipes.Wait()
	}))
	f.t.Cleanup(s.proxy.Close)
}

// wechatAsked is what the requests of the shop have, together.
type wechatAsked struct {
	MchID       string `json:"mchid"`
	OutTradeNo  string `json:"out_trade_no"`
	OutRefundNo string `json:"out_refund_no"`
	NotifyURL   string `json:"notify_url"`
	Amount      struct {
		Total    int64  `json:"total"`
		Refund   int64  `json:"refund"`
		Currency string `json:"currency"`
	} `json:"amount"`
}

var authorization = regexp.MustCompile(`^WECHATPAY2-SHA256-RSA2048 mchid="` + testMchID +
	`",nonce_str="([^"]+)",timestamp="([^"]+)",serial_no="[^"]+",signature="([^"]+)"$`)

func (s *wechatTongue) authorized(r *http.Request, body []byte) bool {
	found := authorization.FindStringSubmatch(r.Header.Get("Authorization"))
	return found != nil && (s.platform != nil || r.Header.Get("Wechatpay-Serial") == testPublicID) &&
		sign(appKey(), fmt.Appendf(nil, "%s\n%s\n%s\n%s\n%s\n", r.Method, r.URL.RequestURI(), found[2], found[1], body)) == found[3]
}

func (s *wechatTongue) answer(w http.ResponseWriter, told any) {
	var body []byte
	if told != nil {
		body, _ = json.Marshal(told)
	}
	s.sign(w.Header(), body, s.probe.Load(), testSecret)
	if told == nil {
		w.WriteHeader(http.StatusNoContent)
	}
	_, _ = w.Write(body)
}

// sign signs an answer or a message, right under the tests' own secret and wrong under another.
func (s *wechatTongue) sign(header http.Header, body []byte, probing bool, secret string) {
	now, nonce, key, serial := fmt.Sprint(time.Now().Unix()), "nonce", wechatKey(), testPublicID
	if s.platform != nil {
		key, serial = s.platform.newest()
	}
	if secret != testSecret {
		key = otherKey()
	}
	signature := sign(key, fmt.Appendf(nil, "%s\n%s\n%s\n", now, nonce, body))
	if probing {
		signature = probe + signature[len(probe):]
	}
	header.Set("Wechatpay-Timestamp", now)
	header.Set("Wechatpay-Nonce", nonce)
	header.Set("Wechatpay-Serial", serial)
	header.Set("Wechatpay-Signature", signature)
}

func wechatTransaction(p standardPayment) map[string]any {
	told := map[string]any{
		"mchid": testMchID, "appid": testAppID, "out_trade_no": p.ID, "trade_state": "NOTPAY",
		"amount": map[string]any{"total": p.AmountMinor, "currency": p.Currency},
	}
	switch p.State {
	case paymentSucceeded:
		told["trade_state"], told["transaction_id"] = "SUCCESS", "4200"+p.ID
		told["amount"] = map[string]any{"total": p.CapturedMinor, "currency": p.Currency}
	case paymentClosed:
		told["trade_state"] = "CLOSED"
	}
	return told
}

func wechatRefundOf(r standardRefund) map[string]any {
	return map[string]any{
		"refund_id": r.ID, "out_refund_no": r.RefundNo, "amount": map[string]any{"refund": r.AmountMinor},
		"status": map[string]string{"pending": "PROCESSING", "succeeded": "SUCCESS", "failed": "ABNORMAL"}[r.State],
	}
}

func (s *wechatTongue) fail(w http.ResponseWriter, _ *http.Request, status int, code string) {
	said := map[string]string{
		"payment_not_found": "ORDER_NOT_EXIST", "payment_succeeded": "ORDERPAID", "refund_not_found": "RESOURCE_NOT_EXISTS",
		"refund_exceeds_capture": "INVALID_REQUEST", "payment_not_succeeded": "INVALID_REQUEST",
		"idempotency_mismatch": "INVALID_REQUEST", "invalid_request": "PARAM_ERROR",
	}[code]
	switch {
	case said == "ORDERPAID" || said == "INVALID_REQUEST":
		status = http.StatusBadRequest
	case said == "" && status < 500:
		said = "PARAM_ERROR"
	case said == "":
		said = "SYSTEM_ERROR"
	}
	answer(w, status, map[string]string{"code": said, "message": code})
}

func (s *wechatTongue) callback(f *fakeChannel, m message) (*http.Request, error) {
	data := m.n.Data
	number := data.Payment
	f.mu.Lock()
	if c := f.charge(number); c != nil && c.Order != data.Order { // a message that names another order is of another number
		number = data.Order + "_1"
	}
	f.mu.Unlock()
	p := standardPayment{ID: number, AmountMinor: data.AmountMinor, CapturedMinor: data.AmountMinor, Currency: data.Currency}
	kind := "TRANSACTION.SUCCESS"
	if m.n.Type == "payment.succeeded" {
		p.State = paymentSucceeded
	}
	plain := wechatTransaction(p)
	if strings.HasPrefix(m.n.Type, "refund.") {
		kind, plain = "REFUND.SUCCESS", wechatRefundOf(data.Refund)
		plain["refund_status"], plain["mchid"], plain["out_trade_no"] = plain["status"], testMchID, number
	}
	if data.Merchant != testMerchant {
		plain["mchid"] = data.Merchant
	}
	secretText, err := json.Marshal(plain)
	if err != nil {
		return nil, err
	}
	resource, err := wechatSealed(secretText, "transaction")
	if err != nil {
		return nil, err
	}
	body, err := json.Marshal(map[string]any{
		"id": m.id, "event_type": kind, "resource_type": "encrypt-resource", "resource": resource,
	})
	if err != nil {
		return nil, err
	}
	req, err := http.NewRequestWithContext(f.t.Context(), http.MethodPost, f.address("/callbacks/wechatpay/"+m.address), bytes.NewReader(body))
	if err == nil && m.secret != "" {
		s.sign(req.Header, body, m.probe, m.secret)
	}
	return req, err
}

// wechatSealed is a text encrypted under the merchant's API v3 key, as messages and certificates have it.
func wechatSealed(text []byte, about string) (map[string]string, error) {
	block, err := aes.NewCipher([]byte(testAPIv3))
	if err != nil {
		return nil, err
	}
	seal, err := cipher.NewGCM(block)
	if err != nil {
		return nil, err
	}
	const nonce = "0123456789ab"
	return map[string]string{
		"algorithm": "AEAD_AES_256_GCM", "nonce": nonce, "associated_data": about,
		"ciphertext": base64.StdEncoding.EncodeToString(seal.Seal(nil, []byte(nonce), text, []byte(about))),
	}, nil
}

func (*wechatTongue) naming() bool { return false }

func (*wechatTongue) addressed() bool { return true }

func (*wechatTongue) acknowledged(status int, _ string) bool { return status == http.StatusNoContent }

func TestSignatureProbe(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name, defect string
		accepted     bool
	}{
		{"is refused", "", false},
		{"is accepted with D33", "D33", true},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			o := openAt(t, &wechatTongue{}, settings{"DEFECTS": row.defect})
			id, pay := o.order()
			m := o.channel.message("payment.succeeded", o.channel.take(pay, 0))
			m.probe = true
			if status := o.channel.deliver(m); (status == http.StatusNoContent) != row.accepted || status >= 600 {
				t.Errorf("answered %d", status)
			}
			o.wantState(id, pending) // a probe never pays
			m.probe = false          // the same message, signed well, is not taken for one that was seen
			if status := o.channel.deliverUntilTaken(m); status != http.StatusNoContent {
				t.Errorf("the true one: answered %d", status)
			}
			o.wantState(id, paid)
		})
	}
}

// An answer that is signed wrongly is no answer: the shop asks again under the same number.
func TestAnswersThatAreSignedWrongly(t *testing.T) {
	t.Parallel()
	speaks := &wechatTongue{}
	speaks.probe.Store(true)
	o := openAt(t, speaks, quick)
	status, answer := o.post("/orders", map[string]any{"sku": "phone-x", "quantity": 1, "buyer": 7})
	if status != http.StatusAccepted || answer["payment_id"] != "" {
		t.Errorf("POST /orders: %d %v", status, answer)
	}
	o.expire(answer["id"].(string))
	speaks.probe.Store(false)
	o.becomes(answer["id"].(string), closed)
	o.settles()
	o.audit("phone-x", stock)
	if made, _ := o.channel.made(); len(made) != 1 {
		t.Errorf("%d payments at the channel, want 1", len(made))
	}
}
