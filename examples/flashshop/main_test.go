package flashshop

import (
	"bytes"
	"cmp"
	"context"
	"database/sql"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
)

var client = &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{MaxIdleConnsPerHost: 256}}

// TestMain is also the shop, for the tests that kill it: a process of its own, configured by its environment.
func TestMain(m *testing.M) {
	if os.Getenv("FLASHSHOP_CHILD") != "" {
		ctx, stop := context.WithCancel(context.Background())
		go func() { // its parent is gone
			defer stop()
			_, _ = io.Copy(io.Discard, os.Stdin)
		}()
		if err := Main(ctx, os.Getenv, os.Stdout, os.Stderr); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	flag.Parse()
	if err := flag.Set("test.parallel", "8"); err != nil { // the tests wait for timers more than they work
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	goleak.VerifyTestMain(allTests{m}, goleak.IgnoreAnyFunction("net/http.(*persistConn).readLoop"), goleak.IgnoreAnyFunction("net/http.(*persistConn).writeLoop"))
}

// allTests end with what they share.
type allTests struct{ *testing.M }

func (m allTests) Run() int {
	defer stopPostgres()
	defer client.CloseIdleConnections()
	return m.M.Run()
}

// outlet is an app under test: a running shop, its channel and its books.
type outlet struct {
	t       testing.TB
	channel *fakeChannel
	url     string
	db      string

	replicas int     // how many shops it has, all on the same books
	beside   *sql.DB // the books, open beside the shop; nil until they are first looked at
}

// settings are a shop's environment where it differs from the tests' own, in which timers hardly ever fire.
type settings map[string]string

var (
	quick = settings{"QUERY_AFTER": "60ms", "REFUND_RETRY": "60ms"}
	curt  = settings{"CHANNEL_TIMEOUT": "1s"} // where the channel is silent

	patient = settings{"CHANNEL_TIMEOUT": "2s"}

	crowded = settings{"CONNECTIONS": "8"} // to PostgreSQL, as many as a shop has by itself; the tests', not the shop's
)

func environment(f *fakeChannel, db string, sets ...settings) map[string]string {
	env := map[string]string{
		"ADDR": "127.0.0.1:0", "QUERY_AFTER": "10m", "REFUND_RETRY": "10m", "CHANNEL_TIMEOUT": "2s",
		"MAIL_URL": f.server.URL + "/mail",
	}
	for _, set := range sets {
		for name, value := range set {
			env[name] = value
		}
	}
	if strings.HasPrefix(db, "postgres:") { // each connection is a process, and there are hundreds of shops
		env["DATABASE_URL"] = db + "&pool_max_conns=" + cmp.Or(env["CONNECTIONS"], "2")
	} else {
		env["DB"] = db
	}
	f.tongue.configure(f, env)
	env["CALLBACK_URL"] = shopName + "/callbacks/" + cmp.Or(env["PROVIDER"], "standard")
	return env
}

const stock = 20 // of phone-x

// open starts a shop of the standard provider with 20 units of phone-x at 100.00 CNY, and stops it when the test ends.
func open(t testing.TB, sets ...settings) *outlet {
	t.Helper()
	return openAt(t, standardTongue{}, sets...)
}

// everywhere runs a test with a shop of each provider, but those that it cannot happen at, and with two replicas of the
// first one's that share a PostgreSQL.
func everywhere(t *testing.T, test func(t *testing.T, open opener), but ...string) {
	t.Helper()
	t.Parallel()
	for _, speaks := range []func() tongue{
		func() tongue { return standardTongue{} },
		func() tongue { return &stripeTongue{used: map[string]bool{}} },
		func() tongue { return alipayTongue{} },
		func() tongue { return &wechatTongue{} },
	} {
		if name := speaks().name(); !slices.Contains(but, name) {
			t.Run(name, func(t *testing.T) {
				test(t, func(t testing.TB, sets ...settings) *outlet {
					t.Helper()
					return openAt(t, speaks(), sets...)
				})
			})
		}
	}
	t.Run("replicas", func(t *testing.T) { test(t, openReplicas) })
}

// onBoth runs a test with a shop that has its books in SQLite, and with two replicas that share a PostgreSQL.
func onBoth(t *testing.T, test func(t *testing.T, open opener)) {
	t.Helper()
	t.Parallel()
	t.Run("sqlite", func(t *testing.T) { test(t, open) })
	t.Run("replicas", func(t *testing.T) { test(t, openReplicas) })
}

type opener func(t testing.TB, sets ...settings) *outlet

func openAt(t testing.TB, speaks tongue, sets ...settings) *outlet {
	t.Helper()
	o := &outlet{t: t, channel: newFakeChannel(t, speaks), db: filepath.Join(t.TempDir(), "shop.db")}
	o.url = o.start(sets...)
	o.channel.shop = o.url
	o.sku("phone-x", stock, 0)
	return o
}

// onPostgres is an outlet whose shops, which are still to be started, have their books in PostgreSQL.
func onPostgres(t testing.TB) *outlet {
	t.Helper()
	channel := newFakeChannel(t, standardTongue{})
	db, books := newDatabase(t)
	return &outlet{t: t, channel: channel, db: db, beside: books}
}

func openReplicas(t testing.TB, sets ...settings) *outlet {
	t.Helper()
	o := onPostgres(t)
	o.url = balance(t, o.start(sets...), o.start(sets...))
	o.channel.shop = o.url
	o.sku("phone-x", stock, 0)
	return o
}

// start starts a shop on the outlet's books, and stops it when the test ends.
func (o *outlet) start(sets ...settings) (url string) {
	o.t.Helper()
	o.replicas++
	t, env := o.t, environment(o.channel, o.db, sets...)
	ctx, cancel := context.WithCancel(t.Context())
	reader, writer := io.Pipe()
	done := make(chan error, 1)
	go func() {
		err := Main(ctx, func(name string) string { return env[name] }, writer, t.Output())
		_ = writer.CloseWithError(fmt.Errorf("the shop ended: %w", err))
		done <- err
	}()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("shop: %v", err)
		}
	})
	return address(t, reader)
}

