package flashshop

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
)

// denied is a definite no of the shop: nothing was done.
type denied struct {
	Status int
	Code   string
}

func (d *denied) Error() string { return d.Code }

func no(status int, code string) error { return &denied{status, code} }

// wish is what a buyer wants.
type wish struct {
	SKU, Buyer, Ref string
	Quantity        int64
	Coupon          string // its code, or ""
}

// place takes the units from the cache, then from the database. The same ref again gets the same order.
func (s *shop) place(ctx context.Context, w wish) (o order, fresh bool, err error) {
	held, enough := s.cache.take(ctx, w.SKU, w.Quantity)
	if !enough {
		o, found, err := one(ctx, s.store, scanOrder, orderByRef, w.Ref)
		if err == nil && !found {
			err = no(http.StatusConflict, "SOLD_OUT")
		}
		return o, false, err
	}
	o, fresh, err = s.enter(ctx, w)
	forgotten := errors.Is(err, errBusy) && s.defects.has("D25")
	if (err != nil || !fresh) && !forgotten {
		s.cache.putBack(ctx, held)
	}
	return o, fresh, err
}

// enter reserves the units and writes down the order with its first attempt.
func (s *shop) enter(ctx context.Context, w wish) (o order, fresh bool, err error) {
	early, err := s.glance(ctx, w)
	if err != nil {
		return o, false, err
	}
	err = s.store.write(ctx, theBuyer(w.Buyer, w.SKU), func(ctx context.Context, t tx) error {
		found := false
		if w.Ref != "" {
			if o, found, err = one(ctx, t, scanOrder, orderByRef, w.Ref); err != nil {
				return err
			}
		}
		if fresh = !found; found {
			return nil
		}
		if o, err = s.price(ctx, t, w, early); err != nil {
			return err
		}
		now := t.now()
		o.ExpiresAt = now.Add(s.expiry).UnixMilli()
		if _, err := t.exec(ctx, `INSERT INTO orders(id, ref, buyer, sku, quantity, discount_minor, amount_minor, currency, state,
			created_at, expires_at, check_at) VALUES(?, ?, ?, ?, ?, ?, ?, ?, 'PENDING', ?, ?, ?)`,
			o.ID, o.Ref, o.Buyer, o.SKU, o.Quantity, o.Discount, o.Amount, o.Currency, now.UnixMilli(), o.ExpiresAt,
			min(now.Add(s.queryAfter).UnixMilli(), o.ExpiresAt)); err != nil {
			return err
		}
		if _, err := s.plan(ctx, t, o, 1); err != nil {
			return err
		}
		s.reserve(t, o, early)
		return s.useCoupon(ctx, t, o, w.Coupon, early)
	})
	if errors.Is(err, errUnchanged) {
		err = no(http.StatusConflict, "SOLD_OUT")
	}
	return o, fresh, err
}

// glimpse is what D21 and D26 saw before the transaction, and act on inside it.
type glimpse struct {
	available, bought int64
	coupon            couponUse
}

func (s *shop) glance(ctx context.Context, w wish) (g glimpse, err error) {
	if s.defects.has("D21") {
		g.available, _, err = one(ctx, s.store, value[int64], `SELECT available FROM skus WHERE sku = ?`, w.SKU)
	}
	if s.defects.has("D26") && err == nil {
		g.bought, err = bought(ctx, s.store, w)
		if err == nil && w.Coupon != "" {
			g.coupon, err = couponUsed(ctx, s.store, w.Coupon, w.Buyer)
		}
	}
	return g, err
}

// bought is how many units of the SKU the buyer has ordered and not given back.
func bought(ctx context.Context, from asker, w wish) (int64, error) {
	units, _, err := one(ctx, from, value[int64], `SELECT COALESCE(SUM(quantity), 0) FROM orders
		WHERE buyer = ? AND sku = ? AND state NOT IN ('CLOSED', 'REFUNDED')`, w.Buyer, w.SKU)
	return units, err
}

// price makes out the order, if the buyer may have so many units and there seem to be so many.
func (s *shop) price(ctx context.Context, t tx, w wish, early glimpse) (order, error) {
	number := "f" + rand.Text() // nobody may guess an order's number
	o := order{ID: number, Ref: w.Ref, Buyer: w.Buyer, SKU: w.SKU, Quantity: w.Quantity, State: pending}
	if o.Ref == "" {
		o.Ref = o.ID
	}
	var available, perBuyer int64
	_, found, err := one(ctx, t, func(row row, _ *struct{}) error {
		return row.Scan(&o.Amount, &o.Currency, &perBuyer, &available)
	}, `SELECT price_minor, currency, per_buyer, available FROM skus WHERE sku = ?`, w.SKU)
	if err != nil {
		return o, err
	}
	if !found {
		return o, no(http.StatusNotFound, "UNKNOWN_SKU")
	}
	o.Amount *= w.Quantity
	if perBuyer > 0 {
		has, err := bought(ctx, t, w)
		if err != nil {
			return o, err
		}
		if s.defects.has("D26") {
			has = early.bought
		}
		if has+w.Quantity > perBuyer {
			return o, no(http.StatusConflict, "LIMIT")
		}
	}
	if s.defects.has("D21") {
		available = early.available
	}
	if available < w.Quantity && !s.defects.has("D41") {
		return o, no(http.StatusConflict, "SOLD_OUT")
	}
	err = takeOff(ctx, t, &o, w.Coupon)
	return o, err
}

