package standard

import (
	"net/http"
	"time"

	"github.com/paystorm/paystorm/mockchannel"
)

type dialect struct{}

// New returns the dialect.
func New() mockchannel.Dialect { return dialect{} }

func (dialect) Name() string { return "standard" }

func (dialect) MerchantHandler(c *mockchannel.Channel) http.Handler { return http.NewServeMux() }

func (dialect) PayerHandler(c *mockchannel.Channel) http.Handler { return c.PayerHandler() }

func (dialect) Encode(message mockchannel.Message, now time.Time) (mockchannel.Envelope, error) {
	return mockchannel.Envelope{}, nil
}

// Acknowledged: any 2xx.
func (dialect) Acknowledged(status int, _ []byte) bool { return status/100 == 2 }

// Retry is the schedule that the Standard Webhooks specification suggests.
func (dialect) Retry() []time.Duration {
	return []time.Duration{
		5 * time.Second, 5 * time.Minute, 30 * time.Minute, 2 * time.Hour, 5 * time.Hour, 10 * time.Hour, 14 * time.Hour,
		20 * time.Hour, 24 * time.Hour,
	}
}
