package flashshop

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/wechatpay-apiv3/wechatpay-go/core"
	"github.com/wechatpay-apiv3/wechatpay-go/core/auth"
	"github.com/wechatpay-apiv3/wechatpay-go/core/auth/verifiers"
	"github.com/wechatpay-apiv3/wechatpay-go/core/notify"
	"github.com/wechatpay-apiv3/wechatpay-go/core/option"
	"github.com/wechatpay-apiv3/wechatpay-go/services/payments"
	"github.com/wechatpay-apiv3/wechatpay-go/services/payments/native"
	"github.com/wechatpay-apiv3/wechatpay-go/services/refunddomestic"
	"github.com/wechatpay-apiv3/wechatpay-go/utils"
)

// wechatShop is paid by native payments, a QR code. A payment goes by the shop's number, its out_trade_no. There is no
// message about a payment that failed or was closed. The library speaks to one host only; how that is reached is the
// environment's matter (HTTPS_PROXY, CHANNEL_CA).
type wechatShop struct {
	config
	native  native.NativeApiService
	files   *core.Client // for files, whose answers have no signature
	refunds refunddomestic.RefundsApiService
	news    *notify.Handler
	mchid   string
	appid   string
	key     string // API v3
}

// newWechatPay verifies by WeChat Pay's public key, as merchants of today do, or by its platform certificates where there is no
// public key.
func newWechatPay(v *variables, c config, client *http.Client) provider {
	s := &wechatShop{config: c, mchid: v.required("MCHID"), appid: v.required("APPID"), key: v.required("API_V3_KEY")}
	serial := v.required("MERCHANT_SERIAL_NO")
	private, err := utils.LoadPrivateKey(v.required("MERCHANT_PRIVATE_KEY"))
	if err != nil {
		v.wrong("MERCHANT_PRIVATE_KEY", err)
		return nil
	}
	if s.files, err = core.NewClient(context.Background(), option.WithHTTPClient(client),
		option.WithMerchantCredential(s.mchid, serial, private), option.WithoutValidator()); err != nil {
		v.wrong("PROVIDER", err)
		return nil
	}
	var api *core.Client
	var verifier auth.Verifier
	if id := v.env("PUBLIC_KEY_ID"); id != "" {
		public, failed := utils.LoadPublicKey(v.required("PUBLIC_KEY"))
		if failed != nil {
			v.wrong("PUBLIC_KEY", failed)
			return nil
		}
		api, err = core.NewClient(context.Background(), option.WithHTTPClient(client),
			option.WithWechatPayPublicKeyAuthCipher(s.mchid, serial, private, id, public))
		verifier = verifiers.NewSHA256WithRSAPubkeyVerifier(id, *public)
	} else {
		verifier = verifiers.NewSHA256WithRSAVerifier(&platformCertificates{client: s.files, key: s.key})
		api, err = core.NewClient(context.Background(), option.WithHTTPClient(client),
			option.WithMerchantCredential(s.mchid, serial, private), option.WithVerifier(verifier))
	}
	if err != nil {
		v.wrong("PROVIDER", err)
		return nil
	}
	s.native.Client, s.refunds.Client = api, api
	if s.news, err = notify.NewRSANotifyHandler(s.key, verifier); err != nil {
		v.wrong("API_V3_KEY", err)
	}
	return s
}

func (s *wechatShop) create(ctx context.Context, key string, d draft) (payment, error) {
	made := payment{ID: key, Order: d.Order, AmountMinor: d.AmountMinor, Currency: d.Currency, State: paymentPending}
	told, _, err := s.native.Prepay(ctx, native.PrepayRequest{
		Appid: &s.appid, Mchid: &s.mchid, Description: core.String("Order " + d.Order), OutTradeNo: &key, Attach: &d.Ref,
		NotifyUrl: &d.NotifyURL, Amount: &native.Amount{Total: &d.AmountMinor, Currency: &d.Currency},
	})
	if wechatCode(err, "ORDERPAID", "ORDER_CLOSED", "OUT_TRADE_NO_USED") { // an earlier try has made it, and it went on
		return s.query(ctx, made)
	}
	if err == nil && (told.CodeUrl == nil || *told.CodeUrl == "") {
		err = errors.New("the answer has no code")
	}
	if err != nil {
		return payment{}, fmt.Errorf("prepay: %w", wechatError(err, errFinal))
	}
	made.PayURL = *told.CodeUrl
	return made, nil
}

