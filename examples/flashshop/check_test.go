package flashshop

import (
	"net/http"
	"testing"
)

func TestLostCallback(t *testing.T) {
	everywhere(t, func(t *testing.T, open opener) {
		for _, row := range []struct {
			name string
			set  settings
			want string
			net  int64
		}{
			{"the channel is asked", nil, paid, 10000},
			{"D29 never asks: the money is lost", settings{"DEFECTS": "D29"}, closed, 10000},
		} {
			t.Run(row.name, func(t *testing.T) {
				t.Parallel()
				o := open(t, quick, row.set)
				id, pay := o.order()
				o.channel.take(pay, 0)
				if row.want == closed {
					o.expire(id)
				}
				o.becomes(id, row.want)
				o.post("/admin/reconcile", nil)
				o.wantState(id, row.want)
				if net, _ := o.channel.net(id); net != row.net {
					t.Errorf("the channel keeps %d, want %d", net, row.net)
				}
			})
		}
	})
}

func TestQueryThatLags(t *testing.T) {
	everywhere(t, func(t *testing.T, open opener) {
		o := open(t, quick)
		o.channel.goesWrong(func(op string, nth int) fault { return fault{stale: op == opList && nth < 4} })
		id, pay := o.order()
		o.channel.take(pay, 0)
		o.becomes(id, paid)
		o.audit("phone-x", stock)
	})
}

func TestExpiry(t *testing.T) {
	everywhere(t, func(t *testing.T, open opener) {
		for _, row := range []struct {
			name   string
			before func(o *outlet, pay string) // while the order is unpaid
			after  func(o *outlet, pay string) // when it has been closed
			want   string
		}{
			{"closes at the channel first", nil, nil, closed},
			{
				"is paid if the money was faster, and the callback lost",
				func(o *outlet, pay string) { o.channel.take(pay, 0) }, nil, paid,
			},
			{"asks again where the answers are lost", func(o *outlet, _ string) {
				o.channel.goesWrong(func(op string, nth int) fault { return fault{hang: op == opClose && nth < 3} })
			}, nil, closed},
			{
				"late success is refunded", nil,
				func(o *outlet, pay string) { o.channel.pay(pay) }, refunded,
			},
			{
				"late success is found when its callback is lost", nil,
				func(o *outlet, pay string) {
					o.channel.take(pay, 0)
					o.post("/admin/reconcile", nil)
				}, refunded,
			},
			{
				"late short capture is refunded", nil,
				func(o *outlet, pay string) {
					o.channel.deliverUntilTaken(o.channel.message("payment.succeeded", o.channel.take(pay, 3)))
				}, refunded,
			},
		} {
			t.Run(row.name, func(t *testing.T) {
				t.Parallel()
				o := open(t, quick, curt)
				o.channel.ended = func(string, int) string { return "succeeded" }
				id, pay := o.order()
				if row.before != nil {
					row.before(o, pay)
				}
				o.expire(id)
				if row.after != nil {
					o.becomes(id, closed)
					row.after(o, pay)
				}
				o.becomes(id, row.want)
				o.settles()
				o.audit("phone-x", stock)
			})
		}
	})
}

// A create request whose answer was lost must not leave a payment that nobody closes.
func TestExpiryOfAnOrderWithoutKnownPayment(t *testing.T) {
	everywhere(t, func(t *testing.T, open opener) {
		o := open(t, quick, curt)
		o.channel.goesWrong(func(op string, nth int) fault {
			return fault{hang: op == opCreate, stale: op == opList && nth < 3}
		})
		status, answer := o.post("/orders", map[string]any{"sku": "phone-x", "buyer": 1})
		if status != http.StatusAccepted {
			t.Fatalf("POST /orders: %d %v", status, answer)
		}
		o.wantStock(stock-1, 1, 0)
		id := answer["id"].(string)
		o.expire(id)
		o.channel.goesWrong(func(op string, nth int) fault { return fault{stale: op == opList && nth < 3} })
		o.becomes(id, closed)
		o.settles()
		o.audit("phone-x", stock)
	})
}

func TestExpiryDefects(t *testing.T) {
	everywhere(t, func(t *testing.T, open opener) {
		for _, row := range []struct {
			defect, late string
			open         int // payments that expiry leaves payable
		}{
			{"D14", paid, 1},
			{"D15", closed, 0},
			{"D29", refunding, 1},
		} {
			t.Run(row.defect, func(t *testing.T) {
				t.Parallel()
				o := open(t, settings{"DEFECTS": row.defect}) // and not quick: a query under way would close what has expired
				id, pay := o.order()
				o.expire(id)
				o.becomes(id, closed)
				o.wantStock(stock, 0, 0)
				if _, open := o.channel.net(id); open != row.open {
					t.Errorf("%d payments open, want %d", open, row.open)
				}
				if status := o.channel.pay(pay); status != http.StatusNoContent {
					t.Errorf("late success: %d", status)
				}
				o.wantState(id, row.late)
				if row.defect == "D14" {
					o.wantStock(stock, -1, 1) // one unit too many
				}
			})
		}
	})
}

