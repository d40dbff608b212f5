package flashshop

import (
	"context"
	"errors"
	"strings"
	"time"
)

// errBusy says that the database could not be had in time, and that nothing was done.
var errBusy = errors.New("database is busy")

// errUnchanged says that the last statement of a transaction found nothing to change, and that nothing was done.
var errUnchanged = errors.New("nothing to change")

const openPatience = 60 * time.Second // how long a start waits for a database that is not up yet, or is held by another

// store is where the books are: a SQLite file (store_sqlite.go), or a PostgreSQL database that several replicas of the
// shop share (store_postgres.go). Both are asked in the same SQL, with "?" for each argument.
type store interface {
	asker // what is committed
	// write runs do in one transaction, and undoes it if that is an error. What do reads of the thing that it is about
	// stays true until it commits. do may be run again, from its beginning. The transaction is not cut short by ctx: it is
	// brief, and its end must be known. An error is errBusy only if nothing was done.
	write(ctx context.Context, about lock, do func(context.Context, tx) error) error
	// now is the time that all replicas agree on.
	now() time.Time
	close() error
}

// tx is a running write transaction.
type tx interface {
	asker
	// now is the time of the transaction, by the clock that all replicas share.
	now() time.Time
	// exec runs a statement and returns how many rows it changed.
	exec(ctx context.Context, query string, args ...any) (int64, error)
	// finally has a statement run at the very end, one that changes a row which many wait for. If it finds none to change,
	// nothing is done, and that is write's error: errUnchanged.
	finally(query string, args ...any)
	// after has done run when the transaction is committed, and only then.
	after(done func(context.Context))
}

// asker reads, and has each row of a query scanned.
type asker interface {
	each(ctx context.Context, scan func(row) error, query string, args ...any) error
}

// row is one of a query's.
type row interface{ Scan(fields ...any) error }

// lock names what a transaction is about. Two that are about the same thing come one after the other, whichever replica
// they are of; what they share with others, such as a SKU's stock, each changes in one conditional statement.
type lock string

const nothing lock = "" // a transaction of one statement needs no lock

func theOrder(id string) lock         { return lock("order " + id) }
func theBuyer(buyer, sku string) lock { return lock("buyer " + buyer + " of " + sku) }

// skipLocked makes a query pass over rows that another transaction is about to change.
const skipLocked = " FOR UPDATE SKIP LOCKED"

// openStore opens the books, or makes them, and waits while they cannot be had.
func openStore(ctx context.Context, address string, wall *clock, broken defects) (store, error) {
	open := openSQLite
	if strings.HasPrefix(address, "postgres://") || strings.HasPrefix(address, "postgresql://") {
		open = openPostgres
	}
	ctx, cancel := context.WithTimeout(ctx, openPatience)
	defer cancel()
	for {
		st, err := open(ctx, address, wall, broken)
		if err == nil {
			return st, nil
		}
		if !errors.Is(err, errBusy) || !sleep(ctx, 100*time.Millisecond) {
			return nil, err
		}
	}
}

// all scans every row of a query.
func all[T any](ctx context.Context, from asker, scan func(row, *T) error, query string, args ...any) (list []T, err error) {
	err = from.each(ctx, func(row row) error {
		var item T
		if err := scan(row, &item); err != nil {
			return err
		}
		list = append(list, item)
		return nil
	}, query, args...)
	return list, err
}

// one scans the first row of a query; found is false if there is none.
func one[T any](ctx context.Context, from asker, scan func(row, *T) error, query string, args ...any) (item T, found bool, err error) {
	list, err := all(ctx, from, scan, query, args...)
	if err != nil || len(list) == 0 {
		return item, false, err
	}
	return list[0], true, nil
}

// value scans a single column.
func value[T any](row row, item *T) error { return row.Scan(item) }

// ending is what a transaction has put off: its last statements, and what is done when it is committed.
type ending struct {
	last []statement
	done hooks
}

type statement struct {
	query string
	args  []any
}

func (e *ending) finally(query string, args ...any) { e.last = append(e.last, statement{query, args}) }

func (e *ending) after(done func(context.Context)) { e.done = append(e.done, done) }

type hooks []func(context.Context)

func (h hooks) run(ctx context.Context) {
	for _, done := range h {
		done(ctx)
	}
}
