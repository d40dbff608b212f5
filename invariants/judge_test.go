package invariants

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/paystorm/paystorm/history"
)

// findsAlways is an invariant that finds what it is given.
func findsAlways(found Finding) Invariant {
	return Invariant{ID: "T1", Name: "a test's", Clauses: []Clause{{Name: "it", Judge: ofTheRun(func(*Run) Finding { return found })}}}
}

var (
	holds = Finding{Evaluated: 3, Exercised: 2}
	idle  = Finding{Evaluated: 3}
	wrong = Finding{Evaluated: 3, Exercised: 2, Violations: []Violation{
		{Pattern: "something is wrong", Order: "o1", Since: 2e9, Evidence: []Evidence{"load:1"}},
	}}
)

func TestConclusion(t *testing.T) {
	later := time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC)
	long := time.Date(2025, 6, 1, 0, 0, 0, 0, time.UTC)
	known := func(b *builder, pattern string, until time.Time) {
		b.hist.Header.Known = []history.Known{{Invariant: "T1", Pattern: pattern, Ticket: "SHOP-1", Until: until}}
	}
	offered := func(b *builder, offered, started int64) {
		b.event(history.Event{Source: history.SourceLoad, Kind: history.LoadOffered, Count: offered})
		for range started {
			b.event(history.Event{Source: history.SourceLoad, Kind: history.JourneyBegin})
		}
	}
	tests := []struct {
		name  string
		found Finding
		needs []history.Table
		live  bool // judged after settle only
		ghost bool // the header names a writer that never wrote
		with  func(*builder)
		want  Result
		why   string // part of a reason; "" means that there are none
	}{
		{name: "held and exercised", found: holds, want: Pass},
		{name: "violated", found: wrong, want: Fail, why: "T1, a test's: 1 violation: something is wrong"},
		{
			name: "required and never exercised", found: idle, want: Inconclusive, why: "never exercised",
			with: func(b *builder) { b.hist.Header.Required = []string{"T1"} },
		},
		{name: "not required and never exercised", found: idle, want: Pass},
		{
			name: "required and unknown", found: Finding{Unjudged: []string{"no idea"}}, want: Inconclusive, why: "no idea",
			with: func(b *builder) { b.hist.Header.Required = []string{"T1"} },
		},
		{name: "not required and unknown", found: Finding{Unjudged: []string{"no idea"}}, want: Pass},
		{
			name: "required, its table not read", found: holds, needs: []history.Table{history.TableGrants}, want: Inconclusive,
			why: "table grants was not read",
			with: func(b *builder) {
				b.unread(history.TableGrants)
				b.hist.Header.Required = []string{"T1"}
			},
		},
		{
			name: "its table not read, and waived", found: wrong, needs: []history.Table{history.TableGrants}, want: Pass,
			with: func(b *builder) {
				b.unread(history.TableGrants)
				b.hist.Header.Required = []string{"T1"}
				b.hist.Header.Waived = []history.Waiver{{Invariant: "T1", Reason: "no points here"}}
			},
		},
		{
			name: "the table itself waived", found: wrong, needs: []history.Table{history.TableGrants}, want: Pass,
			with: func(b *builder) {
				b.unread(history.TableGrants)
				b.hist.Header.Required = []string{"T1"}
				b.hist.Header.Waived = []history.Waiver{{Invariant: "grants", Reason: "no points here"}}
			},
		},
		{
			name: "waived, and violated all the same", found: wrong, want: Fail, why: "something is wrong",
			with: func(b *builder) { b.hist.Header.Waived = []history.Waiver{{Invariant: "T1", Reason: "hush"}} },
		},
		{
			name: "required, and nobody knows it", found: holds, want: Inconclusive, why: "I99 is required",
			with: func(b *builder) { b.hist.Header.Required = []string{"I99"} },
		},

		{
			name: "a known red", found: wrong, want: Pass, why: "known and not gating",
			with: func(b *builder) { known(b, "is wrong", later) },
		},
		{
			name: "a known red of any pattern", found: wrong, want: Pass, why: "known and not gating",
			with: func(b *builder) { known(b, "", later) },
		},
		{
			name: "a known red that expired before the run", found: wrong, want: Fail, why: "expired on 2025-06-01",
			with: func(b *builder) { known(b, "is wrong", long) },
		},
		{
			name: "another pattern than the known red's", found: wrong, want: Fail, why: "something is wrong",
			with: func(b *builder) { known(b, "is odd", later) },
		},
		{
			name: "a fault that providers document", found: wrong, want: Fail, why: "something is wrong",
			with: func(b *builder) {
				b.fault(history.FaultFacts{ID: "magic"})
				b.orders[0].struck("magic")
			},
		},

		{
			name: "a fault below its floor", found: holds, want: Inconclusive, why: "lose affected 1 delivery, floor 50",
			with: func(b *builder) {
				b.fault(history.FaultFacts{ID: "lose", Unit: "delivery", Floor: 50})
				b.orders[0].struck("lose")
			},
		},
		{
			name: "a fault on its floor, counted in one event", found: holds, want: Pass,
			with: func(b *builder) {
				b.fault(history.FaultFacts{ID: "slow", Unit: "connection", Floor: 50})
				b.event(history.Event{Source: history.SourceFault, Kind: history.FaultAffected, Fault: "slow", Count: 50})
			},
		},
		{
			name: "a fault that would not heal", found: holds, want: Inconclusive, why: "fault slow could not be undone: stuck",
			with: func(b *builder) {
				b.event(history.Event{Source: history.SourceFault, Kind: history.FaultHealFailed, Fault: "slow", Detail: "stuck"})
			},
		},
		{
			name: "after a fault that would not heal nothing lasting is judged", found: wrong, live: true, want: Inconclusive, why: "could not be undone",
			with: func(b *builder) {
				b.event(history.Event{Source: history.SourceFault, Kind: history.FaultHealFailed, Fault: "slow", Detail: "stuck"})
			},
		},
		{
			name: "but what is proven stays", found: wrong, want: Fail, why: "something is wrong",
			with: func(b *builder) {
				b.event(history.Event{Source: history.SourceFault, Kind: history.FaultHealFailed, Fault: "slow", Detail: "stuck"})
			},
		},
		{
			name: "a fault that was never seen to end", found: holds, want: Inconclusive, why: "slow was never seen to end",
			with: func(b *builder) { b.standing("slow") },
		},
		{
			name: "the harness failed", found: holds, want: Inconclusive, why: "the harness failed: disk full",
			with: func(b *builder) {
				b.event(history.Event{Source: history.SourcePhase, Kind: history.HarnessErr, Detail: "disk full"})
			},
		},
		{
			name: "the shop died unasked", found: holds, want: Pass, why: "the shop died unasked",
			with: func(b *builder) {
				b.event(history.Event{Source: history.SourceNode, Kind: history.NodeExited, Detail: "exit status 2"})
			},
		},
		{name: "cut off in the storm", found: holds, want: Inconclusive, why: "writer channel was cut off", with: func(b *builder) { b.cutOff() }},
		{name: "cut off, and proven before", found: wrong, want: Fail, why: "something is wrong", with: func(b *builder) { b.cutOff() }},
		{
			name: "cut off, a lasting wrong is not proven", found: wrong, live: true, want: Inconclusive, why: "not read at rest",
			with: func(b *builder) { b.cutOff() },
		},
		{
			name: "the books never came to rest", found: holds, live: true, want: Inconclusive, why: "not read at rest",
			with: func(b *builder) { b.restless() },
		},
		{
			name: "a probe failed at the end", found: holds, live: true, want: Inconclusive, why: `a probe failed: orders: the states "NEW"`,
			with: func(b *builder) {
				b.restless()
				b.final.Errors = []string{`orders: the states "NEW" (3 rows) are mapped to nothing`}
			},
		},
		{name: "a writer is missing", found: holds, want: Inconclusive, why: "writer ghost is missing", ghost: true},
		{
			name: "the storm never began", found: holds, want: Inconclusive, why: "the storm never began",
			with: func(b *builder) {
				b.hist.Events = slices.DeleteFunc(b.hist.Events, func(e history.Event) bool { return e.State == history.PhaseStorm })
				b.cutOff()
			},
		},

		{
			name: "interrupted in the storm, the files whole", found: holds, want: Inconclusive, why: "cut short in its phase storm",
			with: func(b *builder) { b.noFinal, b.interrupted = true, true },
		},

		{
			name: "too little of the load was started", found: holds, want: Inconclusive, why: "3 of 10 offered iterations were started",
			with: func(b *builder) { b.hist.Header.Floors.StartedShare = 0.9; offered(b, 10, 3) },
		},
		{
			name: "enough of the load was started", found: holds, want: Pass,
			with: func(b *builder) { b.hist.Header.Floors.StartedShare = 0.9; offered(b, 10, 9) },
		},
		{
			name: "nothing was offered", found: holds, want: Inconclusive, why: "0 of 0 offered",
			with: func(b *builder) { b.hist.Header.Floors.StartedShare = 0.9 },
		},
		{
			name: "nothing but timeouts", found: holds, want: Inconclusive, why: "of operations have a known outcome",
			with: func(b *builder) {
				b.hist.Header.Floors.KnownShare = 0.9
				b.orders[0].op(history.OpLook, history.Unknown, "", "timeout")
			},
		},
		{
			name: "too few orders", found: holds, want: Inconclusive, why: "the shop accepted 1 order, floor 20",
			with: func(b *builder) { b.hist.Header.Floors.Orders = 20 },
		},
		{
			name: "not sold out", found: holds, want: Inconclusive, why: "phone was expected to sell out",
			with: func(b *builder) { b.hist.Header.Floors.SoldOut = true },
		},
		{
			name: "sold out, and restocked by the end", found: holds, want: Pass,
			with: func(b *builder) {
				b.hist.Header.Floors.SoldOut = true
				b.unseen("", 9, "phone", 1).op(history.OpOrder, history.Refused, "", history.ReasonSoldOut)
			},
		},
		{
			name: "iterations were dropped", found: holds, want: Pass, why: "4 iterations dropped",
			with: func(b *builder) {
				b.event(history.Event{Source: history.SourceLoad, Kind: history.LoadDropped, Count: 4})
			},
		},
		{
			name: "a latency that is bounded, and iterations dropped", found: holds, want: Inconclusive, why: "order_p99_ms could not be measured",
			with: func(b *builder) {
				b.hist.Header.Service = []history.ServiceGoal{{ID: "order_p99_ms", Bound: 900, Unit: "ms"}}
				b.event(history.Event{Source: history.SourceLoad, Kind: history.LoadDropped, Count: 4})
			},
		},
		{
			name: "a latency within its bound", found: holds, want: Pass,
			with: func(b *builder) {
				b.hist.Header.Service = []history.ServiceGoal{{ID: "order_p99_ms", Bound: 900, Unit: "ms"}}
			},
		},
		{
			name: "a latency beyond its bound", found: holds, want: Fail, why: "order_p99_ms is 10 ms, bound 5",
			with: func(b *builder) {
				b.hist.Header.Service = []history.ServiceGoal{{ID: "order_p99_ms", Bound: 5, Unit: "ms"}}
			},
		},
		{
			name: "a bound on nothing that is known", found: holds, want: Inconclusive, why: "joy could not be measured",
			with: func(b *builder) { b.hist.Header.Service = []history.ServiceGoal{{ID: "joy", Bound: 5}} },
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			b := newHistory(t)
			b.paid("o1", 1)
			if test.with != nil {
				test.with(b)
			}
			invariant := findsAlways(test.found)
			invariant.Clauses[0].Needs, invariant.Clauses[0].AfterSettle = test.needs, test.live
			h := b.at(30_000).history()
			if test.ghost {
				h.Header.Writers = append(h.Header.Writers, "ghost")
			}
			verdict := judge(h, []Invariant{invariant})
			if verdict.Verdict != test.want {
				t.Fatalf("want %s, got %s: %q", test.want, verdict.Verdict, verdict.Reasons)
			}
			told := strings.Join(verdict.Reasons.Texts(), "\n")
			if test.why == "" && told != "" || !strings.Contains(told, test.why) {
				t.Errorf("want a reason with %q, got %q", test.why, told)
			}
			if test.want == Pass && test.why == "" && len(verdict.Reasons) != 0 {
				t.Errorf("a clean pass has no reasons, got %q", verdict.Reasons)
			}
		})
	}
}

