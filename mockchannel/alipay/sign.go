package alipay

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"slices"
	"strings"
)

// Why a signature is not one.
var (
	ErrSignatureText = errors.New("the signature is no base64")
	ErrSignature     = errors.New("the signature is not of this key and text")
)

// pair is a parameter and its value, not escaped.
type pair struct{ key, value string }

// base is what is signed of parameters: those with a value, by key, joined as k=v with &, not escaped. without are left
// out: sign of a request (opendocs.alipay.com/common/02kf5q), sign and sign_type of a notification
// (opendocs.alipay.com/common/02mse7).
func base(parameters []pair, without ...string) string {
	sorted := slices.DeleteFunc(slices.Clone(parameters), func(p pair) bool {
		return p.value == "" || slices.Contains(without, p.key)
	})
	slices.SortFunc(sorted, func(a, b pair) int { return strings.Compare(a.key, b.key) })
	var text strings.Builder
	for i, p := range sorted {
		if i > 0 {
			text.WriteByte('&')
		}
		text.WriteString(p.key)
		text.WriteByte('=')
		text.WriteString(p.value)
	}
	return text.String()
}

// sign is RSA2: SHA-256 with RSA by PKCS #1 v1.5, in standard base64.
func sign(key *rsa.PrivateKey, text []byte) (string, error) {
	digest := sha256.Sum256(text)
	signature, err := rsa.SignPKCS1v15(rand.Reader, key, crypto.SHA256, digest[:])
	if err != nil {
		return "", err
	}
	return base64.StdEncoding.EncodeToString(signature), nil
}

// verify checks it.
func verify(key *rsa.PublicKey, text []byte, signature string) error {
	raw, err := base64.StdEncoding.DecodeString(signature)
	if err != nil {
		return ErrSignatureText
	}
	digest := sha256.Sum256(text)
	if rsa.VerifyPKCS1v15(key, crypto.SHA256, digest[:], raw) != nil {
		return ErrSignature
	}
	return nil
}
