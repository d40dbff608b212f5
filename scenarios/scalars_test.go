package scenarios_test

import (
	"bytes"
	"encoding"
	"encoding/json"
	"maps"
	"reflect"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/paystorm/paystorm/money"
	"github.com/paystorm/paystorm/scenarios"
)

func TestScalars(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		text string
		into encoding.TextUnmarshaler
		want any // nil: refused
	}{
		{"1.5s", new(scenarios.Duration), scenarios.Duration(1500 * time.Millisecond)},
		{"0", new(scenarios.Duration), scenarios.Duration(0)},
		{"2m", new(scenarios.Duration), scenarios.Duration(2 * time.Minute)},
		{"5", new(scenarios.Duration), nil},
		{"-5s", new(scenarios.Duration), nil},
		{"", new(scenarios.Duration), nil},
		{"9999999h", new(scenarios.Duration), nil},
		{"200ms..3s", new(scenarios.Span), scenarios.Span{Low: 200 * time.Millisecond, High: 3 * time.Second}},
		{"200ms", new(scenarios.Span), scenarios.Span{Low: 200 * time.Millisecond, High: 200 * time.Millisecond}},
		{"3s..2s", new(scenarios.Span), nil},
		{"1s..", new(scenarios.Span), nil},
		{"..1s", new(scenarios.Span), nil},
		{"1s..2s..3s", new(scenarios.Span), nil},
		{"30%", new(scenarios.Share), scenarios.Share(0.3)},
		{"0.3", new(scenarios.Share), scenarios.Share(0.3)},
		{"0.01%", new(scenarios.Share), scenarios.Share(0.0001)},
		{"0", new(scenarios.Share), scenarios.Share(0)},
		{"100%", new(scenarios.Share), scenarios.Share(1)},
		{"101%", new(scenarios.Share), nil},
		{"1.01", new(scenarios.Share), nil},
		{"-1%", new(scenarios.Share), nil},
		{"NaN", new(scenarios.Share), nil},
		{"0x1p-2", new(scenarios.Share), nil},
		{"30 %", new(scenarios.Share), nil},
		{"400/s", new(scenarios.Rate), scenarios.Rate(400)},
		{"90/m", new(scenarios.Rate), scenarios.Rate(1.5)},
		{"1800/h", new(scenarios.Rate), scenarios.Rate(0.5)},
		{"400", new(scenarios.Rate), nil},
		{"400/d", new(scenarios.Rate), nil},
		{"0/s", new(scenarios.Rate), nil},
		{"-1/s", new(scenarios.Rate), nil},
		{"Inf/s", new(scenarios.Rate), nil},
		{"1e400/s", new(scenarios.Rate), nil},
		{"64k", new(scenarios.Size), scenarios.Size(64 << 10)},
		{"256m", new(scenarios.Size), scenarios.Size(256 << 20)},
		{"1g", new(scenarios.Size), scenarios.Size(1 << 30)},
		{"1024k", new(scenarios.Size), scenarios.Size(1 << 20)},
		{"256", new(scenarios.Size), nil},
		{"m", new(scenarios.Size), nil},
		{"", new(scenarios.Size), nil},
		{"0m", new(scenarios.Size), nil},
		{"-1m", new(scenarios.Size), nil},
		{"1.5g", new(scenarios.Size), nil},
		{"9999999999g", new(scenarios.Size), nil},
	} {
		t.Run(reflect.TypeOf(test.into).Elem().Name()+" "+test.text, func(t *testing.T) {
			t.Parallel()
			err := test.into.UnmarshalText([]byte(test.text))
			got := reflect.ValueOf(test.into).Elem().Interface()
			if (err == nil) != (test.want != nil) || (err == nil && got != test.want) {
				t.Errorf("got %v, %v, want %v", got, err, test.want)
			}
		})
	}
}

