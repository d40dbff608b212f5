package sut

import (
	"context"
	"database/sql"
	"fmt"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/paystorm/paystorm/history"
	"github.com/paystorm/paystorm/scenarios"
)

const schema = `
CREATE TABLE skus (sku TEXT, available INTEGER, reserved INTEGER, sold REAL);
CREATE TABLE orders (id INTEGER, buyer INTEGER, minor INTEGER, state TEXT);
CREATE TABLE refunds (no TEXT, order_id INTEGER, minor INTEGER, state TEXT);
INSERT INTO skus VALUES ('b', 1, 2, 3.0), ('a', 4, 5, NULL);
INSERT INTO orders VALUES (7, 17, 499900, 'PAID'), (5, 3, 100, 'SENT');
INSERT INTO refunds VALUES ('r1', 7, 499900, 'DONE');`

// shopDatabase is a database of a shop in a fresh directory, open like a shop has it.
func shopDatabase(t testing.TB, journal string) (*sql.DB, string) {
	t.Helper()
	dir := t.TempDir()
	database, err := sql.Open("sqlite", "file:"+filepath.Join(dir, "shop.db")+"?_pragma=journal_mode("+journal+")")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = database.Close() })
	execute(t, database, schema)
	return database, dir
}

func execute(t testing.TB, database *sql.DB, statement string) {
	t.Helper()
	if _, err := database.ExecContext(t.Context(), statement); err != nil {
		t.Fatal(err)
	}
}

func externalShop(t testing.TB, dir string, probes map[string]scenarios.Probe) Shop {
	t.Helper()
	shop, err := Start(t.Context(), Config{
		System: scenarios.System{
			Name: "s", Launch: scenarios.Launch{External: &scenarios.External{URL: "http://127.0.0.1:1"}},
			States: map[string]string{"PAID": "paid", "SENT": "shipped"}, Probes: probes,
		},
		SystemDir: dir, RunDir: t.TempDir(), Clock: history.StartClock(), Record: func(history.Event) {},
	})
	if err != nil {
		t.Fatal(err)
	}
	return shop
}

func goodProbes() map[string]scenarios.Probe {
	return map[string]scenarios.Probe{
		"stock":   {SQLite: "shop.db", Query: "SELECT * FROM skus"},
		"orders":  {SQLite: "shop.db", Query: `SELECT id AS "order", buyer, minor, state FROM orders`},
		"refunds": {SQLite: "shop.db", Query: `SELECT no AS merchant_refund, order_id AS "order", minor, state FROM refunds`, States: map[string]string{"DONE": "succeeded"}},
		"grants":  {SQLite: "shop.db", Query: `SELECT id AS "order", 'points' AS kind, 1 AS value FROM orders WHERE id = 0`},
	}
}

func read(t testing.TB, shop Shop) history.Reading {
	t.Helper()
	reading, err := shop.Read(t.Context(), history.ReadingCheckpoint)
	if err != nil {
		t.Fatal(err)
	}
	return reading
}

