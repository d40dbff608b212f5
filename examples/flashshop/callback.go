package flashshop

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
)

// notification is a message of the channel, as the standard dialect has it.
type notification struct {
	ID   string `json:"-"` // the webhook-id, constant over re-deliveries
	Type string `json:"type"`
	Data struct {
		Payment     string `json:"payment"`
		Merchant    string `json:"merchant"`
		Order       string `json:"order"`
		AmountMinor int64  `json:"amount_minor"`
		Currency    string `json:"currency"`
		State       string `json:"state"`
		Refund      refund `json:"refund"`
	} `json:"data"`
}

// callback takes a notification. It is acknowledged when, and only when, what it says is committed.
func (s *shop) callback(w http.ResponseWriter, r *http.Request) {
	n, err := s.authentic(w, r)
	if err == nil && s.defects.has("D04") { // told before it is true
		s.inbox <- n
		w.WriteHeader(http.StatusNoContent)
		return
	}
	if err == nil {
		err = s.apply(r.Context(), n)
		if err != nil && s.defects.has("D06") {
			s.log.Error("callback failed", "order", n.Data.Order, "error", err)
			err = nil
		}
	}
	if err != nil {
		s.fail(w, r, err)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

// authentic reads a notification and lets pass only what the channel has signed and addressed to this shop and order.
func (s *shop) authentic(w http.ResponseWriter, r *http.Request) (n notification, err error) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 64<<10))
	if err != nil {
		return n, no(http.StatusBadRequest, "UNREADABLE")
	}
	unsigned := r.Header.Get(standardwebhooks.HeaderWebhookSignature) == ""
	if !unsigned || !s.defects.has("D09") {
		if err := s.webhook.Verify(body, r.Header); err != nil {
			return n, no(http.StatusUnauthorized, "BAD_SIGNATURE")
		}
	}
	if err := json.Unmarshal(body, &n); err != nil || n.Data.Payment == "" {
		return n, no(http.StatusBadRequest, "UNREADABLE")
	}
	n.ID = r.Header.Get(standardwebhooks.HeaderWebhookID)
	if n.ID == "" { // D09 alone gets here
		n.ID = n.Type + " " + n.Data.Payment
	}
	if n.Data.Merchant != s.merchant || n.Data.Order != r.PathValue("order") {
		return n, no(http.StatusUnprocessableEntity, "NOT_OURS")
	}
	return n, nil
}

// apply books a notification in one transaction. One that was applied before is acknowledged and changes nothing.
func (s *shop) apply(ctx context.Context, n notification) error {
	if s.defects.has("D02") {
		return s.checkThenAct(ctx, n)
	}
	return s.store.write(ctx, func(ctx context.Context, t tx) error { return s.act(ctx, t, n, true) })
}

// act is what a notification does. A success of another amount than the order's has no effect by itself: it is noted,
// and the channel is asked what is true.
func (s *shop) act(ctx context.Context, t tx, n notification, dedupe bool) error {
	o, found, err := one(ctx, t, scanOrder, orderByID, n.Data.Order)
	if err != nil {
		return err
	}
	if !found {
		return no(http.StatusNotFound, "UNKNOWN_ORDER")
	}
	outcome := "applied"
	right := n.Data.AmountMinor == o.Amount && n.Data.Currency == o.Currency || s.defects.has("D10")
	if n.Type == "payment.succeeded" && !right {
		outcome = "mismatch"
	}
	if dedupe {
		first, err := s.record(ctx, t, n, outcome)
		if err != nil || !first && !s.defects.has("D01") {
			return err
		}
	}
	if outcome == "mismatch" {
		_, err := t.exec(ctx, `UPDATE orders SET check_at = ? WHERE id = ?`, s.now().UnixMilli(), o.ID)
		return err
	}
	p := payment{ID: n.Data.Payment, AmountMinor: o.Amount, Currency: n.Data.Currency}
	switch n.Type {
	case "payment.succeeded":
		p.State, p.CapturedMinor = paymentSucceeded, n.Data.AmountMinor
		if err := know(ctx, t, o.ID, p); err != nil {
			return err
		}
		news, err := s.captured(ctx, t, o.ID, p)
		if err == nil && !news && o.Payment == p.ID && (s.defects.has("D01") || s.defects.has("D02")) {
			err = grantPoints(ctx, t, o)
		}
		return err
	case "payment.failed", "payment.closed":
		p.State = map[string]string{"payment.failed": paymentFailed, "payment.closed": paymentClosed}[n.Type]
		if s.defects.has("D12") {
			return s.overwrite(ctx, t, o, p)
		}
		return s.learn(ctx, t, o.ID, p)
	case "refund.succeeded", "refund.failed":
		c, found, err := one(ctx, t, scanClaim, claimByNo, n.Data.Refund.RefundNo)
		if err != nil || !found || c.Order != o.ID || c.Minor != n.Data.Refund.AmountMinor {
			return err
		}
		return s.learnRefund(ctx, t, c.Number, map[string]string{"refund.succeeded": "succeeded", "refund.failed": "failed"}[n.Type])
	}
	return nil
}

// record notes a notification, and reports false if it was applied before.
func (s *shop) record(ctx context.Context, t tx, n notification, outcome string) (first bool, err error) {
	changed, err := t.exec(ctx, `INSERT INTO events(id, order_id, type, outcome, at) VALUES(?, ?, ?, ?, ?)
		ON CONFLICT(id) DO UPDATE SET outcome = excluded.outcome WHERE outcome <> 'applied'`,
		n.ID, n.Data.Order, n.Type, outcome, s.now().UnixMilli())
	return changed > 0, err
}

// checkThenAct is D02: whether the notification is new is asked first, and only when all is done, mail included, is it
// noted. Nothing keeps a second copy from asking meanwhile.
func (s *shop) checkThenAct(ctx context.Context, n notification) error {
	_, seen, err := one(ctx, s.store, value[string], `SELECT id FROM events WHERE id = ?`, n.ID)
	if err != nil || seen {
		return err
	}
	if err := s.store.write(ctx, func(ctx context.Context, t tx) error { return s.act(ctx, t, n, false) }); err != nil {
		return err
	}
	if err := s.post(ctx, "order-confirmation:"+n.Data.Order); err != nil {
		s.log.Warn("mail", "order", n.Data.Order, "error", err)
	}
	return s.store.write(ctx, func(ctx context.Context, t tx) error {
		_, err := s.record(ctx, t, n, "applied")
		return err
	})
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
				s.log.Error("inbox", "order", n.Data.Order, "error", fmt.Errorf("lost: %w", err))
			}
		}
	}
	return nil
}
