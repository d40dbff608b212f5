package flashshop

import (
	"bytes"
	"context"
	"encoding/binary"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// ownPostgres is a server that a test may stop.
func ownPostgres(t *testing.T) *postgresServer {
	t.Helper()
	if postgresProgram("postgres") == "" {
		without(t, "postgres", "postgresql")
	}
	s, err := startPostgres()
	if s != nil {
		t.Cleanup(func() {
			s.stop()
			_ = os.RemoveAll(s.dir)
		})
	}
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestDatabaseGoneAndBack(t *testing.T) {
	t.Parallel()
	server := ownPostgres(t)
	o := &outlet{t: t, channel: newFakeChannel(t, standardTongue{}), db: server.at("postgres")}
	o.url = balance(t, o.start(quick), o.start(quick))
	o.channel.shop = o.url
	o.sku("phone-x", stock, 0)
	id, pay := o.order()
	c := o.channel.take(pay, 0)
	server.stop()
	for range 3 {
		if status, answer := o.do(http.MethodPost, "/orders", map[string]any{"sku": "phone-x", "buyer": 1}); status != 503 || answer["code"] != "BUSY" {
			t.Errorf("order without a database: %d %v, want 503 BUSY", status, answer)
		}
		if status := o.channel.deliver(o.channel.message("payment.succeeded", c)); status != http.StatusServiceUnavailable {
			t.Errorf("callback without a database: %d, want 503", status)
		}
	}
	if status, _ := o.do(http.MethodGet, "/healthz", nil); status != http.StatusServiceUnavailable {
		t.Errorf("health without a database: %d, want 503", status)
	}
	if err := server.start(); err != nil {
		t.Fatal(err)
	}
	o.becomes(id, paid) // by asking: the callback was refused
	o.paid()
	o.settles()
	o.audit("phone-x", stock)
}

// Without its database the shop does not know how an order stands, and says so.
func TestReadingWithoutADatabase(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name, defect string
		status       int
	}{
		{"busy", "", http.StatusServiceUnavailable},
		{"what was last known, with D44", "D44", http.StatusOK},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			server := ownPostgres(t)
			o := &outlet{t: t, channel: newFakeChannel(t, standardTongue{}), db: server.at("postgres")}
			o.url = o.start(settings{"DEFECTS": row.defect})
			o.channel.shop = o.url
			o.sku("phone-x", stock, 0)
			id, _ := o.order()
			o.wantState(id, pending)
			server.stop()
			status, answer := o.do(http.MethodGet, "/orders/"+id, nil)
			if status != row.status || status == http.StatusOK && answer["state"] != pending {
				t.Errorf("order: %d %v, want %d", status, answer, row.status)
			}
			if status, answer := o.do(http.MethodGet, "/orders/unseen", nil); status != http.StatusServiceUnavailable {
				t.Errorf("an order that was never looked at: %d %v", status, answer)
			}
			if err := server.start(); err != nil {
				t.Fatal(err)
			}
		})
	}
}

func TestShopStartsBeforeItsDatabase(t *testing.T) {
	t.Parallel()
	server := ownPostgres(t)
	server.stop()
	var opening sync.WaitGroup
	opening.Go(func() {
		st, err := openStore(t.Context(), server.at("postgres"), &clock{}, nil)
		if err != nil {
			t.Errorf("open: %v", err)
			return
		}
		_ = st.close()
	})
	sleep(t.Context(), 300*time.Millisecond)
	if err := server.start(); err != nil {
		t.Error(err)
	}
	opening.Wait()
}

// A session may be ended when it has committed, and before the shop has read all that was answered: that is done, and not busy.
func TestSessionEndedAfterItsCommit(t *testing.T) {
	t.Parallel()
	address, books := newDatabase(t)
	behind, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	ending := &endingServer{behind: behind.Host}
	behind.Host = ending.listen(t)
	st, err := openStore(t.Context(), behind.String(), &clock{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = st.close() }()
	done := false
	ending.armed.Store(true)
	err = st.write(t.Context(), nothing, func(ctx context.Context, t tx) error {
		t.after(func(context.Context) { done = true })
		_, err := t.exec(ctx, "CREATE TABLE noted (n BIGINT)")
		return err
	})
	if ending.armed.Load() {
		t.Fatal("no session was ended")
	}
	if err != nil || !done {
		t.Errorf("the transaction told %v, done %v, and the server has committed it", err, done)
	}
	if _, err := books.ExecContext(t.Context(), "INSERT INTO noted VALUES (1)"); err != nil {
		t.Errorf("it was not committed: %v", err)
	}
}

// endingServer stands before a PostgreSQL, and ends a session right behind its next COMMIT, as pg_terminate_backend may.
type endingServer struct {
	behind string
	armed  atomic.Bool
}

func (e *endingServer) listen(t *testing.T) (address string) {
	t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	go func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			server, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", e.behind)
			if err != nil {
				_ = client.Close()
				return
			}
			go func() {
				_, _ = io.Copy(server, client)
				_ = server.Close()
			}()
			go func() {
				e.answer(client, server)
				_ = client.Close()
			}()
		}
	}()
	return listener.Addr().String()
}

func (e *endingServer) answer(client io.Writer, server io.Reader) {
	committed := []byte("C\x00\x00\x00\x0bCOMMIT\x00")
	fields := "SFATAL\x00VFATAL\x00C57P01\x00Mterminating connection due to administrator command\x00\x00"
	buffer := make([]byte, 1<<16)
	for {
		n, err := server.Read(buffer)
		if at := bytes.Index(buffer[:n], committed); at >= 0 && e.armed.CompareAndSwap(true, false) {
			fatal := binary.BigEndian.AppendUint32([]byte{'E'}, uint32(4+len(fields)))
			_, _ = client.Write(slices.Concat(buffer[:at+len(committed)], fatal, []byte(fields)))
			return
		}
		if _, failed := client.Write(buffer[:n]); failed != nil || err != nil {
			return
		}
	}
}
