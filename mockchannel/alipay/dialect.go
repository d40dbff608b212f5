package alipay

import (
	"crypto/rand"
	"crypto/rsa"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/paystorm/paystorm/history"
	"github.com/paystorm/paystorm/mockchannel"
)

// Settings are the rules in which sources conflict or which only third parties tell, and what a mock may do otherwise. The
// zero Settings are the newer rules.
type Settings struct {
	// KeyBits is the length of fresh RSA keys; 0 is 2048, which the provider wants. 1024 signs three times as fast, for
	// loads in which the mock's own signatures would be the limit.
	KeyBits int
	// Retry is the schedule of notifications. Nil is the newer text: three re-sends at once, then 4m, 10m, 10m, 1h, 2h, 6h
	// and 15h; the older one lacks the three.
	Retry []time.Duration
	// Closes says of which products' unpaid trades the closing is notified, by method. Nil: wap.pay, app.pay and create.
	Closes map[string]bool
	// PasswordAbove is the amount in fen above which a bar code payment waits for the buyer's password (code 10003);
	// 0 is 100000, which is 1000 yuan.
	PasswordAbove int64
	// BillsAtOnce hands out the bill of a day that is not over, with what has happened so far. The provider does so on the
	// next day, from 10:00 on.
	BillsAtOnce bool
}

const (
	defaultKeyBits       = 2048
	defaultPasswordAbove = 100_000
)

// dialect keeps nothing but what New was told, and the key of somebody who is not the provider.
type dialect struct {
	settings Settings
	stranger func() (*rsa.PrivateKey, error)
}

// New returns the dialect.
func New(settings Settings) mockchannel.Dialect {
	if settings.KeyBits == 0 {
		settings.KeyBits = defaultKeyBits
	}
	if settings.PasswordAbove == 0 {
		settings.PasswordAbove = defaultPasswordAbove
	}
	if settings.Closes == nil {
		settings.Closes = map[string]bool{methodWap: true, methodApp: true, methodCreate: true}
	}
	if settings.Retry == nil {
		settings.Retry = []time.Duration{
			0, 0, 0, 4 * time.Minute, 10 * time.Minute, 10 * time.Minute, time.Hour, 2 * time.Hour, 6 * time.Hour, 15 * time.Hour,
		}
	}
	return &dialect{settings, sync.OnceValues(func() (*rsa.PrivateKey, error) {
		return rsa.GenerateKey(rand.Reader, settings.KeyBits)
	})}
}

func (*dialect) Name() string { return "alipay" }

// Traits: what is paid and given back is notified, and the closing of an unpaid trade for some products. Yuan is the only
// currency, so none can be wrong.
func (*dialect) Traits() mockchannel.Traits {
	return mockchannel.Traits{
		Notifies: []string{history.PaymentSucceeded, history.PaymentClosed, history.RefundSucceeded},
		Forgeries: []string{
			history.ForgeryNoSignature, history.ForgeryWrongKey, history.ForgeryOtherMerchant, history.ForgeryOtherOrder,
			history.ForgeryWrongAmount,
		},
		SignsAnswers:     true,
		NumberPerPayment: true,
	}
}

func (d *dialect) Retry() []time.Duration { return d.settings.Retry }

// Acknowledged is true for 200 and a body of the seven characters success, in small letters and with nothing around them.
func (*dialect) Acknowledged(status int, body []byte) (ok bool, remark string) {
	said := string(body) == "success"
	switch {
	case said && status == http.StatusOK:
		return true, ""
	case said:
		return false, "the body is success and the status is not 200"
	case status >= 200 && status < 300:
		return false, "the status accepts and the body is not exactly success"
	default:
		return false, ""
	}
}

// Identify makes numbers of the provider's form: its day, then digits that tell nothing.
func (*dialect) Identify(kind mockchannel.IdentifierKind, at time.Time, n int64, hash uint64) string {
	at = at.In(beijing)
	digits := fmt.Sprintf("%06d%09d", hash%1e6, scattered(n))
	switch kind {
	case mockchannel.IdentifyNotification:
		return at.Format("20060102") + "00222" + at.Format("150405") + digits
	case mockchannel.IdentifyRefund:
		return at.Format("20060102") + "10440" + digits
	default:
		return at.Format("20060102") + "22001" + digits
	}
}

// scattered is a number below 10⁹ for each n below it, no two the same, in no order that anybody would see.
func scattered(n int64) int64 { return n % 1e9 * 387_420_489 % 1e9 } // 3¹⁸ and 10⁹ have no common factor

// Announce: what the buyer paid, what was given back, and for some products that an unpaid trade was closed. Nothing is
// told of a trade that never existed, or that was made without a notify_url.
func (d *dialect) Announce(kind string, p mockchannel.Payment, _ *mockchannel.Refund) []mockchannel.Announcement {
	if p.NotifyURL == "" || !p.Begun {
		return nil
	}
	switch kind {
	case history.PaymentSucceeded, history.RefundSucceeded:
		return []mockchannel.Announcement{{}}
	case history.PaymentClosed:
		if d.settings.Closes[tradeOf(p).method] {
			return []mockchannel.Announcement{{}}
		}
	}
	return nil
}
