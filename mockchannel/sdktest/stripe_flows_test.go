//go:build sdk

package sdktest_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/stripe/stripe-go/v85"
	"github.com/stripe/stripe-go/v85/webhook"
)

func TestStripeGoManualCapture(t *testing.T) {
	shop, ctx := newStripeShop(t, nil, 0), t.Context()
	p := confirmed("o-1", "pm_card_mastercard")
	p.CaptureMethod = stripe.String("manual")
	made, err := shop.V1PaymentIntents.Create(ctx, p)
	if err != nil || made.Status != stripe.PaymentIntentStatusRequiresCapture || made.AmountCapturable != 2500 {
		t.Fatalf("%+v, %v", made, err)
	}
	_, err = shop.V1PaymentIntents.Capture(ctx, made.ID, &stripe.PaymentIntentCaptureParams{AmountToCapture: stripe.Int64(2501)})
	wantStripe(t, err, 400, stripe.ErrorTypeInvalidRequest, stripe.ErrorCodeAmountTooLarge)
	taken, err := shop.V1PaymentIntents.Capture(ctx, made.ID, &stripe.PaymentIntentCaptureParams{AmountToCapture: stripe.Int64(2000)})
	if err != nil || taken.Status != stripe.PaymentIntentStatusSucceeded || taken.AmountReceived != 2000 || taken.LatestCharge.ID != made.LatestCharge.ID {
		t.Fatalf("%+v, %v", taken, err)
	}
	shop.await("payment_intent.amount_capturable_updated", "charge.captured", "payment_intent.succeeded")
}

func TestStripeGoAuthenticates(t *testing.T) {
	shop, ctx := newStripeShop(t, nil, 0), t.Context()
	p := confirmed("o-1", "pm_card_authenticationRequired")
	p.ReturnURL = stripe.String("https://shop.example/back")
	made, err := shop.V1PaymentIntents.Create(ctx, p)
	if err != nil || made.Status != stripe.PaymentIntentStatusRequiresAction || made.NextAction.RedirectToURL.URL == "" {
		t.Fatalf("%+v, %v", made, err)
	}
	shop.await("payment_intent.requires_action")
	handed := made.NextAction.RedirectToURL.URL
	shop.pay(handed[strings.LastIndex(handed, "/")+1:])
	shop.await("payment_intent.succeeded")
	off := confirmed("o-2", "pm_card_authenticationRequired")
	off.OffSession = stripe.Bool(true)
	_, err = shop.V1PaymentIntents.Create(ctx, off)
	wantStripe(t, err, 402, stripe.ErrorTypeCard, stripe.ErrorCodeAuthenticationRequired)
}

// TestStripeGoPublishable confirms as a payer's browser does: with the publishable key and the client secret.
func TestStripeGoPublishable(t *testing.T) {
	shop, ctx := newStripeShop(t, nil, 0), t.Context()
	made, err := shop.V1PaymentIntents.Create(ctx, params("o-1", 2500))
	if err != nil {
		t.Fatal(err)
	}
	browser := shop.clientWith(shop.merchant.Told["publishable"], 0)
	_, err = browser.V1PaymentIntents.Retrieve(ctx, made.ID, &stripe.PaymentIntentRetrieveParams{ClientSecret: stripe.String(made.ID + "_secret_guessed")})
	wantStripe(t, err, 400, stripe.ErrorTypeInvalidRequest, "")
	confirm := &stripe.PaymentIntentConfirmParams{PaymentMethod: stripe.String("pm_card_visa")}
	confirm.AddExtra("client_secret", made.ClientSecret)
	paid, err := browser.V1PaymentIntents.Confirm(ctx, made.ID, confirm)
	if err != nil || paid.Status != stripe.PaymentIntentStatusSucceeded {
		t.Fatalf("%+v, %v", paid, err)
	}
}

func sessionParams(kinds ...string) *stripe.CheckoutSessionCreateParams {
	return &stripe.CheckoutSessionCreateParams{
		Mode: stripe.String("payment"), SuccessURL: stripe.String("https://shop.example/done?s={CHECKOUT_SESSION_ID}"),
		PaymentMethodTypes: stripe.StringSlice(kinds), ClientReferenceID: stripe.String("o-1"),
		LineItems: []*stripe.CheckoutSessionCreateLineItemParams{{
			Quantity: stripe.Int64(2),
			PriceData: &stripe.CheckoutSessionCreateLineItemPriceDataParams{
				Currency: stripe.String("jpy"), UnitAmount: stripe.Int64(600),
				ProductData: &stripe.CheckoutSessionCreateLineItemPriceDataProductDataParams{Name: stripe.String("A <b>ticket</b>")},
			},
		}},
		PaymentIntentData: &stripe.CheckoutSessionCreatePaymentIntentDataParams{Metadata: map[string]string{"ref": "ps-r-b7-o1"}},
	}
}

