package flashshop

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"time"
)

const mailRetry = time.Second

// post sends a mail of the outbox. It may be sent again after a crash; the key in its body tells the receiver.
func (s *shop) post(ctx context.Context, key string) error {
	body, found, err := one(ctx, s.store, value[string], `SELECT body FROM outbox WHERE key = ? AND state = 'PENDING'`, key)
	if err != nil || !found {
		return err
	}
	sent := s.send(ctx, body)
	err = s.store.write(ctx, nothing, func(ctx context.Context, t tx) error {
		if sent != nil {
			_, err := t.exec(ctx, `UPDATE outbox SET next_at = ? WHERE key = ?`, t.now().Add(mailRetry).UnixMilli(), key)
			return err
		}
		_, err := t.exec(ctx, `UPDATE outbox SET state = 'SENT', next_at = 0 WHERE key = ?`, key)
		return err
	})
	if err == nil {
		err = sent
	}
	return err
}

func (s *shop) send(ctx context.Context, body string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.mailURL, bytes.NewReader([]byte(body)))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := s.mail.Do(req)
	if err != nil {
		return err
	}
	if err := resp.Body.Close(); err != nil {
		return err
	}
	if resp.StatusCode/100 != 2 {
		return fmt.Errorf("mail server answered %s", resp.Status)
	}
	return nil
}
