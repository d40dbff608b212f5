package wechatpay

import (
	"crypto"
	"crypto/cipher"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/paystorm/paystorm/history"
)

// The headers of a signature by WeChat Pay.
const (
	headerTimestamp = "Wechatpay-Timestamp"
	headerNonce     = "Wechatpay-Nonce"
	headerSignature = "Wechatpay-Signature"
	headerSerial    = "Wechatpay-Serial"
	headerType      = "Wechatpay-Signature-Type"
)

const (
	scheme    = "WECHATPAY2-SHA256-RSA2048"
	probe     = "WECHATPAY/SIGNTEST/" // how a signature begins that is wrong on purpose
	tolerance = 5 * time.Minute       // between a timestamp and the reader's clock, either way
)

// authorization is what a merchant's request says of its signature.
type authorization struct {
	mchid, serial, timestamp, nonce string
	signature                       []byte
}

var (
	errAuthorization = errors.New("the header Authorization is missing or malformed")
	errTimestamp     = errors.New("the timestamp is more than five minutes away")
	errSignature     = errors.New("the signature does not match")
)

// parseAuthorization takes the members in any order, each once.
func parseAuthorization(header string) (authorization, error) {
	rest, found := strings.CutPrefix(header, scheme+" ")
	if !found {
		return authorization{}, errAuthorization
	}
	members := map[string]string{}
	for member := range strings.SplitSeq(rest, ",") {
		name, quoted, found := strings.Cut(strings.TrimSpace(member), "=")
		if _, twice := members[name]; !found || twice || len(quoted) < 2 || quoted[0] != '"' || quoted[len(quoted)-1] != '"' {
			return authorization{}, errAuthorization
		}
		members[name] = quoted[1 : len(quoted)-1]
	}
	signature, err := base64.StdEncoding.DecodeString(members["signature"])
	a := authorization{
		mchid: members["mchid"], serial: members["serial_no"], timestamp: members["timestamp"], nonce: members["nonce_str"],
		signature: signature,
	}
	if err != nil || len(members) != 5 || a.mchid == "" || a.serial == "" || a.timestamp == "" || a.nonce == "" || len(signature) == 0 {
		return authorization{}, errAuthorization
	}
	return a, nil
}

// requestBase is what a merchant signs. target is the path with its query.
func requestBase(method, target, timestamp, nonce string, body []byte) []byte {
	return base(body, method, target, timestamp, nonce)
}

// answerBase is what WeChat Pay signs, of an answer and of a notification.
func answerBase(timestamp, nonce string, body []byte) []byte { return base(body, timestamp, nonce) }

// base is one line for each part, the body last.
func base(body []byte, parts ...string) []byte {
	size := len(body) + 1
	for _, part := range parts {
		size += len(part) + 1
	}
	lines := make([]byte, 0, size)
	for _, part := range parts {
		lines = append(append(lines, part...), '\n')
	}
	return append(append(lines, body...), '\n')
}

// verify says whether the merchant has signed the request, just now.
func (a authorization) verify(key *rsa.PublicKey, method, target string, body []byte, now time.Time) error {
	seconds, err := strconv.ParseInt(a.timestamp, 10, 64)
	if err != nil {
		return errAuthorization
	}
	// Compared in seconds, because the distance of two times saturates.
	if at, near := now.Unix(), int64(tolerance/time.Second); seconds < at-near || seconds > at+near {
		return errTimestamp
	}
	digest := sha256.Sum256(requestBase(method, target, a.timestamp, a.nonce, body))
	if rsa.VerifyPKCS1v15(key, crypto.SHA256, digest[:], a.signature) != nil {
		return errSignature
	}
	return nil
}

func sign(key *rsa.PrivateKey, message []byte) (string, error) {
	digest := sha256.Sum256(message)
	signature, err := rsa.SignPKCS1v15(nil, key, crypto.SHA256, digest[:])
	return base64.StdEncoding.EncodeToString(signature), err
}

// signing is how something is to be signed.
type signing struct {
	publicKey bool      // with it, not with a platform certificate
	next      bool      // with the certificate that follows the one in force
	at        time.Time // wall clock
	forgery   string    // a signature of another key than it names, or a probe
}

// signed sets the headers of a body's signature, and says whether the next certificate has signed.
func (k *keys) signed(set func(name, value string), body []byte, how signing) (rotated bool, err error) {
	signer, rotated := k.signer(how.publicKey, how.next)
	timestamp, nonce := strconv.FormatInt(how.at.Unix(), 10), hex.EncodeToString(fresh(16))
	key := signer.key
	if how.forgery == history.ForgeryWrongKey {
		other, _ := k.signer(!how.publicKey, how.next)
		key = other.key
	}
	signature, err := sign(key, answerBase(timestamp, nonce, body))
	if err != nil {
		return false, err
	}
	if how.forgery == history.ForgeryProbe {
		signature = probe + signature[len(probe):]
	}
	set(headerTimestamp, timestamp)
	set(headerNonce, nonce)
	set(headerSignature, signature)
	set(headerSerial, signer.serial)
	set(headerType, scheme)
	return rotated, nil
}

// sealed is what only the merchant can read.
type sealed struct {
	OriginalType   string `json:"original_type,omitempty"`
	Algorithm      string `json:"algorithm"`
	Ciphertext     string `json:"ciphertext"`
	AssociatedData string `json:"associated_data"`
	Nonce          string `json:"nonce"`
}

// seal encrypts. The nonce depends on the text and on what it is for, so that the same thing sealed again has the same
// bytes, and no two things have the same nonce.
func seal(aead cipher.AEAD, text []byte, purpose, associated string) sealed {
	digest := sha256.Sum256(base(text, purpose, associated))
	nonce := base64.RawURLEncoding.EncodeToString(digest[:])[:aead.NonceSize()]
	return sealed{
		Algorithm: "AEAD_AES_256_GCM", Ciphertext: encrypt(aead, text, nonce, associated), AssociatedData: associated, Nonce: nonce,
	}
}

// encrypt is AEAD_AES_256_GCM: the ciphertext is followed by its tag.
func encrypt(aead cipher.AEAD, text []byte, nonce, associated string) string {
	return base64.StdEncoding.EncodeToString(aead.Seal(nil, []byte(nonce), text, []byte(associated)))
}
