package fault

import (
	"context"
	"errors"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/paystorm/paystorm/history"
	"github.com/paystorm/paystorm/mockchannel"
	"github.com/paystorm/paystorm/mockchannel/standard"
	"github.com/paystorm/paystorm/mockchannel/wechatpay"
	"github.com/paystorm/paystorm/scenarios"
)

// TestShippedScenariosBuild takes every shipped scenario the way from its file to an engine.
func TestShippedScenariosBuild(t *testing.T) {
	library, err := scenarios.Shipped()
	if err != nil {
		t.Fatal(err)
	}
	dialects := []mockchannel.Dialect{standard.New(), wechatpay.New()}
	v := scenarios.Vocabulary{
		Launchers:  []string{"process", "external", "container"},
		Invariants: []string{"I1", "I2", "I3", "I4", "I5", "I6", "I7", "I8", "I9", "I10", "I11", "I12", "I13", "I14"},
	}
	v.Faults, v.Payers = Vocabulary(dialects)
	for _, dialect := range dialects {
		v.Dialects = append(v.Dialects, scenarios.Dialect{Name: dialect.Name(), Credentials: dialect.Credentials()})
	}
	for _, name := range []string{"flash-sale", "steady", "ramp"} {
		v.Profiles = append(v.Profiles, scenarios.Profile{Name: name, Steps: func(l scenarios.Load) ([]scenarios.LoadStep, error) {
			return []scenarios.LoadStep{{For: time.Duration(l.For), PerSecond: float64(l.Peak)}}, nil
		}})
	}
	shipped := map[string]bool{}
	for _, name := range library.Names() {
		t.Run(name, func(t *testing.T) {
			scenario, err := library.Find(name, v)
			if err != nil {
				t.Fatal(err)
			}
			system, err := library.SystemOf(scenario, v)
			if err != nil {
				t.Fatal(err)
			}
			compiled, err := scenarios.Compile(scenario, system, v, 1, nil)
			if err != nil {
				t.Fatal(err)
			}
			for _, spec := range slices.Concat(scenario.Faults, scenario.Payers) { // with what this provider leaves out
				shipped[spec.Kind] = true
			}
			for _, planned := range compiled.Faults { // a lock by the clock is on no moment
				if strings.Contains(planned.Planned, "on (count") {
					t.Errorf("%s: %s", planned.ID, planned.Planned)
				}
			}
			_, err = NewEngine(compiled, Env{
				Clock: history.StartClock(), Record: func(history.Event) {}, Dice: dice0, Links: fakeLinks{},
				Nodes: func() []Node { return nil }, Database: func() string { return "" },
				Server:    func() (Server, error) { return Server{}, errors.New("not here") },
				ReadBooks: func(context.Context) error { return nil },
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
	// A kind that no scenario pulls has never been seen to work, and a judge that never met it has never been tried by it.
	for _, kind := range All() {
		if !shipped[kind.Name] {
			t.Errorf("no shipped scenario has %s", kind.Name)
		}
	}
}

// What is copied stays the same: one system file may not extend another that does so itself.
func TestCopiedSystems(t *testing.T) {
	read := func(name string) string {
		text, err := os.ReadFile("../../scenarios/library/systems/" + name + ".yaml")
		if err != nil {
			t.Fatal(err)
		}
		_, rest, _ := strings.Cut(string(text), "extends:")
		return rest
	}
	for _, c := range []struct{ more, less, difference string }{
		{"flashshop-small-disk", "flashshop-containers", "        tmpfs: {/var/lib/postgresql/data: 256m}\n"},
		{
			"flashshop-wechatpay", "flashshop-wechatpay-certificates",
			"      PUBLIC_KEY_ID: \"{{ channel.public_key_id }}\"\n      PUBLIC_KEY: \"{{ channel.public_key }}\"\n",
		},
	} {
		if more := read(c.more); !strings.Contains(more, c.difference) || strings.Replace(more, c.difference, "", 1) != read(c.less) {
			t.Errorf("%s and %s differ by more than %q", c.more, c.less, c.difference)
		}
	}
}
