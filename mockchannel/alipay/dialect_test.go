package alipay_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/paystorm/paystorm/history"
	"github.com/paystorm/paystorm/mockchannel"
	"github.com/paystorm/paystorm/mockchannel/alipay"
)

func TestTraits(t *testing.T) {
	dialect := alipay.New(alipay.Settings{})
	traits := dialect.Traits()
	if !traits.SignsAnswers || !traits.NumberPerPayment || traits.SignatureProbes || traits.TwinEvents || traits.Disputes || traits.OneAddress {
		t.Errorf("%+v", traits)
	}
	var total time.Duration
	for _, wait := range dialect.Retry() {
		total += wait
	}
	if want := 24*time.Hour + 24*time.Minute; total != want || len(dialect.Retry()) != 10 {
		t.Errorf("%d attempts over %v, want %v", len(dialect.Retry()), total, want)
	}
}

func TestIssue(t *testing.T) {
	first := merchants()[0]
	given := map[string]string{}
	for _, name := range alipay.New(alipay.Settings{}).Credentials() {
		if first.Told[name] == "" {
			t.Errorf("%s is not told", name)
		}
		given[name] = first.Told[name]
	}
	again, err := alipay.New(alipay.Settings{}).Issue("m-1", given)
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range first.Told {
		if again.Told[name] != value {
			t.Errorf("%s is another one when it is given again: %q", name, again.Told[name])
		}
	}
	public, err := alipay.New(alipay.Settings{}).Issue("m-1", map[string]string{
		"app_public_key": given["app_public_key"], "alipay_private_key": given["alipay_private_key"],
	})
	if err != nil || public.Told["app_private_key"] != "" || public.Told["app_cert"] != given["app_cert"] {
		t.Errorf("with the public key alone: %v, %v", public.Told, err)
	}
	for name, wrong := range map[string]string{
		"app_private_key": "*", "app_public_key": "AAAA", "alipay_private_key": given["app_public_key"], "aes_key": "AAAA",
	} {
		if _, err := alipay.New(alipay.Settings{}).Issue("m-1", map[string]string{name: wrong}); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestIdentify(t *testing.T) {
	dialect := alipay.New(alipay.Settings{}).(mockchannel.Identifier)
	seen := map[string]bool{}
	at := time.Date(2026, 1, 1, 20, 0, 0, 0, time.UTC)
	for n := range int64(10_000) {
		id := dialect.Identify(mockchannel.IdentifyPayment, at, n, 7)
		if len(id) != 28 || !strings.HasPrefix(id, "20260102") || seen[id] {
			t.Fatalf("%d is %s", n, id)
		}
		seen[id] = true
	}
	if id := dialect.Identify(mockchannel.IdentifyNotification, at, 1, 7); len(id) != 34 {
		t.Errorf("a notification is %s", id)
	}
}

func TestAcknowledged(t *testing.T) {
	dialect := alipay.New(alipay.Settings{})
	for _, test := range []struct {
		status int
		body   string
		want   bool
		odd    bool
	}{
		{200, "success", true, false},
		{200, "SUCCESS", false, true},
		{200, "success\n", false, true},
		{200, `"success"`, false, true},
		{200, "fail", false, true},
		{200, "", false, true},
		{204, "", false, true},
		{201, "success", false, true},
		{500, "success", false, true},
		{302, "", false, false},
		{500, "fail", false, false},
	} {
		got, remark := dialect.Acknowledged(test.status, []byte(test.body))
		if got != test.want || (remark != "") != test.odd {
			t.Errorf("%d %q: %v, %q", test.status, test.body, got, remark)
		}
	}
}

func TestEncodeWantsAnIssuedMerchant(t *testing.T) {
	_, err := alipay.New(alipay.Settings{}).Encode(mockchannel.Message{Type: history.PaymentSucceeded}, time.Now())
	if err == nil || errors.Is(err, alipay.ErrSignature) {
		t.Errorf("got %v", err)
	}
}
