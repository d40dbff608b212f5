package flashshop

import (
	"context"
	"encoding/json"
	"fmt"
	"time"
)

// order is a row of orders.
type order struct {
	ID, Ref, Buyer, SKU  string
	Quantity             int64
	Discount, Amount     int64 // what a coupon took off the price, and what is left to pay
	Currency             string
	State, Reason        string
	Payment              string // the payment that paid it
	ExpiresAt, ClosedAt  int64
	openAttempts, openPs int64 // attempts without an answer, and payments that may still succeed without being asked
}

const (
	selectOrder = `SELECT id, ref, buyer, sku, quantity, discount_minor, amount_minor, currency, state, reason, payment_id, expires_at,
	closed_at,
	(SELECT count(*) FROM attempts a WHERE a.order_id = o.id AND a.state = 'OPEN'),
	(SELECT count(*) FROM payments p WHERE p.order_id = o.id AND p.state NOT IN ('succeeded', 'closed')) FROM orders o `
	orderByID  = selectOrder + `WHERE id = ?`
	orderByRef = selectOrder + `WHERE ref = ?`
)

func scanOrder(row row, o *order) error {
	return row.Scan(&o.ID, &o.Ref, &o.Buyer, &o.SKU, &o.Quantity, &o.Discount, &o.Amount, &o.Currency, &o.State, &o.Reason,
		&o.Payment, &o.ExpiresAt, &o.ClosedAt, &o.openAttempts, &o.openPs)
}

// payable says whether the order still wants to be paid. One that is PENDING and not payable is being closed, and is
// paid all the same if the money was faster.
func (o order) payable(nowMS int64) bool {
	return o.State == pending && o.Reason == "" && nowMS < o.ExpiresAt
}

// expiryMargin is what the clocks of shop and provider may differ by, and how long beginning to pay may take: for so long
// after its expiry a payment is not taken for dead.
const expiryMargin = time.Second

// learn books what the provider has told of a payment of the order. Facts come late, twice and in any order; a state only
// ever moves forward: open → closed → succeeded.
func (s *shop) learn(ctx context.Context, t tx, id string, p payment) error {
	if err := know(ctx, t, id, p); err != nil {
		return err
	}
	switch p.State {
	case paymentSucceeded:
		_, err := s.captured(ctx, t, id, p)
		return err
	case paymentClosed:
		_, err := t.exec(ctx, `UPDATE payments SET state = 'closed' WHERE id = ? AND state <> 'succeeded'`, p.ID)
		return err
	case paymentUnbegun:
		_, err := t.exec(ctx, `UPDATE payments SET state = 'closed' WHERE id = ? AND state <> 'succeeded'
			AND expires_at > 0 AND expires_at <= ?`, p.ID, t.now().Add(-expiryMargin).UnixMilli())
		return err
	default:
		_, err := t.exec(ctx, `UPDATE payments SET state = ? WHERE id = ? AND state NOT IN ('succeeded', 'closed')`, p.State, p.ID)
		return err
	}
}

// know makes sure that the payment has a row. A callback may tell of it before the answer that created it is here, and
// each of them tells a part.
func know(ctx context.Context, t tx, id string, p payment) error {
	_, err := t.exec(ctx, `INSERT INTO payments(id, trade_no, order_id, amount_minor, currency, state, pay_url, expires_at)
		VALUES(?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT(id) DO UPDATE SET
		trade_no = CASE payments.trade_no WHEN '' THEN excluded.trade_no ELSE payments.trade_no END,
		pay_url = CASE payments.pay_url WHEN '' THEN excluded.pay_url ELSE payments.pay_url END,
		expires_at = CASE payments.expires_at WHEN 0 THEN excluded.expires_at ELSE payments.expires_at END
		WHERE payments.trade_no = '' OR payments.pay_url = '' OR payments.expires_at = 0`,
		p.ID, p.TradeNo, id, p.AmountMinor, p.Currency, paymentPending, p.PayURL, p.ExpiresAt)
	return err
}

// captured books that the payer's money was taken, once for each payment: it reports whether that was news.
func (s *shop) captured(ctx context.Context, t tx, id string, p payment) (news bool, err error) {
	news, err = take(ctx, t, id, p)
	if err != nil || !news {
		return news, err
	}
	return true, s.credit(ctx, t, id, p)
}

// take books the money alone.
func take(ctx context.Context, t tx, id string, p payment) (news bool, err error) {
	changed, err := t.exec(ctx, `UPDATE payments SET state = 'succeeded', captured_minor = ? WHERE id = ? AND state <> 'succeeded'`,
		p.CapturedMinor, p.ID)
	if err != nil || changed == 0 {
		return false, err
	}
	return true, bookCapture(ctx, t, id, p)
}

// credit is what the payer's money means for the order: it pays it, or is given back.
func (s *shop) credit(ctx context.Context, t tx, id string, p payment) error {
	o, found, err := one(ctx, t, scanOrder, orderByID, id)
	if err != nil {
		return err
	}
	if !found {
		return fmt.Errorf("payment %s: there is no order %s", p.ID, id)
	}
	fits := p.CapturedMinor == o.Amount && p.Currency == o.Currency || s.defects.has("D10")
	switch {
	case o.State == pending && fits:
		return s.pay(ctx, t, o, p)
	case o.State == closed && fits && s.defects.has("D14"): // it was never made unpayable
		return s.pay(ctx, t, o, p)
	case o.State == closed && s.defects.has("D15"):
		return nil
	case o.Payment != "" && s.defects.has("D20"):
		return nil
	}
	return s.giveBack(ctx, t, o, p)
}

