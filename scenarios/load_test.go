package scenarios_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/paystorm/paystorm/money"
	"github.com/paystorm/paystorm/scenarios"
)

// everything loads the scenario that uses every key, and its system.
func everything(t *testing.T) (*scenarios.Scenario, *scenarios.System) {
	t.Helper()
	library := scenarios.NewLibrary(os.DirFS("library"))
	scenario, err := library.Find(filepath.Join("testdata", "valid", "everything.yaml"), vocabulary())
	if err != nil {
		t.Fatal(err)
	}
	system, err := library.SystemOf(scenario, vocabulary())
	if err != nil {
		t.Fatal(err)
	}
	return scenario, system
}

func TestLoadReadsEveryKey(t *testing.T) {
	t.Parallel()
	scenario, _ := everything(t)
	for _, check := range []struct {
		name      string
		got, want any
	}{
		{"why", scenario.Why, "All at once.\n"},
		{"price", scenario.Sale.Items[0].Price, money.Amount{Minor: 499900, Currency: "CNY"}},
		{"yen", scenario.Sale.Items[1].Price, money.Amount{Minor: 1200, Currency: "JPY"}},
		{"load", scenario.Load, scenarios.Load{
			Profile: "steady", Start: 1.5, Peak: 100, For: scenarios.Duration(10 * time.Second),
			Journeys: map[string]scenarios.Share{"browse": 0.05, "buy": 0.95},
		}},
		{"payers", fault(scenario.Payers[0]), "abandon abandon 3% heal 0s 0s"},
		{"a payer's window", fault(scenario.Payers[1]), "pay-late pay-late 1% heal 1s 2s"},
		{"a payer's decimal share", fault(scenario.Payers[2]), "pay-twice pay-twice 25% heal 0s 0s"},
		{"parameters", scenario.Payers[1].Params, &payLateParams{Around: "expiry"}},
		{"only", scenario.Payers[1].Only, scenarios.Only{Buyer: 17, Order: 1}},
		{"a fault", fault(scenario.Faults[0]), "lose-callbacks lose-callbacks 30% heal 0s 0s"},
		{"its place", scenario.Faults[0].Place, filepath.Join("testdata", "valid", "everything.yaml") + ":23:5"},
		{"the same kind again", fault(scenario.Faults[1]), "lose-first-of-17 lose-callbacks 100% books 0s 0s"},
		{"when", scenario.Faults[1].When, "pending|failed"},
		{"defaults of the kind", scenario.Faults[1].Params, &loseParams{Attempts: "all"}},
		{"a span", scenario.Faults[2].Params, &delayParams{By: scenarios.Span{Low: 200 * time.Millisecond, High: 3 * time.Second}}},
		{"a nested map", scenario.Faults[4].Params, &killParams{On: &moment{Message: "refund", At: "processed"}, Times: 1}},
		{"expect", scenario.Expect, scenarios.Expect{
			SoldOut: true, Orders: 400, StartedShare: 0.99, KnownShare: 0.6,
			Affected: map[string]int{"lose-callbacks": 50, "lose-first-of-17": 0, "pay-twice": 3},
			Cells: []scenarios.Cell{
				{Fault: "lose-callbacks", State: "paid", Message: "payment.succeeded", Hits: 5}, {Fault: "abandon", State: "ordered", Hits: 1},
			},
		}},
		{"known", scenario.Known[0].Until, time.Date(2026, 12, 31, 0, 0, 0, 0, time.UTC)},
	} {
		if !reflect.DeepEqual(check.got, check.want) {
			t.Errorf("%s: got %v, want %v", check.name, check.got, check.want)
		}
	}
}

func fault(spec scenarios.FaultSpec) string {
	return strings.Join([]string{
		spec.ID, spec.Kind, spec.Share.String(), spec.Until, spec.From.String(), spec.For.String(),
	}, " ")
}

