package scenarios

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"
	"time"
)

// crowd are the invariants that a sale exercises by itself: with more buyers than units, somebody is sent away.
func crowd(plan Plan) []string {
	stock := int64(0)
	for _, item := range plan.Items {
		stock += item.Stock
	}
	if plan.Expect.SoldOut || int64(plan.Offered) > stock {
		return []string{"I4"}
	}
	return nil
}

// Compile resolves a scenario, its system and the settings of the command line (--set path=value) with a seed into a
// plan. The same files, settings and seed give the same plan, and so the same digest, on any machine. What is wrong
// comes as Errors.
//
// A setting's path is dotted keys of the scenario: load.peak, sale.items.0.stock, faults.<id>.share, and
// payers.<name>; or of the system: system.launch.process.env.X.
func Compile(
	scenario *Scenario, system *System, v Vocabulary, seed int64, settings map[string]string,
) (Plan, error) {
	scenario, system, err := WithSettings(scenario, system, v, settings)
	if err != nil {
		return Plan{}, err
	}
	if errs := append(checkScenario(scenario, v), checkSystem(system, v)...); len(errs) > 0 {
		return Plan{}, errs.asError()
	}
	steps, err := loadSteps(scenario, v)
	if err != nil {
		return Plan{}, err
	}
	loadEnd := steps[len(steps)-1].At + steps[len(steps)-1].For
	crossed := cross{
		checker: checker{source: scenario.source}, scenario: scenario, system: system, loadEnd: loadEnd,
		faults: v.Faults, payers: v.Payers,
	}
	if errs := crossed.check(); len(errs) > 0 {
		return Plan{}, errs.asError()
	}
	plan, err := assemble(scenario, system, v, steps)
	if err != nil {
		return Plan{}, err
	}
	plan.Seed = seed
	plan.Digest, err = plan.digest()
	return plan, err
}

// assemble puts checked parts together.
func assemble(scenario *Scenario, system *System, v Vocabulary, steps []LoadStep) (Plan, error) {
	last := steps[len(steps)-1]
	journeys := journeyShares(scenario, system)
	patience := system.patience(journeys)
	plan := Plan{
		Schema:      PlanSchema,
		Name:        scenario.Name,
		Why:         scenario.Why,
		System:      *system,
		Items:       scenario.Sale.Items,
		Coupons:     scenario.Sale.Coupons,
		WarmUpSKU:   warmUpSKU,
		Steps:       steps,
		Offered:     last.FirstBuyer - 1 + last.Iterations,
		Journeys:    journeys,
		Checkpoints: durations(scenario.Checkpoints),
		StormMax:    last.At + last.For + patience,
		Settle:      time.Duration(scenario.Settle),
		Expect: PlanExpect{
			SoldOut:      scenario.Expect.SoldOut,
			Orders:       scenario.Expect.Orders,
			StartedShare: float64(scenario.Expect.StartedShare),
			KnownShare:   float64(scenario.Expect.KnownShare),
		},
		Waive:     scenario.Waive,
		ReviewCap: scenario.ReviewCap,
		Known:     scenario.Known,
		Service:   scenario.Service,
		Business: Business{
			Span: time.Duration(scenario.BusinessTime.Span), In: time.Duration(scenario.BusinessTime.In),
		},
	}
	plan.SystemDir = system.Dir()
	plan.System.source = nil
	plan.VUs = virtualUsers(steps, system, journeys, plan.Offered)
	var err error
	possible, leftOut := scenario.possible(system, v)
	plan.LeftOut = leftOut
	plan.Cells = slices.DeleteFunc(slices.Clone(scenario.Expect.Cells), func(cell Cell) bool {
		return slices.ContainsFunc(leftOut, func(left LeftOut) bool { return left.Fault == cell.Fault })
	})
	if plan.Faults, err = planFaults(possible, v.Faults, scenario.Expect.Affected); err != nil {
		return Plan{}, err
	}
	if plan.Payers, err = planFaults(scenario.Payers, v.Payers, scenario.Expect.Affected); err != nil {
		return Plan{}, err
	}
	if plan.Required, err = required(scenario, plan, v); err != nil {
		return Plan{}, err
	}
	plan.Laws, err = planLaws(scenario, system, v)
	for _, law := range plan.Laws {
		plan.Required = append(plan.Required, law.ID)
	}
	if err == nil {
		err = knownOf(scenario, plan, v)
	}
	return plan, err
}