func address(t testing.TB, from io.Reader) string {
	t.Helper()
	line := make([]byte, 200)
	n, err := from.Read(line)
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(strings.TrimPrefix(string(line[:n]), "flashshop listens on "))
}

func (o *outlet) sku(sku string, units, perBuyer int) {
	o.t.Helper()
	body := map[string]any{"sku": sku, "stock": units, "price_minor": 10000, "currency": "CNY", "per_buyer": perBuyer}
	if status, answer := o.post("/admin/skus", body); status != http.StatusCreated {
		o.t.Fatalf("POST /admin/skus: %d %v", status, answer)
	}
}

func (o *outlet) do(method, path string, body any) (int, map[string]any) {
	text, err := json.Marshal(body)
	if err != nil {
		o.t.Error(err)
	}
	req, err := http.NewRequestWithContext(o.t.Context(), method, o.url+path, bytes.NewReader(text))
	if err != nil {
		o.t.Error(err)
		return 0, nil
	}
	resp, err := client.Do(req)
	if err != nil {
		return 0, nil
	}
	defer func() { _ = resp.Body.Close() }()
	answer := map[string]any{}
	if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil {
		return 0, nil
	}
	return resp.StatusCode, answer
}

// post posts until the shop is not busy: nothing was done then, and on a slow machine the writers' queue is long.
func (o *outlet) post(path string, body any) (status int, answer map[string]any) {
	for range 20 {
		if status, answer = o.do(http.MethodPost, path, body); answer["code"] != "BUSY" {
			break
		}
	}
	return status, answer
}

// order orders one unit of phone-x and must get a payment for it.
func (o *outlet) order() (id, pay string) {
	o.t.Helper()
	status, answer := o.post("/orders", map[string]any{"sku": "phone-x", "quantity": 1, "buyer": 7})
	if status != http.StatusCreated {
		o.t.Fatalf("POST /orders: %d %v", status, answer)
	}
	return answer["id"].(string), answer["payment_id"].(string)
}

// paid orders one unit and pays it.
func (o *outlet) paid() (id, pay string) {
	o.t.Helper()
	id, pay = o.order()
	if status := o.channel.pay(pay); status != http.StatusNoContent {
		o.t.Fatalf("success: %d", status)
	}
	o.wantState(id, paid)
	return id, pay
}

func (o *outlet) state(id string) string {
	_, answer := o.do(http.MethodGet, "/orders/"+id, nil)
	state, _ := answer["state"].(string)
	return state
}

func (o *outlet) wantState(id, want string) {
	o.t.Helper()
	if got := o.state(id); got != want {
		o.t.Fatalf("order is %s, want %s", got, want)
	}
}

// expire ends the time in which the order can be paid. A shop with a short ORDER_EXPIRY would do so by itself, and on a slow
// machine before the test has done what comes first.
func (o *outlet) expire(id string) {
	o.t.Helper()
	now := time.Now().UnixMilli()
	o.change(id, `UPDATE orders SET expires_at = ?, check_at = ? WHERE id = ?`, now, now, id)
}

