package tables

import "github.com/paystorm/paystorm/history"

// book is one of the canonical tables of a shop's books.
type book struct {
	table   history.Table
	about   string
	columns []Column
	rows    func(history.Books, func(...any)) // the columns' values, row by row
}

// books lists the canonical tables.
func books() []book {
	return []book{
		{
			table: history.TableStock, about: "The stock of each item, in units.",
			columns: []Column{
				sku, number("available", "for sale"), number("reserved", "kept for orders"), number("sold", "less what came back"), number("written_off", "lost"),
			},
			rows: func(b history.Books, row func(...any)) {
				for _, r := range b.Stock {
					row(r.SKU, r.Available, r.Reserved, r.Sold, r.WrittenOff)
				}
			},
		},
		{
			table: history.TableOrders, about: "The orders: a row for each, or for each item of one.",
			columns: []Column{
				orderNo, text("ref", "the client's reference of the order"), text("buyer", "by the shop's own name"), sku, number("quantity", "units"),
				minor, currency, text("state", "pending, paid, shipped, refunding, refunded, closed or review"), text("reason", "of the state"),
				number("discount", "taken off the price"), number("fee", "added to the price"),
			},
			rows: func(b history.Books, row func(...any)) {
				for _, r := range b.Orders {
					row(r.Order, r.Ref, r.Buyer, r.SKU, r.Quantity, r.Minor, r.Currency, string(r.State), r.Reason, r.Discount, r.Fee)
				}
			},
		},
		{
			table: history.TablePayments, about: "The payments, as the shop believes them.",
			columns: []Column{
				payment, text("number", "the shop's own number of it"), orderNo, minor, currency, text("state", "pending, captured, refunded, failed or closed"),
			},
			rows: func(b history.Books, row func(...any)) {
				for _, r := range b.Payments {
					row(r.Payment, r.Number, r.Order, r.Minor, r.Currency, r.State)
				}
			},
		},
		{
			table: history.TableRefunds, about: "The refunds, as the shop believes them.",
			columns: []Column{
				text("merchant_refund", "the shop's number of it"), orderNo, payment, minor, currency, text("state", "pending, succeeded or failed"),
			},
			rows: func(b history.Books, row func(...any)) {
				for _, r := range b.Refunds {
					row(r.MerchantRefund, r.Order, r.Payment, r.Minor, r.Currency, r.State)
				}
			},
		},
		{
			table: history.TableGrants, about: "The side effects of paid orders inside the shop: a row for each.",
			columns: []Column{
				orderNo, text("kind", "such as points or ticket"), number("value", "below 0: taken back"),
			},
			rows: func(b history.Books, row func(...any)) {
				for _, r := range b.Grants {
					row(r.Order, r.Kind, r.Value)
				}
			},
		},
		{
			table: history.TableCoupons, about: "The uses of coupons.",
			columns: []Column{
				text("coupon", "its code"), orderNo, text("buyer", "by the shop's own name"), number("minor", "what it took off the order"),
			},
			rows: func(b history.Books, row func(...any)) {
				for _, r := range b.Coupons {
					row(r.Coupon, r.Order, r.Buyer, r.Minor)
				}
			},
		},
		{
			table: history.TableLedger, about: "The shop's own double entry: a row for each side.",
			columns: []Column{
				text("entry", "the booking"), text("account", "of the side"), orderNo, number("minor", "debits are positive"), currency,
			},
			rows: func(b history.Books, row func(...any)) {
				for _, r := range b.Ledger {
					row(r.Entry, r.Account, r.Order, r.Minor, r.Currency)
				}
			},
		},
		{
			table: history.TableDiscrepancies, about: "What the shop's reconciliation reported.",
			columns: []Column{
				text("kind", "missing, extra, amount, unit, day or state"), orderNo, payment, text("refund", "of a refund: its number"),
				text("bill", "the provider's name of the bill"), minor,
			},
			rows: func(b history.Books, row func(...any)) {
				for _, r := range b.Discrepancies {
					row(r.Kind, r.Order, r.Payment, r.Refund, r.Bill, r.Minor)
				}
			},
		},
		{
			table: history.TableInbox, about: "The notifications that the shop has stored.",
			columns: []Column{
				text("notification", "the message's id"), orderNo,
			},
			rows: func(b history.Books, row func(...any)) {
				for _, r := range b.Inbox {
					row(r.Notification, r.Order)
				}
			},
		},
	}
}