// knownOf refuses known reds of what the run is not judged by.
func knownOf(scenario *Scenario, plan Plan, v Vocabulary) error {
	judged := slices.Concat(v.Invariants, names(plan.Laws, func(law PlannedLaw) string { return law.ID }))
	c := &checker{source: scenario.source}
	for index, known := range scenario.Known {
		if !slices.Contains(judged, known.Invariant) {
			c.fail(at("known", index, "invariant"), "known: unknown invariant %q: %s", known.Invariant, choose(known.Invariant, judged))
		}
	}
	return c.errs.asError()
}

// loadSteps asks the profile, and numbers its steps' times, iterations and buyers.
func loadSteps(scenario *Scenario, v Vocabulary) ([]LoadStep, error) {
	where := scenario.source.at("load")
	fail := func(format string, args ...any) ([]LoadStep, error) {
		return nil, Errors{{File: where.file, Line: where.line, Column: where.column, Message: fmt.Sprintf(format, args...)}}
	}
	found := slices.IndexFunc(v.Profiles, func(p Profile) bool { return p.Name == scenario.Load.Profile })
	if found < 0 {
		unknown := scenario.Load.Profile
		return fail("load: unknown profile %q: %s", unknown, choose(unknown, names(v.Profiles, profileName)))
	}
	steps, err := v.Profiles[found].Steps(scenario.Load)
	if err != nil {
		return fail("load: %s", err)
	}
	end, buyer := time.Duration(0), 1
	for index := range steps {
		step := &steps[index]
		if step.For <= 0 || step.PerSecond < 0 || math.IsInf(step.PerSecond, 0) || math.IsNaN(step.PerSecond) {
			return fail("load: step %d lasts %s at %g/s: want more than no time, at a rate", index, step.For, step.PerSecond)
		}
		if step.At == 0 {
			step.At = end
		}
		if step.Iterations == 0 {
			step.Iterations = int(math.Round(step.PerSecond * step.For.Seconds()))
		}
		step.FirstBuyer = buyer
		end, buyer = step.At+step.For, buyer+step.Iterations
	}
	if buyer == 1 {
		return fail("load: offers no buyer at all: want a higher rate or a longer time")
	}
	if buyer > iterationsMax {
		return fail("load: offers %d buyers: want at most %d", buyer-1, iterationsMax)
	}
	return steps, nil
}

// iterationsMax keeps a typing error in a rate from filling the machine.
const iterationsMax = 10_000_000

// journeyShares are the scenario's, sorted, or everyone on the system's first.
func journeyShares(scenario *Scenario, system *System) []JourneyShare {
	if len(scenario.Load.Journeys) == 0 {
		first := system.firstJourney()
		return []JourneyShare{{Name: first, Share: 1, Pairs: system.pairs(first)}}
	}
	shares := make([]JourneyShare, 0, len(scenario.Load.Journeys))
	for _, name := range sortedKeys(scenario.Load.Journeys) {
		shares = append(shares, JourneyShare{
			Name: name, Share: float64(scenario.Load.Journeys[name]), Pairs: system.pairs(name),
		})
	}
	return shares
}

// firstJourney is the first in the file, or by name for a system that has none.
func (s *System) firstJourney() string {
	if s.source != nil {
		if journeys := s.source.tree.child("journeys"); journeys != nil && len(journeys.entries) > 0 {
			return journeys.entries[0].key
		}
	}
	if s.Script != "" {
		return scriptJourney
	}
	return sortedKeys(s.Journeys)[0]
}