// atPage posts what the payer chose at Checkout's page, as a browser without JavaScript, and is where it leads.
func atPage(t *testing.T, address, action string) string {
	t.Helper()
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, address, strings.NewReader(url.Values{"action": {action}}.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	request.Header.Set("Accept", "text/html,application/xhtml+xml")
	response, err := client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	return response.Header.Get("Location")
}

func TestStripeGoCheckout(t *testing.T) {
	shop, ctx := newStripeShop(t, nil, 0), t.Context()
	made, err := shop.V1CheckoutSessions.Create(ctx, sessionParams("card"))
	if err != nil || made.AmountTotal != 1200 || made.Status != stripe.CheckoutSessionStatusOpen || made.PaymentIntent != nil {
		t.Fatalf("%+v, %v", made, err)
	}
	response, err := http.Get(made.URL)
	if err != nil {
		t.Fatal(err)
	}
	page, err := io.ReadAll(response.Body)
	_ = response.Body.Close()
	if err != nil || !strings.Contains(string(page), "1200 JPY") || !strings.Contains(string(page), "A &lt;b&gt;ticket") || strings.Contains(string(page), "<script") {
		t.Errorf("the page: %v\n%s", err, page)
	}
	if to := atPage(t, made.URL, "decline"); to != "" {
		t.Errorf("a declined card leads to %q", to)
	}
	if to := atPage(t, made.URL, "pay"); to != "https://shop.example/done?s="+made.ID {
		t.Errorf("paying leads to %q", to)
	}
	event := shop.await("payment_intent.payment_failed", "payment_intent.succeeded", "checkout.session.completed")
	if event.GetObjectValue("payment_status") != "paid" || event.GetObjectValue("client_reference_id") != "o-1" {
		t.Errorf("the event: %s", event.Data.Raw)
	}
	retrieve := &stripe.CheckoutSessionRetrieveParams{}
	retrieve.AddExpand("payment_intent")
	retrieve.AddExpand("line_items")
	paid, err := shop.V1CheckoutSessions.Retrieve(ctx, made.ID, retrieve)
	if err != nil || paid.PaymentStatus != stripe.CheckoutSessionPaymentStatusPaid || paid.PaymentIntent.AmountReceived != 1200 ||
		len(paid.LineItems.Data) != 1 || paid.URL != "" {
		t.Fatalf("%+v, %v", paid, err)
	}
	_, err = shop.V1CheckoutSessions.Expire(ctx, made.ID, nil)
	wantStripe(t, err, 400, stripe.ErrorTypeInvalidRequest, "")
	open, err := shop.V1CheckoutSessions.Create(ctx, sessionParams("card"))
	if err != nil {
		t.Fatal(err)
	}
	if over, err := shop.V1CheckoutSessions.Expire(ctx, open.ID, nil); err != nil || over.Status != stripe.CheckoutSessionStatusExpired {
		t.Fatalf("%+v, %v", over, err)
	}
	shop.await("checkout.session.expired")
}

// TestStripeGoDelayedMethod: a completed session is no money yet.
func TestStripeGoDelayedMethod(t *testing.T) {
	shop, ctx := newStripeShop(t, nil, 0), t.Context()
	made, err := shop.V1CheckoutSessions.Create(ctx, sessionParams("sepa_debit"))
	if err != nil {
		t.Fatal(err)
	}
	atPage(t, made.URL, "pay")
	if event := shop.await("checkout.session.completed"); event.GetObjectValue("payment_status") != "unpaid" {
		t.Errorf("the event: %s", event.Data.Raw)
	}
	shop.await("payment_intent.processing")
	if event := shop.await("checkout.session.async_payment_succeeded"); event.GetObjectValue("payment_status") != "paid" {
		t.Errorf("the event: %s", event.Data.Raw)
	}
}

func TestStripeGoRefundFailsAndDispute(t *testing.T) {
	shop, ctx := newStripeShop(t, nil, 0), t.Context()
	made, err := shop.V1PaymentIntents.Create(ctx, confirmed("o-1", "pm_card_refundFail"))
	if err != nil {
		t.Fatal(err)
	}
	back, err := shop.V1Refunds.Create(ctx, &stripe.RefundCreateParams{PaymentIntent: stripe.String(made.ID)})
	if err != nil || back.Status != stripe.RefundStatusSucceeded {
		t.Fatalf("%+v, %v", back, err)
	}
	disputed, err := shop.V1PaymentIntents.Create(ctx, confirmed("o-2", "pm_card_createDispute"))
	if err != nil {
		t.Fatal(err)
	}
	shop.await("charge.dispute.created", "charge.dispute.funds_withdrawn")
	charge, err := shop.V1Charges.Retrieve(ctx, disputed.LatestCharge.ID, nil)
	if err != nil || !charge.Disputed || charge.AmountRefunded != 0 {
		t.Errorf("%+v, %v", charge, err)
	}
	_, err = shop.V1Refunds.Create(ctx, &stripe.RefundCreateParams{PaymentIntent: stripe.String(disputed.ID)})
	wantStripe(t, err, 400, stripe.ErrorTypeInvalidRequest, stripe.ErrorCodeChargeDisputed)
	if event := shop.await("refund.failed"); event.GetObjectValue("failure_reason") != "expired_or_canceled_card" {
		t.Errorf("the event: %s", event.Data.Raw)
	}
	failed, err := shop.V1Refunds.Retrieve(ctx, back.ID, nil)
	if err != nil || failed.Status != stripe.RefundStatusFailed {
		t.Errorf("%+v, %v", failed, err)
	}
	shop.wantBalance(ctx, 2500, 5)
}

// TestStripeGoRollsSecrets: while one secret replaces the other, both verify.
func TestStripeGoRollsSecrets(t *testing.T) {
	shop, ctx := newStripeShop(t, nil, 0), t.Context()
	type posted struct {
		body   []byte
		header string
	}
	inbox := make(chan posted, 16)
	hooks := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		inbox <- posted{body, r.Header.Get("Stripe-Signature")}
	}))
	defer hooks.Close()
	made, err := shop.V1WebhookEndpoints.Create(ctx, &stripe.WebhookEndpointCreateParams{
		URL: stripe.String(hooks.URL), EnabledEvents: stripe.StringSlice([]string{"payment_intent.created"}), APIVersion: stripe.String("2020-08-27"),
	})
	if err != nil || made.Secret == "" {
		t.Fatalf("%+v, %v", made, err)
	}
	verify := func(secrets map[string]bool) {
		t.Helper()
		if _, err := shop.V1PaymentIntents.Create(ctx, params("o", 100)); err != nil {
			t.Fatal(err)
		}
		got := <-inbox
		for secret, good := range secrets {
			event, err := webhook.ConstructEventWithOptions(got.body, got.header, secret, webhook.ConstructEventOptions{IgnoreAPIVersionMismatch: true})
			if (err == nil) != good || (good && event.APIVersion != "2020-08-27") {
				t.Errorf("%s under %s: %v", got.header, secret, err)
			}
		}
	}
	verify(map[string]bool{made.Secret: true})
	roll := func(seconds string) string {
		response, err := shop.V1WebhookEndpoints.Retrieve(ctx, made.ID, nil)
		if err != nil || response.Secret != "" {
			t.Fatalf("a secret is told once: %+v, %v", response, err)
		}
		request, _ := http.NewRequestWithContext(ctx, http.MethodPost, shop.url+"/v1/webhook_endpoints/"+made.ID+"/roll_secret", strings.NewReader("expires_in="+seconds))
		request.Header.Set("Authorization", "Bearer "+shop.merchant.APIKey)
		request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		answer, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = answer.Body.Close() }()
		text, _ := io.ReadAll(answer.Body)
		_, rest, _ := strings.Cut(string(text), `"secret":"`)
		secret, _, _ := strings.Cut(rest, `"`)
		return secret
	}
	second := roll("3600")
	verify(map[string]bool{made.Secret: true, second: true, "whsec_other": false})
	third := roll("0")
	verify(map[string]bool{made.Secret: false, second: false, third: true})
	if gone, err := shop.V1WebhookEndpoints.Delete(ctx, made.ID, nil); err != nil || !gone.Deleted {
		t.Errorf("%+v, %v", gone, err)
	}
}

