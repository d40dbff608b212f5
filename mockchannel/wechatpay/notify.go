package wechatpay

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"github.com/paystorm/paystorm/history"
	"github.com/paystorm/paystorm/mockchannel"
)

// Announce: a success goes to the payment's address, the end of a refund to the refund's own, or to the one that the
// merchant has set in its console. Nothing else is told.
func (dialect) Announce(kind string, _ mockchannel.Payment, r *mockchannel.Refund) []mockchannel.Announcement {
	switch kind {
	case history.PaymentSucceeded:
		return []mockchannel.Announcement{{}}
	case history.RefundSucceeded, history.RefundFailed:
		details, _ := r.Details.(refundDetails)
		return []mockchannel.Announcement{{URL: details.notifyURL, ToMerchant: details.notifyURL == ""}}
	default:
		return nil
	}
}

// notification is the body of a notification.
type notification struct {
	ID           string `json:"id"`
	CreateTime   string `json:"create_time"`
	ResourceType string `json:"resource_type"`
	EventType    string `json:"event_type"`
	Summary      string `json:"summary"`
	Resource     sealed `json:"resource"`
}

// refundNotice is what a refund's notification tells.
type refundNotice struct {
	MchID               string             `json:"mchid"`
	TransactionID       string             `json:"transaction_id"`
	OutTradeNo          string             `json:"out_trade_no"`
	RefundID            string             `json:"refund_id"`
	OutRefundNo         string             `json:"out_refund_no"`
	RefundStatus        string             `json:"refund_status"`
	SuccessTime         string             `json:"success_time,omitempty"`
	UserReceivedAccount string             `json:"user_received_account"`
	Amount              refundNoticeAmount `json:"amount"`
}

type refundNoticeAmount struct {
	Total       int64 `json:"total"`
	Refund      int64 `json:"refund"`
	PayerTotal  int64 `json:"payer_total"`
	PayerRefund int64 `json:"payer_refund"`
}

// Encode seals and signs a notification as of now. The body is the same at each delivery; the signature's headers are not.
func (dialect) Encode(message mockchannel.Message, now time.Time) (mockchannel.Envelope, error) {
	k, err := keysOf(message.Merchant)
	if err != nil {
		return mockchannel.Envelope{}, err
	}
	content := notification{ID: message.ID, CreateTime: dated(message.At), ResourceType: "encrypt-resource"}
	publicKey := detailsOf(message.Payment, k).publicKey
	var told any
	kind := "transaction"
	if message.Refund == nil {
		content.EventType, content.Summary = "TRANSACTION.SUCCESS", "支付成功"
		told = transactionTold(message, k)
	} else {
		kind = "refund"
		content.EventType, content.Summary = "REFUND."+refundStatus(*message.Refund), refundSummary(*message.Refund)
		told = refundTold(message, k)
		if details, ok := message.Refund.Details.(refundDetails); ok {
			publicKey = details.publicKey
		}
	}
	text, err := json.Marshal(told)
	if err != nil {
		return mockchannel.Envelope{}, fmt.Errorf("encode a %s: %w", kind, err)
	}
	content.Resource = seal(k.apiV3, text, message.ID, kind)
	content.Resource.OriginalType = kind
	body, err := json.Marshal(content)
	if err != nil {
		return mockchannel.Envelope{}, fmt.Errorf("encode a notification: %w", err)
	}
	envelope := mockchannel.Envelope{
		Method: http.MethodPost, Header: http.Header{"Content-Type": {"application/json"}, "User-Agent": {"Mozilla/4.0"}}, Body: body,
	}
	if message.Forgery == history.ForgeryNoSignature {
		return envelope, nil
	}
	how := signing{publicKey: publicKey, next: message.NextKey, at: now, forgery: message.Forgery}
	if envelope.Rotated, err = k.signed(envelope.Header.Set, body, how); err != nil {
		return mockchannel.Envelope{}, fmt.Errorf("sign a notification: %w", err)
	}
	return envelope, nil
}

// claimed is the merchant number that a message speaks of, which in a forged one may be another merchant's.
func claimed(message mockchannel.Message, k *keys) string {
	if message.Payment.Merchant == message.Merchant.ID {
		return k.mchid
	}
	return mchidOf(message.Payment.Merchant)
}

func transactionTold(message mockchannel.Message, k *keys) transaction {
	told := transactionOf(message.Payment, k, claimed(message, k))
	told.SuccessTime = dated(message.At)
	return told
}

func refundTold(message mockchannel.Message, k *keys) refundNotice {
	r, p := *message.Refund, message.Payment
	told := refundNotice{
		MchID: claimed(message, k), TransactionID: r.Payment, OutTradeNo: r.Order, RefundID: r.ID,
		OutRefundNo: cmp.Or(r.Number, r.ID), RefundStatus: refundStatus(r), UserReceivedAccount: receivedBy,
		Amount: refundNoticeAmount{Total: p.Captured, Refund: r.Minor, PayerTotal: p.Captured, PayerRefund: r.Minor},
	}
	if r.State == history.RefundDone {
		told.SuccessTime = dated(message.At)
	}
	return told
}

func refundSummary(r mockchannel.Refund) string {
	switch refundStatus(r) {
	case "SUCCESS":
		return "退款成功"
	case "CLOSED":
		return "退款关闭"
	default:
		return "退款异常"
	}
}
