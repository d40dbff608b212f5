package flashshop

import (
	"context"
	"math"
	"net/http"
)

// A coupon takes an amount off an order. How many orders may use it, in all and of one buyer, is claimed in the order's own
// transaction, by statements that change nothing where a bound is reached. A use comes back when its order closes unpaid.
// It does not come back with a refund: an order that was paid has used its coupon, and what goes back is what was paid.

// coupon is what a clerk gives away. Uses and PerBuyer 0 are no bounds.
type coupon struct {
	Code     string `json:"code"`
	Off      int64  `json:"off_minor"`
	Currency string `json:"currency"`
	Uses     int64  `json:"uses"`
	PerBuyer int64  `json:"per_buyer"`
}

// giveAway does so once: a coupon that is there stays as it is.
func (s *shop) giveAway(ctx context.Context, c coupon) error {
	if c.Code == "" || c.Off < 1 || c.Off > 1e12 || len(c.Currency) != 3 || c.Uses < 0 || c.PerBuyer < 0 {
		return no(http.StatusBadRequest, "INVALID")
	}
	return s.store.write(ctx, nothing, func(ctx context.Context, t tx) error {
		_, err := t.exec(ctx, `INSERT INTO coupons(code, off_minor, currency, uses, per_buyer) VALUES(?, ?, ?, ?, ?)
			ON CONFLICT DO NOTHING`, c.Code, c.Off, c.Currency, c.Uses, c.PerBuyer)
		return err
	})
}

func couponOf(ctx context.Context, from asker, code string) (c coupon, err error) {
	c, found, err := one(ctx, from, func(row row, c *coupon) error {
		return row.Scan(&c.Code, &c.Off, &c.Currency, &c.Uses, &c.PerBuyer)
	}, `SELECT code, off_minor, currency, uses, per_buyer FROM coupons WHERE code = ?`, code)
	if err == nil && !found {
		err = no(http.StatusNotFound, "UNKNOWN_COUPON")
	}
	return c, err
}

// takeOff takes a coupon's amount off the order, which must leave something to pay.
func takeOff(ctx context.Context, t tx, o *order, code string) error {
	if code == "" {
		return nil
	}
	c, err := couponOf(ctx, t, code)
	if err != nil {
		return err
	}
	if c.Currency != o.Currency || c.Off >= o.Amount {
		return no(http.StatusConflict, "COUPON_UNFIT")
	}
	o.Discount = c.Off
	o.Amount -= c.Off
	return nil
}

// couponUse is how many orders have used a coupon, in all and of one buyer.
type couponUse struct{ all, buyers int64 }

func couponUsed(ctx context.Context, from asker, code, buyer string) (couponUse, error) {
	use, _, err := one(ctx, from, func(row row, u *couponUse) error { return row.Scan(&u.all, &u.buyers) }, `SELECT used,
		COALESCE((SELECT used FROM coupon_buyers b WHERE b.code = c.code AND buyer = ?), 0) FROM coupons c WHERE code = ?`, buyer, code)
	return use, err
}

// useCoupon claims a use of the coupon for the order, if its bounds allow one more. The row of the coupon is one that many
// wait for, and comes late.
func (s *shop) useCoupon(ctx context.Context, t tx, o order, code string, early glimpse) error {
	if code == "" {
		return nil
	}
	c, err := couponOf(ctx, t, code)
	if err != nil {
		return err
	}
	most, mostOfBuyer := bound(c.Uses), bound(c.PerBuyer)
	if s.defects.has("D26") { // it has looked before
		switch {
		case early.coupon.buyers >= mostOfBuyer:
			return no(http.StatusConflict, "COUPON_LIMIT")
		case early.coupon.all >= most:
			return no(http.StatusConflict, "COUPON_USED_UP")
		}
		most, mostOfBuyer = math.MaxInt64, math.MaxInt64
	}
	if _, err := t.exec(ctx, `INSERT INTO coupon_uses(order_id, code, buyer, off_minor) VALUES(?, ?, ?, ?)`,
		o.ID, code, o.Buyer, o.Discount); err != nil {
		return err
	}
	changed, err := t.exec(ctx, `INSERT INTO coupon_buyers(code, buyer, used) VALUES(?, ?, 1)
		ON CONFLICT(code, buyer) DO UPDATE SET used = coupon_buyers.used + 1 WHERE coupon_buyers.used < ?`, code, o.Buyer, mostOfBuyer)
	if err == nil && changed == 0 {
		err = no(http.StatusConflict, "COUPON_LIMIT")
	}
	if err != nil {
		return err
	}
	changed, err = t.exec(ctx, `UPDATE coupons SET used = used + 1 WHERE code = ? AND used < ?`, code, most)
	if err == nil && changed == 0 {
		err = no(http.StatusConflict, "COUPON_USED_UP")
	}
	return err
}

// bound is how many there may be at most, of a figure that is 0 for any number.
func bound(figure int64) int64 {
	if figure == 0 {
		return math.MaxInt64
	}
	return figure
}

// giveCouponBack undoes useCoupon for an order that nobody will pay any more.
func giveCouponBack(ctx context.Context, t tx, o order) error {
	if o.Discount == 0 {
		return nil
	}
	code, found, err := one(ctx, t, value[string], `SELECT code FROM coupon_uses WHERE order_id = ?`, o.ID)
	if err != nil || !found {
		return err
	}
	if _, err := t.exec(ctx, `DELETE FROM coupon_uses WHERE order_id = ?`, o.ID); err != nil {
		return err
	}
	if _, err := t.exec(ctx, `UPDATE coupon_buyers SET used = used - 1 WHERE code = ? AND buyer = ?`, code, o.Buyer); err != nil {
		return err
	}
	_, err = t.exec(ctx, `UPDATE coupons SET used = used - 1 WHERE code = ?`, code)
	return err
}
