package flashshop

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"golang.org/x/net/http/httpproxy"
)

// provider is a payment provider, in the shop's own words: the rest of the shop knows no other. Each call is tried once;
// what to make of no answer is the caller's matter.
type provider interface {
	// create asks for the payment of a draft. The same key and draft again is the same payment.
	create(ctx context.Context, key string, d draft) (payment, error)
	// payments tells the payments of an order as the provider has them. known are those that the shop has heard of.
	payments(ctx context.Context, order string, known []payment) ([]payment, error)
	// close makes a payment unpayable, and tells it as it is then: it may be too late for that, or too early.
	close(ctx context.Context, p payment) (payment, error)
	// refund asks for a refund; the same number again is no second one.
	refund(ctx context.Context, number string, p payment, minor int64, reason string) (refund, error)
	// refundState tells how a refund stands.
	refundState(ctx context.Context, number string, p payment) (refund, error)
	// bills are those that the provider has of the last days, whole: what moved since now may be missing in them.
	bills(ctx context.Context, now time.Time) ([]bill, error)

	// authentic reads a callback, and lets pass only what the provider has signed and addressed to this merchant.
	authentic(r *http.Request, body []byte) (notification, error)
	// acknowledge and refuse answer a callback in the provider's words.
	acknowledge(w http.ResponseWriter)
	refuse(w http.ResponseWriter, no denied)
}

// providers says how to make each provider from its part of the environment.
func providers() map[string]func(*variables, config, *http.Client) provider {
	return map[string]func(*variables, config, *http.Client) provider{
		"standard":  newStandard,
		"stripe":    newStripe,
		"alipay":    newAlipay,
		"wechatpay": newWechatPay,
	}
}

// draft is a payment that is to be created, as the attempt's key is bound to it.
type draft struct {
	Order       string `json:"order"`
	Ref         string `json:"ref"` // the client's
	AmountMinor int64  `json:"amount_minor"`
	Currency    string `json:"currency"`
	NotifyURL   string `json:"notify_url"`
	ExpiresAt   int64  `json:"expires_at"` // when the order does, Unix ms
}

// payment is a payment as the provider tells it.
type payment struct {
	ID            string // what the shop and the provider both call it: the provider's number, or the shop's where that rules
	TradeNo       string // the provider's own number: the ID, or "" until it has one beside the shop's
	Order         string
	AmountMinor   int64
	CapturedMinor int64
	Currency      string
	State         string
	PayURL        string // what the buyer is handed to pay, if not the ID
	ExpiresAt     int64  // from when on the provider lets nobody pay it, Unix ms; 0 if it does not say
}

// The states of a payment. Those but the last two may still succeed.
const (
	paymentUnbegun   = "unbegun" // the provider knows nothing of it; told by close alone, and final once it has expired
	paymentPending   = "pending"
	paymentFailed    = "failed"
	paymentClosed    = "closed"
	paymentSucceeded = "succeeded"
)

// refund is a refund as the provider tells it.
type refund struct {
	Number      string // the shop's, or the provider's for one that it has started by itself
	AmountMinor int64  // 0 if the provider did not say
	State       string // "" if a query must tell
}

// The states of a refund.
const (
	refundPending   = "pending"
	refundSucceeded = "succeeded"
	refundFailed    = "failed"
)

// notification is what an authentic callback says.
type notification struct {
	ID      string  // constant over re-deliveries
	Type    string  // in the provider's words
	Order   string  // "" where the provider does not know it; the payment's number tells it then
	Payment payment // its State is "" if that has not changed
	Refund  *refund // of a message about a refund or a dispute
	// Disputed says that it is no refund: the payer's bank has taken the money.
	Disputed bool
}

// refusal is a definite no of the provider. Any other error of a call leaves it unknown whether the call took effect.
type refusal struct {
	means error // one of those below, or nil if it means none of them
	Code  string
	Text  string
}

// What a refusal can mean to the shop.
var (
	errFinal         = errors.New("asking the same again cannot help")
	errUnknownRefund = errors.New("there is no such refund")
	errUnrefundable  = errors.New("this refund will never be made")
	errUnanswered    = errors.New("this refund is not known, and asking for it again under its number gets no other answer")
)

func (r *refusal) Error() string { return fmt.Sprintf("the provider refused: %s (%s)", r.Code, r.Text) }
func (r *refusal) Unwrap() error { return r.means }

// connect makes the provider that the environment asks for, and the client that it speaks through.
func connect(v *variables, c config) (provider, *http.Client) {
	proxy := (&httpproxy.Config{
		HTTPProxy: v.env("HTTP_PROXY"), HTTPSProxy: v.env("HTTPS_PROXY"), NoProxy: v.env("NO_PROXY"),
	}).ProxyFunc()
	client := &http.Client{Timeout: c.channelTimeout, Transport: &http.Transport{
		MaxIdleConnsPerHost: 64, IdleConnTimeout: 30 * time.Second,
		Proxy:           func(r *http.Request) (*url.URL, error) { return proxy(r.URL) },
		TLSClientConfig: &tls.Config{RootCAs: c.roots, MinVersion: tls.VersionTLS12},
	}}
	open, ok := providers()[c.provider]
	if !ok {
		v.wrong("PROVIDER", fmt.Errorf("there is no provider %q", c.provider))
		return nil, client
	}
	return open(v, c, client), client
}
