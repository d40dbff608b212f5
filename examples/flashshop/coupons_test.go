package flashshop

import (
	"net/http"
	"sync"
	"testing"
)

func (o *outlet) coupon(code string, off, uses, perBuyer int) {
	o.t.Helper()
	body := map[string]any{"code": code, "off_minor": off, "currency": "CNY", "uses": uses, "per_buyer": perBuyer}
	if status, answer := o.post("/admin/coupons", body); status != http.StatusCreated {
		o.t.Fatalf("POST /admin/coupons: %d %v", status, answer)
	}
}

// orderWith orders one unit of phone-x with a coupon.
func (o *outlet) orderWith(code string, buyer int) (int, map[string]any) {
	return o.post("/orders", map[string]any{"sku": "phone-x", "quantity": 1, "buyer": buyer, "coupon": code})
}

func TestCouponTakesItsAmountOff(t *testing.T) {
	everywhere(t, func(t *testing.T, open opener) {
		o := open(t)
		o.coupon("WELCOME", 2500, 0, 0)
		status, answer := o.orderWith("WELCOME", 7)
		if status != http.StatusCreated || answer["amount_minor"] != 7500.0 || answer["discount_minor"] != 2500.0 {
			t.Fatalf("POST /orders: %d %v", status, answer)
		}
		id, pay := answer["id"].(string), answer["payment_id"].(string)
		if made, _ := o.channel.made(); len(made) != 1 || made[0].AmountMinor != 7500 {
			t.Errorf("asked of the channel: %v, want 75.00", made)
		}
		o.channel.pay(pay)
		o.wantState(id, paid)
		if n := o.number(`SELECT off_minor FROM coupon_uses WHERE order_id = ? AND code = 'WELCOME'`, id); n != 2500 {
			t.Errorf("the use says %d off", n)
		}
		o.audit("phone-x", stock)
	})
}

func TestCouponAnswers(t *testing.T) {
	onBoth(t, func(t *testing.T, open opener) {
		o := open(t, quick)
		o.coupon("ONCE", 2500, 3, 1)
		o.coupon("ALL", 10000, 0, 0)
		ids := map[int]string{}
		for _, step := range []struct {
			name, code string
			buyer      int
			status     int
			no         string
		}{
			{"unknown", "X", 1, 404, "UNKNOWN_COUPON"},
			{"leaves nothing to pay", "ALL", 1, 409, "COUPON_UNFIT"},
			{"first", "ONCE", 1, 201, ""},
			{"the same buyer again", "ONCE", 1, 409, "COUPON_LIMIT"},
			{"second", "ONCE", 2, 201, ""},
			{"third", "ONCE", 3, 201, ""},
			{"fourth", "ONCE", 4, 409, "COUPON_USED_UP"},
			{"without", "", 4, 201, ""},
		} {
			status, answer := o.orderWith(step.code, step.buyer)
			if code, _ := answer["code"].(string); status != step.status || code != step.no {
				t.Errorf("%s: %d %v, want %d %s", step.name, status, answer, step.status, step.no)
			}
			ids[step.buyer], _ = answer["id"].(string)
		}
		if n := o.number(`SELECT count(*) FROM orders`); n != 4 {
			t.Errorf("%d orders, want 4: what is refused leaves nothing behind", n)
		}
		o.wantStock(stock-4, 4, 0)
		o.post("/orders/"+ids[2]+"/cancel", nil) // its use comes back
		o.becomes(ids[2], closed)
		if status, answer := o.orderWith("ONCE", 2); status != http.StatusCreated {
			t.Errorf("after a close: %d %v", status, answer)
		}
		if status, answer := o.orderWith("ONCE", 5); status != http.StatusConflict || answer["code"] != "COUPON_USED_UP" {
			t.Errorf("used up again: %d %v", status, answer)
		}
		if n := o.number(`SELECT count(*) FROM coupon_uses`); n != 3 {
			t.Errorf("%d uses, want 3", n)
		}
	})
}

// Orders that come at the same moment count one another's coupons, of one buyer and of all.
func TestCouponBoundsHold(t *testing.T) {
	for _, row := range []struct {
		name, defect   string
		uses, perBuyer int
		rounds         int // in all of which the bound holds, or in one of which it does not
		broken         bool
	}{
		{"in all", "", 3, 0, 10, false},
		{"of one buyer", "", 0, 3, 10, false},
		{"in all, counted before the transaction, with D26", "D26", 3, 0, 300, true},
		{"of one buyer, counted before the transaction, with D26", "D26", 0, 3, 300, true},
	} {
		t.Run(row.name, func(t *testing.T) {
			onBoth(t, func(t *testing.T, open opener) {
				o := open(t, settings{"DEFECTS": row.defect})
				broken := false
				for round := 0; round < row.rounds && !broken; round++ {
					code, sku := "C"+string(rune('A'+round%26))+string(rune('A'+round/26)), "ring"+string(rune('a'+round%26))+string(rune('a'+round/26))
					o.coupon(code, 100, row.uses, row.perBuyer)
					o.sku(sku, 100, 0)
					var clicks sync.WaitGroup
					for click := range 8 {
						buyer := 1
						if row.perBuyer == 0 {
							buyer = click
						}
						clicks.Go(func() {
							o.post("/orders", map[string]any{"sku": sku, "quantity": 1, "buyer": buyer, "coupon": code})
						})
					}
					clicks.Wait()
					broken = o.number(`SELECT count(*) FROM orders WHERE sku = ?`, sku) != 3
				}
				if broken != row.broken {
					t.Errorf("bound broken: %t, want %t", broken, row.broken)
				}
			})
		})
	}
}
