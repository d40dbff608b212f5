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
	Request                string // the buyer's own name for the wish
	Nth, Tries             int64  // of the payment's refunds, and of the wish's
	Accepted               bool
	Refusals               int64
}

const (
	maxRefunds = 3 // a wish whose refund fails, or is refused, so often is a matter for a person

	selectClaim = `SELECT refund_no, order_id, payment_id, amount_minor, currency, state, reason, request, nth, tries,
	accepted <> 0, refusals FROM refunds `
	claimByNo      = selectClaim + `WHERE refund_no = ?`
	claimByRequest = selectClaim + `WHERE order_id = ? AND reason = '` + reasonBuyer + `' AND request = ? ORDER BY nth DESC LIMIT 1`

	// promised is what the refunds of a payment give back, or have given; nextNth counts those that the shop has numbered.
	promised = `SELECT COALESCE(SUM(amount_minor), 0) FROM refunds WHERE payment_id = ? AND state <> 'FAILED'`
	nextNth  = `SELECT COALESCE(MAX(nth), 0) + 1 FROM refunds WHERE payment_id = ?
		AND reason NOT IN ('` + reasonProvider + `', '` + reasonDispute + `')`

	// allIsBack says of a payment whether its refunds have given back all that it brought.
	allIsBack = `(SELECT captured_minor <= COALESCE(
		(SELECT SUM(amount_minor) FROM refunds WHERE payment_id = p.id AND state = 'DONE'), 0) FROM payments p WHERE id = ?)`
)

func scanClaim(row row, c *claim) error {
	return row.Scan(&c.Number, &c.Order, &c.Payment, &c.Minor, &c.Currency, &c.State, &c.Reason, &c.Request, &c.Nth, &c.Tries,
		&c.Accepted, &c.Refusals)
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
	_, err := t.exec(ctx, `INSERT INTO refunds(refund_no, order_id, payment_id, amount_minor, currency, reason, request, nth, tries,
		next_at) VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`, refundNumber(c.Order, c.Payment, c.Nth),
		c.Order, c.Payment, c.Minor, c.Currency, c.Reason, c.Request, c.Nth, c.Tries, dueMS)
	return err
}

// refundWish is what a buyer wants back of a paid order.
type refundWish struct {
	Minor   int64  `json:"amount_minor"` // 0: all that is left
	Request string `json:"request"`      // the buyer's own name for it, by which it is known when it is asked for again
}

// refundOrder is the buyer asking for money back: all that is left, or a part. Asked again under the same name, it tells of
// the same refund. While a part is back the order stays paid and its units sold; it is refunded, and they are on sale again,
// when all is back.
func (s *shop) refundOrder(ctx context.Context, id string, w refundWish) (c claim, err error) {
	if w.Minor < 0 {
		return c, no(http.StatusBadRequest, "INVALID")
	}
	if s.defects.has("D43") {
		return s.refundUnwritten(ctx, id, w)
	}
	err = s.store.write(ctx, theOrder(id), func(ctx context.Context, t tx) error {
		o, found, err := one(ctx, t, scanOrder, orderByID, id)
		if err != nil {
			return err
		}
		if !found {
			return no(http.StatusNotFound, "UNKNOWN_ORDER")
		}
		c, found, err = one(ctx, t, scanClaim, claimByRequest, id, w.Request)
		if err == nil && found && w.Minor > 0 && w.Minor != c.Minor {
			err = no(http.StatusConflict, "ANOTHER_AMOUNT")
		}
		if err != nil || found {
			return err
		}
		if c, err = buyersClaim(ctx, t, o, w); err != nil {
			return err
		}
		return s.promise(ctx, t, c)
	})
	return c, err
}

// buyersClaim makes out the claim, if the order is paid and so much of its money is neither back nor on the way.
func buyersClaim(ctx context.Context, from asker, o order, w refundWish) (claim, error) {
	c := claim{
		Order: o.ID, Payment: o.Payment, Minor: w.Minor, Currency: o.Currency, State: pending, Reason: reasonBuyer,
		Request: w.Request, Tries: 1,
	}
	if o.State != paid {
		return c, no(http.StatusConflict, "NOT_PAID")
	}
	gone, _, err := one(ctx, from, value[int64], promised, o.Payment)
	if err != nil {
		return c, err
	}
	left := o.Amount - gone
	if c.Minor == 0 {
		c.Minor = left
	}
	if left <= 0 || c.Minor > left {
		return c, no(http.StatusConflict, "NOT_SO_MUCH_LEFT")
	}
	c.Nth, _, err = one(ctx, from, value[int64], nextNth, o.Payment)
	c.Number = refundNumber(o.ID, o.Payment, c.Nth)
	return c, err
}

