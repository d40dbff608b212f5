package alipay

import (
	"errors"
	"net/url"
	"regexp"
	"strings"
	"time"

	"github.com/paystorm/paystorm/mockchannel"
)

// trade is what the dialect knows of a payment beside the ledger.
type trade struct {
	method    string // that made it, which is its product
	subject   string
	body      string
	passback  string
	buyer     string // "" until it is known
	returnURL string
}

func tradeOf(p mockchannel.Payment) trade {
	known, _ := p.Details.(trade)
	return known
}

// buyerOf is who pays, which the mock decides where the merchant did not say.
func buyerOf(p mockchannel.Payment) string {
	if known := tradeOf(p); known.buyer != "" {
		return known.buyer
	}
	return userNumber("buyer of " + p.ID)
}

// logonOf is how a buyer's account is shown: in part.
func logonOf(p mockchannel.Payment) string { return "159****" + digitsOf(buyerOf(p))[8:] }

// statusOf is the trade's state in the provider's words.
func statusOf(p mockchannel.Payment) string {
	switch p.State {
	case mockchannel.Succeeded:
		if p.Captured > 0 && p.Refunded >= p.Captured {
			return statusClosed
		}
		return statusSuccess
	case mockchannel.Closed:
		return statusClosed
	default:
		return statusWaiting
	}
}

const (
	statusWaiting = "WAIT_BUYER_PAY"
	statusSuccess = "TRADE_SUCCESS"
	statusClosed  = "TRADE_CLOSED"
)

// totalOf is what a trade is about: what was paid, or else what is asked for.
func totalOf(p mockchannel.Payment) int64 {
	if p.Captured > 0 {
		return p.Captured
	}
	return p.Minor
}

// numberForm is an out_trade_no: letters, digits and underscores (opendocs.alipay.com, alipay.trade.page.pay).
var numberForm = regexp.MustCompile(`^[A-Za-z0-9_]{1,64}$`)

const (
	longestSubject  = 256
	longestPassback = 512
)

// wanted is what a request for a trade asks of the channel, but for the end of the time to pay.
func (r *request) wanted() (mockchannel.PaymentRequest, error) {
	c := r.content
	order := string(c.OutTradeNo)
	fen, isAmount := parseYuan(string(c.TotalAmount))
	switch {
	case order == "":
		return mockchannel.PaymentRequest{}, parameterError("out_trade_no", "is missing")
	case !numberForm.MatchString(order):
		return mockchannel.PaymentRequest{}, parameterError("out_trade_no", "want at most 64 letters, digits and underscores")
	case c.TotalAmount == "":
		return mockchannel.PaymentRequest{}, parameterError("total_amount", "is missing")
	case !isAmount:
		return mockchannel.PaymentRequest{}, parameterError("total_amount", "want yuan with at most two decimal places")
	case fen < leastFen || fen > mostFen:
		return mockchannel.PaymentRequest{}, refusal("ACQ.TOTAL_FEE_EXCEED", "want 0.01 to 100000000.00")
	case c.Subject == "" || len([]rune(c.Subject)) > longestSubject:
		return mockchannel.PaymentRequest{}, parameterError("subject", "want 1 to 256 characters")
	case len(c.PassbackParams) > longestPassback:
		return mockchannel.PaymentRequest{}, parameterError("passback_params", "want at most 512 characters")
	}
	buyer := string(c.BuyerID)
	if buyer == "" {
		buyer = string(c.BuyerOpenID)
	}
	request := mockchannel.PaymentRequest{
		Order: order, Minor: fen, Currency: currency, NotifyURL: r.parameter("notify_url"), Ref: reference(string(c.PassbackParams)),
		Details: trade{
			method: r.method, subject: string(c.Subject), body: string(c.Body), passback: string(c.PassbackParams), buyer: buyer,
			returnURL: r.parameter("return_url"),
		},
	}
	return request, request.Validate()
}

// reference is the client reference in passback_params, which merchants escape once more (same page).
func reference(passback string) string {
	if plain, err := url.QueryUnescape(passback); err == nil {
		return plain
	}
	return passback
}

// expires is when a trade can no longer be paid. time_expire is a time of the wall clock; the others are lengths of
// business time, of which unless says the longest if nothing is asked for.
func (r *request) expires(call *mockchannel.Call, unless time.Duration) (time.Time, error) {
	c := r.content
	if c.TimeExpire != "" {
		at, err := time.ParseInLocation(secondly, string(c.TimeExpire), beijing)
		switch {
		case err != nil:
			return at, parameterError("time_expire", `want "yyyy-MM-dd HH:mm:ss"`)
		case !at.After(call.Wall()):
			return at, parameterError("time_expire", "is over already")
		}
		return at, nil
	}
	name, text := "timeout_express", c.TimeoutExpress
	if r.method == methodPrecreate && c.QRCodeTimeoutExpress != "" {
		name, text = "qr_code_timeout_express", c.QRCodeTimeoutExpress
	}
	if text == "" {
		return call.Ahead(unless), nil
	}
	wait, ok := limit(string(text), call.Now())
	if !ok {
		return time.Time{}, parameterError(name, "want 1m to 15d, or 1c")
	}
	return call.Ahead(wait), nil
}

