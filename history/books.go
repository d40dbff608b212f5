package history

import "slices"

// OrderState is a state of an order in canonical terms. A shop's own names are mapped onto these by its system file.
type OrderState string

// The canonical order states.
const (
	OrderPending   OrderState = "pending" // not paid, still payable
	OrderPaid      OrderState = "paid"
	OrderShipped   OrderState = "shipped"
	OrderClosed    OrderState = "closed" // cancelled, expired or failed: nothing is owed either way
	OrderRefunding OrderState = "refunding"
	OrderRefunded  OrderState = "refunded"
	OrderReview    OrderState = "review" // handed to a person, with a reason: terminal, counted, capped
)

// OrderStates lists the canonical states, in the order in which an order meets them.
func OrderStates() []OrderState {
	return []OrderState{OrderPending, OrderPaid, OrderShipped, OrderRefunding, OrderRefunded, OrderClosed, OrderReview}
}

// Refund states, in the shop's books as at the channel.
const (
	RefundPending = "pending"
	RefundDone    = "succeeded"
	RefundBroken  = "failed"
)

// Payment states in the shop's books. Only rows that claim that money was captured or given back, or that a payment is
// closed, are held against the channel; any other word is the shop's own.
const (
	PaymentPending  = "pending"
	PaymentCaptured = "captured" // also where a part of it went back
	PaymentRefunded = "refunded" // all of it
	PaymentDeclined = "failed"
	PaymentDead     = "closed"
)

// PaymentStates lists the canonical states of a payment's row.
func PaymentStates() []string {
	return []string{PaymentPending, PaymentCaptured, PaymentRefunded, PaymentDeclined, PaymentDead}
}

// Kinds of discrepancy: how a row of a bill differs from what its reader has.
const (
	DiscrepancyMissing = "missing" // the bill has no row of a movement
	DiscrepancyExtra   = "extra"   // the bill has a row of a movement that there was not
	DiscrepancyAmount  = "amount"  // another amount or currency
	DiscrepancyUnit    = "unit"    // all amounts are of another unit, yuan for fen; Order and Payment may be empty
	DiscrepancyDay     = "day"     // it happened on another day
	DiscrepancyState   = "state"   // a refund that succeeded had not, or the other way round
)

// DiscrepancyKinds lists the kinds.
func DiscrepancyKinds() []string {
	return []string{
		DiscrepancyMissing, DiscrepancyExtra, DiscrepancyAmount, DiscrepancyUnit, DiscrepancyDay, DiscrepancyState,
	}
}

// Table names one of the canonical tables. A probe that a system file does not declare leaves its table unread, and
// whatever needs it unjudged: an empty table and an unread one are different things.
type Table string

// The canonical tables.
const (
	TableStock         Table = "stock"
	TableOrders        Table = "orders"
	TablePayments      Table = "payments"
	TableRefunds       Table = "refunds"
	TableGrants        Table = "grants"
	TableCoupons       Table = "coupons"
	TableLedger        Table = "ledger"
	TableDiscrepancies Table = "discrepancies"
	TableInbox         Table = "inbox"
)

// Tables lists the canonical tables.
func Tables() []Table {
	return []Table{
		TableStock, TableOrders, TablePayments, TableRefunds, TableGrants, TableCoupons, TableLedger,
		TableDiscrepancies, TableInbox,
	}
}

// Labels of a reading.
const (
	ReadingBaseline   = "baseline"   // after set-up, before any load: what was there is not ours to judge
	ReadingCheckpoint = "checkpoint" // during the storm: one snapshot, and other work goes on
	ReadingFinal      = "final"      // after settle, at rest
)

// Reading is the shop's books as one probe round saw them. Begin and End bound when the snapshot was taken.
type Reading struct {
	Writer string `json:"writer"`
	Seq    uint64 `json:"seq"`
	Label  string `json:"label"`
	Begin  Time   `json:"begin_ns"`
	End    Time   `json:"end_ns"`
	// Agreed is true when two successive readings were equal, so that the shop was at rest. A checkpoint never is.
	Agreed bool    `json:"agreed"`
	Tables []Table `json:"tables"` // which tables were read
	// Snapshots are the tables that are true of one moment together. Empty in older runs, whose tables were taken for one.
	Snapshots [][]Table `json:"snapshots,omitempty"`
	Errors    []string  `json:"errors,omitempty"` // probes that failed: their tables are not in Tables
	Books     Books     `json:"books"`
}

// Has says whether the reading read the table.
func (r Reading) Has(table Table) bool {
	for _, read := range r.Tables {
		if read == table {
			return true
		}
	}
	return false
}

// Together says whether the reading has both tables, as they were at one moment.
func (r Reading) Together(a, b Table) bool {
	if !r.Has(a) || !r.Has(b) {
		return false
	}
	return len(r.Snapshots) == 0 || slices.ContainsFunc(r.Snapshots, func(tables []Table) bool {
		return slices.Contains(tables, a) && slices.Contains(tables, b)
	})
}

