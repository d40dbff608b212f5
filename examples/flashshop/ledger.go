package flashshop

import (
	"context"
	"time"
)

// The accounts of the shop's double entry. What an account receives is positive.
const (
	accountProvider = "provider" // money that the payment provider holds for the shop
	accountSales    = "sales"
	accountRefunds  = "refunds"
	accountDisputes = "disputes"
)

// bookCapture books that a payment was captured: once, however often it is told.
func bookCapture(ctx context.Context, t tx, order string, p payment) error {
	return bookEntry(ctx, t, "capture "+p.ID, accountSales, order, p.ID, p.CapturedMinor, p.Currency)
}

// bookRefund books that a refund has reached its payer, or that the payer's bank has taken the money: once.
func bookRefund(ctx context.Context, t tx, number string) error {
	c, found, err := one(ctx, t, scanClaim, claimByNo, number)
	if err != nil || !found {
		return err
	}
	other := accountRefunds
	if c.Reason == reasonDispute {
		other = accountDisputes
	}
	return bookEntry(ctx, t, "refund "+number, other, c.Order, c.Payment, -c.Minor, c.Currency)
}

// bookEntry books what the provider's account receives, and from which it comes.
func bookEntry(ctx context.Context, t tx, entry, other, order, payment string, minor int64, currency string) error {
	_, err := t.exec(ctx, `INSERT INTO ledger(entry, account, order_id, payment_id, minor, currency, at)
		VALUES(?, ?, ?, ?, ?, ?, ?), (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`,
		entry, accountProvider, order, payment, minor, currency, t.now().UnixMilli(),
		entry, other, order, payment, -minor, currency, t.now().UnixMilli())
	return err
}

// booking is what the shop has in its ledger of a movement at the provider.
type booking struct {
	Entry, Order, Payment, TradeNo, Currency string
	Minor                                    int64
	at                                       int64 // Unix ms
}

// bookings are all of the provider's account, by entry.
func bookings(ctx context.Context, from asker) (map[string]booking, error) {
	list, err := all(ctx, from, func(row row, b *booking) error {
		return row.Scan(&b.Entry, &b.Order, &b.Payment, &b.TradeNo, &b.Minor, &b.Currency, &b.at)
	}, `SELECT entry, l.order_id, payment_id, COALESCE(p.trade_no, ''), minor, l.currency, at FROM ledger l
		LEFT JOIN payments p ON p.id = payment_id WHERE account = '`+accountProvider+`'`)
	booked := make(map[string]booking, len(list))
	for _, b := range list {
		booked[b.Entry] = b
	}
	return booked, err
}

// when is the time at which it was booked.
func (b booking) when() time.Time { return time.UnixMilli(b.at) }
