//go:build sdk

package sdktest_test

import (
	"net/http"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/stripe/stripe-go/v85"

	"github.com/paystorm/paystorm/mockchannel"
)

// troubled is a channel at which some requests go wrong.
type troubled struct {
	mockchannel.Faults
	request func(mockchannel.Request) mockchannel.RequestFault
}

func (f troubled) Request(q mockchannel.Request) mockchannel.RequestFault { return f.request(q) }

// firstTime lets the first request of an operation go wrong.
func firstTime(operation mockchannel.Operation, fault mockchannel.RequestFault) mockchannel.Faults {
	return troubled{calm{}, func(q mockchannel.Request) mockchannel.RequestFault {
		if q.Operation == operation && q.Attempt == 1 {
			return fault
		}
		return mockchannel.RequestFault{}
	}}
}

// calm is a world in which nothing goes wrong.
type calm struct{}

func (calm) Request(mockchannel.Request) mockchannel.RequestFault { return mockchannel.RequestFault{} }

func (calm) Change(mockchannel.Change) mockchannel.ChangeFault { return mockchannel.ChangeFault{} }

func (calm) Notice(mockchannel.Notice) mockchannel.NoticeFault                { return mockchannel.NoticeFault{} }
func (calm) Attempt(mockchannel.Notice, int) (fault mockchannel.AttemptFault) { return fault }
func (calm) Reached(mockchannel.Moment)                                       {}

func confirmed(order, method string) *stripe.PaymentIntentCreateParams {
	p := params(order, 2500)
	p.Confirm, p.PaymentMethod = stripe.Bool(true), stripe.String(method)
	return p
}

func TestStripeGoDeclines(t *testing.T) {
	shop := newStripeShop(t, nil, 2)
	for method, want := range map[string]struct {
		code    stripe.ErrorCode
		decline stripe.DeclineCode
	}{
		"pm_card_chargeDeclined":                       {stripe.ErrorCodeCardDeclined, "generic_decline"},
		"pm_card_visa_chargeDeclinedInsufficientFunds": {stripe.ErrorCodeCardDeclined, "insufficient_funds"},
		"pm_card_chargeDeclinedExpiredCard":            {stripe.ErrorCodeExpiredCard, "expired_card"},
		"pm_card_chargeDeclinedIncorrectCvc":           {stripe.ErrorCodeIncorrectCVC, "incorrect_cvc"},
	} {
		t.Run(method, func(t *testing.T) {
			_, err := shop.V1PaymentIntents.Create(t.Context(), confirmed("o-"+method, method))
			e := stripeError(t, err, http.StatusPaymentRequired, stripe.ErrorTypeCard, want.code)
			if e.DeclineCode != want.decline || e.PaymentIntent == nil || e.ChargeID == "" ||
				e.PaymentIntent.Status != stripe.PaymentIntentStatusRequiresPaymentMethod {
				t.Fatalf("%+v", e)
			}
			again, err := shop.V1PaymentIntents.Confirm(t.Context(), e.PaymentIntent.ID, &stripe.PaymentIntentConfirmParams{
				PaymentMethod: stripe.String("pm_card_visa"),
			})
			if err != nil || again.Status != stripe.PaymentIntentStatusSucceeded || again.LatestCharge.ID == e.ChargeID {
				t.Errorf("another card: %+v, %v", again, err)
			}
		})
	}
	shop.await("payment_intent.payment_failed", "charge.failed", "payment_intent.succeeded")
}

func TestStripeGoMistakes(t *testing.T) {
	shop, ctx := newStripeShop(t, nil, 2), t.Context()
	invalid := stripe.ErrorTypeInvalidRequest
	_, err := shop.V1PaymentIntents.Create(ctx, &stripe.PaymentIntentCreateParams{Currency: stripe.String("usd")})
	if e := stripeError(t, err, 400, invalid, stripe.ErrorCodeParameterMissing); e.Param != "amount" {
		t.Errorf("param %q", e.Param)
	}
	_, err = shop.V1PaymentIntents.Create(ctx, params("o-1", 0))
	wantStripe(t, err, 400, invalid, stripe.ErrorCodeParameterInvalidInteger)
	strange := params("o-1", 100)
	strange.AddExtra("colour", "green")
	_, err = shop.V1PaymentIntents.Create(ctx, strange)
	wantStripe(t, err, 400, invalid, stripe.ErrorCodeParameterUnknown)
	_, err = shop.V1PaymentIntents.Retrieve(ctx, "pi_none", nil)
	wantStripe(t, err, 404, invalid, stripe.ErrorCodeResourceMissing)
	_, err = shop.V1PaymentIntents.Create(ctx, confirmed("o-2", "pm_none"))
	wantStripe(t, err, 404, invalid, stripe.ErrorCodeResourceMissing)
	_, err = shop.clientWith("sk_test_wrong", 0).V1PaymentIntents.Retrieve(ctx, "pi_none", nil)
	wantStripe(t, err, 401, invalid, "")
	_, err = shop.clientWith(shop.merchant.Told["publishable"], 0).V1PaymentIntents.Create(ctx, params("o-3", 100))
	wantStripe(t, err, 401, invalid, stripe.ErrorCodeSecretKeyRequired)
	made, err := shop.V1PaymentIntents.Create(ctx, params("o-4", 100))
	if err != nil {
		t.Fatal(err)
	}
	_, err = shop.V1PaymentIntents.Capture(ctx, made.ID, nil)
	wantStripe(t, err, 400, invalid, stripe.ErrorCodePaymentIntentUnexpectedState)
	_, err = shop.V1PaymentIntents.Confirm(ctx, made.ID, nil)
	wantStripe(t, err, 400, invalid, stripe.ErrorCodePaymentIntentUnexpectedState)
	_, err = shop.V1Refunds.Create(ctx, &stripe.RefundCreateParams{PaymentIntent: stripe.String(made.ID)})
	wantStripe(t, err, 400, invalid, "")
	if canceled, err := shop.V1PaymentIntents.Cancel(ctx, made.ID, nil); err != nil || canceled.Status != stripe.PaymentIntentStatusCanceled || canceled.CanceledAt == 0 {
		t.Fatalf("%+v, %v", canceled, err)
	}
	_, err = shop.V1PaymentIntents.Cancel(ctx, made.ID, nil)
	wantStripe(t, err, 400, invalid, stripe.ErrorCodePaymentIntentUnexpectedState)
	shop.await("payment_intent.canceled")
}