// place makes the one trade of an out_trade_no, or finds that it exists: that is no error as long as it waits for its
// buyer and was asked for in the same way.
func (r *request) place(call *mockchannel.Call, wanted mockchannel.PaymentRequest, unless time.Duration) (mockchannel.Payment, error) {
	var err error
	if wanted.Expires, err = r.expires(call, unless); err != nil {
		return mockchannel.Payment{}, err
	}
	p, existed, err := call.CreateOnlyPayment(wanted)
	if err != nil || !existed {
		return p, err
	}
	before, now := tradeOf(p), wanted.Details.(trade)
	switch {
	case p.State == mockchannel.Succeeded:
		return p, &mockchannel.Error{Code: mockchannel.CodePaymentSucceeded, Message: "the trade has been paid"}
	case p.State == mockchannel.Closed:
		return p, &mockchannel.Error{Code: mockchannel.CodePaymentClosed, Message: "the trade is closed"}
	case p.Minor != wanted.Minor || before.subject != now.subject:
		return p, &mockchannel.Error{
			Code: mockchannel.CodePaymentMismatch, Message: "the number belongs to a trade of another amount or subject",
		}
	}
	return p, nil
}

// order is a request that makes a trade.
func (r *request) order(wanted mockchannel.PaymentRequest, do func(*mockchannel.Call) (mockchannel.Answer, error)) mockchannel.MerchantRequest {
	return mockchannel.MerchantRequest{Order: wanted.Order, Ref: wanted.Ref, Do: do}
}

type precreateAnswer struct {
	outcome
	OutTradeNo string `json:"out_trade_no"`
	QRCode     string `json:"qr_code"`
}

// codeValid is how long a code can be scanned.
const codeValid = 2 * time.Hour

// precreate mints a code. The trade does not exist until somebody scans it.
func precreate(r *request) (mockchannel.MerchantRequest, error) {
	wanted, err := r.wanted()
	if err != nil {
		return mockchannel.MerchantRequest{}, err
	}
	return r.order(wanted, func(call *mockchannel.Call) (mockchannel.Answer, error) {
		p, err := r.place(call, wanted, codeValid)
		if err != nil {
			return mockchannel.Answer{}, err
		}
		return r.answer(precreateAnswer{success, p.Order, codeOf(p.ID)}), nil
	}), nil
}

type createAnswer struct {
	outcome
	OutTradeNo string `json:"out_trade_no"`
	TradeNo    string `json:"trade_no"`
}

// createTrade makes a trade for a buyer whom the merchant names.
func createTrade(r *request) (mockchannel.MerchantRequest, error) {
	wanted, err := r.wanted()
	if err != nil {
		return mockchannel.MerchantRequest{}, err
	}
	if tradeDetails := wanted.Details.(trade); tradeDetails.buyer == "" {
		return mockchannel.MerchantRequest{}, parameterError("buyer_id", "is missing, and so is buyer_open_id")
	}
	return r.order(wanted, func(call *mockchannel.Call) (mockchannel.Answer, error) {
		p, err := r.place(call, wanted, longest)
		if err == nil && p.State == mockchannel.Created {
			p, err = call.Begin(p.ID)
		}
		if err != nil {
			return mockchannel.Answer{}, err
		}
		return r.answer(createAnswer{success, p.Order, p.ID}), nil
	}), nil
}

// codeForm is a payment code: 16 to 24 digits that begin with 25 to 30 (opendocs.alipay.com, alipay.trade.pay).
var codeForm = regexp.MustCompile(`^(2[5-9]|30)[0-9]{14,22}$`)

// payByCode charges the buyer whose code was read, at once or after the buyer has entered a password.
func payByCode(r *request) (mockchannel.MerchantRequest, error) {
	wanted, err := r.wanted()
	switch {
	case err != nil:
		return mockchannel.MerchantRequest{}, err
	case r.content.AuthCode == "":
		return mockchannel.MerchantRequest{}, parameterError("auth_code", "is missing")
	case !codeForm.MatchString(string(r.content.AuthCode)):
		return mockchannel.MerchantRequest{}, refusal("ACQ.PAYMENT_AUTH_CODE_INVALID", "")
	}
	return r.order(wanted, func(call *mockchannel.Call) (mockchannel.Answer, error) {
		p, err := r.place(call, wanted, longest)
		switch {
		case err != nil:
			return mockchannel.Answer{}, err
		case p.State == mockchannel.Succeeded:
		case p.Minor > r.dialect.settings.PasswordAbove:
			p, err = call.Begin(p.ID)
		default:
			p, err = call.Pay(p.ID, 0)
		}
		if err != nil {
			return mockchannel.Answer{}, err
		}
		said := describe(call, p, r.content.QueryOptions)
		said.TradeStatus = ""
		if p.State != mockchannel.Succeeded {
			said.outcome = waiting
		}
		return r.answer(said), nil
	}), nil
}

// asError is the refusal in an error.
func asError(err error) *mockchannel.Error {
	var refused *mockchannel.Error
	if !errors.As(err, &refused) {
		return &mockchannel.Error{Code: mockchannel.CodeInternal, Message: err.Error()}
	}
	if refused.Field == "order" {
		refused.Field = "out_trade_no"
	}
	return refused
}

// has says whether an option is asked for.
func has(options []string, name string) bool {
	for _, option := range options {
		if strings.EqualFold(option, name) {
			return true
		}
	}
	return false
}
