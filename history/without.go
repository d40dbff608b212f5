package history

import "slices"

// Without is the history as if the tables had not been read: no probe of them is declared, and no reading has them. The
// history itself stays as it is.
func (h *History) Without(tables ...Table) *History {
	cut := *h
	gone := func(table Table) bool { return slices.Contains(tables, table) }
	cut.Header.System.Tables = slices.DeleteFunc(slices.Clone(h.Header.System.Tables), gone)
	cut.Readings = slices.Clone(h.Readings)
	for i := range cut.Readings {
		reading := &cut.Readings[i]
		reading.Tables = slices.DeleteFunc(slices.Clone(reading.Tables), gone)
		for _, table := range tables {
			reading.Books.drop(table)
		}
	}
	return &cut
}

// drop leaves a table's rows out.
func (b *Books) drop(table Table) {
	switch table {
	case TableStock:
		b.Stock = nil
	case TableOrders:
		b.Orders = nil
	case TablePayments:
		b.Payments = nil
	case TableRefunds:
		b.Refunds = nil
	case TableGrants:
		b.Grants = nil
	case TableCoupons:
		b.Coupons = nil
	case TableLedger:
		b.Ledger = nil
	case TableDiscrepancies:
		b.Discrepancies = nil
	case TableInbox:
		b.Inbox = nil
	}
}
