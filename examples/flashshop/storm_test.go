package flashshop

import (
	"bufio"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

func TestConcurrentBuyers(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name, defect string
		rounds       int // in all of which nothing, or in one of which something is oversold
		oversold     bool
	}{
		{"sell what there is", "", 2, false},
		{"oversell with D21", "D21", 20, true},
	} {
		t.Run(row.name, func(t *testing.T) {
			onBoth(t, func(t *testing.T, open opener) {
				o := open(t, crowded, settings{"DEFECTS": row.defect})
				oversold := false
				for round := 0; round < row.rounds && !oversold; round++ {
					oversold = o.rush(fmt.Sprint("ring-", round))
				}
				if oversold != row.oversold {
					t.Errorf("oversold: %t", oversold)
				}
			})
		})
	}
}

// rush lets 16 buyers order 64 of 20 units, and says whether more were sold.
func (o *outlet) rush(sku string) (oversold bool) {
	o.sku(sku, 20, 0)
	var sold atomic.Int64
	var buyers sync.WaitGroup
	for buyer := range 16 {
		buyers.Go(func() {
			for range 4 {
				status, answer := o.post("/orders", map[string]any{"sku": sku, "quantity": 1, "buyer": buyer})
				switch {
				case status == http.StatusCreated, status == http.StatusAccepted:
					sold.Add(1)
				case answer["code"] != "SOLD_OUT":
					o.t.Errorf("order: %d %v", status, answer)
				}
			}
		})
	}
	buyers.Wait()
	kept := o.number(`SELECT available + reserved FROM skus WHERE sku = ?`, sku) == 20
	if kept == (sold.Load() > 20) {
		o.t.Errorf("%d sold of 20, books kept: %t", sold.Load(), kept)
	}
	return sold.Load() > 20
}

// Orders of one buyer that come at the same moment count one another.
func TestLimitHolds(t *testing.T) {
	for _, row := range []struct {
		name, defect string
		buyers       int // of all of whom the limit holds, or of one of whom it does not
		broken       bool
	}{
		{"once for each buyer", "", 20, false},
		{"counted before the transaction, with D26", "D26", 300, true},
	} {
		t.Run(row.name, func(t *testing.T) {
			onBoth(t, func(t *testing.T, open opener) {
				o := open(t, settings{"DEFECTS": row.defect})
				o.sku("ring", 10_000, 1)
				broken := false
				for buyer := 0; buyer < row.buyers && !broken; buyer++ {
					var clicks sync.WaitGroup
					for range 6 {
						clicks.Go(func() { o.post("/orders", map[string]any{"sku": "ring", "quantity": 1, "buyer": buyer}) })
					}
					clicks.Wait()
					broken = o.number(`SELECT count(*) FROM orders WHERE sku = 'ring'`) != int64(buyer+1)
				}
				if broken != row.broken {
					t.Errorf("limit broken: %t, want %t", broken, row.broken)
				}
			})
		})
	}
}

// Money and its absence race: payment, cancellation, expiry, duplicates and parallel refunds, with a channel that loses
// every fifth answer and some callbacks. Whatever wins, the books must agree in the end.
func TestRaces(t *testing.T) {
	everywhere(t, func(t *testing.T, open opener) {
		o := open(t, crowded, settings{"ORDER_EXPIRY": "400ms", "QUERY_AFTER": "200ms", "REFUND_RETRY": "100ms", "CHANNEL_TIMEOUT": "600ms"})
		o.sku("ring", 200, 0)
		o.channel.ended = func(string, int) string { return "succeeded" }
		o.channel.goesWrong(func(_ string, nth int) fault {
			return fault{lose: nth%5 == 0, hang: nth%23 == 0, refuse: nth % 31 / 30 * 503}
		})
		var buyers sync.WaitGroup
		for buyer := range 40 {
			buyers.Go(func() {
				_, answer := o.post("/orders", map[string]any{"sku": "ring", "quantity": 1, "buyer": buyer, "ref": fmt.Sprint("r", buyer)})
				id, _ := answer["id"].(string)
				pay, _ := answer["payment_id"].(string)
				if pay == "" {
					return
				}
				var acts sync.WaitGroup
				defer acts.Wait()
				late := time.Duration(buyer%4) * 130 * time.Millisecond // around expiry, too
				acts.Go(func() {
					if sleep(t.Context(), late) && buyer%5 != 0 {
						c := o.channel.take(pay, 0)
						for range buyer % 3 { // lost, once, twice
							o.channel.deliver(o.channel.message("payment.succeeded", c))
						}
					}
				})
				if buyer%3 == 0 {
					acts.Go(func() { o.post("/orders/"+id+"/cancel", nil) })
				}
				if buyer%4 == 1 {
					acts.Go(func() {
						_, answer := o.post("/orders/"+id+"/payments", nil)
						if second, _ := answer["payment_id"].(string); second != "" {
							o.channel.pay(second)
						}
					})
				}
				if buyer%2 == 1 {
					for range 3 {
						acts.Go(func() { o.post("/orders/"+id+"/refunds", nil) })
					}
				}
				if buyer%2 == 0 { // three parts of which two fit, each asked for twice
					for nth := range 6 {
						acts.Go(func() {
							sleep(t.Context(), late)
							o.post("/orders/"+id+"/refunds", map[string]any{"amount_minor": 4500, "request": fmt.Sprint(nth % 3)})
						})
					}
				}
			})
		}
		buyers.Wait()
		o.channel.goesWrong(nil)
		o.settles()
		o.post("/admin/reconcile", nil)
		o.settles()
		o.audit("ring", 200)
	})
}

