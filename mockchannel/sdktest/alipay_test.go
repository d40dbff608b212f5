//go:build sdk

package sdktest_test

import (
	"testing"
	"time"

	"github.com/paystorm/paystorm/mockchannel"
	"github.com/paystorm/paystorm/mockchannel/alipay"
)

// TestAlipay lets alipay-sdk drive the whole life of trades, with public keys and with certificates.
func TestAlipay(t *testing.T) {
	for _, mode := range []string{"keys", "certificates"} {
		t.Run(mode, func(t *testing.T) {
			s := serve(t, alipay.New(alipay.Settings{BillsAtOnce: true}), func(c *mockchannel.Config) {
				c.RefundDelay = 300 * time.Millisecond // the script sees it pending
				c.Retry = []time.Duration{0, 100 * time.Millisecond, 100 * time.Millisecond}
			})
			s.node(t, "alipay.test.js", map[string]string{"MODE": mode})
		})
	}
}