func TestLoadSystemReadsEveryKey(t *testing.T) {
	t.Parallel()
	_, system := everything(t)
	order, asked := system.Journeys["buy"][0], system.Journeys["ask"][0]
	for _, check := range []struct {
		name      string
		got, want any
	}{
		{"retry", system.Channel.Retry, []scenarios.Duration{
			scenarios.Duration(200 * time.Millisecond), scenarios.Duration(time.Second),
		}},
		{"legal", system.Legal, scenarios.Legal{RestockRefunds: true, StaleReads: true, FetchOnPing: true, RecountRefunded: true}},
		{"a step's name", order.Name, "order"},
		{"a body", order.JSON, map[string]any{
			"lines": []any{map[string]any{
				"sku": "{{ sku }}", "n": "{{ quantity | number }}", "gift": false, "weight": 1.5, "note": nil,
			}},
			"ref": "{{ ref }}",
		}},
		{"a list of statuses", order.OK.Status, []int{200, 201}},
		{"one status", order.Refused[0].Status, []int{409}},
		{"two refusals", len(order.Refused), 2},
		{"one state", system.Journeys["buy"][2].Until, []string{"paid"}},
		{"a document", asked.GraphQL.Path + " " + asked.GraphQL.Query, "/graphql?buyer={{ buyer | urlquery }} " +
			"mutation Order($lines: [Line!]!, $ref: String = \"none\") {\n" +
			"  order(lines: $lines, ref: $ref) {\n    __typename\n    ... on Order { id payment { id } }\n" +
			"    ... on Refusal { code }\n  }\n}\n"},
		{"its variables", asked.GraphQL.Variables, map[string]any{
			"lines": []any{map[string]any{"sku": "{{ sku }}", "n": "{{ quantity | number }}", "weight": 1.5}}, "ref": "{{ ref }}",
		}},
		{"endpoints", system.GraphQL, map[string]scenarios.Endpoint{
			"/graphql": {Schema: "everything.graphql"}, "/admin": {Introspect: true},
		}},
		{"a success by type", asked.OK.Where, map[string]scenarios.OneOf{"data.order.__typename": {"Order"}}},
		{"a refusal by errors", asked.Refused[1].Errors, true},
		{"a refusal by codes", asked.Refused[2].Code, scenarios.OneOf{"BUSY", "LIMIT"}},
		{"an act's name", system.Acts["cancel"].Name, "cancel"},
		{"a probe's states", system.Probes["refunds"].States, map[string]string{"OK": "succeeded"}},
	} {
		if !reflect.DeepEqual(check.got, check.want) {
			t.Errorf("%s: got %v, want %v", check.name, check.got, check.want)
		}
	}
}

func TestLoadOfAMissingFileIsNoUsageError(t *testing.T) {
	t.Parallel()
	_, err := scenarios.LoadScenario(filepath.Join(t.TempDir(), "none.yaml"), vocabulary())
	var errs scenarios.Errors
	if !errors.Is(err, fs.ErrNotExist) || errors.As(err, &errs) {
		t.Errorf("got %v, want fs.ErrNotExist and no Errors", err)
	}
}

func TestLibrary(t *testing.T) {
	t.Parallel()
	library, err := scenarios.Shipped()
	if err != nil {
		t.Fatal(err)
	}
	if names := library.Names(); !slices.Contains(names, "flash-sale") || slices.Contains(names, "systems") {
		t.Errorf("names are %v", names)
	}
	if systems := library.Systems(); !slices.Contains(systems, "flashshop") {
		t.Errorf("systems are %v", systems)
	}
	for _, name := range library.Names() {
		if text, err := library.Text(name); err != nil || !strings.Contains("\n"+string(text), "\nname: "+name+"\n") {
			t.Errorf("%s has another name inside, %v", name, err)
		}
	}
	scenario, err := library.Find("flash-sale", vocabulary())
	if err != nil || scenario.Name != "flash-sale" {
		t.Fatalf("flash-sale: %v", err)
	}
	if system, err := library.SystemOf(scenario, vocabulary()); err != nil || system.Name != "flashshop" {
		t.Errorf("its system: %v", err)
	}
	if text, err := library.Text("flash-sale"); err != nil || !strings.HasPrefix(string(text), "name: flash-sale\n") {
		t.Errorf("its text: %q, %v", text, err)
	}
	for _, name := range []string{"flash-sail", "", "../flash-sale.yaml"} {
		if _, err := library.Find(name, vocabulary()); err == nil {
			t.Errorf("%q is found", name)
		}
	}
	_, err = library.Find("flash-sail", vocabulary())
	if want := `no scenario named "flash-sail" is shipped: did you mean "flash-sale"?`; !strings.Contains(err.Error(), want) {
		t.Errorf("got %v, want %s", err, want)
	}
}

func TestValidate(t *testing.T) {
	t.Parallel()
	library := scenarios.NewLibrary(os.DirFS("library"))
	for file, wrong := range map[string]bool{
		"testdata/valid/everything.yaml":        false,
		"testdata/valid/everything-system.yaml": false,
		"testdata/wrong/settle-short.yaml":      true, // only seen with its system
		"testdata/wrong/system-probes.yaml":     true,
		"testdata/wrong/none.yaml":              true,
	} {
		if err := library.Validate(file, vocabulary()); (err != nil) != wrong {
			t.Errorf("%s: %v", file, err)
		}
	}
}