func TestStripeGoCustomers(t *testing.T) {
	shop, ctx := newStripeShop(t, nil, 0), t.Context()
	who, err := shop.V1Customers.Create(ctx, &stripe.CustomerCreateParams{Email: stripe.String("a@example.com"), Name: stripe.String("Ä \"B\"")})
	if err != nil || who.Name != "Ä \"B\"" {
		t.Fatalf("%+v, %v", who, err)
	}
	method, err := shop.V1PaymentMethods.Attach(ctx, "pm_card_visa", &stripe.PaymentMethodAttachParams{Customer: stripe.String(who.ID)})
	if err != nil || method.Customer.ID != who.ID {
		t.Fatalf("%+v, %v", method, err)
	}
	p := confirmed("o-1", method.ID)
	p.Customer = stripe.String(who.ID)
	p.AddExpand("customer")
	paid, err := shop.V1PaymentIntents.Create(ctx, p)
	if err != nil || paid.Status != stripe.PaymentIntentStatusSucceeded || paid.Customer.Email != "a@example.com" || paid.PaymentMethod.ID != method.ID {
		t.Fatalf("%+v, %v", paid, err)
	}
	if gone, err := shop.V1Customers.Delete(ctx, who.ID, nil); err != nil || !gone.Deleted {
		t.Errorf("%+v, %v", gone, err)
	}
}
