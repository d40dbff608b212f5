package tables

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	_ "modernc.org/sqlite" // the driver

	"github.com/paystorm/paystorm/history"
)

// OrderOf is the shop's number of the order that the channel knows under a number, with the client reference that it was told, if any.
// Some providers want a number of its own for each payment.
type OrderOf func(number, ref string) string

// WriteFile writes the history to a new SQLite database. A file that exists is an error, and stays as it is; of one that could not
// be written whole nothing is left.
func WriteFile(ctx context.Context, path string, h *history.History, orderOf OrderOf) error {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
	if errors.Is(err, os.ErrExist) {
		return fmt.Errorf("%s exists: name a new file, or remove it", path)
	}
	if err != nil {
		return err
	}
	if err := file.Close(); err != nil {
		return err
	}
	db, err := sql.Open("sqlite", path)
	if err != nil {
		return errors.Join(err, os.Remove(path))
	}
	if err := errors.Join(Write(ctx, db, h, orderOf), db.Close()); err != nil {
		return errors.Join(fmt.Errorf("write the history to %s: %w", path, err), os.Remove(path))
	}
	return nil
}

// Write makes the tables in an empty database and fills them, all or nothing. A nil history leaves them empty.
func Write(ctx context.Context, db *sql.DB, h *history.History, orderOf OrderOf) error {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	w := &writer{ctx: ctx, tx: tx, inserts: map[string]*sql.Stmt{}, orderOf: orderOf}
	for _, table := range Schema() {
		w.make(table)
	}
	if h != nil {
		w.run(h)
		w.ops(h)
		w.events(h)
		w.readings(h)
	}
	if w.err != nil {
		return errors.Join(w.err, tx.Rollback())
	}
	return tx.Commit()
}

// writer fills the tables. After its first error it does nothing.
type writer struct {
	ctx     context.Context //nolint:containedctx // it lives no longer than Write
	tx      *sql.Tx
	inserts map[string]*sql.Stmt
	orderOf OrderOf
	err     error
}

func (w *writer) make(table Table) {
	if w.err != nil {
		return
	}
	if _, err := w.tx.ExecContext(w.ctx, table.create()); err != nil {
		w.err = fmt.Errorf("make %s: %w", table.Name, err)
		return
	}
	if table.View() {
		return
	}
	marks := strings.TrimSuffix(strings.Repeat("?, ", len(table.Columns)), ", ")
	w.inserts[table.Name], w.err = w.tx.PrepareContext(w.ctx, fmt.Sprintf("INSERT INTO %s VALUES (%s)", table.Name, marks))
}

// row adds one row. An empty text is not known: NULL.
func (w *writer) row(table string, values ...any) {
	if w.err != nil {
		return
	}
	for i, value := range values {
		if value == "" {
			values[i] = nil
		}
	}
	if _, err := w.inserts[table].ExecContext(w.ctx, values...); err != nil {
		w.err = fmt.Errorf("fill %s: %w", table, err)
	}
}

func (w *writer) run(h *history.History) {
	header := &h.Header
	w.row("run", header.Scenario, header.Seed, header.System.Name, header.System.Dialect, header.Started.UTC().Format(time.RFC3339Nano), int64(header.Settle))
	for _, phase := range []string{
		history.PhaseStart, history.PhaseWarmUp, history.PhaseStorm, history.PhaseHeal, history.PhaseSettle, history.PhaseObserve, history.PhaseClose,
	} {
		if begin, end, began := h.PhaseAt(phase); began {
			w.row("phases", phase, int64(begin), later(end))
		}
	}
	for _, item := range header.Sale {
		w.row("items", item.SKU, item.Stock, item.Price.Minor, item.Price.Currency, item.PerBuyer)
	}
	for _, coupon := range header.Coupons {
		w.row("coupon_terms", coupon.Code, coupon.Off.Minor, coupon.Off.Currency, coupon.Uses, coupon.PerBuyer)
	}
	for _, fault := range header.Faults {
		w.row("faults", fault.ID, fault.Kind, fault.Planned, fault.Floor)
	}
}

// later is a moment that may not have come.
func later(at history.Time) any {
	if at == 0 {
		return nil
	}
	return int64(at)
}

func (w *writer) ops(h *history.History) {
	for i := range h.Ops {
		op := &h.Ops[i]
		w.row("ops", op.Writer, int64(op.Seq), op.Kind, op.Buyer, op.Ref, op.Order, op.Payment, op.SKU, op.Quantity, op.Minor, op.Currency, op.Phase,
			op.Wish, int64(op.Called), later(op.Returned), string(op.Outcome), op.Reason, op.State, op.Status)
		for _, line := range op.More {
			w.row("op_lines", op.Writer, int64(op.Seq), line.SKU, line.Quantity)
		}
	}
}

func (w *writer) events(h *history.History) {
	for i := range h.Events {
		e := &h.Events[i]
		w.row("events", e.Writer, int64(e.Seq), int64(e.At), string(e.Source), e.Kind, e.Order, e.Payment, e.Refund, e.MerchantRefund, e.Notification,
			e.Attempt, e.Ref, e.Buyer, e.Minor, e.Currency, e.State, e.Version, string(e.Outcome), e.Status, e.Reason, e.Forgery, e.Fault, e.Key,
			e.Count, later(e.IntendedAt), e.Detail, w.shopOrder(e))
	}
}

// shopOrder is the shop's number of the order of an event at the channel.
func (w *writer) shopOrder(e *history.Event) string {
	if e.Source != history.SourceChannel || e.Order == "" {
		return e.Order
	}
	return w.orderOf(e.Order, e.Ref)
}

func (w *writer) readings(h *history.History) {
	books := books()
	for i := range h.Readings {
		r, number := &h.Readings[i], i+1
		w.row("readings", number, r.Label, int64(r.Begin), int64(r.End), r.Agreed)
		for _, table := range r.Tables {
			w.row("reading_tables", number, string(table))
		}
		for _, book := range books {
			book.rows(r.Books, func(values ...any) { w.row(string(book.table), append([]any{number}, values...)...) })
		}
	}
}
