package flashshop

import (
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// Messages that nothing in the ledger justifies: what is answered, and that nothing happens. With the defect the same
// message does what it claims.
func TestUnjustifiedMessages(t *testing.T) {
	everywhere(t, func(t *testing.T, open opener) {
		o := open(t, quick)
		const otherSecret = "whsec_b3RoZXItb3RoZXItb3RoZXItb3RoZXI="
		for _, row := range []struct {
			name   string
			spoil  func(*message)
			status int
			defect string // with which it pays the order
			posted bool   // which needs a provider that posts to the order's address
			but    string // a provider that cannot say it
		}{
			{"no signature", func(m *message) { m.secret = "" }, http.StatusUnauthorized, "D09", false, ""},
			{"wrong key", func(m *message) { m.secret = otherSecret }, http.StatusUnauthorized, "", false, ""},
			{"other merchant", func(m *message) { m.n.Data.Merchant = "m-2" }, http.StatusUnprocessableEntity, "D11", false, ""},
			{"other order's address", func(m *message) { m.n.Data.Order = "o-2" }, http.StatusUnprocessableEntity, "D11", true, ""},
			{"unknown order", func(m *message) { m.n.Data.Order, m.address = "o-2", "o-2" }, http.StatusNotFound, "", false, ""},
			{"no payment", func(m *message) { m.n.Data.Payment = "" }, http.StatusBadRequest, "", false, ""},
			{"wrong amount", func(m *message) { m.n.Data.AmountMinor = 1 }, http.StatusNoContent, "D10", false, ""},
			{"wrong currency", func(m *message) { m.n.Data.Currency = "JPY" }, http.StatusNoContent, "D10", false, "alipay"},
			{"another type", func(m *message) { m.id, m.n.Type = "other", "payment.new" }, http.StatusNoContent, "", false, ""},
		} {
			if row.but == o.channel.tongue.name() {
				continue
			}
			t.Run(row.name, func(t *testing.T) {
				asked := o.channel.called(opList)
				id, pay, status := unjustified(o, row.spoil)
				exact := o.channel.tongue == standardTongue{} // others have their own reasons for a no
				if status != row.status && exact || (status == http.StatusNoContent) != (row.status == http.StatusNoContent) {
					t.Errorf("answered %d, want %d", status, row.status)
				}
				eventually(t, "asked again", func() bool { return o.channel.called(opList) > asked+1 })
				o.wantState(id, pending)
				if got := o.channel.pay(pay); got != http.StatusNoContent { // the true one still comes, under the same id
					t.Errorf("true message answered %d", got)
				}
				o.wantState(id, paid)
			})
			if row.defect == "" || row.posted && !o.channel.tongue.addressed() {
				continue
			}
			t.Run(row.name+" with "+row.defect, func(t *testing.T) {
				o := open(t, settings{"DEFECTS": row.defect})
				id, _, status := unjustified(o, row.spoil)
				if status != http.StatusNoContent {
					t.Errorf("answered %d", status)
				}
				o.wantState(id, paid)
			})
		}
		o.settles()
		o.audit("phone-x", stock)
	})
}

// unjustified delivers a success that nobody has paid for, spoilt.
func unjustified(o *outlet, spoil func(*message)) (id, pay string, status int) {
	id, pay = o.order()
	o.channel.mu.Lock()
	claimed := *o.channel.charge(pay)
	o.channel.mu.Unlock()
	claimed.CapturedMinor = claimed.AmountMinor
	m := o.channel.message("payment.succeeded", claimed)
	spoil(&m)
	return id, pay, o.channel.deliver(m)
}

// The whole true message of an order that is paid, posted to the address of one that is not, or naming that one.
func TestMessageOfAnotherOrder(t *testing.T) {
	everywhere(t, func(t *testing.T, open opener) {
		for _, row := range []struct {
			name, defect string
			naming       bool
			want         string
		}{
			{"posted to it", "", false, pending},
			{"naming it", "", true, pending},
			{"posted to it, with D11", "D11", false, paid},
			{"naming it, with D11", "D11", true, paid},
		} {
			t.Run(row.name, func(t *testing.T) {
				t.Parallel()
				o := open(t, settings{"DEFECTS": row.defect})
				if speaks := o.channel.tongue; row.naming && !speaks.naming() || !row.naming && !speaks.addressed() {
					return
				}
				_, pay := o.paid()
				victim, _ := o.order()
				m := o.channel.message("payment.succeeded", o.channel.take(pay, 0))
				m.id, m.address = "forged", victim
				if row.naming {
					m.n.Data.Order = victim
				}
				if status := o.channel.deliver(m); (status == http.StatusNoContent) != (row.defect != "") {
					t.Errorf("answered %d", status)
				}
				o.wantState(victim, row.want)
			})
		}
	})
}

func TestDuplicates(t *testing.T) {
	everywhere(t, func(t *testing.T, open opener) {
		const orders, copies = 3, 6
		for _, row := range []struct {
			name, defect string
			burst        bool
			grants       func(int64) bool
			sold         int64
		}{
			{"in sequence", "", false, func(n int64) bool { return n == orders }, orders},
			{"in a burst", "", true, func(n int64) bool { return n == orders }, orders},
			{"in sequence with D01", "D01", false, func(n int64) bool { return n == orders*copies }, orders},
			{"in sequence with D02", "D02", false, func(n int64) bool { return n == orders }, orders},
			{"in a burst with D02", "D02", true, func(n int64) bool { return n > orders }, orders},
			{"in sequence with D22", "D22", false, func(n int64) bool { return n == orders }, orders * copies},
		} {
			t.Run(row.name, func(t *testing.T) {
				t.Parallel()
				o := open(t, crowded, settings{"DEFECTS": row.defect})
				for range orders {
					id, pay := o.order()
					good := o.channel.message("payment.succeeded", o.channel.take(pay, 0))
					deliver := func() {
						if status := o.channel.deliverUntilTaken(good); status != http.StatusNoContent {
							t.Errorf("callback: %d", status)
						}
					}
					var burst sync.WaitGroup
					for range copies {
						if row.burst {
							burst.Go(deliver)
						} else {
							deliver()
						}
					}
					burst.Wait()
					o.wantState(id, paid)
				}
				n := o.number(`SELECT count(*) FROM grants`)
				t.Logf("%d grants of %d orders", n, orders)
				if !row.grants(n) {
					t.Error("not as it should be")
				}
				o.wantStock(stock-row.sold, 0, row.sold)
			})
		}
	})
}

// A provider that waits for no handler sends the message again while the first one waits for the database.
func TestSentAgainWhileTheFirstIsInWork(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name, defect string
		grants       int64
		rounds       int // in all of which it is done once, or in one of which it is not
	}{
		{"done once", "", 1, 1},
		{"done twice with D34", "D34", 2, 10},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			o := open(t, settings{"DEFECTS": row.defect})
			got := int64(0)
			for round := 0; round < row.rounds && got != row.grants; round++ {
				id, pay := o.order()
				good := o.channel.message("payment.succeeded", o.channel.take(pay, 0))
				release := holdLock(t, o.db)
				var sent sync.WaitGroup
				for range 2 {
					sent.Go(func() { o.channel.deliver(good) })
				}
				sleep(t.Context(), time.Second) // on a slow machine the second one may still be on its way
				release()
				sent.Wait()
				if status := o.channel.deliverUntilTaken(good); status != http.StatusNoContent {
					t.Errorf("callback after the lock: %d", status)
				}
				got = o.number(`SELECT count(*) FROM grants WHERE order_id = ?`, id)
			}
			if got != row.grants {
				t.Errorf("%d grants, want %d", got, row.grants)
			}
		})
	}
}

