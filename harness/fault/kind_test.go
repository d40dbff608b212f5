package fault

import (
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/paystorm/paystorm/history"
	"github.com/paystorm/paystorm/scenarios"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestEveryKindIsComplete(t *testing.T) {
	names := map[string]bool{}
	contracts := []string{string(history.Documented), string(history.Seen)}
	for _, kind := range All() {
		t.Run(kind.Name, func(t *testing.T) {
			if names[kind.Name] {
				t.Error("there are two kinds of this name")
			}
			names[kind.Name] = true
			if kind.Doc == "" || !strings.HasSuffix(kind.Doc, ".") || strings.Contains(kind.Doc, "\n") {
				t.Errorf("doc is not one line that ends with a full stop: %q", kind.Doc)
			}
			if !slices.Contains(contracts, kind.Contract) {
				t.Errorf("contract level %q", kind.Contract)
			}
			if kind.Unit == "" || len(kind.Exercises) == 0 {
				t.Errorf("unit %q, exercises %v: want both", kind.Unit, kind.Exercises)
			}
			if kind.New() == kind.New() && reflect.TypeOf(kind.New()).Elem().Size() > 0 {
				t.Error("New hands out one value twice")
			}
			if acts(kind.New()) != 1 {
				t.Errorf("acts on %d sorts of things, want 1", acts(kind.New()))
			}
			_, link := kind.New().(Toxic)
			_, node := kind.New().(NodeFault)
			_, hold := kind.New().(Hold)
			_, reading := kind.New().(Reading)
			if kind.Shareless != (link || node || hold || reading) {
				t.Errorf("shareless is %v", kind.Shareless)
			}
		})
	}
}

// acts counts the sorts of things that a kind acts on: messages, a link, nodes, a database, payers.
func acts(params any) int {
	count := 0
	_, request := params.(Requests)
	_, change := params.(Changes)
	_, notice := params.(Notices)
	_, attempt := params.(Attempts)
	_, link := params.(Toxic)
	_, node := params.(NodeFault)
	_, hold := params.(Hold)
	_, reading := params.(Reading)
	_, aborts := params.(Aborts)
	_, effects := params.(Effects)
	_, payer := params.(Behaves)
	for _, does := range []bool{request || change || notice || attempt, link, node, hold, aborts, reading, effects, payer} {
		if does {
			count++
		}
	}
	return count
}

func TestVocabularyPartsPayersFromFaults(t *testing.T) {
	faults, payers := Vocabulary(nil)
	if len(faults)+len(payers) != len(All()) || len(payers) != 11 {
		t.Fatalf("%d faults and %d payers of %d kinds, want 11 payers", len(faults), len(payers), len(All()))
	}
	for _, payer := range payers {
		if err := payer.Fits(scenarios.FaultSpec{When: "created"}); err == nil {
			t.Errorf("%s: takes `when`, although a payer is decided on before there is a payment", payer.Name)
		}
	}
}

// TestParametersSurviveThePlan writes each kind's parameters as Compile does and reads them as the engine does. Every
// field is set to something else than its default, so that a missing tag shows.
func TestParametersSurviveThePlan(t *testing.T) {
	for _, kind := range All() {
		t.Run(kind.Name, func(t *testing.T) {
			written := kind.New()
			disturb(t, reflect.ValueOf(written).Elem())
			encoded, err := json.Marshal(written)
			if err != nil {
				t.Fatal(err)
			}
			_, read, err := plan(scenarios.Fault{ID: "x", Kind: kind.Name, Params: encoded}, dice0)
			if err != nil {
				t.Fatalf("%v\n%s", err, encoded)
			}
			if !reflect.DeepEqual(read, written) {
				t.Errorf("got %+v, want %+v", read, written)
			}
		})
	}
}

func disturb(t *testing.T, value reflect.Value) {
	t.Helper()
	for i := range value.NumField() {
		field, name := value.Field(i), value.Type().Field(i)
		if !name.IsExported() {
			continue
		}
		for _, tag := range []string{"yaml", "json"} {
			if name.Tag.Get(tag) == "" {
				t.Errorf("field %s has no %s tag", name.Name, tag)
			}
		}
		switch at := field.Addr().Interface().(type) {
		case *scenarios.Span:
			*at = scenarios.Span{Low: 7 * time.Millisecond, High: 11 * time.Millisecond}
			continue
		case *scenarios.Duration:
			*at = scenarios.Duration(13 * time.Millisecond)
			continue
		case *scenarios.Size:
			*at = 17 << 20
			continue
		case **Times:
			times := Times(19)
			*at = &times
			continue
		case **scenarios.Part:
			part := scenarios.Part(0.25)
			*at = &part
			continue
		}
		switch field.Kind() {
		case reflect.String:
			field.SetString("else")
		case reflect.Int, reflect.Int64:
			field.SetInt(field.Int() + 1)
		case reflect.Float64:
			field.SetFloat(0.25)
		case reflect.Bool:
			field.SetBool(!field.Bool())
		case reflect.Slice:
			field.Set(reflect.MakeSlice(field.Type(), 1, 1))
			field.Index(0).SetString("else")
		case reflect.Struct:
			disturb(t, field)
		default:
			t.Fatalf("field %s: the test does not know how to change a %s", name.Name, field.Kind())
		}
	}
}

func TestDefaultsAreAllowed(t *testing.T) {
	required := []string{
		"slow-link", "cut-link", "reset-link", "timeout-link", "throttle-link", "slice-link", "limit-link",
		"squeeze-node", "fill-disk", "skew-clock", "run-in-node", "fail-sinks", "abort-transactions",
	}
	for _, kind := range All() {
		checker, checks := kind.New().(scenarios.Checker)
		if !checks {
			continue
		}
		err := checker.Check(ownShop())
		if wants := slices.Contains(required, kind.Name); (err != nil) != wants {
			t.Errorf("%s: %v", kind.Name, err)
		}
	}
}

// ownShop is a system on which every kind can work.
func ownShop() scenarios.System {
	return scenarios.System{
		Name:   "shop",
		Launch: scenarios.Launch{Process: &scenarios.Process{}},
		Timers: scenarios.Timers{Expiry: scenarios.Duration(5 * time.Second)},
		Probes: map[string]scenarios.Probe{"orders": {SQLite: "shop.db"}},
	}
}

// inContainers is a shop of two replicas, which dials its database, and a cache that nobody dials.
func inContainers() scenarios.System {
	return scenarios.System{
		Name: "webshop",
		Launch: scenarios.Launch{Container: &scenarios.Container{Services: map[string]scenarios.Service{
			"shop": {Port: 8080, Replicas: 2, Dials: map[string]int{"db": 5432}, Clock: "/etc/clock"},
			"db":   {Tmpfs: map[string]scenarios.Size{"/data": 64 << 20}},
			"cache": {
				Acts:  map[string][]string{"flush": {"redis-cli", "flushall"}},
				Tmpfs: map[string]scenarios.Size{"/data": 64 << 20, "/tmp": 64 << 20},
			},
		}}},
	}
}

func TestImpossibleParametersAreRefused(t *testing.T) {
	external := scenarios.System{Launch: scenarios.Launch{External: &scenarios.External{}}}
	tests := []struct {
		kind, params string
		system       scenarios.System
		want         string
	}{
		{"delay-callbacks", `{"by":"0s"}`, ownShop(), "by: want a duration longer than 0s"},
		{"duplicate-callbacks", `{"count":0}`, ownShop(), "count: 0 is not allowed: want 1 to 100"},
		{"duplicate-callbacks", `{"burst":true,"after_type":"refund.succeeded"}`, ownShop(), "want one of the two"},
		{"duplicate-callbacks", `{"after_type":"order.paid"}`, ownShop(), `after-type: "order.paid" is not allowed`},
		{"stale-callbacks", `{"after_type":""}`, ownShop(), "after-type:"},
		{"reorder-callbacks", `{"at_most":"0s"}`, ownShop(), "at-most:"},
		{"forge-callbacks", `{"kinds":["bent"]}`, ownShop(), `kinds: "bent" is not allowed: want one of no-signature`},
		{"forge-callbacks", `{"kinds":[]}`, ownShop(), "kinds: want at least one"},
		{"wrong-amount-callbacks", `{"minor":5,"factor":2}`, ownShop(), "factor: the amount is given by minor already"},
		{"wrong-amount-callbacks", `{"minor":-5}`, ownShop(), "minor, factor:"},
		{"wrong-amount-callbacks", `{"currency":"XYZW"}`, ownShop(), "currency:"},
		{"short-capture", `{"part":"100%"}`, ownShop(), "part: want more than 0% and less than 100%"},
		{"reject-requests", `{"operations":["buy"]}`, ownShop(), `operations: "buy"`},
		{"reject-requests", `{"status":200}`, ownShop(), "status: 200"},
		{"lose-responses", `{"how":["politely"]}`, ownShop(), `how: "politely"`},
		{"query-lag", `{"lag":"0s"}`, ownShop(), "lag:"},
		{"early-callbacks", `{"message":"order"}`, ownShop(), "message:"},
		{"slow-link", `{"link":"shop->moon","direction":"upstream"}`, ownShop(), `link: "shop->moon"`},
		{"slow-link", `{"link":"shop->channel"}`, ownShop(), "direction:"},
		{"slice-link", `{"link":"shop->channel","direction":"upstream","size":8,"variation":8}`, ownShop(), "variation: 8"},
		{"kill-node", `{}`, external, "launched as a process"},
		{"kill-node", `{"on":{"message":"refund","at":"acked","count":1,"times":1}}`, ownShop(), `on.at: "acked"`},
		{"kill-node", `{"on":{"message":"payment.succeeded","at":"processed","count":1,"times":1}}`, ownShop(), "on.at:"},
		{"kill-node", `{"on":{"message":"lunch","at":"acked","count":1,"times":1}}`, ownShop(), `on.message: "lunch"`},
		{"kill-node", `{"on":{"at":"acked","count":1,"times":1}}`, ownShop(), "on.message: want"},
		{"kill-node", `{"node":"shop-2"}`, ownShop(), `node: "shop-2" is not allowed: want one of shop`},
		{"stop-node", `{}`, external, "launched as a process"},
		{"stop-node", `{"node":"web"}`, inContainers(), `node: "web" is not allowed: want one of cache, db, shop, shop-1, shop-2`},
		{"stop-node", `{"on":{"in_flight":-1,"count":1,"times":1}}`, ownShop(), "on.in-flight: -1"},
		{"stop-node", `{"on":{"in_flight":5,"count":0,"times":1}}`, ownShop(), "on.count: 0"},
		{"stop-node", `{"on":{"in_flight":5,"at":"sent","count":1,"times":1}}`, ownShop(), "on.message: want"},
		{"cut-node", `{"node":"web"}`, inContainers(), `node: "web"`},
		{"cut-node", `{"node":"cache"}`, inContainers(), "node: nothing dials cache"},
		{"squeeze-node", `{"cpus":0.5}`, ownShop(), "launched in containers"},
		{"squeeze-node", `{}`, inContainers(), "want cpus, memory or both"},
		{"squeeze-node", `{"cpus":0.001}`, inContainers(), "cpus: 0.001"},
		{"squeeze-node", `{"memory":"1m"}`, inContainers(), "memory: 1m is not allowed: want 6m or more"},
		{"fill-disk", `{"node":"db"}`, ownShop(), "launched in containers"},
		{"fill-disk", `{}`, inContainers(), "there is no tmpfs, whose size is limited: want one, such as tmpfs: {/var/lib/postgresql/data: 128m}, in the service of shop-1"},
		{"fill-disk", `{"node":"cache"}`, inContainers(), "several tmpfs: want path"},
		{"fill-disk", `{"node":"cache","path":"/var"}`, inContainers(), "path: there is no tmpfs /var"},
		{"skew-clock", `{}`, ownShop(), "launched in containers"},
		{"skew-clock", `{"node":"db"}`, inContainers(), "the service of db takes no offset"},
		{"skew-clock", `{"by":"0s"}`, inContainers(), "by: 0s"},
		{"run-in-node", `{"node":"cache","act":"flush"}`, ownShop(), "launched in containers"},
		{"run-in-node", `{"node":"cache"}`, inContainers(), "act: want the name"},
		{"run-in-node", `{"node":"cache","act":"burn"}`, inContainers(), `act: "burn" is not allowed: want one of flush`},
		{"run-in-node", `{"act":"flush"}`, inContainers(), "act: the service of shop-1 has none"},
		{"pause-node", `{"on":{"message":"refund","at":"processed","count":0,"times":1}}`, ownShop(), "on.count: 0"},
		{"lock-database", `{}`, scenarios.System{}, "SQLite file"},
		{"lock-database", `{"mode":"shared"}`, ownShop(), "mode:"},
		{"abort-transactions", `{}`, ownShop(), "want lock-database"},
		{"abort-transactions", `{}`, scenarios.System{}, "a PostgreSQL or MySQL database"},
		{"pay-late", `{"around":"expiry"}`, scenarios.System{}, "timers.expiry"},
		{"fail-sinks", `{"sinks":["mail"]}`, scenarios.System{}, "the system file has none"},
		{"fail-sinks", `{"sinks":["sms"]}`, mailing(), `sinks: "sms" is not allowed: want one of mail`},
		{"fail-sinks", `{"sinks":["mail"],"how":["eaten"]}`, mailing(), `how: "eaten" is not allowed`},
		{"fail-sinks", `{"sinks":["mail"],"how":["slow"]}`, mailing(), "by: want how long"},
		{"fail-sinks", `{"sinks":["mail"],"status":204}`, mailing(), "status: 204"},
		{"parallel-refunds", `{"count":1}`, ownShop(), "count: 1"},
		{"parallel-refunds", `{"count":2,"amount":"60%"}`, refunding(`{"key":"{{ wish }}"}`), "amount: a refund of the system does not say how much"},
		{"parallel-refunds", `{"count":2,"distinct":true}`, refunding(`{"minor":"{{ refund_minor }}"}`), "distinct: a refund of the system does not say which one"},
		{"parallel-orders", `{"count":1}`, ownShop(), "count: 1"},
		{"retry-storm", `{"count":100}`, ownShop(), "count: 100"},
	}
	for _, test := range tests {
		t.Run(test.kind+test.params, func(t *testing.T) {
			_, params, err := plan(scenarios.Fault{ID: "x", Kind: test.kind, Params: json.RawMessage(test.params)}, dice0)
			if err != nil {
				t.Fatal(err)
			}
			err = params.(scenarios.Checker).Check(test.system)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want it to say %q", err, test.want)
			}
		})
	}
}

// mailing is a system with a sink.
func mailing() scenarios.System {
	return scenarios.System{Sinks: map[string]scenarios.Sink{"mail": {Key: "key", Order: "order"}}}
}

// refunding is a system whose refunds have that body.
func refunding(body string) scenarios.System {
	var parsed any
	if err := json.Unmarshal([]byte(body), &parsed); err != nil {
		panic(err)
	}
	return scenarios.System{Acts: map[string]scenarios.Step{"refund": {Name: "refund", Post: "/refunds", JSON: parsed}}}
}

func TestTimesReadsAllAndNumbers(t *testing.T) {
	for text, want := range map[string]Times{"all": 0, "1": 1, "12": 12} {
		var times Times
		if err := times.UnmarshalText([]byte(text)); err != nil || times != want {
			t.Errorf("%q: got %d, %v", text, times, err)
		}
		if written, err := times.MarshalText(); err != nil || string(written) != text {
			t.Errorf("%q is written as %q, %v", text, written, err)
		}
	}
	for _, text := range []string{"0", "-1", "none", "1.5", ""} {
		if err := new(Times).UnmarshalText([]byte(text)); err == nil {
			t.Errorf("%q was taken", text)
		}
	}
}
