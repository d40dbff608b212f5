package flashshop

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync/atomic"

	"golang.org/x/sync/errgroup"
)

// attempt is a row of attempts: a payment that is to be created, and which one it became.
type attempt struct{ Key, Order, Draft, State, Payment, PayURL string }

const (
	selectAttempt = `SELECT idempotency_key, a.order_id, draft, a.state, payment_id, COALESCE(p.pay_url, '')
	FROM attempts a LEFT JOIN payments p ON p.id = payment_id WHERE `
	selectPayment = `SELECT id, trade_no, order_id, amount_minor, captured_minor, currency, state, pay_url, expires_at
	FROM payments WHERE `
)

func scanAttempt(row row, a *attempt) error {
	return row.Scan(&a.Key, &a.Order, &a.Draft, &a.State, &a.Payment, &a.PayURL)
}

func scanPayment(row row, p *payment) error {
	return row.Scan(&p.ID, &p.TradeNo, &p.Order, &p.AmountMinor, &p.CapturedMinor, &p.Currency, &p.State, &p.PayURL, &p.ExpiresAt)
}

// resolve asks the provider to create the attempt's payment until it is known which one that is. The same key is the
// only question whose answer is final: after a timeout, a query may miss a request that is still on its way.
func (s *shop) resolve(ctx context.Context, key string, tries int) (payment, error) {
	made, err, _ := s.flights.Do("attempt "+key, func() (any, error) {
		a, found, err := one(ctx, s.store, scanAttempt, selectAttempt+`idempotency_key = ?`, key)
		if err != nil || !found || a.State != "OPEN" {
			return payment{ID: a.Payment, PayURL: a.PayURL}, err
		}
		var d draft
		if err := json.Unmarshal([]byte(a.Draft), &d); err != nil {
			return payment{}, fmt.Errorf("attempt %s: %w", key, err)
		}
		for n := range tries {
			if n > 0 && !sleep(ctx, s.channelTimeout/16<<n) {
				break
			}
			var p payment
			p, err = s.provider.create(ctx, a.Key, d)
			if err == nil && p.Order != a.Order {
				err = fmt.Errorf("asked for a payment of order %s, the provider told of order %s", a.Order, p.Order)
			}
			if err == nil {
				return p, s.created(ctx, a, p)
			}
			if errors.Is(err, errFinal) || s.defects.has("D16") {
				break
			}
		}
		return payment{}, errors.Join(err, s.notCreated(ctx, a, err))
	})
	return made.(payment), err
}

func (s *shop) created(ctx context.Context, a attempt, p payment) error {
	return s.store.write(ctx, theOrder(a.Order), func(ctx context.Context, t tx) error {
		if _, err := t.exec(ctx, `UPDATE attempts SET state = 'DONE', payment_id = ? WHERE idempotency_key = ?`, p.ID, a.Key); err != nil {
			return err
		}
		return s.learn(ctx, t, a.Order, p)
	})
}

// notCreated leaves the attempt open for the worker, unless the provider goes on to say a definite no.
func (s *shop) notCreated(ctx context.Context, a attempt, why error) error {
	if !errors.Is(why, errFinal) && !s.defects.has("D16") {
		return s.checkAgain(ctx, a.Order)
	}
	return s.store.write(ctx, theOrder(a.Order), func(ctx context.Context, t tx) error {
		if !errors.Is(why, errFinal) { // D16: what was not answered has failed
			if _, err := t.exec(ctx, `UPDATE attempts SET state = 'REFUSED' WHERE idempotency_key = ?`, a.Key); err != nil {
				return err
			}
			o, _, err := one(ctx, t, scanOrder, orderByID, a.Order)
			return errors.Join(err, s.release(ctx, t, o, reasonFailed))
		}
		_, err := t.exec(ctx, `UPDATE attempts SET refusals = refusals + 1,
			state = CASE WHEN refusals >= 2 THEN 'REFUSED' ELSE 'OPEN' END WHERE idempotency_key = ?`, a.Key)
		return err
	})
}

// check does what is due for an order: resumes attempts, asks the provider for its payments, and closes there what must
// not be paid any more. Only when nothing is left open at the provider is a PENDING order CLOSED.
func (s *shop) check(ctx context.Context, id string) error {
	_, err, _ := s.flights.Do("order "+id, func() (any, error) {
		err := s.converse(ctx, id)
		if err != nil {
			err = errors.Join(err, s.checkAgain(ctx, id))
		}
		return nil, err
	})
	return err
}

// checkAgain has the order checked soon.
func (s *shop) checkAgain(ctx context.Context, id string) error {
	return s.store.write(ctx, theOrder(id), func(ctx context.Context, t tx) error {
		_, err := t.exec(ctx, `UPDATE orders SET check_at = ? WHERE id = ?`, t.now().Add(s.soon()).UnixMilli(), id)
		return err
	})
}