func (s *wechatShop) payments(ctx context.Context, _ string, known []payment) (list []payment, err error) {
	for _, p := range known {
		if p.State == paymentSucceeded {
			continue
		}
		told, err := s.query(ctx, p)
		if wechatCode(err, "ORDER_NOT_EXIST", "RESOURCE_NOT_EXISTS") {
			continue // it was there before
		}
		if err != nil {
			return nil, err
		}
		list = append(list, told)
	}
	return list, nil
}

func (s *wechatShop) query(ctx context.Context, p payment) (payment, error) {
	told, _, err := s.native.QueryOrderByOutTradeNo(ctx, native.QueryOrderByOutTradeNoRequest{OutTradeNo: &p.ID, Mchid: &s.mchid})
	if err != nil {
		return payment{}, fmt.Errorf("query payment: %w", wechatError(err, nil))
	}
	if text(told.OutTradeNo) != p.ID {
		return payment{}, errors.New("query payment: the answer is about another one")
	}
	amount := told.Amount
	if amount == nil {
		amount = &payments.TransactionAmount{}
	}
	return p.paidBy(text(told.TransactionId), text(told.TradeState), number(amount.Total), text(amount.Currency)), nil
}

// paidBy is the payment in the state of its transaction. One that was refunded, wholly or in part, had succeeded.
func (p payment) paidBy(transaction, state string, minor int64, currency string) payment {
	p.TradeNo, p.State = transaction, paymentPending
	switch state {
	case "SUCCESS", "REFUND":
		p.State, p.CapturedMinor, p.Currency = paymentSucceeded, minor, cmp.Or(currency, yuan)
	case "CLOSED", "REVOKED":
		p.State = paymentClosed
	}
	return p
}

func (s *wechatShop) close(ctx context.Context, p payment) (payment, error) {
	_, err := s.native.CloseOrder(ctx, native.CloseOrderRequest{OutTradeNo: &p.ID, Mchid: &s.mchid})
	switch {
	case err == nil, wechatCode(err, "ORDER_CLOSED"):
		p.State = paymentClosed
		return p, nil
	case wechatCode(err, "ORDERPAID", "ORDER_PAID"):
		return s.query(ctx, p)
	}
	return payment{}, fmt.Errorf("close payment: %w", wechatError(err, nil))
}

func (s *wechatShop) refund(ctx context.Context, refundNo string, p payment, minor int64, reason string) (refund, error) {
	told, _, err := s.refunds.Create(ctx, refunddomestic.CreateRequest{
		OutTradeNo: &p.ID, OutRefundNo: &refundNo, Reason: &reason, NotifyUrl: core.String(s.callbackURL + "/" + p.Order),
		Amount: &refunddomestic.AmountReq{Refund: &minor, Total: &p.CapturedMinor, Currency: &p.Currency}, // the transaction's total
	})
	if wechatCode(err, "INVALID_REQUEST", "USER_ACCOUNT_ABNORMAL") {
		return refund{}, fmt.Errorf("refund payment: %w", wechatError(err, errUnrefundable))
	}
	return wechatRefund(told, err)
}

func (s *wechatShop) refundState(ctx context.Context, refundNo string, _ payment) (refund, error) {
	told, _, err := s.refunds.QueryByOutRefundNo(ctx, refunddomestic.QueryByOutRefundNoRequest{OutRefundNo: &refundNo})
	if wechatCode(err, "RESOURCE_NOT_EXISTS") {
		return refund{}, fmt.Errorf("query refund: %w", wechatError(err, errUnknownRefund))
	}
	return wechatRefund(told, err)
}

func wechatRefund(told *refunddomestic.Refund, err error) (refund, error) {
	if err != nil {
		return refund{}, fmt.Errorf("refund: %w", wechatError(err, nil))
	}
	if told.OutRefundNo == nil || told.Status == nil || told.Amount == nil {
		return refund{}, errors.New("refund: the answer has none")
	}
	return refund{*told.OutRefundNo, number(told.Amount.Refund), wechatRefundState(string(*told.Status))}, nil
}

// wechatRefundState is a refund's state in the shop's words. One that is ABNORMAL did not reach the payer, and the money is
// still the merchant's.
func wechatRefundState(status string) string {
	switch status {
	case "SUCCESS":
		return refundSucceeded
	case "CLOSED", "ABNORMAL":
		return refundFailed
	}
	return refundPending
}

