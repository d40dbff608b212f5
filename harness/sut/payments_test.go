package sut

import (
	"strings"
	"testing"

	"github.com/paystorm/paystorm/scenarios"
)

// The states of payments are mapped where the system file maps them; else they stay as the shop has them.
func TestStatesOfPayments(t *testing.T) {
	database, dir := shopDatabase(t, "WAL")
	execute(t, database, `CREATE TABLE payments(id TEXT, state TEXT)`)
	execute(t, database, `INSERT INTO payments VALUES('p1', 'OK'), ('p2', 'NEW')`)
	probe := scenarios.Probe{SQLite: "shop.db", Query: "SELECT id AS payment, state FROM payments"}
	for name, test := range map[string]struct {
		states map[string]string
		want   string
	}{
		"not mapped":  {nil, "OK NEW"},
		"mapped":      {map[string]string{"OK": "captured", "NEW": "pending"}, "captured pending"},
		"one is left": {map[string]string{"OK": "captured"}, `the states "NEW" (1 rows) are mapped to nothing`},
	} {
		t.Run(name, func(t *testing.T) {
			probe.States = test.states
			reading := read(t, externalShop(t, dir, map[string]scenarios.Probe{"payments": probe}))
			var states []string
			for _, row := range reading.Books.Payments {
				states = append(states, row.State)
			}
			if got := strings.Join(append(states, reading.Errors...), " "); !strings.Contains(got, test.want) {
				t.Errorf("got %s, want %s", got, test.want)
			}
		})
	}
}
