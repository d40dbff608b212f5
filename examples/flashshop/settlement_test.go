package flashshop

import (
	"fmt"
	"net/http"
	"testing"
	"time"
)

// billed is a row of the bill: a capture, or a refund under a number.
func billed(payment, order, number string, minor int64, state string, at time.Time) string {
	kind := "capture"
	if number != "" {
		kind = "refund"
	}
	return fmt.Sprintf("%s,%s,%s,%s,,%s,%d,CNY,%s\n", kind, at.UTC().Format(time.RFC3339Nano), payment, order, number, minor, state)
}

// settleDay runs the job with a bill, and answers with what it has written down.
func (o *outlet) settleDay(bill string) (discrepancies []string) {
	o.t.Helper()
	o.channel.mu.Lock()
	o.channel.bill = func() string { return bill }
	o.channel.mu.Unlock()
	if status, told := o.post("/admin/settle-day", nil); status != http.StatusOK || told["failed"] != float64(0) {
		o.t.Fatalf("settle day: %d %v", status, told)
	}
	rows, err := o.books().QueryContext(o.t.Context(), `SELECT kind, payment, refund, minor FROM discrepancies ORDER BY 1, 2, 3`)
	if err != nil {
		o.t.Fatal(err)
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var kind, payment, refund string
		var minor int64
		if err := rows.Scan(&kind, &payment, &refund, &minor); err != nil {
			o.t.Fatal(err)
		}
		discrepancies = append(discrepancies, fmt.Sprint(kind, " ", payment, refund, " ", minor))
	}
	return discrepancies
}

func (o *outlet) wantLedger(minor int64) {
	o.t.Helper()
	if got := o.number(`SELECT COALESCE(SUM(minor), 0) FROM ledger WHERE account = 'provider'`); got != minor {
		o.t.Errorf("the provider's account has %d, want %d", got, minor)
	}
	if off := o.number(`SELECT count(*) FROM (SELECT 1 FROM ledger GROUP BY entry HAVING SUM(minor) <> 0)`); off != 0 {
		o.t.Errorf("%d entries do not add up", off)
	}
}

const unitPrice = 10000 // of phone-x

func TestBillThatDiffers(t *testing.T) {
	now := time.Now()
	tests := map[string]struct {
		bill func(order, payment string) string
		want func(payment string) string // the only discrepancy
	}{
		"as it was": {
			func(o, p string) string { return billed(p, o, "", unitPrice, "succeeded", now) },
			func(string) string { return "" },
		},
		"a row is missing": {
			func(string, string) string { return "" },
			func(p string) string { return fmt.Sprint("missing ", p, " ", unitPrice) },
		},
		"a row too many": {
			func(o, p string) string {
				return billed(p, o, "", unitPrice, "succeeded", now) + billed(p+"9", o+"9", "", unitPrice, "succeeded", now)
			},
			func(p string) string { return fmt.Sprint("extra ", p, "9 ", unitPrice) },
		},
		"another amount": {
			func(o, p string) string { return billed(p, o, "", unitPrice+1, "succeeded", now) },
			func(p string) string { return fmt.Sprint("amount ", p, " ", unitPrice+1) },
		},
		"another unit": {
			func(o, p string) string { return billed(p, o, "", unitPrice*100, "succeeded", now) },
			func(string) string { return "unit  0" },
		},
		"another day": {
			func(o, p string) string { return billed(p, o, "", unitPrice, "succeeded", now.AddDate(0, 0, -1)) },
			func(p string) string { return fmt.Sprint("day ", p, " ", unitPrice) },
		},
		"a refund that nobody made": {
			func(o, p string) string {
				return billed(p, o, "", unitPrice, "succeeded", now) + billed(p, o, "R_1", unitPrice, "succeeded", now)
			},
			func(p string) string { return fmt.Sprint("state ", p, "R_1 ", unitPrice) },
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := open(t)
			order, payment := o.paid()
			got, want := o.settleDay(test.bill(order, payment)), test.want(payment)
			if want == "" && len(got) > 0 || want != "" && (len(got) != 1 || got[0] != want) {
				t.Errorf("wrote down %q, want %q", got, want)
			}
			o.wantLedger(unitPrice) // nothing is booked blindly
			o.wantState(order, paid)
		})
	}
}

// What only the bill knows is believed when the provider says the same of it.
func TestBillTellsOfACapture(t *testing.T) {
	t.Parallel()
	o := open(t)
	order, payment := o.order()
	o.channel.take(payment, unitPrice)
	if got := o.settleDay(billed(payment, order, "", unitPrice, "succeeded", time.Now())); len(got) > 0 {
		t.Errorf("wrote down %q", got)
	}
	o.wantState(order, paid)
	o.wantLedger(unitPrice)
}

// D31 believes the bill and tells nobody.
func TestBillIsBelievedWithD31(t *testing.T) {
	t.Parallel()
	o := open(t, settings{"DEFECTS": "D31"})
	order, payment := o.paid()
	if got := o.settleDay(billed(payment, order, "", unitPrice*100, "succeeded", time.Now())); len(got) > 0 {
		t.Errorf("wrote down %q", got)
	}
	o.wantLedger(unitPrice * 100)
}

// Refunds and disputes leave the provider's account, once each.
func TestLedgerOfARefund(t *testing.T) {
	t.Parallel()
	o := open(t)
	order, _ := o.paid()
	if status, _ := o.post("/orders/"+order+"/refunds", nil); status != http.StatusAccepted {
		t.Fatalf("refund: %d", status)
	}
	eventually(t, "the refund is asked for", func() bool { return o.channel.called(opRefund) == 1 })
	o.wantLedger(unitPrice)
	for _, number := range o.channel.endRefunds(refundSucceeded) {
		for range 2 {
			o.channel.deliverUntilTaken(o.channel.refundMessage(number, refundSucceeded))
		}
	}
	o.becomes(order, refunded)
	o.wantLedger(0)
}
