package main

import (
	"bufio"
	"context"
	"database/sql"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	_ "modernc.org/sqlite" // the shop's database, which is filled here

	"github.com/paystorm/paystorm/invariants"
)

// oldOrders fills a shop's books with 2,000 orders of its past: of every state that the shop has, some of them paid by
// payments that nobody ever heard of again, some pending for a year to come.
const oldOrders = `
CREATE TEMP TABLE old AS WITH RECURSIVE numbers(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM numbers WHERE n < 1999)
	SELECT n, 'old-' || n AS id, 'old-payment-' || n AS payment, n % 10 AS kind FROM numbers;
INSERT INTO skus(sku, available, reserved, sold, price_minor, currency, per_buyer)
	VALUES('phone-old', 7, 100, 1000, 499900, 'CNY', 0);
INSERT INTO orders(id, ref, buyer, sku, quantity, amount_minor, currency, state, reason, payment_id, created_at, expires_at, closed_at, check_at)
	SELECT id, 'ref-' || id, 'buyer-' || n % 997, 'phone-old', 1, 499900, 'CNY',
		CASE WHEN kind < 5 THEN 'PAID' WHEN kind < 8 THEN 'CLOSED' WHEN kind = 8 THEN 'REFUNDED' WHEN n % 20 = 9 THEN 'REVIEW' ELSE 'PENDING' END,
		CASE WHEN kind IN (5, 6, 7) THEN 'expired' WHEN kind = 8 THEN 'buyer' ELSE '' END,
		CASE WHEN kind < 5 OR kind = 8 THEN payment ELSE '' END,
		1000, CASE WHEN kind = 9 THEN 4102444800000 ELSE 2000 END, CASE WHEN kind IN (5, 6, 7) THEN 3000 ELSE 0 END, 0
	FROM old;
INSERT INTO payments(id, order_id, amount_minor, currency, state, captured_minor)
	SELECT payment, id, 499900, 'CNY', CASE WHEN kind = 7 THEN 'pending' ELSE 'succeeded' END, CASE WHEN kind = 7 THEN 0 ELSE 499900 END
	FROM old WHERE kind < 5 OR kind IN (7, 8);
INSERT INTO refunds(refund_no, order_id, payment_id, amount_minor, currency, state, reason, accepted, next_at)
	SELECT 'old-refund-' || n, id, payment, 499900, 'CNY', 'DONE', 'buyer', 1, 0 FROM old WHERE kind = 8;
INSERT INTO grants(order_id, kind, value) SELECT id, 'points', 4999 FROM old WHERE kind < 5 OR kind = 8;
`

// A shop that was there before has the verdict of an empty one: what the books held at the baseline is neither judged nor
// counted.
func TestOldOrders(t *testing.T) {
	t.Parallel()
	duplicates := sale("duplicate-callbacks: {share: 100%}")
	for _, defects := range []string{"", "D01"} {
		t.Run("defects "+defects, func(t *testing.T) {
			t.Parallel()
			judged := func(dir string, orders int) string {
				p := startRun(t, duplicates, "--set", "system.launch.process.dir="+dir, "--set", "system.launch.process.env.DEFECTS="+defects)
				want := exitPass
				if defects != "" {
					want = exitFail
				}
				if status := p.exit(t, 2*time.Minute); status != want {
					t.Fatalf("exit status %d, want %d", status, want)
				}
				verdict, recorded := p.verdict(t)
				if before := len(recorded.Readings[0].Books.Orders); before != orders {
					t.Fatalf("the baseline has %d orders, want %d", before, orders)
				}
				return judgement(t, verdict)
			}
			empty, old := judged(t.TempDir(), 0), judged(filledShop(t), 2000)
			if empty != old {
				t.Errorf("with old orders:\n%s\nempty:\n%s", old, empty)
			}
		})
	}
}

// judgement is what a verdict says of the shop: all of it but times and how often each thing was looked at, in which two
// runs of the same seed differ. So may what was exercised, where nothing demands it: by a callback that came late, say.
func judgement(t *testing.T, verdict invariants.Verdict) string {
	t.Helper()
	type line struct {
		ID         string
		Status     invariants.Status
		Required   bool
		Exercised  bool
		Violations bool
		Bearers    []invariants.Bearer
	}
	said := struct {
		Verdict    invariants.Result
		Headline   string
		Judged     invariants.Judged
		Invariants []line
		Sale       []invariants.SaleResult
		Money      []string
		Review     int
	}{Verdict: verdict.Verdict, Headline: verdict.Headline, Judged: verdict.Judged, Sale: verdict.Sale}
	for _, result := range verdict.Invariants {
		told := line{ID: result.ID, Status: result.Status, Required: result.Required, Exercised: result.Required && result.Exercised > 0, Violations: result.Violations > 0}
		for _, risk := range result.AtRisk {
			told.Bearers = append(told.Bearers, risk.Bearer)
		}
		said.Invariants = append(said.Invariants, told)
	}
	for _, money := range verdict.Money {
		said.Money = append(said.Money, money.Currency)
	}
	text, err := json.MarshalIndent(said, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// filledShop is a working directory with the database of a shop that has traded before.
func filledShop(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	makeTables(t, dir)
	database, err := sql.Open("sqlite", "file:"+filepath.Join(dir, "shop.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = database.Close() }()
	database.SetMaxOpenConns(1) // a temporary table is its connection's own
	if _, err := database.ExecContext(t.Context(), oldOrders); err != nil {
		t.Fatal(err)
	}
	var count int
	if err := database.QueryRowContext(t.Context(), "SELECT count(*) FROM orders").Scan(&count); err != nil || count != 2000 {
		t.Fatalf("%d orders, %v", count, err)
	}
	return dir
}

// makeTables starts the shop once, which makes its tables, and ends it.
func makeTables(t *testing.T, dir string) {
	t.Helper()
	shop := exec.CommandContext(context.WithoutCancel(t.Context()), "paystorm", "flashshop")
	shop.Dir = dir
	shop.Env = append(os.Environ(), "ADDR=127.0.0.1:0", "DB=shop.db", "CHANNEL_URL=http://127.0.0.1:1", "CHANNEL_KEY=sk_x",
		"CALLBACK_SECRET=whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "MERCHANT=m", "CALLBACK_URL=http://127.0.0.1:1/callbacks")
	output, err := shop.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := shop.Start(); err != nil {
		t.Fatal(err)
	}
	if line, err := bufio.NewReader(output).ReadString('\n'); err != nil {
		t.Fatalf("the shop says %q, %v", line, err)
	}
	if err := shop.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	_ = shop.Wait() // how it ends is its own matter
}
