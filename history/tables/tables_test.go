package tables

import (
	"database/sql"
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"github.com/paystorm/paystorm/history"
)

// kept is a run with refunds made twice, which has something in most tables.
func kept(t *testing.T) *history.History {
	t.Helper()
	h, err := history.Open(filepath.Join("..", "..", "invariants", "testdata", "kept", "refunds-doubled"))
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func sameOrder(number, _ string) string { return number }

func written(t *testing.T, h *history.History) *sql.DB {
	t.Helper()
	path := filepath.Join(t.TempDir(), "run.sqlite")
	if err := WriteFile(t.Context(), path, h, sameOrder); err != nil {
		t.Fatal(err)
	}
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return db
}

func ask(t *testing.T, db *sql.DB, query string) int64 {
	t.Helper()
	var answer int64
	if err := db.QueryRowContext(t.Context(), query).Scan(&answer); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return answer
}

func TestEverythingIsThere(t *testing.T) {
	h := kept(t)
	db := written(t, h)
	captured, captures, refunds := int64(0), 0, 0
	for _, event := range h.Events {
		switch event.Kind {
		case history.PaymentSucceeded:
			captures++
			captured += event.Minor
		case history.RefundCreated:
			refunds++
		}
	}
	rows, reads := 0, 0
	for _, reading := range h.Readings {
		rows += len(reading.Books.Orders)
		reads += len(reading.Tables)
	}
	final, read := h.Reading(history.ReadingFinal)
	if !read || captures == 0 || refunds == 0 || len(final.Books.Grants) == 0 {
		t.Fatal("the kept run has too little in it")
	}
	for query, want := range map[string]int{
		"SELECT count(*) FROM run":                                                    1,
		"SELECT count(*) FROM items":                                                  len(h.Header.Sale),
		"SELECT count(*) FROM faults":                                                 len(h.Header.Faults),
		"SELECT count(*) FROM ops":                                                    len(h.Ops),
		"SELECT count(*) FROM events":                                                 len(h.Events),
		"SELECT count(*) FROM readings":                                               len(h.Readings),
		"SELECT count(*) FROM reading_tables":                                         reads,
		"SELECT count(*) FROM orders":                                                 rows,
		"SELECT count(*) FROM final_orders":                                           len(final.Books.Orders),
		"SELECT count(*) FROM final_grants":                                           len(final.Books.Grants),
		"SELECT count(*) FROM captures":                                               captures,
		"SELECT sum(minor) FROM captures":                                             int(captured),
		"SELECT count(*) FROM channel_refunds":                                        refunds,
		"SELECT count(*) FROM channel_refunds WHERE state = 'succeeded'":              refunds,
		"SELECT count(*) FROM phases WHERE phase = 'storm' AND end_ns > begin_ns":     1,
		"SELECT count(*) FROM ops WHERE returned_ns IS NULL AND outcome <> 'unknown'": 0,
		"SELECT count(*) FROM events WHERE order_no = '' OR payment = ''":             0,
	} {
		if got := ask(t, db, query); got != int64(want) {
			t.Errorf("%s: got %d, want %d", query, got, want)
		}
	}
}

// TestEachColumnIsTold: the tables are what Schema says, and each says what it means.
func TestEachColumnIsTold(t *testing.T) {
	db := written(t, nil)
	for _, table := range Schema() {
		rows, err := db.QueryContext(t.Context(), "SELECT * FROM "+table.Name)
		if err != nil {
			t.Errorf("%s: %v", table.Name, err)
			continue
		}
		got, err := rows.Columns()
		if err := errors.Join(err, rows.Close(), rows.Err()); err != nil {
			t.Fatal(err)
		}
		if strings.Join(got, ", ") != names(table.Columns) || table.About == "" {
			t.Errorf("%s has the columns %q, want %q; about: %q", table.Name, got, names(table.Columns), table.About)
		}
		for _, column := range table.Columns {
			if column.About == "" {
				t.Errorf("nothing says what %s.%s is", table.Name, column.Name)
			}
		}
	}
}

func TestAFileThatExistsStaysAsItIs(t *testing.T) {
	path := filepath.Join(t.TempDir(), "run.sqlite")
	if err := WriteFile(t.Context(), path, kept(t), sameOrder); err != nil {
		t.Fatal(err)
	}
	err := WriteFile(t.Context(), path, kept(t), sameOrder)
	if err == nil || !strings.Contains(err.Error(), "exists: name a new file") {
		t.Errorf("got %v", err)
	}
}
