package door

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"slices"
	"strings"
	"sync"
	"time"
)

// validity is how long its certificates are: longer than a channel is left running, short enough for the strictest client.
const validity = 365 * 24 * time.Hour

// authority certifies the hosts that the door stands for, each when it is first asked for.
type authority struct {
	hosts []string
	now   time.Time
	key   *ecdsa.PrivateKey
	root  *x509.Certificate
	pem   []byte

	mutex  sync.Mutex
	leaves map[string]*tls.Certificate
}

// newAuthority makes one that can certify these hosts and loopback names, and nothing else: whoever trusts it trusts it
// with no more than that.
func newAuthority(hosts []string, now time.Time) (*authority, error) {
	a := &authority{hosts: hosts, now: now, leaves: map[string]*tls.Certificate{}}
	var err error
	if a.key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
		return nil, fmt.Errorf("make the key of the channel's certificate authority: %w", err)
	}
	template := a.template("Paystorm mock channel, of one run only")
	template.IsCA, template.BasicConstraintsValid, template.MaxPathLenZero = true, true, true
	template.KeyUsage = x509.KeyUsageCertSign
	template.PermittedDNSDomainsCritical = true
	template.PermittedDNSDomains = append([]string{"localhost"}, hosts...)
	template.PermittedIPRanges = []*net.IPNet{
		{IP: net.IPv4(127, 0, 0, 0).To4(), Mask: net.CIDRMask(8, 32)}, {IP: net.IPv6loopback, Mask: net.CIDRMask(128, 128)},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &a.key.PublicKey, a.key)
	if err != nil {
		return nil, fmt.Errorf("make the channel's certificate authority: %w", err)
	}
	if a.root, err = x509.ParseCertificate(der); err != nil {
		return nil, fmt.Errorf("make the channel's certificate authority: %w", err)
	}
	a.pem = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	return a, nil
}

// certificate is what a client gets that asks for a host by name. One that asks by address, and so names none, gets that
// of this machine.
func (a *authority) certificate(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	name := strings.ToLower(hello.ServerName)
	if name == "" {
		name = "localhost"
	}
	if name != "localhost" && !slices.ContainsFunc(a.hosts, func(host string) bool { return strings.EqualFold(host, name) }) {
		return nil, fmt.Errorf("the mock channel does not stand for %q", name)
	}
	a.mutex.Lock()
	defer a.mutex.Unlock()
	if leaf, known := a.leaves[name]; known {
		return leaf, nil
	}
	leaf, err := a.issue(name)
	if err != nil {
		return nil, fmt.Errorf("certify %s: %w", name, err)
	}
	a.leaves[name] = leaf
	return leaf, nil
}

func (a *authority) issue(name string) (*tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	template := a.template(name)
	template.DNSNames = []string{name}
	if name == "localhost" {
		template.IPAddresses = []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback}
	}
	template.KeyUsage = x509.KeyUsageDigitalSignature
	template.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	der, err := x509.CreateCertificate(rand.Reader, template, a.root, &key.PublicKey, a.key)
	if err != nil {
		return nil, err
	}
	return &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, nil
}

func (a *authority) template(name string) *x509.Certificate {
	number := make([]byte, 16)
	_, _ = rand.Read(number) // never fails: crypto/rand ends the program first
	return &x509.Certificate{
		SerialNumber: new(big.Int).SetBytes(number),
		Subject:      pkix.Name{Organization: []string{"Paystorm"}, CommonName: name},
		NotBefore:    a.now.Add(-time.Hour),
		NotAfter:     a.now.Add(validity),
	}
}
