package flashshop

import (
	"context"
	"database/sql"
	"fmt"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver

	"github.com/paystorm/paystorm/ports"
)

// The tests here start a PostgreSQL of their own, where the machine has its programs, and share it: each shop gets a
// database of its own. PAYSTORM_REQUIRE=postgres says that they must not pass without.

type postgresServer struct {
	address string
	dir     string
	serve   func() *exec.Cmd
	daemon  *exec.Cmd // running

	mutex sync.Mutex
	made  int                // databases
	empty []string           // those of them that no test has; to make one takes the server most of a second when it is busy
	open  map[string]*sql.DB // by name, those that have been looked into; kept, for each connection is a process
}

var (
	thePostgres = sync.OnceValues(func() (*postgresServer, error) {
		postgresWanted.Store(true)
		return startPostgres()
	})
	postgresWanted atomic.Bool
)

// newDatabase is an empty database until the test ends, and a look into it. It skips the test where there is no PostgreSQL.
func newDatabase(t testing.TB) (address string, books *sql.DB) {
	t.Helper()
	if postgresProgram("postgres") == "" {
		without(t, "postgres", "postgresql")
	}
	server, err := thePostgres()
	if err != nil {
		t.Fatal(err)
	}
	name, ready := server.take()
	if !ready {
		server.execute(t, "postgres", "CREATE DATABASE "+name)
	}
	t.Cleanup(func() {
		server.execute(t, name, "DROP SCHEMA public CASCADE; CREATE SCHEMA public")
		server.put(name)
	})
	if books, err = server.books(name); err != nil {
		t.Fatal(err)
	}
	return server.at(name), books
}

func (s *postgresServer) at(database string) string {
	return s.address + "/" + database + "?sslmode=disable"
}

// books are those of a database of this server, beside whoever else uses it.
func (s *postgresServer) books(database string) (*sql.DB, error) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if db := s.open[database]; db != nil {
		return db, nil
	}
	db, err := sql.Open("pgx", s.at(database))
	if err == nil {
		s.open[database] = db
	}
	return db, err
}

func (s *postgresServer) execute(t testing.TB, database, statements string) {
	t.Helper()
	db, err := s.books(database)
	if err != nil {
		t.Fatal(err)
	}
	// A test that has ended has no context any more, and what it left behind may hold a lock.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), 60*time.Second)
	defer cancel()
	if _, err := db.ExecContext(ctx, statements); err != nil {
		t.Fatalf("%s: %v", statements, err)
	}
}

// take is the name of a database that is ready, or is still to be made.
func (s *postgresServer) take() (name string, ready bool) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if last := len(s.empty) - 1; last >= 0 {
		name, s.empty = s.empty[last], s.empty[:last]
		return name, true
	}
	s.made++
	return fmt.Sprint("shop", s.made), false
}

func (s *postgresServer) put(name string) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.empty = append(s.empty, name)
}

// without skips a test for want of a program, or fails it where the run demands it.
func without(t testing.TB, program, pkg string) {
	t.Helper()
	if slices.Contains(strings.Split(os.Getenv("PAYSTORM_REQUIRE"), ","), program) {
		t.Fatalf("there is no %s on this machine, and PAYSTORM_REQUIRE demands it", program)
	}
	t.Skipf("SKIPPED: there is no %s on this machine: install the Debian package %s", program, pkg)
}

func postgresProgram(name string) string {
	found, _ := filepath.Glob(filepath.Join("/usr/lib/postgresql/*/bin", name))
	if len(found) == 0 {
		return ""
	}
	return found[len(found)-1]
}

func startPostgres() (*postgresServer, error) {
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "flashshop-db-") // short, because a socket goes into it, and one that nobody may enter
	if err != nil {
		return nil, err
	}
	s := &postgresServer{dir: dir, address: "postgres://shop@127.0.0.1:" + port, open: map[string]*sql.DB{}}
	as, err := nobody(dir)
	if err != nil {
		return s, err
	}
	data := filepath.Join(dir, "data")
	initdb := exec.Command(postgresProgram("initdb"), "-D", data, "-U", "shop", "-A", "trust", "--no-sync", "-E", "UTF8")
	initdb.SysProcAttr, initdb.Dir = &syscall.SysProcAttr{Credential: as}, dir
	if output, err := initdb.CombinedOutput(); err != nil {
		return s, fmt.Errorf("initdb: %w\n%s", err, output)
	}
	s.serve = func() *exec.Cmd {
		daemon := exec.Command(postgresProgram("postgres"), "-D", data, "-h", "127.0.0.1", "-p", port, "-k", dir, "-F", "-c", "max_connections=500")
		daemon.SysProcAttr, daemon.Dir = &syscall.SysProcAttr{Credential: as, Setpgid: true}, dir
		return daemon
	}
	return s, s.start()
}

func (s *postgresServer) start() error {
	s.daemon = s.serve()
	if err := s.daemon.Start(); err != nil {
		return err
	}
	return s.up()
}

// stop ends the server at once, and leaves no shared memory segment behind.
func (s *postgresServer) stop() {
	if s.daemon != nil && s.daemon.Process != nil {
		_ = s.daemon.Process.Signal(syscall.SIGQUIT)
		_ = s.daemon.Wait()
	}
}

// up waits until the server takes connections.
func (s *postgresServer) up() error {
	db, err := sql.Open("pgx", s.address+"/postgres?connect_timeout=1")
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }()
	ctx, cancel := context.WithTimeout(context.Background(), 60*time.Second)
	defer cancel()
	for {
		if err = db.PingContext(ctx); err == nil || !sleep(ctx, 50*time.Millisecond) {
			return err
		}
	}
}

// stopPostgres ends the server that the tests share, if one of them has wanted it.
func stopPostgres() {
	if !postgresWanted.Load() {
		return
	}
	if s, _ := thePostgres(); s != nil {
		for _, db := range s.open {
			_ = db.Close()
		}
		s.stop()
		_ = os.RemoveAll(s.dir)
	}
}

// nobody is whom a server runs as that refuses to be root, and whose folder is; nil if we are not root ourselves.
func nobody(dir string) (*syscall.Credential, error) {
	if os.Getuid() != 0 {
		return nil, nil
	}
	who, err := user.Lookup("nobody")
	if err != nil {
		return nil, err
	}
	uid, _ := strconv.Atoi(who.Uid)
	gid, _ := strconv.Atoi(who.Gid)
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, os.Chown(dir, uid, gid)
}

// freePort is below the ephemeral range: a server that a test stops must get its port back when it starts again.
func freePort() (string, error) {
	port, err := ports.Free(context.Background(), "127.0.0.1")
	return strconv.Itoa(port), err
}

// balance hands requests to the shops in turn.
func balance(t testing.TB, shops ...string) string {
	t.Helper()
	targets := make([]*url.URL, len(shops))
	for i, shop := range shops {
		var err error
		if targets[i], err = url.Parse(shop); err != nil {
			t.Fatal(err)
		}
	}
	var turn atomic.Int64
	server := httptest.NewServer(&httputil.ReverseProxy{
		Rewrite:   func(r *httputil.ProxyRequest) { r.SetURL(targets[int(turn.Add(1))%len(targets)]) },
		Transport: client.Transport,
	})
	t.Cleanup(server.Close)
	return server.URL
}