func TestStripeGoIdempotency(t *testing.T) {
	shop, ctx := newStripeShop(t, nil, 0), t.Context()
	create := func(order string, minor int64) (*stripe.PaymentIntent, error) {
		p := params(order, minor)
		p.SetIdempotencyKey("key-1")
		return shop.V1PaymentIntents.Create(ctx, p)
	}
	first, err := create("o-1", 100)
	if err != nil {
		t.Fatal(err)
	}
	shop.pay(first.ID)
	again, err := create("o-1", 100)
	if err != nil || again.ID != first.ID || again.Status != first.Status {
		t.Fatalf("a replay: %+v, %v", again, err)
	}
	header := again.LastResponse.Header
	if header.Get("Idempotent-Replayed") != "true" || header.Get("Original-Request") != first.LastResponse.RequestID ||
		header.Get("Request-Id") == first.LastResponse.RequestID || string(again.LastResponse.RawJSON) != string(first.LastResponse.RawJSON) {
		t.Errorf("a replay's headers: %v", header)
	}
	_, err = create("o-1", 101)
	wantStripe(t, err, 400, stripe.ErrorTypeIdempotency, "")
	elsewhere := &stripe.RefundCreateParams{PaymentIntent: stripe.String(first.ID)}
	elsewhere.SetIdempotencyKey("key-1")
	_, err = shop.V1Refunds.Create(ctx, elsewhere)
	wantStripe(t, err, 400, stripe.ErrorTypeIdempotency, "")

	// What did not pass validation is not kept, a declined card is.
	wrong := params("o-2", 0)
	wrong.SetIdempotencyKey("key-2")
	_, err = shop.V1PaymentIntents.Create(ctx, wrong)
	wantStripe(t, err, 400, stripe.ErrorTypeInvalidRequest, stripe.ErrorCodeParameterInvalidInteger)
	right := confirmed("o-2", "pm_card_chargeDeclined")
	right.SetIdempotencyKey("key-2")
	_, err = shop.V1PaymentIntents.Create(ctx, right)
	declined := stripeError(t, err, 402, stripe.ErrorTypeCard, stripe.ErrorCodeCardDeclined)
	_, err = shop.V1PaymentIntents.Create(ctx, right)
	kept := stripeError(t, err, 402, stripe.ErrorTypeCard, stripe.ErrorCodeCardDeclined)
	if kept.PaymentIntent.ID != declined.PaymentIntent.ID || kept.LastResponse.Header.Get("Idempotent-Replayed") != "true" {
		t.Errorf("not kept: %+v", kept)
	}
}

// held is a channel at which a payment is not made before it is let go.
type held struct {
	calm
	begun, free chan struct{}
}

func (f held) Change(c mockchannel.Change) mockchannel.ChangeFault {
	if c.Kind == mockchannel.ChangeCreated {
		close(f.begun)
		<-f.free
	}
	return mockchannel.ChangeFault{}
}

func TestStripeGoConcurrentKeys(t *testing.T) {
	faults := held{begun: make(chan struct{}), free: make(chan struct{})}
	shop := newStripeShop(t, faults, 0)
	create := func() (*stripe.PaymentIntent, error) {
		p := params("o-1", 100)
		p.SetIdempotencyKey("same")
		return shop.V1PaymentIntents.Create(t.Context(), p)
	}
	var wait sync.WaitGroup
	var first *stripe.PaymentIntent
	var firstErr error
	wait.Go(func() { first, firstErr = create() })
	<-faults.begun
	_, err := create()
	wantStripe(t, err, 409, stripe.ErrorTypeInvalidRequest, stripe.ErrorCodeIdempotencyKeyInUse)
	close(faults.free)
	wait.Wait()
	again, err := create()
	if firstErr != nil || err != nil || again.ID != first.ID {
		t.Errorf("%v, %v, %+v", firstErr, err, again)
	}
}

