package wechatpay

import (
	"net/http"
	"net/url"
	"regexp"
	"time"

	"github.com/paystorm/paystorm/mockchannel"
)

const (
	currency      = "CNY"
	largestAmount = 1_000_000_000_000
	longestURL    = 255
	// soonest is how long an order can be paid at least: an earlier time_expire is moved.
	soonest = time.Minute
)

var orderNumber = regexp.MustCompile(`^[0-9A-Za-z_\-|*]{6,32}$`)

// asked is what a merchant asked for. Whoever asks again must ask for the same.
type asked struct {
	tradeType, appid, description, attach, notifyURL, goodsTag, openid string
	total                                                              int64
	expires                                                            time.Time
	settings                                                           string // what else there was and the mock does nothing with
}

// order is a payment's details.
type order struct {
	asked
	publicKey bool // signs the messages about it
}

// detailsOf are a payment's details; of one that came into being otherwise, the plainest.
func detailsOf(p mockchannel.Payment, k *keys) order {
	if details, ok := p.Details.(order); ok {
		return details
	}
	return order{asked: asked{tradeType: "NATIVE", appid: k.appid}}
}

// createBy decodes POST /v3/pay/transactions/{native|jsapi|app|h5}.
func createBy(tradeType string) decoder {
	return func(r *request) (mockchannel.MerchantRequest, error) {
		number, wanted, err := decodeOrder(r, tradeType)
		if err != nil {
			return mockchannel.MerchantRequest{}, err
		}
		return mockchannel.MerchantRequest{
			Order: number,
			Ref:   wanted.attach,
			Do:    func(call *mockchannel.Call) (mockchannel.Answer, error) { return r.create(call, number, wanted) },
		}, nil
	}
}

// create answers with what the payer needs to pay. An order number that comes again must come with the same parameters.
func (r *request) create(call *mockchannel.Call, number string, wanted asked) (mockchannel.Answer, error) {
	expires := wanted.expires
	if earliest := call.Ahead(soonest); !expires.IsZero() && expires.Before(earliest) {
		expires = earliest
	}
	p, existed, err := call.CreateOnlyPayment(mockchannel.PaymentRequest{
		Order: number, Minor: wanted.total, Currency: currency, NotifyURL: wanted.notifyURL, Ref: wanted.attach,
		Details: order{asked: wanted, publicKey: r.publicKey}, Expires: expires,
	})
	if err != nil {
		return mockchannel.Answer{}, err
	}
	if existed {
		if err := reentry(p, detailsOf(p, r.keys).asked, wanted); err != nil {
			return mockchannel.Answer{}, err
		}
	}
	switch wanted.tradeType {
	case "NATIVE":
		return r.answer(http.StatusOK, map[string]string{"code_url": codeURL(p.ID)}), nil
	case "MWEB":
		return r.answer(http.StatusOK, map[string]string{"h5_url": p.PayURL}), nil
	default:
		return r.answer(http.StatusOK, map[string]string{"prepay_id": prepayID(p.ID, call.Now())}), nil
	}
}

// reentry says why an order number cannot come again like this.
func reentry(p mockchannel.Payment, before, now asked) error {
	switch {
	case p.State == mockchannel.Succeeded:
		return &mockchannel.Error{Code: mockchannel.CodePaymentSucceeded}
	case p.State == mockchannel.Closed:
		return &mockchannel.Error{Code: mockchannel.CodePaymentClosed}
	case before.tradeType != now.tradeType || before.appid != now.appid:
		return &mockchannel.Error{Code: codeOtherTradeType}
	case before != now:
		return &mockchannel.Error{Code: mockchannel.CodePaymentMismatch}
	default:
		return nil
	}
}

func decodeOrder(r *request, tradeType string) (number string, wanted asked, err error) {
	body, err := parse(r.body)
	if err != nil {
		return "", asked{}, err
	}
	amount := body.within("amount")
	wanted = asked{
		tradeType:   tradeType,
		appid:       body.required("appid", 32),
		description: body.required("description", 127),
		attach:      body.text("attach", 128),
		goodsTag:    body.text("goods_tag", 32),
		notifyURL:   body.address("notify_url"),
		total:       amount.amount("total"),
		expires:     body.time("time_expire"),
		settings:    body.members["detail"].Raw + body.members["settle_info"].Raw,
	}
	number = body.required("out_trade_no", 32)
	if !orderNumber.MatchString(number) {
		body.wrong("out_trade_no", "要求6-32个字符内，只能是数字、大小写字母_-|*")
	}
	if wanted.notifyURL == "" {
		body.wrong("notify_url", "不能为空")
	}
	if given := amount.text("currency", 16); given != "" && given != currency {
		amount.wrong("currency", "境内商户号仅支持人民币：CNY")
	}
	switch scene := body.within("scene_info"); tradeType {
	case "JSAPI":
		wanted.openid = body.within("payer").required("openid", 128)
	case "MWEB":
		scene.required("payer_client_ip", 45)
		scene.within("h5_info").required("type", 32)
	}
	if *body.err != nil {
		return "", asked{}, *body.err
	}
	if err := r.ownMerchant("/mchid", body.text("mchid", 32)); err != nil {
		return "", asked{}, err
	}
	if wanted.appid != r.keys.appid {
		return "", asked{}, &mockchannel.Error{Code: codeAppID}
	}
	return number, wanted, nil
}

// address is where messages go: an absolute one, without a query.
func (o object) address(name string) string {
	text := o.text(name, longestURL)
	if text == "" {
		return ""
	}
	address, err := url.Parse(text)
	if err != nil || address.Host == "" || (address.Scheme != "http" && address.Scheme != "https") || address.RawQuery != "" {
		o.wrong(name, "要求是可访问的URL，不能携带参数")
	}
	return text
}

