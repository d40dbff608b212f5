package history_test

import (
	"testing"

	"github.com/paystorm/paystorm/history"
)

func TestWithoutTables(t *testing.T) {
	h := &history.History{
		Header: history.Header{System: history.SystemFacts{Tables: history.Tables()}},
		Readings: []history.Reading{{Tables: history.Tables(), Books: history.Books{
			Stock: make([]history.StockRow, 1), Orders: make([]history.OrderRow, 1), Payments: make([]history.PaymentRow, 1),
			Refunds: make([]history.RefundRow, 1), Grants: make([]history.GrantRow, 1), Coupons: make([]history.CouponRow, 1),
			Ledger: make([]history.LedgerRow, 1), Discrepancies: make([]history.DiscrepancyRow, 1), Inbox: make([]history.InboxRow, 1),
		}}},
	}
	cut := h.Without(history.Tables()...)
	if len(cut.Header.System.Tables)+len(cut.Readings[0].Tables) > 0 || !cut.Readings[0].Books.Equal(history.Books{}) {
		t.Errorf("something is left: %+v", cut)
	}
	if len(h.Header.System.Tables) != len(history.Tables()) || !h.Readings[0].Has(history.TableGrants) || len(h.Readings[0].Books.Grants) != 1 {
		t.Error("the history was changed")
	}
}
