package sut

import (
	"context"
	"fmt"
	"time"

	"github.com/paystorm/paystorm/history"
	"github.com/paystorm/paystorm/scenarios"
)

// Database is the path of the SQLite file that holds the orders, else of the first that a probe names.
func (d *door) Database() string {
	if file := d.system.Probes[string(history.TableOrders)].SQLite; file != "" {
		return d.file(file)
	}
	for _, table := range history.Tables() {
		if file := d.system.Probes[string(table)].SQLite; file != "" {
			return d.file(file)
		}
	}
	return ""
}

// raw is a table as a probe answered it.
type raw struct {
	columns []string // canonical names
	rows    [][]any
}

// readWithin bounds one reading. A database that is locked, or a page that never comes, costs a reading and not the run.
const readWithin = 30 * time.Second

// Read reads the books once. All tables of one database come from one snapshot.
func (d *door) Read(ctx context.Context, label string) (history.Reading, error) {
	reading := history.Reading{Label: label, Begin: d.clock.Now()}
	found, failed, snapshots := d.readAll(ctx)
	reading.End = d.clock.Now()
	if err := ctx.Err(); err != nil {
		return history.Reading{}, fmt.Errorf("read the shop's books: %w", err)
	}
	for _, table := range history.Tables() {
		probe, declared := d.system.Probes[string(table)]
		if !declared {
			continue
		}
		err := failed[table]
		if err == nil {
			err = d.enter(&reading.Books, table, probe, found[table])
		}
		if err != nil {
			reading.Errors = append(reading.Errors, d.secrets.Redact(fmt.Sprintf("%s: %v", table, err)))
			continue
		}
		reading.Tables = append(reading.Tables, table)
	}
	reading.Snapshots = snapshots
	return reading, nil
}

// readAll asks every probe once, databases last and each in one go: what one of them holds is of one moment.
func (d *door) readAll(ctx context.Context) (found map[history.Table]raw, failed map[history.Table]error, snapshots [][]history.Table) {
	ctx, cancel := context.WithTimeout(ctx, readWithin)
	defer cancel()
	found, failed = map[history.Table]raw{}, map[history.Table]error{}
	var databases []database
	tables := map[database][]history.Table{}
	for _, table := range history.Tables() {
		probe, declared := d.system.Probes[string(table)]
		switch {
		case !declared:
		case probe.HTTP != "" || probe.GraphQL != nil:
			found[table], failed[table] = d.readPages(ctx, table, probe)
			snapshots = append(snapshots, []history.Table{table})
		default:
			from, err := d.databaseOf(probe)
			if err != nil {
				failed[table] = err
				continue
			}
			if tables[from] == nil {
				databases = append(databases, from)
			}
			tables[from] = append(tables[from], table)
		}
	}
	for _, from := range databases {
		d.readSQL(ctx, from, tables[from], found, failed)
		snapshots = append(snapshots, tables[from])
	}
	return found, failed, snapshots
}

// fewReadings is how many readings slow books are given time for.
const fewReadings = 5

// ReadAgreed reads until two readings in a row, without errors, are equal. Books that take long to read are given the time
// of several readings: one that is too slow for two would otherwise never be seen at rest.
func (d *door) ReadAgreed(ctx context.Context, label string, every, most time.Duration) (history.Reading, error) {
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	begin := time.Now()
	last, err := d.Read(ctx, label)
	end := time.NewTimer(max(most, fewReadings*time.Since(begin)))
	defer end.Stop()
	for err == nil {
		select {
		case <-end.C:
			return last, nil
		case <-ctx.Done():
			return last, nil
		case <-ticker.C:
		}
		var next history.Reading
		if next, err = d.Read(ctx, label); err != nil {
			break
		}
		if len(next.Errors)+len(last.Errors) == 0 && last.Books.Equal(next.Books) {
			next.Agreed = true
			return next, nil
		}
		last = next
	}
	return history.Reading{}, err
}

// enter turns a probe's answer into the canonical table, its states mapped and its rows sorted.
func (d *door) enter(books *history.Books, table history.Table, probe scenarios.Probe, answer raw) error {
	switch table {
	case history.TableStock:
		return into(&books.Stock, answer)
	case history.TableOrders:
		states := mapping{own: probe.States, shared: d.system.States, canonical: scenarios.OrderStates()}
		err := withStates(&books.Orders, answer, states, func(row *history.OrderRow) *string { return (*string)(&row.State) })
		if err == nil {
			err = wholeOrders(books.Orders)
		}
		if err != nil {
			books.Orders = nil
		}
		return err
	case history.TableRefunds:
		states := mapping{own: probe.States, canonical: scenarios.RefundStates()}
		return withStates(&books.Refunds, answer, states, func(row *history.RefundRow) *string { return &row.State })
	case history.TablePayments:
		if len(probe.States) == 0 { // then rows that use the canonical words are compared, and the verdict names the others
			return into(&books.Payments, answer)
		}
		states := mapping{own: probe.States, canonical: scenarios.PaidStates()}
		return withStates(&books.Payments, answer, states, func(row *history.PaymentRow) *string { return &row.State })
	case history.TableGrants:
		return into(&books.Grants, answer)
	case history.TableCoupons:
		return into(&books.Coupons, answer)
	case history.TableLedger:
		return into(&books.Ledger, answer)
	case history.TableDiscrepancies:
		return into(&books.Discrepancies, answer)
	case history.TableInbox:
		return into(&books.Inbox, answer)
	default:
		return fmt.Errorf("there is no such table")
	}
}
