//go:build sdk

package sdktest_test

import (
	"bytes"
	"compress/gzip"
	"crypto/rsa"
	"crypto/sha1" // the provider's checksum of bills
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/wechatpay-apiv3/wechatpay-go/core"
	"github.com/wechatpay-apiv3/wechatpay-go/core/auth"
	"github.com/wechatpay-apiv3/wechatpay-go/core/auth/verifiers"
	"github.com/wechatpay-apiv3/wechatpay-go/core/downloader"
	"github.com/wechatpay-apiv3/wechatpay-go/core/notify"
	"github.com/wechatpay-apiv3/wechatpay-go/core/option"
	"github.com/wechatpay-apiv3/wechatpay-go/services/payments"
	"github.com/wechatpay-apiv3/wechatpay-go/services/payments/native"
	"github.com/wechatpay-apiv3/wechatpay-go/services/refunddomestic"
	"github.com/wechatpay-apiv3/wechatpay-go/utils"
)

// goShop is a shop with the official Go SDK.
type goShop struct {
	t       *testing.T
	client  *core.Client
	handler *notify.Handler
	server  *httptest.Server
	inbox   chan notified
}

// notified is a notification that the SDK has verified and decrypted.
type notified struct {
	event string
	told  map[string]any
	err   error
}

func given(name string) string { return os.Getenv("CHANNEL_" + name) }

func newGoShop(t *testing.T, client *core.Client, verifier auth.Verifier) *goShop {
	t.Helper()
	handler, err := notify.NewRSANotifyHandler(given("API_V3_KEY"), verifier)
	if err != nil {
		t.Fatal(err)
	}
	s := &goShop{t: t, client: client, handler: handler, inbox: make(chan notified, 16)}
	s.server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got := notified{told: map[string]any{}}
		request, err := s.handler.ParseNotifyRequest(r.Context(), r, &got.told)
		if got.err = err; err == nil {
			got.event = request.EventType
		}
		s.inbox <- got
		w.WriteHeader(http.StatusNoContent)
	}))
	t.Cleanup(s.server.Close)
	return s
}

func (s *goShop) told(event string) map[string]any {
	s.t.Helper()
	select {
	case got := <-s.inbox:
		if got.err != nil || got.event != event {
			s.t.Fatalf("told %q, %v, want %s", got.event, got.err, event)
		}
		return got.told
	case <-time.After(10 * time.Second):
		s.t.Fatalf("%s was not told", event)
		return nil
	}
}

