package wechatpay

import (
	"cmp"
	"net/http"

	"github.com/paystorm/paystorm/mockchannel"
)

// Refusals that have no word of the channel's own.
const (
	codeMalformed       mockchannel.Code = "malformed" // the request breaks the rules of all endpoints
	codeMethod          mockchannel.Code = "method_not_allowed"
	codeAppID           mockchannel.Code = "appid_mismatch"
	codeOtherMerchant   mockchannel.Code = "merchant_not_found"
	codeOtherTradeType  mockchannel.Code = "other_trade_type"
	codeNothingToRefund mockchannel.Code = "nothing_to_refund"
	codeNoStatement     mockchannel.Code = "no_statement"
	codeNoBillFile      mockchannel.Code = "no_bill_file"
)

// failure is how the provider says it.
type failure struct {
	status        int
	code, message string
}

// failures translates refusals. The codes and their statuses are those of the error tables at the end of each endpoint's
// page, see doc.go.
var failures = map[mockchannel.Code]failure{
	mockchannel.CodeInvalidRequest:      {http.StatusBadRequest, "PARAM_ERROR", "参数错误"},
	codeMalformed:                       {http.StatusBadRequest, "INVALID_REQUEST", "HTTP 请求不符合微信支付 APIv3 接口规则"},
	mockchannel.CodeUnauthorized:        {http.StatusUnauthorized, "SIGN_ERROR", "错误的签名，导致验签失败"},
	mockchannel.CodeNotFound:            {http.StatusNotFound, "RESOURCE_NOT_EXISTS", "请求的接口不存在"},
	codeMethod:                          {http.StatusMethodNotAllowed, "INVALID_REQUEST", "不支持的 HTTP 方法"},
	codeOtherMerchant:                   {http.StatusBadRequest, "MCH_NOT_EXISTS", "商户号不存在"},
	codeAppID:                           {http.StatusBadRequest, "APPID_MCHID_NOT_MATCH", "appid和mch_id不匹配，请检查后再试"},
	mockchannel.CodePaymentNotFound:     {http.StatusNotFound, "ORDER_NOT_EXIST", "订单不存在"},
	mockchannel.CodePaymentSucceeded:    {http.StatusBadRequest, "ORDERPAID", "该订单已支付"},
	mockchannel.CodePaymentClosed:       {http.StatusBadRequest, "ORDER_CLOSED", "该订单已关闭"},
	mockchannel.CodePaymentMismatch:     {http.StatusBadRequest, "INVALID_REQUEST", "订单重入时，要求参数值与原请求一致，请确认参数问题"},
	codeOtherTradeType:                  {http.StatusForbidden, "OUT_TRADE_NO_USED", "商户订单号重复"},
	mockchannel.CodePaymentNotSucceeded: {http.StatusBadRequest, "INVALID_REQUEST", "订单未支付，不能退款"},
	codeNothingToRefund:                 {http.StatusNotFound, "RESOURCE_NOT_EXISTS", "订单不存在"},
	mockchannel.CodeRefundNotFound:      {http.StatusNotFound, "RESOURCE_NOT_EXISTS", "退款单不存在"},
	mockchannel.CodeRefundExceeds:       {http.StatusBadRequest, "INVALID_REQUEST", "申请退款金额大于订单可退金额"},
	mockchannel.CodeRefundMismatch:      {http.StatusBadRequest, "INVALID_REQUEST", "订单金额或退款金额与之前请求不一致，请核实后再试"},
	codeNoStatement:                     {http.StatusBadRequest, "NO_STATEMENT_EXIST", "请求的账单文件不存在"},
	codeNoBillFile:                      {http.StatusNotFound, "RESOURCE_NOT_EXISTS", "下载地址不存在或已失效"},
	mockchannel.CodeRateLimited:         {http.StatusTooManyRequests, "FREQUENCY_LIMITED", "你的操作过于频繁，请稍后再试"},
	mockchannel.CodeInternal:            {http.StatusInternalServerError, "SYSTEM_ERROR", "系统异常，请稍后重试"},
	mockchannel.CodeUnavailable:         {http.StatusServiceUnavailable, "SYSTEM_ERROR", "系统异常，请稍后重试"},
}

// wireError is the body of a refusal.
type wireError struct {
	Code    string  `json:"code"`
	Message string  `json:"message"`
	Detail  *detail `json:"detail,omitempty"`
}

// detail tells where a mistake is.
type detail struct {
	Field    string `json:"field"` // in a body a JSON pointer
	Issue    string `json:"issue"`
	Location string `json:"location"` // body, query or authorization
}

// The places of a mistake, as prefixes of Error.Field.
const (
	inQuery         = "query:"
	inAuthorization = "authorization:"
)

// failed is a refusal in the provider's words.
func failed(refusal *mockchannel.Error) (status int, body wireError) {
	f, known := failures[refusal.Code]
	if !known {
		f = failures[mockchannel.CodeInternal]
	}
	body = wireError{Code: f.code, Message: f.message}
	if refusal.Code == codeMalformed {
		body.Message = refusal.Message
	}
	if refusal.Field != "" {
		body.Detail = &detail{Field: refusal.Field, Issue: refusal.Message, Location: "body"}
		body.Detail.placed(inQuery, "query")
		body.Detail.placed(inAuthorization, "authorization")
	}
	return cmp.Or(refusal.Status, f.status), body
}

// placed takes a prefix for the place that it stands for.
func (d *detail) placed(prefix, location string) {
	if len(d.Field) >= len(prefix) && d.Field[:len(prefix)] == prefix {
		d.Field, d.Location = d.Field[len(prefix):], location
	}
}

func malformed(issue string) *mockchannel.Error {
	return &mockchannel.Error{Code: codeMalformed, Message: issue}
}

func invalid(field, issue string) *mockchannel.Error {
	return &mockchannel.Error{Code: mockchannel.CodeInvalidRequest, Field: field, Message: issue}
}

func unauthorized(field, issue string) *mockchannel.Error {
	return &mockchannel.Error{Code: mockchannel.CodeUnauthorized, Field: inAuthorization + field, Message: issue}
}
