package sut

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"

	"github.com/go-sql-driver/mysql"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	_ "modernc.org/sqlite" // the driver

	"github.com/paystorm/paystorm/history"
	"github.com/paystorm/paystorm/scenarios"
)

// database is where tables are read by SQL.
type database struct {
	kind    string // the probe's key: postgres, mysql or sqlite
	address string // a file's path, or what the driver wants; it may hold a password
}

// ownSessions is the application_name of our own sessions in PostgreSQL, so that a fault which ends the shop's can tell them.
const ownSessions = "paystorm"

// Server is a database server of the shop's.
type Server struct {
	Kind string // the probe's key: postgres or mysql
	Own  string // the application_name of the harness's own sessions in PostgreSQL
	DB   *sql.DB
}

// Server opens a connection to the database server that holds the orders, else to the first that a probe names.
func (d *door) Server() (Server, error) {
	for _, table := range append([]history.Table{history.TableOrders}, history.Tables()...) {
		probe := d.system.Probes[string(table)]
		if probe.Postgres == "" && probe.MySQL == "" {
			continue
		}
		from, err := d.databaseOf(probe)
		if err != nil {
			return Server{}, d.secrets.Error(err)
		}
		connections, err := from.open()
		if err != nil {
			return Server{}, d.secrets.Error(err)
		}
		connections.SetMaxOpenConns(1)
		return Server{Kind: from.kind, Own: ownSessions, DB: connections}, nil
	}
	return Server{}, errors.New("no probe reads a database server")
}

// databaseOf is the database of a probe that has one.
func (d *door) databaseOf(probe scenarios.Probe) (database, error) {
	if probe.SQLite != "" {
		return database{"sqlite", d.file(probe.SQLite)}, nil
	}
	kind, template := "postgres", probe.Postgres
	if probe.MySQL != "" {
		kind, template = "mysql", probe.MySQL
	}
	values := d.secrets.Values()
	if d.reach != nil {
		values["service"] = d.reach
	}
	address, err := scenarios.Expand(template, values)
	if err != nil {
		return database{}, fmt.Errorf("%s: %w", kind, err)
	}
	return database{kind, address}, nil
}

func (d *door) file(name string) string {
	if filepath.IsAbs(name) {
		return name
	}
	return filepath.Join(d.dir, name)
}

// readSQL reads tables from one database, in one read transaction, so that they are one snapshot. The database is opened
// for each reading and never written.
func (d *door) readSQL(ctx context.Context, from database, tables []history.Table, found map[history.Table]raw, failed map[history.Table]error) {
	err := from.snapshot(ctx, func(tx *sql.Tx) {
		for _, table := range tables {
			found[table], failed[table] = from.query(ctx, tx, d.system.Probes[string(table)].Query)
		}
	})
	if err == nil {
		return
	}
	for _, table := range tables {
		failed[table] = errors.Join(failed[table], err)
	}
}

// snapshot runs do in a read transaction. Repeatable reads see, in each of these databases, what was committed when the
// first of them was made.
func (b database) snapshot(ctx context.Context, do func(*sql.Tx)) (err error) {
	connections, err := b.open()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, connections.Close()) }()
	options := &sql.TxOptions{ReadOnly: true, Isolation: sql.LevelRepeatableRead}
	if b.kind == "sqlite" { // has no levels: every transaction is a snapshot
		options.Isolation = sql.LevelDefault
	}
	tx, err := connections.BeginTx(ctx, options)
	if err != nil {
		return fmt.Errorf("the shop's database cannot be read: %w: is it up, and is this its address?", err)
	}
	do(tx)
	if err := tx.Rollback(); err != nil && !errors.Is(err, sql.ErrTxDone) {
		return fmt.Errorf("end the reading of the shop's database: %w", err)
	}
	return nil
}

func (b database) open() (*sql.DB, error) {
	switch b.kind {
	case "postgres":
		config, err := pgx.ParseConfig(b.address)
		if err != nil {
			return nil, fmt.Errorf("open the shop's database: %w", err)
		}
		config.RuntimeParams["application_name"] = ownSessions
		return stdlib.OpenDB(*config), nil
	case "mysql":
		config, err := scenarios.MySQLAddress(b.address)
		if err != nil {
			return nil, fmt.Errorf("open the shop's database: %w", err)
		}
		config.Logger = &mysql.NopLogger{} // what it has to say stands in the errors too
		connector, err := mysql.NewConnector(config)
		if err != nil {
			return nil, fmt.Errorf("open the shop's database: %w", err)
		}
		return sql.OpenDB(connector), nil
	default:
		if _, err := os.Stat(b.address); err != nil {
			return nil, fmt.Errorf("open the shop's database: %w", err)
		}
		source := url.URL{
			Scheme: "file", OmitHost: true, Path: b.address,
			RawQuery: "mode=ro&_pragma=busy_timeout(2000)&_pragma=query_only(1)",
		}
		connections, err := sql.Open("sqlite", source.String())
		if err != nil {
			return nil, fmt.Errorf("open %s: %w", b.address, err)
		}
		return connections, nil
	}
}

// query asks within a snapshot. PostgreSQL refuses all that comes after an error in the same transaction, so that each query
// there has a savepoint to go back to: a probe that is wrong says so, and the others are read.
func (b database) query(ctx context.Context, tx *sql.Tx, text string) (answer raw, err error) {
	if b.kind != "postgres" {
		return query(ctx, tx, text)
	}
	if _, err := tx.ExecContext(ctx, "SAVEPOINT probe"); err != nil {
		return raw{}, fmt.Errorf("query: %w", err)
	}
	answer, err = query(ctx, tx, text)
	end := "RELEASE SAVEPOINT probe"
	if err != nil {
		end = "ROLLBACK TO SAVEPOINT probe"
	}
	if _, failed := tx.ExecContext(ctx, end); failed != nil && err == nil { // else the first error is the cause of this one
		return raw{}, fmt.Errorf("query: %w", failed)
	}
	return answer, err
}

func query(ctx context.Context, tx *sql.Tx, text string) (answer raw, err error) {
	rows, err := tx.QueryContext(ctx, text)
	if err != nil {
		return raw{}, fmt.Errorf("query: %w", err)
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	if answer.columns, err = rows.Columns(); err != nil {
		return raw{}, fmt.Errorf("query: %w", err)
	}
	for rows.Next() {
		values := make([]any, len(answer.columns))
		targets := make([]any, len(values))
		for i := range values {
			targets[i] = &values[i]
		}
		if err := rows.Scan(targets...); err != nil {
			return raw{}, fmt.Errorf("query: %w", err)
		}
		answer.rows = append(answer.rows, values)
	}
	if err := rows.Err(); err != nil {
		return raw{}, fmt.Errorf("query: %w", err)
	}
	return answer, nil
}
