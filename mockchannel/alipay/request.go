package alipay

import (
	"encoding/json"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/paystorm/paystorm/mockchannel"
)

// largestBody is more than any request of a trade needs.
const largestBody = 256 << 10

// request is one call of the gateway.
type request struct {
	dialect    *dialect
	channel    *mockchannel.Channel
	merchant   mockchannel.Merchant
	keys       *keys
	parameters []pair
	method     string
	content    content
	certified  bool   // in certificate mode
	encrypted  bool   // biz_content was, and the answer's content will be
	gateway    string // the address it came to, without the path
}

// parameters reads the query and the form of a request as one list, in which a name may come once. What is read is
// bounded.
func parameters(w http.ResponseWriter, r *http.Request) ([]pair, *mockchannel.Error) {
	text := r.URL.RawQuery
	if r.Method == http.MethodPost {
		kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
		if err != nil || kind != "application/x-www-form-urlencoded" {
			return nil, refusal("isv.invalid-format", "want a form as application/x-www-form-urlencoded")
		}
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, largestBody))
		if err != nil {
			return nil, refusal("isv.invalid-parameter", "the body cannot be read: "+err.Error())
		}
		text += "&" + string(body)
	}
	return split(text)
}

// split is url.ParseQuery, except that order stays and that a name that comes twice is refused: of two values the
// signature would be about one, and the trade about the other.
func split(text string) ([]pair, *mockchannel.Error) {
	var list []pair
	known := map[string]bool{}
	for part := range strings.SplitSeq(text, "&") {
		if part == "" {
			continue
		}
		escapedKey, escapedValue, _ := strings.Cut(part, "=")
		key, errKey := url.QueryUnescape(escapedKey)
		value, errValue := url.QueryUnescape(escapedValue)
		switch {
		case errKey != nil || errValue != nil:
			return nil, refusal("isv.invalid-parameter", "want percent-encoded parameters")
		case !utf8.ValidString(key) || !utf8.ValidString(value):
			return nil, refusal("isv.invalid-charset", "want UTF-8")
		case known[key]:
			return nil, refusal("isv.invalid-parameter", "the parameter comes twice: "+key)
		}
		known[key] = true
		list = append(list, pair{key, value})
	}
	return list, nil
}

func (r *request) parameter(key string) string {
	for _, p := range r.parameters {
		if p.key == key {
			return p.value
		}
	}
	return ""
}

// open finds out whose request it is, verifies its signature and reads its content. With an error r.keys says whether
// the merchant is known, so that the answer can be signed.
func (r *request) open() *mockchannel.Error {
	r.method = r.parameter("method")
	if r.method == "" {
		return refusal("isv.missing-method", "")
	}
	appID := r.parameter("app_id")
	if appID == "" {
		return refusal("isv.missing-app-id", "")
	}
	merchant, known := r.channel.Authenticate(appID)
	k, issued := merchant.Keys.(*keys)
	if !known || !issued {
		return refusal("isv.invalid-app-id", "")
	}
	r.merchant, r.keys = merchant, k
	if err := r.form(); err != nil {
		return err
	}
	if err := r.signed(); err != nil {
		return err
	}
	return r.read()
}

// form checks the public parameters (opendocs.alipay.com/common/02km9f).
func (r *request) form() *mockchannel.Error {
	_, badTime := time.Parse(secondly, r.parameter("timestamp"))
	charset, format := r.parameter("charset"), r.parameter("format")
	switch {
	case r.parameter("sign_type") == "":
		return refusal("isv.missing-signature-type", "")
	case r.parameter("sign_type") != "RSA2":
		return refusal("isv.invalid-signature-type", "want RSA2")
	case r.parameter("sign") == "":
		return refusal("isv.missing-signature", "")
	case r.parameter("timestamp") == "":
		return refusal("isv.missing-timestamp", "")
	case badTime != nil:
		return refusal("isv.invalid-timestamp", `want "yyyy-MM-dd HH:mm:ss"`)
	case r.parameter("version") == "":
		return refusal("isv.missing-version", "")
	case charset != "" && !strings.EqualFold(charset, "utf-8") && !strings.EqualFold(charset, "utf8"):
		return refusal("isv.invalid-charset", "this gateway speaks UTF-8 only")
	case format != "" && !strings.EqualFold(format, "json"):
		return refusal("isv.invalid-format", "want JSON")
	}
	return nil
}

// signed verifies the signature, and the serial number of the certificate that it is by.
func (r *request) signed() *mockchannel.Error {
	if sn := r.parameter("app_cert_sn"); sn != "" {
		switch root := r.parameter("alipay_root_cert_sn"); {
		case sn != r.keys.appSN:
			return refusal("isv.app-cert-not-exist", "")
		case root == "":
			return refusal("isv.missing-alipay-root-cert-sn", "")
		case root != r.keys.rootSN:
			return refusal("isv.invalid-alipay-root-cert-sn", "")
		}
		r.certified = true
	}
	text := base(r.parameters, "sign")
	if err := verify(r.keys.app, []byte(text), r.parameter("sign")); err != nil {
		return refusal("isv.invalid-signature", "网关生成的验签字符串为："+text)
	}
	return nil
}

// content is what biz_content of any method may say. Members that no method knows are ignored, as at the provider.
type content struct {
	OutTradeNo           text     `json:"out_trade_no"`
	TradeNo              text     `json:"trade_no"`
	TotalAmount          text     `json:"total_amount"`
	Subject              text     `json:"subject"`
	Body                 text     `json:"body"`
	TimeExpire           text     `json:"time_expire"`
	TimeoutExpress       text     `json:"timeout_express"`
	QRCodeTimeoutExpress text     `json:"qr_code_timeout_express"`
	PassbackParams       text     `json:"passback_params"`
	BuyerID              text     `json:"buyer_id"`
	BuyerOpenID          text     `json:"buyer_open_id"`
	AuthCode             text     `json:"auth_code"`
	OutRequestNo         text     `json:"out_request_no"`
	RefundAmount         text     `json:"refund_amount"`
	RefundReason         text     `json:"refund_reason"`
	QueryOptions         []string `json:"query_options"`
	BillType             text     `json:"bill_type"`
	BillDate             text     `json:"bill_date"`
	AlipayCertSN         text     `json:"alipay_cert_sn"`
}

// text is a string, for which merchants may write a number.
type text string

// UnmarshalJSON takes a string or the digits of a number.
func (t *text) UnmarshalJSON(raw []byte) error {
	if len(raw) > 0 && (raw[0] == '-' || (raw[0] >= '0' && raw[0] <= '9')) {
		*t = text(raw)
		return nil
	}
	return json.Unmarshal(raw, (*string)(t))
}

// read decodes biz_content, deciphered if it is encrypted.
func (r *request) read() *mockchannel.Error {
	raw := r.parameter("biz_content")
	switch kind := r.parameter("encrypt_type"); kind {
	case "":
	case "AES":
		plain, err := decrypt(r.keys.aes, raw)
		if err != nil {
			return refusal("isv.decryption-error-unknown", "")
		}
		raw, r.encrypted = string(plain), true
	default:
		return refusal("isv.invalid-encrypt-type", "want AES")
	}
	if raw == "" {
		return nil
	}
	if err := json.Unmarshal([]byte(raw), &r.content); err != nil {
		return refusal("isv.invalid-parameter", fmt.Sprintf("biz_content is not the JSON object that it should be: %v", err))
	}
	return nil
}
