package invariants

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/paystorm/paystorm/history"
	"github.com/paystorm/paystorm/money"
)

// Limits of what a verdict quotes. The counts beside the lists are whole.
const (
	quotedOrders   = 100
	quotedDetails  = 10
	quotedEvidence = 20
)

// Judge folds a history into its verdict. It reads nothing else, so that judging an old run again differs only by what
// the judge has learnt since.
func Judge(h *history.History) Verdict { return judge(h, All()) }

func judge(h *history.History, asked []Invariant) Verdict {
	run := newRun(h)
	own, end := ownLaws(run)
	asked = slices.Concat(asked, own)
	header := run.Header
	verdict := Verdict{
		Schema: VerdictSchema, Judge: JudgeVersion(), Scenario: header.Scenario, Why: header.Why, Seed: header.Seed,
		PlanDigest: header.PlanDigest, Protected: run.Unprotected == "",
		System: VerdictSystem{
			Name: header.System.Name, Version: header.System.Version, Commit: header.System.Commit,
			Images: images(run),
		},
		Faults: faultResults(run), Coverage: coverage(run), Load: loadResult(run), Timings: timings(run), CPU: cpuResult(run),
		Channel: channelResult(run),
		Sale:    saleResults(run), Money: moneyResults(run), Orders: ordersResult(run),
	}
	verdict.Service = serviceResults(run, verdict.Load)
	met := newKnownReds(header)
	answers := findAll(run, asked)
	end()
	for i, found := range answers {
		result := resultOf(run, asked[i], found, met)
		verdict.Invariants = append(verdict.Invariants, result)
		verdict.Judged.Total++
		if result.Status == Held || result.Status == Violated {
			verdict.Judged.Judged++
		}
	}
	verdict.Causes, verdict.AtRisk = causesOf(verdict.Invariants, answers)
	for i := range verdict.Invariants {
		verdict.Invariants[i].Doubt = doubtOf(verdict.Invariants[i])
	}
	verdict.Known = met.results()
	verdict.Verdict, verdict.Reasons = conclude(run, &verdict)
	verdict.Headline = fmt.Sprintf("%s, %d of %d judged", verdict.Verdict, verdict.Judged.Judged, verdict.Judged.Total)
	return verdict
}

// answer is what an invariant's clauses found together, how each fared, and what the unasked ones would have needed.
type answer struct {
	Finding
	clauses []ClauseResult
	missing []string
}

// findAll asks every invariant, all at once: none of them changes the run.
func findAll(run *Run, asked []Invariant) []answer {
	answers := make([]answer, len(asked))
	var asking sync.WaitGroup
	for i, invariant := range asked {
		asking.Go(func() { answers[i] = find(run, invariant) })
	}
	asking.Wait()
	return answers
}

// resultOf puts one invariant's answer into its line of the verdict.
func resultOf(run *Run, invariant Invariant, found answer, met *knownReds) InvariantResult {
	result := InvariantResult{
		ID: invariant.ID, Name: invariant.Name, Patterns: []Pattern{}, AtRisk: []AtRisk{}, Evidence: []Evidence{},
		Required: slices.Contains(run.Header.Required, invariant.ID),
	}
	result.Evaluated, result.Exercised, result.Clauses = found.Evaluated, found.Exercised, found.clauses
	result.Pending = found.Pending
	violations := slices.Clone(found.Violations)
	slices.SortStableFunc(violations, compareViolations)
	result.Unjudged = append(found.missing, found.Unjudged...)
	unproven := len(result.Unjudged) > 0 || found.Exercised == 0 && result.Required
	reason, waived := waiver(run, invariant)
	judged := slices.ContainsFunc(found.clauses, func(c ClauseResult) bool { return c.Status == ClauseJudged })
	switch {
	case len(violations) > 0:
		result.Status = Violated
		tell(&result, violations)
		result.Known = met.all(invariant.ID, violations)
		result.Gates = !result.Known
		result.Summary = violatedSummary(result)
	case waived && unproven:
		result.Status, result.Summary, result.Unjudged = NotApplicable, "waived: "+reason, nil
	case !judged && len(result.Unjudged) == 0:
		result.Status, result.Summary = NotApplicable, "nothing in this run is its business"
		for _, clause := range found.clauses {
			result.Summary = cmp.Or(clause.Why, result.Summary)
		}
	case len(result.Unjudged) > 0:
		result.Status, result.Summary = NotKnown, "not judged: "+strings.Join(result.Unjudged, "; ")
	default:
		result.Status, result.Summary = Held, heldSummary(found.Finding)
	}
	return result
}

// find asks each clause that this history can answer.
func find(run *Run, invariant Invariant) answer {
	var all answer
	for _, clause := range invariant.Clauses {
		result := ClauseResult{Name: clause.Name, Status: ClauseJudged}
		lacks := clause.lacks(run)
		reason, waived := waivedTable(run, clause)
		switch {
		case clause.Applies != nil && !clause.Applies(run):
			result.Status = ClauseNotApplicable
		case waived:
			result.Status, result.Why = ClauseNotApplicable, "waived: "+reason
		case lacks != "":
			result.Status, result.Why = ClauseNotJudged, lacks
			if !slices.Contains(all.missing, lacks) {
				all.missing = append(all.missing, lacks)
			}
		default:
			found := clause.Judge.judge(run)
			result.Evaluated, result.Exercised, result.Violations = found.Evaluated, found.Exercised, len(found.Violations)
			all.add(found)
		}
		all.clauses = append(all.clauses, result)
	}
	return all
}

