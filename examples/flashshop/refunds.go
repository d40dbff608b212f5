package flashshop

import (
	"context"
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
	Refusals               int64
}

const (
	maxRefunds = 3 // a refund that fails, or is refused, so often is a matter for a person

	selectClaim = `SELECT refund_no, order_id, payment_id, amount_minor, currency, state, reason, nth, accepted <> 0, refusals
	FROM refunds `
	claimByNo    = selectClaim + `WHERE refund_no = ?`
	claimOfOrder = selectClaim + `WHERE order_id = ? AND payment_id = ? AND reason NOT IN ('` + reasonProvider + `', '` + reasonDispute + `') ORDER BY nth DESC LIMIT 1`

	// allIsBack says of a payment whether its refunds have given back all that it brought.
	allIsBack = `(SELECT captured_minor <= COALESCE(
		(SELECT SUM(amount_minor) FROM refunds WHERE payment_id = p.id AND state = 'DONE'), 0) FROM payments p WHERE id = ?)`
)

func scanClaim(row row, c *claim) error {
	return row.Scan(&c.Number, &c.Order, &c.Payment, &c.Minor, &c.Currency, &c.State, &c.Reason, &c.Nth, &c.Accepted, &c.Refusals)
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
	if s.defects.has("D43") {
		return s.refundUnwritten(ctx, id)
	}
	err = s.store.write(ctx, theOrder(id), func(ctx context.Context, t tx) error {
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
		c = buyersClaim(o)
		return s.promise(ctx, t, c)
	})
	return c, err
}

func buyersClaim(o order) claim {
	return claim{
		Number: refundNumber(o.ID, o.Payment, 1), Order: o.ID, Payment: o.Payment, Minor: o.Amount, Currency: o.Currency,
		State: pending, Reason: reasonBuyer, Nth: 1,
	}
}

// promise writes down that a paid order is refunded.
func (s *shop) promise(ctx context.Context, t tx, c claim) error {
	if _, err := t.exec(ctx, `UPDATE orders SET state = 'REFUNDING', reason = ? WHERE id = ? AND state = 'PAID'`,
		c.Reason, c.Order); err != nil {
		return err
	}
	return s.owe(ctx, t, c, t.now().UnixMilli())
}

// refundUnwritten is D43: the provider makes the refund first, and nothing tells of it if the answer is not heard
// (https://github.com/polarsource/polar/pull/13751).
func (s *shop) refundUnwritten(ctx context.Context, id string) (c claim, err error) {
	o, found, err := one(ctx, s.store, scanOrder, orderByID, id)
	if err == nil && (!found || o.State != paid) {
		err = no(http.StatusConflict, "NOT_PAID")
	}
	if err != nil {
		return c, err
	}
	c = buyersClaim(o)
	told, err := s.ask(ctx, c)
	if err != nil {
		return c, begun(err)
	}
	return c, begun(s.store.write(ctx, theOrder(id), func(ctx context.Context, t tx) error {
		return errors.Join(s.promise(ctx, t, c), s.learnRefund(ctx, t, c.Number, told))
	}))
}