func TestUnitsOfAClosedOrder(t *testing.T) {
	for _, row := range []struct {
		name, defect string
		held         int64
	}{
		{"are on sale again", "", 0},
		{"are held for ever with D23", "D23", 1},
	} {
		t.Run(row.name, func(t *testing.T) {
			onBoth(t, func(t *testing.T, open opener) {
				o := open(t, quick, settings{"DEFECTS": row.defect})
				id, _ := o.order()
				o.expire(id)
				o.becomes(id, closed)
				o.wantStock(stock-row.held, row.held, 0)
			})
		})
	}
}

func TestDecline(t *testing.T) {
	everywhere(t, func(t *testing.T, open opener) {
		for _, row := range []struct {
			name, defect   string
			declined, last string // states after the decline came before the success, and after it came again
		}{
			{"stays payable and never undoes", "", pending, paid},
			{"D12 closes, and undoes", "D12", closed, closed},
		} {
			t.Run(row.name, func(t *testing.T) {
				t.Parallel()
				o := open(t, settings{"DEFECTS": row.defect})
				id, pay := o.order()
				o.channel.mu.Lock()
				bad := o.channel.message("payment.failed", *o.channel.charge(pay))
				o.channel.mu.Unlock()
				if status := o.channel.deliverUntilTaken(bad); status != http.StatusNoContent {
					t.Errorf("decline: %d", status)
				}
				o.wantState(id, row.declined)

				id, pay = o.paid() // reordered: the decline comes after the success
				o.channel.mu.Lock()
				bad = o.channel.message("payment.failed", *o.channel.charge(pay))
				o.channel.mu.Unlock()
				if status := o.channel.deliverUntilTaken(bad); status != http.StatusNoContent {
					t.Errorf("late decline: %d", status)
				}
				o.wantState(id, row.last)
			})
		}
	}, "alipay", "wechatpay")
}