func (s *shop) converse(ctx context.Context, id string) error {
	open, err := all(ctx, s.store, scanAttempt, selectAttempt+`a.order_id = ? AND a.state = 'OPEN'`, id)
	if err != nil {
		return err
	}
	for _, a := range open {
		if _, err := s.resolve(ctx, a.Key, 1); err != nil {
			return err
		}
	}
	if s.defects.has("D29") || s.defects.has("D14") {
		if done, err := s.expireUnasked(ctx, id); done || err != nil {
			return err
		}
	}
	known, err := all(ctx, s.store, scanPayment, selectPayment+`order_id = ?`, id)
	if err != nil {
		return err
	}
	facts, err := s.provider.payments(ctx, id, known)
	if err != nil {
		return err
	}
	var unwanted []payment
	if err := s.store.write(ctx, theOrder(id), func(ctx context.Context, t tx) error {
		unwanted, err = s.book(ctx, t, id, facts)
		return err
	}); err != nil || len(unwanted) == 0 {
		return err
	}
	facts = facts[:0]
	for _, p := range unwanted {
		fact, err := s.provider.close(ctx, p)
		if err != nil {
			return err
		}
		facts = append(facts, fact)
	}
	return s.store.write(ctx, theOrder(id), func(ctx context.Context, t tx) error {
		_, err := s.book(ctx, t, id, facts)
		return err
	})
}

// book learns the facts and settles what they mean for the order: it says when to look again, and answers with the
// payments that must be closed at the provider first.
func (s *shop) book(ctx context.Context, t tx, id string, facts []payment) (unwanted []payment, err error) {
	for _, p := range facts {
		if p.Order != id {
			return nil, fmt.Errorf("asked for order %s, the provider told of payment %s of order %s", id, p.ID, p.Order)
		}
		if err := s.learn(ctx, t, id, p); err != nil {
			return nil, err
		}
	}
	o, found, err := one(ctx, t, scanOrder, orderByID, id)
	if err != nil || !found {
		return nil, err
	}
	now := t.now()
	next, watched := int64(0), o.ClosedAt+s.watch().Milliseconds()
	switch {
	case o.payable(now.UnixMilli()):
		next = min(now.Add(s.queryAfter).UnixMilli(), o.ExpiresAt)
	case o.State == pending && o.Reason == "" && s.defects.has("D14"): // it has expired just now
		next = now.UnixMilli()
	case o.openAttempts+o.openPs > 0:
		next = now.Add(s.soon()).UnixMilli()
		unwanted, err = all(ctx, t, scanPayment, selectPayment+`order_id = ? AND state NOT IN ('succeeded', 'closed')`, id)
		if err != nil {
			return nil, err
		}
	case o.State == pending:
		return nil, s.release(ctx, t, o, reasonExpired)
	case o.State == closed && now.UnixMilli() < watched:
		next = watched
	}
	_, err = t.exec(ctx, `UPDATE orders SET check_at = ? WHERE id = ?`, next, id)
	return unwanted, err
}

// expireUnasked is expiry in a shop that does not ask the provider: D14 and D29. What a buyer cancelled is closed there.
func (s *shop) expireUnasked(ctx context.Context, id string) (done bool, err error) {
	err = s.store.write(ctx, theOrder(id), func(ctx context.Context, t tx) error {
		o, _, err := one(ctx, t, scanOrder, orderByID, id)
		if err != nil {
			return err
		}
		expired := o.State == pending && t.now().UnixMilli() >= o.ExpiresAt
		if done = o.Reason != reasonCancelled && (expired || s.defects.has("D29")); !done {
			return nil
		}
		next := int64(0)
		if expired {
			err = s.release(ctx, t, o, reasonExpired)
		} else if o.State == pending {
			next = o.ExpiresAt
		}
		if err != nil {
			return err
		}
		_, err = t.exec(ctx, `UPDATE orders SET check_at = ? WHERE id = ?`, next, id)
		return err
	})
	return done, err
}

// reconcile checks now every order that the provider could know more of than the shop does, and every refund that has
// not ended. An order whose payments have all succeeded has no surprise left.
func (s *shop) reconcile(ctx context.Context) (orders, refunds, failed int, err error) {
	ids, err := all(ctx, s.store, value[string], `SELECT id FROM orders o WHERE state = 'PENDING'
		OR (created_at > ? AND (
			EXISTS (SELECT 1 FROM payments WHERE order_id = o.id AND state <> 'succeeded')
			OR EXISTS (SELECT 1 FROM attempts WHERE order_id = o.id AND state <> 'DONE')))`,
		s.store.now().AddDate(0, 0, -1).UnixMilli())
	if err != nil {
		return 0, 0, 0, err
	}
	numbers, err := all(ctx, s.store, value[string], `SELECT refund_no FROM refunds WHERE state = 'PENDING' AND next_at > 0`)
	if err != nil {
		return 0, 0, 0, err
	}
	var unsettled atomic.Int64
	try := func(group *errgroup.Group, work func(context.Context, string) error, ids []string) {
		for _, id := range ids {
			group.Go(func() error {
				if err := work(ctx, id); err != nil {
					unsettled.Add(1)
					s.log.Warn("reconcile", "id", id, "error", err)
				}
				return nil
			})
		}
	}
	var group errgroup.Group
	group.SetLimit(parallel)
	try(&group, s.check, ids)
	try(&group, s.pursue, numbers)
	return len(ids), len(numbers), int(unsettled.Load()), group.Wait()
}
