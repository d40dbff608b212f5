package wechatpay_test

import (
	"crypto"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/paystorm/paystorm/dice"
	"github.com/paystorm/paystorm/history"
	"github.com/paystorm/paystorm/mockchannel"
	"github.com/paystorm/paystorm/mockchannel/wechatpay"
)

// issued is one merchant for all tests, since RSA keys take their time.
var issued = sync.OnceValues(func() (mockchannel.Merchant, error) {
	return wechatpay.New().Issue("m-1", nil)
})

// shop is a merchant and its channel. It reads what it is sent by means of its own, not by those of the dialect.
type shop struct {
	t        testing.TB
	channel  *mockchannel.Channel
	merchant mockchannel.Merchant
	key      *rsa.PrivateKey
	serial   string // that its requests ask for; "" asks for none
}

func newShop(t testing.TB, merchant mockchannel.Merchant, change ...func(*mockchannel.Config)) *shop {
	t.Helper()
	config := mockchannel.Config{
		Clock: history.StartClock(), Record: func(history.Event) uint64 { return 0 }, Dice: dice.New(1), Dialect: wechatpay.New(),
		Merchants: []mockchannel.Merchant{merchant},
	}
	for _, set := range change {
		set(&config)
	}
	parsed, err := x509.ParsePKCS8PrivateKey(decodePEM(t, merchant.Told["merchant_private_key"]))
	if err != nil {
		t.Fatal(err)
	}
	return &shop{t: t, channel: mockchannel.New(config), merchant: merchant, key: parsed.(*rsa.PrivateKey)}
}

func ordinaryShop(t testing.TB, change ...func(*mockchannel.Config)) *shop {
	t.Helper()
	merchant, err := issued()
	if err != nil {
		t.Fatal(err)
	}
	return newShop(t, merchant, change...)
}

func decodePEM(t testing.TB, text string) []byte {
	t.Helper()
	block, _ := pem.Decode([]byte(text))
	if block == nil {
		t.Fatalf("no PEM: %q", text)
	}
	return block.Bytes
}

func (s *shop) told(name string) string { return s.merchant.Told[name] }

// request is a signed request.
func (s *shop) request(method, target, body string) *http.Request {
	return s.signed(method, target, body, time.Now(), hex.EncodeToString(random(8)))
}

func (s *shop) signed(method, target, body string, at time.Time, nonce string) *http.Request {
	s.t.Helper()
	r := httptest.NewRequest(method, target, strings.NewReader(body))
	r.Header.Set("Authorization", s.authorization(method, target, body, at, nonce))
	r.Header.Set("Content-Type", "application/json")
	if s.serial != "" {
		r.Header.Set("Wechatpay-Serial", s.serial)
	}
	return r
}

// authorization is the header of a merchant's signature.
func (s *shop) authorization(method, target, body string, at time.Time, nonce string) string {
	s.t.Helper()
	digest := sha256.Sum256(fmt.Appendf(nil, "%s\n%s\n%d\n%s\n%s\n", method, target, at.Unix(), nonce, body))
	signature, err := rsa.SignPKCS1v15(rand.Reader, s.key, crypto.SHA256, digest[:])
	if err != nil {
		s.t.Fatal(err)
	}
	return fmt.Sprintf(`WECHATPAY2-SHA256-RSA2048 mchid="%s",nonce_str="%s",timestamp="%d",serial_no="%s",signature="%s"`,
		s.told("mchid"), nonce, at.Unix(), s.told("serial_no"), base64.StdEncoding.EncodeToString(signature))
}

func random(n int) []byte {
	bytes := make([]byte, n)
	_, _ = rand.Read(bytes)
	return bytes
}

// answer is what the channel answered.
type answer struct {
	status int
	header http.Header
	body   []byte

	members map[string]any
}

func (a answer) text(name string) string { text, _ := a.members[name].(string); return text }

func (s *shop) do(r *http.Request) answer {
	s.t.Helper()
	recorder := httptest.NewRecorder()
	s.channel.Handler().ServeHTTP(recorder, r)
	a := answer{status: recorder.Code, header: recorder.Result().Header, body: recorder.Body.Bytes()}
	if len(a.body) > 0 && a.body[0] == '{' {
		if err := json.Unmarshal(a.body, &a.members); err != nil {
			s.t.Errorf("answer %q: %v", a.body, err)
		}
	}
	return a
}

