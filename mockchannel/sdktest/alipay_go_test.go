//go:build sdk

package sdktest_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	smartwalle "github.com/smartwalle/alipay/v3"

	"github.com/paystorm/paystorm/mockchannel/alipay"
)

// TestAlipayByGo lets smartwalle/alipay, which verifies every answer by itself, live a trade from its code to its bill.
func TestAlipayByGo(t *testing.T) {
	for _, mode := range []string{"keys", "certificates"} {
		t.Run(mode, func(t *testing.T) {
			s := serve(t, alipay.New(alipay.Settings{BillsAtOnce: true}), nil)
			client := goAlipay(t, s, mode)
			told := make(chan *smartwalle.Notification, 10)
			shop := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if err := r.ParseForm(); err != nil {
					t.Error(err)
				}
				notification, err := client.DecodeNotification(r.Form)
				if err != nil {
					t.Errorf("the SDK does not believe %v: %v", r.Form, err)
				}
				smartwalle.ACKNotification(w)
				told <- notification
			}))
			defer shop.Close()
			liveByGo(t, s, client, shop.URL, told)
		})
	}
}

func goAlipay(t *testing.T, s served, mode string) *smartwalle.Client {
	t.Helper()
	credentials := s.merchant.Told
	client, err := smartwalle.New(credentials["app_id"], credentials["app_private_key"], true,
		smartwalle.WithProductionGateway(s.url+"/gateway.do"))
	if err != nil {
		t.Fatal(err)
	}
	if mode == "keys" {
		err = client.LoadAliPayPublicKey(credentials["alipay_public_key"])
	} else {
		for _, load := range []func() error{
			func() error { return client.LoadAppCertPublicKey(credentials["app_cert"]) },
			func() error { return client.LoadAliPayRootCert(credentials["alipay_root_cert"]) },
			func() error { return client.LoadAlipayCertPublicKey(credentials["alipay_cert"]) },
		} {
			if err == nil {
				err = load()
			}
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	return client
}

// next is the next notification, whose status and refunds so far are as wanted.
func next(t *testing.T, told <-chan *smartwalle.Notification, status smartwalle.TradeStatus, refunded string) {
	t.Helper()
	select {
	case n := <-told:
		if n == nil || n.TradeStatus != status || n.RefundFee != refunded || n.TotalAmount != "88.88" || n.OutTradeNo != "go_1" {
			t.Errorf("want %s %s: %+v", status, refunded, n)
		}
	case <-time.After(scriptTimeout):
		t.Fatal("no notification came")
	}
}

func liveByGo(t *testing.T, s served, client *smartwalle.Client, notify string, told <-chan *smartwalle.Notification) {
	ctx := t.Context()
	trade := smartwalle.Trade{OutTradeNo: "go_1", TotalAmount: "88.88", Subject: "手机", NotifyURL: notify}
	minted, err := client.TradePreCreate(ctx, smartwalle.TradePreCreate{Trade: trade})
	if err != nil || !minted.IsSuccess() {
		t.Fatal(minted, err)
	}
	none, err := client.TradeQuery(ctx, smartwalle.TradeQuery{OutTradeNo: "go_1"})
	if err != nil || none.SubCode != "ACQ.TRADE_NOT_EXIST" {
		t.Errorf("nobody has scanned it: %+v, %v", none, err)
	}
	payByGo(ctx, t, s.url, minted.QRCode)
	next(t, told, smartwalle.TradeStatusSuccess, "")
	for number, amount := range map[string]string{"1": "8.88", "2": "80.00"} {
		refund, err := client.TradeRefund(ctx, smartwalle.TradeRefund{OutTradeNo: "go_1", OutRequestNo: number, RefundAmount: amount})
		if err != nil || refund.FundChange != "Y" {
			t.Errorf("refund: %+v, %v", refund, err)
		}
		found, err := client.TradeFastPayRefundQuery(ctx, smartwalle.TradeFastPayRefundQuery{OutTradeNo: "go_1", OutRequestNo: number})
		if err != nil || found.RefundStatus != "REFUND_SUCCESS" || found.RefundAmount != amount {
			t.Errorf("refund query: %+v, %v", found, err)
		}
		status := smartwalle.TradeStatusSuccess
		if refund.RefundFee == "88.88" {
			status = smartwalle.TradeStatusClosed
		}
		next(t, told, status, refund.RefundFee)
	}
	closed, err := client.TradeClose(ctx, smartwalle.TradeClose{OutTradeNo: "go_1"})
	if err != nil || closed.SubCode != "ACQ.TRADE_STATUS_ERROR" {
		t.Errorf("close: %+v, %v", closed, err)
	}
	today := time.Now().In(time.FixedZone("", 8*60*60)).Format(time.DateOnly)
	bill, err := client.BillDownloadURLQuery(ctx, smartwalle.BillDownloadURLQuery{BillType: "trade", BillDate: today})
	if err != nil || !strings.HasPrefix(bill.BillDownloadURL, s.url) {
		t.Errorf("bill: %+v, %v", bill, err)
	}
}

// payByGo is the buyer who scans the code.
func payByGo(ctx context.Context, t *testing.T, channel, code string) {
	t.Helper()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, channel+"/pay/"+url.PathEscape(code), strings.NewReader(`{"action":"pay"}`))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }() // only its status matters
	if response.StatusCode != http.StatusOK {
		t.Fatalf("pay: %s", response.Status)
	}
}
