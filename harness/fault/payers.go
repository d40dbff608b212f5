package fault

import (
	"github.com/paystorm/paystorm/dice"
	"github.com/paystorm/paystorm/harness/load"
	"github.com/paystorm/paystorm/history"
	"github.com/paystorm/paystorm/mockchannel"
	"github.com/paystorm/paystorm/scenarios"
)

// Payers says how each buyer of the plan behaves. It is a pure function of the plan and the buyer, so that the load
// generator's process needs no word with ours. NewEngine has refused a plan whose payers cannot be read; here, such a
// payer behaves well.
//
// Where several misbehaviours hit one order, one decides how it is paid: the first of abandon, pay-after-cancel,
// cancel-race, pay-twice, switch-payment, pay-late, decline-first. After the first three there is no payment to refund, so
// parallel-refunds yields to them. A retry storm repeats every request anyway, so double-click yields to it.
func Payers(p scenarios.Plan) load.Payers {
	all := payers{plan: p}
	for _, fault := range p.Payers {
		planned, params, err := plan(fault, dice.New(p.Seed))
		if behaves, ok := params.(Behaves); ok && err == nil {
			all.faults = append(all.faults, asked[Behaves]{Planned: planned, act: behaves})
		}
	}
	return all
}

type payers struct {
	plan   scenarios.Plan
	faults []asked[Behaves]
}

// Payer answers for one order. A fault's window is compared with the time at which the load model wants the buyer.
func (a payers) Payer(ref history.Ref) load.Payer {
	var payer load.Payer
	subject := mockchannel.Subject{Ref: ref, Key: ref.Key()}
	at := a.plan.Due(ref.Buyer)
	for _, fault := range a.faults {
		if fault.Hits(subject, "", 0, at) {
			fault.act.Behave(fault.Planned, a.plan.System, ref, &payer)
		}
	}
	return reconciled(payer)
}

// reconciled takes away what cannot be acted out beside something that comes before it.
func reconciled(payer load.Payer) load.Payer {
	unpaid := payer.Abandon != nil || payer.PayAfterCancel != nil || payer.CancelRace != nil
	ways := []**load.Behaviour{
		&payer.Abandon, &payer.PayAfterCancel, &payer.CancelRace, &payer.PayTwice, &payer.SwitchPayment,
		&payer.PayLate, &payer.DeclineFirst,
	}
	decided := false
	for _, way := range ways {
		if decided {
			*way = nil
		}
		decided = decided || *way != nil
	}
	if unpaid {
		payer.ParallelRefunds = nil
	}
	if payer.RetryStorm != nil {
		payer.DoubleClick = nil
	}
	return payer
}