// create asks for a native payment and lets the buyer pay it, if paid.
func (s *goShop) create(number string, paid bool) {
	s.t.Helper()
	service := native.NativeApiService{Client: s.client}
	response, _, err := service.Prepay(s.t.Context(), native.PrepayRequest{
		Appid: core.String(given("APPID")), Mchid: core.String(given("MCHID")), Description: core.String("一张票"),
		OutTradeNo: core.String(number), NotifyUrl: core.String(s.server.URL), Attach: core.String("ps-r-b1-o1"),
		Amount: &native.Amount{Total: core.Int64(1000), Currency: core.String("CNY")},
	})
	if err != nil {
		s.t.Fatal(err)
	}
	if !paid {
		return
	}
	request, err := http.NewRequestWithContext(s.t.Context(), http.MethodPost, given("PAY_URL")+"/"+url.PathEscape(*response.CodeUrl),
		strings.NewReader(`{"action":"pay"}`))
	if err != nil {
		s.t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	answer, err := http.DefaultClient.Do(request)
	if err != nil || answer.StatusCode != http.StatusOK {
		s.t.Fatalf("pay: %v %v", answer, err)
	}
	_ = answer.Body.Close()
}

func (s *goShop) query(number string) *payments.Transaction {
	s.t.Helper()
	service := native.NativeApiService{Client: s.client}
	found, _, err := service.QueryOrderByOutTradeNo(s.t.Context(), native.QueryOrderByOutTradeNoRequest{
		OutTradeNo: core.String(number), Mchid: core.String(given("MCHID")),
	})
	if err != nil {
		s.t.Fatal(err)
	}
	return found
}

// life is a payment's whole life.
func (s *goShop) life(number string) {
	ctx := s.t.Context()
	s.create(number, true)
	told := s.told("TRANSACTION.SUCCESS")
	if told["out_trade_no"] != number || told["amount"].(map[string]any)["total"] != 1000.0 {
		s.t.Errorf("told %v", told)
	}
	found := s.query(number)
	if *found.TradeState != "SUCCESS" || *found.TransactionId != told["transaction_id"] || *found.Attach != "ps-r-b1-o1" {
		s.t.Errorf("found %+v", found)
	}
	refunds := refunddomestic.RefundsApiService{Client: s.client}
	for _, part := range []struct {
		number string
		fen    int64
		status refunddomestic.Status
	}{{number + "-a", 300, "SUCCESS"}, {number + "-b", 500, "ABNORMAL"}, {number + "-c", 700, "SUCCESS"}} {
		accepted, _, err := refunds.Create(ctx, refunddomestic.CreateRequest{
			TransactionId: found.TransactionId, OutRefundNo: core.String(part.number), NotifyUrl: core.String(s.server.URL),
			Amount: &refunddomestic.AmountReq{Refund: core.Int64(part.fen), Total: core.Int64(1000), Currency: core.String("CNY")},
		})
		if err != nil || *accepted.Status != "PROCESSING" {
			s.t.Fatalf("refund: %v, %v", accepted, err)
		}
		if told := s.told("REFUND." + string(part.status)); told["out_refund_no"] != part.number {
			s.t.Errorf("told %v", told)
		}
		done, _, err := refunds.QueryByOutRefundNo(ctx, refunddomestic.QueryByOutRefundNoRequest{OutRefundNo: core.String(part.number)})
		if err != nil || *done.Status != part.status || *done.Amount.Refund != part.fen {
			s.t.Errorf("refund %v, %v", done, err)
		}
	}
	if state := *s.query(number).TradeState; state != "REFUND" {
		s.t.Errorf("state %s", state)
	}
	s.close(number + "-x")
}

// close closes an order that was not paid, twice.
func (s *goShop) close(number string) {
	s.t.Helper()
	s.create(number, false)
	service := native.NativeApiService{Client: s.client}
	for range 2 {
		result, err := service.CloseOrder(s.t.Context(), native.CloseOrderRequest{
			OutTradeNo: core.String(number), Mchid: core.String(given("MCHID")),
		})
		if err != nil || result.Response.StatusCode != http.StatusNoContent {
			s.t.Errorf("close: %v", err)
		}
	}
	if state := *s.query(number).TradeState; state != "CLOSED" {
		s.t.Errorf("state %s", state)
	}
}

// wantAPIError wants an error with a status and a code.
func wantAPIError(t *testing.T, err error, status int, code string) {
	t.Helper()
	var refused *core.APIError
	if !errors.As(err, &refused) || refused.StatusCode != status || refused.Code != code {
		t.Errorf("got %v, want %d %s", err, status, code)
	}
}

// playShop is the process of the shop.
func playShop(t *testing.T) {
	ctx := t.Context()
	key, err := utils.LoadPrivateKey(given("MERCHANT_PRIVATE_KEY"))
	if err != nil {
		t.Fatal(err)
	}
	publicKey, err := utils.LoadPublicKey(given("PUBLIC_KEY"))
	if err != nil {
		t.Fatal(err)
	}
	client, err := core.NewClient(ctx, option.WithWechatPayPublicKeyAuthCipher(
		given("MCHID"), given("SERIAL_NO"), key, given("PUBLIC_KEY_ID"), publicKey))
	if err != nil {
		t.Fatal(err)
	}
	byPublicKey := newGoShop(t, client, verifiers.NewSHA256WithRSAPubkeyVerifier(given("PUBLIC_KEY_ID"), *publicKey))
	t.Run("public key", func(t *testing.T) {
		byPublicKey.t = t
		byPublicKey.life("go-public")
	})
	t.Run("platform certificates", func(t *testing.T) { shopWithCertificates(t, key).life("go-certificate") })
	t.Run("bill", func(t *testing.T) { byPublicKey.bill(t) })
	t.Run("mistakes", func(t *testing.T) { byPublicKey.mistakes(t) })
	t.Run("a wrong key is seen through", func(t *testing.T) {
		wrong, err := core.NewClient(ctx, option.WithWechatPayPublicKeyAuthCipher(
			given("MCHID"), given("SERIAL_NO"), key, given("PUBLIC_KEY_ID"), &key.PublicKey))
		if err != nil {
			t.Fatal(err)
		}
		var refused *core.APIError
		if _, err := wrong.Get(ctx, "https://api.mch.weixin.qq.com/v3/certificates"); err == nil || errors.As(err, &refused) {
			t.Errorf("got %v, want a signature that does not match", err)
		}
	})
}

// shopWithCertificates downloads what it verifies with.
func shopWithCertificates(t *testing.T, key *rsa.PrivateKey) *goShop {
	t.Helper()
	ctx := t.Context()
	certificates, err := downloader.NewCertificateDownloader(ctx, given("MCHID"), key, given("SERIAL_NO"), given("API_V3_KEY"))
	if err != nil {
		t.Fatal(err)
	}
	if err := certificates.DownloadCertificates(ctx); err != nil { // verified by what the first one brought
		t.Fatal(err)
	}
	verifier := verifiers.NewSHA256WithRSAVerifier(certificates)
	client, err := core.NewClient(ctx,
		option.WithMerchantCredential(given("MCHID"), given("SERIAL_NO"), key), option.WithVerifier(verifier))
	if err != nil {
		t.Fatal(err)
	}
	return newGoShop(t, client, verifier)
}

// bill asks for the trade bill and fetches its file, which is not signed.
func (s *goShop) bill(t *testing.T) {
	today := time.Now().In(time.FixedZone("", 8*60*60)).Format(time.DateOnly)
	result, err := s.client.Get(t.Context(), "https://api.mch.weixin.qq.com/v3/bill/tradebill?tar_type=GZIP&bill_date="+today)
	if err != nil {
		t.Fatal(err)
	}
	var applied struct {
		HashType    string `json:"hash_type"`
		HashValue   string `json:"hash_value"`
		DownloadURL string `json:"download_url"`
	}
	if err := json.NewDecoder(result.Response.Body).Decode(&applied); err != nil {
		t.Fatal(err)
	}
	_ = result.Response.Body.Close()
	if !strings.HasPrefix(applied.DownloadURL, "https://api.mch.weixin.qq.com/v3/billdownload/file?token=") {
		t.Errorf("download from %s", applied.DownloadURL)
	}
	key, err := utils.LoadPrivateKey(given("MERCHANT_PRIVATE_KEY"))
	if err != nil {
		t.Fatal(err)
	}
	plain, err := core.NewClient(t.Context(),
		option.WithMerchantCredential(given("MCHID"), given("SERIAL_NO"), key), option.WithoutValidator())
	if err != nil {
		t.Fatal(err)
	}
	result, err = plain.Get(t.Context(), applied.DownloadURL)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = result.Response.Body.Close() }()
	packed, err := gzip.NewReader(result.Response.Body)
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(packed)
	if err != nil {
		t.Fatal(err)
	}
	if sum := sha1.Sum(text); hex.EncodeToString(sum[:]) != applied.HashValue || applied.HashType != "SHA1" {
		t.Errorf("hash %s", applied.HashValue)
	}
	if lines := bytes.Count(text, []byte("\r\n")); lines != 1+8+2 { // headings, two captures and six refunds, the summary
		t.Errorf("%d lines:\n%s", lines, text)
	}
}

