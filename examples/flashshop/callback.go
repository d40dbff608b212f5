package flashshop

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"
)

// callback takes a notification. It is acknowledged when, and only when, what it says is committed.
func (s *shop) callback(w http.ResponseWriter, r *http.Request) {
	n, err := s.read(w, r)
	if err == nil && s.defects.has("D04") { // told before it is true
		s.inbox <- n
		s.provider.acknowledge(w)
		return
	}
	if err == nil {
		err = s.apply(r.Context(), n)
		if err != nil && s.defects.has("D06") {
			s.log.Error("callback failed", "order", n.Order, "error", err)
			err = nil
		}
	}
	if err != nil {
		s.provider.refuse(w, s.denial(r, err))
		return
	}
	s.provider.acknowledge(w)
}

// read reads an authentic notification, and finds the order that it is about. Where the address names an order, that
// must be the one.
func (s *shop) read(w http.ResponseWriter, r *http.Request) (notification, error) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 64<<10))
	if err != nil {
		return notification{}, no(http.StatusBadRequest, "UNREADABLE")
	}
	n, err := s.provider.authentic(r, body)
	if err != nil {
		return n, err
	}
	if n.Payment.ID == "" { // authentic, and about something else
		return n, nil
	}
	if n.Order == "" {
		if n.Order, err = s.orderOf(r.Context(), n.Payment.ID); err != nil {
			return n, err
		}
	}
	if address := r.PathValue("order"); address != "" && n.Order != address {
		if !s.defects.has("D11") {
			return n, no(http.StatusUnprocessableEntity, "NOT_OURS")
		}
		n.Order = address
	}
	return n, nil
}

// orderOf finds the order of a payment, "" if there is none.
func (s *shop) orderOf(ctx context.Context, payment string) (string, error) {
	id, _, err := one(ctx, s.store, value[string], `SELECT order_id FROM payments WHERE id = ?
		UNION SELECT order_id FROM attempts WHERE idempotency_key = ?`, payment, payment)
	return id, err
}

// apply books a notification in one transaction. One that was applied before is acknowledged and changes nothing.
func (s *shop) apply(ctx context.Context, n notification) error {
	if n.Payment.ID == "" {
		return nil
	}
	switch {
	case s.defects.has("D02"):
		return s.checkThenAct(ctx, n)
	case s.defects.has("D05"):
		return s.noteThenAct(ctx, n)
	case s.defects.has("D34"):
		return s.waitThenAct(ctx, n)
	}
	return s.store.write(ctx, theOrder(n.Order), func(ctx context.Context, t tx) error { return s.act(ctx, t, n, true) })
}

// act is what a notification does. A success of another amount than the order's has no effect by itself: it is noted,
// and the provider is asked what is true.
func (s *shop) act(ctx context.Context, t tx, n notification, dedupe bool) error {
	o, found, err := one(ctx, t, scanOrder, orderByID, n.Order)
	if err != nil {
		return err
	}
	if !found {
		return no(http.StatusNotFound, "UNKNOWN_ORDER")
	}
	if tied, err := tied(ctx, t, o.ID, n.Payment.ID); err != nil {
		return err
	} else if !tied && !s.defects.has("D11") {
		return no(http.StatusUnprocessableEntity, "NOT_OURS")
	} else if !tied && o.State == pending { // D11
		return s.pay(ctx, t, o, n.Payment)
	}
	outcome := "applied"
	right := n.Payment.CapturedMinor == o.Amount && n.Payment.Currency == o.Currency || s.defects.has("D10")
	if n.Payment.State == paymentSucceeded && !right {
		outcome = "mismatch"
	}
	if dedupe {
		first, err := s.record(ctx, t, n, outcome)
		if err == nil && !first && n.Payment.State == paymentSucceeded && s.defects.has("D22") { // by the order, and by each copy
			t.finally(`UPDATE skus SET available = available - ?, sold = sold + ? WHERE sku = ?`, o.Quantity, o.Quantity, o.SKU)
		}
		if err == nil && !first && s.defects.has("D07") {
			err = no(http.StatusConflict, "DONE_ALREADY")
		}
		if err != nil || !first && !s.defects.has("D01") {
			return err
		}
	}
	if outcome == "mismatch" {
		_, err := t.exec(ctx, `UPDATE orders SET check_at = ? WHERE id = ?`, t.now().UnixMilli(), o.ID)
		return err
	}
	switch {
	case n.Disputed:
		return s.dispute(ctx, t, o, n.Payment, *n.Refund)
	case n.Refund != nil:
		return s.hearOfRefund(ctx, t, o, n.Payment, *n.Refund)
	}
	n.Payment.AmountMinor = o.Amount
	return s.actOnPayment(ctx, t, o, n.Payment)
}

// tied says whether the payment is one that was made for the order: the shop knows it, or waits for the answer that will
// tell of it.
func tied(ctx context.Context, t tx, order, payment string) (bool, error) {
	tied, _, err := one(ctx, t, value[bool], `SELECT CASE WHEN EXISTS (SELECT 1 FROM payments WHERE id = ?)
		THEN EXISTS (SELECT 1 FROM payments WHERE id = ? AND order_id = ?)
		ELSE EXISTS (SELECT 1 FROM attempts WHERE order_id = ? AND (idempotency_key = ? OR state <> 'DONE')) END`,
		payment, payment, order, order, payment)
	return tied, err
}

