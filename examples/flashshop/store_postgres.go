package flashshop

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
)

const (
	postgresPatience = 3 * time.Second // for a transaction with all its tries, or for one reading
	postgresTries    = 5
	dialPatience     = time.Second
)

// postgresStore is a PostgreSQL database. It commits at read committed: what makes a transaction right is its lock, which
// is the database's and so holds for every replica, and that what no lock covers is changed conditionally.
type postgresStore struct {
	wall          *clock
	ahead         atomic.Int64 // by how much the database's clock was ahead of ours when it was last heard, ns
	writes, reads *sql.DB      // of their own, so that looking goes on while writers wait for one another
	numbered      sync.Map     // a query → the same with $1 for "?"
}

// now is the database's time: replicas may not agree on theirs, and an order's timers are everybody's.
func (s *postgresStore) now() time.Time { return s.wall.now().Add(time.Duration(s.ahead.Load())) }

func openPostgres(ctx context.Context, address string, wall *clock, broken defects) (store, error) {
	config, err := pgx.ParseConfig(address)
	if err != nil {
		return nil, fmt.Errorf("DATABASE_URL: %w", err)
	}
	config.ConnectTimeout = dialPatience
	// What a replica holds that is frozen, or cut off in mid-transaction, the others get back.
	config.RuntimeParams["idle_in_transaction_session_timeout"] = "1500"
	config.RuntimeParams["statement_timeout"] = strconv.FormatInt(postgresPatience.Milliseconds(), 10)
	pool := func(size int) *sql.DB {
		db := stdlib.OpenDB(*config)
		db.SetMaxOpenConns(size)
		db.SetMaxIdleConns(size)
		return db
	}
	s := &postgresStore{wall: wall, writes: pool(24), reads: pool(8)}
	err = s.write(ctx, "schema", func(ctx context.Context, t tx) error {
		_, err := t.exec(ctx, postgresSchema.Replace(schema)+grantsIndex(broken))
		return err
	})
	if err != nil {
		return nil, errors.Join(fmt.Errorf("create tables in %s: %w", config.Database, err), s.close())
	}
	return s, nil
}

// postgresSchema is what the schema says otherwise in PostgreSQL.
var postgresSchema = strings.NewReplacer(
	"INTEGER PRIMARY KEY", "BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY", "INTEGER", "BIGINT", " WITHOUT ROWID", "")

func (s *postgresStore) close() error { return errors.Join(s.writes.Close(), s.reads.Close()) }

func (s *postgresStore) write(ctx context.Context, about lock, do func(context.Context, tx) error) error {
	whole := context.WithoutCancel(ctx)
	ctx, cancel := context.WithTimeout(whole, postgresPatience)
	defer cancel()
	for try := 1; ; try++ {
		t := &postgresTx{store: s, hooks: &hooks{}}
		err := t.run(ctx, about, do)
		if err == nil {
			t.hooks.run(whole)
			return nil
		}
		if try == postgresTries || !mayTryAgain(err) || !sleep(ctx, time.Duration(try)*5*time.Millisecond) {
			return err
		}
	}
}

// postgresTx is a running transaction.
type postgresTx struct {
	store *postgresStore
	*sql.Tx
	*hooks
	at time.Time
}

func (t *postgresTx) now() time.Time { return t.at }

func (t *postgresTx) run(ctx context.Context, about lock, do func(context.Context, tx) error) (err error) {
	if t.Tx, err = t.store.writes.BeginTx(ctx, nil); err != nil {
		return fmt.Errorf("begin: %w", postgresBusy(err))
	}
	defer func() {
		if err != nil {
			_ = t.Rollback() // fails only where it is rolled back already, or the connection is gone and with it the transaction
		}
	}()
	if err := t.begun(ctx, about); err != nil {
		return err
	}
	if err := do(ctx, t); err != nil {
		return err
	}
	if err := t.Commit(); err != nil {
		var told *pgconn.PgError
		if errors.As(err, &told) { // the database has said that it did not
			return fmt.Errorf("commit: %w", postgresBusy(err))
		}
		return fmt.Errorf("commit: %w", err)
	}
	return nil
}

// begun waits for the lock, and looks what time it is then.
func (t *postgresTx) begun(ctx context.Context, about lock) error {
	clock, args := `SELECT clock_timestamp()`, []any{}
	if about != nothing {
		clock, args = `SELECT clock_timestamp() FROM pg_advisory_xact_lock(hashtextextended(?, 0))`, []any{string(about)}
	}
	err := t.each(ctx, func(rows *sql.Rows) error { return rows.Scan(&t.at) }, clock, args...)
	if err == nil {
		t.store.ahead.Store(int64(t.at.Sub(t.store.wall.now())))
	}
	return err
}

func (t *postgresTx) exec(ctx context.Context, query string, args ...any) (int64, error) {
	result, err := t.ExecContext(ctx, t.store.number(query), args...)
	if err != nil {
		return 0, postgresBusy(err)
	}
	return result.RowsAffected()
}

func (t *postgresTx) each(ctx context.Context, row func(*sql.Rows) error, query string, args ...any) error {
	return postgresEach(ctx, t.Tx, row, t.store.number(query), args)
}

func (s *postgresStore) each(ctx context.Context, row func(*sql.Rows) error, query string, args ...any) error {
	ctx, cancel := context.WithTimeout(ctx, postgresPatience)
	defer cancel()
	return postgresEach(ctx, s.reads, row, s.number(query), args)
}

type querier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

func postgresEach(ctx context.Context, from querier, row func(*sql.Rows) error, query string, args []any) error {
	rows, err := from.QueryContext(ctx, query, args...)
	if err != nil {
		return postgresBusy(err)
	}
	err = drain(rows, row)
	if cut := rows.Err(); cut != nil {
		return postgresBusy(cut)
	}
	return err
}

// number is what PostgreSQL calls a query's arguments, remembered.
func (s *postgresStore) number(query string) string {
	if known, ok := s.numbered.Load(query); ok {
		return known.(string)
	}
	text := numbered(query)
	s.numbered.Store(query, text)
	return text
}

// numbered writes $1, $2 … for each "?" of a query. None of the shop's has one in a text.
func numbered(query string) string {
	var text strings.Builder
	for n, part := range strings.Split(query, "?") {
		if n > 0 {
			text.WriteString("$" + strconv.Itoa(n))
		}
		text.WriteString(part)
	}
	return text.String()
}

// Codes of PostgreSQL, https://www.postgresql.org/docs/current/errcodes-appendix.html
const (
	serializationFailure = "40001"
	deadlockDetected     = "40P01"
	uniqueViolation      = "23505"
	idleTimeout          = "25P03"
)

// mayTryAgain says that the transaction ran into another one, and was undone: it finds on a second try what that one left.
func mayTryAgain(err error) bool {
	var told *pgconn.PgError
	if !errors.As(err, &told) {
		return false
	}
	return told.Code == serializationFailure || told.Code == deadlockDetected || told.Code == uniqueViolation
}

// postgresBusy makes errBusy of a database that is out of reach, overloaded, shutting down or too slow. What it says of the
// shop's own SQL, or of its rows, stays what it is.
func postgresBusy(err error) error {
	var told *pgconn.PgError
	if errors.As(err, &told) && told.Code != idleTimeout {
		switch told.Code[:2] {
		case "08", "40", "53", "55", "57": // connection, rollback, resources, not in the state for it, intervention
		default:
			return err
		}
	}
	return fmt.Errorf("%w: %w", errBusy, err)
}
