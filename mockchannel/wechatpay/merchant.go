package wechatpay

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"strings"
	"time"

	"github.com/paystorm/paystorm/mockchannel"
)

const largestBody = 64 << 10

// opCertificates is asking for the platform certificates, which is about no payment.
const opCertificates mockchannel.Operation = "certificates"

// MerchantHandler serves /v3/.
func (dialect) MerchantHandler(channel *mockchannel.Channel) http.Handler {
	api := merchantAPI{channel}
	mux := http.NewServeMux()
	for method, paths := range map[string]map[string]endpoint{
		http.MethodPost: {
			"/v3/pay/transactions/native":                      {mockchannel.OpCreate, createBy("NATIVE")},
			"/v3/pay/transactions/jsapi":                       {mockchannel.OpCreate, createBy("JSAPI")},
			"/v3/pay/transactions/app":                         {mockchannel.OpCreate, createBy("APP")},
			"/v3/pay/transactions/h5":                          {mockchannel.OpCreate, createBy("MWEB")},
			"/v3/pay/transactions/out-trade-no/{number}/close": {mockchannel.OpClose, closePayment},
			"/v3/refund/domestic/refunds":                      {mockchannel.OpRefund, createRefund},
		},
		http.MethodGet: {
			"/v3/pay/transactions/out-trade-no/{number}": {mockchannel.OpQuery, queryByNumber},
			"/v3/pay/transactions/id/{id}":               {mockchannel.OpQuery, queryByID},
			"/v3/refund/domestic/refunds/{number}":       {mockchannel.OpRefundQuery, queryRefund},
			"/v3/bill/tradebill":                         {mockchannel.OpBill, tradeBill},
			"/v3/bill/fundflowbill":                      {mockchannel.OpBill, fundFlowBill},
			"/v3/billdownload/file":                      {mockchannel.OpBill, downloadBill},
			"/v3/certificates":                           {opCertificates, listCertificates},
		},
	} {
		for path, endpoint := range paths {
			mux.HandleFunc(method+" "+path, api.serve(endpoint))
			mux.HandleFunc(path, api.serve(endpoint.refusing(&mockchannel.Error{Code: codeMethod})))
		}
	}
	mux.HandleFunc("/", api.serve(endpoint{decode: nothing}.refusing(&mockchannel.Error{Code: mockchannel.CodeNotFound})))
	return mux
}

type merchantAPI struct{ channel *mockchannel.Channel }

// endpoint is what one address is for.
type endpoint struct {
	operation mockchannel.Operation
	decode    decoder
}

// decoder turns an authentic request into what is asked of the channel. Its errors are *mockchannel.Error.
type decoder func(*request) (mockchannel.MerchantRequest, error)

func nothing(*request) (mockchannel.MerchantRequest, error) {
	return mockchannel.MerchantRequest{}, nil
}

// refusing is the endpoint that answers everybody alike.
func (e endpoint) refusing(refusal *mockchannel.Error) endpoint {
	e.decode = func(*request) (mockchannel.MerchantRequest, error) { return mockchannel.MerchantRequest{}, refusal }
	return e
}

// request is a merchant's request as far as it is known.
type request struct {
	*http.Request
	channel   *mockchannel.Channel
	body      []byte
	merchant  mockchannel.Merchant
	keys      *keys // nil until the merchant is known
	publicKey bool  // the answer is to be signed with the public key, and so are the messages about what is made by it
}

// serve authenticates and decodes, and hands the rest to the channel.
func (api merchantAPI) serve(e endpoint) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		asked := &request{Request: r, channel: api.channel}
		decoded, err := api.read(w, asked, e.decode)
		if err != nil {
			var refusal *mockchannel.Error
			if !errors.As(err, &refusal) {
				refusal = malformed(err.Error())
			}
			api.channel.Refuse(w, e.operation, asked.refuse(refusal), refusal)
			return
		}
		decoded.Merchant, decoded.Operation, decoded.Refuse = asked.merchant, e.operation, asked.refuse
		api.channel.Serve(w, r, decoded)
	}
}

