package alipay

import (
	"crypto/md5" // the provider's serial numbers of certificates
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"encoding/pem"
	"math/big"
	"time"
)

// certificates are those of certificate mode, by which either side names the key that it signs with.
type certificates struct {
	appSN, alipaySN, rootSN string
	alipayPEM               string
}

// certify makes a root and what it certifies: the provider's own key and the app's. The provider's key is the root's too,
// and serial numbers and dates follow from the keys, so that who keeps the keys keeps the certificates.
func (k *keys) certify(told map[string]string) error {
	root := certificate("Paystorm Mock Root", &k.alipay.PublicKey)
	root.IsCA, root.BasicConstraintsValid, root.KeyUsage = true, true, x509.KeyUsageCertSign|x509.KeyUsageDigitalSignature
	issue := func(name string, key *rsa.PublicKey) (text, sn string, err error) {
		template := root
		if name != "" {
			template = certificate(name, key)
		}
		der, err := x509.CreateCertificate(rand.Reader, template, root, key, k.alipay)
		if err != nil {
			return "", "", err
		}
		made, err := x509.ParseCertificate(der)
		if err != nil {
			return "", "", err
		}
		return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})), serialNumber(made), nil
	}
	var err error
	if told[credentialRootCert], k.rootSN, err = issue("", &k.alipay.PublicKey); err != nil {
		return err
	}
	if k.alipayPEM, k.alipaySN, err = issue("Paystorm Mock Channel", &k.alipay.PublicKey); err != nil {
		return err
	}
	told[credentialAlipayCert] = k.alipayPEM
	told[credentialAppCert], k.appSN, err = issue("App "+k.appID, k.app)
	return err
}

// certificate is the template of one, valid for longer than anybody tests.
func certificate(name string, key *rsa.PublicKey) *x509.Certificate {
	digest := sha256.Sum256(append([]byte(name), key.N.Bytes()...))
	return &x509.Certificate{
		SerialNumber: new(big.Int).SetBytes(digest[:15]),
		Subject: pkix.Name{
			Country: []string{"CN"}, Organization: []string{"Paystorm"}, OrganizationalUnit: []string{"Mock"}, CommonName: name,
		},
		NotBefore: time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC),
		NotAfter:  time.Date(2050, 1, 1, 0, 0, 0, 0, time.UTC),
		KeyUsage:  x509.KeyUsageDigitalSignature,
	}
}

// serialNumber is the provider's: MD5 of the issuer's name, most specific part first, and the serial number in decimal
// (alipay-sdk-nodejs-all, src/antcertutil.ts, getCertSN).
func serialNumber(certificate *x509.Certificate) string {
	sum := md5.Sum([]byte(certificate.Issuer.String() + certificate.SerialNumber.String()))
	return hex.EncodeToString(sum[:])
}
