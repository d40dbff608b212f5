package flashshop

import (
	"database/sql"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"
)

func TestOrderIsPaidOnce(t *testing.T) {
	everywhere(t, func(t *testing.T, open opener) {
		o := open(t)
		id, pay := o.order()
		o.wantState(id, pending)
		o.wantStock(stock-1, 1, 0)
		o.channel.take(pay, 0)
		for range 3 { // sequential duplicates
			if status := o.channel.deliverUntilTaken(o.channel.message("payment.succeeded", o.channel.take(pay, 0))); status != http.StatusNoContent {
				t.Fatalf("callback: %d", status)
			}
		}
		o.wantState(id, paid)
		o.audit("phone-x", stock)
		eventually(t, "one mail", func() bool {
			o.channel.mu.Lock()
			defer o.channel.mu.Unlock()
			return len(o.channel.mails) == 1 && strings.Contains(o.channel.mails[0], `"key":"order-confirmation:`+id+`"`)
		})
	})
}

func TestOrderAnswers(t *testing.T) {
	onBoth(t, func(t *testing.T, open opener) {
		o := open(t)
		o.sku("ring", 3, 1)
		for _, step := range []struct {
			name   string
			body   map[string]any
			status int
			code   string
		}{
			{"unknown sku", map[string]any{"sku": "x", "quantity": 1, "buyer": 1}, 404, "UNKNOWN_SKU"},
			{"no buyer", map[string]any{"sku": "ring", "quantity": 1}, 400, "INVALID"},
			{"no unit", map[string]any{"sku": "ring", "quantity": 0, "buyer": 1}, 400, "INVALID"},
			{"too many at once", map[string]any{"sku": "ring", "quantity": 2, "buyer": 1}, 409, "LIMIT"},
			{"first", map[string]any{"sku": "ring", "quantity": 1, "buyer": 1}, 201, ""},
			{"same buyer, as a string", map[string]any{"sku": "ring", "quantity": 1, "buyer": "1"}, 409, "LIMIT"},
			{"second buyer", map[string]any{"sku": "ring", "quantity": 1, "buyer": 2, "ref": "r2"}, 201, ""},
			{"same ref", map[string]any{"sku": "ring", "quantity": 1, "buyer": 2, "ref": "r2"}, 200, ""},
			{"third", map[string]any{"sku": "ring", "quantity": 1, "buyer": 3}, 201, ""},
			{"fourth", map[string]any{"sku": "ring", "quantity": 1, "buyer": 4}, 409, "SOLD_OUT"},
			{"too large", map[string]any{"sku": "phone-x", "quantity": stock + 1, "buyer": 4}, 409, "SOLD_OUT"},
		} {
			status, answer := o.post("/orders", step.body)
			if code, _ := answer["code"].(string); status != step.status || code != step.code {
				t.Errorf("%s: %d %v, want %d %s", step.name, status, answer, step.status, step.code)
			}
		}
		if n := o.number(`SELECT count(*) FROM orders`); n != 3 {
			t.Errorf("%d orders, want 3", n)
		}
	})
}

func TestDoubleClickGetsOneOrderAndOnePayment(t *testing.T) {
	onBoth(t, func(t *testing.T, open opener) {
		o := open(t)
		var clicks sync.WaitGroup
		ids, payments := make([]any, 8), make([]any, 8)
		for i := range ids {
			clicks.Go(func() {
				status, answer := o.post("/orders", map[string]any{"sku": "phone-x", "quantity": 1, "buyer": 1, "ref": "click"})
				if status != http.StatusCreated && status != http.StatusOK {
					t.Errorf("click: %d %v", status, answer)
				}
				ids[i], payments[i] = answer["id"], answer["payment_id"]
			})
		}
		clicks.Wait()
		for i := range ids {
			if ids[i] != ids[0] || payments[i] != payments[0] {
				t.Errorf("click %d: order %v payment %v, want %v %v", i, ids[i], payments[i], ids[0], payments[0])
			}
		}
		if got := o.channel.called(opCreate); got < 1 || got > o.replicas {
			t.Errorf("%d create requests of %d replicas, want one of each at most", got, o.replicas)
		}
		if made, _ := o.channel.made(); len(made) != 1 {
			t.Errorf("%d payments at the channel, want 1", len(made))
		}
		o.wantStock(stock-1, 1, 0)
	})
}

