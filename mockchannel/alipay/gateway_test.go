package alipay_test

import (
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/paystorm/paystorm/mockchannel"
	"github.com/paystorm/paystorm/mockchannel/alipay"
)

// TestMistakesOfAMerchant are answered in the provider's vocabulary, signed where the provider knows whom it talks to,
// and change nothing.
func TestMistakesOfAMerchant(t *testing.T) {
	w := newWorld(t, alipay.Settings{}, nil)
	set := func(key, value string) func(url.Values) { return with(key, value) }
	put := func(key string, value any) m {
		content := trade("o1")
		content[key] = value
		return content
	}
	for name, test := range map[string]struct {
		method  string
		content any
		change  func(url.Values)
		code    string
		subCode string
	}{
		"a wrong signature":     {"precreate", trade("o1"), set("sign", "AAAA"), "40002", "isv.invalid-signature"},
		"a signature in words":  {"precreate", trade("o1"), set("sign", "*"), "40002", "isv.invalid-signature"},
		"another sign_type":     {"precreate", trade("o1"), set("sign_type", "RSA"), "40002", "isv.invalid-signature-type"},
		"no sign_type":          {"precreate", trade("o1"), set("sign_type", ""), "40001", "isv.missing-signature-type"},
		"no timestamp":          {"precreate", trade("o1"), set("timestamp", ""), "40001", "isv.missing-timestamp"},
		"a timestamp in words":  {"precreate", trade("o1"), set("timestamp", "now"), "40002", "isv.invalid-timestamp"},
		"no version":            {"precreate", trade("o1"), set("version", ""), "40001", "isv.missing-version"},
		"another charset":       {"precreate", trade("o1"), set("charset", "GBK"), "40002", "isv.invalid-charset"},
		"another format":        {"precreate", trade("o1"), set("format", "XML"), "40002", "isv.invalid-format"},
		"another encrypt_type":  {"precreate", trade("o1"), set("encrypt_type", "DES"), "40002", "isv.invalid-encrypt-type"},
		"nothing encrypted":     {"precreate", trade("o1"), set("encrypt_type", "AES"), "40003", "isv.decryption-error-unknown"},
		"another certificate":   {"precreate", trade("o1"), set("app_cert_sn", "0"), "40002", "isv.app-cert-not-exist"},
		"an unknown method":     {"settle", trade("o1"), nil, "40002", "isv.invalid-method"},
		"content that is none":  {"precreate", "{", nil, "40002", "isv.invalid-parameter"},
		"content in an array":   {"precreate", "[]", nil, "40002", "isv.invalid-parameter"},
		"no content":            {"precreate", "", nil, "40004", "ACQ.INVALID_PARAMETER"},
		"a number as an object": {"precreate", put("out_trade_no", m{}), nil, "40002", "isv.invalid-parameter"},
		"a null number":         {"precreate", put("out_trade_no", nil), nil, "40004", "ACQ.INVALID_PARAMETER"},
		"a number in Chinese":   {"precreate", put("out_trade_no", "订单"), nil, "40004", "ACQ.INVALID_PARAMETER"},
		"a long number":         {"precreate", put("out_trade_no", strings.Repeat("1", 65)), nil, "40004", "ACQ.INVALID_PARAMETER"},
		"no amount":             {"precreate", put("total_amount", ""), nil, "40004", "ACQ.INVALID_PARAMETER"},
		"an amount of nothing":  {"precreate", put("total_amount", "0.00"), nil, "40004", "ACQ.TOTAL_FEE_EXCEED"},
		"a huge amount":         {"precreate", put("total_amount", "100000000.01"), nil, "40004", "ACQ.TOTAL_FEE_EXCEED"},
		"an absurd amount":      {"precreate", put("total_amount", strings.Repeat("9", 400)), nil, "40004", "ACQ.INVALID_PARAMETER"},
		"a negative amount":     {"precreate", put("total_amount", -1), nil, "40004", "ACQ.INVALID_PARAMETER"},
		"an exponent":           {"precreate", put("total_amount", "1e2"), nil, "40004", "ACQ.INVALID_PARAMETER"},
		"no subject":            {"precreate", put("subject", ""), nil, "40004", "ACQ.INVALID_PARAMETER"},
		"a bad notify_url":      {"precreate", trade("o1"), set("notify_url", "shop"), "40004", "ACQ.INVALID_PARAMETER"},
		"no buyer":              {"create", trade("o1"), nil, "40004", "ACQ.INVALID_PARAMETER"},
		"no auth_code":          {"pay", trade("o1"), nil, "40004", "ACQ.INVALID_PARAMETER"},
		"a query of nothing":    {"query", m{}, nil, "40004", "ACQ.INVALID_PARAMETER"},
		"an unknown trade_no":   {"close", m{"trade_no": "2026"}, nil, "40004", "ACQ.TRADE_NOT_EXIST"},
	} {
		t.Run(name, func(t *testing.T) {
			var change []func(url.Values)
			if test.change != nil {
				change = append(change, test.change)
			}
			s := w.refuses(test.subCode, "alipay.trade."+test.method, test.content, change...)
			if s.get("code") != test.code || s.get("msg") == "" || s.get("sub_msg") == "" {
				t.Errorf("want %s: %s", test.code, s.raw)
			}
		})
	}
	if dossiers := w.channel.Dossiers(); len(dossiers) != 0 {
		t.Errorf("there are trades: %+v", dossiers)
	}
}

