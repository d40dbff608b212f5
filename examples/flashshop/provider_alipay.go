package flashshop

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/smartwalle/alipay/v3"
)

// alipayShop is paid by QR codes (alipay.trade.precreate). A payment goes by the shop's number, its out_trade_no. Alipay
// makes the trade only when a buyer scans the code: until then it knows nothing to query or to close, and a code that
// nobody has scanned can still be paid until its time_expire.
type alipayShop struct {
	config
	client *alipay.Client
	files  *http.Client
	app    string
	seller string
}

const (
	yuan        = "CNY"
	alipayTimes = "2006-01-02 15:04:05"
)

// beijing is the zone of Alipay's times.
func beijing() *time.Location { return time.FixedZone("CST", 8*60*60) }

func newAlipay(v *variables, c config, client *http.Client) provider {
	s := &alipayShop{config: c, files: client, app: v.required("APP_ID"), seller: v.required("SELLER_ID")}
	gateway := v.url("CHANNEL_URL") + "/gateway.do"
	var err error
	if s.client, err = alipay.New(s.app, v.required("APP_PRIVATE_KEY"), true, alipay.WithProductionGateway(gateway),
		alipay.WithHTTPClient(client), alipay.WithTimeLocation(beijing())); err != nil {
		v.wrong("APP_PRIVATE_KEY", err)
		return nil
	}
	if err := s.client.LoadAliPayPublicKey(v.required("ALIPAY_PUBLIC_KEY")); err != nil {
		v.wrong("ALIPAY_PUBLIC_KEY", err)
	}
	return s
}

func (s *alipayShop) create(ctx context.Context, key string, d draft) (payment, error) {
	if d.Currency != yuan {
		return payment{}, &refusal{errFinal, "currency", "Alipay takes yuan, not " + d.Currency}
	}
	params := alipay.TradePreCreate{Trade: alipay.Trade{
		NotifyURL: d.NotifyURL, Subject: "Order " + d.Order, OutTradeNo: key, TotalAmount: inYuan(d.AmountMinor),
		PassbackParams: url.QueryEscape(d.Ref),
	}}
	made := payment{ID: key, Order: d.Order, AmountMinor: d.AmountMinor, Currency: yuan, State: paymentPending}
	if !s.defects.has("D14") { // the order expires, and what was to pay it does not
		expires := time.UnixMilli(d.ExpiresAt).Truncate(time.Second)
		params.TimeExpire, made.ExpiresAt = expires.In(beijing()).Format(alipayTimes), expires.UnixMilli()
	}
	told, err := s.client.TradePreCreate(ctx, params)
	if err == nil {
		err = &told.Error
	}
	err = alipayError(err, errFinal)
	if alipayCode(err, "ACQ.TRADE_HAS_SUCCESS", "ACQ.TRADE_HAS_CLOSE") { // an earlier try has made it, and it went on
		return s.query(ctx, made)
	}
	if errors.Is(err, errFinal) && made.ExpiresAt > 0 {
		return s.refused(ctx, made, err)
	}
	if err == nil && (told.OutTradeNo != key || told.QRCode == "") {
		err = errors.New("the answer is about something else")
	}
	if err != nil {
		return payment{}, fmt.Errorf("precreate trade: %w", err)
	}
	made.PayURL = told.QRCode
	return made, nil
}

// refused is what a refusal means of a payment that an earlier try, whose answer was lost, may have made all the same: when
// it has expired, Alipay refuses to make it again. It is given up only when it can be paid no more, and is not there.
func (s *alipayShop) refused(ctx context.Context, made payment, why error) (payment, error) {
	if time.Until(time.UnixMilli(made.ExpiresAt).Add(expiryMargin)) > 0 {
		return payment{}, fmt.Errorf("precreate trade, not the last word: %v", why) //nolint:errorlint // it must not be taken for final
	}
	told, err := s.close(ctx, made)
	if err == nil && told.State == paymentUnbegun {
		return payment{}, fmt.Errorf("precreate trade: %w", why)
	}
	return told, err
}

func (s *alipayShop) payments(ctx context.Context, _ string, known []payment) (list []payment, err error) {
	for _, p := range known {
		if p.State == paymentSucceeded {
			continue
		}
		told, err := s.query(ctx, p)
		if alipayCode(err, "ACQ.TRADE_NOT_EXIST") { // nobody has scanned it yet, or the answer lags
			continue
		}
		if err != nil {
			return nil, err
		}
		list = append(list, told)
	}
	return list, nil
}