func TestLostAnswersMakeOnePayment(t *testing.T) {
	const always = 0 // until the order is answered
	everywhere(t, func(t *testing.T, open opener) {
		for _, row := range []struct {
			name   string
			fault  fault
			times  int
			status int
			limit  settings // of a call; a try that is to succeed must do so on a busy machine too
		}{
			{"one lost by timeout", fault{hang: true}, 1, http.StatusCreated, patient},
			{"one lost by reset", fault{lose: true}, 1, http.StatusCreated, patient},
			{"one refused before it was processed", fault{refuse: 503}, 1, http.StatusCreated, patient},
			{"all tries lost", fault{hang: true}, always, http.StatusAccepted, curt},
			{"all tries refused", fault{refuse: 503}, always, http.StatusAccepted, curt},
		} {
			t.Run(row.name, func(t *testing.T) {
				t.Parallel()
				o := open(t, quick, row.limit)
				o.channel.goesWrong(func(op string, nth int) fault {
					if op == opCreate && (row.times == always || nth <= row.times) {
						return row.fault
					}
					return fault{}
				})
				status, answer := o.post("/orders", map[string]any{"sku": "phone-x", "quantity": 1, "buyer": 1})
				if status != row.status {
					t.Fatalf("POST /orders: %d %v, want %d", status, answer, row.status)
				}
				o.channel.goesWrong(nil)
				id := answer["id"].(string)
				eventually(t, "a payment", func() bool {
					_, answer = o.do(http.MethodGet, "/orders/"+id, nil)
					return answer["payment_id"] != ""
				})
				if made, _ := o.channel.made(); len(made) != 1 {
					t.Errorf("%d payments at the channel, want 1", len(made))
				}
				o.channel.pay(answer["payment_id"].(string))
				o.wantState(id, paid)
				o.settles()
				o.audit("phone-x", stock)
			})
		}
	})
}

func TestDefiniteRefusalEndsTheAttempt(t *testing.T) {
	everywhere(t, func(t *testing.T, open opener) {
		o := open(t, quick, settings{"ORDER_EXPIRY": "600ms"})
		o.channel.goesWrong(func(op string, _ int) fault {
			if op == opCreate {
				return fault{refuse: http.StatusBadRequest}
			}
			return fault{}
		})
		status, answer := o.post("/orders", map[string]any{"sku": "phone-x", "quantity": 1, "buyer": 1})
		if status != http.StatusAccepted {
			t.Fatalf("POST /orders: %d %v", status, answer)
		}
		o.becomes(answer["id"].(string), closed)
		o.wantStock(stock, 0, 0)
	})
}

func TestCallbackBeforeTheAnswer(t *testing.T) {
	everywhere(t, func(t *testing.T, open opener) {
		o := open(t, quick)
		o.channel.early = func(c charge) {
			if status := o.channel.pay(c.ID); status != http.StatusNoContent {
				t.Errorf("early callback: %d", status)
			}
		}
		id, pay := o.order()
		o.wantState(id, paid)
		o.settles()
		o.audit("phone-x", stock)
		if _, answer := o.do(http.MethodGet, "/orders/"+id, nil); answer["payment_id"] != pay || pay == "" {
			t.Errorf("payment %q, want %q", answer["payment_id"], pay)
		}
	})
}

func TestLockedDatabase(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name     string
		set      settings
		callback int
	}{
		{"nothing done is said so", nil, http.StatusServiceUnavailable},
		{"D06 acknowledges", settings{"DEFECTS": "D06"}, http.StatusNoContent},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			o := open(t, row.set)
			id, pay := o.order()
			release := holdLock(t, o.db)
			if status, answer := o.do(http.MethodPost, "/orders", map[string]any{"sku": "phone-x", "buyer": 1}); status != 503 || answer["code"] != "BUSY" {
				t.Errorf("POST /orders: %d %v, want 503 BUSY", status, answer)
			}
			good := o.channel.message("payment.succeeded", o.channel.take(pay, 0))
			if status := o.channel.deliver(good); status != row.callback {
				t.Errorf("callback: %d, want %d", status, row.callback)
			}
			o.wantState(id, pending) // and reading goes on
			release()
			if status := o.channel.deliverUntilTaken(good); status != http.StatusNoContent {
				t.Errorf("callback after the lock: %d", status)
			}
			o.wantState(id, paid)
			if n := o.number(`SELECT count(*) FROM orders`); n != 1 {
				t.Errorf("%d orders, want 1", n)
			}
		})
	}
}

// holdLock holds the database's write lock, as another process would, until released.
func holdLock(t *testing.T, path string) (release func()) {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+path+"?_pragma=busy_timeout(2000)")
	if err != nil {
		t.Fatal(err)
	}
	conn, err := db.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := conn.ExecContext(t.Context(), "BEGIN EXCLUSIVE"); err != nil {
		t.Fatal(err)
	}
	return func() {
		if _, err := conn.ExecContext(t.Context(), "ROLLBACK"); err != nil {
			t.Error(err)
		}
		_, _ = conn.Close(), db.Close()
	}
}

