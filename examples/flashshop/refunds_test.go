package flashshop

import (
	"fmt"
	"net/http"
	"slices"
	"sync"
	"testing"
)

func TestParallelRefundsAreOne(t *testing.T) {
	everywhere(t, func(t *testing.T, open opener) {
		o := open(t, quick)
		id, _ := o.paid()
		numbers := make([]string, 8)
		var all sync.WaitGroup
		for i := range numbers {
			all.Go(func() {
				status, answer := o.post("/orders/"+id+"/refunds", nil)
				if status != http.StatusAccepted {
					t.Errorf("refund: %d %v", status, answer)
				}
				numbers[i], _ = answer["refund_no"].(string)
			})
		}
		all.Wait()
		if len(slices.Compact(numbers)) != 1 || numbers[0] == "" {
			t.Errorf("refund numbers %v, want one", numbers)
		}
		o.refundsMade(1)
		o.wantState(id, refunding)
		for _, number := range o.channel.endRefunds("succeeded") {
			for range 2 {
				if status := o.channel.deliverUntilTaken(o.channel.refundMessage(number, "succeeded")); status != http.StatusNoContent {
					t.Errorf("refund callback: %d", status)
				}
			}
		}
		o.becomes(id, refunded)
		o.settles()
		_, made := o.channel.made()
		if net, _ := o.channel.net(id); net != 0 || len(made) != 1 {
			t.Errorf("the channel keeps %d after %d refunds", net, len(made))
		}
		o.wantStock(stock, 0, 0)
		if status, answer := o.post("/orders/"+id+"/refunds", nil); status != http.StatusAccepted || answer["state"] != "DONE" {
			t.Errorf("asked again: %d %v", status, answer)
		}
	})
}

// refundsMade waits until the channel has made so many: that it was asked does not say that it has.
func (o *outlet) refundsMade(n int) {
	o.t.Helper()
	eventually(o.t, "refund at the channel", func() bool { _, made := o.channel.made(); return len(made) == n })
}

func TestRefundNeedsAPaidOrder(t *testing.T) {
	t.Parallel()
	o := open(t)
	id, _ := o.order()
	if status, answer := o.post("/orders/"+id+"/refunds", nil); status != http.StatusConflict || answer["code"] != "NOT_PAID" {
		t.Errorf("refund: %d %v", status, answer)
	}
	if status, _ := o.post("/orders/x/refunds", nil); status != http.StatusNotFound {
		t.Errorf("refund of nothing: %d", status)
	}
}

func TestRefundWhoseAnswersAreLost(t *testing.T) {
	everywhere(t, func(t *testing.T, open opener) {
		for _, row := range []struct {
			name, defect, want string
			fault              fault
			net                int64
		}{
			{"lost by timeout", "", refunded, fault{hang: true}, 0},
			{"D43 has written nothing down", "D43", paid, fault{lose: true}, 0},
			{"lost by reset", "", refunded, fault{lose: true}, 0},
			{"refused before it was processed", "", refunded, fault{refuse: 500}, 0},
			{"D16 takes it for a failure", "D16", paid, fault{hang: true}, 0},
		} {
			t.Run(row.name, func(t *testing.T) {
				t.Parallel()
				o := open(t, quick, curt, settings{"DEFECTS": row.defect})
				o.channel.ended = func(string, int) string { return "succeeded" }
				id, _ := o.paid()
				o.channel.goesWrong(func(op string, nth int) fault {
					if op == opRefund && nth < 3 || op == opRefundQuery && nth == 1 {
						return row.fault
					}
					return fault{stale: op == opRefundQuery && nth == 2}
				})
				o.post("/orders/"+id+"/refunds", nil)
				eventually(t, "refund at the channel", func() bool { return o.channel.called(opRefund) > 0 })
				o.settles()
				o.wantState(id, row.want)
				_, made := o.channel.made()
				if net, _ := o.channel.net(id); net != row.net || len(made) > 1 {
					t.Errorf("the channel keeps %d after %d refunds, want %d", net, len(made), row.net)
				}
				if row.defect != "" { // and what is said later is ignored
					for _, number := range made {
						o.channel.deliverUntilTaken(o.channel.refundMessage(number, "succeeded"))
					}
					o.wantState(id, paid)
				}
			})
		}
	})
}