func (s *alipayShop) query(ctx context.Context, p payment) (payment, error) {
	told, err := s.client.TradeQuery(ctx, alipay.TradeQuery{OutTradeNo: p.ID})
	if err == nil {
		err = &told.Error
	}
	err = alipayError(err, nil)
	if err == nil && told.OutTradeNo != p.ID {
		err = errors.New("the answer is about another trade")
	}
	if err != nil {
		return payment{}, fmt.Errorf("query trade: %w", err)
	}
	return p.as(told.TradeNo, told.TradeStatus, told.TotalAmount, told.ReceiptAmount)
}

// as is the payment in the state of its trade. A shop that gives no coupons receives what it asked for, or less was paid.
func (p payment) as(tradeNo string, status alipay.TradeStatus, total, receipt string) (payment, error) {
	p.TradeNo = tradeNo
	switch status {
	case alipay.TradeStatusSuccess, alipay.TradeStatusFinished:
		minor, err := fromYuan(cmp.Or(receipt, total))
		if asked, failed := fromYuan(total); err == nil {
			minor, err = min(minor, asked), failed
		}
		if err != nil {
			return p, fmt.Errorf("trade %s: %w", tradeNo, err)
		}
		p.State, p.CapturedMinor = paymentSucceeded, minor
	case alipay.TradeStatusClosed:
		p.State = paymentClosed
	default:
		p.State = paymentPending
	}
	return p, nil
}

func (s *alipayShop) close(ctx context.Context, p payment) (payment, error) {
	told, err := s.client.TradeClose(ctx, alipay.TradeClose{OutTradeNo: p.ID})
	if err == nil {
		err = &told.Error
	}
	err = alipayError(err, nil)
	switch {
	case err == nil:
		p.State = paymentClosed
		return p, nil
	case alipayCode(err, "ACQ.TRADE_NOT_EXIST"):
		p.State = paymentUnbegun
		return p, nil
	case alipayCode(err, "ACQ.TRADE_STATUS_ERROR", "ACQ.REASON_TRADE_STATUS_INVALID", "ACQ.REASON_ILLEGAL_STATUS"):
		return s.query(ctx, p)
	}
	return payment{}, fmt.Errorf("close trade: %w", err)
}

// refund succeeds if the answer says that money has moved; else a query tells.
func (s *alipayShop) refund(ctx context.Context, number string, p payment, minor int64, reason string) (refund, error) {
	told, err := s.client.TradeRefund(ctx, alipay.TradeRefund{
		OutTradeNo: p.ID, OutRequestNo: number, RefundAmount: inYuan(minor), RefundReason: reason,
	})
	if err == nil {
		err = &told.Error
	}
	err = alipayError(err, nil)
	if alipayCode(err, "ACQ.REFUND_AMT_NOT_EQUAL_TOTAL", "ACQ.DISCORDANT_REPEAT_REQUEST", "ACQ.TRADE_STATUS_ERROR",
		"ACQ.TRADE_HAS_FINISHED", "ACQ.TRADE_NOT_ALLOW_REFUND", "ACQ.REASON_TRADE_REFUND_FEE_ERR") {
		err = errors.Join(errUnrefundable, err)
	}
	if err != nil {
		return refund{}, fmt.Errorf("refund trade: %w", err)
	}
	made := refund{number, minor, refundPending}
	if told.FundChange == "Y" {
		made.State = refundSucceeded
	}
	return made, nil
}

// refundState knows but one good answer. Without it the refund was not made yet, and is to be asked for again under the
// same number.
func (s *alipayShop) refundState(ctx context.Context, number string, p payment) (refund, error) {
	told, err := s.client.TradeFastPayRefundQuery(ctx, alipay.TradeFastPayRefundQuery{OutTradeNo: p.ID, OutRequestNo: number})
	if err == nil {
		err = &told.Error
	}
	err = alipayError(err, nil)
	if err == nil && told.RefundStatus != "REFUND_SUCCESS" || alipayCode(err, "ACQ.TRADE_NOT_EXIST") {
		return refund{}, &refusal{errUnknownRefund, "no_success", "the refund " + number + " was not made"}
	}
	if err != nil {
		return refund{}, fmt.Errorf("query refund: %w", err)
	}
	minor, err := fromYuan(told.RefundAmount)
	return refund{number, minor, refundSucceeded}, err
}

