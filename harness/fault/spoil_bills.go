package fault

import (
	"strconv"

	"github.com/paystorm/paystorm/history"
	"github.com/paystorm/paystorm/mockchannel"
	"github.com/paystorm/paystorm/scenarios"
)

// spoilBills hands out a bill that differs from the ledger. Which of the hows it is, is drawn for each download.
type spoilBills struct {
	How []mockchannel.SpoilHow `yaml:"how,one-or-list" json:"how"`
}

func spoilBillsKind() scenarios.Kind {
	return scenarios.Kind{
		Name:      "spoil-bills",
		Doc:       "A bill lacks a row, has one too many, another amount, another unit, another day, or a refund that failed.",
		Contract:  string(history.Seen),
		Unit:      unitRequest,
		Exercises: []string{"I10"},
		New:       func() any { return &spoilBills{How: spoilHows()} },
	}
}

func spoilHows() []mockchannel.SpoilHow {
	return []mockchannel.SpoilHow{
		mockchannel.SpoilMissing, mockchannel.SpoilExtra, mockchannel.SpoilAmount, mockchannel.SpoilUnit, mockchannel.SpoilDay,
		mockchannel.SpoilRefund,
	}
}

func (f *spoilBills) Check(scenarios.System) error { return someOf("how", f.How, spoilHows()...) }

func (f *spoilBills) Request(p Planned, request mockchannel.Request) mockchannel.RequestFault {
	if request.Operation != mockchannel.OpBill {
		return mockchannel.RequestFault{}
	}
	drawn := p.dice.Uint64("how", p.ID, request.Key, strconv.Itoa(request.Attempt)) % uint64(len(f.How))
	return mockchannel.RequestFault{Spoil: &mockchannel.Spoil{Fault: p.ID, How: f.How[drawn]}}
}