func TestRefundThatFails(t *testing.T) {
	everywhere(t, func(t *testing.T, open opener) {
		for _, row := range []struct {
			name  string
			fails int
			want  string
		}{
			{"once: issued again under a new number", 1, refunded},
			{"always: a person looks at it", 9, review},
		} {
			t.Run(row.name, func(t *testing.T) {
				t.Parallel()
				o := open(t, quick)
				o.channel.ended = func(_ string, nth int) string {
					if nth <= row.fails {
						return "failed"
					}
					return "succeeded"
				}
				id, _ := o.paid()
				o.post("/orders/"+id+"/refunds", nil)
				o.becomes(id, row.want)
				if _, made := o.channel.made(); len(made) != min(row.fails+1, maxRefunds) {
					t.Errorf("%d refunds at the channel, want %d", len(made), min(row.fails+1, maxRefunds))
				}
			})
		}
	}, "alipay")
}

func TestCreateTimeoutWithD16(t *testing.T) {
	t.Parallel()
	o := open(t, settings{"DEFECTS": "D16", "CHANNEL_TIMEOUT": "300ms"})
	o.channel.goesWrong(func(op string, _ int) fault { return fault{hang: op == opCreate} })
	status, answer := o.post("/orders", map[string]any{"sku": "phone-x", "buyer": 1})
	if status != http.StatusConflict || answer["code"] != "PAYMENT_FAILED" {
		t.Errorf("POST /orders: %d %v", status, answer)
	}
	o.wantStock(stock, 0, 0)
	eventually(t, "a payment is open that the shop has forgotten", func() bool {
		made, _ := o.channel.made()
		if len(made) != 1 {
			return false
		}
		_, open := o.channel.net(made[0].Order)
		return open == 1
	})
}

// A refund whose number the shop never gave: the provider, or a person at its console, has made it.
func TestRefundThatTheProviderStarted(t *testing.T) {
	everywhere(t, func(t *testing.T, open opener) {
		for _, row := range []struct {
			name          string
			amounts       []int64
			state, reason string
			sold          int64
		}{
			{"of all", []int64{10000}, refunded, reasonProvider, 0},
			{"of a part", []int64{4000}, review, reasonProvider, 1},
			{"of all in two parts: a person has it already", []int64{4000, 6000}, review, reasonProvider, 1},
			{"of all, but it failed", []int64{0}, paid, "", 1},
		} {
			t.Run(row.name, func(t *testing.T) {
				t.Parallel()
				o := open(t, quick)
				if row.state == paid && o.channel.tongue.name() == "alipay" { // which never says so
					return
				}
				id, pay := o.paid()
				for nth, minor := range row.amounts {
					number, state := fmt.Sprint("console-", nth), refundSucceeded
					if minor == 0 {
						minor, state = 10000, refundFailed
					}
					o.channel.console(number, pay, minor, state)
					for range 2 {
						if status := o.channel.deliverUntilTaken(o.channel.refundMessage(number, state)); status != http.StatusNoContent {
							t.Errorf("answered %d", status)
						}
					}
				}
				o.becomes(id, row.state)
				if _, answer := o.do(http.MethodGet, "/orders/"+id, nil); fmt.Sprint(answer["reason"]) != row.reason && row.reason != "" {
					t.Errorf("reason %v", answer["reason"])
				}
				o.wantStock(stock-row.sold, 0, row.sold)
				if n := o.number(`SELECT count(*) FROM refunds`); n != int64(len(row.amounts)) || o.channel.called(opRefund) != 0 {
					t.Errorf("%d refunds in the books, %d asked for", n, o.channel.called(opRefund))
				}
				if row.state == paid { // and the buyer can still have it back
					o.channel.ended = func(string, int) string { return refundSucceeded }
					o.post("/orders/"+id+"/refunds", nil)
					o.becomes(id, refunded)
				}
			})
		}
	})
}

