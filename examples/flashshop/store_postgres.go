package flashshop

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

const (
	postgresPatience = 3 * time.Second // for a transaction with all its tries, or for one reading
	postgresTries    = 5
	dialPatience     = 2 * time.Second

	// All orders of a SKU wait for one row. A crowd that waits here costs the database nothing; there it would hold up those
	// who have the row. DATABASE_URL may ask for another number with pool_max_conns.
	postgresConnections = 8
)

// postgresStore is a PostgreSQL database. It commits at read committed: what makes a transaction right is its lock, which
// is the database's and so holds for every replica, and that what no lock covers is changed conditionally.
type postgresStore struct {
	wall          *clock
	byOurs        bool          // D42, as in https://github.com/woocommerce/woocommerce/issues/43442
	ahead         atomic.Int64  // by how much the database's clock was ahead of ours when it was last heard, ns
	writes, reads *pgxpool.Pool // of their own, so that looking goes on while writers wait for one another
	numbered      sync.Map      // a query → the same with $1 for "?"
}

// now is the database's time: replicas may not agree on theirs, and an order's timers are everybody's.
func (s *postgresStore) now() time.Time { return s.wall.now().Add(time.Duration(s.ahead.Load())) }

func openPostgres(ctx context.Context, address string, wall *clock, broken defects) (store, error) {
	config, err := pgxpool.ParseConfig(address)
	if err != nil {
		return nil, fmt.Errorf("DATABASE_URL: %w", err)
	}
	if !strings.Contains(address, "pool_max_conns=") {
		config.MaxConns = postgresConnections
	}
	config.ConnConfig.ConnectTimeout = dialPatience
	// What a replica holds that is frozen, or cut off in mid-transaction, the others get back.
	config.ConnConfig.RuntimeParams["idle_in_transaction_session_timeout"] = "1500"
	config.ConnConfig.RuntimeParams["lock_timeout"] = "1500"
	config.ConnConfig.RuntimeParams["statement_timeout"] = strconv.FormatInt(postgresPatience.Milliseconds(), 10)
	s := &postgresStore{wall: wall, byOurs: broken.has("D42")}
	for _, pool := range []**pgxpool.Pool{&s.writes, &s.reads} {
		if *pool, err = pgxpool.NewWithConfig(context.WithoutCancel(ctx), config.Copy()); err != nil {
			return nil, errors.Join(fmt.Errorf("DATABASE_URL: %w", err), s.close())
		}
	}
	err = s.write(ctx, "schema", func(ctx context.Context, t tx) error {
		_, err := t.exec(ctx, postgresSchema.Replace(schema)+grantsIndex(broken))
		return err
	})
	if err != nil {
		return nil, errors.Join(fmt.Errorf("create tables in %s: %w", config.ConnConfig.Database, err), s.close())
	}
	return s, nil
}

// postgresSchema is what the schema says otherwise in PostgreSQL.
var postgresSchema = strings.NewReplacer(
	"INTEGER PRIMARY KEY", "BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY", "INTEGER", "BIGINT", " WITHOUT ROWID", "")

func (s *postgresStore) close() error {
	for _, pool := range []*pgxpool.Pool{s.writes, s.reads} {
		if pool != nil {
			pool.Close()
		}
	}
	return nil
}

func (s *postgresStore) write(ctx context.Context, about lock, do func(context.Context, tx) error) error {
	whole := context.WithoutCancel(ctx)
	ctx, cancel := context.WithTimeout(whole, postgresPatience)
	defer cancel()
	for try := 1; ; try++ {
		t := &postgresTx{store: s}
		err := t.run(ctx, about, do)
		if err == nil {
			t.done.run(whole)
			return nil
		}
		if try == postgresTries || !mayTryAgain(err) || !sleep(ctx, time.Duration(try)*5*time.Millisecond) {
			return err
		}
	}
}

func (s *postgresStore) each(ctx context.Context, scan func(row) error, query string, args ...any) error {
	ctx, cancel := context.WithTimeout(ctx, postgresPatience)
	defer cancel()
	return postgresEach(ctx, s.reads, scan, s.number(query), args)
}

