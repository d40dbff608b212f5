package scenarios_test

import (
	"bytes"
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/paystorm/paystorm/scenarios"
)

func compile(t *testing.T, seed int64, settings map[string]string) scenarios.Plan {
	t.Helper()
	scenario, system := everything(t)
	plan, err := scenarios.Compile(scenario, system, vocabulary(), seed, settings)
	if err != nil {
		t.Fatal(err)
	}
	return plan
}

func TestCompile(t *testing.T) {
	t.Parallel()
	plan := compile(t, 7, nil)
	for _, check := range []struct {
		name      string
		got, want any
	}{
		{"steps", plan.Steps, []scenarios.LoadStep{{For: 10 * time.Second, PerSecond: 100, Iterations: 1000, FirstBuyer: 1}}},
		{"offered", plan.Offered, 1000},
		// 95/s for as long as buy is likely to take, 50ms, a request of 5s and 3s of patience, 5/s for browse, and a tenth.
		{"virtual users", plan.VUs, 870},
		{"storm", plan.StormMax, 10*time.Second + 10050*time.Millisecond},
		{"journeys", plan.Journeys, []scenarios.JourneyShare{{Name: "browse", Share: 0.05}, {Name: "buy", Share: 0.95}}},
		{"required", plan.Required, []string{"I1", "I4", "I7"}},
		{"checkpoints", plan.Checkpoints, []time.Duration{2 * time.Second, 4 * time.Second}},
		{"a named floor", plan.Faults[0].Floor, 50},
		{"a floor of none", plan.Faults[1].Floor, 0},
		{"a floor by default", plan.Faults[2].Floor, 1},
		{"a payer's floor", plan.Payers[2].Floor, 3},
		{"contract, unit", plan.Faults[3].Contract + " " + plan.Faults[3].Unit, "seen connection"},
		{"parameters", string(plan.Faults[2].Params), `{"by":"200ms..3s"}`},
		{"in words", plan.Faults[2].Planned, "20% of notifications, by 200ms..3s, from the begin until heal"},
		{"a script in words", plan.Faults[1].Planned, "all notifications, only buyer 17, only order 1, only attempt 1, " +
			"only payment.succeeded, while the payment is pending|failed, attempts all, from the begin until the books were read"},
		{"a link in words", plan.Faults[3].Planned, "every connection, link shop->channel, direction downstream, " +
			"latency 80ms, jitter 40ms, from 4s for 4s"},
		{"a trigger in words", plan.Faults[4].Planned, "every node, on (message refund, at processed), times 1, from the begin until heal"},
		{"the system's directory", plan.SystemDir, "testdata/valid"},
	} {
		if !reflect.DeepEqual(check.got, check.want) {
			t.Errorf("%s: got %v, want %v", check.name, check.got, check.want)
		}
	}
}

func TestCompileNumbersBuyersThroughTheSteps(t *testing.T) {
	t.Parallel()
	plan := compile(t, 1, map[string]string{"load.profile": "flash-sale"})
	want := []scenarios.LoadStep{
		{At: 0, For: 5 * time.Second, PerSecond: 100, Iterations: 500, FirstBuyer: 1},
		{At: 5 * time.Second, For: 5 * time.Second, PerSecond: 100.0 / 3, Iterations: 167, FirstBuyer: 501},
	}
	if !reflect.DeepEqual(plan.Steps, want) || plan.Offered != 667 {
		t.Errorf("got %d in %v, want 667 in %v", plan.Offered, plan.Steps, want)
	}
}

