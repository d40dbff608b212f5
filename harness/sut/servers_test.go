package sut

import (
	"context"
	"database/sql"
	"fmt"
	"maps"
	"net"
	"os"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/paystorm/paystorm/history"
	"github.com/paystorm/paystorm/internal/dbtest"
	"github.com/paystorm/paystorm/ports"
	"github.com/paystorm/paystorm/scenarios"
)

const serverPassword = "marked-password-2b7e"

// server is a database server that lives as long as a test.
type server struct {
	kind    string // the probe's key
	address string // with the password in it
}

func startServer(t *testing.T, kind string) server {
	t.Helper()
	port, err := ports.Free(t.Context(), "127.0.0.1")
	if err != nil {
		t.Fatal(err)
	}
	dir := dbtest.Dir(t)
	data, at := filepath.Join(dir, "data"), strconv.Itoa(port)
	started := server{kind: kind}
	switch kind {
	case "postgres":
		programs := filepath.Dir(dbtest.Program(t, "postgres", "/usr/lib/postgresql/*/bin"))
		secret := filepath.Join(dir, "password")
		if err := os.WriteFile(secret, []byte(serverPassword), 0o644); err != nil {
			t.Fatal(err)
		}
		dbtest.Run(t, dir, filepath.Join(programs, "initdb"), "-D", data, "-U", "shop", "-A", "scram-sha-256", "--pwfile", secret, "--no-sync", "-E", "UTF8")
		dbtest.Serve(t, dir, filepath.Join(programs, "postgres"), "-D", data, "-h", "127.0.0.1", "-p", at, "-k", dir, "-F")
		started.address = "postgres://shop:" + serverPassword + "@127.0.0.1:" + at + "/postgres"
	case "mysql":
		daemon := dbtest.Program(t, "mariadbd", "/usr/sbin")
		dbtest.Run(t, dir, dbtest.Program(t, "mariadb-install-db", "/usr/bin"), "--no-defaults", "--datadir="+data, "--auth-root-authentication-method=normal", "--skip-test-db")
		first := filepath.Join(dir, "first.sql")
		grant := "CREATE DATABASE shop;\nCREATE USER shop@'127.0.0.1' IDENTIFIED BY '" + serverPassword + "';\nGRANT ALL ON shop.* TO shop@'127.0.0.1';\n" +
			"GRANT PROCESS ON *.* TO shop@'127.0.0.1';\nCREATE USER reader@'127.0.0.1' IDENTIFIED BY '" + serverPassword + "';\nGRANT SELECT ON shop.* TO reader@'127.0.0.1';\n"
		if err := os.WriteFile(first, []byte(grant), 0o644); err != nil {
			t.Fatal(err)
		}
		dbtest.Serve(t, dir, daemon, "--no-defaults", "--datadir="+data, "--bind-address=127.0.0.1", "--port="+at,
			"--socket="+filepath.Join(dir, "socket"), "--pid-file="+filepath.Join(dir, "pid"), "--init-file="+first, "--skip-name-resolve")
		started.address = "shop:" + serverPassword + "@tcp(127.0.0.1:" + at + ")/shop"
	}
	return started
}

// open connects to the server, as its shop would, once it is up.
func (s server) open(t *testing.T) *sql.DB {
	t.Helper()
	connections, err := database(s).open()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = connections.Close() })
	deadline := time.Now().Add(60 * time.Second)
	for {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		err := connections.PingContext(ctx)
		cancel()
		if err == nil {
			return connections
		}
		if time.Now().After(deadline) {
			t.Fatalf("the server does not come up: %v", err)
		}
		<-time.After(50 * time.Millisecond)
	}
}