// promise writes down that a paid order is refunded, or a part of it.
func (s *shop) promise(ctx context.Context, t tx, c claim) error {
	if err := s.owe(ctx, t, c, t.now().UnixMilli()); err != nil {
		return err
	}
	_, err := t.exec(ctx, `UPDATE orders SET state = 'REFUNDING', reason = ? WHERE id = ? AND state = 'PAID'
		AND amount_minor <= (`+promised+`)`, c.Reason, c.Order, c.Payment)
	return err
}

// refundUnwritten is D43: the provider makes the refund first, and nothing tells of it if the answer is not heard
// (https://github.com/polarsource/polar/pull/13751).
func (s *shop) refundUnwritten(ctx context.Context, id string, w refundWish) (c claim, err error) {
	o, _, err := one(ctx, s.store, scanOrder, orderByID, id)
	if err == nil {
		c, err = buyersClaim(ctx, s.store, o, w)
	}
	if err != nil {
		return c, err
	}
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
		case errors.Is(asked, errUnanswered):
			err = s.store.write(ctx, theOrder(c.Order), func(ctx context.Context, t tx) error { return s.unanswered(ctx, t, c) })
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
	if told.State == refundPending && s.defects.has("D32") { // accepted is as good as done
		told.State = refundSucceeded
	}
	switch told.State {
	case refundSucceeded:
		if _, err := t.exec(ctx, `UPDATE refunds SET state = 'DONE', accepted = 1, next_at = 0,
			amount_minor = CASE amount_minor WHEN 0 THEN ? ELSE amount_minor END WHERE refund_no = ?`,
			told.AmountMinor, number); err != nil {
			return err
		}
		if err := bookRefund(ctx, t, number); err != nil {
			return err
		}
		return s.settle(ctx, t, c)
	case refundFailed:
		if c.Tries >= maxRefunds {
			return s.giveUp(ctx, t, c)
		}
		if _, err := t.exec(ctx, `UPDATE refunds SET state = 'FAILED', next_at = 0 WHERE refund_no = ?`, number); err != nil {
			return err
		}
		if c.Reason == reasonProvider {
			return nil
		}
		c.Tries++
		if c.Nth, _, err = one(ctx, t, value[int64], nextNth, c.Payment); err != nil {
			return err
		}
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
	if found && !c.Accepted && s.defects.has("D18") {
		return s.insertAsWell(ctx, t, c, told)
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

// insertAsWell is D18: a refund is known by what the provider's answer says of it. A message that is faster finds none, and
// makes one (https://github.com/woocommerce/woocommerce-gateway-stripe/issues/838).
func (s *shop) insertAsWell(ctx context.Context, t tx, c claim, told refund) error {
	if told.State != refundSucceeded {
		return nil
	}
	_, err := t.exec(ctx, `INSERT INTO refunds(refund_no, order_id, payment_id, amount_minor, currency, state, reason, accepted,
		next_at) VALUES(?, ?, ?, ?, ?, 'DONE', ?, 1, 0) ON CONFLICT DO NOTHING`,
		"told-"+c.Number, c.Order, c.Payment, c.Minor, c.Currency, reasonProvider)
	return err
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
	if err := bookRefund(ctx, t, taken.Number); err != nil {
		return err
	}
	_, err := t.exec(ctx, `UPDATE orders SET state = 'REVIEW', reason = ? WHERE id = ? AND state IN ('PAID', 'REFUNDING')`,
		reasonDispute, o.ID)
	return err
}

// settle is what a refund that has succeeded means for its order. One that owes all of its money is REFUNDED when it owes
// nothing any more; a part leaves it PAID. One that the provider has refunded unasked is REFUNDED if all of its money is back, and else a person's matter.
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
	return s.patience(ctx, t, c)
}

// unanswered is what it means that a refund may have been made and is not to be seen: what the provider shows may lag, and another
// number would ask for the money twice. Only one that stays unseen was not made, and is issued again under a new number.
func (s *shop) unanswered(ctx context.Context, t tx, c claim) error {
	if c.Refusals+1 >= maxRefunds {
		return s.learnRefund(ctx, t, c.Number, refund{Number: c.Number, AmountMinor: c.Minor, State: refundFailed})
	}
	return s.patience(ctx, t, c)
}

// patience asks for the refund again, so many times.
func (s *shop) patience(ctx context.Context, t tx, c claim) error {
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
