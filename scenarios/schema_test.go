package scenarios_test

import (
	"bytes"
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/paystorm/paystorm/scenarios"
)

// TestSchemasAcceptWhatTheDecoderAccepts holds the schemas against the library, and against files that are wrong in
// ways that a schema can tell.
func TestSchemasAcceptWhatTheDecoderAccepts(t *testing.T) {
	t.Parallel()
	scenario := compileSchema(t, scenarios.ScenarioSchema)
	system := compileSchema(t, scenarios.SystemSchema)
	library := os.DirFS("library")
	for _, file := range []string{"flash-sale.yaml"} {
		if err := scenario.Validate(document(t, library, file)); err != nil {
			t.Errorf("%s: %v", file, err)
		}
	}
	found, err := fs.Glob(library, "systems/*.yaml")
	if err != nil || len(found) == 0 {
		t.Fatalf("no systems: %v", err)
	}
	for _, file := range found {
		if err := system.Validate(document(t, library, file)); err != nil {
			t.Errorf("%s: %v", file, err)
		}
	}
	if err := scenario.Validate(document(t, os.DirFS("testdata"), "valid/everything.yaml")); err != nil {
		t.Errorf("everything.yaml: %v", err)
	}
	for _, file := range []string{"everything-system.yaml", "containers-system.yaml", "compose-system.yaml"} {
		if err := system.Validate(document(t, os.DirFS("testdata"), "valid/"+file)); err != nil {
			t.Errorf("%s: %v", file, err)
		}
	}
}

func TestSchemasRefuse(t *testing.T) {
	t.Parallel()
	scenario := compileSchema(t, scenarios.ScenarioSchema)
	good := document(t, os.DirFS("testdata"), "valid/everything.yaml")
	for _, test := range []struct{ name, key, value string }{
		{"an unknown fault", "faults", `[{"lose-callback": {}}]`},
		{"two kinds in one fault", "faults", `[{"lose-callbacks": {}, "kill-node": {}}]`},
		{"an unknown parameter", "faults", `[{"lose-callbacks": {"attempt": "all"}}]`},
		{"a share of a link", "faults", `[{"slow-link": {"link": "a", "direction": "upstream", "share": "3%"}}]`},
		{"no required parameter", "faults", `[{"delay-callbacks": {}}]`},
		{"an unknown state in when", "faults", `[{"lose-callbacks": {"when": "paid"}}]`},
		{"an unknown message", "faults", `[{"lose-callbacks": {"only": {"message": "paid"}}}]`},
		{"an unknown payer", "payers", `{"abandoned": "3%"}`},
		{"until of a payer", "payers", `{"abandon": {"until": "books"}}`},
		{"an unknown invariant", "invariants", `["I99"]`},
		{"an unknown invariant waived", "waive", `{"I99": "why"}`},
		{"an unknown profile", "load", `{"profile": "flash"}`},
		{"a duration without unit", "settle", `"10"`},
		{"an empty sale", "sale", `{"items": []}`},
		{"a price without currency", "sale", `{"items": [{"sku": "a", "stock": 1, "price": "4999.00"}]}`},
		{"no stock", "sale", `{"items": [{"sku": "a", "stock": 0, "price": "4999.00 CNY"}]}`},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			changed := map[string]any{}
			for key, value := range good.(map[string]any) {
				changed[key] = value
			}
			value, err := jsonschema.UnmarshalJSON(strings.NewReader(test.value))
			if err != nil {
				t.Fatal(err)
			}
			changed[test.key] = value
			if scenario.Validate(changed) == nil {
				t.Errorf("%s: %s is accepted", test.key, test.value)
			}
		})
	}
}

func TestSystemSchemaWantsToKnowWhatIsOK(t *testing.T) {
	t.Parallel()
	system := compileSchema(t, scenarios.SystemSchema)
	for _, test := range []struct {
		name, step string
		accepted   bool
	}{
		{"a status", `{"get": "/", "ok": {"status": 200}}`, true},
		{"statuses, refusals", `{"get": "/", "ok": {"status": [200, 201]}, "refused": {"status": 409}}`, true},
		{"a payment", `{"payment": "x"}`, true},
		{"a document", `{"graphql": {"path": "/graphql", "query": "{ a }"}, "ok": {"status": 200}}`, true},
		{"a document without path", `{"graphql": {"query": "{ a }"}, "ok": {"status": 200}}`, false},
		{"a document without ok", `{"graphql": {"path": "/graphql", "query": "{ a }"}}`, false},
		{"no ok", `{"get": "/"}`, false},
		{"ok without status", `{"get": "/", "ok": {}}`, false},
		{"ok without one status", `{"get": "/", "ok": {"status": []}}`, false},
		{"ok that is a number", `{"get": "/", "ok": 200}`, false},
		{"ok of a payment", `{"payment": "x", "ok": {"status": 200}}`, false},
		{"a refusal without status", `{"get": "/", "ok": {"status": 200}, "refused": {"reason": "code"}}`, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			changed := document(t, os.DirFS("testdata"), "valid/minimal-system.yaml").(map[string]any)
			journeys, err := jsonschema.UnmarshalJSON(strings.NewReader(`{"buy": [{"look": ` + test.step + `}]}`))
			if err != nil {
				t.Fatal(err)
			}
			changed["journeys"] = journeys
			if err := system.Validate(changed); (err == nil) != test.accepted {
				t.Errorf("%s: %v", test.step, err)
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
	compiler.DefaultDraft(jsonschema.Draft2020)
	if err := compiler.AddResource("schema.json", parsed); err != nil {
		t.Fatal(err)
	}
	schema, err := compiler.Compile("schema.json")
	if err != nil {
		t.Fatal(err)
	}
	return schema
}

// document is a YAML file as an editor hands it to a schema: what it says, by way of JSON.
func document(t *testing.T, files fs.FS, name string) any {
	t.Helper()
	text, err := fs.ReadFile(files, filepath.ToSlash(name))
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