// queryByNumber decodes GET /v3/pay/transactions/out-trade-no/{out_trade_no}.
func queryByNumber(r *request) (mockchannel.MerchantRequest, error) {
	number := r.PathValue("number")
	return mockchannel.MerchantRequest{
		Order: number,
		Do: func(call *mockchannel.Call) (mockchannel.Answer, error) {
			p, err := call.PaymentOf(number)
			if err != nil {
				return mockchannel.Answer{}, err
			}
			return r.answerPayment(call, p), nil
		},
	}, r.ownMerchant(inQuery+"mchid", r.URL.Query().Get("mchid"))
}

// queryByID decodes GET /v3/pay/transactions/id/{transaction_id}. A transaction has its number from when it is paid.
func queryByID(r *request) (mockchannel.MerchantRequest, error) {
	id := r.PathValue("id")
	return mockchannel.MerchantRequest{
		Payment: id,
		Do: func(call *mockchannel.Call) (mockchannel.Answer, error) {
			p, err := call.Payment(id)
			if err == nil && p.State != mockchannel.Succeeded {
				err = &mockchannel.Error{Code: mockchannel.CodePaymentNotFound}
			}
			if err != nil {
				return mockchannel.Answer{}, err
			}
			return r.answerPayment(call, p), nil
		},
	}, r.ownMerchant(inQuery+"mchid", r.URL.Query().Get("mchid"))
}

// answerPayment tells a transaction as it is, or as the merchant is to see it.
func (r *request) answerPayment(call *mockchannel.Call, p mockchannel.Payment) mockchannel.Answer {
	told := transactionOf(p, r.keys, r.keys.mchid)
	told.SuccessTime = ""
	if p.State == mockchannel.Succeeded {
		told.SuccessTime = dated(call.Business(p.PaidAt))
		if refunds, err := call.RefundsOf(p.ID); err == nil && len(refunds) > 0 {
			told.TradeState, told.TradeStateDesc = "REFUND", "订单发生过退款，退款详情请查询退款单"
		}
	}
	return r.answer(http.StatusOK, told)
}

// closePayment decodes POST /v3/pay/transactions/out-trade-no/{out_trade_no}/close.
func closePayment(r *request) (mockchannel.MerchantRequest, error) {
	body, err := parse(r.body)
	if err != nil {
		return mockchannel.MerchantRequest{}, err
	}
	mchid := body.required("mchid", 32)
	if *body.err != nil {
		return mockchannel.MerchantRequest{}, *body.err
	}
	number := r.PathValue("number")
	return mockchannel.MerchantRequest{
		Order: number,
		Do: func(call *mockchannel.Call) (mockchannel.Answer, error) {
			p, err := call.PaymentOf(number)
			if err == nil {
				_, err = call.Close(p.ID, "")
			}
			if err != nil {
				return mockchannel.Answer{}, err
			}
			return r.answer(http.StatusNoContent, nil), nil
		},
	}, r.ownMerchant("/mchid", mchid)
}

// transaction is what the provider tells of a payment.
type transaction struct {
	AppID           string            `json:"appid"`
	MchID           string            `json:"mchid"`
	OutTradeNo      string            `json:"out_trade_no"`
	TransactionID   string            `json:"transaction_id,omitempty"`
	TradeType       string            `json:"trade_type,omitempty"`
	TradeState      string            `json:"trade_state"`
	TradeStateDesc  string            `json:"trade_state_desc"`
	BankType        string            `json:"bank_type,omitempty"`
	Attach          string            `json:"attach,omitempty"`
	SuccessTime     string            `json:"success_time,omitempty"`
	Payer           payer             `json:"payer"`
	Amount          transactionAmount `json:"amount"`
	PromotionDetail []struct{}        `json:"promotion_detail"`
}

type payer struct {
	OpenID string `json:"openid,omitempty"`
}

type transactionAmount struct {
	Total         int64  `json:"total"`
	PayerTotal    int64  `json:"payer_total,omitempty"`
	Currency      string `json:"currency"`
	PayerCurrency string `json:"payer_currency"`
}

// transactionOf is a payment of a merchant number, without the time of its success. What is only known of a transaction
// that was paid is not told of another.
func transactionOf(p mockchannel.Payment, k *keys, mchid string) transaction {
	details := detailsOf(p, k)
	told := transaction{
		AppID: details.appid, MchID: mchid, OutTradeNo: p.Order, Attach: details.attach, PromotionDetail: []struct{}{},
		Amount: transactionAmount{Total: p.Minor, Currency: p.Currency, PayerCurrency: p.Currency},
	}
	switch p.State {
	case mockchannel.Succeeded:
		told.TradeState, told.TradeStateDesc, told.BankType = "SUCCESS", "支付成功", "OTHERS"
		told.TransactionID, told.TradeType = p.ID, details.tradeType
		told.Amount.Total, told.Amount.PayerTotal = p.Captured, p.Captured
		told.Payer.OpenID = details.openid
		if told.Payer.OpenID == "" {
			told.Payer.OpenID = "o" + p.ID[1:]
		}
	case mockchannel.Closed:
		told.TradeState, told.TradeStateDesc = "CLOSED", "订单已关闭"
	default: // a payer who is about to pay, or whose attempt failed, is told of in payments by code only
		told.TradeState, told.TradeStateDesc = "NOTPAY", "订单未支付"
	}
	return told
}