// TestScalarsAreReadAsTheyWereWritten holds for every value, not only for round ones.
func TestScalarsAreReadAsTheyWereWritten(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		low := time.Duration(rapid.Int64Min(0).Draw(t, "low"))
		high := time.Duration(rapid.Int64Range(int64(low), 1<<63-1).Draw(t, "high"))
		again(t, scenarios.Duration(low))
		again(t, scenarios.Span{Low: low, High: high})
		again(t, scenarios.Share(rapid.Float64Range(0, 1).Draw(t, "share")))
		again(t, scenarios.Rate(rapid.Float64Range(1e-9, 1e9).Draw(t, "rate")))
	})
}

func again[T encoding.TextMarshaler](t *rapid.T, value T) {
	text, err := value.MarshalText()
	if err != nil {
		t.Fatal(err)
	}
	var read T
	if err := any(&read).(encoding.TextUnmarshaler).UnmarshalText(text); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	if any(read) != any(value) {
		t.Fatalf("%v is written as %s and read as %v", value, text, read)
	}
}

// TestPlansAreReadAsTheyWereWritten draws whole plans: what is indented for people must come back byte for byte where
// bytes matter, and equal everywhere.
func TestPlansAreReadAsTheyWereWritten(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		plan := drawPlan(t)
		var text bytes.Buffer
		if err := plan.WriteJSON(&text); err != nil {
			t.Fatal(err)
		}
		read, err := scenarios.ReadPlan(bytes.NewReader(text.Bytes()))
		if err != nil {
			t.Fatalf("%v in %s", err, text.String())
		}
		if !reflect.DeepEqual(read, plan) {
			t.Fatalf("got  %+v\nwant %+v", read, plan)
		}
	})
}

var (
	words     = rapid.StringMatching(`[a-zA-Z0-9<>&"{} |ü-]{1,12}`)
	durations = rapid.Custom(func(t *rapid.T) time.Duration { return time.Duration(rapid.Int64Min(0).Draw(t, "ns")) })
)

func drawPlan(t *rapid.T) scenarios.Plan {
	faults := rapid.SliceOfN(rapid.Custom(drawFault), 1, 3)
	return scenarios.Plan{
		Schema: scenarios.PlanSchema, Name: words.Draw(t, "name"), Why: words.Draw(t, "why"),
		Seed: rapid.Int64().Draw(t, "seed"), Digest: words.Draw(t, "digest"), System: drawSystem(t),
		Items: rapid.SliceOfN(rapid.Custom(drawItem), 1, 3).Draw(t, "items"),
		Steps: []scenarios.LoadStep{{
			At: durations.Draw(t, "at"), For: durations.Draw(t, "for"), PerSecond: rapid.Float64Range(0, 1e6).Draw(t, "rate"),
			Iterations: rapid.Int().Draw(t, "iterations"), FirstBuyer: rapid.Int().Draw(t, "first"),
		}},
		Journeys: []scenarios.JourneyShare{{Name: words.Draw(t, "journey"), Share: rapid.Float64Range(0, 1).Draw(t, "share")}},
		Faults:   faults.Draw(t, "faults"), Payers: faults.Draw(t, "payers"),
		Checkpoints: rapid.SliceOfN(durations, 1, 3).Draw(t, "checkpoints"),
		Expect:      scenarios.PlanExpect{Orders: rapid.Int().Draw(t, "orders"), KnownShare: rapid.Float64Range(0, 1).Draw(t, "known")},
		Required:    rapid.SliceOfN(words, 1, 3).Draw(t, "required"),
		Waive:       rapid.MapOfN(words, words, 1, 3).Draw(t, "waive"),
		Known: []scenarios.Known{{
			Invariant: words.Draw(t, "invariant"), Until: time.Unix(rapid.Int64Range(0, 1<<33).Draw(t, "until"), 0).UTC(),
		}},
		Service: []scenarios.ServiceGoal{{ID: words.Draw(t, "goal"), Bound: rapid.Float64Range(0, 1e9).Draw(t, "bound")}},
	}
}

func drawItem(t *rapid.T) scenarios.Item {
	return scenarios.Item{
		SKU: words.Draw(t, "sku"), Stock: rapid.Int64Min(1).Draw(t, "stock"),
		Price: money.Amount{
			Minor:    rapid.Int64Min(1).Draw(t, "price"),
			Currency: rapid.SampledFrom([]string{"CNY", "JPY", "BHD"}).Draw(t, "currency"),
		},
	}
}