// The provider refunds while the shop is about to: the shop's own refund is refused, and nothing is owed any more.
func TestRefundThatIsDoneAlready(t *testing.T) {
	everywhere(t, func(t *testing.T, open opener) {
		o := open(t, quick)
		id, pay := o.paid()
		o.channel.goesWrong(func(op string, _ int) fault {
			if op == opRefund {
				return fault{refuse: http.StatusServiceUnavailable}
			}
			return fault{}
		})
		o.post("/orders/"+id+"/refunds", nil)
		o.channel.console("console", pay, 10000, refundSucceeded)
		o.channel.deliverUntilTaken(o.channel.refundMessage("console", refundSucceeded))
		o.wantState(id, refunding)
		o.channel.goesWrong(nil)
		o.becomes(id, refunded)
		o.wantStock(stock, 0, 0)
	})
}

// The shop's own refund is refused before the message about the provider's comes; and it never comes.
func TestRefundThatIsRefused(t *testing.T) {
	everywhere(t, func(t *testing.T, open opener) {
		for _, row := range []struct {
			name  string
			told  bool
			retry string // long, where the message is to come before the shop gives up
			want  string
		}{
			{"and the message comes", true, "10m", refunded},
			{"and no message comes: a person looks at it", false, "60ms", review},
		} {
			t.Run(row.name, func(t *testing.T) {
				t.Parallel()
				o := open(t, quick, settings{"REFUND_RETRY": row.retry})
				id, pay := o.paid()
				o.channel.console("console", pay, 10000, refundSucceeded)
				o.post("/orders/"+id+"/refunds", nil)
				eventually(t, "refused", func() bool { return o.number(`SELECT count(*) FROM refunds WHERE refusals > 0`) > 0 })
				if row.told {
					o.channel.deliverUntilTaken(o.channel.refundMessage("console", refundSucceeded))
					eventually(t, "the provider's is done", func() bool { return o.number(`SELECT count(*) FROM refunds WHERE state = 'DONE'`) == 1 })
					o.post("/admin/reconcile", nil)
				}
				o.becomes(id, row.want)
			})
		}
	})
}

// A refund of a payment that the shop does not know to be paid yet is told again.
func TestRefundBeforeItsPayment(t *testing.T) {
	everywhere(t, func(t *testing.T, open opener) {
		o := open(t, settings{})
		id, pay := o.order()
		c := o.channel.take(pay, 0)
		o.channel.console("console", pay, 10000, refundSucceeded)
		gone := o.channel.refundMessage("console", refundSucceeded)
		if status := o.channel.deliver(gone); status != http.StatusConflict {
			t.Errorf("answered %d before the payment is known, want 409", status)
		}
		o.channel.deliverUntilTaken(o.channel.message("payment.succeeded", c))
		if status := o.channel.deliverUntilTaken(gone); status != http.StatusNoContent {
			t.Errorf("answered %d", status)
		}
		o.becomes(id, refunded)
	})
}

// refundPart asks for a part back, under a name.
func (o *outlet) refundPart(id, request string, minor int) (int, map[string]any) {
	return o.post("/orders/"+id+"/refunds", map[string]any{"amount_minor": minor, "request": request})
}