func wechatCode(err error, codes ...string) bool {
	var told *core.APIError
	var no *refusal
	for _, code := range codes {
		if errors.As(err, &told) && told.Code == code || errors.As(err, &no) && no.Code == code {
			return true
		}
	}
	return false
}

// wechatError makes of an error a refusal, if it is a definite no to what was asked; means is what that no means.
func wechatError(err, means error) error {
	var told *core.APIError
	if !errors.As(err, &told) {
		return err
	}
	switch told.StatusCode {
	case http.StatusBadRequest, http.StatusForbidden, http.StatusNotFound:
		if told.Code != "" {
			return &refusal{means, told.Code, told.Message}
		}
	}
	return fmt.Errorf("wechat pay answered %d %s %s", told.StatusCode, told.Code, told.Message)
}

// wechatNews is what a message has encrypted: a transaction or a refund.
type wechatNews struct {
	MchID         string `json:"mchid"`
	AppID         string `json:"appid"` // of a transaction
	OutTradeNo    string `json:"out_trade_no"`
	TransactionID string `json:"transaction_id"`
	TradeState    string `json:"trade_state"`
	OutRefundNo   string `json:"out_refund_no"`
	RefundStatus  string `json:"refund_status"`
	Amount        struct {
		Total    int64  `json:"total"`
		Refund   int64  `json:"refund"`
		Currency string `json:"currency"`
	} `json:"amount"`
}

// probe is how the signature begins of a message with which WeChat Pay tests whether the merchant looks.
const probe = "WECHATPAY/SIGNTEST/"

func (s *wechatShop) authentic(r *http.Request, body []byte) (n notification, err error) {
	signature := r.Header.Get("Wechatpay-Signature")
	if strings.HasPrefix(signature, probe) && s.defects.has("D33") { // "only a test": it is told what it wants to hear
		return n, nil
	}
	var told *notify.Request
	var news wechatNews
	if signature == "" && s.defects.has("D09") {
		told, news, err = s.unverified(body)
	} else {
		r.Body = io.NopCloser(bytes.NewReader(body))
		told, err = s.news.ParseNotifyRequest(r.Context(), r, &news)
	}
	if err != nil {
		return n, no(http.StatusUnauthorized, "BAD_SIGNATURE")
	}
	if news.OutTradeNo == "" {
		return n, no(http.StatusBadRequest, "UNREADABLE")
	}
	foreign := news.MchID != s.mchid || news.AppID != s.appid && news.OutRefundNo == ""
	if foreign && !s.defects.has("D11") {
		return n, no(http.StatusUnprocessableEntity, "NOT_OURS")
	}
	n = notification{ID: told.ID, Type: told.EventType, Payment: payment{ID: news.OutTradeNo}}
	if news.OutRefundNo != "" {
		n.Refund = &refund{news.OutRefundNo, news.Amount.Refund, wechatRefundState(news.RefundStatus)}
		return n, nil
	}
	n.Payment = n.Payment.paidBy(news.TransactionID, news.TradeState, news.Amount.Total, news.Amount.Currency)
	return n, nil
}

// unverified is D09: what the key opens is believed.
func (s *wechatShop) unverified(body []byte) (told *notify.Request, news wechatNews, err error) {
	if err := json.Unmarshal(body, &told); err != nil || told == nil || told.Resource == nil {
		return nil, news, errors.Join(err, errors.New("no resource"))
	}
	plain, err := utils.DecryptAES256GCM(s.key, told.Resource.AssociatedData, told.Resource.Nonce, told.Resource.Ciphertext)
	if err == nil {
		err = json.Unmarshal([]byte(plain), &news)
	}
	return told, news, err
}

func (s *wechatShop) acknowledge(w http.ResponseWriter) { w.WriteHeader(http.StatusNoContent) }

func (s *wechatShop) refuse(w http.ResponseWriter, no denied) {
	answer(w, no.Status, map[string]string{"code": "FAIL", "message": no.Code})
}

// text and number are what the library's pointers point at.
func text(p *string) string {
	if p == nil {
		return ""
	}
	return *p
}

func number(p *int64) int64 {
	if p == nil {
		return 0
	}
	return *p
}