func (api merchantAPI) read(w http.ResponseWriter, asked *request, decode decoder) (mockchannel.MerchantRequest, error) {
	authorized, err := parseAuthorization(asked.Header.Get("Authorization"))
	if err != nil {
		return mockchannel.MerchantRequest{}, unauthorized("", "Http头Authorization缺失或者格式错误")
	}
	var known bool
	if asked.merchant, known = api.channel.Authenticate(authorized.mchid); !known {
		return mockchannel.MerchantRequest{}, &mockchannel.Error{Code: codeOtherMerchant}
	}
	if asked.keys, err = keysOf(asked.merchant); err != nil {
		return mockchannel.MerchantRequest{}, &mockchannel.Error{Code: mockchannel.CodeInternal, Message: err.Error()}
	}
	asked.publicKey = asked.Header.Get(headerSerial) == asked.keys.publicKey.serial
	asked.body, err = io.ReadAll(http.MaxBytesReader(w, asked.Body, largestBody))
	if err != nil {
		return mockchannel.MerchantRequest{}, malformed("请求报文过大，或者不能读取")
	}
	if err := api.authenticate(authorized, asked); err != nil {
		return mockchannel.MerchantRequest{}, err
	}
	if asked.Method == http.MethodPost {
		if kind, _, err := mime.ParseMediaType(asked.Header.Get("Content-Type")); err != nil || kind != "application/json" {
			return mockchannel.MerchantRequest{}, malformed("Http头Content-Type要求是application/json")
		}
	}
	return decode(asked)
}

// authenticate says why the request is not the merchant's, or not fresh.
func (api merchantAPI) authenticate(a authorization, asked *request) error {
	if !strings.EqualFold(a.serial, asked.keys.serial) {
		return unauthorized("serial_no", "商户证书序列号有误。请使用签名私钥匹配的证书序列号")
	}
	err := a.verify(asked.keys.merchant, asked.Method, asked.URL.RequestURI(), asked.body, time.Now())
	switch {
	case errors.Is(err, errTimestamp):
		return unauthorized("timestamp", "Http头Authorization中的timestamp与发起请求的时间不得超过5分钟")
	case errors.Is(err, errAuthorization):
		return unauthorized("timestamp", "Http头Authorization中的timestamp要求是秒数")
	case err != nil:
		return unauthorized("signature", "sign not match")
	case !api.channel.FirstUse(asked.keys.mchid + "\n" + a.nonce):
		return unauthorized("nonce_str", "请求重放：nonce_str 已经使用过")
	default:
		return nil
	}
}

// ownMerchant says that the mchid of a request is that of its signature.
func (asked *request) ownMerchant(field, mchid string) error {
	if mchid != asked.keys.mchid {
		return invalid(field, "Http头Authorization中的mchid与请求中的mchid不匹配")
	}
	return nil
}

// answer encodes an answer. It is signed with the key that the request has asked for.
func (asked *request) answer(status int, content any) mockchannel.Answer {
	var body []byte
	if content != nil {
		var err error
		if body, err = json.Marshal(content); err != nil { // strings and numbers always encode
			status, body = http.StatusInternalServerError, nil
		}
	}
	return asked.carry(status, "application/json; charset=utf-8", body)
}

// carry makes an answer of a body as it is.
func (asked *request) carry(status int, contentType string, body []byte) mockchannel.Answer {
	answer := mockchannel.Answer{Status: status, Body: body, Header: mockchannel.Fields{
		{Name: "Content-Type", Value: contentType},
		{Name: "Request-Id", Value: strings.ToUpper(hex.EncodeToString(fresh(16))) + "-0"},
	}}
	if asked.keys != nil {
		answer.Sign = func(a *mockchannel.Answer, s mockchannel.Signature) (err error) {
			how := signing{publicKey: asked.publicKey, next: s.NextKey, at: s.At, forgery: s.Forgery}
			a.Rotated, err = asked.keys.signed(a.Header.Set, a.Body, how)
			return err
		}
	}
	return answer
}

// refuse encodes a refusal.
func (asked *request) refuse(refusal *mockchannel.Error) mockchannel.Answer {
	status, body := failed(refusal)
	return asked.answer(status, body)
}