// reserve takes the units, if there still are so many when everything else is done.
func (s *shop) reserve(t tx, o order, early glimpse) {
	if s.defects.has("D21") {
		t.finally(`UPDATE skus SET available = ?, reserved = reserved + ? WHERE sku = ?`, early.available-o.Quantity, o.Quantity, o.SKU)
		return
	}
	if s.defects.has("D41") { // the cache has said that there are so many
		t.finally(`UPDATE skus SET available = available - ?, reserved = reserved + ? WHERE sku = ?`, o.Quantity, o.Quantity, o.SKU)
		return
	}
	t.finally(`UPDATE skus SET available = available - ?, reserved = reserved + ? WHERE sku = ? AND available >= ?`,
		o.Quantity, o.Quantity, o.SKU, o.Quantity)
}

// plan writes down that an nth payment of the order is to be created: the key, and the draft that the key is bound to.
func (s *shop) plan(ctx context.Context, t tx, o order, nth int64) (key string, err error) {
	body, err := json.Marshal(draft{
		Order: o.ID, Ref: o.Ref, AmountMinor: o.Amount, Currency: o.Currency, NotifyURL: s.callbackURL + "/" + o.ID,
		ExpiresAt: o.ExpiresAt,
	})
	if err != nil {
		return "", err
	}
	key = attemptKey(o.ID, nth)
	_, err = t.exec(ctx, `INSERT INTO attempts(idempotency_key, order_id, draft) VALUES(?, ?, ?)`, key, o.ID, string(body))
	return key, err
}

// attemptKey has letters, digits and "_" alone: with some providers it is the payment's number.
func attemptKey(order string, nth int64) string { return fmt.Sprintf("%s_%d", order, nth) }

// payAgain plans another payment of an order that still wants to be paid.
func (s *shop) payAgain(ctx context.Context, id string) (key string, err error) {
	err = s.store.write(ctx, theOrder(id), func(ctx context.Context, t tx) error {
		o, found, err := one(ctx, t, scanOrder, orderByID, id)
		switch {
		case err != nil:
			return err
		case !found:
			return no(http.StatusNotFound, "UNKNOWN_ORDER")
		case o.State != pending:
			return no(http.StatusConflict, o.State)
		case !o.payable(t.now().UnixMilli()):
			return no(http.StatusConflict, "CLOSING")
		}
		planned, _, err := one(ctx, t, value[int64], `SELECT count(*) FROM attempts WHERE order_id = ?`, id)
		if err != nil {
			return err
		}
		key, err = s.plan(ctx, t, o, planned+1)
		return err
	})
	return key, err
}

// cancel closes an unpaid order, at the provider first: whoever pays meanwhile has paid. It answers with the order's
// state, PENDING if the provider could not be asked yet; then the worker goes on.
func (s *shop) cancel(ctx context.Context, id string) (state string, err error) {
	err = s.store.write(ctx, theOrder(id), func(ctx context.Context, t tx) error {
		_, err := t.exec(ctx, `UPDATE orders SET reason = ?, check_at = ? WHERE id = ? AND state = 'PENDING' AND reason = ''`,
			reasonCancelled, t.now().UnixMilli(), id)
		return err
	})
	if err != nil {
		return "", err
	}
	// A check that was already under way may have looked before the reason was there: hence once more.
	for range 3 {
		var found bool
		state, found, err = one(ctx, s.store, value[string], `SELECT state FROM orders WHERE id = ?`, id)
		if err != nil {
			return "", begun(err)
		}
		if !found {
			return "", no(http.StatusNotFound, "UNKNOWN_ORDER")
		}
		if state != pending {
			return state, nil
		}
		if err := s.check(ctx, id); err != nil {
			s.log.Warn("cancel", "order", id, "error", err)
		}
	}
	state, _, err = one(ctx, s.store, value[string], `SELECT state FROM orders WHERE id = ?`, id)
	return state, begun(err)
}

// begun is an error that came when something was done already. It must not be told as BUSY, by which nothing was.
func begun(err error) error {
	if errors.Is(err, errBusy) {
		return errors.New("begun, and then: " + err.Error())
	}
	return err
}