func TestShortCapture(t *testing.T) {
	everywhere(t, func(t *testing.T, open opener) {
		for _, row := range []struct {
			name, defect string
			told         bool
			want         string
		}{
			{"told", "", true, closed},
			{"not told", "", false, closed},
			{"told, with D10", "D10", true, paid},
		} {
			t.Run(row.name, func(t *testing.T) {
				t.Parallel()
				o := open(t, quick, settings{"DEFECTS": row.defect})
				o.channel.ended = func(string, int) string { return "succeeded" }
				id, pay := o.order()
				c := o.channel.take(pay, 1)
				if row.told {
					if status := o.channel.deliverUntilTaken(o.channel.message("payment.succeeded", c)); status != http.StatusNoContent {
						t.Errorf("callback: %d", status)
					}
				}
				o.becomes(id, row.want)
				if row.defect == "" {
					o.settles()
					o.audit("phone-x", stock)
					if reason := o.number(`SELECT count(*) FROM orders WHERE reason = 'amount_mismatch'`); reason != 1 {
						t.Error("the reason is not amount_mismatch")
					}
				}
			})
		}
	})
}

func TestCancel(t *testing.T) {
	everywhere(t, func(t *testing.T, open opener) {
		for _, row := range []struct {
			name   string
			before func(o *outlet, pay string)
			status int
			want   string // at rest
		}{
			{"closes", nil, http.StatusOK, closed},
			{"too late", func(o *outlet, pay string) { o.channel.pay(pay) }, http.StatusConflict, paid},
			{"too late, and nobody told", func(o *outlet, pay string) { o.channel.take(pay, 0) }, http.StatusConflict, paid},
			{"the channel cannot be asked yet", func(o *outlet, _ string) {
				o.channel.goesWrong(func(op string, _ int) fault {
					if op == opClose {
						return fault{refuse: 503}
					}
					return fault{}
				})
			}, http.StatusAccepted, closed},
		} {
			t.Run(row.name, func(t *testing.T) {
				t.Parallel()
				o := open(t, quick)
				id, pay := o.order()
				if row.before != nil {
					row.before(o, pay)
				}
				status, answer := o.post("/orders/"+id+"/cancel", nil)
				if status != row.status {
					t.Errorf("cancel: %d %v, want %d", status, answer, row.status)
				}
				o.channel.goesWrong(nil)
				o.becomes(id, row.want)
				if again, _ := o.post("/orders/"+id+"/cancel", nil); row.want == closed && again != http.StatusOK {
					t.Errorf("cancel again: %d", again)
				}
				if status, answer := o.post("/orders/"+id+"/payments", nil); status != http.StatusConflict {
					t.Errorf("another payment: %d %v, want 409", status, answer)
				}
				o.settles()
				o.audit("phone-x", stock)
			})
		}
	})
}

func TestTwoPayments(t *testing.T) {
	everywhere(t, func(t *testing.T, open opener) {
		for _, row := range []struct {
			name, defect string
			both         bool
			net          int64
		}{
			{"both paid: one refunded", "", true, 10000},
			{"one paid: the other closed", "", false, 10000},
			{"both paid with D20", "D20", true, 20000},
		} {
			t.Run(row.name, func(t *testing.T) {
				t.Parallel()
				o := open(t, quick, settings{"DEFECTS": row.defect})
				o.channel.ended = func(string, int) string { return "succeeded" }
				id, first := o.order()
				status, answer := o.post("/orders/"+id+"/payments", nil)
				second, _ := answer["payment_id"].(string)
				if status != http.StatusCreated || second == first || second == "" {
					t.Fatalf("another payment: %d %v", status, answer)
				}
				if row.both {
					o.channel.take(first, 0)
				}
				o.channel.pay(second)
				o.wantState(id, paid)
				o.settles()
				o.wantState(id, paid)
				if net, open := o.channel.net(id); net != row.net || open != 0 {
					t.Errorf("the channel keeps %d, want %d; %d payments open", net, row.net, open)
				}
				if row.defect == "" {
					o.audit("phone-x", stock)
				}
			})
		}
	})
}
