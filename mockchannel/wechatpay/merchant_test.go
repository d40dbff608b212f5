package wechatpay_test

import (
	"crypto/rsa"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/paystorm/paystorm/mockchannel"
	"github.com/paystorm/paystorm/mockchannel/wechatpay"
)

func TestAnswersAreSignedAsAsked(t *testing.T) {
	s := ordinaryShop(t)
	s.create("order-1")
	certified := s.certificate()
	serial := strings.ToUpper(certified.SerialNumber.Text(16))
	for name, test := range map[string]struct {
		asked, serial string
		key           *rsa.PublicKey
	}{
		"nothing is asked for":       {"", serial, certified.PublicKey.(*rsa.PublicKey)},
		"the platform certificate":   {serial, serial, certified.PublicKey.(*rsa.PublicKey)},
		"the public key":             {s.told("public_key_id"), s.told("public_key_id"), s.publicKey()},
		"a serial that nobody knows": {"PUB_KEY_ID_0", serial, certified.PublicKey.(*rsa.PublicKey)},
	} {
		t.Run(name, func(t *testing.T) {
			s.serial = test.asked
			for what, a := range map[string]answer{"query": s.query("order-1"), "close": s.close("order-1"), "error": s.query("order-9")} {
				if got := a.header.Get("Wechatpay-Serial"); got != test.serial || a.header.Get("Request-ID") == "" {
					t.Errorf("%s: signed by %s", what, got)
				}
				if err := s.verify(test.key, a.header, a.body); err != nil {
					t.Errorf("%s: %v", what, err)
				}
			}
			s.serial = ""
		})
	}
}

func TestRequestsAreAuthenticated(t *testing.T) {
	s := ordinaryShop(t)
	s.create("order-1")
	target := "/v3/pay/transactions/out-trade-no/order-1?mchid=" + s.told("mchid")
	replace := func(old, with string) func(*http.Request) {
		return func(r *http.Request) {
			r.Header.Set("Authorization", strings.Replace(r.Header.Get("Authorization"), old, with, 1))
		}
	}
	now := time.Now()
	for name, test := range map[string]struct {
		at     time.Time
		nonce  string
		change func(*http.Request)
		status int
		code   string
		field  string
	}{
		"as it should be":           {at: now, nonce: "1", status: http.StatusOK},
		"just not too old":          {at: now.Add(-299 * time.Second), nonce: "2", status: http.StatusOK},
		"a serial in small letters": {at: now, nonce: "3", change: replace(s.told("serial_no"), strings.ToLower(s.told("serial_no"))), status: http.StatusOK},
		"members in another order": {at: now, nonce: "4", change: func(r *http.Request) {
			rest := strings.TrimPrefix(r.Header.Get("Authorization"), "WECHATPAY2-SHA256-RSA2048 ")
			first, others, _ := strings.Cut(rest, ",")
			r.Header.Set("Authorization", "WECHATPAY2-SHA256-RSA2048 "+others+","+first)
		}, status: http.StatusOK},
		"too old":                  {at: now.Add(-302 * time.Second), nonce: "5", status: 401, code: "SIGN_ERROR", field: "timestamp"},
		"from the future":          {at: now.Add(302 * time.Second), nonce: "6", status: 401, code: "SIGN_ERROR", field: "timestamp"},
		"no header":                {at: now, nonce: "7", change: func(r *http.Request) { r.Header.Del("Authorization") }, status: 401, code: "SIGN_ERROR"},
		"another scheme":           {at: now, nonce: "8", change: replace("WECHATPAY2", "WECHATPAY3"), status: 401, code: "SIGN_ERROR"},
		"a member twice":           {at: now, nonce: "9", change: replace("nonce_str", `nonce_str="9",nonce_str`), status: 401, code: "SIGN_ERROR"},
		"a member too many":        {at: now, nonce: "10", change: replace("nonce_str", `appid="9",nonce_str`), status: 401, code: "SIGN_ERROR"},
		"no quotes":                {at: now, nonce: "11", change: replace(`mchid="`, `mchid="1`), status: 400, code: "MCH_NOT_EXISTS"},
		"a timestamp in words":     {at: now, nonce: "12", change: replace(`timestamp="`, `timestamp="x`), status: 401, code: "SIGN_ERROR", field: "timestamp"},
		"a timestamp far away":     {at: now, nonce: "13", change: replace(`timestamp="`, `timestamp="-99999999`), status: 401, code: "SIGN_ERROR", field: "timestamp"},
		"a signature in no base64": {at: now, nonce: "14", change: replace(`signature="`, `signature="*`), status: 401, code: "SIGN_ERROR"},
		"a serial of another":      {at: now, nonce: "15", change: replace(s.told("serial_no"), "AA"), status: 401, code: "SIGN_ERROR", field: "serial_no"},
		"another address":          {at: now, nonce: "16", change: func(r *http.Request) { r.URL.RawQuery += "&x=1" }, status: 401, code: "SIGN_ERROR", field: "signature"},
		"another method":           {at: now, nonce: "17", change: func(r *http.Request) { r.Method = http.MethodHead }, status: 401, code: "SIGN_ERROR", field: "signature"},
	} {
		t.Run(name, func(t *testing.T) {
			r := s.signed(http.MethodGet, target, "", test.at, test.nonce)
			if test.change != nil {
				test.change(r)
			}
			a := s.do(r)
			detail, _ := a.members["detail"].(map[string]any)
			field, _ := detail["field"].(string)
			if a.status != test.status || a.text("code") != test.code || field != test.field {
				t.Errorf("got %d %s, want %d %s %s", a.status, a.body, test.status, test.code, test.field)
			}
		})
	}
}

