package fault

import (
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/paystorm/paystorm/dice"
	"github.com/paystorm/paystorm/history"
	"github.com/paystorm/paystorm/mockchannel"
	"github.com/paystorm/paystorm/scenarios"
)

var dice0 = dice.New(0)

// buyer is a message's subject: the buyer's first order, not yet paid.
func buyer(n int) mockchannel.Subject {
	ref := history.Ref{Run: "r", Buyer: n, Nth: 1}
	return mockchannel.Subject{
		Order: fmt.Sprintf("A%05d", n), Payment: fmt.Sprintf("pay_%05d", n), Ref: ref, Key: ref.Key(), Nth: 1,
		State: mockchannel.Pending,
	}
}

func mustPlan(t *testing.T, fault scenarios.Fault, d dice.Dice) Planned {
	t.Helper()
	if fault.Kind == "" {
		fault.Kind = "lose-callbacks"
	}
	planned, _, err := plan(fault, d)
	if err != nil {
		t.Fatal(err)
	}
	return planned
}

func TestAttemptsAndOneAttempt(t *testing.T) {
	fault := scenarios.Fault{ID: "f", Kind: "reject-requests", Share: 1, Only: scenarios.Only{Attempt: 2}, Params: json.RawMessage(`{"attempts":"2"}`)}
	if _, _, err := plan(fault, dice0); err == nil || !strings.Contains(err.Error(), "attempts: only.attempt") {
		t.Errorf("got %v", err)
	}
	faults, _ := Vocabulary(nil)
	for _, kind := range faults {
		if times := Times(2); kind.Name == "reject-requests" {
			spec := scenarios.FaultSpec{Params: &rejectRequests{Attempts: &times}, Only: scenarios.Only{Attempt: 2}}
			if err := kind.Fits(spec); err == nil {
				t.Error("a file may say both")
			}
		}
	}
}

func TestHitsNarrows(t *testing.T) {
	paid := buyer(17)
	paid.State = mockchannel.Succeeded
	second := buyer(17)
	second.Ref.Nth, second.Key = 2, "b17-o2"
	nobody := mockchannel.Subject{Order: "A1", Key: "p1"}
	tests := []struct {
		name    string
		fault   scenarios.Fault
		subject mockchannel.Subject
		message string
		attempt int
		at      time.Duration
		want    bool
	}{
		{"share of everything", scenarios.Fault{Share: 1}, buyer(17), "refund", 1, 0, true},
		{"share of nothing", scenarios.Fault{Share: 0}, buyer(17), "refund", 1, 0, false},
		{"an unknown buyer is hit like others", scenarios.Fault{Share: 1}, nobody, "refund", 1, 0, true},

		{"before the storm", scenarios.Fault{Share: 1}, buyer(17), "refund", 1, -1, false},
		{"before its window", scenarios.Fault{Share: 1, From: 100}, buyer(17), "refund", 1, 99, false},
		{"as its window opens", scenarios.Fault{Share: 1, From: 100, For: 10}, buyer(17), "refund", 1, 100, true},
		{"at the window's end", scenarios.Fault{Share: 1, From: 100, For: 10}, buyer(17), "refund", 1, 110, false},
		{"without an end", scenarios.Fault{Share: 1, From: 100}, buyer(17), "refund", 1, time.Hour, true},

		{"the buyer", scenarios.Fault{Share: 1, Only: scenarios.Only{Buyer: 17}}, buyer(17), "refund", 1, 0, true},
		{"another buyer", scenarios.Fault{Share: 1, Only: scenarios.Only{Buyer: 17}}, buyer(18), "refund", 1, 0, false},
		{"a buyer nobody knows", scenarios.Fault{Share: 1, Only: scenarios.Only{Buyer: 17}}, nobody, "refund", 1, 0, false},
		{"the second order", scenarios.Fault{Share: 1, Only: scenarios.Only{Buyer: 17, Order: 2}}, second, "refund", 1, 0, true},
		{"the first order", scenarios.Fault{Share: 1, Only: scenarios.Only{Buyer: 17, Order: 2}}, buyer(17), "refund", 1, 0, false},
		{"the message", scenarios.Fault{Share: 1, Only: scenarios.Only{Message: "refund"}}, buyer(17), "refund", 1, 0, true},
		{"another message", scenarios.Fault{Share: 1, Only: scenarios.Only{Message: "refund"}}, buyer(17), "create", 1, 0, false},
		{"the attempt", scenarios.Fault{Share: 1, Only: scenarios.Only{Attempt: 2}}, buyer(17), "refund", 2, 0, true},
		{"another attempt", scenarios.Fault{Share: 1, Only: scenarios.Only{Attempt: 2}}, buyer(17), "refund", 1, 0, false},

		{"when paid", scenarios.Fault{Share: 1, When: "succeeded"}, paid, "refund", 1, 0, true},
		{"when paid, and it is not", scenarios.Fault{Share: 1, When: "succeeded"}, buyer(17), "refund", 1, 0, false},
		{"when one of several", scenarios.Fault{Share: 1, When: "closed | pending"}, buyer(17), "refund", 1, 0, true},
		{"when, and there is no payment", scenarios.Fault{Share: 1, When: "pending"}, nobody, "create", 1, 0, false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			planned := mustPlan(t, test.fault, dice0)
			if got := planned.Hits(test.subject, test.message, test.attempt, test.at); got != test.want {
				t.Errorf("got %v, want %v", got, test.want)
			}
		})
	}
}

