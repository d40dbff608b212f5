package fault

import (
	"context"
	"database/sql"
	"path/filepath"
	"testing"
	"time"

	"github.com/paystorm/paystorm/history"
	"github.com/paystorm/paystorm/scenarios"
)

// shopDatabase is a SQLite file with a write-ahead log, in a folder whose name needs escaping in a URI, and a
// connection that does not wait for locks.
func shopDatabase(t *testing.T) (path string, database *sql.DB) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "shop 100%?.db")
	database, err := sql.Open("sqlite", "file:"+filepath.ToSlash(filepath.Dir(path))+"/shop%20100%25%3F.db?_pragma=busy_timeout(0)")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := database.Close(); err != nil {
			t.Error(err)
		}
	})
	for _, statement := range []string{"PRAGMA journal_mode = WAL", "CREATE TABLE orders (id INTEGER)"} {
		if _, err := database.ExecContext(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
	return path, database
}

func TestLockDatabaseKeepsWritersOut(t *testing.T) {
	for _, mode := range []string{lockExclusive, lockImmediate} {
		t.Run(mode, func(t *testing.T) {
			path, database := shopDatabase(t)
			write := func() error {
				_, err := database.ExecContext(t.Context(), "INSERT INTO orders VALUES (1)")
				return err
			}
			if err := write(); err != nil {
				t.Fatal(err)
			}
			clock := history.StartClock()
			recorded, after := make(chan history.Event, 10), make(chan struct{})
			fault := fault1("lock-database", `{"mode":"`+mode+`"}`)
			engine, err := NewEngine(scenarios.Plan{Faults: []scenarios.Fault{fault}}, Env{
				Clock: clock, Dice: dice0, Record: func(event history.Event) { recorded <- event },
				Database:  func() string { return path },
				AfterLock: func(context.Context) { close(after) },
			})
			if err != nil {
				t.Fatal(err)
			}
			engine.Begin(clock.Now())
			ended := make(chan error, 1)
			go func() { ended <- engine.Run(t.Context()) }()
			if begin, affected := <-recorded, <-recorded; begin.Kind != history.FaultBegin ||
				affected.Kind != history.FaultAffected || affected.Count != 1 {
				t.Errorf("recorded %+v and %+v", begin, affected)
			}
			if err := write(); err == nil {
				t.Error("a write got through the lock")
			}
			var orders int
			if err := database.QueryRowContext(t.Context(), "SELECT count(*) FROM orders").Scan(&orders); err != nil || orders != 1 {
				t.Errorf("a reader saw %d orders, %v: the write-ahead log lets readers pass", orders, err)
			}
			if err := engine.Heal(t.Context()); err != nil {
				t.Fatal(err)
			}
			<-after
			if err := write(); err != nil {
				t.Errorf("after heal: %v", err)
			}
			if err := <-ended; err != nil {
				t.Error(err)
			}
			if end := <-recorded; end.Kind != history.FaultEnd {
				t.Errorf("recorded %+v", end)
			}
		})
	}
}

func TestLockDatabaseWaitsForTheShopsOwnWrite(t *testing.T) {
	path, database := shopDatabase(t)
	own, err := database.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := own.ExecContext(t.Context(), "INSERT INTO orders VALUES (1)"); err != nil {
		t.Fatal(err)
	}
	bounded, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	lock := lockDatabase{Mode: lockExclusive}
	if release, err := lock.Hold(bounded, path); err == nil {
		t.Errorf("the lock was obtained beside the shop's own write; releasing it: %v", release())
	}
	if err := own.Commit(); err != nil {
		t.Fatal(err)
	}
	release, err := lock.Hold(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	if err := release(); err != nil {
		t.Error(err)
	}
}

func TestLockDatabaseMakesNoFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "none.db")
	lock := lockDatabase{Mode: lockExclusive}
	if release, err := lock.Hold(t.Context(), path); err == nil {
		t.Errorf("locked a file that is not there; releasing it: %v", release())
	}
}