// change writes into the books of an order, beside the shop: between two of its transactions about that order.
func (o *outlet) change(id, statement string, args ...any) {
	o.t.Helper()
	begun, err := o.books().BeginTx(o.t.Context(), nil)
	if err != nil {
		o.t.Fatal(err)
	}
	defer func() { _ = begun.Rollback() }() // what is committed stays
	if strings.HasPrefix(o.db, "postgres:") {
		_, err = begun.ExecContext(o.t.Context(), "SELECT pg_advisory_xact_lock(hashtextextended($1, 0))", string(theOrder(id)))
	}
	if err == nil {
		_, err = begun.ExecContext(o.t.Context(), numbered(statement), args...)
	}
	if err == nil {
		err = begun.Commit()
	}
	if err != nil {
		o.t.Fatalf("%s: %v", statement, err)
	}
}

// eventually polls until the condition holds.
func eventually(t testing.TB, what string, holds func() bool) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	end := time.After(20 * time.Second)
	for !holds() {
		select {
		case <-tick.C:
		case <-end:
			t.Fatalf("never: %s", what)
		}
	}
}

func (o *outlet) becomes(id, want string) {
	o.t.Helper()
	eventually(o.t, "order "+want, func() bool { return o.state(id) == want })
}

// settles waits until nothing is due or under way.
func (o *outlet) settles() {
	o.t.Helper()
	eventually(o.t, "at rest", func() bool {
		return o.number(`SELECT (SELECT count(*) FROM orders WHERE state IN ('PENDING', 'REFUNDING') OR check_at > 0) +
			(SELECT count(*) FROM refunds WHERE state = 'PENDING') + (SELECT count(*) FROM outbox WHERE state = 'PENDING')`) == 0
	})
}

// books opens them beside the shop, until the test ends.
func (o *outlet) books() *sql.DB {
	o.t.Helper()
	if o.beside != nil {
		return o.beside
	}
	driver, address := "sqlite", "file:"+o.db+"?_pragma=busy_timeout(2000)"
	if strings.HasPrefix(o.db, "postgres:") {
		driver, address = "pgx", o.db
	}
	db, err := sql.Open(driver, address)
	if err != nil {
		o.t.Fatal(err)
	}
	o.t.Cleanup(func() { _ = db.Close() })
	o.beside = db
	return db
}

// number reads one figure from the books.
func (o *outlet) number(query string, args ...any) (n int64) {
	o.t.Helper()
	if err := o.books().QueryRowContext(o.t.Context(), numbered(query), args...).Scan(&n); err != nil {
		o.t.Fatalf("%s: %v", query, err)
	}
	return n
}

// wantStock compares phone-x's row in the books.
func (o *outlet) wantStock(available, reserved, sold int64) {
	o.t.Helper()
	o.wantStockOf("phone-x", available, reserved, sold)
}

func (o *outlet) wantStockOf(sku string, available, reserved, sold int64) {
	o.t.Helper()
	got := [3]int64{
		o.number(`SELECT available FROM skus WHERE sku = ?`, sku), o.number(`SELECT reserved FROM skus WHERE sku = ?`, sku),
		o.number(`SELECT sold FROM skus WHERE sku = ?`, sku),
	}
	if want := [3]int64{available, reserved, sold}; got != want {
		o.t.Errorf("available, reserved, sold = %v, want %v", got, want)
	}
}

// audit compares the books with themselves and with the channel's, for a shop at rest that sells one SKU.
func (o *outlet) audit(sku string, units int64) {
	o.t.Helper()
	db := o.books()
	rows, err := db.QueryContext(o.t.Context(), `SELECT id, state, amount_minor, payment_id <> '',
		(SELECT count(*) FROM grants WHERE order_id = orders.id), (SELECT COALESCE(SUM(amount_minor), 0) FROM refunds
		WHERE order_id = orders.id AND payment_id = orders.payment_id AND state = 'DONE') FROM orders`)
	if err != nil {
		o.t.Fatal(err)
	}
	defer func() { _ = rows.Close() }()
	var sold int64
	for rows.Next() {
		var id, state string
		var amount, grants, back, want int64
		var wasPaid bool
		if err := rows.Scan(&id, &state, &amount, &wasPaid, &grants, &back); err != nil {
			o.t.Fatal(err)
		}
		if state == paid {
			want = amount - back // of a part
			sold++
			if want <= 0 {
				o.t.Errorf("order %s is %s, and %d of %d is back", id, state, back, amount)
			}
		} else if state != closed && state != refunded {
			o.t.Errorf("order %s is %s at rest", id, state)
		}
		if net, open := o.channel.net(id); net != want || open != 0 {
			o.t.Errorf("order %s is %s: the channel keeps %d, want %d; %d payments open", id, state, net, want, open)
		}
		if wasPaid != (grants == 1) || grants > 1 {
			o.t.Errorf("order %s is %s, paid %t: %d grants", id, state, wasPaid, grants)
		}
	}
	if err := rows.Err(); err != nil {
		o.t.Fatal(err)
	}
	o.wantStockOf(sku, units-sold, 0, sold)
}