// lacks says what the clause would need and this history does not have, or "".
func (c Clause) lacks(run *Run) string {
	if run.Final == nil {
		if c.AfterSettle {
			return "the shop's books were not read at rest after a clean heal"
		}
		return ""
	}
	var unread []string
	for _, table := range c.Needs {
		if !run.Final.Has(table) {
			unread = append(unread, fmt.Sprintf("table %s was not read", table))
		}
	}
	return strings.Join(unread, ", ")
}

// waiver finds what the scenario says of doing without the invariant.
func waiver(run *Run, invariant Invariant) (reason string, waived bool) {
	for _, w := range run.Header.Waived {
		if w.Invariant == invariant.ID {
			return w.Reason, true
		}
	}
	return "", false
}

// waivedTable finds what the scenario says of doing without a table that the clause needs and that was not read.
func waivedTable(run *Run, clause Clause) (reason string, waived bool) {
	for _, w := range run.Header.Waived {
		if table := history.Table(w.Invariant); slices.Contains(clause.Needs, table) && !run.Has(table) {
			return w.Reason, true
		}
	}
	return "", false
}

// compareViolations orders them so that equal histories give equal verdicts, the earliest damage first.
func compareViolations(a, b Violation) int {
	return cmp.Or(
		cmp.Compare(a.Since, b.Since), cmp.Compare(a.Order, b.Order), cmp.Compare(a.SKU, b.SKU),
		cmp.Compare(a.Pattern, b.Pattern), cmp.Compare(a.Detail, b.Detail),
	)
}

// tell counts, groups and adds up what is wrong.
func tell(result *InvariantResult, violations []Violation) {
	result.Violations = len(violations)
	result.Patterns = patterns(violations)
	result.AtRisk = atRisk(violations)
	result.SinceMS = violations[0].Since.Duration().Milliseconds()
	lasts := false
	for _, violation := range violations {
		result.Units += violation.Units
		lasts = lasts || violation.Until == 0
		result.UntilMS = max(result.UntilMS, violation.Until.Duration().Milliseconds())
		for _, evidence := range violation.Evidence {
			if len(result.Evidence) < quotedEvidence && !slices.Contains(result.Evidence, evidence) {
				result.Evidence = append(result.Evidence, evidence)
			}
		}
	}
	if lasts {
		result.UntilMS = 0
	}
}

// patterns groups violations by their text, the most frequent first.
func patterns(violations []Violation) []Pattern {
	place := map[string]int{}
	var groups []Pattern
	for _, violation := range violations {
		at, seen := place[violation.Pattern]
		if !seen {
			at = len(groups)
			place[violation.Pattern] = at
			groups = append(groups, Pattern{Text: violation.Pattern, Orders: []string{}, Details: []string{}})
		}
		group := &groups[at]
		group.Count++
		if len(group.Orders) < quotedOrders {
			group.Orders = append(group.Orders, cmp.Or(violation.Order, violation.SKU))
		}
		if len(group.Details) < quotedDetails {
			group.Details = append(group.Details, violation.Detail)
		}
	}
	slices.SortStableFunc(groups, func(a, b Pattern) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Text, b.Text))
	})
	return groups
}

// atRisk adds the money up by currency and by who bears it.
func atRisk(violations []Violation) []AtRisk {
	sums := []AtRisk{}
	for _, violation := range violations {
		if violation.Net.Minor == 0 && violation.Gross.Minor == 0 {
			continue
		}
		code := cmp.Or(violation.Gross.Currency, violation.Net.Currency)
		at := slices.IndexFunc(sums, func(s AtRisk) bool { return s.Currency == code && s.Bearer == violation.Bearer })
		if at < 0 {
			at = len(sums)
			sums = append(sums, AtRisk{Currency: code, Bearer: violation.Bearer})
		}
		sums[at].NetMinor += violation.Net.Minor
		sums[at].GrossMinor += violation.Gross.Minor
	}
	slices.SortFunc(sums, func(a, b AtRisk) int {
		return cmp.Or(cmp.Compare(a.Currency, b.Currency), cmp.Compare(a.Bearer, b.Bearer))
	})
	return sums
}

func heldSummary(finding Finding) string {
	summary := fmt.Sprintf("held in %s, %d of which could have broken it", countOf(finding.Evaluated, "case"), finding.Exercised)
	if finding.Exercised == 0 {
		summary = "nothing happened that could have broken it"
	}
	if len(finding.Pending) > 0 {
		summary += fmt.Sprintf("; %d worth a look", len(finding.Pending))
	}
	return summary
}

func violatedSummary(result InvariantResult) string {
	var text strings.Builder
	fmt.Fprintf(&text, "%s: %s", countOf(result.Violations, "violation"), result.Patterns[0].Text)
	if others := len(result.Patterns) - 1; others > 0 {
		fmt.Fprintf(&text, " (%d), and %s", result.Patterns[0].Count, countOf(others, "other pattern"))
	}
	if result.Units > 0 {
		fmt.Fprintf(&text, "; %s", countOf(int(result.Units), "unit"))
	}
	for _, risk := range result.AtRisk {
		if risk.NetMinor == 0 {
			continue
		}
		fmt.Fprintf(&text, "; %s at risk", money.Amount{Minor: risk.NetMinor, Currency: risk.Currency})
		if risk.Bearer != BearerNone {
			fmt.Fprintf(&text, ", borne by the %s", risk.Bearer)
		}
	}
	return text.String()
}

// countOf is "1 unit", "3 units" or "2 deliveries".
func countOf(count int, noun string) string {
	if count == 1 {
		return "1 " + noun
	}
	if strings.HasSuffix(noun, "sh") {
		return fmt.Sprintf("%d %ses", count, noun)
	}
	if stem, found := strings.CutSuffix(noun, "y"); found {
		return fmt.Sprintf("%d %sies", count, stem)
	}
	return fmt.Sprintf("%d %ss", count, noun)
}