func TestStartWaitsForTheDatabase(t *testing.T) {
	t.Parallel()
	path := t.TempDir() + "/shop.db"
	st, err := openStore(t.Context(), path, &clock{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := st.close(); err != nil {
		t.Fatal(err)
	}
	release := holdLock(t, path)
	timer := time.AfterFunc(400*time.Millisecond, release)
	defer timer.Stop()
	if st, err = openStore(t.Context(), path, &clock{}, defects{"D01": true}); err != nil { // it drops an index, so it must write
		t.Fatal(err)
	}
	if err := st.close(); err != nil {
		t.Fatal(err)
	}
}

func TestConfiguration(t *testing.T) {
	for _, row := range []struct{ name, key, value, want string }{
		{"missing", "MERCHANT", "", "MERCHANT is not set"},
		{"no duration", "QUERY_AFTER", "soon", `QUERY_AFTER="soon"`},
		{"negative", "ORDER_EXPIRY", "-1s", `ORDER_EXPIRY="-1s"`},
		{"unknown defect", "DEFECTS", "D02,D99", `no defect "D99"`},
		{"no such provider", "PROVIDER", "cash", `PROVIDER: there is no provider "cash"`},
		{"no certificates", "CHANNEL_CA", "orders_test.go", "CHANNEL_CA: orders_test.go has no certificate"},
		{"secret", "CALLBACK_SECRET", "whsec_%", "CALLBACK_SECRET"},
	} {
		t.Run(row.name, func(t *testing.T) {
			env := map[string]string{
				"CHANNEL_URL": "http://127.0.0.1:1", "CHANNEL_KEY": "k", "CALLBACK_SECRET": testSecret, "MERCHANT": "m",
				"CALLBACK_URL": "http://127.0.0.1:1",
			}
			env[row.key], env["REFUND_RETRY"] = row.value, "never" // and what else is wrong is told, too
			err := Main(t.Context(), func(name string) string { return env[name] }, t.Output(), t.Output())
			if err == nil || !strings.Contains(err.Error(), row.want) || !strings.Contains(err.Error(), "REFUND_RETRY") {
				t.Errorf("error %v, want one with %q", err, row.want)
			}
		})
	}
}

// A buyer who is back from the provider's page need not wait for the callback.
func TestReturnFromTheProvider(t *testing.T) {
	everywhere(t, func(t *testing.T, open opener) {
		o := open(t)
		id, pay := o.order()
		if status, answer := o.post("/orders/"+id+"/return", nil); status != http.StatusOK || answer["state"] != pending {
			t.Errorf("unpaid: %d %v", status, answer)
		}
		good := o.channel.message("payment.succeeded", o.channel.take(pay, 0))
		for range 2 {
			if status, answer := o.post("/orders/"+id+"/return", nil); status != http.StatusOK || answer["state"] != paid {
				t.Errorf("paid: %d %v", status, answer)
			}
		}
		if status := o.channel.deliverUntilTaken(good); status != http.StatusNoContent {
			t.Errorf("callback: %d", status)
		}
		if status, _ := o.post("/orders/none/return", nil); status != http.StatusNotFound {
			t.Errorf("no order: %d", status)
		}
		o.audit("phone-x", stock)
	})
}

// The callback comes while the provider is asked for a buyer who is back.
func TestReturnAndCallback(t *testing.T) {
	everywhere(t, func(t *testing.T, open opener) {
		for _, row := range []struct {
			name, defect string
			grants       int64
		}{
			{"complete the order once", "", 1},
			{"complete it twice with D03", "D03", 2},
		} {
			t.Run(row.name, func(t *testing.T) {
				t.Parallel()
				o := open(t, settings{"DEFECTS": row.defect})
				id, pay := o.order()
				good := o.channel.message("payment.succeeded", o.channel.take(pay, 0))
				o.channel.goesWrong(func(op string, nth int) fault {
					if (op == opList || op == opQuery) && nth == 1 {
						return fault{meanwhile: func() { o.channel.deliverUntilTaken(good) }}
					}
					return fault{}
				})
				if status, answer := o.post("/orders/"+id+"/return", nil); status != http.StatusOK || answer["state"] != paid {
					t.Errorf("back: %d %v", status, answer)
				}
				eventually(t, "points", func() bool { return o.number(`SELECT count(*) FROM grants WHERE order_id = ?`, id) == row.grants })
			})
		}
	})
}
