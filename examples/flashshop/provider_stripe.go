package flashshop

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/stripe/stripe-go/v85"
	"github.com/stripe/stripe-go/v85/webhook"
)

// stripeShop is paid by PaymentIntents. An order and an attempt are found again by the metadata of its objects.
type stripeShop struct {
	config
	client  *stripe.Client
	files   *http.Client // for files, which the library only uploads
	key     string
	account string
	secret  string
}

// newStripe takes the library without its own retries: the shop repeats by itself, and within its own patience.
func newStripe(v *variables, c config, client *http.Client) provider {
	return &stripeShop{
		config: c,
		client: stripe.NewClient(v.env("CHANNEL_KEY"), stripe.WithBackends(stripe.NewBackendsWithConfig(&stripe.BackendConfig{
			URL: stripe.String(v.url("CHANNEL_URL")), HTTPClient: client, MaxNetworkRetries: stripe.Int64(0),
			EnableTelemetry: stripe.Bool(false), LeveledLogger: &stripe.LeveledLogger{Level: stripe.LevelNull},
		}))),
		files: client, key: v.required("CHANNEL_KEY"), account: v.required("MERCHANT"), secret: v.required("CALLBACK_SECRET"),
	}
}

func (s *stripeShop) create(ctx context.Context, key string, d draft) (payment, error) {
	params := &stripe.PaymentIntentCreateParams{
		Amount: stripe.Int64(d.AmountMinor), Currency: stripe.String(strings.ToLower(d.Currency)),
		Metadata: map[string]string{"order": d.Order, "ref": d.Ref, "attempt": key},
	}
	params.SetIdempotencyKey(key)
	made, err := s.client.V1PaymentIntents.Create(ctx, params)
	if kept(err) {
		made, err = s.madeBy(ctx, key, d)
	}
	if err != nil {
		return payment{}, fmt.Errorf("create payment intent: %w", stripeRefusal(err, errFinal))
	}
	return intent(made), nil
}

// kept says whether Stripe has kept an error of its own under an idempotency key: the same key will never get another
// answer, and whether the object was made must be looked up.
// https://docs.stripe.com/error-low-level#idempotency
func kept(err error) bool {
	var e *stripe.Error
	return errors.As(err, &e) && e.HTTPStatusCode >= 500 && e.LastResponse != nil &&
		e.LastResponse.Header.Get("Idempotent-Replayed") == "true"
}

// madeBy looks for the payment intent of an attempt among the newest.
func (s *stripeShop) madeBy(ctx context.Context, key string, d draft) (*stripe.PaymentIntent, error) {
	since := time.UnixMilli(d.ExpiresAt).Add(-s.expiry - time.Minute)
	list := s.client.V1PaymentIntents.List(ctx, &stripe.PaymentIntentListParams{
		ListParams: stripe.ListParams{Limit: stripe.Int64(100)}, CreatedRange: &stripe.RangeQueryParams{GreaterThanOrEqual: since.Unix()},
	})
	for made, err := range list.All(ctx) {
		if err != nil {
			return nil, err
		}
		if made.Metadata["attempt"] == key {
			return made, nil
		}
	}
	return nil, &refusal{errFinal, "not_made", "the attempt has failed, and its key is used up"}
}

func (s *stripeShop) payments(ctx context.Context, _ string, known []payment) (list []payment, err error) {
	for _, p := range known {
		if p.State == paymentSucceeded {
			continue
		}
		found, err := s.client.V1PaymentIntents.Retrieve(ctx, p.ID, nil)
		if stripeCode(err) == stripe.ErrorCodeResourceMissing {
			continue // it was there before
		}
		if err != nil {
			return nil, fmt.Errorf("retrieve payment intent: %w", stripeRefusal(err, nil))
		}
		list = append(list, intent(found))
	}
	return list, nil
}

func (s *stripeShop) close(ctx context.Context, p payment) (payment, error) {
	told, err := s.client.V1PaymentIntents.Cancel(ctx, p.ID, nil)
	if stripeCode(err) == stripe.ErrorCodePaymentIntentUnexpectedState {
		told, err = s.client.V1PaymentIntents.Retrieve(ctx, p.ID, nil)
	}
	if err != nil {
		return payment{}, fmt.Errorf("cancel payment intent: %w", stripeRefusal(err, nil))
	}
	return intent(told), nil
}

func (s *stripeShop) refund(ctx context.Context, number string, p payment, minor int64, reason string) (refund, error) {
	params := &stripe.RefundCreateParams{
		PaymentIntent: stripe.String(p.ID), Amount: stripe.Int64(minor),
		Metadata: map[string]string{"refund_no": number, "order": p.Order, "reason": reason},
	}
	params.SetIdempotencyKey(number)
	made, err := s.client.V1Refunds.Create(ctx, params)
	if kept(err) {
		told, err := s.refundState(ctx, number, p)
		if errors.Is(err, errUnknownRefund) { // it was not made, or the list lags
			err = errors.Join(errUnanswered, err)
		}
		return told, err
	}
	if err != nil {
		return refund{}, fmt.Errorf("create refund: %w", stripeRefusal(err, errUnrefundable))
	}
	return stripeRefund(made), nil
}