func drawFault(t *rapid.T) scenarios.Fault {
	by := scenarios.Span{Low: durations.Draw(t, "low")}
	by.High = by.Low
	params, err := json.Marshal(&delayParams{By: by})
	if err != nil {
		t.Fatal(err)
	}
	return scenarios.Fault{
		ID: words.Draw(t, "id"), Kind: words.Draw(t, "kind"), Share: rapid.Float64Range(0, 1).Draw(t, "share"),
		Only: scenarios.Only{Buyer: rapid.Int().Draw(t, "buyer")}, From: durations.Draw(t, "from"), Params: params,
		Exercises: rapid.SliceOfN(words, 1, 3).Draw(t, "exercises"), Floor: rapid.Int().Draw(t, "floor"),
	}
}

func drawSystem(t *rapid.T) scenarios.System {
	step := scenarios.Step{
		Name: words.Draw(t, "step"), Post: words.Draw(t, "post"), Within: scenarios.Duration(durations.Draw(t, "within")),
		JSON: map[string]any{
			words.Draw(t, "key"): []any{words.Draw(t, "text"), rapid.Float64().Draw(t, "number"), nil, true, map[string]any{}},
		},
		Refused: []scenarios.Match{{Status: []int{409}, Map: rapid.MapOfN(words, words, 1, 2).Draw(t, "map")}},
	}
	return scenarios.System{
		Name: words.Draw(t, "system"),
		Launch: scenarios.Launch{Process: &scenarios.Process{
			Command: rapid.SliceOfN(words, 1, 3).Draw(t, "command"), Env: rapid.MapOfN(words, words, 1, 3).Draw(t, "env"),
			Stop: scenarios.Duration(durations.Draw(t, "stop")),
		}},
		Channel:  scenarios.ChannelUse{Retry: []scenarios.Duration{scenarios.Duration(durations.Draw(t, "retry"))}},
		Timers:   scenarios.Timers{Expiry: scenarios.Duration(durations.Draw(t, "expiry"))},
		Setup:    []scenarios.Step{step},
		Journeys: map[string][]scenarios.Step{words.Draw(t, "journey"): {step, step}},
		Acts:     map[string]scenarios.Step{"cancel": step},
		Probes:   map[string]scenarios.Probe{"orders": {SQLite: words.Draw(t, "file"), Query: words.Draw(t, "query")}},
	}
}

// TestDigestFollowsTheSeed draws seeds and settings: equal ones give equal digests, others do not.
func TestDigestFollowsTheSeed(t *testing.T) {
	t.Parallel()
	scenario, system := everything(t)
	digests := map[string]string{}
	rapid.Check(t, func(t *rapid.T) {
		settings := map[string]string{}
		choices := []map[string]string{
			nil, {"load.peak": "50/s"}, {"settle": "30s"}, {"faults.slow-link.latency": "90ms"}, {"system.timers.query": "3s"},
		}
		chosen := rapid.IntRange(0, len(choices)-1).Draw(t, "settings")
		maps.Copy(settings, choices[chosen])
		seed := rapid.Int64().Draw(t, "seed")
		first, err := scenarios.Compile(scenario, system, vocabulary(), seed, settings)
		if err != nil {
			t.Fatal(err)
		}
		second, err := scenarios.Compile(scenario, system, vocabulary(), seed, settings)
		if err != nil || first.Digest != second.Digest {
			t.Fatalf("%s and %s, %v", first.Digest, second.Digest, err)
		}
		input := string(rune('a'+chosen)) + " " + time.Duration(seed).String()
		if earlier, known := digests[first.Digest]; known && earlier != input {
			t.Fatalf("%s and %s have one digest", earlier, input)
		}
		digests[first.Digest] = input
	})
	if seen := slices.Collect(maps.Keys(digests)); len(seen) < 2 {
		t.Errorf("%d digests", len(seen))
	}
}
