package alipay

import (
	"github.com/paystorm/paystorm/history"
	"github.com/paystorm/paystorm/mockchannel"
)

// returned is what the dialect knows of a refund beside the ledger.
type returned struct{ reason string }

type refundAnswer struct {
	outcome
	BuyerLogonID string `json:"buyer_logon_id,omitempty"`
	BuyerUserID  string `json:"buyer_user_id,omitempty"`
	FundChange   string `json:"fund_change,omitempty"`
	OutTradeNo   string `json:"out_trade_no,omitempty"`
	RefundFee    string `json:"refund_fee"` // of all refunds so far
	SendBackFee  string `json:"send_back_fee"`
	TradeNo      string `json:"trade_no,omitempty"`
}

// refundTrade gives back a part of a trade, or all of it. The code 10000 says that the refund was accepted; that money
// has moved, now and by this request, is fund_change Y.
func refundTrade(r *request) (mockchannel.MerchantRequest, error) {
	fen, isAmount := parseYuan(string(r.content.RefundAmount))
	switch {
	case r.content.RefundAmount == "":
		return mockchannel.MerchantRequest{}, parameterError("refund_amount", "is missing")
	case !isAmount || fen < leastFen || fen > mostFen:
		return mockchannel.MerchantRequest{}, parameterError("refund_amount", "want yuan with at most two decimal places")
	case len(r.content.OutRequestNo) > 64:
		return mockchannel.MerchantRequest{}, parameterError("out_request_no", "want at most 64 characters")
	}
	asked, err := r.about(func(call *mockchannel.Call) (mockchannel.Answer, error) {
		p, err := r.find(call)
		if err != nil {
			return mockchannel.Answer{}, err
		}
		number := string(r.content.OutRequestNo)
		if number == "" { // which only a refund of everything may lack
			number = p.Order
			if p.Captured > 0 && fen != p.Captured {
				return mockchannel.Answer{}, refusal("ACQ.REFUND_AMT_NOT_EQUAL_TOTAL", "")
			}
		}
		refund, repeated, err := call.Refund(mockchannel.RefundRequest{
			Payment: p.ID, Number: number, PerPayment: true, Again: true, Minor: fen,
			Details: returned{string(r.content.RefundReason)},
		})
		if err != nil {
			return mockchannel.Answer{}, err
		}
		if p, err = call.Payment(p.ID); err != nil {
			return mockchannel.Answer{}, err
		}
		said := refundAnswer{
			outcome: success, BuyerLogonID: logonOf(p), BuyerUserID: buyerOf(p), FundChange: "N", OutTradeNo: p.Order,
			RefundFee: yuan(p.Refunded), SendBackFee: "0.00", TradeNo: p.ID,
		}
		if refund.State == history.RefundDone && !repeated {
			said.FundChange, said.SendBackFee = "Y", yuan(refund.Minor)
		}
		return r.answer(said), nil
	})
	asked.Refund = string(r.content.OutRequestNo)
	if asked.Refund == "" {
		asked.Refund = asked.Order
	}
	return asked, err
}

type refundQueryAnswer struct {
	outcome
	GmtRefundPay string `json:"gmt_refund_pay,omitempty"`
	OutRequestNo string `json:"out_request_no,omitempty"`
	OutTradeNo   string `json:"out_trade_no,omitempty"`
	RefundAmount string `json:"refund_amount,omitempty"`
	RefundReason string `json:"refund_reason,omitempty"`
	RefundStatus string `json:"refund_status,omitempty"`
	TotalAmount  string `json:"total_amount,omitempty"`
	TradeNo      string `json:"trade_no,omitempty"`
}

// queryRefund tells a refund that has been done. Of one that is under way, that failed, or that nobody asked for, it says
// nothing but the code 10000.
func queryRefund(r *request) (mockchannel.MerchantRequest, error) {
	number := string(r.content.OutRequestNo)
	if number == "" {
		return mockchannel.MerchantRequest{}, parameterError("out_request_no", "is missing")
	}
	asked, err := r.about(func(call *mockchannel.Call) (mockchannel.Answer, error) {
		p, err := r.find(call)
		if err != nil {
			return mockchannel.Answer{}, err
		}
		refunds, err := call.RefundsOf(p.ID)
		if err != nil {
			return mockchannel.Answer{}, err
		}
		said := refundQueryAnswer{outcome: success}
		for _, refund := range refunds {
			if numberOf(refund) == number && refund.State == history.RefundDone {
				reason, _ := refund.Details.(returned)
				said = refundQueryAnswer{
					outcome: success, OutRequestNo: number, OutTradeNo: p.Order, RefundAmount: yuan(refund.Minor),
					RefundReason: reason.reason, RefundStatus: "REFUND_SUCCESS", TotalAmount: yuan(totalOf(p)), TradeNo: p.ID,
				}
				if has(r.content.QueryOptions, "gmt_refund_pay") {
					said.GmtRefundPay = stamp(call.Business(refund.At))
				}
			}
		}
		return r.answer(said), nil
	})
	asked.Refund = number
	return asked, err
}

// numberOf is a refund's out_request_no: the merchant's, or the provider's own where it gave back by itself.
func numberOf(refund mockchannel.Refund) string {
	if refund.Number == "" {
		return refund.ID
	}
	return refund.Number
}
