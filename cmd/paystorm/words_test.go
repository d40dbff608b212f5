package main

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/paystorm/paystorm/history"
	"github.com/paystorm/paystorm/invariants"
	"github.com/paystorm/paystorm/mockchannel"
	"github.com/paystorm/paystorm/scenarios"
)

var update = flag.Bool("update", false, "write the files that the tests compare with")

// TestWordsAreTheSameOnBothSides holds the words of files against the types whose values they are. Package scenarios has
// them as text, because it imports neither the history nor the channel.
func TestWordsAreTheSameOnBothSides(t *testing.T) {
	t.Parallel()
	notifications := []string{
		history.PaymentSucceeded, history.PaymentFailed, history.PaymentClosed, history.RefundSucceeded, history.RefundFailed,
	}
	operations := words(
		mockchannel.OpCreate, mockchannel.OpQuery, mockchannel.OpClose, mockchannel.OpRefund, mockchannel.OpRefundQuery,
		mockchannel.OpBill,
	)
	for _, test := range []struct {
		name            string
		inFiles, inCode []string
	}{
		{"states at a fault", scenarios.OrdersAtFault(), words(history.OrdersAtFault()...)},
		{"order states", scenarios.OrderStates(), words(history.OrderStates()...)},
		{"tables", scenarios.Tables(), words(history.Tables()...)},
		{"refund states", scenarios.RefundStates(), []string{history.RefundPending, history.RefundDone, history.RefundBroken}},
		{"states of the shop's payments", scenarios.PaidStates(), history.PaymentStates()},
		{"reasons", scenarios.Reasons(), []string{history.ReasonSoldOut, history.ReasonLimit}},
		{"messages", scenarios.Messages(), slices.Concat(notifications, operations)},
		{"payment states", scenarios.PaymentStates(), words(
			mockchannel.Created, mockchannel.Pending, mockchannel.Succeeded, mockchannel.Failed, mockchannel.Closed,
		)},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			if !slices.Equal(test.inFiles, test.inCode) {
				t.Errorf("files may say %q, the code says %q", test.inFiles, test.inCode)
			}
		})
	}
}

func words[T ~string](of ...T) []string {
	texts := make([]string, len(of))
	for index, one := range of {
		texts[index] = string(one)
	}
	return texts
}

// TestKindsSayWhatTheJudgeKnows holds what a fault says of itself against the invariants and contracts that there are:
// harness and judge do not know each other, and a misspelt name would be an invariant that no fault ever requires.
func TestKindsSayWhatTheJudgeKnows(t *testing.T) {
	t.Parallel()
	known := vocabulary()
	contracts := words(history.Documented, history.Seen)
	for _, kind := range slices.Concat(known.Faults, known.Payers) {
		exercises := kind.Exercises
		if params, more := kind.New().(scenarios.Exerciser); more {
			exercises = slices.Concat(exercises, params.Exercises())
		}
		for _, invariant := range exercises {
			if !slices.Contains(known.Invariants, invariant) {
				t.Errorf("%s exercises %s, which is none of %q", kind.Name, invariant, known.Invariants)
			}
		}
		if !slices.Contains(contracts, kind.Contract) {
			t.Errorf("%s has the contract %q, which is none of %q", kind.Name, kind.Contract, contracts)
		}
	}
}