// possible parts the faults into those that the system's provider can produce and the optional ones that it cannot.
// Others that it cannot have been refused.
func (s *Scenario) possible(system *System, v Vocabulary) (faults []FaultSpec, leftOut []LeftOut) {
	for _, spec := range s.Faults {
		kind := v.Faults[slices.IndexFunc(v.Faults, func(k Kind) bool { return k.Name == spec.Kind })]
		if err := kind.impossible(spec, system); err != nil && spec.Optional {
			leftOut = append(leftOut, LeftOut{Fault: spec.ID, Why: err.Error()})
			continue
		}
		faults = append(faults, spec)
	}
	return faults, leftOut
}

// impossible says why the system's provider could not produce the fault.
func (k Kind) impossible(spec FaultSpec, system *System) error {
	if k.Possible == nil {
		return nil
	}
	return k.Possible(system.Channel.Dialect, spec.Params)
}

func planFaults(specs []FaultSpec, kinds []Kind, floors map[string]int) ([]Fault, error) {
	var planned []Fault
	for _, spec := range specs {
		kind := kinds[slices.IndexFunc(kinds, func(k Kind) bool { return k.Name == spec.Kind })]
		params := json.RawMessage("{}")
		if spec.Params != nil {
			encoded, err := json.Marshal(spec.Params)
			if err != nil {
				return nil, fmt.Errorf("write the parameters of %s: %w", spec.ID, err)
			}
			params = encoded
		}
		// A fault that touched nothing proves nothing, so one is the least unless the scenario says otherwise.
		floor, named := floors[spec.ID]
		if !named {
			floor = 1
		}
		exercises := slices.Clone(kind.Exercises)
		if own, more := spec.Params.(Exerciser); more {
			exercises = append(exercises, own.Exercises()...)
		}
		planned = append(planned, Fault{
			ID: spec.ID, Kind: spec.Kind, Share: float64(spec.Share), Only: spec.Only, When: spec.When,
			From: time.Duration(spec.From), For: time.Duration(spec.For), Until: cmp.Or(spec.Until, UntilHeal),
			Params: params, Contract: kind.Contract, Unit: kind.Unit, Planned: inWords(spec, kind),
			Exercises: exercises, Floor: floor,
		})
	}
	return planned, nil
}

// required is what must be exercised: what the scenario names, or what its faults, its payers and its crowd are there to exercise.
func required(scenario *Scenario, plan Plan, v Vocabulary) ([]string, error) {
	wanted := slices.Clone(scenario.Invariants)
	if len(wanted) == 0 {
		wanted = crowd(plan)
		for _, fault := range slices.Concat(plan.Faults, plan.Payers) {
			wanted = append(wanted, fault.Exercises...)
		}
	}
	slices.SortFunc(wanted, compareInvariants)
	wanted = slices.Compact(wanted)
	var errs Errors
	for _, invariant := range wanted {
		if !slices.Contains(v.Invariants, invariant) {
			where := scenario.source.at("invariants")
			errs = append(errs, Error{File: where.file, Line: where.line, Column: where.column, Message: fmt.Sprintf(
				"required is %q, which is no invariant: %s", invariant, choose(invariant, v.Invariants),
			)})
		}
	}
	return wanted, errs.asError()
}

// compareInvariants puts I2 before I10.
func compareInvariants(a, b string) int {
	return cmp.Or(cmp.Compare(len(a), len(b)), cmp.Compare(a, b))
}

func durations(of []Duration) []time.Duration {
	var all []time.Duration
	for _, one := range of {
		all = append(all, time.Duration(one))
	}
	return all
}

func sortedKeys[V any](of map[string]V) []string { return slices.Sorted(maps.Keys(of)) }
