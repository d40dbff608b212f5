package sut

import (
	"database/sql"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/paystorm/paystorm/dice"
	"github.com/paystorm/paystorm/harness/fault"
	"github.com/paystorm/paystorm/history"
	"github.com/paystorm/paystorm/scenarios"
)

// aborting is an engine with abort-transactions at work in the shop's database. stop ends the storm and returns what was recorded.
func aborting(t *testing.T, shop Shop, share float64) (run chan error, stop func() []history.Event) {
	t.Helper()
	clock, recorded := history.StartClock(), make(chan history.Event, 10)
	engine, err := fault.NewEngine(scenarios.Plan{Faults: []scenarios.Fault{
		{ID: "f", Kind: "abort-transactions", Share: share, Until: scenarios.UntilHeal, Params: json.RawMessage(`{}`)},
	}}, fault.Env{
		Clock: clock, Dice: dice.New(1), Record: func(event history.Event) { recorded <- event },
		Server: func() (fault.Server, error) {
			server, err := shop.Server()
			return fault.Server(server), err
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	engine.Begin(clock.Now())
	run = make(chan error, 1)
	go func() { run <- engine.Run(t.Context()) }()
	return run, func() []history.Event {
		if err := engine.Finish(t.Context()); err != nil {
			t.Error(err)
		}
		close(recorded)
		var all []history.Event
		for event := range recorded {
			all = append(all, event)
		}
		return all
	}
}

// asShop connects as a shop does, which calls itself nothing in particular.
func (s server) asShop(t *testing.T) *sql.DB {
	t.Helper()
	if s.kind == "mysql" {
		return s.open(t)
	}
	connections, err := sql.Open("pgx", s.address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = connections.Close() })
	return connections
}

// session is a connection of the shop's own.
func session(t *testing.T, connections *sql.DB) *sql.Conn {
	t.Helper()
	connection, err := connections.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = connection.Close() }) // it may have been ended
	return connection
}

// halfDone makes one statement of a transaction, waits for as long as any look of the fault takes, and makes the next.
func halfDone(t *testing.T, connections *sql.DB, number int) error {
	t.Helper()
	tx, err := session(t, connections).BeginTx(t.Context(), nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }() // it was committed, or ended
	for n := range 2 {
		if _, err := tx.ExecContext(t.Context(), fmt.Sprintf("INSERT INTO orders VALUES (%d)", 10*number+n)); err != nil {
			return err
		}
		if n == 0 {
			time.Sleep(400 * time.Millisecond)
		}
	}
	return tx.Commit()
}

func TestTransactionsAreAborted(t *testing.T) {
	for _, kind := range []string{"postgres", "mysql"} {
		t.Run(kind, func(t *testing.T) {
			server := startServer(t, kind)
			server.open(t) // waits for it
			connections := server.asShop(t)
			execute(t, connections, "CREATE TABLE orders (id BIGINT)")
			shop := server.shop(t, server.address, map[string]string{"orders": "SELECT id AS " + map[string]string{"postgres": `"order"`, "mysql": "`order`"}[kind] + " FROM orders"})
			t.Run("may not", func(t *testing.T) { server.refused(t, shop) })
			t.Run("all", func(t *testing.T) {
				idle := session(t, connections)
				run, stop := aborting(t, shop, 1)
				reader, err := database(server).open()
				if err != nil {
					t.Fatal(err)
				}
				defer func() { _ = reader.Close() }()
				ours, err := reader.BeginTx(t.Context(), &sql.TxOptions{ReadOnly: true, Isolation: sql.LevelRepeatableRead})
				if err != nil {
					t.Fatal(err)
				}
				readsAlong := func() error { return ours.QueryRowContext(t.Context(), "SELECT count(*) FROM orders").Scan(new(int)) }
				if err := readsAlong(); err != nil {
					t.Fatal(err)
				}
				if err := halfDone(t, connections, 1); err == nil {
					t.Error("a transaction that was open for 400 ms went through")
				}
				if err := readsAlong(); err != nil {
					t.Errorf("the harness's own reading was struck: %v", err)
				}
				if err := idle.PingContext(t.Context()); err != nil {
					t.Errorf("a session without a transaction was struck: %v", err)
				}
				events := stop()
				if err := <-run; err != nil {
					t.Error(err)
				}
				if len(events) != 3 || events[1].Kind != history.FaultAffected || events[1].Key != "transaction" || events[1].Count != 1 {
					t.Errorf("recorded %+v", events)
				}
				if err := halfDone(t, connections, 2); err != nil {
					t.Errorf("after heal: %v", err)
				}
				var orders string
				execute(t, connections, "DELETE FROM orders WHERE id = 20")
				if err := connections.QueryRowContext(t.Context(), "SELECT CONCAT(count(*), ':', min(id)) FROM orders").Scan(&orders); err != nil || orders != "1:21" {
					t.Errorf("orders %q, %v: want both of the second transaction and none of the first", orders, err)
				}
			})
			t.Run("a share", func(t *testing.T) {
				run, stop := aborting(t, shop, 0.5)
				struck := make(chan error, 20)
				for n := range cap(struck) {
					go func() { struck <- halfDone(t, connections, 100+n) }()
				}
				failed := 0
				for range cap(struck) {
					if err := <-struck; err != nil {
						failed++
					}
				}
				events := stop()
				if err := <-run; err != nil {
					t.Error(err)
				}
				if failed < 3 || failed > 17 || len(events) != 3 || events[1].Count != int64(failed) {
					t.Errorf("%d of %d failed, recorded %+v", failed, cap(struck), events)
				}
			})
		})
	}
}

// refused holds a user against the fault who may read the orders and end nobody's session.
func (s server) refused(t *testing.T, shop Shop) {
	t.Helper()
	admin := s.open(t)
	address, want := "", ""
	switch s.kind {
	case "postgres":
		execute(t, admin, "CREATE USER reader PASSWORD '"+serverPassword+"'")
		address, want = strings.Replace(s.address, "shop:", "reader:", 1), "may not end the sessions of shop: let it (GRANT pg_signal_backend, pg_read_all_stats TO it)"
	case "mysql":
		address, want = "reader:"+serverPassword+strings.TrimPrefix(s.address, "shop:"+serverPassword), "GRANT PROCESS"
	}
	was := shop.(*external).secrets.Env["SHOP_DSN"]
	shop.(*external).secrets.Env["SHOP_DSN"] = address
	defer func() { shop.(*external).secrets.Env["SHOP_DSN"] = was }()
	session(t, admin)
	run, stop := aborting(t, shop, 1)
	err := <-run
	if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), serverPassword) {
		t.Errorf("got %v, want it to say %q", err, want)
	}
	stop()
}
