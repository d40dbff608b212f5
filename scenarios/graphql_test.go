package scenarios_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/graph-gophers/graphql-go"

	"github.com/paystorm/paystorm/scenarios"
)

// TestIntrospectionSaysWhatTheFileSays: an endpoint's own account of its schema finds the same faults at the same places
// as the file with that schema.
func TestIntrospectionSaysWhatTheFileSays(t *testing.T) {
	t.Parallel()
	schema := introspected(t, filepath.Join("testdata", "wrong", "shop.graphql"))
	for _, name := range []string{"system-graphql-schema", "system-graphql-inputs"} {
		text, err := os.ReadFile(filepath.Join("testdata", "wrong", name+".yaml"))
		if err != nil {
			t.Fatal(err)
		}
		asking := strings.Replace(string(text), "{schema: shop.graphql}", "{introspect: true}", 1)
		files := fstest.MapFS{name + ".yaml": {Data: []byte(asking)}}
		system, err := scenarios.LoadSystemFS(files, name+".yaml", vocabulary())
		if err != nil {
			t.Fatal(err)
		}
		if asked := fmt.Sprint(system.Introspects()); asked != "[/graphql]" {
			t.Fatalf("asks %s", asked)
		}
		err = system.CheckOperations(map[string]*scenarios.Schema{"/graphql": schema})
		golden(t, filepath.Join("testdata", "wrong", name+".golden"), fmt.Sprint(err)+"\n")
	}
}

// introspected is a schema by way of what a server tells of it.
func introspected(t *testing.T, file string) *scenarios.Schema {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	server, err := graphql.ParseSchema(string(text), nil)
	if err != nil {
		t.Fatal(err)
	}
	told, err := server.ToJSON()
	if err != nil {
		t.Fatal(err)
	}
	schema, err := scenarios.ParseIntrospection(fmt.Appendf(nil, `{"data": %s}`, told))
	if err != nil {
		t.Fatal(err)
	}
	return schema
}

func TestParseIntrospectionRefuses(t *testing.T) {
	t.Parallel()
	const queryType = `"queryType": {"name": "Query"}, `
	for name, test := range map[string]struct{ answer, want string }{
		"no JSON":         {"<html>", "invalid character"},
		"switched off":    {`{"errors": [{"message": "introspection is off"}]}`, "it does not tell: introspection is off"},
		"no schema":       {`{"data": {}}`, "no data.__schema"},
		"an unknown kind": {`{"data": {"__schema": {` + queryType + `"types": [{"kind": "TUPLE", "name": "T"}]}}}`, `not known: "TUPLE"`},
		"a type too deep": {
			`{"data": {"__schema": {` + queryType + `"types": [{"kind": "OBJECT", "name": "Query", "fields": [
				{"name": "f", "type": {"kind": "NON_NULL"}}]}]}}}`, "Query: f: a type without a name",
		},
		"a type that is not there": {
			`{"data": {"__schema": {` + queryType + `"types": [{"kind": "OBJECT", "name": "Query", "fields": [
				{"name": "f", "type": {"kind": "OBJECT", "name": "Order"}}]}]}}}`, "Undefined type Order",
		},
		"a default that is no value": {
			`{"data": {"__schema": {` + queryType + `"types": [{"kind": "OBJECT", "name": "Query", "fields": [
				{"name": "f", "args": [{"name": "a", "defaultValue": "[", "type": {"kind": "SCALAR", "name": "Int"}}],
				"type": {"kind": "SCALAR", "name": "Int"}}]}]}}}`, "f: a: the default value [",
		},
	} {
		if _, err := scenarios.ParseIntrospection([]byte(test.answer)); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: got %v, want %s", name, err, test.want)
		}
	}
}

func TestBreaksUnder(t *testing.T) {
	t.Parallel()
	_, system := everything(t)
	const file = "testdata/valid/everything"
	text, err := os.ReadFile(file + ".graphql")
	if err != nil {
		t.Fatal(err)
	}
	source, err := os.ReadFile(file + "-system.yaml")
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(string(source), "\n")
	for _, test := range []struct {
		name            string
		from, to        string // the change of the schema
		message, stands string // what is said, and what stands at the place of it
	}{
		{"nothing", "LIMIT", "LIMIT CLOSED", "", ""},
		{
			"a field that goes", "open: Boolean!", "closed: Boolean!",
			`journey ask, step 2 (look): query: Cannot query field "open" on type "Shop".`, `open } }"`,
		},
		{
			"an argument that comes", "n: Int!", "n: Int!, gift: Boolean!",
			`journey ask, step 1 (order): variables: $lines.0: missing field "gift" of the input object Line: want Boolean!`, "{sku: ",
		},
		{
			"a value that goes", "SOLD_OUT ", "",
			`journey ask, step 1 (order): map: data.order.code can never be "SOLD_OUT": allowed: LIMIT`, "SOLD_OUT: ",
		},
		{
			"a member that goes", "= Order | Refusal", "= Order",
			`journey ask, step 1 (order): query: Fragment cannot be spread here as objects of type "OrderResult" can never be of type "Refusal".`,
			"on Refusal { code }",
		},
	} {
		schema, err := scenarios.ParseSchema("other.graphql", []byte(strings.Replace(string(text), test.from, test.to, 1)))
		if err != nil {
			t.Fatal(test.name, err)
		}
		broken, held := system.BreaksUnder("/graphql", schema)
		if held != 2 || len(broken) > 1 || (len(broken) == 1) != (test.message != "") {
			t.Errorf("%s: %d held, %v", test.name, held, broken)
			continue
		}
		for _, one := range broken {
			if one.Message != test.message || !strings.HasPrefix(lines[one.Line-1][one.Column-1:], test.stands) {
				t.Errorf("%s: got %v\nwant %s", test.name, one, test.message)
			}
		}
	}
}