// shop is a shop that keeps its books on the server, and names the address by its environment.
func (s server) shop(t *testing.T, address string, queries map[string]string) Shop {
	t.Helper()
	probes := map[string]scenarios.Probe{}
	for table, query := range queries {
		probe := scenarios.Probe{Query: query}
		if template := `{{ env "SHOP_DSN" }}`; s.kind == "postgres" {
			probe.Postgres = template
		} else {
			probe.MySQL = template
		}
		probes[table] = probe
	}
	shop, err := Start(t.Context(), Config{
		System: scenarios.System{
			Name: "s", Launch: scenarios.Launch{External: &scenarios.External{URL: "http://127.0.0.1:1"}},
			States: map[string]string{"PAID": "paid", "SENT": "shipped"}, Probes: probes,
		},
		RunDir: t.TempDir(), Clock: history.StartClock(), Record: func(history.Event) {},
		Secrets: scenarios.Secrets{Env: map[string]string{"SHOP_DSN": address}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return shop
}

func TestReadServers(t *testing.T) {
	quotes := map[string]string{"postgres": `"`, "mysql": "`"}
	for _, kind := range []string{"postgres", "mysql"} {
		t.Run(kind, func(t *testing.T) {
			server := startServer(t, kind)
			connections := server.open(t)
			for _, statement := range []string{
				"CREATE TABLE skus (sku VARCHAR(20), available INTEGER, reserved BIGINT, sold NUMERIC(10, 0))",
				"CREATE TABLE orders (id BIGINT, buyer INTEGER, minor BIGINT, state VARCHAR(20), gift BOOLEAN)",
				"INSERT INTO skus VALUES ('b', 1, 2, 3), ('a', 4, 5, NULL)",
				"INSERT INTO orders VALUES (7, 17, 9007199254740993, 'PAID', true), (5, 3, 100, 'SENT', false)",
			} {
				execute(t, connections, statement)
			}
			order := quotes[kind] + "order" + quotes[kind]
			queries := map[string]string{
				"stock":  "SELECT * FROM skus",
				"orders": "SELECT id AS " + order + ", buyer, minor, state, gift AS quantity FROM orders",
			}
			t.Run("rows", func(t *testing.T) {
				want := history.Books{
					Stock:  []history.StockRow{{SKU: "a", Available: 4, Reserved: 5}, {SKU: "b", Available: 1, Reserved: 2, Sold: 3}},
					Orders: []history.OrderRow{{Order: "5", Buyer: "3", Minor: 100, State: history.OrderShipped}, {Order: "7", Buyer: "17", Quantity: 1, Minor: 9007199254740993, State: history.OrderPaid}},
				}
				reading := read(t, server.shop(t, server.address, queries))
				if len(reading.Errors) > 0 || !reflect.DeepEqual(reading.Books, want) {
					t.Fatalf("errors %q\n got %+v\nwant %+v", reading.Errors, reading.Books, want)
				}
			})
			t.Run("a wrong query spoils no other", func(t *testing.T) {
				wrong := maps.Clone(queries)
				wrong["coupons"], wrong["grants"], wrong["refunds"] = "SELECT * FROM copuons", "SELECT 1/0 FROM nowhere", "SELEC"
				reading := read(t, server.shop(t, server.address, wrong))
				if len(reading.Books.Stock) != 2 || len(reading.Books.Orders) != 2 || len(reading.Errors) != 3 {
					t.Fatalf("errors %q, books %+v", reading.Errors, reading.Books)
				}
				for _, told := range reading.Errors {
					if strings.Contains(told, "aborted") {
						t.Errorf("the error of another query: %s", told)
					}
				}
			})
			t.Run("reads only", func(t *testing.T) {
				reading := read(t, server.shop(t, server.address, map[string]string{"inbox": "DELETE FROM orders"}))
				if len(reading.Errors) != 1 || !strings.Contains(strings.ToLower(reading.Errors[0]), "read-only") && !strings.Contains(strings.ToLower(reading.Errors[0]), "read only") {
					t.Fatalf("errors %q", reading.Errors)
				}
			})
			t.Run("errors have no password", func(t *testing.T) {
				server.redacts(t, queries)
			})
			t.Run("one snapshot", func(t *testing.T) {
				oneSnapshot(t, connections, server.shop(t, server.address, queries))
			})
		})
	}
}

// redacts makes addresses fail in every way there is, and looks for the password in what is said.
func (s server) redacts(t *testing.T, queries map[string]string) {
	host, port, _ := net.SplitHostPort(s.address[strings.LastIndexAny(s.address, "@(")+1 : strings.LastIndexAny(s.address, ")/")])
	for name, address := range map[string]string{
		"wrong password": strings.Replace(s.address, serverPassword, serverPassword+"-wrong", 1),
		"nobody there":   strings.Replace(s.address, port, "1", 1),
		"no address":     strings.Replace(s.address, host, "[::", 1),
		"no database":    s.address + "x",
	} {
		t.Run(name, func(t *testing.T) {
			shop := s.unchecked(t, address, queries)
			reading := read(t, shop)
			if len(reading.Errors) != 2 {
				t.Fatalf("errors %q", reading.Errors)
			}
			for _, told := range reading.Errors {
				if strings.Contains(told, serverPassword) {
					t.Errorf("a password in %q", told)
				}
			}
		})
	}
}

// unchecked is a shop whose address became wrong after it was started.
func (s server) unchecked(t *testing.T, address string, queries map[string]string) Shop {
	t.Helper()
	shop := s.shop(t, s.address, queries)
	shop.(*external).secrets.Env["SHOP_DSN"] = address
	return shop
}

// oneSnapshot reads while the shop sells, one order and one unit at a time.
func oneSnapshot(t *testing.T, connections *sql.DB, shop Shop) {
	t.Helper()
	execute(t, connections, "DELETE FROM orders")
	execute(t, connections, "DELETE FROM skus")
	execute(t, connections, "INSERT INTO skus VALUES ('a', 100000, 0, 0)")
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		for n := 0; ctx.Err() == nil; n++ {
			if err := sell(context.WithoutCancel(ctx), connections, n); err != nil {
				done <- err
				return
			}
		}
		done <- nil
	}()
	orders := 0
	for deadline := time.Now().Add(10 * time.Second); orders < 100 && time.Now().Before(deadline); {
		reading := read(t, shop)
		if len(reading.Errors) > 0 || int(reading.Books.Stock[0].Sold) != len(reading.Books.Orders) {
			t.Fatalf("%+v sold, %d orders, %q", reading.Books.Stock, len(reading.Books.Orders), reading.Errors)
		}
		orders = len(reading.Books.Orders)
	}
	cancel()
	if err := <-done; err != nil || orders < 100 {
		t.Fatalf("%v after %d orders", err, orders)
	}
}

func sell(ctx context.Context, connections *sql.DB, number int) error {
	tx, err := connections.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	for _, statement := range []string{
		fmt.Sprintf("INSERT INTO orders VALUES (%d, 1, 1, 'PAID', false)", number),
		"UPDATE skus SET available = available - 1, sold = sold + 1",
	} {
		if _, err := tx.ExecContext(ctx, statement); err != nil {
			return err
		}
	}
	return tx.Commit()
}