// A shop that is killed again and again, at any instruction, owes nothing and sells nothing twice.
func TestKilledShop(t *testing.T) {
	t.Parallel()
	t.Run("sqlite", func(t *testing.T) {
		o := &outlet{t: t, channel: newFakeChannel(t, standardTongue{}), db: filepath.Join(t.TempDir(), "shop.db")}
		o.isKilledAgainAndAgain()
	})
	t.Run("one of two replicas", func(t *testing.T) { // the other one's workers take over what was claimed
		o := onPostgres(t)
		o.start(quick, settings{"ORDER_EXPIRY": "1s"})
		o.isKilledAgainAndAgain()
	})
}

func (o *outlet) isKilledAgainAndAgain() {
	t := o.t
	o.channel.ended = func(string, int) string { return "succeeded" }
	kill := o.child()
	o.sku("ring", 500, 0)
	var steps atomic.Int64 // answers of the shop that a client has seen
	for round := range 8 {
		var buyers sync.WaitGroup
		begin, over := steps.Load(), make(chan struct{})
		for buyer := range 12 {
			buyers.Go(func() {
				_, answer := o.post("/orders", map[string]any{"sku": "ring", "quantity": 1, "buyer": buyer, "ref": fmt.Sprint(round, "-", buyer)})
				id, _ := answer["id"].(string)
				pay, _ := answer["payment_id"].(string)
				steps.Add(1)
				if pay == "" {
					return
				}
				c := o.channel.take(pay, 0)
				o.channel.deliver(o.channel.message("payment.succeeded", c))
				steps.Add(1)
				if buyer%3 == 0 {
					o.post("/orders/"+id+"/refunds", nil)
				}
				if buyer%3 == 1 {
					o.post("/orders/"+id+"/refunds", map[string]any{"amount_minor": 4000, "request": "a"})
					o.post("/orders/"+id+"/refunds", map[string]any{"amount_minor": 3000, "request": "b"})
				}
				steps.Add(1)
			})
		}
		go func() {
			defer close(over)
			buyers.Wait()
		}()
		for done := false; !done && steps.Load() < begin+int64(4*round); { // each time further into the round
			select {
			case <-over:
				done = true
			case <-time.After(200 * time.Microsecond):
			}
		}
		kill()
		<-over
		kill = o.child()
	}
	eventually(t, "at rest", func() bool {
		return o.number(`SELECT (SELECT count(*) FROM orders WHERE state IN ('PENDING', 'REFUNDING') OR check_at > 0) +
			(SELECT count(*) FROM refunds WHERE state = 'PENDING')`) == 0
	})
	kill()
	o.audit("ring", 500)
	if n := o.number(`SELECT count(*) FROM orders WHERE state = 'PAID'`); n == 0 {
		t.Error("no order was ever paid: the shop was killed too early to prove anything")
	}
}

// child starts the shop as a process of its own; kill ends it with SIGKILL.
func (o *outlet) child() (kill func()) {
	o.t.Helper()
	cmd := exec.CommandContext(o.t.Context(), os.Args[0])
	cmd.Env = []string{"FLASHSHOP_CHILD=1"}
	for name, value := range environment(o.channel, o.db, quick, settings{"ORDER_EXPIRY": "1s"}) {
		cmd.Env = append(cmd.Env, name+"="+value)
	}
	if _, err := cmd.StdinPipe(); err != nil { // it ends with us
		o.t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		o.t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		o.t.Fatal(err)
	}
	o.url = address(o.t, bufio.NewReader(out))
	o.channel.mu.Lock()
	o.channel.shop = o.url
	o.channel.mu.Unlock()
	return func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	}
}

// BenchmarkOrderToPaid is a flash sale in miniature: buyers who order, pay at once, and whose success is told twice.
func BenchmarkOrderToPaid(b *testing.B) {
	o := open(b, settings{"MAIL_URL": ""})
	o.sku("ring", 1_000_000, 0)
	b.SetParallelism(8)
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			status, answer := o.post("/orders", map[string]any{"sku": "ring", "quantity": 1, "buyer": 1})
			if status != http.StatusCreated {
				b.Errorf("order: %d %v", status, answer)
				return
			}
			c := o.channel.take(answer["payment_id"].(string), 0)
			o.channel.deliver(o.channel.message("payment.succeeded", c))
			o.channel.deliver(o.channel.message("payment.succeeded", c))
		}
	})
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "orders/s")
}

// BenchmarkSteadySale is an open model: 300 orders a second, come what may.
func BenchmarkSteadySale(b *testing.B) {
	o := open(b)
	o.sku("ring", 1_000_000, 0)
	waits := make([]time.Duration, b.N)
	var buyers sync.WaitGroup
	tick := time.NewTicker(time.Second / 300)
	defer tick.Stop()
	b.ResetTimer()
	for buyer := range b.N {
		<-tick.C
		buyers.Go(func() {
			start := time.Now()
			status, answer := o.post("/orders", map[string]any{"sku": "ring", "quantity": 1, "buyer": buyer})
			waits[buyer] = time.Since(start)
			if status != http.StatusCreated {
				b.Errorf("order: %d %v", status, answer)
				return
			}
			o.channel.pay(answer["payment_id"].(string))
			o.channel.pay(answer["payment_id"].(string))
		})
	}
	buyers.Wait()
	b.StopTimer()
	slices.Sort(waits)
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "orders/s")
	b.ReportMetric(float64(waits[b.N/2].Microseconds())/1000, "p50-ms")
	b.ReportMetric(float64(waits[b.N*99/100].Microseconds())/1000, "p99-ms")
	o.settles()
	o.audit("ring", 1_000_000)
}
