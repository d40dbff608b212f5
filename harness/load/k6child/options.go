package k6child

import (
	_ "embed"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/paystorm/paystorm/harness/load"
	"github.com/paystorm/paystorm/scenarios"
)

//go:embed script.js
var script []byte

// Types are those of the module, for editors.
//
//go:embed paystorm.d.ts
var Types []byte

//go:embed visit.js
var visit []byte

const (
	scriptFile = "k6-script.js"
	outputName = "paystorm"
	// drain is what journeys get beyond their own bound before k6 cuts them off. It is less than what the harness gives
	// the whole of k6.
	drain = 2 * time.Second
)

// options are k6's, for a plan.
func options(plan scenarios.Plan, arrivals schedule) map[string]any {
	last := plan.Steps[len(plan.Steps)-1]
	journey := max(0, plan.StormMax-(last.At+last.For))
	return map[string]any{
		"scenarios": map[string]any{
			"buyers": map[string]any{
				"executor":        "ramping-arrival-rate",
				"startRate":       0,
				"timeUnit":        rateUnit.String(),
				"stages":          arrivals.stages(),
				"preAllocatedVUs": plan.VUs,
				"maxVUs":          plan.VUs,
				"gracefulStop":    (journey + drain).String(),
			},
		},
		"setupTimeout":   "24h",                    // it is in set-up that k6 waits for the gate
		"noCookiesReset": plan.System.Script == "", // native journeys use no cookies of k6's; a script's are each buyer's own
		"systemTags":     []string{},
	}
}

// arguments writes the script beside the logs, and returns k6's command line for it. The REST interface stays closed,
// nobody is told that this runs, and the summary goes to standard output alone.
func arguments(runDir string, script []byte) ([]string, error) {
	logs := filepath.Join(runDir, load.LogDir)
	path := filepath.Join(logs, scriptFile)
	if err := os.WriteFile(path, script, 0o644); err != nil {
		return nil, fmt.Errorf("write k6's script: %w", err)
	}
	return []string{
		"k6", "run", "--address", "", "--no-usage-report", "--quiet", "--no-color", "--no-teardown",
		"--out", outputName, "--summary-export", filepath.Join(logs, load.SummaryJSON), path,
	}, nil
}
