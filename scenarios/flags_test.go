package scenarios_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/paystorm/paystorm/scenarios"
)

func TestPlanFaults(t *testing.T) {
	t.Parallel()
	planned, err := scenarios.PlanFaults("--fault", []string{
		"lose-callbacks: {share: 30%, attempts: all, from: 4s}", "delay-callbacks: {by: 1s..2s, id: late}",
	}, "standard", vocabulary())
	if err != nil || len(planned) != 2 {
		t.Fatalf("planned %+v, %v", planned, err)
	}
	lose, delay := planned[0], planned[1]
	if lose.ID != "lose-callbacks" || lose.Share != 0.3 || lose.From != 4*time.Second || lose.Until != scenarios.UntilHeal {
		t.Errorf("lose: %+v", lose)
	}
	var params struct{ By string }
	if err := json.Unmarshal(delay.Params, &params); err != nil || delay.ID != "late" || delay.Share != 1 || params.By != "1s..2s" {
		t.Errorf("delay: %+v, %v", delay, err)
	}
	if none, err := scenarios.PlanFaults("--fault", nil, "standard", vocabulary()); err != nil || len(none) != 0 {
		t.Errorf("of none: %+v, %v", none, err)
	}
	if bare, err := scenarios.PlanFaults("--fault", []string{"lose-callbacks"}, "standard", vocabulary()); err != nil || len(bare) != 1 {
		t.Errorf("a bare name: %+v, %v", bare, err)
	}
}

func TestPlanFaultsRefuses(t *testing.T) {
	t.Parallel()
	v := vocabulary()
	for i := range v.Faults {
		v.Faults[i].Possible = func(dialect string, _ any) error {
			if dialect == "poor" {
				return errors.New("share: it cannot")
			}
			return nil
		}
	}
	for name, test := range map[string]struct {
		dialect string
		texts   []string
		want    []string // each begins a line of the error
	}{
		"unknown kind": {
			"standard",
			[]string{"loose-callbacks: {share: 30%}"},
			[]string{`--fault "loose-callbacks: {share: 30%}": unknown fault "loose-callbacks": did you mean "lose-callbacks"?`},
		},
		"unknown key":     {"standard", []string{"lose-callbacks: {shares: 30%}"}, []string{`--fault "lose-callbacks: {shares: 30%}": unknown key "shares"`}},
		"wrong value":     {"standard", []string{"lose-callbacks: {share: lots}"}, []string{`--fault "lose-callbacks: {share: lots}": share: "lots" is no share`}},
		"missing key":     {"standard", []string{"delay-callbacks"}, []string{`--fault "delay-callbacks": missing key "by"`}},
		"checked by kind": {"standard", []string{"slow-link: {link: a, direction: sideways}"}, []string{`--fault "slow-link: {link: a, direction: sideways}": slow-link: direction: "sideways" is none`}},
		"no YAML":         {"standard", []string{"lose-callbacks: {share"}, []string{`--fault "lose-callbacks: {share": no valid YAML`}},
		"empty":           {"standard", []string{""}, []string{`--fault "": want a fault, such as lose-callbacks: {share: 30%}`}},
		"a list":          {"standard", []string{"[lose-callbacks]"}, []string{`--fault "[lose-callbacks]": faults: want one fault as a map with one key`}},
		"two in one":      {"standard", []string{"{lose-callbacks: {}, delay-callbacks: {by: 1s}}"}, []string{`--fault "{lose-callbacks: {}, delay-callbacks: {by: 1s}}": faults: want one fault`}},
		"the same twice":  {"standard", []string{"lose-callbacks", "lose-callbacks: {share: 1%}"}, []string{`--fault "lose-callbacks: {share: 1%}": lose-callbacks: the id "lose-callbacks" is in use`}},
		"not possible":    {"poor", []string{"lose-callbacks: {share: 1%, optional: true}"}, []string{`--fault "lose-callbacks: {share: 1%, optional: true}": lose-callbacks: share: it cannot`}},
		"all at once": {
			"standard",
			[]string{"nothing", "lose-callbacks: {for: 0s}"},
			[]string{`--fault "lose-callbacks: {for: 0s}": for: 0 is no time`, `--fault "nothing": unknown fault "nothing"`},
		},
	} {
		_, err := scenarios.PlanFaults("--fault", test.texts, test.dialect, v)
		var errs scenarios.Errors
		if !errors.As(err, &errs) {
			t.Errorf("%s: got %v, want Errors", name, err)
			continue
		}
		lines := strings.Split(err.Error(), "\n")
		if len(lines) != len(test.want) {
			t.Errorf("%s: %d errors, want %d:\n%v", name, len(lines), len(test.want), err)
			continue
		}
		for i, want := range test.want {
			if !strings.HasPrefix(lines[i], want) {
				t.Errorf("%s: %s\nwant %s…", name, lines[i], want)
			}
		}
	}
}
