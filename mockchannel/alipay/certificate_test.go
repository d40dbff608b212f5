package alipay_test

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/md5"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"testing"
)

func parsed(t *testing.T, text string) *x509.Certificate {
	t.Helper()
	block, _ := pem.Decode([]byte(text))
	certificate, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	return certificate
}

func serialOf(t *testing.T, text string) string {
	t.Helper()
	certificate := parsed(t, text)
	sum := md5.Sum([]byte(certificate.Issuer.String() + certificate.SerialNumber.String()))
	return hex.EncodeToString(sum[:])
}

// TestChain: what is told verifies, as an SDK that looks would do it.
func TestChain(t *testing.T) {
	roots := x509.NewCertPool()
	roots.AddCert(parsed(t, told()["alipay_root_cert"]))
	for _, name := range []string{"app_cert", "alipay_cert"} {
		options := x509.VerifyOptions{Roots: roots, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny}}
		if _, err := parsed(t, told()[name]).Verify(options); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	der, err := x509.MarshalPKIXPublicKey(parsed(t, told()["alipay_cert"]).PublicKey)
	if err != nil || base64.StdEncoding.EncodeToString(der) != told()["alipay_public_key"] {
		t.Errorf("the certificate is of another key: %v", err)
	}
}

func unbase64(t *testing.T, text string) string {
	t.Helper()
	raw, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

func block(t *testing.T) cipher.Block {
	t.Helper()
	block, err := aes.NewCipher([]byte(unbase64(t, told()["aes_key"])))
	if err != nil {
		t.Fatal(err)
	}
	return block
}

func ciphered(t *testing.T, plain string) string {
	t.Helper()
	padding := 16 - len(plain)%16
	text := append([]byte(plain), bytes.Repeat([]byte{byte(padding)}, padding)...)
	cipher.NewCBCEncrypter(block(t), make([]byte, 16)).CryptBlocks(text, text)
	return base64.StdEncoding.EncodeToString(text)
}

func deciphered(t *testing.T, text string) string {
	t.Helper()
	plain := []byte(unbase64(t, text))
	cipher.NewCBCDecrypter(block(t), make([]byte, 16)).CryptBlocks(plain, plain)
	return string(plain[:len(plain)-int(plain[len(plain)-1])])
}
