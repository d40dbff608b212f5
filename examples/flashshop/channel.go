package flashshop

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"
)

// payment is a payment as the channel tells it.
type payment struct {
	ID            string `json:"id"`
	Order         string `json:"order"`
	AmountMinor   int64  `json:"amount_minor"`
	CapturedMinor int64  `json:"captured_minor"`
	Currency      string `json:"currency"`
	State         string `json:"state"`
	PayURL        string `json:"pay_url"`
}

// The channel's words for the state of a payment. Those but the last two may still succeed.
const (
	paymentPending   = "pending"
	paymentFailed    = "failed"
	paymentClosed    = "closed"
	paymentSucceeded = "succeeded"
)

// refund is a refund as the channel tells it: pending, succeeded or failed.
type refund struct {
	ID          string `json:"id"`
	RefundNo    string `json:"refund_no"`
	AmountMinor int64  `json:"amount_minor"`
	State       string `json:"state"`
}

// refusal is a definite no of the channel. Any other error of a call leaves it unknown whether the call took effect.
type refusal struct {
	Status int    `json:"-"`
	Code   string `json:"code"`
	Text   string `json:"message"`
}

func (r *refusal) Error() string { return fmt.Sprintf("channel refused: %s (%s)", r.Code, r.Text) }

// refusedWith says whether err is the channel's refusal with that code.
func refusedWith(err error, code string) bool {
	var no *refusal
	return errors.As(err, &no) && no.Code == code
}

// final says whether asking the same again cannot help.
func final(err error) bool {
	var no *refusal
	if !errors.As(err, &no) || no.Code == "idempotency_in_use" {
		return false
	}
	switch no.Status {
	case http.StatusBadRequest, http.StatusNotFound, http.StatusConflict, http.StatusUnprocessableEntity:
		return true
	}
	return false
}

// channel speaks the payment channel's API. Each call is tried once; what to make of no answer is the caller's matter.
type channel struct {
	base    string
	key     string
	timeout time.Duration
	http    *http.Client
}

func newChannel(c config) *channel {
	return &channel{
		base: c.channelURL, key: c.channelKey, timeout: c.channelTimeout,
		http: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64, IdleConnTimeout: 30 * time.Second}},
	}
}

// createPayment posts a stored body under the key it is bound to.
func (c *channel) createPayment(ctx context.Context, key, body string) (payment, error) {
	var made payment
	err := c.call(ctx, http.MethodPost, "/v1/payments", key, []byte(body), &made)
	return made, whole(err, made.ID, "create payment")
}

// payments lists what the channel has for an order.
func (c *channel) payments(ctx context.Context, order string) ([]payment, error) {
	var found struct {
		Payments *[]payment `json:"payments"`
	}
	if err := c.call(ctx, http.MethodGet, "/v1/payments?order="+url.QueryEscape(order), "", nil, &found); err != nil {
		return nil, fmt.Errorf("query payments: %w", err)
	}
	if found.Payments == nil {
		return nil, errors.New("query payments: the answer has none")
	}
	return *found.Payments, nil
}

// closePayment closes a payment. Where that is too late it tells the payment as it is.
func (c *channel) closePayment(ctx context.Context, id string) (payment, error) {
	var p payment
	err := c.call(ctx, http.MethodPost, "/v1/payments/"+url.PathEscape(id)+"/close", "", []byte("{}"), &p)
	if refusedWith(err, "payment_succeeded") {
		err = c.call(ctx, http.MethodGet, "/v1/payments/"+url.PathEscape(id), "", nil, &p)
	}
	return p, whole(err, p.ID, "close payment")
}

// createRefund asks for a refund; a repeat of the same number and amount is no second one.
func (c *channel) createRefund(ctx context.Context, number, payment, reason string, minor int64) (refund, error) {
	body, err := json.Marshal(map[string]any{
		"payment": payment, "refund_no": number, "amount_minor": minor, "reason": reason,
	})
	if err != nil {
		return refund{}, err
	}
	var made refund
	err = c.call(ctx, http.MethodPost, "/v1/refunds", number, body, &made)
	return made, whole(err, made.ID, "create refund")
}

// refund tells how a refund stands.
func (c *channel) refund(ctx context.Context, number string) (refund, error) {
	var found refund
	err := c.call(ctx, http.MethodGet, "/v1/refunds/"+url.PathEscape(number), "", nil, &found)
	return found, whole(err, found.ID, "query refund")
}

func whole(err error, id, doing string) error {
	if err == nil && id == "" {
		err = errors.New("the answer has no id")
	}
	if err != nil {
		return fmt.Errorf("%s: %w", doing, err)
	}
	return nil
}

func (c *channel) call(ctx context.Context, method, path, key string, body []byte, into any) error {
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, c.base+path, bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "Bearer "+c.key)
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if key != "" {
		req.Header.Set("Idempotency-Key", key)
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	if err != nil {
		return fmt.Errorf("read answer: %w", err)
	}
	if resp.StatusCode == http.StatusOK || resp.StatusCode == http.StatusCreated {
		if err := json.Unmarshal(answer, into); err != nil {
			return fmt.Errorf("decode answer: %w", err)
		}
		return nil
	}
	var told struct {
		Error *refusal `json:"error"`
	}
	if resp.StatusCode < 500 && json.Unmarshal(answer, &told) == nil && told.Error != nil && told.Error.Code != "" {
		told.Error.Status = resp.StatusCode
		return told.Error
	}
	return fmt.Errorf("channel answered %s", resp.Status)
}
