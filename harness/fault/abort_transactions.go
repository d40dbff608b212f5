package fault

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/paystorm/paystorm/history"
	"github.com/paystorm/paystorm/scenarios"
)

// abortTransactions ends transactions of the shop's database server, as one does that fails over, is restarted, or sheds load.
//
// The session ends with its transaction. To cancel would be gentler and would miss what this is for: it reaches a statement that
// runs, and not the handler that has made one and is about to make the next.
type abortTransactions struct{}

func abortTransactionsKind() scenarios.Kind {
	return scenarios.Kind{
		Name:      "abort-transactions",
		Doc:       "The database ends a share of the transactions that it finds open, and the sessions with them, for a while (`for`).",
		Contract:  string(history.Documented), // class 57 of https://www.postgresql.org/docs/current/errcodes-appendix.html
		Unit:      unitTransaction,
		Exercises: []string{"I11"},
		New:       func() any { return &abortTransactions{} },
	}
}

func (*abortTransactions) Check(system scenarios.System) error {
	file := false
	for _, probe := range system.Probes {
		if probe.Postgres != "" || probe.MySQL != "" {
			return nil
		}
		file = file || probe.SQLite != ""
	}
	if file {
		return errors.New("abort-transactions needs a database server, and SQLite is none that could end a transaction: " +
			"want lock-database, which keeps the shop from writing")
	}
	return errors.New("abort-transactions needs a shop whose probes read a PostgreSQL or MySQL database: that is the one it works in")
}

// Server is the database server that holds the shop's orders, reached past all links.
type Server struct {
	Kind string  // the probe's key: postgres or mysql
	Own  string  // by which application_name the harness's own sessions are known in PostgreSQL
	DB   *sql.DB // of the fault's own; whoever asked for it closes it
}

// transaction is one that is open. Begun tells it from another one of the same session.
type transaction struct {
	Session int64
	Begun   string
}

// dialect is how a kind of server is asked.
type dialect struct {
	every time.Duration // between two looks
	open  string        // the transactions of the shop; postgres: $1 is the harness's own application_name
	end   string        // ends one
	// barred lists users of the database whose sessions ours may not end.
	barred, grant string
}

// dialects by the probe's key.
//
//   - PostgreSQL hides from a user what the sessions of others do. There, the end is asked for only if it is still the
//     same transaction.
//   - MySQL and MariaDB show what they saw up to 100 ms ago, and do not look again as long as somebody asks more often
//     (CACHE_MIN_IDLE_TIME_US in trx0i_s.cc). The harness reads in transactions that say they only read; such a one has nothing
//     to leave half done anyhow.
func dialects() map[string]dialect {
	return map[string]dialect{
		"postgres": {
			every: 10 * time.Millisecond,
			open: `SELECT pid, xact_start::text FROM pg_stat_activity WHERE datname = current_database() AND backend_type = 'client backend'
				AND pid <> pg_backend_pid() AND application_name <> $1 AND xact_start IS NOT NULL`,
			end: `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid = $1 AND xact_start::text = $2`,
			barred: `SELECT DISTINCT r.rolname FROM pg_stat_activity a JOIN pg_roles r ON r.oid = a.usesysid WHERE a.datname = current_database()
				AND NOT pg_has_role(r.oid, 'USAGE') AND (r.rolsuper OR NOT pg_has_role('pg_signal_backend', 'USAGE') OR NOT pg_has_role('pg_read_all_stats', 'USAGE'))`,
			grant: "GRANT pg_signal_backend, pg_read_all_stats",
		},
		"mysql": {
			every: 120 * time.Millisecond,
			open: `SELECT t.trx_mysql_thread_id, CAST(t.trx_started AS CHAR) FROM information_schema.innodb_trx t
				JOIN information_schema.processlist p ON p.id = t.trx_mysql_thread_id
				WHERE p.db = DATABASE() AND p.id <> CONNECTION_ID() AND t.trx_is_read_only = 0`,
			end: `KILL %d`, // no statement that could be prepared
			barred: `SELECT DISTINCT p.user FROM information_schema.processlist p WHERE p.db = DATABASE() AND p.user <> SUBSTRING_INDEX(CURRENT_USER(), '@', 1)
				AND NOT EXISTS (SELECT 1 FROM information_schema.user_privileges WHERE privilege_type IN ('SUPER', 'CONNECTION ADMIN', 'CONNECTION_ADMIN'))`,
			grant: "GRANT PROCESS, CONNECTION ADMIN ON *.*",
		},
	}
}

// Ready says why the server would not let the fault do its work.
func (*abortTransactions) Ready(ctx context.Context, server Server) error {
	known, can := dialects()[server.Kind]
	if !can {
		return fmt.Errorf("the probe of the orders reads %s, which has no sessions that could be ended", server.Kind)
	}
	if _, err := known.transactions(ctx, server); err != nil {
		return fmt.Errorf("look for open transactions: %w: the probe's user needs leave to do so (%s TO it), or be the shop's own", err, known.grant)
	}
	barred, err := texts(ctx, server.DB, known.barred)
	if err != nil {
		return fmt.Errorf("look whose sessions there are: %w", err)
	}
	if len(barred) > 0 {
		return fmt.Errorf("the probe's user may not end the sessions of %s: let it (%s TO it), or read the orders as the shop's own user",
			strings.Join(barred, ", "), known.grant)
	}
	return nil
}

// Abort ends transactions until ctx is done, and returns how many. Each is decided on once, by the number under which it
// was found. A server that does not answer meanwhile is part of the storm.
func (*abortTransactions) Abort(ctx context.Context, p Planned, server Server) (ended int64) {
	known := dialects()[server.Kind]
	found, decided := 0, map[transaction]bool{}
	ticker := time.NewTicker(known.every)
	defer ticker.Stop()
	for {
		open, err := known.transactions(ctx, server)
		if err == nil {
			still := map[transaction]bool{}
			for _, one := range open {
				still[one] = true
				if decided[one] {
					continue
				}
				found++
				if p.dice.Hit(p.Share, "hit", p.ID, strconv.Itoa(found)) && known.abort(ctx, server, one) {
					ended++
				}
			}
			decided = still
		}
		select {
		case <-ctx.Done():
			return ended
		case <-ticker.C:
		}
	}
}

// transactions are those of the shop that are open now.
func (d dialect) transactions(ctx context.Context, server Server) (open []transaction, err error) {
	var own []any
	if server.Kind == "postgres" {
		own = append(own, server.Own)
	}
	rows, err := server.DB.QueryContext(ctx, d.open, own...)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var one transaction
		if err := rows.Scan(&one.Session, &one.Begun); err != nil {
			return nil, err
		}
		open = append(open, one)
	}
	return open, rows.Err()
}

// abort ends a transaction with its session, and says whether it was still there.
func (d dialect) abort(ctx context.Context, server Server, one transaction) bool {
	if server.Kind == "mysql" {
		_, err := server.DB.ExecContext(ctx, fmt.Sprintf(d.end, one.Session))
		return err == nil
	}
	told := false
	err := server.DB.QueryRowContext(ctx, d.end, one.Session, one.Begun).Scan(&told)
	return err == nil && told
}

// texts is a query's only column.
func texts(ctx context.Context, from *sql.DB, query string) (all []string, err error) {
	rows, err := from.QueryContext(ctx, query)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var one string
		if err := rows.Scan(&one); err != nil {
			return nil, err
		}
		all = append(all, one)
	}
	return all, rows.Err()
}
