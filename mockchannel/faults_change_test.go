package mockchannel_test

import (
	"net/http"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"github.com/paystorm/paystorm/history"
	"github.com/paystorm/paystorm/mockchannel"
)

// onChange gives every change of a kind a fault.
func onChange(kind mockchannel.ChangeKind, fault mockchannel.ChangeFault) script {
	return script{change: func(q mockchannel.Change) mockchannel.ChangeFault {
		if q.Kind == kind {
			return fault
		}
		return mockchannel.ChangeFault{}
	}}
}

func TestCaptureOfAnotherAmount(t *testing.T) {
	w := newWorld(t, onChange(mockchannel.ChangeCapture, mockchannel.ChangeFault{
		Capture: &mockchannel.Capture{Fault: "f", Minor: 900},
	}))
	id := w.createAndPay("o1")
	w.quiet()
	if a := w.do(http.MethodGet, "/v1/payments/"+id, ""); a.CapturedMinor != 900 {
		t.Errorf("captured %d", a.CapturedMinor)
	}
	if got := w.received()[0].Data.AmountMinor; got != 900 {
		t.Errorf("notified of %d", got)
	}
	if event := w.recorded(history.PaymentSucceeded)[0]; event.Minor != 900 {
		t.Errorf("recorded %+v", event)
	}
	if a := w.refund(id, "r1", 901); a.Error.Code != "refund_exceeds_capture" {
		t.Errorf("refund of more: %d %s", a.status, a.body)
	}
	w.wantAffected(1)
}

func TestAutoPay(t *testing.T) {
	w := newWorld(t, onChange(mockchannel.ChangeCreated, mockchannel.ChangeFault{
		AutoPay: &mockchannel.AutoPay{Fault: "f"},
	}))
	a := w.do(http.MethodPost, "/v1/payments", w.paymentBody("o1"), "Idempotency-Key", "k")
	inbox := w.received() // before the answer, so now
	if a.status != http.StatusCreated || a.State != "succeeded" || len(inbox) != 1 || inbox[0].Type != success {
		t.Errorf("answer %d %s, the shop got %v", a.status, a.body, types(inbox))
	}
	if w.wantAffected(1)[0].Key != "create" {
		t.Error("affected something else")
	}
	if w.pay(a.ID).Error.Code != "payment_succeeded" {
		t.Error("paid twice")
	}
}

func TestLateSuccess(t *testing.T) {
	w := newWorld(t, onChange(mockchannel.ChangeClosed, mockchannel.ChangeFault{
		LateSuccess: &mockchannel.LateSuccess{Fault: "f", After: 50 * time.Millisecond},
	}))
	id := w.create("o1")
	if a := w.do(http.MethodPost, "/v1/payments/"+id+"/close", ""); a.State != "closed" {
		t.Fatalf("close: %d %s", a.status, a.body)
	}
	if w.channel.Quiet() || len(w.recorded(history.FaultAffected)) != 0 {
		t.Error("quiet, or affected too early")
	}
	w.quiet()
	if a := w.do(http.MethodGet, "/v1/payments/"+id, ""); a.State != "succeeded" || a.CapturedMinor != 1000 {
		t.Errorf("payment %s", a.body)
	}
	if got := types(w.received()); len(got) != 2 || got[1] != success {
		t.Errorf("the shop got %v", got)
	}
	w.wantAffected(1)
}

func TestRefundFails(t *testing.T) {
	w := newWorld(t, onChange(mockchannel.ChangeRefund, mockchannel.ChangeFault{
		RefundFails: &mockchannel.RefundFails{Fault: "f", Reason: "account closed"},
	}), func(c *mockchannel.Config) { c.RefundDelay = 80 * time.Millisecond })
	id := w.createAndPay("o1")
	if a := w.refund(id, "r1", 400); a.status != http.StatusCreated || a.State != "pending" {
		t.Fatalf("refund: %d %s", a.status, a.body)
	}
	if a := w.refund(id, "r2", 601); a.Error.Code != "refund_exceeds_capture" {
		t.Errorf("what is in transit was given back again: %s", a.body)
	}
	w.quiet()
	if a := w.do(http.MethodGet, "/v1/refunds/r1", ""); a.State != "failed" {
		t.Errorf("refund %s", a.body)
	}
	if last := w.received()[len(w.received())-1]; last.Type != history.RefundFailed || last.Data.Refund.State != "failed" {
		t.Errorf("the shop got %v", types(w.received()))
	}
	if event := w.recorded(history.RefundFailed)[0]; event.MerchantRefund != "r1" || event.Minor != 400 || event.Version != 4 {
		t.Errorf("recorded %+v", event)
	}
	w.wantAffected(1)
}

