package invariants

import "github.com/paystorm/paystorm/history"

func newRun(h *history.History) *Run { return &Run{History: h} }
