package flashshop

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
)

const maxQuantity = 1000

// handler has the shop's routes.
func (s *shop) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", s.getHealth)
	mux.HandleFunc("POST /admin/skus", s.postSKU)
	mux.HandleFunc("POST /admin/reconcile", s.postReconcile)
	mux.HandleFunc("POST /orders", s.postOrder)
	mux.HandleFunc("GET /orders/{order}", s.getOrder)
	mux.HandleFunc("POST /orders/{order}/payments", s.postPayment)
	mux.HandleFunc("POST /orders/{order}/cancel", s.postCancel)
	mux.HandleFunc("POST /orders/{order}/refunds", s.postRefund)
	mux.HandleFunc("POST /callbacks/"+s.config.provider, s.callback)
	mux.HandleFunc("POST /callbacks/"+s.config.provider+"/{order}", s.callback)
	// What a client has begun is finished, whether or not it waits for the answer; each step has a time limit of its own.
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mux.ServeHTTP(w, r.WithContext(context.WithoutCancel(r.Context())))
	})
}

// view is an order as buyers see it.
type view struct {
	ID          string `json:"id"`
	State       string `json:"state"`
	PaymentID   string `json:"payment_id"`
	PayURL      string `json:"pay_url,omitempty"`
	AmountMinor int64  `json:"amount_minor"`
	Currency    string `json:"currency"`
	Reason      string `json:"reason,omitempty"`
}

// look reads an order as committed: its payment is the one that paid it, or the latest that is known.
func (s *shop) look(ctx context.Context, id string) (view, bool, error) {
	return one(ctx, s.store, func(rows *sql.Rows, v *view) error {
		return rows.Scan(&v.ID, &v.State, &v.Reason, &v.AmountMinor, &v.Currency, &v.PaymentID, &v.PayURL)
	}, `SELECT o.id, o.state, o.reason, o.amount_minor, o.currency, COALESCE(p.id, ''), COALESCE(p.pay_url, '')
		FROM orders o LEFT JOIN payments p ON p.id = CASE WHEN o.payment_id <> '' THEN o.payment_id ELSE
			(SELECT payment_id FROM attempts WHERE order_id = o.id AND payment_id <> '' ORDER BY length(idempotency_key) DESC,
				idempotency_key DESC LIMIT 1) END
		WHERE o.id = ?`, id)
}

// buyer is who buys; a client may write it as a number or as a string.
type buyer string

func (b *buyer) UnmarshalJSON(text []byte) error {
	if !strings.HasPrefix(string(text), `"`) {
		var number json.Number
		err := json.Unmarshal(text, &number)
		*b = buyer(number)
		return err
	}
	return json.Unmarshal(text, (*string)(b))
}

func (s *shop) postOrder(w http.ResponseWriter, r *http.Request) {
	var in struct {
		SKU      string `json:"sku"`
		Quantity *int64 `json:"quantity"`
		Buyer    buyer  `json:"buyer"`
		Ref      string `json:"ref"`
	}
	if !decode(w, r, &in) {
		return
	}
	wanted := wish{SKU: in.SKU, Buyer: string(in.Buyer), Ref: in.Ref, Quantity: 1}
	if in.Quantity != nil {
		wanted.Quantity = *in.Quantity
	}
	if wanted.SKU == "" || wanted.Buyer == "" || wanted.Quantity < 1 || wanted.Quantity > maxQuantity {
		s.fail(w, r, no(http.StatusBadRequest, "INVALID"))
		return
	}
	o, fresh, err := s.place(r.Context(), wanted)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	// From here on something was done, so that no answer may say that nothing was.
	v := view{ID: o.ID, State: o.State, Reason: o.Reason, AmountMinor: o.Amount, Currency: o.Currency}
	made, err := s.resolve(r.Context(), attemptKey(o.ID, 1), 3)
	if err != nil {
		s.log.Warn("create payment", "order", o.ID, "error", err)
	}
	if told, found, err := s.look(r.Context(), o.ID); err == nil && found {
		v = told
	}
	if v.PaymentID == "" {
		v.PaymentID, v.PayURL = made.ID, made.PayURL
	}
	switch {
	case v.State == closed && v.Reason == reasonFailed:
		s.fail(w, r, no(http.StatusConflict, "PAYMENT_FAILED"))
	case v.PaymentID == "":
		answer(w, http.StatusAccepted, v)
	case fresh:
		answer(w, http.StatusCreated, v)
	default:
		answer(w, http.StatusOK, v)
	}
}