func TestRefundsOfParts(t *testing.T) {
	everywhere(t, func(t *testing.T, open opener) {
		o := open(t, quick)
		o.channel.ended = func(string, int) string { return refundSucceeded }
		id, _ := o.paid()
		numbers := map[any]bool{}
		for range 3 { // each is one refund, however often it is asked for
			for request, minor := range map[string]int{"a": 3000, "b": 2500} {
				status, answer := o.refundPart(id, request, minor)
				if status != http.StatusAccepted || answer["amount_minor"] != float64(minor) {
					t.Errorf("%s: %d %v", request, status, answer)
				}
				numbers[answer["refund_no"]] = true
			}
		}
		eventually(t, "parts back", func() bool { return o.number(`SELECT count(*) FROM refunds WHERE state = 'DONE'`) == 2 })
		o.wantState(id, paid)
		o.wantStock(stock-1, 0, 1)
		if net, _ := o.channel.net(id); net != 4500 || len(numbers) != 2 {
			t.Errorf("the channel keeps %d, %d numbers", net, len(numbers))
		}
		for _, no := range []struct {
			request string
			minor   int
			status  int
			code    string
		}{
			{"c", 4501, http.StatusConflict, "NOT_SO_MUCH_LEFT"},
			{"a", 1, http.StatusConflict, "ANOTHER_AMOUNT"},
			{"c", -1, http.StatusBadRequest, "INVALID"},
		} {
			if status, answer := o.refundPart(id, no.request, no.minor); status != no.status || answer["code"] != no.code {
				t.Errorf("%d under %s: %d %v", no.minor, no.request, status, answer)
			}
		}
		o.settles()
		o.audit("phone-x", stock)
		if status, answer := o.refundPart(id, "rest", 0); status != http.StatusAccepted || answer["amount_minor"] != 4500.0 {
			t.Errorf("what is left: %d %v", status, answer)
		}
		o.becomes(id, refunded)
		o.settles()
		o.audit("phone-x", stock)
		if status, _ := o.refundPart(id, "more", 1); status != http.StatusConflict {
			t.Errorf("more than all: %d", status)
		}
		if status, answer := o.refundPart(id, "a", 3000); status != http.StatusAccepted || answer["state"] != "DONE" {
			t.Errorf("a part asked for again: %d %v", status, answer)
		}
		if _, made := o.channel.made(); len(made) != 3 {
			t.Errorf("%d refunds at the channel, want 3", len(made))
		}
	})
}

func TestParallelRefundsOfParts(t *testing.T) {
	everywhere(t, func(t *testing.T, open opener) {
		o := open(t, quick)
		o.channel.ended = func(string, int) string { return refundSucceeded }
		id, _ := o.paid()
		answers := make([]int, 16)
		var all sync.WaitGroup
		for i := range answers { // eight wishes, each asked for twice
			all.Go(func() { answers[i], _ = o.refundPart(id, fmt.Sprint(i/2), 3000) })
		}
		all.Wait()
		accepted := 0
		for i := 0; i < len(answers); i += 2 {
			if answers[i] != answers[i+1] {
				t.Errorf("the same wish was answered %d and %d", answers[i], answers[i+1])
			}
			if answers[i] == http.StatusAccepted {
				accepted++
			}
		}
		if accepted != 3 {
			t.Errorf("%v: %d wishes of 30.00 were accepted of 100.00", answers, accepted)
		}
		o.settles()
		o.wantState(id, paid)
		if net, _ := o.channel.net(id); net != 1000 {
			t.Errorf("the channel keeps %d", net)
		}
		o.audit("phone-x", stock)
	})
}