// TestStrangersGetUnsignedErrors, since there is no key that they could verify them by.
func TestStrangersGetUnsignedErrors(t *testing.T) {
	w := newWorld(t, alipay.Settings{}, nil)
	for name, test := range map[string]struct{ body, root, subCode string }{
		"an unknown app": {
			w.signedRequest("alipay.trade.query", m{}, with("app_id", "2021")).Encode(), "alipay_trade_query_response", "isv.invalid-app-id",
		},
		"no app":          {"method=alipay.trade.query", "alipay_trade_query_response", "isv.missing-app-id"},
		"no method":       {"app_id=" + told()["app_id"], "error_response", "isv.missing-method"},
		"an odd method":   {"method=x&app_id=2021", "error_response", "isv.invalid-app-id"},
		"nothing":         {"", "error_response", "isv.missing-method"},
		"twice":           {"method=alipay.trade.query&method=x", "error_response", "isv.invalid-parameter"},
		"no escape":       {"method=%zz", "error_response", "isv.invalid-parameter"},
		"another charset": {"subject=%CA%D6%BB%FA", "error_response", "isv.invalid-charset"},
		"ten megabytes":   {strings.Repeat("a=b&", 10<<18), "error_response", "isv.invalid-parameter"},
	} {
		t.Run(name, func(t *testing.T) {
			s := w.post(test.body)
			if s.signed || strings.Contains(s.raw, `"sign"`) || s.root != test.root || s.get("sub_code") != test.subCode {
				t.Errorf("want %s in %s: %s", test.subCode, test.root, s.raw)
			}
		})
	}
	response, err := w.client.Post(w.api.URL+"/gateway.do", "application/json", strings.NewReader(`{}`))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	text, _ := io.ReadAll(response.Body)
	if s := w.parse(string(text)); s.get("sub_code") != "isv.invalid-format" {
		t.Errorf("%s", text)
	}
}

// TestAnotherMerchantsTrade is none of ours.
func TestAnotherMerchantsTrade(t *testing.T) {
	w := newWorld(t, alipay.Settings{}, nil)
	other := w.channel.Call(merchants()[1])
	p, err := other.CreatePayment(mockchannel.PaymentRequest{Order: "o1", Minor: 1, Currency: "CNY", NotifyURL: w.shop.URL})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.channel.Pay(p.ID, "", 0); err != nil {
		t.Fatal(err)
	}
	for _, content := range []m{{"trade_no": p.ID}, {"out_trade_no": "o1"}} {
		w.refuses("ACQ.TRADE_NOT_EXIST", "alipay.trade.query", content)
		content["refund_amount"] = "0.01"
		w.refuses("ACQ.TRADE_NOT_EXIST", "alipay.trade.refund", content)
	}
	w.quiet()
}