// Books are a shop's own books in canonical form. Rows are sorted by their keys, so that equal books are equal values.
type Books struct {
	Stock         []StockRow       `json:"stock,omitempty"`
	Orders        []OrderRow       `json:"orders,omitempty"`
	Payments      []PaymentRow     `json:"payments,omitempty"`
	Refunds       []RefundRow      `json:"refunds,omitempty"`
	Grants        []GrantRow       `json:"grants,omitempty"`
	Coupons       []CouponRow      `json:"coupons,omitempty"`
	Ledger        []LedgerRow      `json:"ledger,omitempty"`
	Discrepancies []DiscrepancyRow `json:"discrepancies,omitempty"`
	Inbox         []InboxRow       `json:"inbox,omitempty"`
}

// Equal says whether both hold the same rows.
func (b Books) Equal(other Books) bool {
	return slices.Equal(b.Stock, other.Stock) && slices.Equal(b.Orders, other.Orders) && slices.Equal(b.Payments, other.Payments) &&
		slices.Equal(b.Refunds, other.Refunds) && slices.Equal(b.Grants, other.Grants) && slices.Equal(b.Coupons, other.Coupons) &&
		slices.Equal(b.Ledger, other.Ledger) && slices.Equal(b.Discrepancies, other.Discrepancies) && slices.Equal(b.Inbox, other.Inbox)
}

// StockRow is the authoritative stock of one SKU, in units. Sold is net of restocked refunds.
type StockRow struct {
	SKU        string `json:"sku"`
	Available  int64  `json:"available"`
	Reserved   int64  `json:"reserved"`
	Sold       int64  `json:"sold"`
	WrittenOff int64  `json:"written_off,omitempty"`
}

// OrderRow is one order, or one line of it: an order of several SKUs has a row for each, which differ in SKU and Quantity
// and in nothing else. Order is the number under which the channel knows it.
type OrderRow struct {
	Order    string     `json:"order"`
	Ref      string     `json:"ref,omitempty"`
	Buyer    string     `json:"buyer,omitempty"`
	SKU      string     `json:"sku,omitempty"`
	Quantity int64      `json:"quantity,omitempty"`
	Minor    int64      `json:"minor"`
	Currency string     `json:"currency,omitempty"`
	State    OrderState `json:"state"`
	Reason   string     `json:"reason,omitempty"`
	Discount int64      `json:"discount,omitempty"` // taken off the price, in minor units of the whole order; never negative
	Fee      int64      `json:"fee,omitempty"`      // shipping, tax: likewise, added
}

// PaymentRow is a payment as the shop believes it. Payment is the channel's id, "" while the shop has not learnt it.
type PaymentRow struct {
	Payment  string `json:"payment"`
	Number   string `json:"number,omitempty"` // the shop's own number for it, where the channel knows it by that and not by the order's
	Order    string `json:"order"`
	Minor    int64  `json:"minor"` // what was captured; 0: not said
	Currency string `json:"currency,omitempty"`
	State    string `json:"state"` // PaymentCaptured, PaymentRefunded or PaymentDead; any other is informative
}

// RefundRow is a refund as the shop believes it.
type RefundRow struct {
	MerchantRefund string `json:"merchant_refund"` // the shop's number, which the channel knows too
	Order          string `json:"order"`
	Payment        string `json:"payment,omitempty"`
	Minor          int64  `json:"minor"`
	Currency       string `json:"currency,omitempty"`
	State          string `json:"state"` // RefundPending, RefundDone or RefundBroken
}

// GrantRow is a side effect of a paid order inside the shop: points, a ticket, a shipment. One row per effect.
type GrantRow struct {
	Order string `json:"order"`
	Kind  string `json:"kind"`
	Value int64  `json:"value"`
}

// CouponRow is one use of a coupon or voucher.
type CouponRow struct {
	Coupon string `json:"coupon"`
	Order  string `json:"order"`
	Buyer  string `json:"buyer,omitempty"`
	Minor  int64  `json:"minor,omitempty"` // what it took off the order, in the order's currency
}

// LedgerRow is one side of a booking in the shop's own double entry. Debits are positive.
type LedgerRow struct {
	Entry    string `json:"entry"`
	Account  string `json:"account"`
	Order    string `json:"order,omitempty"`
	Minor    int64  `json:"minor"`
	Currency string `json:"currency,omitempty"`
}

// DiscrepancyRow is a difference between a bill and what the shop had that its reconciliation reported. It is held against
// the bills as they were served: one that was true of a bill and is settled since was right.
type DiscrepancyRow struct {
	Kind    string `json:"kind"`            // one of DiscrepancyKinds; another word only says that something differs
	Order   string `json:"order,omitempty"` // the shop's number, or what the bill has in its place
	Payment string `json:"payment,omitempty"`
	Refund  string `json:"refund,omitempty"` // the shop's number or the channel's, of a refund
	Bill    string `json:"bill,omitempty"`   // what the provider calls it, such as its date; "": not said
	Minor   int64  `json:"minor,omitempty"`  // what the bill says; of a row that is missing, what it should; 0: not said
}

// InboxRow is a notification that the shop has stored, whether or not it has worked it off.
type InboxRow struct {
	Notification string `json:"notification"`
	Order        string `json:"order,omitempty"`
}
