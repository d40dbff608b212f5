package stripe

import (
	"crypto/rand"
	"errors"
	"strings"
	"time"

	"github.com/paystorm/paystorm/history"
	"github.com/paystorm/paystorm/mockchannel"
)

type dialect struct{}

// New returns the dialect.
func New() mockchannel.Dialect { return dialect{} }

func (dialect) Name() string { return "stripe" }

// The credentials.
const (
	credentialKey         = "key"
	credentialPublishable = "publishable"
	credentialSecret      = "secret"
)

// Credentials are the secret and the publishable API key, and the signing secret of the endpoint that the shop is given.
func (dialect) Credentials() []string {
	return []string{credentialKey, credentialPublishable, credentialSecret}
}

// Issue takes all three, or makes them.
func (dialect) Issue(id string, given map[string]string) (mockchannel.Merchant, error) {
	told := map[string]string{
		credentialKey: given[credentialKey], credentialPublishable: given[credentialPublishable], credentialSecret: given[credentialSecret],
	}
	for name, form := range map[string]struct {
		prefix string
		fresh  func() string
	}{
		credentialKey:         {"sk_", func() string { return "sk_test_" + rand.Text() + rand.Text() }},
		credentialPublishable: {"pk_", func() string { return "pk_test_" + rand.Text() + rand.Text() }},
		credentialSecret:      {secretPrefix, freshSecret},
	} {
		if told[name] == "" {
			told[name] = form.fresh()
		}
		if !strings.HasPrefix(told[name], form.prefix) {
			return mockchannel.Merchant{}, errors.New(name + ": it begins with " + form.prefix + " at Stripe")
		}
	}
	return mockchannel.Merchant{ID: id, APIKey: told[credentialKey], NotifySecret: told[credentialSecret], Told: told}, nil
}

const secretPrefix = "whsec_"

func freshSecret() string { return secretPrefix + rand.Text() + rand.Text()[:6] }

// Traits: an endpoint has an address and a secret of its own, which nobody else's events are ever sent to or signed
// with. So there is no other order's address, and no message of another merchant with a signature that holds.
func (dialect) Traits() mockchannel.Traits {
	return mockchannel.Traits{
		Notifies: []string{
			history.PaymentSucceeded, history.PaymentFailed, history.PaymentClosed, history.PaymentDisputed,
			history.RefundSucceeded, history.RefundFailed,
		},
		Forgeries: []string{
			history.ForgeryNoSignature, history.ForgeryWrongKey, history.ForgeryWrongAmount, history.ForgeryWrongCurrency,
		},
		TwinEvents: true,
		Disputes:   true,
		OneAddress: true,
	}
}

// Acknowledged is true for any 2xx: https://docs.stripe.com/webhooks#acknowledge-events-immediately.
func (dialect) Acknowledged(status int, _ []byte) (ok bool, remark string) {
	return status >= 200 && status < 300, ""
}

// Retry is up to three days with growing waits: https://docs.stripe.com/webhooks#retries. Stripe does not publish the
// waits; these are third parties' observation, and a system file may set others.
func (dialect) Retry() []time.Duration {
	waits := []time.Duration{5 * time.Minute, 30 * time.Minute, 2 * time.Hour, 5 * time.Hour, 10 * time.Hour}
	for range 4 {
		waits = append(waits, 12*time.Hour)
	}
	return waits
}
