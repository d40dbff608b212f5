package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/paystorm/paystorm/history"
	"github.com/paystorm/paystorm/internal/dbtest"
	"github.com/paystorm/paystorm/ports"
)

// onPostgres is what the system of the reference shop says otherwise where the shop, a process, has its books in PostgreSQL.
const onPostgres = `
name: shop-on-postgres
extends: flashshop
launch:
  process:
    dials: {db: '{{ env "SHOP_DB" }}'}
    env: {DB: null, DATABASE_URL: 'postgres://shop@{{ tcp "shop->db" }}/postgres?sslmode=disable'}
probes:
`

const behindALink = `
name: behind-a-link
why: The database of a process is slow, resets its connections, and ends transactions.
system: shop.yaml
sale: {items: [{sku: phone-x, stock: 30, price: 4999.00 CNY, per-buyer: 2}]}
load: {profile: steady, peak: 10/s, for: 4s, journeys: {buy: 100%}}
faults:
  - slow-link: {link: shop->db, direction: downstream, latency: 15ms, for: 2500ms}
  - abort-transactions: {share: 20%, for: 2500ms}
  - reset-link: {link: shop->db, direction: upstream, from: 3s, for: 500ms}
settle: 10s
expect: {known-outcomes: 1%}
`

// A run of a shop that is a process strikes the link to its database, and transactions in it.
func TestFaultsBetweenAProcessAndItsDatabase(t *testing.T) {
	at, dir := postgresServer(t), t.TempDir()
	flashshop, err := os.ReadFile(filepath.Join("..", "..", "scenarios", "library", "systems", "flashshop.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	system := strings.Builder{}
	system.WriteString(onPostgres)
	for _, table := range []string{"stock", "orders", "payments", "refunds", "grants", "coupons", "ledger", "discrepancies"} {
		fmt.Fprintf(&system, "  %s: {sqlite: null, postgres: 'postgres://shop@%s/postgres?sslmode=disable'}\n", table, at)
	}
	for name, text := range map[string]string{"flashshop.yaml": string(flashshop), "shop.yaml": system.String(), "scenario.yaml": behindALink} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("SHOP_DB", at)
	out := filepath.Join(dir, "runs")
	p := paystorm(t, "run", filepath.Join(dir, "scenario.yaml"), "--system", filepath.Join(dir, "shop.yaml"), "--out", out)
	p.out = out
	p.exit(t, 2*patience) // whether enough was sold on a busy machine is not the question here
	_, recorded := p.verdict(t)
	affected := map[string]int64{}
	for _, event := range recorded.Events {
		if event.Kind == history.FaultAffected {
			affected[event.Fault+" "+event.Key] += event.Count
		}
	}
	for _, want := range []string{"slow-link shop->db", "reset-link shop->db", "abort-transactions transaction"} {
		if affected[want] == 0 {
			t.Errorf("%s affected nothing: %v", want, affected)
		}
	}
}

// postgresServer is the address of a PostgreSQL that lives as long as the test, and lets the user shop in.
func postgresServer(t *testing.T) (address string) {
	t.Helper()
	programs := filepath.Dir(dbtest.Program(t, "postgres", "/usr/lib/postgresql/*/bin"))
	port, err := ports.Free(t.Context(), "127.0.0.1")
	if err != nil {
		t.Fatal(err)
	}
	dir := dbtest.Dir(t)
	data, at := filepath.Join(dir, "data"), strconv.Itoa(port)
	dbtest.Run(t, dir, filepath.Join(programs, "initdb"), "-D", data, "-U", "shop", "-A", "trust", "--no-sync", "-E", "UTF8")
	dbtest.Serve(t, dir, filepath.Join(programs, "postgres"), "-D", data, "-h", "127.0.0.1", "-p", at, "-k", dir, "-F")
	ready := func() bool {
		return exec.CommandContext(t.Context(), filepath.Join(programs, "pg_isready"), "-q", "-h", "127.0.0.1", "-p", at).Run() == nil
	}
	for deadline := time.Now().Add(patience); !ready(); {
		if time.Now().After(deadline) {
			t.Fatal("the server does not come up")
		}
		time.Sleep(50 * time.Millisecond)
	}
	return "127.0.0.1:" + at
}
