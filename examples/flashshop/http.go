package flashshop

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
)

// handler has the shop's routes.
func (s *shop) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", s.getHealth)
	mux.HandleFunc("POST /admin/skus", s.postSKU)
	mux.HandleFunc("POST /admin/coupons", s.postCoupon)
	mux.HandleFunc("POST /admin/reconcile", s.postReconcile)
	mux.HandleFunc("POST /admin/settle-day", s.postSettleDay)
	mux.HandleFunc("POST /orders", s.postOrder)
	mux.HandleFunc("GET /orders/{order}", s.getOrder)
	mux.HandleFunc("POST /orders/{order}/payments", s.postPayment)
	mux.HandleFunc("POST /orders/{order}/return", s.postReturn)
	mux.HandleFunc("POST /orders/{order}/cancel", s.postCancel)
	mux.HandleFunc("POST /orders/{order}/refunds", s.postRefund)
	mux.Handle("POST /graphql", s.graphQL())
	mux.HandleFunc("POST /callbacks/"+s.config.provider, s.callback)
	mux.HandleFunc("POST /callbacks/"+s.config.provider+"/{order}", s.callback)
	// What a client has begun is finished, whether or not it waits for the answer; each step has a time limit of its own.
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mux.ServeHTTP(w, r.WithContext(context.WithoutCancel(r.Context())))
	})
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
		Coupon   string `json:"coupon"`
	}
	if !decode(w, r, &in) {
		return
	}
	wanted := wish{SKU: in.SKU, Buyer: string(in.Buyer), Ref: in.Ref, Quantity: 1, Coupon: in.Coupon}
	if in.Quantity != nil {
		wanted.Quantity = *in.Quantity
	}
	v, fresh, err := s.buy(r.Context(), wanted)
	switch {
	case err != nil:
		s.fail(w, r, err)
	case v.PaymentID == "":
		answer(w, http.StatusAccepted, v)
	case fresh:
		answer(w, http.StatusCreated, v)
	default:
		answer(w, http.StatusOK, v)
	}
}

func (s *shop) getOrder(w http.ResponseWriter, r *http.Request) {
	v, err := s.find(r.Context(), r.PathValue("order"))
	if err != nil {
		s.fail(w, r, err)
		return
	}
	answer(w, http.StatusOK, v)
}

func (s *shop) postPayment(w http.ResponseWriter, r *http.Request) {
	id := r.PathValue("order")
	made, err := s.offerAnotherPayment(r.Context(), id)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	status := http.StatusCreated
	if made.ID == "" {
		status = http.StatusAccepted
	}
	answer(w, status, map[string]string{"id": id, "payment_id": made.ID, "pay_url": made.PayURL})
}

func (s *shop) postCancel(w http.ResponseWriter, r *http.Request) {
	id := r.PathValue("order")
	state, err := s.callOff(r.Context(), id)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	status := http.StatusOK
	if state == pending {
		status = http.StatusAccepted
	}
	answer(w, status, map[string]string{"id": id, "state": state})
}

func (s *shop) postRefund(w http.ResponseWriter, r *http.Request) {
	var in refundWish // what says nothing wants all
	if r.ContentLength != 0 && !decode(w, r, &in) {
		return
	}
	c, err := s.refundOrder(r.Context(), r.PathValue("order"), in)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	answer(w, http.StatusAccepted, map[string]any{"refund_no": c.Number, "state": c.State, "amount_minor": c.Minor})
}

func (s *shop) postReturn(w http.ResponseWriter, r *http.Request) {
	v, err := s.comeBack(r.Context(), r.PathValue("order"))
	if err != nil {
		s.fail(w, r, err)
		return
	}
	answer(w, http.StatusOK, v)
}

func (s *shop) postCoupon(w http.ResponseWriter, r *http.Request) {
	var in coupon
	if !decode(w, r, &in) {
		return
	}
	if err := s.giveAway(r.Context(), in); err != nil {
		s.fail(w, r, err)
		return
	}
	answer(w, http.StatusCreated, map[string]string{"code": in.Code})
}

func (s *shop) postSKU(w http.ResponseWriter, r *http.Request) {
	var in goods
	if !decode(w, r, &in) {
		return
	}
	if err := s.putOnSale(r.Context(), in); err != nil {
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
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, bodyMost)).Decode(into); err != nil {
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