func (s *goShop) mistakes(t *testing.T) {
	ctx := t.Context()
	service := native.NativeApiService{Client: s.client}
	order := native.PrepayRequest{
		Appid: core.String(given("APPID")), Mchid: core.String(given("MCHID")), Description: core.String("一张票"),
		OutTradeNo: core.String("go-public"), NotifyUrl: core.String(s.server.URL), Amount: &native.Amount{Total: core.Int64(1000)},
	}
	_, _, err := service.Prepay(ctx, order)
	wantAPIError(t, err, http.StatusBadRequest, "ORDERPAID")
	order.OutTradeNo = core.String("go")
	_, _, err = service.Prepay(ctx, order)
	wantAPIError(t, err, http.StatusBadRequest, "PARAM_ERROR")
	_, err = service.CloseOrder(ctx, native.CloseOrderRequest{OutTradeNo: core.String("go-public"), Mchid: core.String(given("MCHID"))})
	wantAPIError(t, err, http.StatusBadRequest, "ORDERPAID")
	_, _, err = service.QueryOrderById(ctx, native.QueryOrderByIdRequest{
		TransactionId: core.String("4200000000000000000000000000"), Mchid: core.String(given("MCHID")),
	})
	wantAPIError(t, err, http.StatusNotFound, "ORDER_NOT_EXIST")
	refunds := refunddomestic.RefundsApiService{Client: s.client}
	_, _, err = refunds.Create(ctx, refunddomestic.CreateRequest{
		OutTradeNo: core.String("go-public"), OutRefundNo: core.String("go-public-d"),
		Amount: &refunddomestic.AmountReq{Refund: core.Int64(1), Total: core.Int64(1000), Currency: core.String("CNY")},
	})
	wantAPIError(t, err, http.StatusBadRequest, "INVALID_REQUEST")
}
