package flashshop

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync"
	"time"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// errBusy says that the database could not be had in time, and that nothing was done.
var errBusy = errors.New("database is busy")

const (
	busyTimeout   = 300 * time.Millisecond // how long SQLite waits for another process's lock
	writePatience = 600 * time.Millisecond // how long a transaction waits for its turn before that
	openPatience  = 30 * time.Second       // how long a start waits for a database that another process holds
)

// store is the SQLite file: one connection that writes, taken in turns, and a few that read committed data meanwhile.
type store struct {
	turn   chan struct{}
	writes *sql.DB
	conn   *sql.Conn
	stmts  map[string]*sql.Stmt // of conn; guarded by turn
	reads  *sql.DB
	asks   sync.Map // query → *sql.Stmt of reads
}

// openStore opens the file, or makes it, and waits while another process holds its lock.
func openStore(ctx context.Context, path string, broken defects) (*store, error) {
	ctx, cancel := context.WithTimeout(ctx, openPatience)
	defer cancel()
	for {
		st, err := tryOpen(ctx, path, broken)
		if !errors.Is(err, errBusy) {
			return st, err
		}
		select {
		case <-ctx.Done():
			return nil, err
		case <-time.After(100 * time.Millisecond):
		}
	}
}

func tryOpen(ctx context.Context, path string, broken defects) (*store, error) {
	dsn := fmt.Sprintf("file:%s?_pragma=busy_timeout(%d)&_pragma=synchronous(NORMAL)", path, busyTimeout.Milliseconds())
	st := &store{turn: make(chan struct{}, 1), stmts: map[string]*sql.Stmt{}}
	fail := func(doing string, err error) (*store, error) {
		return nil, errors.Join(fmt.Errorf("%s %s: %w", doing, path, asBusy(err)), st.close())
	}
	var err error
	// A checkpoint waits for the disk; 8000 pages between two are 32 MB and some hundred orders.
	if st.writes, err = sql.Open("sqlite", dsn+"&_pragma=journal_mode(WAL)&_pragma=wal_autocheckpoint(8000)"); err != nil {
		return fail("open", err)
	}
	if st.reads, err = sql.Open("sqlite", dsn+"&_pragma=query_only(1)"); err != nil {
		return fail("open", err)
	}
	st.reads.SetMaxOpenConns(4)
	st.reads.SetMaxIdleConns(4)
	if st.conn, err = st.writes.Conn(ctx); err != nil {
		return fail("open", err)
	}
	uniqueGrants := "CREATE UNIQUE INDEX IF NOT EXISTS grants_once ON grants(order_id, kind);"
	if broken.has("D01") || broken.has("D02") { // what these shops never had
		uniqueGrants = "DROP INDEX IF EXISTS grants_once;"
	}
	if _, err = st.conn.ExecContext(ctx, schema+uniqueGrants); err != nil {
		return fail("create tables in", err)
	}
	return st, nil
}

func (s *store) close() error {
	var faults []error
	if s.conn != nil {
		faults = append(faults, s.conn.Close())
	}
	for _, db := range []*sql.DB{s.writes, s.reads} {
		if db != nil {
			faults = append(faults, db.Close())
		}
	}
	return errors.Join(faults...)
}

// tx is a running write transaction.
type tx struct{ *store }

// write runs do in one transaction that holds the write lock from its beginning, so what do reads stays true until it
// commits. An error of do undoes it. The transaction is not cut short by ctx: it is brief, and its end must be known.
func (s *store) write(ctx context.Context, do func(context.Context, tx) error) error {
	patience := time.NewTimer(writePatience)
	defer patience.Stop()
	select {
	case s.turn <- struct{}{}:
		defer func() { <-s.turn }()
	case <-patience.C:
		return errBusy
	case <-ctx.Done():
		return ctx.Err()
	}
	ctx = context.WithoutCancel(ctx)
	t := tx{s}
	if _, err := t.exec(ctx, "BEGIN IMMEDIATE"); err != nil {
		return fmt.Errorf("begin: %w", asBusy(err))
	}
	committed := false
	defer func() {
		if !committed {
			_, _ = t.exec(ctx, "ROLLBACK") // fails only where SQLite has rolled back by itself
		}
	}()
	if err := do(ctx, t); err != nil {
		return err
	}
	if _, err := t.exec(ctx, "COMMIT"); err != nil {
		return fmt.Errorf("commit: %w", err)
	}
	committed = true
	return nil
}

func asBusy(err error) error {
	var code *sqlite.Error
	if errors.As(err, &code) {
		switch code.Code() & 0xff {
		case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED:
			return fmt.Errorf("%w: %w", errBusy, err)
		}
	}
	return err
}

func (t tx) stmt(ctx context.Context, query string) (*sql.Stmt, error) {
	if stmt := t.stmts[query]; stmt != nil {
		return stmt, nil
	}
	stmt, err := t.conn.PrepareContext(ctx, query)
	if err != nil {
		return nil, err
	}
	t.stmts[query] = stmt
	return stmt, nil
}

// exec runs a statement and returns how many rows it changed.
func (t tx) exec(ctx context.Context, query string, args ...any) (int64, error) {
	stmt, err := t.stmt(ctx, query)
	if err != nil {
		return 0, err
	}
	result, err := stmt.ExecContext(ctx, args...)
	if err != nil {
		return 0, err
	}
	return result.RowsAffected()
}

// asker reads: inside a transaction, or outside from what is committed.
type asker interface {
	query(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

func (t tx) query(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	stmt, err := t.stmt(ctx, query)
	if err != nil {
		return nil, err
	}
	return stmt.QueryContext(ctx, args...)
}

func (s *store) query(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	stmt, ok := s.asks.Load(query)
	if !ok {
		fresh, err := s.reads.PrepareContext(ctx, query)
		if err != nil {
			return nil, err
		}
		if stmt, ok = s.asks.LoadOrStore(query, fresh); ok {
			if err := fresh.Close(); err != nil {
				return nil, err
			}
		}
	}
	return stmt.(*sql.Stmt).QueryContext(ctx, args...)
}

// all scans every row of a query.
func all[T any](ctx context.Context, from asker, scan func(*sql.Rows, *T) error, query string, args ...any) (list []T, err error) {
	rows, err := from.query(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var item T
		if err := scan(rows, &item); err != nil {
			return nil, err
		}
		list = append(list, item)
	}
	return list, rows.Err()
}

// one scans the first row of a query; found is false if there is none.
func one[T any](ctx context.Context, from asker, scan func(*sql.Rows, *T) error, query string, args ...any) (item T, found bool, err error) {
	list, err := all(ctx, from, scan, query, args...)
	if err != nil || len(list) == 0 {
		return item, false, err
	}
	return list[0], true, nil
}

// value scans a single column.
func value[T any](rows *sql.Rows, item *T) error { return rows.Scan(item) }
