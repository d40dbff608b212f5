package flashshop

import (
	"net/http"
	"os"
	"sync"
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
