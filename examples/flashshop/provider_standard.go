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
	"strings"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
)

// standard speaks Paystorm's own dialect, which is what most providers have in common.
type standard struct {
	config
	base     string
	key      string
	merchant string
	webhook  *standardwebhooks.Webhook
	http     *http.Client
}

func newStandard(env *variables, c config, client *http.Client) provider {
	webhook, err := standardwebhooks.NewWebhook(env.required("CALLBACK_SECRET"))
	if err != nil {
		env.wrong("CALLBACK_SECRET", err)
	}
	return &standard{
		config: c, base: strings.TrimSuffix(env.required("CHANNEL_URL"), "/"), key: env.required("CHANNEL_KEY"),
		merchant: env.required("MERCHANT"), webhook: webhook, http: client,
	}
}

// standardPayment is a payment on the wire.
type standardPayment struct {
	ID            string `json:"id"`
	Order         string `json:"order"`
	AmountMinor   int64  `json:"amount_minor"`
	CapturedMinor int64  `json:"captured_minor"`
	Currency      string `json:"currency"`
	State         string `json:"state"` // those of provider.go, and more that may still succeed
	PayURL        string `json:"pay_url"`
}

func (p standardPayment) payment() payment {
	return payment{
		ID: p.ID, TradeNo: p.ID, Order: p.Order, AmountMinor: p.AmountMinor, CapturedMinor: p.CapturedMinor, Currency: p.Currency,
		State: p.State, PayURL: p.PayURL,
	}
}

// standardRefund is a refund on the wire.
type standardRefund struct {
	ID          string `json:"id"`
	RefundNo    string `json:"refund_no"`
	AmountMinor int64  `json:"amount_minor"`
	State       string `json:"state"`
}

func (r standardRefund) refund() refund { return refund{r.RefundNo, r.AmountMinor, r.State} }

// standardMessage is a notification on the wire.
type standardMessage struct {
	Type string `json:"type"`
	Data struct {
		Payment     string         `json:"payment"`
		Merchant    string         `json:"merchant"`
		Order       string         `json:"order"`
		AmountMinor int64          `json:"amount_minor"`
		Currency    string         `json:"currency"`
		State       string         `json:"state"`
		Refund      standardRefund `json:"refund"`
	} `json:"data"`
}

func (c *standard) create(ctx context.Context, key string, d draft) (payment, error) {
	body, err := json.Marshal(map[string]any{
		"order": d.Order, "amount_minor": d.AmountMinor, "currency": d.Currency, "notify_url": d.NotifyURL,
		"metadata": map[string]string{"ref": d.Ref},
	})
	if err != nil {
		return payment{}, err
	}
	var made standardPayment
	err = c.call(ctx, http.MethodPost, "/v1/payments", key, body, &made)
	return made.payment(), whole(err, made.ID, "create payment")
}

func (c *standard) payments(ctx context.Context, order string, _ []payment) ([]payment, error) {
	var found struct {
		Payments *[]standardPayment `json:"payments"`
	}
	if err := c.call(ctx, http.MethodGet, "/v1/payments?order="+url.QueryEscape(order), "", nil, &found); err != nil {
		return nil, fmt.Errorf("query payments: %w", err)
	}
	if found.Payments == nil {
		return nil, errors.New("query payments: the answer has none")
	}
	list := make([]payment, 0, len(*found.Payments))
	for _, p := range *found.Payments {
		list = append(list, p.payment())
	}
	return list, nil
}

func (c *standard) close(ctx context.Context, p payment) (payment, error) {
	var told standardPayment
	err := c.call(ctx, http.MethodPost, "/v1/payments/"+url.PathEscape(p.ID)+"/close", "", []byte("{}"), &told)
	if refusedWith(err, "payment_succeeded") {
		err = c.call(ctx, http.MethodGet, "/v1/payments/"+url.PathEscape(p.ID), "", nil, &told)
	}
	return told.payment(), whole(err, told.ID, "close payment")
}

