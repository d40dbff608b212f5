package alipay

import (
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/paystorm/paystorm/history"
	"github.com/paystorm/paystorm/mockchannel"
)

// millisecondly is the form of gmt_refund.
const millisecondly = "2006-01-02 15:04:05.000"

// Encode signs a notification (opendocs.alipay.com/open/270/105902). notify_id is the same at each delivery; notify_time
// and so sign are not. No field is ever empty: the provider's SDKs do not agree on whether an empty one is signed.
func (d *dialect) Encode(message mockchannel.Message, _ time.Time) (mockchannel.Envelope, error) {
	k, issued := message.Merchant.Keys.(*keys)
	if !issued {
		return mockchannel.Envelope{}, errors.New("the merchant was not issued by this dialect")
	}
	fields := described(message, k)
	if message.Forgery != history.ForgeryNoSignature {
		wrong := message.Forgery == history.ForgeryWrongKey || message.Forgery == history.ForgeryProbe
		key, err := d.signer(k, wrong)
		if err != nil {
			return mockchannel.Envelope{}, err
		}
		signature, err := sign(key, []byte(base(fields, "sign", "sign_type")))
		if err != nil {
			return mockchannel.Envelope{}, err
		}
		fields = append(fields, pair{"sign", signature})
	}
	return mockchannel.Envelope{
		Method: http.MethodPost, Body: []byte(form(fields)),
		Header: http.Header{"Content-Type": {"application/x-www-form-urlencoded; charset=utf-8"}},
	}, nil
}

// described are the fields of a notification but its signature.
func described(message mockchannel.Message, k *keys) []pair {
	p := message.Payment
	appID, seller := k.appID, k.sellerID
	if p.Merchant != message.Merchant.ID {
		appID, seller = appNumber(p.Merchant), userNumber(p.Merchant)
	}
	known := tradeOf(p)
	fields := []pair{
		{"app_id", appID},
		{"auth_app_id", appID},
		{"body", known.body},
		{"buyer_id", buyerOf(p)},
		{"buyer_logon_id", logonOf(p)},
		{"charset", "utf-8"},
		{"gmt_create", stamp(message.Created)},
		{"notify_id", message.ID},
		{"notify_time", stamp(message.Sent)},
		{"notify_type", "trade_status_sync"},
		{"out_trade_no", p.Order},
		{"passback_params", known.passback},
		{"seller_email", "seller@example.com"},
		{"seller_id", seller},
		{"sign_type", "RSA2"},
		{"subject", known.subject},
		{"total_amount", yuan(totalOf(p))},
		{"trade_no", p.ID},
		{"trade_status", statusOf(p)},
		{"version", "1.0"},
	}
	if p.Captured > 0 {
		paid := yuan(p.Captured)
		fields = append(fields,
			pair{"buyer_pay_amount", paid}, pair{"fund_bill_list", `[{"amount":"` + paid + `","fundChannel":"` + fromAccount + `"}]`},
			pair{"gmt_payment", stamp(message.Paid)}, pair{"invoice_amount", paid}, pair{"point_amount", "0.00"},
			pair{"receipt_amount", paid},
		)
	}
	if statusOf(p) == statusClosed {
		fields = append(fields, pair{"gmt_close", stamp(message.At)})
	}
	if r := message.Refund; r != nil {
		fields = append(fields,
			pair{"gmt_refund", message.At.In(beijing).Format(millisecondly)}, pair{"out_biz_no", numberOf(*r)},
			pair{"refund_fee", yuan(p.Refunded)},
		)
	}
	return fields
}

// form is fields as application/x-www-form-urlencoded, without those that are empty.
func form(fields []pair) string {
	var text strings.Builder
	for _, field := range fields {
		if field.value == "" {
			continue
		}
		if text.Len() > 0 {
			text.WriteByte('&')
		}
		text.WriteString(url.QueryEscape(field.key))
		text.WriteByte('=')
		text.WriteString(url.QueryEscape(field.value))
	}
	return text.String()
}