// postgresTx is a running transaction.
type postgresTx struct {
	ending
	store *postgresStore
	conn  *pgxpool.Conn
	at    time.Time
}

func (t *postgresTx) now() time.Time { return t.at }

func (t *postgresTx) run(ctx context.Context, about lock, do func(context.Context, tx) error) (err error) {
	if t.conn, err = t.store.writes.Acquire(ctx); err != nil {
		return fmt.Errorf("connect: %w", postgresBusy(err))
	}
	defer t.conn.Release() // which closes it if it is still in a transaction
	if err = t.begin(ctx, about); err != nil {
		return fmt.Errorf("begin: %w", postgresBusy(err))
	}
	if err = do(ctx, t); err == nil {
		err = t.commit(ctx)
	}
	if err != nil {
		_, _ = t.conn.Exec(ctx, "ROLLBACK")
	}
	return err
}

// begin waits for the lock, and looks what time it is then. It is one journey to the database, as is commit.
func (t *postgresTx) begin(ctx context.Context, about lock) error {
	batch := &pgx.Batch{}
	batch.Queue("BEGIN")
	if about != nothing {
		batch.Queue("SELECT pg_advisory_xact_lock(hashtextextended($1, 0))", string(about))
	}
	batch.Queue("SELECT clock_timestamp()").QueryRow(func(row pgx.Row) error { return row.Scan(&t.at) })
	if err := t.conn.SendBatch(ctx, batch).Close(); err != nil {
		return err
	}
	ours := t.store.wall.now()
	if t.store.byOurs {
		t.at = ours
	}
	t.store.ahead.Store(int64(t.at.Sub(ours)))
	return nil
}

// commit runs the last statements and commits in one message, so that nobody waits for a row while this replica is waited
// for. A statement that changes nothing is made to fail, and the transaction with it. It has time of its own, longer than
// the database waits for a row: whoever gives up on a commit does not know how it ended. What the database has answered to it
// stands, even if the session is ended with the next word.
func (t *postgresTx) commit(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), postgresPatience)
	defer cancel()
	batch := &pgx.Batch{}
	for _, last := range t.last {
		batch.Queue(t.store.number("WITH changed AS ("+last.query+" RETURNING 1) SELECT 1 / count(*) FROM changed"), last.args...)
	}
	batch.Queue("COMMIT")
	answers, err := t.conn.SendBatch(ctx, batch), error(nil)
	for n := 0; err == nil && n < batch.Len(); n++ {
		_, err = answers.Exec()
	}
	_ = answers.Close() // what comes after an error, or after the commit, changes nothing any more
	var told *pgconn.PgError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &told) && told.Code == divisionByZero:
		return errUnchanged
	case errors.As(err, &told): // the database has said that it did not
		return fmt.Errorf("commit: %w", postgresBusy(err))
	}
	return fmt.Errorf("commit: %w", err)
}

func (t *postgresTx) exec(ctx context.Context, query string, args ...any) (int64, error) {
	tag, err := t.conn.Exec(ctx, t.store.number(query), args...)
	if err != nil {
		return 0, postgresBusy(err)
	}
	return tag.RowsAffected(), nil
}

func (t *postgresTx) each(ctx context.Context, scan func(row) error, query string, args ...any) error {
	return postgresEach(ctx, t.conn, scan, t.store.number(query), args)
}

type querier interface {
	Query(ctx context.Context, query string, args ...any) (pgx.Rows, error)
}

func postgresEach(ctx context.Context, from querier, scan func(row) error, query string, args []any) error {
	rows, err := from.Query(ctx, query, args...)
	if err != nil {
		return postgresBusy(err)
	}
	defer rows.Close()
	for rows.Next() {
		if err := scan(rows); err != nil {
			return err
		}
	}
	if err := rows.Err(); err != nil {
		return postgresBusy(err)
	}
	return nil
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
	divisionByZero       = "22012"
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
