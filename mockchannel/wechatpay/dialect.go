package wechatpay

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/paystorm/paystorm/history"
	"github.com/paystorm/paystorm/mockchannel"
)

type dialect struct{}

// New returns the dialect.
func New() mockchannel.Dialect { return dialect{} }

func (dialect) Name() string { return "wechatpay" }

// Hosts are the two of the API; libraries have them built in.
func (dialect) Hosts() []string { return []string{"api.mch.weixin.qq.com", "api2.mch.weixin.qq.com"} }

// Traits: there is no message about a payment that failed or was closed.
func (dialect) Traits() mockchannel.Traits {
	return mockchannel.Traits{
		Notifies: []string{history.PaymentSucceeded, history.RefundSucceeded, history.RefundFailed},
		Forgeries: []string{
			history.ForgeryNoSignature, history.ForgeryWrongKey, history.ForgeryOtherMerchant, history.ForgeryOtherOrder,
			history.ForgeryWrongAmount, history.ForgeryWrongCurrency,
		},
		SignatureProbes:  true,
		RotatesKeys:      true,
		SignsAnswers:     true,
		NumberPerPayment: true,
	}
}

func (dialect) PayerHandler(channel *mockchannel.Channel) http.Handler { return channel.PayerHandler() }

// Acknowledged is true for 200 and 204, whatever the body says.
func (dialect) Acknowledged(status int, body []byte) (ok bool, remark string) {
	if status != http.StatusOK && status != http.StatusNoContent {
		return false, ""
	}
	if answer, err := parse(body); err == nil && answer.members["code"].Str == "FAIL" {
		return true, `the status accepts it and the body says "FAIL"; the status counts`
	}
	return true, ""
}

// Retry is the provider's schedule: 15 more attempts in 24 hours and 4 minutes.
func (dialect) Retry() []time.Duration {
	const s, m, h = time.Second, time.Minute, time.Hour
	return []time.Duration{
		15 * s, 15 * s, 30 * s, 3 * m, 10 * m, 20 * m, 30 * m, 30 * m, 30 * m, 60 * m, 3 * h, 3 * h, 3 * h, 6 * h, 6 * h,
	}
}

// beijing is the zone of all dates.
var beijing = time.FixedZone("CST", 8*60*60)

func dated(t time.Time) string { return t.In(beijing).Format(time.RFC3339) }

// Identifiers are decimal, with the date in them: a transaction is 4200, six digits, the date, ten digits.
const (
	transactionPrefix = "4200"
	refundPrefix      = "5030"
	transactionLength = 28
	scatter           = 3_678_912_941 // odd and no multiple of five, so that n·scatter mod 10¹⁰ repeats only after 10¹⁰
)

// Identify makes a transaction_id, a refund_id, or the id of a notification.
func (dialect) Identify(kind mockchannel.IdentifierKind, at time.Time, n int64, hash uint64) string {
	day, chance, serial := at.In(beijing).Format("20060102"), hash%1_000_000, uint64(n)*scatter%10_000_000_000
	switch kind {
	case mockchannel.IdentifyPayment:
		return fmt.Sprintf("%s%06d%s%010d", transactionPrefix, chance, day, serial)
	case mockchannel.IdentifyRefund, mockchannel.IdentifyDispute:
		return fmt.Sprintf("%s%06d%s%010d", refundPrefix, chance, day, serial)
	default:
		return fmt.Sprintf("EV-%s%06d%010d", day, chance, serial)
	}
}

// A prepay_id and a code_url hold the transaction's digits in another order, so that the payment is found by them.
const (
	prepayPrefix = "wx"
	prepayTail   = "0000"
	prepayLength = 36
	codePrefix   = "weixin://wxpay/bizpayurl?pr="
)

// prepayID is fresh at each request for the same order.
func prepayID(transaction string, at time.Time) string {
	chance, day, serial := transaction[4:10], transaction[10:18], transaction[18:]
	return prepayPrefix + day + at.In(beijing).Format("150405") + serial + chance + prepayTail
}

func codeURL(transaction string) string {
	chance, day, serial := transaction[4:10], transaction[10:18], transaction[18:]
	return codePrefix + serial + day + chance
}

// Presented takes a code_url, an h5_url, a prepay_id, an out_trade_no or a transaction_id.
func (dialect) Presented(channel *mockchannel.Channel, handed string) (string, error) {
	id := handed
	switch {
	case strings.HasPrefix(handed, codePrefix) && len(handed) == len(codePrefix)+transactionLength-4:
		digits := handed[len(codePrefix):]
		id = transactionPrefix + digits[18:] + digits[10:18] + digits[:10]
	case strings.HasPrefix(handed, prepayPrefix) && len(handed) == prepayLength:
		id = transactionPrefix + handed[26:32] + handed[2:10] + handed[16:26]
	case strings.Contains(handed, "://"):
		if address, err := url.Parse(handed); err == nil {
			id = address.Path[strings.LastIndexByte(address.Path, '/')+1:]
		}
	}
	if _, found := channel.Find(id); found {
		return id, nil
	}
	for _, merchant := range channel.Merchants() {
		if p, found := channel.FindByOrder(merchant.ID, handed); found {
			return p.ID, nil
		}
	}
	return "", &mockchannel.Error{Code: mockchannel.CodePaymentNotFound, Message: "nothing was handed out like this"}
}