func (s *shop) get(target string) answer {
	s.t.Helper()
	return s.do(s.request(http.MethodGet, target, ""))
}

func (s *shop) post(target, body string) answer {
	s.t.Helper()
	return s.do(s.request(http.MethodPost, target, body))
}

// verify wants a signature of a key over a body.
func (s *shop) verify(key *rsa.PublicKey, header http.Header, body []byte) error {
	signature, err := base64.StdEncoding.DecodeString(header.Get("Wechatpay-Signature"))
	if err != nil {
		return err
	}
	digest := sha256.Sum256(fmt.Appendf(nil, "%s\n%s\n%s\n", header.Get("Wechatpay-Timestamp"), header.Get("Wechatpay-Nonce"), body))
	return rsa.VerifyPKCS1v15(key, crypto.SHA256, digest[:], signature)
}

func (s *shop) publicKey() *rsa.PublicKey {
	s.t.Helper()
	key, err := x509.ParsePKIXPublicKey(decodePEM(s.t, s.told("public_key")))
	if err != nil {
		s.t.Fatal(err)
	}
	return key.(*rsa.PublicKey)
}

func (s *shop) certificate() *x509.Certificate {
	s.t.Helper()
	certificate, err := x509.ParseCertificate(decodePEM(s.t, s.told("platform_cert")))
	if err != nil {
		s.t.Fatal(err)
	}
	return certificate
}

// open decrypts a resource with the API v3 key.
func (s *shop) open(resource map[string]any) []byte {
	s.t.Helper()
	block, err := aes.NewCipher([]byte(s.told("api_v3_key")))
	if err != nil {
		s.t.Fatal(err)
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		s.t.Fatal(err)
	}
	sealed, err := base64.StdEncoding.DecodeString(resource["ciphertext"].(string))
	if err != nil {
		s.t.Fatal(err)
	}
	text, err := aead.Open(nil, []byte(resource["nonce"].(string)), sealed, []byte(resource["associated_data"].(string)))
	if err != nil {
		s.t.Fatalf("decrypt %v: %v", resource, err)
	}
	return text
}

// order is the body of a create request; more replaces or adds members, and one that is nil is left out.
func (s *shop) order(number string, more map[string]any) string {
	s.t.Helper()
	members := map[string]any{
		"appid": s.told("appid"), "mchid": s.told("mchid"), "description": "a ticket", "out_trade_no": number,
		"notify_url": "http://127.0.0.1:1/paid", "amount": map[string]any{"total": 1000, "currency": "CNY"},
	}
	for name, value := range more {
		members[name] = value
		if value == nil {
			delete(members, name)
		}
	}
	return s.json(members)
}

func (s *shop) json(members map[string]any) string {
	s.t.Helper()
	text, err := json.Marshal(members)
	if err != nil {
		s.t.Fatal(err)
	}
	return string(text)
}

const native = "/v3/pay/transactions/native"

// create makes an order, and says how the buyer is to pay it.
func (s *shop) create(number string) string {
	s.t.Helper()
	a := s.post(native, s.order(number, nil))
	if a.status != http.StatusOK {
		s.t.Fatalf("create: %d %s", a.status, a.body)
	}
	return a.text("code_url")
}

// paid makes an order that is paid, and answers its transaction_id.
func (s *shop) paid(number string) string {
	s.t.Helper()
	s.create(number)
	p, _ := s.channel.FindByOrder(s.merchant.ID, number)
	if _, err := s.channel.Pay(p.ID, "", 0); err != nil {
		s.t.Fatal(err)
	}
	return p.ID
}

func (s *shop) query(number string) answer {
	s.t.Helper()
	return s.get("/v3/pay/transactions/out-trade-no/" + number + "?mchid=" + s.told("mchid"))
}

func (s *shop) close(number string) answer {
	s.t.Helper()
	return s.post("/v3/pay/transactions/out-trade-no/"+number+"/close", s.json(map[string]any{"mchid": s.told("mchid")}))
}

const refunds = "/v3/refund/domestic/refunds"

func (s *shop) refund(order, number string, fen, total int64) answer {
	s.t.Helper()
	return s.post(refunds, s.json(map[string]any{
		"out_trade_no": order, "out_refund_no": number,
		"amount": map[string]any{"refund": fen, "total": total, "currency": "CNY"},
	}))
}