// TestTheQueryCountsToo: SDKs put some parameters into the address and some into the body.
func TestTheQueryCountsToo(t *testing.T) {
	w := newWorld(t, alipay.Settings{}, nil)
	parameters := w.signedRequest("alipay.trade.precreate", trade("o1"))
	body := url.Values{"biz_content": parameters["biz_content"]}
	parameters.Del("biz_content")
	response, err := w.client.PostForm(w.api.URL+"/gateway.do?"+parameters.Encode(), body)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	text, _ := io.ReadAll(response.Body)
	if s := w.parse(string(text)); s.get("code") != "10000" {
		t.Errorf("%s", text)
	}
	response, err = w.client.Get(w.api.URL + "/gateway.do?" + w.signedRequest("alipay.trade.query", m{"out_trade_no": "o1"}).Encode())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	if text, _ = io.ReadAll(response.Body); w.parse(string(text)).get("sub_code") != "ACQ.TRADE_NOT_EXIST" {
		t.Errorf("%s", text)
	}
	if response.Header.Get("Content-Type") != "text/html;charset=utf-8" || response.StatusCode != http.StatusOK {
		t.Errorf("%d %v", response.StatusCode, response.Header)
	}
}

// TestARootThatAMerchantNames: SDKs cut the answer apart by searching for the root's name.
func TestARootThatAMerchantNames(t *testing.T) {
	w := newWorld(t, alipay.Settings{}, nil)
	content := trade("alipay_trade_query_response")
	content["subject"], content["buyer_id"] = `"alipay_trade_query_response":{"code":"10000"},"sign":"x"}`, "2088000000000001"
	w.does("alipay.trade.create", content)
	s := w.does("alipay.trade.query", m{"out_trade_no": "alipay_trade_query_response"})
	if s.get("subject") != content["subject"] || s.get("out_trade_no") != "alipay_trade_query_response" {
		t.Errorf("%s", s.raw)
	}
}

func TestCertificateMode(t *testing.T) {
	w := newWorld(t, alipay.Settings{}, nil)
	parameters := url.Values{}
	certified := func(p url.Values) {
		for key, values := range parameters {
			p[key] = values
		}
	}
	parameters.Set("app_cert_sn", serialOf(t, told()["app_cert"]))
	w.refuses("isv.missing-alipay-root-cert-sn", "alipay.trade.precreate", trade("o1"), certified)
	parameters.Set("alipay_root_cert_sn", "0")
	w.refuses("isv.invalid-alipay-root-cert-sn", "alipay.trade.precreate", trade("o1"), certified)
	parameters.Set("alipay_root_cert_sn", serialOf(t, told()["alipay_root_cert"]))
	s := w.does("alipay.trade.precreate", trade("o1"), certified)
	if s.certificate != serialOf(t, told()["alipay_cert"]) {
		t.Errorf("%s", s.raw)
	}
	if plain := w.does("alipay.trade.precreate", trade("o1")); plain.certificate != "" {
		t.Errorf("in key mode: %s", plain.raw)
	}
	certificate := w.does("alipay.open.app.alipaycert.download", m{"alipay_cert_sn": s.certificate}, certified)
	if text := unbase64(t, certificate.get("alipay_cert_content")); text != told()["alipay_cert"] {
		t.Errorf("another certificate: %s", text)
	}
	w.refuses("isv.invalid_arguments", "alipay.open.app.alipaycert.download", m{"alipay_cert_sn": "0"})
}

// TestEncryptedContent asks and answers in ciphers, and the signature covers the cipher with its quotation marks.
func TestEncryptedContent(t *testing.T) {
	w := newWorld(t, alipay.Settings{}, nil)
	s := w.ask("alipay.trade.precreate", ciphered(t, `{"out_trade_no":"o1","total_amount":"1","subject":"x"}`), with("encrypt_type", "AES"))
	if !s.signed || s.inner[0] != '"' {
		t.Fatalf("%s", s.raw)
	}
	if plain := deciphered(t, strings.Trim(s.inner, `"`)); !strings.Contains(plain, `"out_trade_no":"o1","qr_code":"https://qr.alipay.com/bax`) {
		t.Errorf("%s", plain)
	}
	if _, found := w.channel.FindByOrder("m-1", "o1"); !found {
		t.Error("there is no trade")
	}
}
