package flashshop

import (
	"context"
	"net/http"
)

// What may be asked of the shop, whichever of its APIs carries it: REST in http.go, GraphQL in graphql.go.

const maxQuantity = 1000

// view is an order as buyers see it.
type view struct {
	ID          string `json:"id"`
	State       string `json:"state"`
	PaymentID   string `json:"payment_id"`
	PayURL      string `json:"pay_url,omitempty"`
	AmountMinor int64  `json:"amount_minor"`
	Discount    int64  `json:"discount_minor,omitempty"`
	Currency    string `json:"currency"`
	Reason      string `json:"reason,omitempty"`
}

// look reads an order as committed: its payment is the one that paid it, or the latest that is known.
func (s *shop) look(ctx context.Context, id string) (v view, found bool, err error) {
	v, found, err = one(ctx, s.store, func(row row, v *view) error {
		return row.Scan(&v.ID, &v.State, &v.Reason, &v.AmountMinor, &v.Discount, &v.Currency, &v.PaymentID, &v.PayURL)
	}, `SELECT o.id, o.state, o.reason, o.amount_minor, o.discount_minor, o.currency, COALESCE(p.id, ''), COALESCE(p.pay_url, '')
		FROM orders o LEFT JOIN payments p ON p.id = CASE WHEN o.payment_id <> '' THEN o.payment_id ELSE
			(SELECT payment_id FROM attempts WHERE order_id = o.id AND payment_id <> '' ORDER BY length(idempotency_key) DESC,
				idempotency_key DESC LIMIT 1) END
		WHERE o.id = ?`, id)
	if s.defects.has("D44") {
		return s.remembered(id, v, found, err)
	}
	return v, found, err
}

// remembered is D44: rather old than nothing, as caches answer that are told stale-if-error (RFC 5861).
func (s *shop) remembered(id string, v view, found bool, err error) (view, bool, error) {
	last, known := s.known.Load(id)
	switch {
	case found:
		s.known.Store(id, v)
	case err != nil && known:
		return last.(view), true, nil
	}
	return v, found, err
}

// find is look for an order that must be there.
func (s *shop) find(ctx context.Context, id string) (view, error) {
	v, found, err := s.look(ctx, id)
	if err == nil && !found {
		err = no(http.StatusNotFound, "UNKNOWN_ORDER")
	}
	return v, err
}

// buy places an order and creates its payment, which is empty in the view while the provider has not answered. The same
// ref again gets the same order, which is not fresh then.
func (s *shop) buy(ctx context.Context, w wish) (v view, fresh bool, err error) {
	if w.SKU == "" || w.Buyer == "" || w.Quantity < 1 || w.Quantity > maxQuantity {
		return v, false, no(http.StatusBadRequest, "INVALID")
	}
	o, fresh, err := s.place(ctx, w)
	if err != nil {
		return v, false, err
	}
	// From here on something was done, so that no answer may say that nothing was.
	v = view{ID: o.ID, State: o.State, Reason: o.Reason, AmountMinor: o.Amount, Discount: o.Discount, Currency: o.Currency}
	made, err := s.resolve(ctx, attemptKey(o.ID, 1), 3)
	if err != nil {
		s.log.Warn("create payment", "order", o.ID, "error", err)
	}
	if told, found, err := s.look(ctx, o.ID); err == nil && found {
		v = told
	}
	if v.PaymentID == "" {
		v.PaymentID, v.PayURL = made.ID, made.PayURL
	}
	if v.State == closed && v.Reason == reasonFailed {
		return v, fresh, no(http.StatusConflict, "PAYMENT_FAILED")
	}
	return v, fresh, nil
}

// offerAnotherPayment creates another payment of an order, which is empty while the provider has not answered.
func (s *shop) offerAnotherPayment(ctx context.Context, id string) (payment, error) {
	key, err := s.payAgain(ctx, id)
	if err != nil {
		return payment{}, err
	}
	made, err := s.resolve(ctx, key, 3)
	if err != nil {
		s.log.Warn("create payment", "order", id, "error", err)
	}
	return made, nil
}

// comeBack is a buyer who returns from the provider's page. An order that is not paid yet is asked about there, so that
// nobody waits for a callback that is late.
func (s *shop) comeBack(ctx context.Context, id string) (view, error) {
	v, err := s.find(ctx, id)
	if err != nil || v.State != pending {
		return v, err
	}
	if s.defects.has("D03") {
		err = s.completeOnReturn(ctx, id)
	} else {
		err = s.check(ctx, id)
	}
	if err != nil { // it is found out later
		s.log.Warn("return", "order", id, "error", err)
	}
	return s.find(ctx, id)
}

// completeOnReturn is D03: the order was not paid when the buyer came, so that it is completed here; the callback may have
// done so meanwhile (https://github.com/medusajs/medusa/issues/13301).
func (s *shop) completeOnReturn(ctx context.Context, id string) error {
	known, err := all(ctx, s.store, scanPayment, selectPayment+`order_id = ?`, id)
	if err != nil {
		return err
	}
	facts, err := s.provider.payments(ctx, id, known)
	if err != nil {
		return err
	}
	return s.store.write(ctx, theOrder(id), func(ctx context.Context, t tx) error {
		o, _, err := one(ctx, t, scanOrder, orderByID, id)
		if err != nil {
			return err
		}
		for _, p := range facts {
			if err := s.learn(ctx, t, id, p); err != nil {
				return err
			}
			if p.State == paymentSucceeded && o.State == paid && o.Payment == p.ID {
				return grantPoints(ctx, t, o)
			}
		}
		return nil
	})
}

// callOff cancels an order that nobody has paid. It is CLOSED, or PENDING while the provider has not answered.
func (s *shop) callOff(ctx context.Context, id string) (state string, err error) {
	state, err = s.cancel(ctx, id)
	if err == nil && state != pending && state != closed {
		err = no(http.StatusConflict, paid)
	}
	return state, err
}

// goods are what a clerk puts on sale. PerBuyer 0 is no limit.
type goods struct {
	SKU      string `json:"sku"`
	Stock    int64  `json:"stock"`
	Price    int64  `json:"price_minor"`
	Currency string `json:"currency"`
	PerBuyer int64  `json:"per_buyer"`
}

// putOnSale does so once: goods that are on sale stay as they are.
func (s *shop) putOnSale(ctx context.Context, g goods) error {
	if g.SKU == "" || g.Stock < 0 || g.Price < 1 || g.Price > 1e12 || len(g.Currency) != 3 || g.PerBuyer < 0 {
		return no(http.StatusBadRequest, "INVALID")
	}
	return s.store.write(ctx, nothing, func(ctx context.Context, t tx) error {
		_, err := t.exec(ctx, `INSERT INTO skus(sku, available, price_minor, currency, per_buyer) VALUES(?, ?, ?, ?, ?)
			ON CONFLICT DO NOTHING`, g.SKU, g.Stock, g.Price, g.Currency, g.PerBuyer)
		return err
	})
}