// TestStripeGoRepeats: the library repeats by itself what broke, and leaves it to the shop to repeat what was answered.
func TestStripeGoRepeats(t *testing.T) {
	for name, test := range map[string]struct {
		fault  mockchannel.RequestFault
		byShop bool
	}{
		"500, not processed": {mockchannel.RequestFault{Reject: &mockchannel.Reject{Fault: "f", Status: 500, Code: "internal"}}, true},
		"503, not processed": {mockchannel.RequestFault{Reject: &mockchannel.Reject{Fault: "f", Status: 503, Code: "unavailable"}}, true},
		"409, not processed": {mockchannel.RequestFault{Reject: &mockchannel.Reject{Fault: "f", Code: "idempotency_in_use"}}, true},
		"reset, processed":   {mockchannel.RequestFault{Lose: &mockchannel.Lose{Fault: "f", How: mockchannel.LoseByReset}}, false},
	} {
		t.Run(name, func(t *testing.T) {
			shop := newStripeShop(t, firstTime(mockchannel.OpCreate, test.fault), 2)
			wanted := params("o-1", 100)
			wanted.SetIdempotencyKey("same")
			made, err := shop.V1PaymentIntents.Create(t.Context(), wanted)
			if (err != nil) != test.byShop {
				t.Fatalf("the library repeats by itself: %v", err)
			}
			if test.byShop {
				made, err = shop.V1PaymentIntents.Create(t.Context(), wanted)
			}
			if err != nil {
				t.Fatal(err)
			}
			if all := shop.channel.Call(shop.merchant).PaymentsOf("o-1"); len(all) != 1 || all[0].ID != made.ID {
				t.Errorf("payments: %+v", all)
			}
		})
	}
	t.Run("500, processed and kept", func(t *testing.T) {
		lost := mockchannel.RequestFault{Lose: &mockchannel.Lose{Fault: "f", How: mockchannel.LoseByError}}
		shop := newStripeShop(t, firstTime(mockchannel.OpCreate, lost), 2)
		wanted := params("o-1", 100)
		wanted.SetIdempotencyKey("same")
		_, err := shop.V1PaymentIntents.Create(t.Context(), wanted)
		wantStripe(t, err, 500, stripe.ErrorTypeAPI, "")
		_, err = shop.V1PaymentIntents.Create(t.Context(), wanted)
		e := stripeError(t, err, 500, stripe.ErrorTypeAPI, "")
		if e.LastResponse.Header.Get("Idempotent-Replayed") != "true" {
			t.Error("the retry was no replay")
		}
		found := 0
		for p, err := range shop.V1PaymentIntents.Search(t.Context(), &stripe.PaymentIntentSearchParams{
			SearchParams: stripe.SearchParams{Query: "metadata['order']:'o-1'"},
		}).All(t.Context()) {
			if err != nil || p.Metadata["order"] != "o-1" {
				t.Fatalf("%+v, %v", p, err)
			}
			found++
		}
		if found != 1 {
			t.Errorf("found %d by search", found)
		}
	})
}

func TestStripeGoLists(t *testing.T) {
	shop, ctx := newStripeShop(t, nil, 0), t.Context()
	made := map[string]bool{}
	for n := range 23 {
		p, err := shop.V1PaymentIntents.Create(ctx, params("o-"+strconv.Itoa(n), int64(100+n)))
		if err != nil {
			t.Fatal(err)
		}
		made[p.ID] = true
	}
	last := int64(1 << 60)
	for p, err := range shop.V1PaymentIntents.List(ctx, &stripe.PaymentIntentListParams{
		ListParams: stripe.ListParams{Limit: stripe.Int64(5)}, CreatedRange: &stripe.RangeQueryParams{GreaterThanOrEqual: time.Now().Add(-time.Hour).Unix()},
	}).All(ctx) {
		if err != nil {
			t.Fatal(err)
		}
		if !made[p.ID] || p.Amount >= last {
			t.Errorf("%s of %d: there twice, or out of order", p.ID, p.Amount)
		}
		delete(made, p.ID)
		last = p.Amount
	}
	if len(made) != 0 {
		t.Errorf("%d were not listed", len(made))
	}
	events := 0
	for event, err := range shop.V1Events.List(ctx, &stripe.EventListParams{
		Type: stripe.String("payment_intent.created"), ListParams: stripe.ListParams{Limit: stripe.Int64(10)},
	}).All(ctx) {
		if err != nil || event.Type != stripe.EventTypePaymentIntentCreated {
			t.Fatalf("%+v, %v", event, err)
		}
		events++
	}
	if events != 23 {
		t.Errorf("%d events", events)
	}
}
