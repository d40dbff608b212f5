package alipay

import (
	"strings"

	"github.com/paystorm/paystorm/mockchannel"
)

// refusal is one by the provider's own sub_code. The channel's code is in words of no provider, for those who read the
// history.
func refusal(subCode, message string) *mockchannel.Error {
	code := mockchannel.CodeInvalidRequest
	if subCode == "isv.invalid-signature" || subCode == "isv.invalid-app-id" {
		code = mockchannel.CodeUnauthorized
	}
	return &mockchannel.Error{Code: code, Message: message, Details: subCode}
}

// parameterError is a parameter of a trade that is missing or wrong.
func parameterError(name, message string) *mockchannel.Error {
	return &mockchannel.Error{Code: mockchannel.CodeInvalidRequest, Field: name, Message: message}
}

func errNoTrade() *mockchannel.Error {
	return &mockchannel.Error{Code: mockchannel.CodePaymentNotFound, Message: "there is no such trade"}
}

// subCodeOf names a refusal in the provider's words. Of a trade that is paid or closed, only those who want to make it
// are told so; the others are told that its state does not allow it.
func subCodeOf(method string, e *mockchannel.Error) string {
	if own, is := e.Details.(string); is {
		return own
	}
	switch e.Code {
	case mockchannel.CodePaymentNotFound, mockchannel.CodeRefundNotFound:
		return "ACQ.TRADE_NOT_EXIST"
	case mockchannel.CodePaymentSucceeded:
		if makesTrades(method) {
			return "ACQ.TRADE_HAS_SUCCESS"
		}
		return "ACQ.TRADE_STATUS_ERROR"
	case mockchannel.CodePaymentClosed:
		if makesTrades(method) {
			return "ACQ.TRADE_HAS_CLOSE"
		}
		return "ACQ.TRADE_STATUS_ERROR"
	case mockchannel.CodePaymentNotSucceeded:
		return "ACQ.TRADE_STATUS_ERROR"
	case mockchannel.CodePaymentMismatch:
		return "ACQ.CONTEXT_INCONSISTENT"
	case mockchannel.CodeRefundExceeds:
		return "ACQ.REASON_TRADE_REFUND_FEE_ERR"
	case mockchannel.CodeRefundMismatch:
		return "ACQ.DISCORDANT_REPEAT_REQUEST"
	case mockchannel.CodeRateLimited:
		return "isv.app-call-limited"
	case mockchannel.CodeUnavailable:
		return "isp.unknow-error"
	case mockchannel.CodeInvalidRequest:
		return "ACQ.INVALID_PARAMETER"
	default:
		return "ACQ.SYSTEM_ERROR"
	}
}

// gatewayCode is the code and msg above a sub_code (opendocs.alipay.com/common/02km9f).
func gatewayCode(subCode string) (code, msg string) {
	switch {
	case subCode == "isv.app-call-limited":
		return "40005", "Call Limited"
	case subCode == "isp.unknow-error":
		return "20000", "Service Currently Unavailable"
	case subCode == "isp.bill_not_exist" || subCode == "isv.invalid_arguments":
		return "40004", "Business Failed"
	case strings.HasPrefix(subCode, "isv.decryption-"):
		return "40003", "Insufficient Conditions"
	case strings.HasPrefix(subCode, "isv.missing-") && !strings.HasSuffix(subCode, "-cert-sn"):
		return "40001", "Missing Required Arguments"
	case strings.HasPrefix(subCode, "isv."):
		return "40002", "Invalid Arguments"
	default:
		return "40004", "Business Failed"
	}
}

// subMessages are the provider's texts.
var subMessages = map[string]string{
	"ACQ.TRADE_NOT_EXIST":             "交易不存在",
	"ACQ.TRADE_HAS_SUCCESS":           "交易已被支付",
	"ACQ.TRADE_HAS_CLOSE":             "交易已经关闭",
	"ACQ.TRADE_STATUS_ERROR":          "交易状态不合法",
	"ACQ.CONTEXT_INCONSISTENT":        "交易信息被篡改",
	"ACQ.INVALID_PARAMETER":           "参数无效",
	"ACQ.SYSTEM_ERROR":                "系统错误",
	"ACQ.TOTAL_FEE_EXCEED":            "订单总金额不在允许范围内",
	"ACQ.PAYMENT_AUTH_CODE_INVALID":   "支付授权码无效",
	"ACQ.REFUND_AMT_NOT_EQUAL_TOTAL":  "撤销或退款金额与订单金额不一致",
	"ACQ.REASON_TRADE_REFUND_FEE_ERR": "退款金额无效",
	"ACQ.DISCORDANT_REPEAT_REQUEST":   "不一致的请求",
	"isp.bill_not_exist":              "账单不存在",
	"isv.invalid_arguments":           "参数错误",
	"isp.unknow-error":                "系统繁忙",
	"isv.app-call-limited":            "应用调用次数超限",
	"isv.missing-method":              "缺少方法名参数",
	"isv.missing-app-id":              "缺少appId参数",
	"isv.missing-signature":           "缺少签名参数",
	"isv.missing-signature-type":      "缺少签名类型参数",
	"isv.missing-timestamp":           "缺少时间戳参数",
	"isv.missing-version":             "缺少版本参数",
	"isv.invalid-method":              "不存在的方法名",
	"isv.invalid-app-id":              "无效的AppID参数",
	"isv.invalid-format":              "无效的数据格式",
	"isv.invalid-signature-type":      "无效的签名类型",
	"isv.invalid-signature":           "验签出错",
	"isv.invalid-timestamp":           "非法的时间戳参数",
	"isv.invalid-charset":             "字符集错误",
	"isv.invalid-parameter":           "参数无效",
	"isv.invalid-encrypt-type":        "无效的加密类型",
	"isv.decryption-error-unknown":    "解密出错, 未知错误",
	"isv.app-cert-not-exist":          "应用公钥证书不存在",
	"isv.missing-alipay-root-cert-sn": "缺少支付宝根证书序列号",
	"isv.invalid-alipay-root-cert-sn": "支付宝根证书序列号无效",
}

// outcomeOf is the head of an answer that refuses. What is at fault follows the provider's text.
func outcomeOf(method string, e *mockchannel.Error) outcome {
	subCode := subCodeOf(method, e)
	code, msg := gatewayCode(subCode)
	said := subMessages[subCode]
	switch subCode {
	case "ACQ.INVALID_PARAMETER", "isv.invalid_arguments":
		said += "：" + strings.TrimSpace(e.Field+" "+e.Message)
	default:
		if strings.HasPrefix(subCode, "isv.") && e.Message != "" {
			said += "：" + e.Message
		}
	}
	return outcome{Code: code, Msg: msg, SubCode: subCode, SubMsg: said}
}
