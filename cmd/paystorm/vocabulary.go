package main

import (
	"context"
	"fmt"
	"os"

	"github.com/paystorm/paystorm/harness/fault"
	"github.com/paystorm/paystorm/harness/load"
	"github.com/paystorm/paystorm/harness/sut"
	"github.com/paystorm/paystorm/history/tables"
	"github.com/paystorm/paystorm/invariants"
	"github.com/paystorm/paystorm/mockchannel/dialects"
	"github.com/paystorm/paystorm/scenarios"
)

// vocabulary is everything that a scenario or system file may name. It is put together here because the packages that
// own the parts do not know one another.
func vocabulary() scenarios.Vocabulary {
	spoken := dialects.All()
	faults, payers := fault.Vocabulary(spoken)
	v := scenarios.Vocabulary{
		Faults:   faults,
		Payers:   payers,
		Profiles: load.Profiles(),
		CheckLaw: tables.Check,
		CheckScript: func(path string) error {
			self, err := os.Executable()
			if err != nil {
				return fmt.Errorf("find this program: %w", err)
			}
			return load.CheckScript(context.Background(), self, path)
		},
	}
	for _, dialect := range spoken {
		v.Dialects = append(v.Dialects, scenarios.Dialect{Name: dialect.Name(), Credentials: dialect.Credentials()})
	}
	for _, launcher := range sut.Launchers() {
		v.Launchers = append(v.Launchers, launcher.Name)
	}
	for _, invariant := range invariants.All() {
		v.Invariants = append(v.Invariants, invariant.ID)
	}
	return v
}
