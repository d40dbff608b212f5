package history

import (
	"bufio"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"slices"
)

// Row is one row of a reading, as a Story shows it.
type Row struct {
	At    Time   `json:"at_ns"` // when the reading ended
	Label string `json:"label"`
	Table Table  `json:"table"`
	Row   any    `json:"row"`
}

// Record is one thing of a story: exactly one of its pointers is set.
type Record struct {
	At    Time
	Op    *Op // At is its call
	Event *Event
	Row   *Row
}

// MarshalJSON writes the op, event or row with a "record" that says which it is.
func (r Record) MarshalJSON() ([]byte, error) {
	type kind struct {
		Record string `json:"record"`
	}
	switch {
	case r.Op != nil:
		return json.Marshal(struct {
			kind
			*Op
		}{kind{"op"}, r.Op})
	case r.Event != nil:
		return json.Marshal(struct {
			kind
			*Event
		}{kind{"event"}, r.Event})
	default:
		return json.Marshal(struct {
			kind
			*Row
		}{kind{"row"}, r.Row})
	}
}

// Story is one order's whole story in time order: what the clients tried, what happened, and the rows of the shop's books
// that concern it. The order is given by its number, or by its client reference where no number was ever learnt; records
// that know only the reference or the payment are joined through those that know both. An empty order means everything.
func (h *History) Story(order string) []Record {
	wanted := everything
	if order != "" {
		wanted = h.names(order).has
	}
	var records []Record
	for i := range h.Ops {
		if op := &h.Ops[i]; wanted(op.Order, op.Ref, op.Payment) {
			records = append(records, Record{At: op.Called, Op: op})
		}
	}
	for i := range h.Events {
		if event := &h.Events[i]; wanted(event.Order, event.Ref, event.Payment) {
			records = append(records, Record{At: event.At, Event: event})
		}
	}
	for _, reading := range h.Readings {
		reading.eachRow(func(table Table, order, ref, payment string, row any) {
			if wanted(order, ref, payment) {
				records = append(records, Record{At: reading.End, Row: &Row{At: reading.End, Label: reading.Label, Table: table, Row: row}})
			}
		})
	}
	slices.SortStableFunc(records, func(a, b Record) int { return cmp.Compare(a.At, b.At) })
	return records
}

// WriteJSONL writes a Story, one JSON object a line.
func WriteJSONL(w io.Writer, h *History, order string) error {
	buffered := bufio.NewWriter(w)
	encoder := json.NewEncoder(buffered)
	encoder.SetEscapeHTML(false)
	for _, record := range h.Story(order) {
		if err := encoder.Encode(record); err != nil {
			return fmt.Errorf("write the history as lines of JSON: %w", err)
		}
	}
	if err := buffered.Flush(); err != nil {
		return fmt.Errorf("write the history as lines of JSON: %w", err)
	}
	return nil
}

func everything(string, string, string) bool { return true }

// names are those under which one order is known.
type names struct{ orders, refs, payments map[string]bool }

// has says whether a record with these names belongs to the story. A forgery that names this order and another's payment
// belongs to both.
func (s names) has(order, ref, payment string) bool {
	return s.orders[order] || s.refs[ref] || s.payments[payment]
}

// names collects those that genuine records put beside the given number or reference.
func (h *History) names(order string) names {
	s := names{orders: map[string]bool{order: true}, refs: map[string]bool{}, payments: map[string]bool{}}
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
