package history

import (
	"bufio"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"slices"
)

// Row is one row of a reading, as WriteJSONL shows it.
type Row struct {
	At    Time   `json:"at_ns"` // when the reading ended
	Label string `json:"label"`
	Table Table  `json:"table"`
	Row   any    `json:"row"`
}

// WriteJSONL writes one order's whole story in time order, one JSON object a line: what the clients tried, what happened,
// and the rows of the shop's books that concern it. Each object has a "record": op, event or row. The order is given by
// its number, or by its client reference where no number was ever learnt; records that know only the reference or the
// payment are joined through those that know both. An empty order means everything.
func WriteJSONL(w io.Writer, h *History, order string) error {
	wanted := everything
	if order != "" {
		wanted = h.story(order).has
	}
	var lines []line
	for i := range h.Ops {
		if op := &h.Ops[i]; wanted(op.Order, op.Ref, op.Payment) {
			lines = append(lines, line{op.Called, struct {
				Record string `json:"record"`
				*Op
			}{"op", op}})
		}
	}
	for i := range h.Events {
		if event := &h.Events[i]; wanted(event.Order, event.Ref, event.Payment) {
			lines = append(lines, line{event.At, struct {
				Record string `json:"record"`
				*Event
			}{"event", event}})
		}
	}
	for _, reading := range h.Readings {
		reading.eachRow(func(table Table, order, ref, payment string, row any) {
			if wanted(order, ref, payment) {
				lines = append(lines, line{reading.End, struct {
					Record string `json:"record"`
					Row
				}{"row", Row{At: reading.End, Label: reading.Label, Table: table, Row: row}}})
			}
		})
	}
	slices.SortStableFunc(lines, func(a, b line) int { return cmp.Compare(a.at, b.at) })
	buffered := bufio.NewWriter(w)
	encoder := json.NewEncoder(buffered)
	encoder.SetEscapeHTML(false)
	for _, line := range lines {
		if err := encoder.Encode(line.object); err != nil {
			return fmt.Errorf("write the history as lines of JSON: %w", err)
		}
	}
	if err := buffered.Flush(); err != nil {
		return fmt.Errorf("write the history as lines of JSON: %w", err)
	}
	return nil
}

type line struct {
	at     Time
	object any
}

func everything(string, string, string) bool { return true }

// story holds the names under which one order is known.
type story struct{ orders, refs, payments map[string]bool }

// has says whether a record with these names belongs to the story. A forgery that names this order and another's payment
// belongs to both.
func (s story) has(order, ref, payment string) bool {
	return s.orders[order] || s.refs[ref] || s.payments[payment]
}

// story collects the names that genuine records put beside the given number or reference.
func (h *History) story(order string) story {
	s := story{orders: map[string]bool{order: true}, refs: map[string]bool{}, payments: map[string]bool{}}
	if _, err := ParseRef(order); err == nil {
		s.orders, s.refs[order] = map[string]bool{}, true
	}
	add := func(order, ref, payment string) {
		if !s.orders[order] && !s.refs[ref] {
			return
		}
		for name, into := range map[string]map[string]bool{order: s.orders, ref: s.refs, payment: s.payments} {
			if name != "" {
				into[name] = true
			}
		}
	}
	for range 2 { // the first round finds the number of a reference, or the reverse; the second what only the other knows
		for i := range h.Ops {
			add(h.Ops[i].Order, h.Ops[i].Ref, h.Ops[i].Payment)
		}
		for i := range h.Events {
			if h.Events[i].Forgery == "" {
				add(h.Events[i].Order, h.Events[i].Ref, h.Events[i].Payment)
			}
		}
		for _, reading := range h.Readings {
			reading.eachRow(func(_ Table, order, ref, payment string, _ any) { add(order, ref, payment) })
		}
	}
	return s
}

// eachRow yields all rows of a reading with the names of the order that they concern.
func (r Reading) eachRow(yield func(table Table, order, ref, payment string, row any)) {
	for _, row := range r.Books.Stock {
		yield(TableStock, "", "", "", row)
	}
	for _, row := range r.Books.Orders {
		yield(TableOrders, row.Order, row.Ref, "", row)
	}
	for _, row := range r.Books.Payments {
		yield(TablePayments, row.Order, "", row.Payment, row)
	}
	for _, row := range r.Books.Refunds {
		yield(TableRefunds, row.Order, "", row.Payment, row)
	}
	for _, row := range r.Books.Grants {
		yield(TableGrants, row.Order, "", "", row)
	}
	for _, row := range r.Books.Coupons {
		yield(TableCoupons, row.Order, "", "", row)
	}
	for _, row := range r.Books.Ledger {
		yield(TableLedger, row.Order, "", "", row)
	}
	for _, row := range r.Books.Discrepancies {
		yield(TableDiscrepancies, row.Order, "", "", row)
	}
	for _, row := range r.Books.Inbox {
		yield(TableInbox, row.Order, "", "", row)
	}
}