func TestCompileDefaults(t *testing.T) {
	t.Parallel()
	library, err := scenarios.Shipped()
	if err != nil {
		t.Fatal(err)
	}
	scenario, err := library.Find("testdata/valid/minimal.yaml", vocabulary())
	if err != nil {
		t.Fatal(err)
	}
	system, err := library.SystemOf(scenario, vocabulary())
	if err != nil {
		t.Fatal(err)
	}
	plan, err := scenarios.Compile(scenario, system, vocabulary(), 1, nil)
	if err != nil {
		t.Fatal(err)
	}
	if want := (scenarios.PlanExpect{Orders: 1, StartedShare: 0.95, KnownShare: 0.5}); plan.Expect != want {
		t.Errorf("expect: got %v, want %v", plan.Expect, want)
	}
	if want := []string{"I4", "I11"}; !slices.Equal(plan.Required, want) {
		t.Errorf("required: got %v, want %v: what the faults and the crowd exercise", plan.Required, want)
	}
	if want := []scenarios.JourneyShare{{Name: "second-by-name", Share: 1}}; !slices.Equal(plan.Journeys, want) {
		t.Errorf("journeys: got %v, want the first of the file", plan.Journeys)
	}
	if plan.VUs != 20 {
		t.Errorf("%d virtual users, want the least number", plan.VUs)
	}
}

func TestDigest(t *testing.T) {
	t.Parallel()
	first := compile(t, 7, nil)
	if again := compile(t, 7, nil); again.Digest != first.Digest || len(first.Digest) != 64 {
		t.Errorf("the same files and seed give %s and %s", first.Digest, again.Digest)
	}
	same := map[string]string{"load.peak": "6000/m", "faults.lose-callbacks.share": "0.3"}
	if again := compile(t, 7, same); again.Digest != first.Digest {
		t.Error("the same values in other words give another digest")
	}
	seen := map[string]string{first.Digest: "nothing"}
	for name, plan := range map[string]scenarios.Plan{
		"the seed":     compile(t, 8, nil),
		"the load":     compile(t, 7, map[string]string{"load.peak": "101/s"}),
		"a share":      compile(t, 7, map[string]string{"faults.lose-callbacks.share": "31%"}),
		"a floor":      compile(t, 7, map[string]string{"expect.affected.lose-callbacks": "51"}),
		"the system":   compile(t, 7, map[string]string{"system.timers.query": "3s"}),
		"a probe":      compile(t, 7, map[string]string{"system.probes.refunds.query": "SELECT 2"}),
		"an invariant": compile(t, 7, map[string]string{"invariants": "[I4]"}),
	} {
		if other, twice := seen[plan.Digest]; twice {
			t.Errorf("changing %s gives the digest of changing %s", name, other)
		}
		seen[plan.Digest] = name
	}
}

func TestSettings(t *testing.T) {
	t.Parallel()
	settings := map[string]string{
		"load.peak":                         "50/s",
		"load.for":                          "20s",
		"sale.items.0.stock":                "50",
		"sale.items.1.sku":                  "7",
		"faults.lose-first-of-17.share":     "10%",
		"faults.slow-link.from":             "1s",
		"faults.4.kill-node.times":          "2",
		"payers.abandon":                    "4%",
		"payers.pay-twice.id":               "twice",
		"expect.affected":                   "{twice: 5}",
		"checkpoints":                       "[1s, 3s]",
		"review-cap":                        "9",
		"expect.sold-out":                   "false",
		"why":                               "2",
		"system.journeys.buy.order.within":  "1s",
		"system.journeys.buy.0.order.think": "2s",
		"system.timers.expiry":              "6s",
		"system.setup.put-sku.json":         `{stock: 5, name: "x"}`,
	}
	plan := compile(t, 7, settings)
	for _, check := range []struct {
		name      string
		got, want any
	}{
		{"offered", plan.Offered, 1000},
		{"stock", plan.Items[0].Stock, int64(50)},
		{"text that looks like a number", plan.Items[1].SKU, "7"},
		{"a fault by its id", plan.Faults[1].Share, 0.1},
		{"a fault by its kind", plan.Faults[3].From, time.Second},
		{"a fault by its index", string(plan.Faults[4].Params), `{"on":{"message":"refund","at":"processed"},"times":2,"down":"0s"}`},
		{"a payer's share", plan.Payers[0].Share, 0.04},
		{"a key of a payer that was a bare share", plan.Payers[2].ID, "twice"},
		{"its share", plan.Payers[2].Share, 0.25},
		{"a map", plan.Payers[2].Floor, 5},
		{"a list", plan.Checkpoints, []time.Duration{time.Second, 3 * time.Second}},
		{"a number", plan.ReviewCap, 9},
		{"true or false", plan.Expect.SoldOut, false},
		{"text", plan.Why, "2"},
		{"a step by its name", plan.System.Journeys["buy"][0].Within, scenarios.Duration(time.Second)},
		{"a key that was not there", plan.System.Journeys["buy"][0].Think, scenarios.Span{Low: 2 * time.Second, High: 2 * time.Second}},
		{"a timer", plan.System.Timers.Expiry, scenarios.Duration(6 * time.Second)},
	} {
		if !reflect.DeepEqual(check.got, check.want) {
			t.Errorf("%s: got %v, want %v", check.name, check.got, check.want)
		}
	}
	if untouched := compile(t, 7, nil); untouched.Offered != 1000 || untouched.Items[0].Stock != 500 {
		t.Error("settings changed what was loaded")
	}
}