func TestShippedSchemasAreWhatTheCodeSays(t *testing.T) {
	t.Parallel()
	for file, write := range map[string]func() ([]byte, error){
		"scenarios/schema/scenario.schema.json": func() ([]byte, error) { return scenarios.ScenarioSchema(vocabulary()) },
		"scenarios/schema/system.schema.json":   func() ([]byte, error) { return scenarios.SystemSchema(vocabulary()) },
		"invariants/verdict.schema.json":        invariants.VerdictSchemaJSON,
	} {
		t.Run(file, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join("..", "..", filepath.FromSlash(file))
			want, err := write()
			if err != nil {
				t.Fatal(err)
			}
			if *update {
				if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(path, want, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			shipped, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(shipped, want) {
				t.Error("it is not what the code says: run the test with -update")
			}
		})
	}
}

// TestFaultsTakeOneWordOrAList: where a fault takes a list, it takes one word too, and so does the schema that editors read.
func TestFaultsTakeOneWordOrAList(t *testing.T) {
	t.Parallel()
	library, err := scenarios.Shipped()
	if err != nil {
		t.Fatal(err)
	}
	known := vocabulary()
	schema := compileSchema(t, scenarios.ScenarioSchema)
	accepted := func(kind, key string, value any) (bySchema, byDecoder error) {
		scenario := document(t, "flash-sale.yaml").(map[string]any)
		scenario["faults"] = []any{map[string]any{kind: map[string]any{key: value}}}
		text, err := json.Marshal(scenario) // which YAML can read
		if err != nil {
			t.Fatal(err)
		}
		file := filepath.Join(t.TempDir(), "scenario.yaml")
		if err := os.WriteFile(file, text, 0o600); err != nil {
			t.Fatal(err)
		}
		_, byDecoder = library.Find(file, known)
		return schema.Validate(scenario), byDecoder
	}
	lists := 0
	for _, kind := range known.Faults {
		params := reflect.ValueOf(kind.New()).Elem()
		for _, field := range reflect.VisibleFields(params.Type()) {
			key, option, _ := strings.Cut(field.Tag.Get("yaml"), ",")
			if option != "one-or-list" {
				continue
			}
			lists++
			word := "mail" // a sink of the shop
			if usual := params.FieldByIndex(field.Index); usual.Len() > 0 {
				word = usual.Index(0).String()
			}
			if kind.Name == "fail-sinks" && key == "how" { // which wants sinks beside it
				continue
			}
			for _, value := range []any{word, []any{word}} {
				if bySchema, byDecoder := accepted(kind.Name, key, value); bySchema != nil || byDecoder != nil {
					t.Errorf("%s: {%s: %v}: the schema says %v, the decoder %v", kind.Name, key, value, bySchema, byDecoder)
				}
			}
			if bySchema, byDecoder := accepted(kind.Name, key, map[string]any{"a": word}); bySchema == nil || byDecoder == nil {
				t.Errorf("%s: %s takes a map: the schema says %v, the decoder %v", kind.Name, key, bySchema, byDecoder)
			}
		}
	}
	if lists < 9 {
		t.Errorf("%d lists of faults were found", lists)
	}
}

// TestShippedFiles compiles every shipped scenario with the words that a run knows, and holds it and the systems against
// the schemas that editors read.
func TestShippedFiles(t *testing.T) {
	t.Parallel()
	library, err := scenarios.Shipped()
	if err != nil {
		t.Fatal(err)
	}
	known := vocabulary()
	schema := compileSchema(t, scenarios.ScenarioSchema)
	if len(library.Names()) == 0 || len(library.Systems()) == 0 {
		t.Fatalf("the library has the scenarios %q and the systems %q", library.Names(), library.Systems())
	}
	for _, name := range library.Names() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			scenario, err := library.Find(name, known)
			if err != nil {
				t.Fatal(err)
			}
			system, err := library.SystemOf(scenario, known)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := scenarios.Compile(scenario, system, known, 1, nil); err != nil {
				t.Error(err)
			}
			if err := schema.Validate(document(t, name+".yaml")); err != nil {
				t.Error(err)
			}
		})
	}
	schemaOfSystems := compileSchema(t, scenarios.SystemSchema)
	for _, name := range library.Systems() {
		t.Run("system "+name, func(t *testing.T) {
			t.Parallel()
			if _, err := library.FindSystem(name, known); err != nil {
				t.Error(err)
			}
			if err := schemaOfSystems.Validate(document(t, filepath.Join("systems", name+".yaml"))); err != nil {
				t.Error(err)
			}
		})
	}
}

func compileSchema(t *testing.T, write func(scenarios.Vocabulary) ([]byte, error)) *jsonschema.Schema {
	t.Helper()
	text, err := write(vocabulary())
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	compiler := jsonschema.NewCompiler()
	if err := compiler.AddResource("schema.json", parsed); err != nil {
		t.Fatal(err)
	}
	schema, err := compiler.Compile("schema.json")
	if err != nil {
		t.Fatal(err)
	}
	return schema
}

// document is a file of the library as an editor hands it to a schema: what it says, by way of JSON.
func document(t *testing.T, name string) any {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "scenarios", "library", name))
	if err != nil {
		t.Fatal(err)
	}
	var decoded any
	if err := yaml.Unmarshal(text, &decoded); err != nil {
		t.Fatal(err)
	}
	encoded, err := json.Marshal(decoded)
	if err != nil {
		t.Fatal(err)
	}
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(encoded))
	if err != nil {
		t.Fatal(err)
	}
	return document
}