func TestForgeries(t *testing.T) {
	verifier, err := standardwebhooks.NewWebhook(secret)
	if err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		extra              mockchannel.Extra
		authentic          bool
		merchant, currency string
		minor              int64
	}{
		history.ForgeryNoSignature:   {mockchannel.Extra{}, false, "m-1", "CNY", 1000},
		history.ForgeryWrongKey:      {mockchannel.Extra{}, false, "m-1", "CNY", 1000},
		history.ForgeryOtherMerchant: {mockchannel.Extra{}, true, "m-2", "CNY", 1000},
		history.ForgeryWrongAmount:   {mockchannel.Extra{Minor: 1}, true, "m-1", "CNY", 1},
		history.ForgeryWrongCurrency: {mockchannel.Extra{Currency: "JPY"}, true, "m-1", "JPY", 1000},
	} {
		t.Run(name, func(t *testing.T) {
			extra := test.extra
			extra.Fault, extra.Forgery, extra.After, extra.Repeat = "f", name, 10*time.Millisecond, 1
			w := newWorld(t, onChange(mockchannel.ChangeCreated, mockchannel.ChangeFault{Extras: []mockchannel.Extra{extra}}))
			w.replies(func(received) int { return http.StatusBadRequest })
			id := w.create("o1")
			w.quiet()
			inbox := w.received()
			if len(inbox) != 1 {
				t.Fatalf("the shop got %v", types(inbox))
			}
			got := inbox[0]
			if got.Type != success || got.Data.Payment != id || got.Data.Order != "o1" || got.Data.Merchant != test.merchant ||
				got.Data.AmountMinor != test.minor || got.Data.Currency != test.currency || got.Data.State != "succeeded" {
				t.Errorf("forged %s", got.Body)
			}
			if err := verifier.Verify(got.Body, got.Header); (err == nil) != test.authentic {
				t.Errorf("verified: %v", err)
			}
			event := w.recorded(history.DeliverySent)[0]
			if event.Forgery != name || event.Order != "o1" || event.Minor != test.minor || event.Currency != test.currency {
				t.Errorf("sent %+v", event)
			}
			if answered := w.recorded(history.DeliveryAnswered); len(answered) != 1 || answered[0].Forgery != name {
				t.Errorf("answered %+v", answered)
			}
			if len(w.recorded(history.PaymentSucceeded)) != 0 || w.recorded(history.DeliveryGivenUp) != nil {
				t.Error("the forgery was taken for genuine")
			}
			w.wantAffected(1)
		})
	}
}

func TestForgeryRepeats(t *testing.T) {
	w := newWorld(t, onChange(mockchannel.ChangePaid, mockchannel.ChangeFault{
		Extras: []mockchannel.Extra{{Fault: "f", Forgery: history.ForgeryWrongAmount, Minor: 5, Repeat: 3}},
	}))
	w.replies(func(message received) int {
		if message.Data.AmountMinor == 5 {
			return http.StatusConflict
		}
		return http.StatusOK
	})
	w.createAndPay("o1")
	w.quiet()
	if n := len(w.received()); n != 4 {
		t.Errorf("%d came", n)
	}
	w.wantAffected(1)
}

func TestForgeryOfAnotherOrder(t *testing.T) {
	w := newWorld(t, script{change: func(q mockchannel.Change) (fault mockchannel.ChangeFault) {
		if q.Kind == mockchannel.ChangeCreated && q.Order == "victim" {
			fault.Extras = []mockchannel.Extra{{Fault: "f", Forgery: history.ForgeryOtherOrder, OtherOrder: true, Repeat: 1}}
		}
		return fault
	}})
	w.createAndPay("victim")
	w.quiet()
	time.Sleep(calm)
	if got := w.received(); len(got) != 1 || !w.channel.Quiet() {
		t.Fatalf("the shop got %d although there is no other paid order", len(got))
	}
	other := w.createAndPay("other")
	w.quiet()
	for _, message := range w.received()[1:] {
		if message.Data.Order != "other" || message.Data.Payment != other {
			t.Errorf("body %s", message.Body)
		}
	}
	paths := w.received()[1].Path + " " + w.received()[2].Path
	if paths != "/callback/victim /callback/other" && paths != "/callback/other /callback/victim" {
		t.Errorf("posted to %s", paths)
	}
	if affected := w.wantAffected(1)[0]; affected.Order != "victim" {
		t.Errorf("affected %+v", affected)
	}
	for _, event := range w.recorded(history.DeliverySent) {
		if event.Forgery != "" && event.Order != "victim" {
			t.Errorf("sent %+v", event)
		}
	}
}

func TestForgeryOfAnotherOrderIsNeverItsOwn(t *testing.T) {
	w := newWorld(t, script{change: func(q mockchannel.Change) (fault mockchannel.ChangeFault) {
		if q.Kind == mockchannel.ChangePaid && q.Order == "victim" {
			fault.Extras = []mockchannel.Extra{{
				Fault: "f", Forgery: history.ForgeryOtherOrder, OtherOrder: true, After: 20 * time.Millisecond, Repeat: 1,
			}}
		}
		return fault
	}})
	w.createAndPay("other")
	w.createAndPay("victim")
	w.quiet()
	inbox := w.received()
	if last := inbox[len(inbox)-1]; len(inbox) != 3 || last.Path != "/callback/victim" || last.Data.Order != "other" {
		t.Errorf("posted %s to %s", last.Body, last.Path)
	}
}
