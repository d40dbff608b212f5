package sut

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"

	_ "modernc.org/sqlite" // the driver

	"github.com/paystorm/paystorm/history"
)

// readSQLite reads tables from one file, in one read transaction, so that they are one snapshot. The file is opened for
// each reading and never written.
func (d *door) readSQLite(ctx context.Context, file string, tables []history.Table, found map[history.Table]raw, failed map[history.Table]error) {
	err := snapshot(ctx, file, func(tx *sql.Tx) {
		for _, table := range tables {
			found[table], failed[table] = query(ctx, tx, d.system.Probes[string(table)].Query)
		}
	})
	if err == nil {
		return
	}
	for _, table := range tables {
		failed[table] = errors.Join(failed[table], err)
	}
}

// snapshot runs do in a read transaction.
func snapshot(ctx context.Context, file string, do func(*sql.Tx)) (err error) {
	if _, err := os.Stat(file); err != nil {
		return fmt.Errorf("open the shop's database: %w", err)
	}
	source := url.URL{
		Scheme: "file", OmitHost: true, Path: file,
		RawQuery: "mode=ro&_pragma=busy_timeout(2000)&_pragma=query_only(1)",
	}
	database, err := sql.Open("sqlite", source.String())
	if err != nil {
		return fmt.Errorf("open %s: %w", file, err)
	}
	defer func() { err = errors.Join(err, database.Close()) }()
	tx, err := database.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return fmt.Errorf("begin to read %s: %w", file, err)
	}
	do(tx)
	if err := tx.Rollback(); err != nil && !errors.Is(err, sql.ErrTxDone) {
		return fmt.Errorf("end the reading of %s: %w", file, err)
	}
	return nil
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
