package flashshop

import (
	"fmt"
	"log/slog"
	"net/http"
	"os/exec"
	"strconv"
	"syscall"
	"testing"

	"github.com/redis/go-redis/v9"
)

// redisServer is a Redis that a test may stop, empty and falsify.
type redisServer struct {
	t      testing.TB
	port   string
	client *redis.Client
	daemon *exec.Cmd
}

func newRedis(t testing.TB) *redisServer {
	t.Helper()
	if _, err := exec.LookPath("redis-server"); err != nil {
		without(t, "redis", "redis-server")
	}
	port, err := freePort()
	if err != nil {
		t.Fatal(err)
	}
	r := &redisServer{t: t, port: port, client: redis.NewClient(&redis.Options{Addr: "127.0.0.1:" + port, MaxRetries: -1})}
	r.start()
	t.Cleanup(func() {
		r.stop()
		_ = r.client.Close()
	})
	return r
}

func (r *redisServer) start() {
	r.t.Helper()
	r.daemon = exec.Command("redis-server", "--port", r.port, "--bind", "127.0.0.1", "--save", "", "--dir", r.t.TempDir())
	r.daemon.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := r.daemon.Start(); err != nil {
		r.t.Fatal(err)
	}
	eventually(r.t, "redis is up", func() bool { return r.client.Ping(r.t.Context()).Err() == nil })
}

func (r *redisServer) stop() {
	_ = r.daemon.Process.Kill()
	_ = r.daemon.Wait()
}

func (r *redisServer) cached() settings {
	return settings{"REDIS_URL": "redis://127.0.0.1:" + r.port}
}

// left is phone-x's counter; -1 if there is none.
func (r *redisServer) left() int64 {
	r.t.Helper()
	text, err := r.client.Get(r.t.Context(), stockKeys("phone-x")[0]).Result()
	if err != nil {
		return -1
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		r.t.Fatal(err)
	}
	return n
}

func (r *redisServer) says(want int64) {
	r.t.Helper()
	eventually(r.t, fmt.Sprintf("the cache says %d", want), func() bool { return r.left() == want })
}

func (r *redisServer) set(units int64) {
	r.t.Helper()
	if err := r.client.Set(r.t.Context(), stockKeys("phone-x")[0], units, 0).Err(); err != nil {
		r.t.Fatal(err)
	}
}

// soldOut orders until there is no more, and counts.
func (o *outlet) soldOut() (orders int64) {
	o.t.Helper()
	for range 3 * stock {
		status, answer := o.post("/orders", map[string]any{"sku": "phone-x", "quantity": 1, "buyer": 1})
		if status == http.StatusConflict && answer["code"] == "SOLD_OUT" {
			return orders
		}
		if status != http.StatusCreated {
			o.t.Fatalf("order: %d %v", status, answer)
		}
		orders++
	}
	o.t.Fatalf("%d orders of %d units", orders, stock)
	return 0
}

func TestCacheCountsWithTheBooks(t *testing.T) {
	t.Parallel()
	r := newRedis(t)
	o := open(t, r.cached(), quick)
	r.says(stock)
	id, _ := o.order()
	r.says(stock - 1)
	o.expire(id)
	o.settles()
	r.says(stock)
}

// However wrong the cache is, exactly what there is can be bought.
func TestWrongCache(t *testing.T) {
	onReplicas := func(t *testing.T, wrong func(r *redisServer)) {
		t.Parallel()
		r := newRedis(t)
		o := onPostgres(t)
		o.url = balance(t, o.start(r.cached()), o.start(r.cached()))
		o.channel.shop = o.url
		o.sku("phone-x", stock, 0)
		r.says(stock)
		for range 5 {
			o.order()
		}
		wrong(r)
		if got := o.soldOut(); got != stock-5 {
			t.Errorf("%d more were sold of %d", got, stock-5)
		}
		o.wantStock(0, stock, 0)
	}
	for _, row := range []struct {
		name  string
		wrong func(*redisServer)
	}{
		{"right", func(*redisServer) {}},
		{"too many, as in a copy of before the orders", func(r *redisServer) { r.set(stock) }},
		{"too few, until it is repaired", func(r *redisServer) {
			r.set(2)
			r.says(stock - 5)
		}},
		{"emptied", func(r *redisServer) { r.client.FlushAll(r.t.Context()) }},
		{"down", func(r *redisServer) { r.stop() }},
		{"restarted, and empty", func(r *redisServer) {
			r.stop()
			r.start()
		}},
	} {
		t.Run(row.name, func(t *testing.T) { onReplicas(t, row.wrong) })
	}
}

// With D41 an empty cache is full shelves, whatever was sold, and the database does not object.
func TestCacheDecides(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name, defect string
		more         int64
	}{
		{"the database does", "", stock - 5},
		{"the cache does, with D41", "D41", stock},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			r := newRedis(t)
			o := open(t, r.cached(), settings{"DEFECTS": row.defect})
			r.says(stock)
			for range 5 {
				o.order()
			}
			r.says(stock - 5)
			r.client.FlushAll(t.Context())
			r.says(row.more)
			if got := o.soldOut(); got != row.more {
				t.Errorf("%d more were sold, want %d", got, row.more)
			}
			o.wantStock(stock-5-row.more, 5+row.more, 0)
		})
	}
}

// What the database did not do is put back; with D25 it is not, and units that are there cannot be bought any more.
func TestBusyDatabaseAndCache(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name, defect string
		lost         int64 // at least
	}{
		{"put back", "", 0},
		{"lost with D25", "D25", 3},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			r := newRedis(t)
			o := open(t, r.cached(), settings{"DEFECTS": row.defect})
			r.says(stock)
			release := holdLock(t, o.db)
			eventually(t, "orders are not made", func() bool {
				if _, answer := o.do(http.MethodPost, "/orders", map[string]any{"sku": "phone-x", "buyer": 1}); answer["code"] != "BUSY" {
					t.Errorf("order: %v, want BUSY", answer)
				}
				return row.lost == 0 || r.left() <= stock-row.lost
			})
			release()
			left := int64(stock)
			if row.lost > 0 {
				left = r.left()
			}
			r.says(left)
			if got := o.soldOut(); got != left {
				t.Errorf("%d could be bought, want %d", got, left)
			}
		})
	}
}

func TestPutBackOnce(t *testing.T) {
	t.Parallel()
	r := newRedis(t)
	c := openCache(&redis.Options{Addr: "127.0.0.1:" + r.port}, nil, slog.New(slog.NewTextHandler(t.Output(), nil)))
	defer func() { _ = c.close() }()
	c.trusted.Store(true)
	r.set(3)
	held, enough := c.take(t.Context(), "phone-x", 2)
	if !enough || r.left() != 1 {
		t.Fatalf("taken: %t, %d left, want 1", enough, r.left())
	}
	for range 2 {
		c.putBack(t.Context(), held)
		if got := r.left(); got != 3 {
			t.Errorf("%d left after putting back, want 3", got)
		}
	}
	if _, enough := c.take(t.Context(), "phone-x", 4); enough {
		t.Error("took 4 of 3")
	}
}
