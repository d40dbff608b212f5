package flashshop

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/http"
)

// claim is a row of refunds: money that the shop owes a payer. It is written before the provider hears of it.
type claim struct {
	Number, Order, Payment string
	Minor                  int64
	Currency               string
	State                  string // PENDING, DONE or FAILED
	Reason                 string
	Nth                    int64
	Accepted               bool
}

const (
	maxRefunds = 3 // a refund that fails so often is a matter for a person

	selectClaim  = `SELECT refund_no, order_id, payment_id, amount_minor, currency, state, reason, nth, accepted FROM refunds `
	claimByNo    = selectClaim + `WHERE refund_no = ?`
	claimOfOrder = selectClaim + `WHERE order_id = ? AND payment_id = ? ORDER BY nth DESC LIMIT 1`
)

func scanClaim(rows *sql.Rows, c *claim) error {
	return rows.Scan(&c.Number, &c.Order, &c.Payment, &c.Minor, &c.Currency, &c.State, &c.Reason, &c.Nth, &c.Accepted)
}

// refundNumber is the same whoever asks, so that a payment is refunded once however often that is asked for.
func refundNumber(order, payment string, nth int64) string {
	number := "R_" + order + "_" + payment
	if nth > 1 {
		number = fmt.Sprintf("%s_%d", number, nth)
	}
	return number
}

// owe writes the claim down; the refunds worker pursues it from dueMS on.
func (s *shop) owe(ctx context.Context, t tx, c claim, dueMS int64) error {
	_, err := t.exec(ctx, `INSERT INTO refunds(refund_no, order_id, payment_id, amount_minor, currency, reason, nth, next_at)
		VALUES(?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`,
		refundNumber(c.Order, c.Payment, c.Nth), c.Order, c.Payment, c.Minor, c.Currency, c.Reason, c.Nth, dueMS)
	return err
}

// refundOrder is the buyer asking for the money back. Asked again, it tells of the same refund.
func (s *shop) refundOrder(ctx context.Context, id string) (c claim, err error) {
	err = s.store.write(ctx, func(ctx context.Context, t tx) error {
		o, found, err := one(ctx, t, scanOrder, orderByID, id)
		if err != nil {
			return err
		}
		if !found {
			return no(http.StatusNotFound, "UNKNOWN_ORDER")
		}
		c, found, err = one(ctx, t, scanClaim, claimOfOrder, id, o.Payment)
		if err != nil || found {
			return err
		}
		if o.State != paid {
			return no(http.StatusConflict, "NOT_PAID")
		}
		if _, err := t.exec(ctx, `UPDATE orders SET state = 'REFUNDING', reason = ? WHERE id = ? AND state = 'PAID'`,
			reasonBuyer, id); err != nil {
			return err
		}
		c = claim{Order: id, Payment: o.Payment, Minor: o.Amount, Currency: o.Currency, Reason: reasonBuyer, Nth: 1}
		c.Number, c.State = refundNumber(id, o.Payment, 1), pending
		return s.owe(ctx, t, c, s.now().UnixMilli())
	})
	return c, err
}

// pursue asks the provider for the refund, or how it stands, until it has ended: always under the same number.
func (s *shop) pursue(ctx context.Context, number string) error {
	_, err, _ := s.flights.Do("refund "+number, func() (any, error) {
		c, found, err := one(ctx, s.store, scanClaim, claimByNo, number)
		if err != nil || !found || c.State != pending {
			return nil, err
		}
		if c.Accepted && s.defects.has("D29") {
			return nil, s.postponeRefund(ctx, number)
		}
		told, asked := s.ask(ctx, c)
		switch {
		case asked == nil:
			err = s.store.write(ctx, func(ctx context.Context, t tx) error {
				return s.learnRefund(ctx, t, number, told.State)
			})
		case errors.Is(asked, errUnrefundable):
			err = s.store.write(ctx, func(ctx context.Context, t tx) error { return s.giveUp(ctx, t, c) })
		case s.defects.has("D16"): // no answer is taken for a no
			err = s.store.write(ctx, func(ctx context.Context, t tx) error { return s.forget(ctx, t, c) })
		default:
			err = s.postponeRefund(ctx, number)
		}
		if err == nil {
			err = asked
		}
		return nil, err
	})
	return err
}