func (s *shop) getOrder(w http.ResponseWriter, r *http.Request) {
	v, found, err := s.look(r.Context(), r.PathValue("order"))
	if err == nil && !found {
		err = no(http.StatusNotFound, "UNKNOWN_ORDER")
	}
	if err != nil {
		s.fail(w, r, err)
		return
	}
	answer(w, http.StatusOK, v)
}

func (s *shop) postPayment(w http.ResponseWriter, r *http.Request) {
	id := r.PathValue("order")
	key, err := s.payAgain(r.Context(), id)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	made, err := s.resolve(r.Context(), key, 3)
	if err != nil {
		s.log.Warn("create payment", "order", id, "error", err)
	}
	status := http.StatusCreated
	if made.ID == "" {
		status = http.StatusAccepted
	}
	answer(w, status, map[string]string{"id": id, "payment_id": made.ID, "pay_url": made.PayURL})
}

func (s *shop) postCancel(w http.ResponseWriter, r *http.Request) {
	id := r.PathValue("order")
	state, err := s.cancel(r.Context(), id)
	status := http.StatusOK
	switch {
	case err != nil:
		s.fail(w, r, err)
		return
	case state == pending:
		status = http.StatusAccepted
	case state != closed:
		s.fail(w, r, no(http.StatusConflict, paid))
		return
	}
	answer(w, status, map[string]string{"id": id, "state": state})
}

func (s *shop) postRefund(w http.ResponseWriter, r *http.Request) {
	c, err := s.refundOrder(r.Context(), r.PathValue("order"))
	if err != nil {
		s.fail(w, r, err)
		return
	}
	answer(w, http.StatusAccepted, map[string]string{"refund_no": c.Number, "state": c.State})
}

func (s *shop) postSKU(w http.ResponseWriter, r *http.Request) {
	var in struct {
		SKU      string `json:"sku"`
		Stock    int64  `json:"stock"`
		Price    int64  `json:"price_minor"`
		Currency string `json:"currency"`
		PerBuyer int64  `json:"per_buyer"`
	}
	if !decode(w, r, &in) {
		return
	}
	if in.SKU == "" || in.Stock < 0 || in.Price < 1 || in.Price > 1e12 || len(in.Currency) != 3 || in.PerBuyer < 0 {
		s.fail(w, r, no(http.StatusBadRequest, "INVALID"))
		return
	}
	if err := s.store.write(r.Context(), func(ctx context.Context, t tx) error {
		_, err := t.exec(ctx, `INSERT INTO skus(sku, available, price_minor, currency, per_buyer) VALUES(?, ?, ?, ?, ?)
			ON CONFLICT DO NOTHING`, in.SKU, in.Stock, in.Price, in.Currency, in.PerBuyer)
		return err
	}); err != nil {
		s.fail(w, r, err)
		return
	}
	answer(w, http.StatusCreated, map[string]string{"sku": in.SKU})
}

func (s *shop) postReconcile(w http.ResponseWriter, r *http.Request) {
	orders, refunds, failed, err := s.reconcile(r.Context())
	if err != nil {
		s.fail(w, r, err)
		return
	}
	answer(w, http.StatusOK, map[string]int{"orders": orders, "refunds": refunds, "failed": failed})
}

func (s *shop) getHealth(w http.ResponseWriter, r *http.Request) {
	if _, _, err := one(r.Context(), s.store, value[int64], `SELECT count(*) FROM skus`); err != nil {
		s.fail(w, r, err)
		return
	}
	answer(w, http.StatusOK, map[string]string{"status": "ok"})
}

func decode(w http.ResponseWriter, r *http.Request, into any) bool {
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 64<<10)).Decode(into); err != nil {
		answer(w, http.StatusBadRequest, map[string]string{"code": "INVALID", "message": err.Error()})
		return false
	}
	return true
}

// fail answers with the no that err is.
func (s *shop) fail(w http.ResponseWriter, r *http.Request, err error) {
	d := s.denial(r, err)
	answer(w, d.Status, map[string]string{"code": d.Code})
}

// denial is the definite no that err is, BUSY if nothing was done for want of the database, else INTERNAL.
func (s *shop) denial(r *http.Request, err error) denied {
	var d *denied
	switch {
	case errors.As(err, &d):
		return *d
	case errors.Is(err, errBusy):
		return denied{http.StatusServiceUnavailable, "BUSY"}
	}
	s.log.Error("request failed", "request", r.Method+" "+r.URL.Path, "error", err)
	return denied{http.StatusInternalServerError, "INTERNAL"}
}

func answer(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // fails only where the client is gone, and then nobody is left to be told
}
