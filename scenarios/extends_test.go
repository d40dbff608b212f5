package scenarios_test

import (
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/paystorm/paystorm/scenarios"
)

const extendedSystem = `
name: shop
launch:
  process: {command: [shop, -v], env: {KEY: "{{ channel.key }}", DB: shop.db, LOG: warn}}
ready: {http: /, within: 1s}
channel: {dialect: standard, callbacks: /callbacks, retry: [1s, 2s]}
journeys:
  buy: [{look: {get: /, ok: {status: 200}}}]
  browse: [{look: {get: /shop, ok: {status: 200}}}]
`

func TestSystemThatExtendsAnother(t *testing.T) {
	t.Parallel()
	library := scenarios.NewLibrary(fstest.MapFS{
		"systems/shop.yaml": {Data: []byte(extendedSystem)},
		"systems/other.yaml": {Data: []byte(`
name: other
extends: shop
launch: {process: {env: {KEY: null, LOG: debug, SECRET: "{{ channel.secret }}"}}}
channel: {retry: [3s]}
journeys: {browse: null, buy: {look: {get: /other}}}
grants: [points]
`)},
	})
	system, err := library.FindSystem("other", vocabulary())
	if err != nil {
		t.Fatal(err)
	}
	process := system.Launch.Process
	if system.Name != "other" || !slices.Equal(process.Command, []string{"shop", "-v"}) || !slices.Equal(system.Grants, []string{"points"}) {
		t.Errorf("name %s, command %v, grants %v", system.Name, process.Command, system.Grants)
	}
	if want := map[string]string{"DB": "shop.db", "LOG": "debug", "SECRET": "{{ channel.secret }}"}; !maps.Equal(process.Env, want) {
		t.Errorf("environment %v, want %v", process.Env, want)
	}
	if retry := system.Channel.Retry; len(retry) != 1 || system.Channel.Callbacks != "/callbacks" || len(system.Journeys) != 1 {
		t.Errorf("retry %v, callbacks %q, journeys %v", retry, system.Channel.Callbacks, system.Journeys)
	}
	if look := system.Journeys["buy"][0]; look.Get != "/other" || len(look.OK.Status) == 0 {
		t.Errorf("the step is %+v", look)
	}
	if place := system.Place("launch", "process", "command"); !strings.HasPrefix(place, "systems/shop.yaml:4:") {
		t.Errorf("what was taken over stands at %s", place)
	}
	if place := system.Place("grants"); place != "systems/other.yaml:7:1" {
		t.Errorf("what is its own stands at %s", place)
	}
	// Settings find what was taken over, too, and the file that is extended stays as it is.
	scenario, err := scenarios.LoadScenario("testdata/valid/minimal.yaml", vocabulary())
	if err != nil {
		t.Fatal(err)
	}
	_, set, err := scenarios.WithSettings(scenario, system, vocabulary(), map[string]string{"system.launch.process.env.DB": "x.db"})
	if err != nil || set.Launch.Process.Env["DB"] != "x.db" || set.Launch.Process.Env["LOG"] != "debug" {
		t.Errorf("set: %v, %v", set, err)
	}
	base, err := library.FindSystem("shop", vocabulary())
	if err != nil || base.Name != "shop" || len(base.Journeys) != 2 {
		t.Errorf("the extended one: %v, %v", base, err)
	}
}

// What is missing in both is missing in the file that extends; what is wrong in the other is told at its place there.
func TestErrorsOfASystemThatExtendsAnother(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ name, base, over, want string }{
		{"a missing key", "ready: {http: /, within: 1s}", "name: over\nextends: base", "over.yaml:1:1: "},
		{"a wrong value below", strings.ReplaceAll(extendedSystem, "1s", "soon"), "name: over\nextends: base", "base.yaml:5:26: "},
		{"a wrong value of its own", extendedSystem, "name: over\nextends: base\ngrants: {}", "over.yaml:3:9: "},
		{"no YAML below", "name: [", "extends: base", "base.yaml:1:"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			files := fstest.MapFS{"base.yaml": {Data: []byte(test.base)}, "over.yaml": {Data: []byte(test.over)}}
			_, err := scenarios.LoadSystemFS(files, "over.yaml", vocabulary())
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want one at %s", err, test.want)
			}
		})
	}
}