// pay makes the order PAID, with all that follows from it, once.
func (s *shop) pay(ctx context.Context, t tx, o order, p payment) error {
	watched := o.openAttempts+o.openPs > 0 // the next check closes what could be paid a second time
	if _, err := t.exec(ctx, `UPDATE orders SET state = 'PAID', reason = '', payment_id = ?,
		check_at = CASE WHEN ? THEN check_at ELSE 0 END WHERE id = ? AND state = ?`, p.ID, watched, o.ID, o.State); err != nil {
		return err
	}
	t.finally(`UPDATE skus SET reserved = reserved - ?, sold = sold + ? WHERE sku = ?`, o.Quantity, o.Quantity, o.SKU)
	return s.confirm(ctx, t, o)
}

// confirm gives the points for a paid order and writes down the mail about it.
func (s *shop) confirm(ctx context.Context, t tx, o order) error {
	if s.defects.has("D45") {
		t.after(func(context.Context) { s.earned <- earning{o, t.now().Add(pointsLater)} })
	} else if err := grantPoints(ctx, t, o); err != nil {
		return err
	}
	if s.mailURL == "" {
		return nil
	}
	key, body, err := confirmation(o)
	if err != nil {
		return err
	}
	_, err = t.exec(ctx, `INSERT INTO outbox(key, order_id, body, next_at) VALUES(?, ?, ?, ?) ON CONFLICT DO NOTHING`,
		key, o.ID, body, t.now().UnixMilli())
	return err
}

// confirmation is the mail about a paid order, and the key by which its receiver knows it again.
func confirmation(o order) (key, body string, err error) {
	key = "order-confirmation:" + o.ID
	text, err := json.Marshal(map[string]string{
		"key": key, "order": o.ID, "to": o.Buyer, "subject": "Your order " + o.ID + " is paid",
	})
	return key, string(text), err
}

// grantPoints gives a point for each hundred minor units. The unique index grants_once stands behind it.
func grantPoints(ctx context.Context, t tx, o order) error {
	_, err := t.exec(ctx, `INSERT INTO grants(order_id, kind, value) VALUES(?, 'points', ?) ON CONFLICT DO NOTHING`,
		o.ID, o.Amount/100)
	return err
}

// earning is an order whose points are due.
type earning struct {
	order
	due time.Time
}

const pointsLater = 2 * time.Second

// giveEarned is D45: a process that dies takes with it what it was to do next.
func (s *shop) giveEarned(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case e := <-s.earned:
			sleep(ctx, e.due.Sub(s.store.now()))
			err := s.store.write(ctx, theOrder(e.ID), func(ctx context.Context, t tx) error { return grantPoints(ctx, t, e.order) })
			if err != nil {
				s.log.Warn("points", "order", e.ID, "error", err)
				s.earned <- earning{e.order, s.store.now().Add(pollEvery)}
			}
		}
	}
}

// giveBack refunds a capture that the order has no use for: a second one, one that came too late, or one of another
// amount than was asked for. An order that got the wrong amount is closed, unless it is paid before it is.
func (s *shop) giveBack(ctx context.Context, t tx, o order, p payment) error {
	reason := reasonExtra
	now := t.now().UnixMilli()
	switch o.State {
	case closed:
		reason = reasonLate
		if _, err := t.exec(ctx, `UPDATE orders SET state = 'REFUNDING', reason = ? WHERE id = ? AND state = 'CLOSED'`,
			reason, o.ID); err != nil {
			return err
		}
	case pending:
		reason = reasonMismatch
		if _, err := t.exec(ctx, `UPDATE orders SET reason = ?, check_at = ? WHERE id = ? AND state = 'PENDING' AND reason = ''`,
			reason, now, o.ID); err != nil {
			return err
		}
	}
	return s.owe(ctx, t, claim{
		Order: o.ID, Payment: p.ID, Minor: p.CapturedMinor, Currency: p.Currency, Reason: reason, Nth: 1, Tries: 1,
	}, now)
}

// release closes the order and puts its units back on sale. Who calls it has made sure that nobody can pay it any more.
func (s *shop) release(ctx context.Context, t tx, o order, reason string) error {
	now := t.now()
	changed, err := t.exec(ctx, `UPDATE orders SET state = 'CLOSED', reason = CASE reason WHEN '' THEN ? ELSE reason END,
		closed_at = ?, check_at = ? WHERE id = ? AND state = 'PENDING'`,
		reason, now.UnixMilli(), now.Add(s.watch()).UnixMilli(), o.ID)
	if err != nil || changed == 0 {
		return err
	}
	if err := giveCouponBack(ctx, t, o); err != nil || s.defects.has("D23") {
		return err
	}
	t.after(func(ctx context.Context) { s.cache.give(ctx, o.SKU, o.Quantity) })
	t.finally(`UPDATE skus SET reserved = reserved - ?, available = available + ? WHERE sku = ?`, o.Quantity, o.Quantity, o.SKU)
	return nil
}
