package invariants

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/paystorm/paystorm/history"
)

var update = flag.Bool("update", false, "write the files that the tests compare with")

func TestTheShippedSchemaIsTheTypes(t *testing.T) {
	want, err := VerdictSchemaJSON()
	if err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.WriteFile("verdict.schema.json", want, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	shipped, err := os.ReadFile("verdict.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(shipped, want) {
		t.Error("verdict.schema.json is not what the types say: run the test with -update")
	}
}

func TestVerdictsMatchTheSchema(t *testing.T) {
	text, err := VerdictSchemaJSON()
	if err != nil {
		t.Fatal(err)
	}
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	compiler := jsonschema.NewCompiler()
	if err := compiler.AddResource("verdict.schema.json", document); err != nil {
		t.Fatal(err)
	}
	schema := compiler.MustCompile("verdict.schema.json")
	red := newHistory(t)
	red.twice()
	for name, h := range map[string]*history.History{
		"simulated": simulated(3, 40),
		"red":       red.at(30_000).history(),
		"empty":     {},
	} {
		t.Run(name, func(t *testing.T) {
			text, err := json.Marshal(Judge(h))
			if err != nil {
				t.Fatal(err)
			}
			verdict, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
			if err != nil {
				t.Fatal(err)
			}
			if err := schema.Validate(verdict); err != nil {
				t.Errorf("%v\n%s", err, text)
			}
		})
	}
}
