//go:build sdk

package sdktest_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stripe/stripe-go/v85"
	"github.com/stripe/stripe-go/v85/webhook"

	"github.com/paystorm/paystorm/mockchannel"
	stripedialect "github.com/paystorm/paystorm/mockchannel/stripe"
)

// stripeShop is a shop that uses Stripe's own library, and keeps the events that the library has verified.
type stripeShop struct {
	served
	*stripe.Client
	t *testing.T

	quiet  bool // it takes no part in what comes in
	mutex  sync.Mutex
	events []stripe.Event
}

// newStripeShop runs a channel and a shop with one endpoint. faults may be nil.
func newStripeShop(t *testing.T, faults mockchannel.Faults, retries int64) *stripeShop {
	t.Helper()
	shop := &stripeShop{t: t}
	hooks := httptest.NewServer(http.HandlerFunc(shop.take))
	t.Cleanup(hooks.Close)
	shop.served = serve(t, stripedialect.New(), func(config *mockchannel.Config) {
		config.Faults = faults
		config.RefundDelay = 50 * time.Millisecond
		config.Endpoints = []mockchannel.Endpoint{{ID: "shop", URL: hooks.URL, Secrets: []string{config.Merchants[0].NotifySecret}}}
	})
	shop.Client = shop.clientWith(shop.merchant.Told["key"], retries)
	return shop
}

func (s *stripeShop) clientWith(key string, retries int64) *stripe.Client {
	return stripe.NewClient(key, stripe.WithBackends(stripe.NewBackendsWithConfig(&stripe.BackendConfig{
		URL: stripe.String(s.url), MaxNetworkRetries: stripe.Int64(retries), EnableTelemetry: stripe.Bool(false),
		LeveledLogger: &stripe.LeveledLogger{Level: stripe.LevelNull},
	})))
}

func (s *stripeShop) take(w http.ResponseWriter, r *http.Request) {
	if s.quiet {
		return
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		s.t.Error(err)
	}
	event, err := webhook.ConstructEvent(body, r.Header.Get("Stripe-Signature"), s.merchant.Told["secret"])
	if err != nil {
		s.t.Errorf("Stripe's own verifier: %v", err)
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.events = append(s.events, event)
}

// await waits until events of these types have come.
func (s *stripeShop) await(types ...string) stripe.Event {
	s.t.Helper()
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		missing, found := 0, stripe.Event{}
		s.mutex.Lock()
		for _, wanted := range types {
			missing++
			for _, event := range s.events {
				if string(event.Type) == wanted {
					found = event
					missing--
					break
				}
			}
		}
		s.mutex.Unlock()
		if missing == 0 {
			return found
		}
	}
	var came []string
	for _, event := range s.events {
		came = append(came, string(event.Type))
	}
	s.t.Fatalf("not all of %v came, only %v", types, came)
	return stripe.Event{}
}

func params(order string, minor int64) *stripe.PaymentIntentCreateParams {
	return &stripe.PaymentIntentCreateParams{
		Amount: stripe.Int64(minor), Currency: stripe.String("usd"),
		AutomaticPaymentMethods: &stripe.PaymentIntentCreateAutomaticPaymentMethodsParams{
			Enabled: stripe.Bool(true), AllowRedirects: stripe.String("never"),
		},
		Metadata: map[string]string{"order": order, "ref": "ps-r-b7-o1"},
	}
}

// wantStripe wants an error of Stripe's.
func wantStripe(t *testing.T, err error, status int, kind stripe.ErrorType, code stripe.ErrorCode) {
	t.Helper()
	_ = stripeError(t, err, status, kind, code) // what else it says is all the same here
}

// stripeError wants an error of Stripe's, and is it.
func stripeError(t *testing.T, err error, status int, kind stripe.ErrorType, code stripe.ErrorCode) *stripe.Error {
	t.Helper()
	var e *stripe.Error
	if !errors.As(err, &e) {
		t.Fatalf("got %v, want Stripe's error %s", err, code)
	}
	if e.HTTPStatusCode != status || e.Type != kind || e.Code != code {
		t.Errorf("got %d %s %s (%s), want %d %s %s", e.HTTPStatusCode, e.Type, e.Code, e.Msg, status, kind, code)
	}
	if e.Msg == "" || e.RequestID == "" {
		t.Errorf("no message or request id: %+v", e)
	}
	return e
}