// TestSharesAreKept holds the shares over 10,000 buyers, within four standard deviations.
func TestSharesAreKept(t *testing.T) {
	const buyers = 10_000
	for _, share := range []float64{0.001, 0.01, 0.2, 0.5, 0.97} {
		planned := mustPlan(t, scenarios.Fault{ID: "f", Share: share}, dice.New(42))
		hits := 0
		for n := 1; n <= buyers; n++ {
			if planned.Hits(buyer(n), history.PaymentSucceeded, 0, 0) {
				hits++
			}
		}
		want, slack := share*buyers, 4*math.Sqrt(share*(1-share)*buyers)
		t.Logf("share %v: %d of %d", share, hits, buyers)
		if math.Abs(float64(hits)-want) > slack {
			t.Errorf("share %v hit %d of %d, want %.0f give or take %.0f", share, hits, buyers, want, slack)
		}
	}
}

// decisions is who is hit among the first buyers, as a string of digits.
func decisions(planned Planned, message string, attempt int) string {
	var all strings.Builder
	for n := 1; n <= 200; n++ {
		if planned.Hits(buyer(n), message, attempt, 0) {
			all.WriteByte('1')
		} else {
			all.WriteByte('0')
		}
	}
	return all.String()
}

func TestDecisionsAreKeyed(t *testing.T) {
	base := decisions(mustPlan(t, scenarios.Fault{ID: "f", Share: 0.5}, dice.New(7)), "refund", 1)
	same := decisions(mustPlan(t, scenarios.Fault{ID: "f", Share: 0.5, From: 0, For: time.Hour}, dice.New(7)), "refund", 1)
	if base != same {
		t.Error("the same seed, fault and buyers gave other decisions")
	}
	others := map[string]string{
		"seed":    decisions(mustPlan(t, scenarios.Fault{ID: "f", Share: 0.5}, dice.New(8)), "refund", 1),
		"fault":   decisions(mustPlan(t, scenarios.Fault{ID: "g", Share: 0.5}, dice.New(7)), "refund", 1),
		"message": decisions(mustPlan(t, scenarios.Fault{ID: "f", Share: 0.5}, dice.New(7)), "create", 1),
		"attempt": decisions(mustPlan(t, scenarios.Fault{ID: "f", Share: 0.5}, dice.New(7)), "refund", 2),
	}
	for what, got := range others {
		if got == base {
			t.Errorf("another %s gave the same decisions", what)
		}
	}
	// Nothing that the shop invents has a say.
	planned := mustPlan(t, scenarios.Fault{ID: "f", Share: 0.5}, dice.New(7))
	for n := 1; n <= 200; n++ {
		renamed := buyer(n)
		renamed.Order, renamed.Payment, renamed.Ref.Run = "Z", "z", "other"
		if planned.Hits(renamed, "refund", 1, 0) != (base[n-1] == '1') {
			t.Fatalf("buyer %d: the order's number changed the decision", n)
		}
	}
}

func TestUnreadablePlansAreRefused(t *testing.T) {
	tests := []struct {
		name  string
		fault scenarios.Fault
		want  string
	}{
		{"unknown kind", scenarios.Fault{ID: "f", Kind: "lunch-break"}, `there is no kind "lunch-break"`},
		{"unknown parameter", scenarios.Fault{ID: "f", Kind: "abandon", Params: json.RawMessage(`{"how":1}`)}, "how"},
		{"parameters of another type", scenarios.Fault{ID: "f", Kind: "pay-late", Params: json.RawMessage(`{"by":7}`)}, "by"},
		{"attempt of a whole notification", scenarios.Fault{ID: "f", Kind: "delay-callbacks", Only: scenarios.Only{Attempt: 2}}, "only.attempt"},
		{"message of a change", scenarios.Fault{ID: "f", Kind: "late-success", Only: scenarios.Only{Message: "close"}}, "only.message"},
		{"state of no payment", scenarios.Fault{ID: "f", Kind: "ignore-acks", When: "paid"}, `"paid" is no state`},
		{"state for a payer", scenarios.Fault{ID: "f", Kind: "abandon", When: "created"}, "when:"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			for _, p := range []scenarios.Plan{{Faults: []scenarios.Fault{test.fault}}, {Payers: []scenarios.Fault{test.fault}}} {
				_, err := NewEngine(p, Env{})
				if err == nil || !strings.Contains(err.Error(), test.want) || !strings.Contains(err.Error(), `fault "f"`) {
					t.Errorf("got %v, want it to name the fault and %q", err, test.want)
				}
			}
		})
	}
}
