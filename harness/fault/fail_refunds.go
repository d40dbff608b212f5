package fault

import (
	"sync"

	"github.com/paystorm/paystorm/history"
	"github.com/paystorm/paystorm/mockchannel"
	"github.com/paystorm/paystorm/scenarios"
)

// failRefunds lets refunds that were accepted fail later. Only the first of an order, or a shop that rightly issues
// them again would never come to an end.
type failRefunds struct {
	First  Times  `yaml:"first" json:"first"` // refunds of a payment that fail
	Reason string `yaml:"reason" json:"reason"`

	mu   sync.Mutex
	seen map[string]int // payment → refunds that failed
}

func failRefundsKind() scenarios.Kind {
	return scenarios.Kind{
		Name:      "fail-refunds",
		Doc:       "A refund that the channel accepted fails later: the first of a payment, or the `first` n, or all.",
		Contract:  string(history.Documented),
		Unit:      unitRefund,
		Exercises: []string{"I3"},
		New:       func() any { return &failRefunds{First: 1, Reason: "account_closed"} },
	}
}

func (f *failRefunds) Change(p Planned, change mockchannel.Change) mockchannel.ChangeFault {
	if change.Kind != mockchannel.ChangeRefund || !f.counts(change.Payment) {
		return mockchannel.ChangeFault{}
	}
	return mockchannel.ChangeFault{RefundFails: &mockchannel.RefundFails{Fault: p.ID, Reason: f.Reason}}
}

func (f *failRefunds) counts(payment string) bool {
	if f.First == 0 {
		return true
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.seen == nil {
		f.seen = map[string]int{}
	}
	f.seen[payment]++
	return f.seen[payment] <= int(f.First)
}
