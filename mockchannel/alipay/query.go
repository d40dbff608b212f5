package alipay

import (
	"encoding/base64"
	"errors"

	"github.com/paystorm/paystorm/mockchannel"
)

// tradeAnswer is a trade as query and pay tell it.
type tradeAnswer struct {
	outcome
	BuyerLogonID   string `json:"buyer_logon_id,omitempty"`
	BuyerPayAmount string `json:"buyer_pay_amount"`
	BuyerUserID    string `json:"buyer_user_id,omitempty"`
	FundBillList   []fund `json:"fund_bill_list,omitempty"`
	GmtPayment     string `json:"gmt_payment,omitempty"` // of pay
	InvoiceAmount  string `json:"invoice_amount"`
	OutTradeNo     string `json:"out_trade_no,omitempty"`
	PassbackParams string `json:"passback_params,omitempty"`
	PointAmount    string `json:"point_amount"`
	ReceiptAmount  string `json:"receipt_amount"`
	SendPayDate    string `json:"send_pay_date,omitempty"` // of query
	Subject        string `json:"subject,omitempty"`
	TotalAmount    string `json:"total_amount,omitempty"`
	TradeNo        string `json:"trade_no,omitempty"`
	TradeStatus    string `json:"trade_status,omitempty"` // of query
}

// fund is where the buyer's money came from.
type fund struct {
	FundChannel string `json:"fund_channel"`
	Amount      string `json:"amount"`
}

const fromAccount = "ALIPAYACCOUNT"

// describe tells a trade that exists. Amounts that the buyer has paid are nothing until then.
func describe(call *mockchannel.Call, p mockchannel.Payment, options []string) tradeAnswer {
	paid := yuan(p.Captured)
	said := tradeAnswer{
		outcome: success, BuyerLogonID: logonOf(p), BuyerPayAmount: paid, BuyerUserID: buyerOf(p), InvoiceAmount: paid,
		OutTradeNo: p.Order, PassbackParams: tradeOf(p).passback, PointAmount: "0.00", ReceiptAmount: paid,
		Subject: tradeOf(p).subject, TotalAmount: yuan(totalOf(p)), TradeNo: p.ID, TradeStatus: statusOf(p),
	}
	if p.Captured > 0 {
		at := stamp(call.Business(p.PaidAt))
		said.SendPayDate, said.GmtPayment = at, at
		if has(options, "fund_bill_list") {
			said.FundBillList = []fund{{fromAccount, paid}}
		}
	}
	return said
}

// about is a request about a trade that should exist, named by the merchant's number or the provider's.
func (r *request) about(do func(*mockchannel.Call) (mockchannel.Answer, error)) (mockchannel.MerchantRequest, error) {
	if r.content.OutTradeNo == "" && r.content.TradeNo == "" {
		return mockchannel.MerchantRequest{}, parameterError("out_trade_no", "is missing, and so is trade_no")
	}
	return mockchannel.MerchantRequest{Order: string(r.content.OutTradeNo), Payment: string(r.content.TradeNo), Do: do}, nil
}

// find is the trade that a request is about. One whose buyer has done nothing yet does not exist.
func (r *request) find(call *mockchannel.Call) (p mockchannel.Payment, err error) {
	if r.content.TradeNo != "" { // which goes before the other, by the provider's pages
		p, err = call.Payment(string(r.content.TradeNo))
	} else {
		p, err = call.PaymentOf(string(r.content.OutTradeNo))
	}
	if err == nil && !p.Begun {
		err = errNoTrade()
	}
	return p, err
}

func queryTrade(r *request) (mockchannel.MerchantRequest, error) {
	return r.about(func(call *mockchannel.Call) (mockchannel.Answer, error) {
		p, err := r.find(call)
		if err != nil {
			return mockchannel.Answer{}, err
		}
		said := describe(call, p, r.content.QueryOptions)
		said.GmtPayment = ""
		return r.answer(said), nil
	})
}

type closeAnswer struct {
	outcome
	TradeNo    string `json:"trade_no"`
	OutTradeNo string `json:"out_trade_no"`
}

// closeTrade closes a trade that waits for its buyer. A code that nobody has scanned stays good: there is no trade to
// close.
func closeTrade(r *request) (mockchannel.MerchantRequest, error) {
	return r.about(func(call *mockchannel.Call) (mockchannel.Answer, error) {
		p, err := r.find(call)
		if err != nil {
			return mockchannel.Answer{}, err
		}
		if p.State == mockchannel.Closed {
			return mockchannel.Answer{}, &mockchannel.Error{Code: mockchannel.CodePaymentClosed, Message: "the trade is closed"}
		}
		if p, err = call.Close(p.ID, ""); err != nil {
			return mockchannel.Answer{}, err
		}
		return r.answer(closeAnswer{success, p.ID, p.Order}), nil
	})
}

type cancelAnswer struct {
	outcome
	TradeNo    string `json:"trade_no,omitempty"`
	OutTradeNo string `json:"out_trade_no"`
	RetryFlag  string `json:"retry_flag"`
	Action     string `json:"action,omitempty"` // "close", "refund", or nothing where there was no trade
}

// cancelTrade closes a trade, or gives back what was paid, under the number that a refund of everything has.
func cancelTrade(r *request) (mockchannel.MerchantRequest, error) {
	return r.about(func(call *mockchannel.Call) (mockchannel.Answer, error) {
		said := cancelAnswer{outcome: success, OutTradeNo: string(r.content.OutTradeNo), RetryFlag: "N"}
		p, err := r.find(call)
		var refused *mockchannel.Error
		switch {
		case errors.As(err, &refused) && refused.Code == mockchannel.CodePaymentNotFound:
			return r.answer(said), nil
		case err != nil:
			return mockchannel.Answer{}, err
		}
		said.TradeNo, said.OutTradeNo, said.Action = p.ID, p.Order, "close"
		p, err = call.Close(p.ID, "")
		if errors.As(err, &refused) && refused.Code == mockchannel.CodePaymentSucceeded {
			said.Action = "refund"
			err = giveAllBack(call, p)
		}
		if err != nil {
			return mockchannel.Answer{}, err
		}
		return r.answer(said), nil
	})
}

// giveAllBack refunds what is left of a trade, unless nothing is.
func giveAllBack(call *mockchannel.Call, p mockchannel.Payment) error {
	left := p.Captured - p.Refunded - p.Refunding
	if left == 0 {
		return nil
	}
	_, _, err := call.Refund(mockchannel.RefundRequest{Payment: p.ID, Number: p.Order, PerPayment: true, Minor: left})
	return err
}

type certificateAnswer struct {
	outcome
	Content string `json:"alipay_cert_content"`
}

// downloadCertificate hands out the provider's certificate by its serial number, in base64.
func downloadCertificate(r *request) (mockchannel.MerchantRequest, error) {
	if string(r.content.AlipayCertSN) != r.keys.alipaySN {
		return mockchannel.MerchantRequest{}, refusal("isv.invalid_arguments", "there is no certificate of this alipay_cert_sn")
	}
	return mockchannel.MerchantRequest{Do: func(*mockchannel.Call) (mockchannel.Answer, error) {
		return r.answer(certificateAnswer{success, base64.StdEncoding.EncodeToString([]byte(r.keys.alipayPEM))}), nil
	}}, nil
}