func TestReadSQLite(t *testing.T) {
	want := history.Books{
		Stock:   []history.StockRow{{SKU: "a", Available: 4, Reserved: 5}, {SKU: "b", Available: 1, Reserved: 2, Sold: 3}},
		Orders:  []history.OrderRow{{Order: "5", Buyer: "3", Minor: 100, State: history.OrderShipped}, {Order: "7", Buyer: "17", Minor: 499900, State: history.OrderPaid}},
		Refunds: []history.RefundRow{{MerchantRefund: "r1", Order: "7", Minor: 499900, State: history.RefundDone}},
	}
	for _, journal := range []string{"wal", "delete"} {
		t.Run(journal, func(t *testing.T) {
			database, dir := shopDatabase(t, journal)
			shop := externalShop(t, dir, goodProbes())
			if shop.Database() != filepath.Join(dir, "shop.db") {
				t.Fatalf("database %q", shop.Database())
			}
			for _, state := range []string{"open", "closed"} {
				reading := read(t, shop)
				if len(reading.Errors) > 0 || !reflect.DeepEqual(reading.Books, want) {
					t.Fatalf("%s: errors %q\n got %+v\nwant %+v", state, reading.Errors, reading.Books, want)
				}
				tables := []history.Table{history.TableStock, history.TableOrders, history.TableRefunds, history.TableGrants}
				if !slices.Equal(reading.Tables, tables) || reading.Agreed || reading.Label != history.ReadingCheckpoint || reading.Begin > reading.End {
					t.Fatalf("%s: %+v", state, reading)
				}
				if err := database.Close(); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}

// All tables come from one moment, however busily the shop writes.
func TestOneSnapshot(t *testing.T) {
	database, dir := shopDatabase(t, "wal")
	execute(t, database, "DELETE FROM orders; DELETE FROM skus; INSERT INTO skus VALUES ('a', 100000, 0, 0)")
	shop := externalShop(t, dir, goodProbes())
	done := make(chan error, 1)
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		for n := 0; ctx.Err() == nil; n++ {
			if _, err := database.ExecContext(context.WithoutCancel(ctx), fmt.Sprintf(
				"BEGIN IMMEDIATE; INSERT INTO orders VALUES (%d, 1, 1, 'PAID'); UPDATE skus SET available = available - 1, sold = sold + 1; COMMIT", n)); err != nil {
				done <- err
				return
			}
		}
		done <- nil
	}()
	orders := 0
	for deadline := time.Now().Add(5 * time.Second); orders < 100 && time.Now().Before(deadline); {
		reading := read(t, shop)
		if len(reading.Errors) > 0 || int(reading.Books.Stock[0].Sold) != len(reading.Books.Orders) {
			t.Fatalf("%d sold, %d orders, %q", reading.Books.Stock[0].Sold, len(reading.Books.Orders), reading.Errors)
		}
		orders = len(reading.Books.Orders)
	}
	cancel()
	if err := <-done; err != nil || orders < 100 {
		t.Fatalf("%v after %d orders", err, orders)
	}
}

// A probe that fails costs its own table, and says why.
func TestProbesThatFail(t *testing.T) {
	for name, test := range map[string]struct {
		table string
		probe scenarios.Probe
		want  string
	}{
		"missing file":     {"orders", scenarios.Probe{SQLite: "nowhere.db", Query: "SELECT 1"}, "nowhere.db: no such file"},
		"wrong SQL":        {"orders", scenarios.Probe{SQLite: "shop.db", Query: "SELECT id FROM nowhere"}, "no such table: nowhere"},
		"writing SQL":      {"orders", scenarios.Probe{SQLite: "shop.db", Query: "DELETE FROM orders RETURNING id"}, "readonly"},
		"unmapped state":   {"orders", scenarios.Probe{SQLite: "shop.db", Query: "SELECT state||'?' AS state FROM orders"}, `the states "PAID?" (1 rows), "SENT?" (1 rows) are mapped to nothing: map them, under states, to pending, paid, shipped, refunding, refunded, closed, review (mapped so far: PAID → paid, SENT → shipped)`},
		"unmapped refund":  {"refunds", scenarios.Probe{SQLite: "shop.db", Query: "SELECT state FROM refunds"}, `the states "DONE" (1 rows) are mapped to nothing: map them, under states, to pending, succeeded, failed (mapped so far: none)`},
		"order's state":    {"refunds", scenarios.Probe{SQLite: "shop.db", Query: "SELECT 'PAID' AS state"}, `"PAID"`},
		"unknown column":   {"stock", scenarios.Probe{SQLite: "shop.db", Query: "SELECT 1 AS avail"}, `unknown column "avail": want one of sku, available, reserved, sold, written_off`},
		"column twice":     {"stock", scenarios.Probe{SQLite: "shop.db", Query: "SELECT 1 AS sku, 2 AS sku"}, "there twice"},
		"money as text":    {"orders", scenarios.Probe{SQLite: "shop.db", Query: "SELECT 'PAID' AS state, '49.99' AS minor"}, "row 1, column minor: 49.99 is no whole number"},
		"no state":         {"refunds", scenarios.Probe{SQLite: "shop.db", Query: "SELECT no AS merchant_refund FROM refunds"}, `no column "state"`},
		"all at once":      {"orders", scenarios.Probe{SQLite: "shop.db", Query: "SELECT 'x' AS minor, 1.5 AS quantity, state||'!' AS state FROM orders"}, `row 1, column minor: x is no whole number (and 1 rows like it); row 1, column quantity: 1.5 is no whole number (and 1 rows like it); the states "PAID!" (1 rows)`},
		"money as a float": {"orders", scenarios.Probe{SQLite: "shop.db", Query: "SELECT 'PAID' AS state, 49.99 AS minor"}, "49.99 is no whole number"},
		"a SKU twice":      {"orders", scenarios.Probe{SQLite: "shop.db", Query: "SELECT 7 AS 'order', 'a' AS sku, 'PAID' AS state UNION ALL SELECT 7, 'a', 'PAID'"}, `order "7" has two rows of the SKU "a": want one row for each SKU of an order`},
		"an order's parts": {"orders", scenarios.Probe{SQLite: "shop.db", Query: "SELECT 7 AS 'order', 'a' AS sku, 'PAID' AS state, 5 AS minor UNION ALL SELECT 7, 'b', 'PAID', 6"}, `order "7" has rows that differ in more than SKU and quantity`},
		"nobody listens":   {"orders", scenarios.Probe{HTTP: "/orders"}, "refused"},
	} {
		t.Run(name, func(t *testing.T) {
			_, dir := shopDatabase(t, "wal")
			probes := map[string]scenarios.Probe{"inbox": {SQLite: "shop.db", Query: "SELECT 'n' AS notification"}, test.table: test.probe}
			reading := read(t, externalShop(t, dir, probes))
			if len(reading.Errors) != 1 || !strings.HasPrefix(reading.Errors[0], test.table+": ") || !strings.Contains(reading.Errors[0], test.want) {
				t.Fatalf("errors %q, want %q", reading.Errors, test.want)
			}
			if !slices.Equal(reading.Tables, []history.Table{history.TableInbox}) || len(reading.Books.Inbox) != 1 {
				t.Fatalf("the other table: %+v", reading)
			}
			if reading.Books.Orders != nil || reading.Books.Refunds != nil || reading.Books.Stock != nil {
				t.Fatalf("a table that failed is there: %+v", reading.Books)
			}
		})
	}
}

func TestStatesThatAreCanonicalAlready(t *testing.T) {
	_, dir := shopDatabase(t, "wal")
	shop := externalShop(t, dir, map[string]scenarios.Probe{"refunds": {SQLite: "shop.db", Query: "SELECT 'failed' AS state"}})
	if reading := read(t, shop); len(reading.Errors) > 0 || reading.Books.Refunds[0].State != history.RefundBroken {
		t.Fatalf("%+v", reading)
	}
}

// Every table can be read, and its columns are those of its rows.
func TestEveryTable(t *testing.T) {
	_, dir := shopDatabase(t, "wal")
	probes := map[string]scenarios.Probe{}
	for _, table := range history.Tables() {
		columns := columnsOf(table)
		if len(columns) < 2 {
			t.Fatalf("%s has columns %q", table, columns)
		}
		var selects []string
		for _, column := range columns {
			value := "'7'"
			if column == "state" {
				value = "'PAID'"
			}
			selects = append(selects, value+` AS "`+column+`"`)
		}
		probes[string(table)] = scenarios.Probe{
			SQLite: "shop.db", Query: "SELECT " + strings.Join(selects, ", "),
			States: map[string]map[string]string{"orders": {"PAID": "paid"}, "refunds": {"PAID": "pending"}}[string(table)],
		}
	}
	reading := read(t, externalShop(t, dir, probes))
	if len(reading.Errors) > 0 || !slices.Equal(reading.Tables, history.Tables()) {
		t.Fatalf("errors %q, tables %q", reading.Errors, reading.Tables)
	}
	books := reflect.ValueOf(reading.Books)
	for i := range books.NumField() {
		if rows := books.Field(i); rows.Len() != 1 || slices.ContainsFunc(fieldsOf(rows.Index(0)), reflect.Value.IsZero) {
			t.Errorf("%s: %+v", books.Type().Field(i).Name, rows)
		}
	}
}

func fieldsOf(row reflect.Value) []reflect.Value {
	var fields []reflect.Value
	for i := range row.NumField() {
		fields = append(fields, row.Field(i))
	}
	return fields
}

func TestReadHTTP(t *testing.T) {
	for name, test := range map[string]struct {
		answer string
		probe  scenarios.Probe
		want   []history.OrderRow
		err    string
	}{
		"own names": {
			answer: `[{"order": "b", "minor": 9007199254740993, "state": "PAID", "more": {}}, {"order": 4, "state": "PAID", "quantity": null}]`,
			want:   []history.OrderRow{{Order: "4", State: "paid"}, {Order: "b", Minor: 9007199254740993, State: "paid"}},
		},
		"rows and fields": {
			answer: `{"data": {"orders": [{"id": "a", "total": {"fen": 100}, "status": "PAID"}]}}`,
			probe:  scenarios.Probe{Rows: "data.orders", Fields: map[string]string{"order": "id", "minor": "total.fen", "state": "status"}},
			want:   []history.OrderRow{{Order: "a", Minor: 100, State: "paid"}},
		},
		"no rows":       {answer: `[]`},
		"decimal":       {answer: `[{"state": "PAID", "minor": 4999.00}]`, err: "4999.00 is no whole number"},
		"object":        {answer: `[{"state": {"a": 1}}]`, err: "row 1, state: it is an object"},
		"no array":      {answer: `{"orders": []}`, err: `no array of rows at ""`},
		"no JSON":       {answer: `<html>`, err: "answers no JSON: <html>"},
		"unknown field": {answer: `[]`, probe: scenarios.Probe{Fields: map[string]string{"total": "x"}}, err: `unknown field "total": want one of order, ref`},
		"not there":     {probe: scenarios.Probe{HTTP: "/nowhere"}, err: "404"},
		"unmapped":      {answer: `[{"state": "NEW"}]`, err: `"NEW"`},
	} {
		t.Run(name, func(t *testing.T) {
			system := shopSystem(map[string]string{"BOOKS": test.answer})
			if test.probe.HTTP == "" {
				test.probe.HTTP = "/books"
			}
			test.probe.States = map[string]string{"PAID": "paid"}
			system.Probes = map[string]scenarios.Probe{"orders": test.probe}
			shop := start(t, system)
			if err := shop.Ready(t.Context()); err != nil {
				t.Fatal(err)
			}
			reading := read(t, shop)
			if (test.err == "") != (len(reading.Errors) == 0) || !strings.Contains(strings.Join(reading.Errors, ""), test.err) {
				t.Fatalf("errors %q, want %q", reading.Errors, test.err)
			}
			if !reflect.DeepEqual(reading.Books.Orders, test.want) {
				t.Fatalf("got %+v, want %+v", reading.Books.Orders, test.want)
			}
		})
	}
}

func TestReadAgreed(t *testing.T) {
	database, dir := shopDatabase(t, "wal")
	shop := externalShop(t, dir, goodProbes())
	t.Run("at rest", func(t *testing.T) {
		reading, err := shop.ReadAgreed(t.Context(), history.ReadingFinal, time.Millisecond, 5*time.Second)
		if err != nil || !reading.Agreed || reading.Label != history.ReadingFinal || len(reading.Books.Orders) != 2 {
			t.Fatalf("%v, %+v", err, reading)
		}
	})
	t.Run("never at rest", func(t *testing.T) {
		probes := goodProbes()
		probes["inbox"] = scenarios.Probe{SQLite: "shop.db", Query: "SELECT hex(randomblob(8)) AS notification"}
		reading, err := externalShop(t, dir, probes).ReadAgreed(t.Context(), history.ReadingFinal, time.Millisecond, 100*time.Millisecond)
		if err != nil || reading.Agreed || len(reading.Books.Orders) != 2 {
			t.Fatalf("%v, %+v", err, reading)
		}
	})
	t.Run("equal failures are no agreement", func(t *testing.T) {
		probes := goodProbes()
		probes["inbox"] = scenarios.Probe{SQLite: "nowhere.db", Query: "SELECT 1"}
		reading, err := externalShop(t, dir, probes).ReadAgreed(t.Context(), history.ReadingFinal, time.Millisecond, 100*time.Millisecond)
		if err != nil || reading.Agreed || len(reading.Errors) != 1 {
			t.Fatalf("%v, %+v", err, reading)
		}
	})
	t.Run("context ends", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := shop.ReadAgreed(ctx, history.ReadingFinal, time.Millisecond, time.Second); err == nil {
			t.Fatal("no error")
		}
	})
	if err := database.Close(); err != nil {
		t.Fatal(err)
	}
}

// Ten thousand orders with their payments, which settle reads several times a second and observe twice.
func BenchmarkRead(b *testing.B) {
	const orders = 10_000
	database, dir := shopDatabase(b, "wal")
	execute(b, database, `CREATE TABLE many AS WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < 10000)
		SELECT 'f' || hex(n * 7919 % 10007) || 'OS7SJQ2PACRO' AS id, 'pay_' || hex(n) AS payment, n % 997 AS buyer FROM numbers`)
	shop := externalShop(b, dir, map[string]scenarios.Probe{
		"orders": {SQLite: "shop.db", Query: `SELECT id AS "order", 'ref-' || id AS ref, buyer, 'phone-x' AS sku, 1 AS quantity,
			499900 AS minor, 'CNY' AS currency, 'PAID' AS state FROM many`},
		"payments": {SQLite: "shop.db", Query: `SELECT payment, id AS "order", 499900 AS minor, 'CNY' AS currency, 'succeeded' AS state FROM many`},
	})
	b.ReportAllocs()
	for b.Loop() {
		if reading := read(b, shop); len(reading.Books.Orders) != orders || len(reading.Books.Payments) != orders {
			b.Fatalf("%d orders, %d payments, %v", len(reading.Books.Orders), len(reading.Books.Payments), reading.Errors)
		}
	}
}