func (s *stripeShop) refundState(ctx context.Context, number string, p payment) (refund, error) {
	list := s.client.V1Refunds.List(ctx, &stripe.RefundListParams{PaymentIntent: stripe.String(p.ID)})
	for found, err := range list.All(ctx) {
		if err != nil {
			return refund{}, fmt.Errorf("list refunds: %w", stripeRefusal(err, nil))
		}
		if told := stripeRefund(found); told.Number == number {
			return told, nil
		}
	}
	return refund{}, &refusal{errUnknownRefund, "no_refund", p.ID + " has no refund " + number}
}

func intent(p *stripe.PaymentIntent) payment {
	told := payment{
		ID: p.ID, TradeNo: p.ID, Order: p.Metadata["order"], AmountMinor: p.Amount, CapturedMinor: p.AmountReceived,
		Currency: strings.ToUpper(string(p.Currency)), State: paymentPending,
	}
	switch {
	case p.Status == stripe.PaymentIntentStatusSucceeded:
		told.State = paymentSucceeded
	case p.Status == stripe.PaymentIntentStatusCanceled:
		told.State = paymentClosed
	case p.LastPaymentError != nil:
		told.State = paymentFailed
	}
	return told
}

// stripeRefund is a refund by the shop's number for it, or by Stripe's where Stripe or a person at its dashboard made it.
func stripeRefund(r *stripe.Refund) refund {
	told := refund{Number: r.Metadata["refund_no"], AmountMinor: r.Amount, State: refundPending}
	if told.Number == "" {
		told.Number = r.ID
	}
	switch r.Status {
	case stripe.RefundStatusSucceeded:
		told.State = refundSucceeded
	case stripe.RefundStatusFailed, stripe.RefundStatusCanceled:
		told.State = refundFailed
	default:
	}
	return told
}

func stripeCode(err error) stripe.ErrorCode {
	var e *stripe.Error
	if errors.As(err, &e) {
		return e.Code
	}
	return ""
}

// stripeRefusal makes of an error a refusal, if it is a definite no to what was asked; means is what that no means.
func stripeRefusal(err, means error) error {
	var e *stripe.Error
	if errors.As(err, &e) {
		switch e.HTTPStatusCode {
		case http.StatusBadRequest, http.StatusPaymentRequired, http.StatusNotFound:
			return &refusal{means, string(e.Code), e.Msg}
		}
		return fmt.Errorf("stripe answered %d: %s %s", e.HTTPStatusCode, e.Type, e.Msg)
	}
	return err
}

func (s *stripeShop) authentic(r *http.Request, body []byte) (n notification, err error) {
	signature := r.Header.Get("Stripe-Signature")
	var event stripe.Event
	if signature == "" && s.defects.has("D09") {
		err = json.Unmarshal(body, &event)
	} else {
		event, err = webhook.ConstructEvent(body, signature, s.secret)
	}
	if err != nil || event.Data == nil {
		return n, no(http.StatusUnauthorized, "BAD_SIGNATURE")
	}
	if event.Account != "" && event.Account != s.account && !s.defects.has("D11") {
		return n, no(http.StatusUnprocessableEntity, "NOT_OURS")
	}
	n = notification{ID: event.ID, Type: string(event.Type)}
	switch event.Type {
	case stripe.EventTypePaymentIntentSucceeded, stripe.EventTypePaymentIntentPaymentFailed, stripe.EventTypePaymentIntentCanceled:
		var told stripe.PaymentIntent
		err = json.Unmarshal(event.Data.Raw, &told)
		if told.ID == "" {
			err = errors.New("a payment intent without id")
		}
		n.Payment = intent(&told)
		n.Order = n.Payment.Order
	case stripe.EventTypeRefundCreated, stripe.EventTypeRefundUpdated, stripe.EventTypeRefundFailed:
		var told stripe.Refund
		err = json.Unmarshal(event.Data.Raw, &told)
		if told.PaymentIntent != nil {
			n.Payment.ID = told.PaymentIntent.ID
		}
		about := stripeRefund(&told)
		n.Refund = &about
	case stripe.EventTypeChargeDisputeCreated, stripe.EventTypeChargeDisputeFundsWithdrawn:
		var told stripe.Dispute
		err = json.Unmarshal(event.Data.Raw, &told)
		if told.PaymentIntent != nil {
			n.Payment.ID = told.PaymentIntent.ID
		}
		n.Disputed, n.Refund = true, &refund{told.ID, told.Amount, refundSucceeded}
	default: // about something else
	}
	if err != nil {
		return n, no(http.StatusBadRequest, "UNREADABLE")
	}
	return n, nil
}

func (s *stripeShop) acknowledge(w http.ResponseWriter) { w.WriteHeader(http.StatusOK) }

func (s *stripeShop) refuse(w http.ResponseWriter, no denied) {
	answer(w, no.Status, map[string]string{"code": no.Code})
}