func TestInvariantResultGroupsAndAddsUp(t *testing.T) {
	cny := func(minor int64) Violation {
		v := Violation{Pattern: "lost", Bearer: BearerBuyer, Since: 1_500_000_000, Until: 2_500_000_000, Units: 1}
		v.Net.Minor, v.Net.Currency = minor, "CNY"
		v.Gross = v.Net
		return v
	}
	one, two, three := cny(100), cny(250), cny(7)
	one.Order, one.Detail, two.Order, two.Detail = "o1", "first", "o2", "second"
	three.Pattern, three.Bearer, three.SKU, three.Until = "found", BearerMerchant, "phone", 0
	b := newHistory(t)
	b.paid("o1", 1)
	verdict := judge(b.at(30_000).history(), []Invariant{findsAlways(Finding{
		Evaluated: 9, Exercised: 4, Violations: []Violation{two, three, one},
	})})
	got := verdict.Invariants[0]
	if got.Violations != 3 || got.Units != 3 || got.SinceMS != 1500 || got.UntilMS != 0 {
		t.Errorf("want 3 violations of 3 units since 1500 ms, lasting, got %+v", got)
	}
	if len(got.Patterns) != 2 || got.Patterns[0].Text != "lost" || !slices.Equal(got.Patterns[0].Orders, []string{"o1", "o2"}) ||
		!slices.Equal(got.Patterns[0].Details, []string{"first", "second"}) || !slices.Equal(got.Patterns[1].Orders, []string{"phone"}) {
		t.Errorf("want the frequent pattern first, its orders sorted, got %+v", got.Patterns)
	}
	want := []AtRisk{{"CNY", 350, 350, BearerBuyer}, {"CNY", 7, 7, BearerMerchant}}
	if !slices.Equal(got.AtRisk, want) {
		t.Errorf("want %+v, got %+v", want, got.AtRisk)
	}
	if !strings.Contains(got.Summary, "3 violations: lost (2), and 1 other pattern; 3 units; 3.50 CNY at risk, borne by the buyer") {
		t.Errorf("summary: %q", got.Summary)
	}
}

func TestTheVerdictIsEqualByteForByte(t *testing.T) {
	h := simulated(5, 60)
	first, err := json.Marshal(Judge(h))
	if err != nil {
		t.Fatal(err)
	}
	for range 5 {
		again, err := json.Marshal(Judge(h))
		if err != nil {
			t.Fatal(err)
		}
		if string(first) != string(again) {
			t.Fatalf("two verdicts of one history differ:\n%s\n%s", first, again)
		}
	}
}

func TestEveryInvariantSaysWhatItIs(t *testing.T) {
	seen := map[string]bool{}
	for _, invariant := range All() {
		if invariant.ID == "" || invariant.Name == "" || invariant.Statement == "" || len(invariant.Clauses) == 0 || seen[invariant.ID] {
			t.Errorf("incomplete, or there twice: %+v", invariant)
		}
		seen[invariant.ID] = true
	}
}