func TestARequestIsAnsweredOnce(t *testing.T) {
	s := ordinaryShop(t)
	target, now := "/v3/certificates", time.Now()
	if a := s.do(s.signed(http.MethodGet, target, "", now, "nonce-1")); a.status != http.StatusOK {
		t.Fatalf("got %d %s", a.status, a.body)
	}
	if a := s.do(s.signed(http.MethodGet, target, "", now, "nonce-1")); a.status != http.StatusUnauthorized || a.text("code") != "SIGN_ERROR" {
		t.Errorf("a replay: %d %s", a.status, a.body)
	}
}

func TestMistakes(t *testing.T) {
	s := ordinaryShop(t)
	s.create("open-1")
	transaction := s.paid("paid-1")
	s.create("closed-1")
	s.close("closed-1")
	if a := s.refund("paid-1", "refund-1", 600, 1000); a.status != http.StatusOK {
		t.Fatalf("refund: %d %s", a.status, a.body)
	}
	create := func(number string, more map[string]any) func() answer {
		return func() answer { return s.post(native, s.order(number, more)) }
	}
	post := func(target, body string) func() answer { return func() answer { return s.post(target, body) } }
	get := func(target string) func() answer { return func() answer { return s.get(target) } }
	refund := func(order, number string, fen, total int64) func() answer {
		return func() answer { return s.refund(order, number, fen, total) }
	}
	mchid := "?mchid=" + s.told("mchid")
	for name, test := range map[string]struct {
		ask    func() answer
		status int
		code   string
		field  string
	}{
		"no JSON":                    {post(native, `{"appid":`), 400, "INVALID_REQUEST", ""},
		"an array":                   {post(native, `[]`), 400, "PARAM_ERROR", ""},
		"no UTF-8":                   {post(native, "{\"appid\":\"\xff\"}"), 400, "INVALID_REQUEST", ""},
		"a key twice":                {post(native, `{"appid":"x","appid":"y"}`), 400, "PARAM_ERROR", "/appid"},
		"too large":                  {post(native, `{"x":"`+strings.Repeat("x", 10<<20)+`"}`), 400, "INVALID_REQUEST", ""},
		"no description":             {create("new-1234", map[string]any{"description": nil}), 400, "PARAM_ERROR", "/description"},
		"a description too long":     {create("new-1234", map[string]any{"description": strings.Repeat("票", 128)}), 400, "PARAM_ERROR", "/description"},
		"a number for a text":        {create("new-1234", map[string]any{"attach": 1}), 400, "PARAM_ERROR", "/attach"},
		"no amount":                  {create("new-1234", map[string]any{"amount": nil}), 400, "PARAM_ERROR", "/amount/total"},
		"an amount of nothing":       {create("new-1234", map[string]any{"amount": map[string]any{"total": 0}}), 400, "PARAM_ERROR", "/amount/total"},
		"half a fen":                 {create("new-1234", map[string]any{"amount": map[string]any{"total": 0.5}}), 400, "PARAM_ERROR", "/amount/total"},
		"an amount in words":         {create("new-1234", map[string]any{"amount": map[string]any{"total": "1"}}), 400, "PARAM_ERROR", "/amount/total"},
		"an absurd amount":           {create("new-1234", map[string]any{"amount": map[string]any{"total": 1e18}}), 400, "PARAM_ERROR", "/amount/total"},
		"another currency":           {create("new-1234", map[string]any{"amount": map[string]any{"total": 1, "currency": "USD"}}), 400, "PARAM_ERROR", "/amount/currency"},
		"a short order number":       {create("short", nil), 400, "PARAM_ERROR", "/out_trade_no"},
		"a long order number":        {create(strings.Repeat("x", 33), nil), 400, "PARAM_ERROR", "/out_trade_no"},
		"an order number with a dot": {create("order.number", nil), 400, "PARAM_ERROR", "/out_trade_no"},
		"an address with a query":    {create("new-1234", map[string]any{"notify_url": "http://h/?a=b"}), 400, "PARAM_ERROR", "/notify_url"},
		"no address":                 {create("new-1234", map[string]any{"notify_url": nil}), 400, "PARAM_ERROR", "/notify_url"},
		"a date that is none":        {create("new-1234", map[string]any{"time_expire": "tomorrow"}), 400, "PARAM_ERROR", "/time_expire"},
		"another merchant":           {create("new-1234", map[string]any{"mchid": "1900000000"}), 400, "PARAM_ERROR", "/mchid"},
		"another app":                {create("new-1234", map[string]any{"appid": "wx00"}), 400, "APPID_MCHID_NOT_MATCH", ""},
		"jsapi without a payer":      {post("/v3/pay/transactions/jsapi", s.order("new-1234", nil)), 400, "PARAM_ERROR", "/payer/openid"},
		"h5 without a scene":         {post("/v3/pay/transactions/h5", s.order("new-1234", nil)), 400, "PARAM_ERROR", "/scene_info/payer_client_ip"},
		"again, dearer":              {create("open-1", map[string]any{"amount": map[string]any{"total": 1001}}), 400, "INVALID_REQUEST", ""},
		"again, by app":              {post("/v3/pay/transactions/app", s.order("open-1", nil)), 403, "OUT_TRADE_NO_USED", ""},
		"again, paid":                {create("paid-1", nil), 400, "ORDERPAID", ""},
		"again, closed":              {create("closed-1", nil), 400, "ORDER_CLOSED", ""},
		"no such order":              {get("/v3/pay/transactions/out-trade-no/none-1" + mchid), 404, "ORDER_NOT_EXIST", ""},
		"no merchant":                {get("/v3/pay/transactions/out-trade-no/open-1"), 400, "PARAM_ERROR", "mchid"},
		"no such transaction":        {get("/v3/pay/transactions/id/4200" + mchid), 404, "ORDER_NOT_EXIST", ""},
		"close what is paid":         {func() answer { return s.close("paid-1") }, 400, "ORDERPAID", ""},
		"close nothing":              {func() answer { return s.close("none-1") }, 404, "ORDER_NOT_EXIST", ""},
		"close without a body":       {post("/v3/pay/transactions/out-trade-no/open-1/close", ""), 400, "INVALID_REQUEST", ""},
		"refund an open order":       {refund("open-1", "refund-2", 1, 1000), 400, "INVALID_REQUEST", ""},
		"refund no order":            {refund("none-1", "refund-2", 1, 1000), 404, "RESOURCE_NOT_EXISTS", ""},
		"refund too much":            {refund("paid-1", "refund-2", 401, 1000), 400, "INVALID_REQUEST", ""},
		"refund of another total":    {refund("paid-1", "refund-2", 1, 999), 400, "PARAM_ERROR", "/amount/total"},
		"refund more than the total": {refund("paid-1", "refund-2", 1001, 1000), 400, "PARAM_ERROR", "/amount/refund"},
		"the same refund, dearer":    {refund("paid-1", "refund-1", 601, 1000), 400, "INVALID_REQUEST", ""},
		"a refund without a number":  {refund("paid-1", "", 1, 1000), 400, "PARAM_ERROR", "/out_refund_no"},
		"a refund number with a dot": {refund("paid-1", "r.1", 1, 1000), 400, "PARAM_ERROR", "/out_refund_no"},
		"a refund of nothing":        {post(refunds, `{"out_refund_no":"r","amount":{"refund":1,"total":1,"currency":"CNY"}}`), 400, "PARAM_ERROR", "/transaction_id"},
		"no such refund":             {get(refunds + "/none"), 404, "RESOURCE_NOT_EXISTS", ""},
		"a bill of no day":           {get("/v3/bill/tradebill?bill_date=today"), 400, "PARAM_ERROR", "bill_date"},
		"a bill of no kind":          {get("/v3/bill/tradebill?bill_date=2019-06-11&bill_type=X"), 400, "PARAM_ERROR", "bill_type"},
		"a day without a bill":       {get("/v3/bill/tradebill?bill_date=2019-06-11"), 400, "NO_STATEMENT_EXIST", ""},
		"a bill of another account":  {get("/v3/bill/fundflowbill?bill_date=2019-06-11&account_type=FEES"), 400, "NO_STATEMENT_EXIST", ""},
		"a file that is none":        {get("/v3/billdownload/file?token=x"), 404, "RESOURCE_NOT_EXISTS", ""},
		"no such endpoint":           {get("/v3/pay/transactions/cash"), 404, "RESOURCE_NOT_EXISTS", ""},
		"another method":             {post("/v3/certificates", "{}"), 405, "INVALID_REQUEST", ""},
		"no JSON by its type": {func() answer {
			r := s.request(http.MethodPost, native, s.order("new-1234", nil))
			r.Header.Set("Content-Type", "text/plain")
			return s.do(r)
		}, 400, "INVALID_REQUEST", ""},
	} {
		t.Run(name, func(t *testing.T) {
			a := test.ask()
			detail, _ := a.members["detail"].(map[string]any)
			field, _ := detail["field"].(string)
			if a.status != test.status || a.text("code") != test.code || field != test.field || a.text("message") == "" {
				t.Errorf("got %d %s, want %d %s %q", a.status, a.body, test.status, test.code, test.field)
			}
		})
	}
	if a := s.get("/v3/pay/transactions/id/" + transaction + mchid); a.text("trade_state") != "REFUND" {
		t.Errorf("afterwards: %s", a.body)
	}
	if err := s.channel.Balanced(); err != nil {
		t.Error(err)
	}
}

