package flashshop

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"math/big"
	"net/http"
	"sync"
	"testing"
	"time"
)

// wechatPlatform has the certificates that WeChat Pay signs under. It signs under the newest; the others are still good.
type wechatPlatform struct {
	t testing.TB

	mu   sync.Mutex
	keys []*rsa.PrivateKey
	pems [][]byte
}

func newWechatPlatform(t testing.TB) *wechatPlatform {
	t.Helper()
	p := &wechatPlatform{t: t}
	p.rotate(wechatKey())
	return p
}

// rotate has WeChat Pay sign under a new certificate of a key from now on.
func (p *wechatPlatform) rotate(key *rsa.PrivateKey) {
	p.t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.keys = append(p.keys, key)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(int64(len(p.keys))), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		p.t.Fatal(err)
	}
	p.pems = append(p.pems, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
}

func wechatSerial(nth int) string { return fmt.Sprintf("7132D72A03E93CDDF8C03BBD1F37EE%02X", nth) }

func (p *wechatPlatform) newest() (key *rsa.PrivateKey, serial string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.keys[len(p.keys)-1], wechatSerial(len(p.keys))
}

// list is the answer to who asks for the certificates.
func (p *wechatPlatform) list() any {
	p.mu.Lock()
	defer p.mu.Unlock()
	var data []map[string]any
	for index, text := range p.pems {
		sealed, err := wechatSealed(text, "certificate")
		if err != nil {
			p.t.Error(err)
		}
		data = append(data, map[string]any{
			"serial_no": wechatSerial(index + 1), "effective_time": time.Now().Add(-time.Hour).Format(time.RFC3339),
			"expire_time": time.Now().Add(time.Hour).Format(time.RFC3339), "encrypt_certificate": sealed,
		})
	}
	return map[string]any{"data": data}
}

// certified is a shop that verifies by platform certificates.
func certified(t *testing.T) (*outlet, *wechatPlatform) {
	t.Helper()
	platform := newWechatPlatform(t)
	return openAt(t, &wechatTongue{platform: platform}), platform
}

// downloads fails the test unless the shop has downloaded the certificates so many times. On a slow machine it may give a
// download up and make it again.
func (o *outlet) downloads(want int) {
	o.t.Helper()
	got := func() int {
		o.channel.mu.Lock()
		defer o.channel.mu.Unlock()
		return o.channel.answered[opCertificates]
	}
	eventually(o.t, "the certificates are downloaded", func() bool { return got() >= want })
	if got := got(); got != want {
		o.t.Errorf("the certificates were downloaded %d times, want %d", got, want)
	}
}

func TestMessageUnderTheCurrentCertificate(t *testing.T) {
	t.Parallel()
	o, _ := certified(t)
	o.paid()
	o.paid()
	o.downloads(1)
}

// A message under a serial number that is new makes the shop download the certificates again, and is taken.
func TestMessageUnderANewCertificate(t *testing.T) {
	t.Parallel()
	o, platform := certified(t)
	id, pay := o.order()
	first := o.channel.message("payment.succeeded", o.channel.take(pay, 0))
	old, err := o.channel.tongue.callback(o.channel, first)
	if err != nil {
		t.Fatal(err)
	}
	platform.rotate(rsaKey())
	if status := o.channel.deliverUntilTaken(first); status != http.StatusNoContent {
		t.Errorf("answered %d", status)
	}
	o.wantState(id, paid)
	o.downloads(2)
	resp, err := client.Do(old) // what was signed before is still good
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	if resp.StatusCode != http.StatusNoContent {
		t.Errorf("under the former certificate: answered %d", resp.StatusCode)
	}
	o.paid()
	o.downloads(2)
}

// A message that is signed with another key under a serial number that is known is refused, and needs no download; under a
// serial number that nobody has issued it is refused too.
func TestMessageThatNoCertificateSigns(t *testing.T) {
	t.Parallel()
	o, _ := certified(t)
	id, pay := o.order()
	good := o.channel.message("payment.succeeded", o.channel.take(pay, 0))
	spoilt := good
	spoilt.secret = "another"
	if status := o.channel.deliver(spoilt); status != http.StatusUnauthorized {
		t.Errorf("wrong signature: answered %d, want 401", status)
	}
	o.downloads(1)
	req, err := o.channel.tongue.callback(o.channel, good)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Wechatpay-Serial", wechatSerial(99))
	resp, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	if resp.StatusCode != http.StatusUnauthorized {
		t.Errorf("unknown serial number: answered %d, want 401", resp.StatusCode)
	}
	o.downloads(2)
	o.wantState(id, pending)
	if status := o.channel.deliverUntilTaken(good); status != http.StatusNoContent {
		t.Errorf("the true one: answered %d", status)
	}
	o.wantState(id, paid)
}