func (c *standard) refund(ctx context.Context, number string, p payment, minor int64, reason string) (refund, error) {
	body, err := json.Marshal(map[string]any{
		"payment": p.ID, "refund_no": number, "amount_minor": minor, "reason": reason,
	})
	if err != nil {
		return refund{}, err
	}
	var made standardRefund
	err = c.call(ctx, http.MethodPost, "/v1/refunds", number, body, &made)
	return made.refund(), whole(err, made.ID, "create refund")
}

func (c *standard) refundState(ctx context.Context, number string, _ payment) (refund, error) {
	var found standardRefund
	err := c.call(ctx, http.MethodGet, "/v1/refunds/"+url.PathEscape(number), "", nil, &found)
	return found.refund(), whole(err, found.ID, "query refund")
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

// refusedWith says whether err is a refusal with that code.
func refusedWith(err error, code string) bool {
	var no *refusal
	return errors.As(err, &no) && no.Code == code
}

func (c *standard) call(ctx context.Context, method, path, key string, body []byte, into any) error {
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
		Error struct {
			Code string `json:"code"`
			Text string `json:"message"`
		} `json:"error"`
	}
	if resp.StatusCode < 500 && json.Unmarshal(answer, &told) == nil && told.Error.Code != "" {
		return &refusal{meaning(resp.StatusCode, told.Error.Code), told.Error.Code, told.Error.Text}
	}
	return fmt.Errorf("the provider answered %s", resp.Status)
}

// meaning is what a refusal means to the shop.
func meaning(status int, code string) error {
	switch code {
	case "refund_not_found":
		return errUnknownRefund
	case "refund_exceeds_capture", "refund_mismatch":
		return errUnrefundable
	case "idempotency_in_use":
		return nil
	}
	switch status {
	case http.StatusBadRequest, http.StatusNotFound, http.StatusConflict, http.StatusUnprocessableEntity:
		return errFinal
	}
	return nil
}

func (c *standard) authentic(r *http.Request, body []byte) (n notification, err error) {
	unsigned := r.Header.Get(standardwebhooks.HeaderWebhookSignature) == ""
	if !unsigned || !c.defects.has("D09") {
		if err := c.webhook.Verify(body, r.Header); err != nil {
			return n, no(http.StatusUnauthorized, "BAD_SIGNATURE")
		}
	}
	var m standardMessage
	if err := json.Unmarshal(body, &m); err != nil || m.Data.Payment == "" {
		return n, no(http.StatusBadRequest, "UNREADABLE")
	}
	if m.Data.Merchant != c.merchant && !c.defects.has("D11") {
		return n, no(http.StatusUnprocessableEntity, "NOT_OURS")
	}
	n = notification{ID: r.Header.Get(standardwebhooks.HeaderWebhookID), Type: m.Type, Order: m.Data.Order}
	if n.ID == "" { // D09 alone gets here
		n.ID = n.Type + " " + m.Data.Payment
	}
	n.Payment = payment{
		ID: m.Data.Payment, TradeNo: m.Data.Payment, Order: m.Data.Order, AmountMinor: m.Data.AmountMinor, Currency: m.Data.Currency,
	}
	switch m.Type {
	case "payment.succeeded":
		n.Payment.State, n.Payment.CapturedMinor = paymentSucceeded, m.Data.AmountMinor
	case "payment.failed":
		n.Payment.State = paymentFailed
	case "payment.closed":
		n.Payment.State = paymentClosed
	case "refund.succeeded", "refund.failed":
		told := m.Data.Refund.refund()
		told.State = strings.TrimPrefix(m.Type, "refund.")
		n.Refund = &told
	}
	return n, nil
}

func (c *standard) acknowledge(w http.ResponseWriter) { w.WriteHeader(http.StatusNoContent) }

func (c *standard) refuse(w http.ResponseWriter, no denied) {
	answer(w, no.Status, map[string]string{"code": no.Code})
}