// What faults make of a request is said in the provider's words too.
func TestFaultsInTheProvidersWords(t *testing.T) {
	for code, want := range map[mockchannel.Code]string{
		mockchannel.CodeRateLimited: "429 FREQUENCY_LIMITED", mockchannel.CodeInternal: "500 SYSTEM_ERROR",
		mockchannel.CodeUnavailable: "503 SYSTEM_ERROR", "something new": "500 SYSTEM_ERROR",
	} {
		s := ordinaryShop(t, func(c *mockchannel.Config) { c.Faults = rejecting{code: code} })
		if a := s.post(native, s.order("order-1", nil)); fmt.Sprint(a.status, " ", a.text("code")) != want {
			t.Errorf("%s: %d %s", code, a.status, a.body)
		}
	}
	s := ordinaryShop(t, func(c *mockchannel.Config) { c.Faults = rejecting{code: mockchannel.CodeInternal, status: 502} })
	if a := s.post(native, s.order("order-1", nil)); a.status != 502 || a.text("code") != "SYSTEM_ERROR" {
		t.Errorf("a status of its own: %d %s", a.status, a.body)
	}
}

// rejecting refuses every request.
type rejecting struct {
	nothingWrong
	code   mockchannel.Code
	status int
}

func (r rejecting) Request(mockchannel.Request) mockchannel.RequestFault {
	return mockchannel.RequestFault{Reject: &mockchannel.Reject{Fault: "f", Code: string(r.code), Status: r.status}}
}

