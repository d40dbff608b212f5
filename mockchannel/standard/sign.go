package standard

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// The headers of Standard Webhooks.
const (
	headerID        = "Webhook-Id"
	headerTimestamp = "Webhook-Timestamp"
	headerSignature = "Webhook-Signature"
)

const (
	secretPrefix    = "whsec_"
	signatureScheme = "v1"
	tolerance       = 5 * time.Minute // between a timestamp and the reader's clock, either way
)

// Why a notification is not to be believed.
var (
	ErrSecret    = errors.New("the secret is not whsec_ and base64")
	ErrHeaders   = errors.New("a webhook header is missing or malformed")
	ErrTimestamp = errors.New("the timestamp is more than five minutes away")
	ErrSignature = errors.New("no signature matches")
)

// Verify says whether a notification is authentic, as Standard Webhooks has it: one of the space-separated signatures
// is the base64 HMAC-SHA256 of "id.timestamp.body" under the secret, and the timestamp is near now.
func Verify(secret string, header http.Header, body []byte, now time.Time) error {
	key, err := decodeSecret(secret)
	if err != nil {
		return err
	}
	id, timestamp, signatures := header.Get(headerID), header.Get(headerTimestamp), header.Get(headerSignature)
	seconds, err := strconv.ParseInt(timestamp, 10, 64)
	if id == "" || signatures == "" || err != nil {
		return ErrHeaders
	}
	// Compared in seconds, because the distance of two times saturates.
	if at, near := now.Unix(), int64(tolerance/time.Second); seconds < at-near || seconds > at+near {
		return ErrTimestamp
	}
	want := []byte(sign(key, id, timestamp, body))
	for signature := range strings.FieldsSeq(signatures) {
		if hmac.Equal([]byte(signature), want) {
			return nil
		}
	}
	return ErrSignature
}

// sign is "v1,<base64>".
func sign(key []byte, id, timestamp string, body []byte) string {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(id + "." + timestamp + "."))
	mac.Write(body)
	return signatureScheme + "," + base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

func decodeSecret(secret string) ([]byte, error) {
	encoded, prefixed := strings.CutPrefix(secret, secretPrefix)
	key, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrSecret, err)
	}
	if !prefixed || len(key) == 0 {
		return nil, ErrSecret
	}
	return key, nil
}