func (s *shop) ask(ctx context.Context, c claim) (refund, error) {
	p, _, err := one(ctx, s.store, scanPayment, selectPayment+`id = ?`, c.Payment)
	if err != nil {
		return refund{}, err
	}
	if c.Accepted {
		told, err := s.provider.refundState(ctx, c.Number, p)
		if !errors.Is(err, errUnknownRefund) {
			return told, err
		}
	}
	return s.provider.refund(ctx, c.Number, p, c.Minor, c.Reason)
}

func (s *shop) postponeRefund(ctx context.Context, number string) error {
	return s.store.write(ctx, func(ctx context.Context, t tx) error {
		_, err := t.exec(ctx, `UPDATE refunds SET next_at = ? WHERE refund_no = ? AND state = 'PENDING'`,
			s.now().Add(s.refundRetry).UnixMilli(), number)
		return err
	})
}

// learnRefund books how the provider says a refund stands. One that failed is issued again under a new number.
func (s *shop) learnRefund(ctx context.Context, t tx, number, state string) error {
	c, found, err := one(ctx, t, scanClaim, claimByNo, number)
	if err != nil || !found || c.State != pending {
		return err
	}
	retryAt := s.now().Add(s.refundRetry).UnixMilli()
	switch state {
	case refundSucceeded:
		if _, err := t.exec(ctx, `UPDATE refunds SET state = 'DONE', accepted = 1, next_at = 0 WHERE refund_no = ?`, number); err != nil {
			return err
		}
		return s.settle(ctx, t, c.Order)
	case refundFailed:
		if c.Nth >= maxRefunds {
			return s.giveUp(ctx, t, c)
		}
		if _, err := t.exec(ctx, `UPDATE refunds SET state = 'FAILED', next_at = 0 WHERE refund_no = ?`, number); err != nil {
			return err
		}
		c.Nth++
		return s.owe(ctx, t, c, retryAt)
	default:
		_, err := t.exec(ctx, `UPDATE refunds SET accepted = 1, next_at = ? WHERE refund_no = ?`, retryAt, number)
		return err
	}
}

// settle makes an order REFUNDED when it owes nothing any more, and puts units that had been sold back on sale.
func (s *shop) settle(ctx context.Context, t tx, id string) error {
	changed, err := t.exec(ctx, `UPDATE orders SET state = 'REFUNDED' WHERE id = ? AND state = 'REFUNDING'
		AND NOT EXISTS (SELECT 1 FROM refunds WHERE order_id = orders.id AND state = 'PENDING')`, id)
	if err != nil || changed == 0 {
		return err
	}
	o, _, err := one(ctx, t, scanOrder, orderByID, id)
	if err != nil || o.Payment == "" {
		return err
	}
	_, err = t.exec(ctx, `UPDATE skus SET sold = sold - ?, available = available + ? WHERE sku = ?`, o.Quantity, o.Quantity, o.SKU)
	return err
}

// giveUp hands an order to a person whose money the provider will not give back. One that is still being closed waits
// until it is: its units are held, and a person could do nothing about that.
func (s *shop) giveUp(ctx context.Context, t tx, c claim) error {
	retryAt := s.now().Add(s.refundRetry).UnixMilli()
	handed, err := t.exec(ctx, `UPDATE orders SET state = 'REVIEW', reason = ? WHERE id = ? AND state <> 'PENDING'`,
		reasonRefund, c.Order)
	if err != nil {
		return err
	}
	if handed == 0 {
		_, err = t.exec(ctx, `UPDATE refunds SET next_at = ? WHERE refund_no = ?`, retryAt, c.Number)
		return err
	}
	_, err = t.exec(ctx, `UPDATE refunds SET state = 'FAILED', next_at = 0 WHERE refund_no = ?`, c.Number)
	return err
}

// forget is what D16 does about a refund that was not answered.
func (s *shop) forget(ctx context.Context, t tx, c claim) error {
	if _, err := t.exec(ctx, `UPDATE refunds SET state = 'FAILED', next_at = 0 WHERE refund_no = ?`, c.Number); err != nil {
		return err
	}
	_, err := t.exec(ctx, `UPDATE orders SET state = 'PAID', reason = '' WHERE id = ? AND payment_id = ? AND state = 'REFUNDING'`,
		c.Order, c.Payment)
	return err
}
