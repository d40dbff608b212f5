package wechatpay

import (
	"cmp"
	"net/http"
	"regexp"

	"github.com/paystorm/paystorm/history"
	"github.com/paystorm/paystorm/mockchannel"
)

// mostRefunds is how often a payment can be refunded in part.
const mostRefunds = 50

var refundNumber = regexp.MustCompile(`^[0-9A-Za-z_\-|*@]{1,64}$`)

// refundDetails are a refund's.
type refundDetails struct {
	notifyURL string // "" is the address that the merchant has set in its console
	publicKey bool   // signs the messages about it
}

// createRefund decodes POST /v3/refund/domestic/refunds.
func createRefund(r *request) (mockchannel.MerchantRequest, error) {
	body, err := parse(r.body)
	if err != nil {
		return mockchannel.MerchantRequest{}, err
	}
	id, order := body.text("transaction_id", 32), body.text("out_trade_no", 32)
	amount := body.within("amount")
	wanted := mockchannel.RefundRequest{
		Payment: id, Number: body.required("out_refund_no", 64), Minor: amount.amount("refund"),
		Details: refundDetails{notifyURL: body.address("notify_url"), publicKey: r.publicKey},
	}
	total := amount.amount("total")
	if !refundNumber.MatchString(wanted.Number) {
		body.wrong("out_refund_no", "只能是数字、大小写字母_-|*@")
	}
	if amount.required("currency", 16) != currency {
		amount.wrong("currency", "目前只支持人民币：CNY")
	}
	if wanted.Minor > total {
		amount.wrong("refund", "不能超过原订单支付金额")
	}
	body.text("reason", 80)
	if id == "" && order == "" {
		body.wrong("transaction_id", "transaction_id和out_trade_no必须二选一")
	}
	if *body.err != nil {
		return mockchannel.MerchantRequest{}, *body.err
	}
	return mockchannel.MerchantRequest{
		Payment: id, Order: order, Refund: wanted.Number,
		Do: func(call *mockchannel.Call) (mockchannel.Answer, error) {
			p, err := paymentOf(call, id, order)
			if err != nil {
				return mockchannel.Answer{}, &mockchannel.Error{Code: codeNothingToRefund}
			}
			wanted.Payment = p.ID
			return r.refund(call, p, wanted, total)
		},
	}, nil
}

// paymentOf finds a payment by its transaction_id, or else by its order number.
func paymentOf(call *mockchannel.Call, id, order string) (mockchannel.Payment, error) {
	if id != "" {
		return call.Payment(id)
	}
	return call.PaymentOf(order)
}

// refund accepts it. That it was accepted is all that the answer tells.
func (r *request) refund(call *mockchannel.Call, p mockchannel.Payment, wanted mockchannel.RefundRequest, total int64) (mockchannel.Answer, error) {
	if p.State == mockchannel.Succeeded && total != p.Captured {
		return mockchannel.Answer{}, invalid("/amount/total", "订单金额不一致，请核实后再试")
	}
	if refunds, err := call.RefundsOf(p.ID); err == nil && len(refunds) >= mostRefunds {
		if _, err := call.RefundByNumber(wanted.Number); err != nil {
			return mockchannel.Answer{}, &mockchannel.Error{Code: mockchannel.CodeRefundExceeds}
		}
	}
	made, repeated, err := call.Refund(wanted)
	if err != nil {
		return mockchannel.Answer{}, err
	}
	told := refundOf(made, p)
	if repeated && made.State == history.RefundDone {
		told.SuccessTime = dated(call.Business(made.At))
	}
	if !repeated {
		told.Status = "PROCESSING"
	}
	told.CreateTime = dated(call.Business(made.CreatedAt))
	return r.answer(http.StatusOK, told), nil
}

// queryRefund decodes GET /v3/refund/domestic/refunds/{out_refund_no}.
func queryRefund(r *request) (mockchannel.MerchantRequest, error) {
	number := r.PathValue("number")
	return mockchannel.MerchantRequest{
		Refund: number,
		Do: func(call *mockchannel.Call) (mockchannel.Answer, error) {
			made, err := call.RefundByNumber(number)
			if err != nil { // one that the provider started itself has only the provider's number
				made, err = call.RefundByID(number)
			}
			if err != nil {
				return mockchannel.Answer{}, err
			}
			p, err := call.Payment(made.Payment)
			if err != nil {
				return mockchannel.Answer{}, err
			}
			told := refundOf(made, p)
			told.CreateTime = dated(call.Business(made.CreatedAt))
			if made.State == history.RefundDone {
				told.SuccessTime = dated(call.Business(made.At))
			}
			return r.answer(http.StatusOK, told), nil
		},
	}, nil
}

// refund is what the provider tells of one.
type refund struct {
	RefundID            string       `json:"refund_id"`
	OutRefundNo         string       `json:"out_refund_no"`
	TransactionID       string       `json:"transaction_id"`
	OutTradeNo          string       `json:"out_trade_no"`
	Channel             string       `json:"channel"`
	UserReceivedAccount string       `json:"user_received_account"`
	SuccessTime         string       `json:"success_time,omitempty"`
	CreateTime          string       `json:"create_time"`
	Status              string       `json:"status"`
	FundsAccount        string       `json:"funds_account"`
	Amount              refundAmount `json:"amount"`
	PromotionDetail     []struct{}   `json:"promotion_detail"`
}

type refundAmount struct {
	Total            int64      `json:"total"`
	Refund           int64      `json:"refund"`
	From             []struct{} `json:"from"`
	PayerTotal       int64      `json:"payer_total"`
	PayerRefund      int64      `json:"payer_refund"`
	SettlementRefund int64      `json:"settlement_refund"`
	SettlementTotal  int64      `json:"settlement_total"`
	DiscountRefund   int64      `json:"discount_refund"`
	Currency         string     `json:"currency"`
}

const receivedBy = "支付用户零钱"

// refundOf is a refund without its times.
func refundOf(r mockchannel.Refund, p mockchannel.Payment) refund {
	return refund{
		RefundID: r.ID, OutRefundNo: cmp.Or(r.Number, r.ID), TransactionID: r.Payment, OutTradeNo: r.Order,
		Channel: "ORIGINAL", UserReceivedAccount: receivedBy, Status: refundStatus(r), FundsAccount: "AVAILABLE",
		Amount: refundAmount{
			Total: p.Captured, Refund: r.Minor, From: []struct{}{}, PayerTotal: p.Captured, PayerRefund: r.Minor,
			SettlementRefund: r.Minor, SettlementTotal: p.Captured, Currency: r.Currency,
		},
		PromotionDetail: []struct{}{},
	}
}

// refundClosed is the reason of a refund that the provider gave up. Of any other reason it is ABNORMAL: the payer's
// account could not take it.
const refundClosed = "closed"

func refundStatus(r mockchannel.Refund) string {
	switch {
	case r.State == history.RefundDone:
		return "SUCCESS"
	case r.State == history.RefundBroken && r.Reason == refundClosed:
		return "CLOSED"
	case r.State == history.RefundBroken:
		return "ABNORMAL"
	default:
		return "PROCESSING"
	}
}