// Whatever is lost, refused or fails, each part is given back once.
func TestRefundsOfPartsInBadWeather(t *testing.T) {
	everywhere(t, func(t *testing.T, open opener) {
		for _, row := range []struct {
			name  string
			fault fault
			fails int // of the refunds that the channel makes
		}{
			{"answers lost", fault{lose: true}, 0},
			{"answers late", fault{hang: true}, 0},
			{"refused before they were processed", fault{refuse: 500}, 0},
			{"the first two fail", fault{}, 2},
		} {
			t.Run(row.name, func(t *testing.T) {
				t.Parallel()
				o := open(t, quick, curt)
				if row.fails > 0 && o.channel.tongue.name() == "alipay" { // which never says so
					return
				}
				o.channel.ended = func(_ string, nth int) string {
					if nth <= row.fails {
						return refundFailed
					}
					return refundSucceeded
				}
				id, _ := o.paid()
				o.channel.goesWrong(func(op string, nth int) fault {
					if op == opRefund && nth < 5 {
						return row.fault
					}
					return fault{stale: op == opRefundQuery && nth%2 == 0}
				})
				o.refundPart(id, "a", 4000)
				o.refundPart(id, "b", 3000)
				eventually(t, "both back", func() bool {
					return o.number(`SELECT count(*) FROM refunds WHERE state = 'DONE'`) == 2 &&
						o.number(`SELECT count(*) FROM refunds WHERE state = 'PENDING'`) == 0
				})
				o.wantState(id, paid)
				if net, _ := o.channel.net(id); net != 3000 {
					t.Errorf("the channel keeps %d", net)
				}
				o.refundPart(id, "c", 0)
				o.becomes(id, refunded)
				o.settles()
				o.audit("phone-x", stock)
			})
		}
	})
}

// The message about a refund comes before the answer that made it.
func TestRefundMessageBeforeItsAnswer(t *testing.T) {
	everywhere(t, func(t *testing.T, open opener) {
		for _, row := range []struct {
			name, defect string
			rows         int64
		}{
			{"is the same refund", "", 1},
			{"is another one with D18", "D18", 2},
		} {
			t.Run(row.name, func(t *testing.T) {
				t.Parallel()
				o := open(t, quick, settings{"DEFECTS": row.defect})
				if row.defect != "" && o.channel.tongue.name() == "alipay" { // whose message does not say how it ended
					return
				}
				id, _ := o.paid()
				o.channel.ended = func(string, int) string { return refundSucceeded }
				lost := true
				o.channel.goesWrong(func(op string, _ int) fault { return fault{lose: op == opRefund && lost} })
				o.post("/orders/"+id+"/refunds", nil)
				o.refundsMade(1)
				_, made := o.channel.made()
				o.channel.deliverUntilTaken(o.channel.refundMessage(made[0], refundSucceeded))
				o.channel.goesWrong(nil)
				o.becomes(id, refunded)
				if n := o.number(`SELECT count(*) FROM refunds WHERE state = 'DONE' AND amount_minor = 10000`); n != row.rows {
					t.Errorf("%d refunds in the books, want %d", n, row.rows)
				}
			})
		}
	})
}

// A refund that the provider accepted fails later.
func TestAcceptedRefundFailsLater(t *testing.T) {
	everywhere(t, func(t *testing.T, open opener) {
		for _, row := range []struct {
			name, defect string
			net          int64
		}{
			{"and is issued again", "", 0},
			{"and nobody listens with D32", "D32", 10000},
		} {
			t.Run(row.name, func(t *testing.T) {
				t.Parallel()
				o := open(t, quick, settings{"DEFECTS": row.defect})
				id, _ := o.paid()
				o.post("/orders/"+id+"/refunds", nil)
				eventually(t, "accepted", func() bool { return o.number(`SELECT count(*) FROM refunds WHERE accepted = 1`) == 1 })
				o.channel.mu.Lock() // before the first one fails, because the next one may be made at once
				o.channel.ended = func(string, int) string { return refundSucceeded }
				o.channel.mu.Unlock()
				for _, number := range o.channel.endRefunds(refundFailed) {
					if status := o.channel.deliverUntilTaken(o.channel.refundMessage(number, refundFailed)); status != http.StatusNoContent {
						t.Errorf("answered %d", status)
					}
				}
				o.becomes(id, refunded)
				if net, _ := o.channel.net(id); net != row.net {
					t.Errorf("the channel keeps %d, want %d", net, row.net)
				}
			})
		}
	}, "alipay")
}
