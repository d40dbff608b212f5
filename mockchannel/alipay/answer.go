package alipay

import (
	"bytes"
	"crypto/rsa"
	"encoding/json"
	"net/http"
	"strings"

	"github.com/paystorm/paystorm/mockchannel"
)

// outcome is the head of every answer's content.
type outcome struct {
	Code    string `json:"code"`
	Msg     string `json:"msg"`
	SubCode string `json:"sub_code,omitempty"`
	SubMsg  string `json:"sub_msg,omitempty"`
}

var (
	success = outcome{Code: "10000", Msg: "Success"}
	waiting = outcome{Code: "10003", Msg: "order success pay inprocess"}
)

// Where an answer's content stands in its envelope.
const errorRoot = "error_response"

func rootOf(method string) string { return strings.ReplaceAll(method, ".", "_") + "_response" }

// answer puts content into the envelope that the provider's SDKs cut apart as text: compact, the content first, then
// alipay_cert_sn in certificate mode, then sign, which is of the content's exact bytes. The root's name must come once,
// so within the content a text that contains the end of one is written with an escape.
func (r *request) answer(content any) mockchannel.Answer {
	inner, err := json.Marshal(content)
	if err != nil { // strings always encode
		return mockchannel.Answer{Status: http.StatusInternalServerError}
	}
	if bytes.Contains(inner, []byte("_response")) {
		inner = bytes.ReplaceAll(inner, []byte("_response"), []byte(`\u005fresponse`))
	}
	if r.encrypted {
		cipher, err := encrypt(r.keys.aes, inner)
		if err != nil { // the key was made for it
			return mockchannel.Answer{Status: http.StatusInternalServerError}
		}
		inner = []byte(`"` + cipher + `"`)
	}
	answer := unsigned(rootOf(r.method), inner)
	answer.Sign = func(a *mockchannel.Answer, how mockchannel.Signature) error {
		key, err := r.dialect.signer(r.keys, how.Forgery != "")
		if err != nil {
			return err
		}
		signature, err := sign(key, inner)
		if err != nil {
			return err
		}
		body := a.Body[:len(a.Body)-1]
		if r.certified {
			body = append(body, `,"alipay_cert_sn":"`+r.keys.alipaySN+`"`...)
		}
		a.Body = append(body, `,"sign":"`+signature+`"}`...)
		return nil
	}
	return answer
}

// unsigned is an envelope without a signature, as the provider answers those whose app it does not know.
func unsigned(root string, inner []byte) mockchannel.Answer {
	body := make([]byte, 0, len(inner)+len(root)+512)
	body = append(append(append(append(body, `{"`...), root...), `":`...), inner...)
	return mockchannel.Answer{
		Status: http.StatusOK, Header: mockchannel.Fields{{Name: "Content-Type", Value: "text/html;charset=utf-8"}}, Body: append(body, '}'),
	}
}

// refuse answers a refusal. The provider has no HTTP statuses, so a fault that wants one gets the code instead.
func (r *request) refuse(e *mockchannel.Error) mockchannel.Answer {
	said := outcomeOf(r.method, e)
	if r.keys == nil {
		inner, _ := json.Marshal(said) // strings always encode
		root := errorRoot
		if r.method != "" && known(r.method) {
			root = rootOf(r.method)
		}
		return unsigned(root, inner)
	}
	if !known(r.method) {
		return r.answer(said)
	}
	return r.answer(failure(r, said))
}

// failure is what a refusal carries beside its head: the number that was asked about, and amounts of nothing.
func failure(r *request, said outcome) any {
	switch r.method {
	case methodQuery:
		const none = "0.00"
		return tradeAnswer{
			outcome: said, OutTradeNo: string(r.content.OutTradeNo), BuyerPayAmount: none, InvoiceAmount: none, PointAmount: none,
			ReceiptAmount: none,
		}
	case methodRefund:
		return refundAnswer{outcome: said, OutTradeNo: string(r.content.OutTradeNo), RefundFee: "0.00", SendBackFee: "0.00"}
	default:
		return said
	}
}

// signer is the provider's key, or that of somebody else.
func (d *dialect) signer(k *keys, wrong bool) (*rsa.PrivateKey, error) {
	if wrong {
		return d.stranger()
	}
	return k.alipay, nil
}
