package standard

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/paystorm/paystorm/history"
	"github.com/paystorm/paystorm/mockchannel"
)

type dialect struct{}

// New returns the dialect.
func New() mockchannel.Dialect { return dialect{} }

func (dialect) Name() string { return "standard" }

// Credentials are an API key and the secret that signs notifications.
func (dialect) Credentials() []string { return []string{"key", "secret"} }

// Issue takes both, or makes them.
func (dialect) Issue(id string, given map[string]string) (mockchannel.Merchant, error) {
	key, secret := given["key"], given["secret"]
	if key == "" {
		key = "sk_" + hex.EncodeToString(fresh())
	}
	if secret == "" {
		secret = secretPrefix + base64.StdEncoding.EncodeToString(fresh())
	}
	if _, err := decodeSecret(secret); err != nil {
		return mockchannel.Merchant{}, fmt.Errorf("secret: %w", err)
	}
	return mockchannel.Merchant{
		ID: id, APIKey: key, NotifySecret: secret, Told: map[string]string{"key": key, "secret": secret},
	}, nil
}

// fresh is a new key of 24 bytes, the least that Standard Webhooks allows.
func fresh() []byte {
	key := make([]byte, 24)
	_, _ = rand.Read(key) // never fails: crypto/rand ends the program first
	return key
}

// Traits: every kind of message, and every way of forging one.
func (dialect) Traits() mockchannel.Traits {
	return mockchannel.Traits{
		Notifies: []string{
			history.PaymentSucceeded, history.PaymentFailed, history.PaymentClosed, history.RefundSucceeded, history.RefundFailed,
		},
		Forgeries: []string{
			history.ForgeryNoSignature, history.ForgeryWrongKey, history.ForgeryOtherMerchant, history.ForgeryOtherOrder,
			history.ForgeryWrongAmount, history.ForgeryWrongCurrency,
		},
		TwinEvents: true,
	}
}

func (dialect) PayerHandler(channel *mockchannel.Channel) http.Handler { return channel.PayerHandler() }

// Acknowledged is true for any 2xx.
func (dialect) Acknowledged(status int, _ []byte) (ok bool, remark string) {
	return status >= 200 && status < 300, ""
}

// Retry is the schedule that the Standard Webhooks specification suggests.
func (dialect) Retry() []time.Duration {
	return []time.Duration{
		5 * time.Second, 5 * time.Minute, 30 * time.Minute, 2 * time.Hour, 5 * time.Hour, 10 * time.Hour, 14 * time.Hour,
		20 * time.Hour, 24 * time.Hour,
	}
}

// notification is the body of a notification.
type notification struct {
	Type      string           `json:"type"`
	Timestamp string           `json:"timestamp"`
	Data      notificationData `json:"data"`
}

type notificationData struct {
	Payment     string              `json:"payment"`
	Merchant    string              `json:"merchant"`
	Order       string              `json:"order"`
	AmountMinor int64               `json:"amount_minor"`
	Currency    string              `json:"currency"`
	State       mockchannel.State   `json:"state"`
	Version     int64               `json:"version"`
	Refund      *notificationRefund `json:"refund,omitempty"`
}

type notificationRefund struct {
	ID          string `json:"id"`
	RefundNo    string `json:"refund_no"`
	AmountMinor int64  `json:"amount_minor"`
	State       string `json:"state"`
}

// Encode signs a notification as of now. The body is the same at each delivery; the timestamp header and the signature
// are not.
func (dialect) Encode(message mockchannel.Message, now time.Time) (mockchannel.Envelope, error) {
	p := message.Payment
	content := notification{
		Type:      message.Type,
		Timestamp: message.At.UTC().Format(time.RFC3339Nano),
		Data: notificationData{
			Payment: p.ID, Merchant: p.Merchant, Order: p.Order, AmountMinor: p.Minor, Currency: p.Currency,
			State: p.State, Version: p.Version,
		},
	}
	if p.Captured > 0 {
		content.Data.AmountMinor = p.Captured
	}
	if r := message.Refund; r != nil {
		content.Data.Refund = &notificationRefund{ID: r.ID, RefundNo: numberOf(*r), AmountMinor: r.Minor, State: r.State}
	}
	body, err := json.Marshal(content)
	if err != nil {
		return mockchannel.Envelope{}, err
	}
	header := http.Header{}
	header.Set("Content-Type", "application/json")
	header.Set(headerID, message.ID)
	header.Set(headerTimestamp, strconv.FormatInt(now.Unix(), 10))
	if message.Forgery == history.ForgeryNoSignature {
		return mockchannel.Envelope{Method: http.MethodPost, Header: header, Body: body}, nil
	}
	key, err := decodeSecret(message.Merchant.NotifySecret)
	if err != nil {
		return mockchannel.Envelope{}, err
	}
	if message.Forgery == history.ForgeryWrongKey {
		key = append(key, "of somebody else"...)
	}
	header.Set(headerSignature, sign(key, message.ID, header.Get(headerTimestamp), body))
	return mockchannel.Envelope{Method: http.MethodPost, Header: header, Body: body}, nil
}
