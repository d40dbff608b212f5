package harness

import (
	"runtime"
	"time"

	"github.com/paystorm/paystorm/history"
	"github.com/paystorm/paystorm/mockchannel/dialects"
	"github.com/paystorm/paystorm/scenarios"
)

// header is what the judge has to know of a plan. It is the only bridge between the two.
func header(plan scenarios.Plan, runID, version, commit string, started time.Time) history.Header {
	facts := make([]history.FaultFacts, 0, len(plan.Faults)+len(plan.Payers))
	for _, planned := range plan.Faults {
		facts = append(facts, faultFacts(planned, false))
	}
	for _, planned := range plan.Payers {
		facts = append(facts, faultFacts(planned, true))
	}
	h := history.Header{
		Schema:     history.Schema,
		Scenario:   plan.Name,
		File:       plan.File,
		Flags:      plan.Flags,
		Why:        plan.Why,
		System:     systemFacts(plan.System, version, commit),
		Seed:       plan.Seed,
		PlanDigest: plan.Digest,
		Run:        runID,
		Started:    started,
		Writers:    []string{writerHarness, writerChannel, writerLoad},
		WarmUpSKU:  plan.WarmUpSKU,
		Faults:     facts,
		Floors: history.Floors{
			SoldOut:      plan.Expect.SoldOut,
			Orders:       plan.Expect.Orders,
			StartedShare: plan.Expect.StartedShare,
			KnownShare:   plan.Expect.KnownShare,
		},
		Required:  plan.Required,
		ReviewCap: plan.ReviewCap,
		Settle:    plan.Settle,
		Cores:     runtime.NumCPU(),
	}
	for _, item := range plan.Items {
		h.Sale = append(h.Sale, history.Item(item))
	}
	for _, cell := range plan.Cells {
		h.Floors.Cells = append(h.Floors.Cells, history.Cell{
			Fault: cell.Fault, State: history.OrderAtFault(cell.State), Message: cell.Message, Hits: cell.Hits,
		})
	}
	for _, law := range plan.Laws {
		own := history.Law{ID: law.ID, Name: law.Name, Statement: law.Statement, Bearer: law.Bearer, Wrong: law.Wrong, Cases: law.Cases}
		for _, table := range law.Needs {
			own.Needs = append(own.Needs, history.Table(table))
		}
		h.Laws = append(h.Laws, own)
	}
	for _, coupon := range plan.Coupons {
		h.Coupons = append(h.Coupons, history.Coupon(coupon))
	}
	for _, invariant := range sortedKeys(plan.Waive) {
		h.Waived = append(h.Waived, history.Waiver{Invariant: invariant, Reason: plan.Waive[invariant]})
	}
	for _, left := range plan.LeftOut {
		h.LeftOut = append(h.LeftOut, history.LeftOut(left))
	}
	for _, known := range plan.Known {
		h.Known = append(h.Known, history.Known(known))
	}
	for _, goal := range plan.Service {
		h.Service = append(h.Service, history.ServiceGoal{ID: goal.ID, Bound: goal.Bound})
	}
	return h
}

func faultFacts(planned scenarios.Fault, payer bool) history.FaultFacts {
	return history.FaultFacts{
		ID:        planned.ID,
		Kind:      planned.Kind,
		Contract:  history.Contract(planned.Contract),
		Unit:      planned.Unit,
		Planned:   planned.Planned,
		Floor:     planned.Floor,
		Payer:     payer,
		Exercises: planned.Exercises,
	}
}

func systemFacts(system scenarios.System, version, commit string) history.SystemFacts {
	if system.Version != "" {
		version = system.Version
	}
	facts := history.SystemFacts{
		Name:    system.Name,
		Version: version,
		Commit:  commit,
		Dialect: system.Channel.Dialect,
		Timers: history.Timers{
			Expiry:    time.Duration(system.Timers.Expiry),
			Query:     time.Duration(system.Timers.Query),
			Refund:    time.Duration(system.Timers.Refund),
			Reconcile: time.Duration(system.Timers.Reconcile),
			Apply:     time.Duration(system.Timers.Apply),
		},
		Legal:  history.Legal(system.Legal),
		Grants: system.Grants,
		Sinks:  sortedKeys(system.Sinks),
		Prices: history.Prices(system.Prices),
	}
	for _, name := range facts.Sinks {
		if system.Sinks[name].Per != "" {
			facts.OwedSinks = append(facts.OwedSinks, name)
		}
	}
	if system.Fees != nil {
		facts.FeeMost = system.Fees.AtMost
	}
	if system.Ledger != nil {
		facts.ChannelAccounts = system.Ledger.Channel
	}
	if dialect, err := dialects.Named(system.Channel.Dialect); err == nil { // an unknown one has been refused
		facts.NumberPerPayment = dialect.Traits().NumberPerPayment
	}
	for _, table := range sortedKeys(system.Probes) {
		facts.Tables = append(facts.Tables, history.Table(table))
	}
	return facts
}
