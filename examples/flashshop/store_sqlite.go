package flashshop

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

const (
	busyTimeout   = 300 * time.Millisecond // how long SQLite waits for another process's lock
	writePatience = 600 * time.Millisecond // how long a transaction waits for its turn before that
)

// sqliteStore is the SQLite file: one connection that writes, taken in turns, and a few that read committed data
// meanwhile.
type sqliteStore struct {
	*clock // of the one machine that there is
	turn   chan struct{}
	writes *sql.DB
	conn   *sql.Conn
	stmts  map[string]*sql.Stmt // of conn; guarded by turn
	reads  *sql.DB
	asks   sync.Map // query → *sql.Stmt of reads
}

func openSQLite(ctx context.Context, path string, wall *clock, broken defects) (store, error) {
	dsn := fmt.Sprintf("file:%s?_pragma=busy_timeout(%d)&_pragma=synchronous(NORMAL)", path, busyTimeout.Milliseconds())
	st := &sqliteStore{clock: wall, turn: make(chan struct{}, 1), stmts: map[string]*sql.Stmt{}}
	fail := func(doing string, err error) (store, error) {
		return nil, errors.Join(fmt.Errorf("%s %s: %w", doing, path, sqliteBusy(err)), st.close())
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
	if _, err = st.conn.ExecContext(ctx, schema+grantsIndex(broken)); err != nil {
		return fail("create tables in", err)
	}
	return st, nil
}

func (s *sqliteStore) close() error {
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

// write holds the write lock of the whole file from its beginning, whatever the transaction is about.
func (s *sqliteStore) write(ctx context.Context, _ lock, do func(context.Context, tx) error) error {
	t := sqliteTx{s, &ending{}}
	if err := s.inTurn(ctx, func(ctx context.Context) error { return t.run(ctx, do) }); err != nil {
		return err
	}
	t.done.run(context.WithoutCancel(ctx))
	return nil
}

func (s *sqliteStore) inTurn(ctx context.Context, do func(context.Context) error) error {
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
	return do(context.WithoutCancel(ctx))
}

// sqliteTx is a running write transaction.
type sqliteTx struct {
	*sqliteStore
	*ending
}

func (t sqliteTx) run(ctx context.Context, do func(context.Context, tx) error) error {
	if _, err := t.exec(ctx, "BEGIN IMMEDIATE"); err != nil {
		return fmt.Errorf("begin: %w", sqliteBusy(err))
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
	for _, last := range t.last {
		changed, err := t.exec(ctx, last.query, last.args...)
		if err == nil && changed == 0 {
			err = errUnchanged
		}
		if err != nil {
			return err
		}
	}
	if _, err := t.exec(ctx, "COMMIT"); err != nil {
		return fmt.Errorf("commit: %w", err)
	}
	committed = true
	return nil
}

func sqliteBusy(err error) error {
	var code *sqlite.Error
	if errors.As(err, &code) {
		switch code.Code() & 0xff {
		case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED:
			return fmt.Errorf("%w: %w", errBusy, err)
		}
	}
	return err
}

func (t sqliteTx) stmt(ctx context.Context, query string) (*sql.Stmt, error) {
	if stmt := t.stmts[query]; stmt != nil {
		return stmt, nil
	}
	stmt, err := t.conn.PrepareContext(ctx, strings.ReplaceAll(query, skipLocked, "")) // there is no other writer
	if err != nil {
		return nil, err
	}
	t.stmts[query] = stmt
	return stmt, nil
}

func (t sqliteTx) exec(ctx context.Context, query string, args ...any) (int64, error) {
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

func (t sqliteTx) each(ctx context.Context, scan func(row) error, query string, args ...any) error {
	stmt, err := t.stmt(ctx, query)
	if err != nil {
		return err
	}
	rows, err := stmt.QueryContext(ctx, args...)
	if err != nil {
		return err
	}
	return drain(rows, scan)
}

func (s *sqliteStore) each(ctx context.Context, scan func(row) error, query string, args ...any) error {
	stmt, ok := s.asks.Load(query)
	if !ok {
		fresh, err := s.reads.PrepareContext(ctx, query)
		if err != nil {
			return err
		}
		if stmt, ok = s.asks.LoadOrStore(query, fresh); ok {
			if err := fresh.Close(); err != nil {
				return err
			}
		}
	}
	rows, err := stmt.(*sql.Stmt).QueryContext(ctx, args...)
	if err != nil {
		return err
	}
	return drain(rows, scan)
}

// drain has every row scanned, and closes them.
func drain(rows *sql.Rows, scan func(row) error) (err error) {
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		if err := scan(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}