func (s *shop) actOnPayment(ctx context.Context, t tx, o order, p payment) error {
	switch p.State {
	case paymentSucceeded:
		if err := know(ctx, t, o.ID, p); err != nil {
			return err
		}
		news, err := s.captured(ctx, t, o.ID, p)
		if err == nil && !news && o.Payment == p.ID && (s.defects.has("D01") || s.defects.has("D02")) {
			err = grantPoints(ctx, t, o)
		}
		return err
	case paymentFailed, paymentClosed:
		if s.defects.has("D12") {
			return s.overwrite(ctx, t, o, p)
		}
		return s.learn(ctx, t, o.ID, p)
	}
	return nil
}

// record notes a notification, and reports false if it was applied before.
func (s *shop) record(ctx context.Context, t tx, n notification, outcome string) (first bool, err error) {
	changed, err := t.exec(ctx, `INSERT INTO events(id, order_id, type, outcome, at) VALUES(?, ?, ?, ?, ?)
		ON CONFLICT(id) DO UPDATE SET outcome = excluded.outcome WHERE events.outcome <> 'applied'`,
		n.ID, n.Order, n.Type, outcome, t.now().UnixMilli())
	return changed > 0, err
}

// checkThenAct is D02: whether the notification is new is asked first, and only when all is done, mail included, is it
// noted. Nothing keeps a second copy from asking meanwhile.
func (s *shop) checkThenAct(ctx context.Context, n notification) error {
	_, seen, err := one(ctx, s.store, value[string], `SELECT id FROM events WHERE id = ?`, n.ID)
	if err != nil || seen {
		return err
	}
	if err := s.store.write(ctx, theOrder(n.Order), func(ctx context.Context, t tx) error { return s.act(ctx, t, n, false) }); err != nil {
		return err
	}
	if err := s.post(ctx, "order-confirmation:"+n.Order); err != nil {
		s.log.Warn("mail", "order", n.Order, "error", err)
	}
	return s.store.write(ctx, theOrder(n.Order), func(ctx context.Context, t tx) error {
		_, err := s.record(ctx, t, n, "applied")
		return err
	})
}

// noteThenAct is D05: a success is noted as worked off, with what it says of the payment, and then worked off: the mail is
// sent and the order paid. Where that fails it is never done, for what comes again is known
// (https://github.com/AI-Shipping-Labs/website/issues/285).
func (s *shop) noteThenAct(ctx context.Context, n notification) error {
	var noted bool
	var o order
	err := s.store.write(ctx, theOrder(n.Order), func(ctx context.Context, t tx) (err error) {
		noted = false
		if o, _, err = one(ctx, t, scanOrder, orderByID, n.Order); err != nil {
			return err
		}
		tied, err := tied(ctx, t, o.ID, n.Payment.ID)
		if err != nil {
			return err
		}
		right := n.Payment.CapturedMinor == o.Amount && n.Payment.Currency == o.Currency
		if n.Payment.State != paymentSucceeded || !tied || !right {
			return s.act(ctx, t, n, true)
		}
		if first, err := s.record(ctx, t, n, "applied"); err != nil || !first {
			return err
		}
		n.Payment.AmountMinor = o.Amount
		if err := know(ctx, t, o.ID, n.Payment); err != nil {
			return err
		}
		noted, err = take(ctx, t, o.ID, n.Payment)
		return err
	})
	if err != nil || !noted {
		return err
	}
	if s.mailURL != "" && o.State == pending {
		_, body, err := confirmation(o)
		if err := errors.Join(err, s.send(ctx, body)); err != nil {
			return begun(err)
		}
	}
	return begun(s.store.write(ctx, theOrder(n.Order), func(ctx context.Context, t tx) error { return s.credit(ctx, t, o.ID, n.Payment) }))
}

// waitThenAct is D34: a handler that waits for the database for as long as it takes. Whether the message is new was asked
// before; meanwhile the provider has given up on it, and sent it again.
func (s *shop) waitThenAct(ctx context.Context, n notification) error {
	_, seen, err := one(ctx, s.store, value[string], `SELECT id FROM events WHERE id = ?`, n.ID)
	if err != nil || seen {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	for {
		err := s.store.write(ctx, theOrder(n.Order), func(ctx context.Context, t tx) error {
			if err := s.act(ctx, t, n, false); err != nil {
				return err
			}
			first, err := s.record(ctx, t, n, "applied")
			if err != nil || first || n.Payment.State != paymentSucceeded {
				return err
			}
			o, _, err := one(ctx, t, scanOrder, orderByID, n.Order)
			return errors.Join(err, grantPoints(ctx, t, o))
		})
		if !errors.Is(err, errBusy) || !sleep(ctx, pollEvery) {
			return err
		}
	}
}

// overwrite is D12: whatever the order was, it is closed now.
func (s *shop) overwrite(ctx context.Context, t tx, o order, p payment) error {
	if err := s.learn(ctx, t, o.ID, p); err != nil {
		return err
	}
	if o.State == pending {
		return s.release(ctx, t, o, reasonFailed)
	}
	_, err := t.exec(ctx, `UPDATE orders SET state = 'CLOSED', reason = ? WHERE id = ?`, reasonFailed, o.ID)
	return err
}

// workInbox is D04: messages that were acknowledged wait in memory for their turn.
func (s *shop) workInbox(ctx context.Context) error {
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	for ctx.Err() == nil {
		select {
		case <-ctx.Done():
		case <-tick.C:
		}
		for range len(s.inbox) {
			n := <-s.inbox
			if err := s.apply(ctx, n); err != nil && !errors.Is(err, context.Canceled) {
				s.log.Error("inbox", "order", n.Order, "error", fmt.Errorf("lost: %w", err))
			}
		}
	}
	return nil
}
