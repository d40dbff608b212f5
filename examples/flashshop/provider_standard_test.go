package flashshop

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
)

// standardTongue speaks the standard dialect.
type standardTongue struct{}

func (standardTongue) name() string { return "standard" }

func (standardTongue) configure(f *fakeChannel, env map[string]string) {
	env["CHANNEL_URL"], env["CHANNEL_KEY"], env["CALLBACK_SECRET"], env["MERCHANT"] = f.server.URL, "key", testSecret, testMerchant
}

func (s standardTongue) routes(f *fakeChannel, mux *http.ServeMux) {
	handle := func(pattern, op string, work func(r *http.Request, body []byte, bad fault) (any, string)) {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			f.serve(w, r, op, func(bad fault) (func(), string) {
				told, code := work(r, body, bad)
				return func() { _ = json.NewEncoder(w).Encode(told) }, code
			})
		})
	}
	handle("POST /v1/payments", opCreate, func(r *http.Request, body []byte, _ fault) (any, string) {
		var in struct {
			Order     string `json:"order"`
			Amount    int64  `json:"amount_minor"`
			Currency  string `json:"currency"`
			NotifyURL string `json:"notify_url"`
		}
		if err := json.Unmarshal(body, &in); err != nil || in.NotifyURL != shopName+"/callbacks/standard/"+in.Order {
			return nil, "invalid_request"
		}
		return f.create(r.Header.Get("Idempotency-Key"), string(body), "",
			standardPayment{Order: in.Order, AmountMinor: in.Amount, Currency: in.Currency})
	})
	handle("GET /v1/payments", opList, func(r *http.Request, _ []byte, bad fault) (any, string) {
		return map[string]any{"payments": f.list(r.URL.Query().Get("order"), bad)}, ""
	})
	handle("GET /v1/payments/{id}", opQuery, func(r *http.Request, _ []byte, bad fault) (any, string) {
		return f.query(r.PathValue("id"), bad)
	})
	handle("POST /v1/payments/{id}/close", opClose, func(r *http.Request, _ []byte, _ fault) (any, string) {
		return f.close(r.PathValue("id"))
	})
	handle("POST /v1/refunds", opRefund, func(_ *http.Request, body []byte, _ fault) (any, string) {
		var in struct {
			Payment  string `json:"payment"`
			RefundNo string `json:"refund_no"`
			Amount   int64  `json:"amount_minor"`
		}
		if err := json.Unmarshal(body, &in); err != nil {
			return nil, "invalid_request"
		}
		return f.refund(in.RefundNo, in.Payment, in.Amount)
	})
	mux.HandleFunc("GET /v1/bill", func(w http.ResponseWriter, _ *http.Request) {
		f.mu.Lock()
		bill := f.bill
		f.mu.Unlock()
		if bill == nil {
			http.NotFound(w, nil)
			return
		}
		_, _ = io.WriteString(w, "type,at,payment,order,refund,refund_no,amount_minor,currency,state\n"+bill())
	})
	handle("GET /v1/refunds/{no}", opRefundQuery, func(r *http.Request, _ []byte, bad fault) (any, string) {
		return f.queryRefund(r.PathValue("no"), bad)
	})
}

func (standardTongue) fail(w http.ResponseWriter, _ *http.Request, status int, code string) {
	answer(w, status, map[string]any{"error": map[string]string{"code": code, "message": code}})
}

func (standardTongue) callback(f *fakeChannel, m message) (*http.Request, error) {
	body, err := json.Marshal(map[string]any{"type": m.n.Type, "timestamp": time.Now().Format(time.RFC3339), "data": m.n.Data})
	if err != nil {
		return nil, err
	}
	req, err := http.NewRequestWithContext(f.t.Context(), http.MethodPost, f.address("/callbacks/standard/"+m.address), bytes.NewReader(body))
	if err != nil || m.secret == "" {
		return req, err
	}
	hook, err := standardwebhooks.NewWebhook(m.secret)
	if err != nil {
		return nil, err
	}
	now := time.Now()
	signature, err := hook.Sign(m.id, now, body)
	req.Header.Set("webhook-id", m.id)
	req.Header.Set("webhook-timestamp", fmt.Sprint(now.Unix()))
	req.Header.Set("webhook-signature", signature)
	return req, err
}

func (standardTongue) acknowledged(status int, _ string) bool { return status == http.StatusNoContent }

func (standardTongue) naming() bool { return true }

func (standardTongue) addressed() bool { return true }