func TestWrongSettings(t *testing.T) {
	t.Parallel()
	scenario, system := everything(t)
	for setting, want := range map[string]string{
		"load.peek=3/s":                  `--set load.peek=3/s: unknown key "peek": did you mean "peak"? (allowed: for, journeys,`,
		"load.peak=fast":                 `--set load.peak=fast: peak: "fast" is no rate: want one such as 400/s`,
		"loads.peak=3/s":                 `--set loads.peak=3/s: unknown key "loads": did you mean "load"?`,
		"load.peak.x=3":                  `--set load.peak.x=3: load.peak is a single value and has no "x"`,
		"faults.lose-call.share=1%":      `--set faults.lose-call.share=1%: faults has no "lose-call": allowed: delay-callbacks, kill-node,`,
		"faults.9.share=1%":              `--set faults.9.share=1%: faults has 5 items, numbered from 0: there is no 9`,
		"sale.items.phone-x.stock=1":     `--set sale.items.phone-x.stock=1: sale.items is a list: want an index from 0 to 1, not "phone-x"`,
		"payers.abandon.share=200%":      `--set payers.abandon.share=200%: share: "200%" is no part of a whole`,
		"system=flashshop":               `--set system=flashshop: the system is no setting`,
		"system.timer.expiry=3s":         `--set system.timer.expiry=3s: unknown key "timer": did you mean "timers"?`,
		"system.states.NEW=done":         `--set system.states.NEW=done: states: unknown order state "done"`,
		"checkpoints=[1s":                `--set checkpoints=[1s: no valid YAML`,
		"expect.affected={nobody: 1}":    `--set expect.affected={nobody: 1}: affected: no fault has the id "nobody"`,
		"settle=1s":                      `--set settle=1s: settle: 1s is too short for a system whose longest timer is reconcile: 10s: want at least 11s`,
		"review-cap=-1":                  `--set review-cap=-1: review-cap: -1 is too small: want at least 0`,
		"expect.sold-out=perhaps":        `--set expect.sold-out=perhaps: sold-out: want true or false, not a value "perhaps"`,
		"gate-beyond=true":               `--set gate-beyond=true: unknown key "gate-beyond"`,
		"system.launch.external.url=x.y": `--set system.launch.external.url=x.y: url: "x.y" is no address of a shop`,
	} {
		t.Run(setting, func(t *testing.T) {
			t.Parallel()
			path, value, _ := strings.Cut(setting, "=")
			_, err := scenarios.Compile(scenario, system, vocabulary(), 1, map[string]string{path: value})
			var errs scenarios.Errors
			if !errors.As(err, &errs) || !strings.HasPrefix(err.Error(), want) {
				t.Errorf("got %v\nwant %s…", err, want)
			}
		})
	}
}

