package tables

import (
	"fmt"
	"slices"
	"strings"

	"github.com/paystorm/paystorm/history"
)

// Table is one table or view of the database.
type Table struct {
	Name    string
	About   string // one sentence
	Columns []Column
	// query makes a view of it.
	query string
}

// Column is one column of a table.
type Column struct {
	Name  string
	Type  string // TEXT or INTEGER
	About string // one phrase
}

// View says that the table's rows follow from other tables.
func (t Table) View() bool { return t.query != "" }

// create is the statement that makes the table or view.
func (t Table) create() string {
	if t.View() {
		return "CREATE VIEW " + t.Name + " AS " + t.query
	}
	columns := make([]string, len(t.Columns))
	for i, column := range t.Columns {
		columns[i] = column.Name + " " + column.Type
	}
	return fmt.Sprintf("CREATE TABLE %s (%s)", t.Name, strings.Join(columns, ", "))
}

func text(name, about string) Column   { return Column{name, "TEXT", about} }
func number(name, about string) Column { return Column{name, "INTEGER", about} }

// What stands in many tables.
var (
	orderNo  = text("order_no", "the order's number")
	payment  = text("payment", "the channel's id of the payment")
	minor    = number("minor", "amount, in minor units")
	currency = text("currency", "of the amount")
	sku      = text("sku", "what is sold")
	atNS     = number("at_ns", "when")
)

// Schema lists the tables in the order in which they are told of: the run, what happened, the shop's books, and what is mostly
// asked of them.
func Schema() []Table {
	all := []Table{
		{Name: "run", About: "The run: one row.", Columns: []Column{
			text("scenario", "its name"), number("seed", "of all random choices"), text("system", "the shop's name"),
			text("dialect", "whose payment interface the channel spoke"), text("started", "wall clock at moment 0"),
			number("settle_ns", "how long the shop had to settle after heal"),
		}},
		{Name: "phases", About: "The phases of the run.", Columns: []Column{
			text("phase", "start, warm-up, storm, heal, settle, observe or close"), number("begin_ns", "when it began"),
			number("end_ns", "when it ended; NULL if it never did"),
		}},
		{Name: "items", About: "What was on sale.", Columns: []Column{
			sku, number("stock", "units"), minor, currency, number("per_buyer", "most units for one buyer; 0: no limit"),
		}},
		{Name: "coupon_terms", About: "The coupons that the sale gave away.", Columns: []Column{
			text("coupon", "its code"), number("off_minor", "what it takes off an order"), currency,
			number("uses", "orders that may use it; 0: any number"), number("per_buyer", "orders of one buyer that may use it; 0: any number"),
		}},
		{Name: "faults", About: "The faults as they were planned.", Columns: []Column{
			text("id", "its name in the scenario"), text("kind", "which fault it is"), text("planned", "in words"),
			number("floor", "fewer affected than this and the run proves nothing"),
		}},
		{Name: "ops", About: "What clients tried, and what they were told.", Columns: []Column{
			text("writer", "who recorded it"), number("seq", "the writer's number of the record"),
			text("kind", "order, pay, poll, look, cancel, refund or payment"), number("buyer", "from 1"),
			text("ref", "the client's reference of the order"), orderNo, payment, sku, number("quantity", "units"), minor, currency,
			text("phase", "warm-up or storm"), number("wish", "of a refund: the how-manieth of its order"),
			number("called_ns", "when it was sent"), number("returned_ns", "when the answer came; NULL if none did"),
			text("outcome", "ok, refused or unknown"), text("reason", "of a refusal, or why nothing is known"),
			text("state", "the order's state, as the shop told it"), number("status", "of HTTP"),
		}},
		{Name: "op_lines", About: "The further items of orders of several.", Columns: []Column{
			text("writer", "of the op"), number("seq", "of the op"), sku, number("quantity", "units"),
		}},
		{Name: "events", About: "What happened: at the channel, on the way to the shop, to its nodes, at its sinks, and by faults.", Columns: []Column{
			text("writer", "who recorded it"), number("seq", "the writer's number of the record"), atNS,
			text("source", "phase, channel, bill, delivery, link, node, fault, probe, sink or load"), text("kind", "such as payment.succeeded"),
			orderNo, payment, text("refund", "the channel's id of the refund"), text("merchant_refund", "the shop's number of the refund"),
			text("notification", "the message's id"), number("attempt", "from 1"), text("ref", "the client's reference of the order"),
			number("buyer", "from 1"), minor, currency, text("state", "by kind"), number("version", "by kind"),
			text("outcome", "ok, refused or unknown"), number("status", "of HTTP"), text("reason", "by kind"),
			text("forgery", "how a message differs from a genuine one"), text("fault", "id of the fault that did it"), text("key", "by kind"),
			number("count", "by kind"), number("intended_ns", "by kind"), text("detail", "in words"),
			text("shop_order", "the shop's number of the order, where order_no is the channel's"),
		}},
		{Name: "readings", About: "When the shop's books were read.", Columns: []Column{
			reading, text("label", "baseline, checkpoint or final"), number("begin_ns", "the snapshot is not older"),
			number("end_ns", "and not newer"), number("agreed", "1 if two readings agreed, so that the shop was at rest"),
		}},
		{Name: "reading_tables", About: "Which tables each reading read: one that is not here was not read, and is not empty.", Columns: []Column{
			reading, text("table_name", "of the shop's books"),
		}},
	}
	for _, book := range books() {
		all = append(all, Table{Name: string(book.table), About: book.about, Columns: slices.Concat([]Column{reading}, book.columns)})
	}
	for _, book := range books() {
		all = append(all, Table{
			Name: "final_" + string(book.table), About: fmt.Sprintf("The rows of %s in the final reading, at rest.", book.table), Columns: book.columns,
			query: fmt.Sprintf("SELECT %s FROM %s WHERE reading = (SELECT max(reading) FROM readings WHERE label = '%s' AND agreed = 1)",
				names(book.columns), book.table, history.ReadingFinal),
		})
	}
	return append(all,
		Table{
			Name: "captures", About: "Each capture at the channel: money that the payer paid.",
			Columns: []Column{payment, orderNo, numberAtChannel, text("ref", "the client's reference of the order"), minor, currency, atNS},
			query: "SELECT payment, shop_order AS order_no, order_no AS number, ref, minor, currency, at_ns FROM events WHERE kind = '" +
				history.PaymentSucceeded + "'",
		},
		Table{
			Name: "channel_refunds", About: "Each refund at the channel, and what became of it.",
			Columns: []Column{
				text("refund", "the channel's id of it"), text("merchant_refund", "the shop's number; NULL if the provider acted by itself"), payment,
				orderNo, numberAtChannel, minor, currency, number("at_ns", "when it was accepted"),
				text("state", "pending, succeeded or failed"),
			},
			query: `SELECT refund, merchant_refund, payment, shop_order AS order_no, order_no AS number, minor, currency, at_ns, coalesce((
    SELECT substr(change.kind, 8) FROM events AS change
    WHERE change.kind IN ('refund.succeeded', 'refund.failed') AND change.payment = made.payment AND change.refund = made.refund
    ORDER BY change.at_ns DESC, change.seq DESC LIMIT 1), 'pending') AS state
  FROM events AS made WHERE kind = 'refund.created'`,
		})
}

var numberAtChannel = text("number", "under which the channel knows the order")

var reading = number("reading", "the number of the reading, from 1, in time order")

func names(columns []Column) string {
	all := make([]string, len(columns))
	for i, column := range columns {
		all[i] = column.Name
	}
	return strings.Join(all, ", ")
}