// pursue asks the provider for the refund, or how it stands, until it has ended: always under the same number.
func (s *shop) pursue(ctx context.Context, number string) error {
	_, err, _ := s.flights.Do("refund "+number, func() (any, error) {
		c, found, err := one(ctx, s.store, scanClaim, claimByNo, number)
		if err != nil || !found || c.State != pending {
			return nil, err
		}
		if c.Accepted && s.defects.has("D29") {
			return nil, s.postponeRefund(ctx, c)
		}
		told, asked := s.ask(ctx, c)
		switch {
		case asked == nil:
			err = s.store.write(ctx, theOrder(c.Order), func(ctx context.Context, t tx) error {
				return s.learnRefund(ctx, t, c.Number, told)
			})
		case errors.Is(asked, errUnrefundable):
			err = s.store.write(ctx, theOrder(c.Order), func(ctx context.Context, t tx) error { return s.refused(ctx, t, c) })
		case s.defects.has("D16"): // no answer is taken for a no
			err = s.store.write(ctx, theOrder(c.Order), func(ctx context.Context, t tx) error { return s.forget(ctx, t, c) })
		default:
			err = s.postponeRefund(ctx, c)
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
		if !errors.Is(err, errUnknownRefund) || c.Reason == reasonProvider {
			return told, err
		}
	}
	return s.provider.refund(ctx, c.Number, p, c.Minor, c.Reason)
}

func (s *shop) postponeRefund(ctx context.Context, c claim) error {
	return s.store.write(ctx, theOrder(c.Order), func(ctx context.Context, t tx) error { return s.postpone(ctx, t, c.Number) })
}

func (s *shop) postpone(ctx context.Context, t tx, number string) error {
	_, err := t.exec(ctx, `UPDATE refunds SET next_at = ? WHERE refund_no = ? AND state = 'PENDING'`,
		t.now().Add(s.refundRetry).UnixMilli(), number)
	return err
}

// learnRefund books how the provider says a refund stands. One that failed is issued again under a new number, unless it
// was the provider's own idea.
func (s *shop) learnRefund(ctx context.Context, t tx, number string, told refund) error {
	c, found, err := one(ctx, t, scanClaim, claimByNo, number)
	if err != nil || !found || c.State != pending {
		return err
	}
	retryAt := t.now().Add(s.refundRetry).UnixMilli()
	switch told.State {
	case refundSucceeded:
		if _, err := t.exec(ctx, `UPDATE refunds SET state = 'DONE', accepted = 1, next_at = 0,
			amount_minor = CASE amount_minor WHEN 0 THEN ? ELSE amount_minor END WHERE refund_no = ?`,
			told.AmountMinor, number); err != nil {
			return err
		}
		return s.settle(ctx, t, c)
	case refundFailed:
		if c.Nth >= maxRefunds {
			return s.giveUp(ctx, t, c)
		}
		if _, err := t.exec(ctx, `UPDATE refunds SET state = 'FAILED', next_at = 0 WHERE refund_no = ?`, number); err != nil {
			return err
		}
		if c.Reason == reasonProvider {
			return nil
		}
		c.Nth++
		return s.owe(ctx, t, c, retryAt)
	default:
		_, err := t.exec(ctx, `UPDATE refunds SET accepted = 1, next_at = ? WHERE refund_no = ?`, retryAt, number)
		return err
	}
}

// hearOfRefund books a message about a refund. One whose number the shop never gave was started by the provider itself,
// and is followed like any other; with some providers only a query tells its amount.
func (s *shop) hearOfRefund(ctx context.Context, t tx, o order, p payment, told refund) error {
	c, found, err := one(ctx, t, scanClaim, claimByNo, told.Number)
	if err != nil {
		return err
	}
	if !found && s.defects.has("D43") {
		return nil
	}
	if !found {
		if err := succeeded(ctx, t, p.ID); err != nil {
			return err
		}
		if _, err := t.exec(ctx, `INSERT INTO refunds(refund_no, order_id, payment_id, amount_minor, currency, reason, accepted,
			next_at) VALUES(?, ?, ?, ?, ?, ?, 1, ?)`,
			told.Number, o.ID, p.ID, told.AmountMinor, o.Currency, reasonProvider, t.now().UnixMilli()); err != nil {
			return err
		}
		c = claim{Order: o.ID, Minor: told.AmountMinor}
	}
	if c.Order != o.ID || told.AmountMinor > 0 && c.Minor != told.AmountMinor {
		return nil
	}
	if told.State == "" {
		_, err := t.exec(ctx, `UPDATE refunds SET accepted = 1, next_at = ? WHERE refund_no = ? AND state = 'PENDING'`,
			t.now().UnixMilli(), told.Number)
		return err
	}
	return s.learnRefund(ctx, t, told.Number, told)
}

// succeeded is an error if the shop does not know yet that the payment was paid. The message is sent again, and by then it
// does.
func succeeded(ctx context.Context, t tx, payment string) error {
	_, known, err := one(ctx, t, value[string], `SELECT id FROM payments WHERE id = ? AND state = 'succeeded'`, payment)
	if err == nil && !known {
		err = no(http.StatusConflict, "NOT_YET")
	}
	return err
}

// dispute books that the payer's bank has taken money back, once, and hands the order to a person.
func (s *shop) dispute(ctx context.Context, t tx, o order, p payment, taken refund) error {
	if err := succeeded(ctx, t, p.ID); err != nil {
		return err
	}
	if _, err := t.exec(ctx, `INSERT INTO refunds(refund_no, order_id, payment_id, amount_minor, currency, state, reason, accepted,
		next_at) VALUES(?, ?, ?, ?, ?, 'DONE', ?, 1, 0) ON CONFLICT DO NOTHING`,
		taken.Number, o.ID, p.ID, taken.AmountMinor, o.Currency, reasonDispute); err != nil {
		return err
	}
	_, err := t.exec(ctx, `UPDATE orders SET state = 'REVIEW', reason = ? WHERE id = ? AND state IN ('PAID', 'REFUNDING')`,
		reasonDispute, o.ID)
	return err
}

// settle is what a refund that has succeeded means for its order. One that owed it is REFUNDED when it owes nothing any
// more. One that the provider has refunded unasked is REFUNDED if all of its money is back, and else a person's matter.
// Units that had been sold go back on sale.
func (s *shop) settle(ctx context.Context, t tx, c claim) error {
	if c.Reason == reasonProvider {
		if _, err := t.exec(ctx, `UPDATE orders SET reason = ?, state = CASE WHEN `+allIsBack+` THEN 'REFUNDING' ELSE 'REVIEW' END
			WHERE id = ? AND state = 'PAID' AND payment_id = ?`, reasonProvider, c.Payment, c.Order, c.Payment); err != nil {
			return err
		}
	}
	changed, err := t.exec(ctx, `UPDATE orders SET state = 'REFUNDED' WHERE id = ? AND state = 'REFUNDING'
		AND NOT EXISTS (SELECT 1 FROM refunds WHERE order_id = orders.id AND state = 'PENDING')`, c.Order)
	if err != nil || changed == 0 {
		return err
	}
	o, _, err := one(ctx, t, scanOrder, orderByID, c.Order)
	if err != nil || o.Payment == "" {
		return err
	}
	t.after(func(ctx context.Context) { s.cache.give(ctx, o.SKU, o.Quantity) })
	t.finally(`UPDATE skus SET sold = sold - ?, available = available + ? WHERE sku = ?`, o.Quantity, o.Quantity, o.SKU)
	return nil
}

// refused is what a definite no to a refund means. The provider may have given the money back by itself, and its message is
// on the way: hence some patience.
func (s *shop) refused(ctx context.Context, t tx, c claim) error {
	back, err := s.isBack(ctx, t, c.Payment)
	if err != nil {
		return err
	}
	if back || c.Refusals+1 >= maxRefunds {
		return s.giveUp(ctx, t, c)
	}
	if _, err := t.exec(ctx, `UPDATE refunds SET refusals = refusals + 1 WHERE refund_no = ?`, c.Number); err != nil {
		return err
	}
	return s.postpone(ctx, t, c.Number)
}

func (s *shop) isBack(ctx context.Context, t tx, payment string) (bool, error) {
	_, back, err := one(ctx, t, value[string], `SELECT id FROM payments WHERE id = ? AND `+allIsBack, payment, payment)
	return back, err
}

// giveUp ends a refund that the provider will not make. If that is because all is back already, there is nothing more to
// do. Else a person gets the order, once it is not being closed any more and the provider's own refunds have ended: until
// then its units are held, or its money on the way, and a person could do nothing about that.
func (s *shop) giveUp(ctx context.Context, t tx, c claim) error {
	back, err := s.isBack(ctx, t, c.Payment)
	if err != nil {
		return err
	}
	if !back {
		handed, err := t.exec(ctx, `UPDATE orders SET state = 'REVIEW', reason = CASE state WHEN 'REVIEW' THEN reason ELSE ? END
			WHERE id = ? AND state <> 'PENDING'
			AND NOT EXISTS (SELECT 1 FROM refunds WHERE payment_id = ? AND state = 'PENDING' AND reason = ?)`,
			reasonRefund, c.Order, c.Payment, reasonProvider)
		if err != nil {
			return err
		}
		if handed == 0 {
			return s.postpone(ctx, t, c.Number)
		}
	}
	if _, err = t.exec(ctx, `UPDATE refunds SET state = 'FAILED', next_at = 0 WHERE refund_no = ?`, c.Number); err != nil || !back {
		return err
	}
	return s.settle(ctx, t, c)
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