func TestCompileOfWhatWasBuiltInGo(t *testing.T) {
	t.Parallel()
	scenario := &scenarios.Scenario{
		Name: "built", System: "built", Settle: scenarios.Duration(10 * time.Second),
		Load: scenarios.Load{Profile: "steady", Peak: 10, For: scenarios.Duration(time.Second)},
		Faults: []scenarios.FaultSpec{
			{Kind: "lose-callbacks", ID: "lose", Share: 1, Params: &loseParams{Attempts: "all"}},
		},
	}
	system := &scenarios.System{
		Name:     "built",
		Launch:   scenarios.Launch{External: &scenarios.External{URL: "http://[::1]:8080"}},
		Journeys: map[string][]scenarios.Step{"buy": {{Name: "order", Post: "/orders", OK: scenarios.Match{Status: []int{201}}}}},
	}
	plan, err := scenarios.Compile(scenario, system, vocabulary(), 1, nil)
	if err != nil || plan.Offered != 10 || plan.Faults[0].Until != scenarios.UntilHeal {
		t.Errorf("got %+v, %v", plan, err)
	}
	system.Journeys = nil
	scenario.Faults[0].Kind = "none"
	if _, err := scenarios.Compile(scenario, system, vocabulary(), 1, nil); err == nil {
		t.Error("a system without journeys is accepted")
	}
	if _, err := scenarios.Compile(scenario, system, vocabulary(), 1, map[string]string{"name": "x"}); err == nil {
		t.Error("settings of a scenario without a file are accepted")
	}
}

func TestWriteText(t *testing.T) {
	t.Parallel()
	var text bytes.Buffer
	if err := compile(t, 7, map[string]string{"load.profile": "flash-sale"}).WriteText(&text); err != nil {
		t.Fatal(err)
	}
	golden(t, "testdata/everything.plan.golden", text.String())
}

func TestWriteTextSumsUpALongRamp(t *testing.T) {
	t.Parallel()
	plan := compile(t, 7, nil)
	plan.Steps = nil
	for index := range 40 {
		plan.Steps = append(plan.Steps, scenarios.LoadStep{
			At: time.Duration(index) * time.Second, For: time.Second, PerSecond: 2, Iterations: 2, FirstBuyer: 2*index + 1,
		})
	}
	var text bytes.Buffer
	if err := plan.WriteText(&text); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(text.String(), "28 steps for 28s, 56 buyers") || strings.Contains(text.String(), "at 20s") {
		t.Errorf("got\n%s", text.String())
	}
}

func TestPlanIsReadAsItWasWritten(t *testing.T) {
	t.Parallel()
	plan := compile(t, 7, nil)
	var text bytes.Buffer
	if err := plan.WriteJSON(&text); err != nil {
		t.Fatal(err)
	}
	read, err := scenarios.ReadPlan(&text)
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(read, plan) {
		t.Errorf("got  %+v\nwant %+v", read, plan)
	}
	for _, wrong := range []string{"", "{}", `{"schema": 99}`, `{"schema": 1, "settle_ns": "soon"}`} {
		if _, err := scenarios.ReadPlan(strings.NewReader(wrong)); err == nil {
			t.Errorf("%q is read as a plan", wrong)
		}
	}
}

// pickyParams exercises what its kind alone does not.
type pickyParams struct{}

func (*pickyParams) Exercises() []string { return []string{"I9"} }

func TestCompileAsksTheKind(t *testing.T) {
	t.Parallel()
	scenario, system := everything(t)
	scenario.Invariants = nil
	known := vocabulary()
	scenario.Faults[0].Params = &pickyParams{}
	plan, err := scenarios.Compile(scenario, system, known, 1, nil)
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{"I7", "I9"}; !slices.Equal(plan.Faults[0].Exercises, want) || !slices.Contains(plan.Required, "I9") {
		t.Errorf("got %v, required %v, want %v", plan.Faults[0].Exercises, plan.Required, want)
	}
	known.Faults[0].Fits = func(spec scenarios.FaultSpec) error {
		if spec.Only.Attempt > 0 {
			return errors.New("only: nothing is decided per attempt")
		}
		return nil
	}
	_, err = scenarios.Compile(scenario, system, known, 1, nil)
	if err == nil || !strings.Contains(err.Error(), "everything.yaml:26:7: lose-callbacks: only: nothing is decided") {
		t.Errorf("got %v", err)
	}
}
