package invariants

import "github.com/paystorm/paystorm/history"

// Judge folds a history into its verdict.
func Judge(h *history.History) Verdict {
	return Verdict{Schema: VerdictSchema, Scenario: newRun(h).Header.Scenario}
}