type nothingWrong struct{}

func (nothingWrong) Request(mockchannel.Request) mockchannel.RequestFault {
	return mockchannel.RequestFault{}
}

func (nothingWrong) Change(mockchannel.Change) mockchannel.ChangeFault {
	return mockchannel.ChangeFault{}
}

func (nothingWrong) Notice(mockchannel.Notice) mockchannel.NoticeFault {
	return mockchannel.NoticeFault{}
}

func (nothingWrong) Attempt(mockchannel.Notice, int) mockchannel.AttemptFault {
	return mockchannel.AttemptFault{}
}
func (nothingWrong) Reached(mockchannel.Moment) {}

func TestWrongAnswers(t *testing.T) {
	for name, probe := range map[string]bool{"a probe": true, "another key": false} {
		t.Run(name, func(t *testing.T) {
			s := ordinaryShop(t, func(c *mockchannel.Config) { c.Faults = missigning{probe: probe} })
			a := s.post(native, s.order("order-1", nil))
			if a.status != http.StatusOK || s.verify(s.certificate().PublicKey.(*rsa.PublicKey), a.header, a.body) == nil {
				t.Errorf("got %d with a right signature", a.status)
			}
			if strings.HasPrefix(a.header.Get("Wechatpay-Signature"), "WECHATPAY/SIGNTEST/") != probe {
				t.Errorf("signature %s", a.header.Get("Wechatpay-Signature"))
			}
		})
	}
}