// alipayError makes of an answer, or of an error of the library, a refusal if it is a definite no; means is what that no
// means. "Service unavailable" and "system error" leave it open what has happened. It is nil for an answer that is good.
func alipayError(err, means error) error {
	var told *alipay.Error
	if !errors.As(err, &told) {
		return err
	}
	code := cmp.Or(told.SubCode, string(told.Code))
	switch told.Code {
	case alipay.CodeSuccess:
		return nil
	case alipay.CodeBusinessFailed, alipay.CodeInvalidParam, alipay.CodeMissingParam, alipay.CodePermissionDenied:
		if code != "ACQ.SYSTEM_ERROR" && !strings.HasPrefix(code, "aop.") && !strings.HasPrefix(code, "isp.") {
			return &refusal{means, code, told.SubMsg}
		}
	default:
	}
	return fmt.Errorf("alipay answered %s %s: %s", told.Code, code, cmp.Or(told.SubMsg, told.Msg))
}

func alipayCode(err error, codes ...string) bool {
	var no *refusal
	if errors.As(err, &no) {
		for _, code := range codes {
			if no.Code == code {
				return true
			}
		}
	}
	return false
}

// authentic checks what Alipay asks its merchants to: the signature, the app and the seller. That the trade is of this
// order and of its amount is seen where the message is booked.
// https://opendocs.alipay.com/open/270/105902
func (s *alipayShop) authentic(_ *http.Request, body []byte) (n notification, err error) {
	form, err := url.ParseQuery(string(body))
	if err != nil || form.Get("out_trade_no") == "" {
		return n, no(http.StatusBadRequest, "UNREADABLE")
	}
	if form.Get("sign") != "" || !s.defects.has("D09") {
		if err := s.client.VerifySign(form); err != nil {
			return n, no(http.StatusUnauthorized, "BAD_SIGNATURE")
		}
	}
	if (form.Get("app_id") != s.app || form.Get("seller_id") != s.seller) && !s.defects.has("D11") {
		return n, no(http.StatusUnprocessableEntity, "NOT_OURS")
	}
	status := alipay.TradeStatus(form.Get("trade_status"))
	n = notification{ID: form.Get("notify_id"), Type: string(status)}
	p := payment{ID: form.Get("out_trade_no"), Currency: yuan}
	if n.ID == "" { // D09 alone gets here
		n.ID = n.Type + " " + p.ID
	}
	if form.Get("gmt_refund") != "" || form.Get("refund_fee") != "" {
		// Whatever the status is: money has gone back. The fee is the sum of all refunds, so that a query tells this one's.
		n.Payment, n.Refund = p, &refund{Number: cmp.Or(form.Get("out_biz_no"), p.ID)}
		return n, nil
	}
	if n.Payment, err = p.as(form.Get("trade_no"), status, form.Get("total_amount"), form.Get("receipt_amount")); err != nil {
		return n, no(http.StatusBadRequest, "UNREADABLE")
	}
	return n, nil
}

func (s *alipayShop) acknowledge(w http.ResponseWriter) { alipay.ACKNotification(w) }

func (s *alipayShop) refuse(w http.ResponseWriter, no denied) {
	w.Header().Set("Content-Type", "text/plain")
	w.WriteHeader(no.Status)
	_, _ = w.Write([]byte("fail"))
}

// inYuan writes an amount of minor units as Alipay does, such as 0.01.
func inYuan(minor int64) string { return fmt.Sprintf("%d.%02d", minor/100, minor%100) }

// fromYuan reads an amount such as 88, 88.8 or 88.88, exactly.
func fromYuan(text string) (int64, error) {
	whole, cents, _ := strings.Cut(text, ".")
	minor, err := strconv.ParseUint(whole+(cents + "00")[:max(2, len(cents))], 10, 53)
	if err != nil || whole == "" || len(cents) > 2 {
		return 0, fmt.Errorf("%q is no amount in yuan", text)
	}
	return int64(minor), nil
}