// pay lets the payer pay at the channel's own page.
func (s *stripeShop) pay(handed string) {
	s.t.Helper()
	response, err := http.Post(s.url+"/pay/"+handed, "application/json", strings.NewReader(`{"action":"pay"}`))
	if err != nil {
		s.t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusOK {
		body, _ := io.ReadAll(response.Body)
		s.t.Fatalf("pay %s: %d %s", handed, response.StatusCode, body)
	}
}

func TestStripeGoWholeLife(t *testing.T) {
	shop, ctx := newStripeShop(t, nil, 0), t.Context()
	made, err := shop.V1PaymentIntents.Create(ctx, params("o-1", 2500))
	if err != nil {
		t.Fatal(err)
	}
	if made.Status != stripe.PaymentIntentStatusRequiresPaymentMethod || made.Amount != 2500 || made.Currency != stripe.CurrencyUSD ||
		made.Metadata["order"] != "o-1" || made.ClientSecret == "" || time.Since(time.Unix(made.Created, 0)) > time.Minute {
		t.Errorf("created: %+v", made)
	}
	shop.pay(made.ClientSecret)
	paid, err := shop.V1PaymentIntents.Retrieve(ctx, made.ID, &stripe.PaymentIntentRetrieveParams{
		Expand: []*string{stripe.String("latest_charge.balance_transaction"), stripe.String("payment_method")},
	})
	if err != nil {
		t.Fatal(err)
	}
	if paid.Status != stripe.PaymentIntentStatusSucceeded || paid.AmountReceived != 2500 || !paid.LatestCharge.Paid ||
		paid.LatestCharge.BalanceTransaction.Amount != 2500 || paid.PaymentMethod.Card.Last4 != "4242" {
		t.Errorf("paid: %+v, charge %+v", paid, paid.LatestCharge)
	}
	shop.await("payment_intent.created", "payment_intent.succeeded", "charge.succeeded")

	part, err := shop.V1Refunds.Create(ctx, &stripe.RefundCreateParams{
		PaymentIntent: stripe.String(made.ID), Amount: stripe.Int64(1000), Reason: stripe.String("requested_by_customer"),
		Metadata: map[string]string{"refund_no": "r-1"},
	})
	if err != nil {
		t.Fatal(err)
	}
	if part.Status != stripe.RefundStatusPending || part.Amount != 1000 || part.Charge.ID != paid.LatestCharge.ID {
		t.Errorf("refund: %+v", part)
	}
	event := shop.await("refund.created", "refund.updated", "charge.refunded", "charge.refund.updated")
	if told := event.GetObjectValue("status"); told != "succeeded" {
		t.Errorf("the refund's event says %q", told)
	}
	_, err = shop.V1Refunds.Create(ctx, &stripe.RefundCreateParams{PaymentIntent: stripe.String(made.ID), Amount: stripe.Int64(1501)})
	wantStripe(t, err, 400, stripe.ErrorTypeInvalidRequest, "")
	rest, err := shop.V1Refunds.Create(ctx, &stripe.RefundCreateParams{Charge: stripe.String(paid.LatestCharge.ID)})
	if err != nil || rest.Amount != 1500 {
		t.Fatalf("the rest: %+v, %v", rest, err)
	}
	_, err = shop.V1Refunds.Create(ctx, &stripe.RefundCreateParams{PaymentIntent: stripe.String(made.ID)})
	wantStripe(t, err, 400, stripe.ErrorTypeInvalidRequest, stripe.ErrorCodeChargeAlreadyRefunded)
	shop.wantRefunds(ctx, made.ID, rest.ID, part.ID)

	_, err = shop.V1PaymentIntents.Cancel(ctx, made.ID, nil)
	if e := stripeError(t, err, 400, stripe.ErrorTypeInvalidRequest, stripe.ErrorCodePaymentIntentUnexpectedState); e.PaymentIntent == nil ||
		e.PaymentIntent.Status != stripe.PaymentIntentStatusSucceeded {
		t.Errorf("the error shows %+v", e.PaymentIntent)
	}
	shop.wantBalance(ctx, 0, 3)
}

func (s *stripeShop) wantRefunds(ctx context.Context, intent string, ids ...string) {
	s.t.Helper()
	var got []string
	for found, err := range s.V1Refunds.List(ctx, &stripe.RefundListParams{
		PaymentIntent: stripe.String(intent), ListParams: stripe.ListParams{Limit: stripe.Int64(1)},
	}).All(ctx) {
		if err != nil {
			s.t.Fatal(err)
		}
		got = append(got, found.ID)
	}
	if strings.Join(got, " ") != strings.Join(ids, " ") {
		s.t.Errorf("refunds %v, want %v", got, ids)
	}
}

// wantBalance adds up the balance transactions.
func (s *stripeShop) wantBalance(ctx context.Context, sum int64, count int) {
	s.t.Helper()
	var got int64
	n := 0
	for found, err := range s.V1BalanceTransactions.List(ctx, &stripe.BalanceTransactionListParams{}).All(ctx) {
		if err != nil {
			s.t.Fatal(err)
		}
		got += found.Net
		n++
	}
	if got != sum || n != count {
		s.t.Errorf("%d balance transactions add up to %d, want %d of %d", n, got, count, sum)
	}
}

// TestStripeNode runs the library for Node. Orders that are named for it go wrong once.
func TestStripeNode(t *testing.T) {
	faults := map[string]mockchannel.RequestFault{
		"reject-500": {Reject: &mockchannel.Reject{Fault: "f", Status: 500, Code: "internal"}},
		"reject-409": {Reject: &mockchannel.Reject{Fault: "f", Code: "idempotency_in_use"}},
		"reset":      {Lose: &mockchannel.Lose{Fault: "f", How: mockchannel.LoseByReset}},
		"lost-500":   {Lose: &mockchannel.Lose{Fault: "f", How: mockchannel.LoseByError}},
	}
	shop := newStripeShop(t, troubled{calm{}, func(q mockchannel.Request) mockchannel.RequestFault {
		if q.Operation == mockchannel.OpCreate && q.Attempt == 1 {
			return faults[q.Order]
		}
		return mockchannel.RequestFault{}
	}}, 0)
	shop.quiet = true // its events are of the other library's version
	shop.node(t, "stripe.test.mjs", nil)
}