type missigning struct {
	nothingWrong
	probe bool
}

func (m missigning) Request(mockchannel.Request) mockchannel.RequestFault {
	return mockchannel.RequestFault{Missign: &mockchannel.Missign{Fault: "f", Probe: m.probe}}
}

func TestOneOrderNumber(t *testing.T) {
	s := ordinaryShop(t)
	first, again := s.create("order-1"), s.create("order-1")
	if first != again {
		t.Errorf("%s, then %s", first, again)
	}
	a, b := s.post("/v3/pay/transactions/app", s.order("order-2", nil)), s.post("/v3/pay/transactions/app", s.order("order-2", nil))
	if len(a.text("prepay_id")) != 36 || len(b.text("prepay_id")) != 36 {
		t.Errorf("prepay ids %s, %s", a.body, b.body)
	}
	p, _ := s.channel.FindByOrder(s.merchant.ID, "order-2")
	h5 := map[string]any{"scene_info": map[string]any{"payer_client_ip": "::1", "h5_info": map[string]any{"type": "Wap"}}}
	page := s.post("/v3/pay/transactions/h5", s.order("order-3", h5)).text("h5_url")
	presenter := wechatpay.New().(mockchannel.Presenter)
	for _, handed := range []string{a.text("prepay_id"), b.text("prepay_id"), "order-2", p.ID, "http://h" + p.PayURL} {
		if id, err := presenter.Presented(s.channel, handed); err != nil || id != p.ID {
			t.Errorf("%s leads to %s, %v", handed, id, err)
		}
	}
	for handed, order := range map[string]string{first: "order-1", "http://127.0.0.1" + page: "order-3"} {
		id, err := presenter.Presented(s.channel, handed)
		if p, found := s.channel.Find(id); err != nil || !found || p.Order != order {
			t.Errorf("%s leads to %s, %v", handed, p.Order, err)
		}
	}
	for _, nothing := range []string{"", "order-9", "weixin://wxpay/bizpayurl?pr=x", "wx" + strings.Repeat("0", 34), "://", "http://h/pay/x"} {
		if id, err := presenter.Presented(s.channel, nothing); err == nil {
			t.Errorf("%q leads to %s", nothing, id)
		}
	}
}

func TestTimeExpire(t *testing.T) {
	s := ordinaryShop(t)
	soon := time.Now().Add(time.Second).Format(time.RFC3339)
	later := time.Now().Add(time.Hour)
	for number, expires := range map[string]string{"order-1": soon, "order-2": later.Format(time.RFC3339)} {
		if a := s.post(native, s.order(number, map[string]any{"time_expire": expires})); a.status != http.StatusOK {
			t.Fatalf("%d %s", a.status, a.body)
		}
	}
	if p, _ := s.channel.FindByOrder(s.merchant.ID, "order-1"); time.Until(p.Expires) < 50*time.Second {
		t.Errorf("an order expires %s from now, want a minute", time.Until(p.Expires))
	}
	if p, _ := s.channel.FindByOrder(s.merchant.ID, "order-2"); !p.Expires.Equal(later.Truncate(time.Second)) {
		t.Errorf("an order expires at %s, want %s", p.Expires, later)
	}
}