func TestAcknowledgeBeforeCommit(t *testing.T) {
	t.Parallel()
	o := open(t, settings{"DEFECTS": "D04"})
	id, pay := o.order()
	release := holdLock(t, o.db)
	if status := o.channel.pay(pay); status != http.StatusNoContent {
		t.Errorf("callback: %d, want 204 although nothing can be written", status)
	}
	o.wantState(id, pending)
	release()
	o.channel.pay(pay) // the first message is lost if the lock was there for longer than the shop waits for one
	o.becomes(id, paid)
}

// With D45 a paid order has no points for a while, and a shop that dies before has forgotten them.
func TestPointsKeptInMemory(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name, defect string
		want         int64
	}{
		{"given with the payment", "", 1},
		{"owed in memory with D45", "D45", 0},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			o := open(t, settings{"DEFECTS": row.defect})
			const granted = `SELECT count(*) FROM grants WHERE order_id = ?`
			at := time.Now()
			id, _ := o.paid()
			if got := o.number(granted, id); got != row.want && time.Since(at) < pointsLater {
				t.Errorf("%d grants of points, want %d", got, row.want)
			}
			eventually(t, "points", func() bool { return o.number(granted, id) == 1 })
		})
	}
}

// The same message again is acknowledged: it is done.
func TestAnswerToWhatIsDone(t *testing.T) {
	everywhere(t, func(t *testing.T, open opener) {
		for _, row := range []struct {
			name, defect string
			status       int
		}{
			{"acknowledged", "", http.StatusNoContent},
			{"an error with D07", "D07", http.StatusConflict},
		} {
			t.Run(row.name, func(t *testing.T) {
				t.Parallel()
				o := open(t, settings{"DEFECTS": row.defect})
				_, pay := o.paid()
				o.channel.mu.Lock()
				again := o.channel.message("payment.succeeded", *o.channel.charge(pay))
				o.channel.mu.Unlock()
				if status := o.channel.deliver(again); status != row.status {
					t.Errorf("answered %d, want %d", status, row.status)
				}
			})
		}
	})
}

// A handler that fails half-way is not done, and the message comes again.
func TestHandlerThatFailsHalfway(t *testing.T) {
	everywhere(t, func(t *testing.T, open opener) {
		for _, row := range []struct{ name, defect, want string }{
			{"the mail is another matter", "", paid},
			{"noted as worked off with D05", "D05", closed},
		} {
			t.Run(row.name, func(t *testing.T) {
				t.Parallel()
				var refused atomic.Int64
				mail := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
					if refused.Add(1) == 1 {
						w.WriteHeader(http.StatusServiceUnavailable)
					}
				}))
				t.Cleanup(mail.Close)
				// The shop does not ask the channel by itself: it would find what the message says before the message comes.
				o := open(t, settings{"DEFECTS": row.defect, "MAIL_URL": mail.URL})
				id, pay := o.order()
				good := o.channel.message("payment.succeeded", o.channel.take(pay, 0))
				eventually(t, "acknowledged", func() bool { return o.channel.deliver(good) == http.StatusNoContent })
				if row.want == closed {
					o.wantState(id, pending)
					o.expire(id)
				}
				o.becomes(id, row.want)
				if net, _ := o.channel.net(id); net != 10000 {
					t.Errorf("the channel keeps %d", net)
				}
			})
		}
	})
}
