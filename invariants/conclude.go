package invariants

import (
	"fmt"
	"slices"
	"strings"

	"github.com/paystorm/paystorm/history"
)

// conclude folds everything into one result and the reasons for it: first what is wrong with the shop, then what keeps
// the run from proving anything, then notes, which a pass may have too.
func conclude(run *Run, verdict *Verdict) (Result, Reasons) {
	failures := failures(verdict)
	doubts := reasonsOf(ReasonDoubt, runDoubts(run))
	if !run.rehearsed { // of which nobody expects more than that its few buyers are served
		doubts = slices.Concat(doubts, invariantDoubts(run, verdict), reasonsOf(ReasonDoubt, floorDoubts(run, verdict)))
	}
	notes := slices.Concat(knownNotes(verdict), reasonsOf(ReasonNote, notes(run, verdict)), reasonsOf(ReasonNote, unreadNotes(run, All())))
	reasons := append(Reasons{}, slices.Concat(failures, doubts, notes)...)
	switch {
	case len(failures) > 0:
		return Fail, reasons
	case len(doubts) > 0:
		return Inconclusive, reasons
	default:
		return Pass, reasons
	}
}

// reasonsOf are reasons of one kind that are about no invariant.
func reasonsOf(kind ReasonKind, texts []string) Reasons {
	var reasons Reasons
	for _, text := range texts {
		reasons = append(reasons, Reason{Kind: kind, Text: text})
	}
	return reasons
}

func failures(verdict *Verdict) Reasons {
	var failures Reasons
	for _, result := range verdict.Invariants {
		if result.Gates {
			text := fmt.Sprintf("%s, %s: %s", result.ID, result.Name, result.Summary)
			failures = append(failures, Reason{Kind: ReasonViolation, Invariant: result.ID, Text: text})
		}
	}
	for _, level := range verdict.Service {
		if level.Status == serviceExceeded {
			failures = append(failures, Reason{Kind: ReasonService, Text: "service level not kept: " + serviceWords(level)})
		}
	}
	return failures
}

// knownNotes are the reds that do not gate.
func knownNotes(verdict *Verdict) Reasons {
	var notes Reasons
	for _, result := range verdict.Invariants {
		if result.Status == Violated && result.Known {
			text := fmt.Sprintf("known and not gating: %s, %s: %s", result.ID, result.Name, result.Summary)
			notes = append(notes, Reason{Kind: ReasonNote, Invariant: result.ID, Text: text})
		}
	}
	return notes
}

// runDoubts are about the run itself: whether the harness worked, and whether its history is whole.
func runDoubts(run *Run) []string {
	var doubts []string
	standing := map[string]bool{}
	for event := range each(run.Events) {
		switch event.Kind {
		case history.HarnessErr:
			what := "the harness failed: "
			if run.rehearsed && event.State == history.PhaseWarmUp {
				what = "there was no storm, and only the warm-up is judged: "
			}
			doubts = append(doubts, what+event.Detail)
		case history.FaultHealFailed:
			doubts = append(doubts, fmt.Sprintf("fault %s could not be undone: %s", event.Fault, event.Detail))
		case history.FaultBegin:
			standing[event.Fault] = true
		case history.FaultEnd:
			delete(standing, event.Fault)
		}
	}
	doubts = append(doubts, damage(run)...)
	doubts = append(doubts, strangers(run)...)
	if _, _, began := run.PhaseAt(history.PhaseStorm); !began && !run.rehearsed {
		return append(doubts, "the storm never began")
	}
	for _, phase := range []string{history.PhaseStorm, history.PhaseHeal, history.PhaseSettle, history.PhaseObserve} {
		if begin, end, began := run.PhaseAt(phase); began && end < begin {
			doubts = append(doubts, fmt.Sprintf("the run was cut short in its phase %s", phase))
		}
	}
	if run.Final == nil {
		doubts = append(doubts, unread(run)...)
	}
	for _, fault := range run.Header.Faults {
		if standing[fault.ID] && !fault.Payer {
			doubts = append(doubts, fmt.Sprintf("fault %s was never seen to end", fault.ID))
		}
	}
	return doubts
}

// unread says that the end is not known from the books, and what each probe that failed had to say about it.
func unread(run *Run) []string {
	said := []string{"the shop's books were not read at rest after a clean heal"}
	if last, read := run.Reading(history.ReadingFinal); read {
		for _, failure := range last.Errors {
			said = append(said, "a probe failed: "+failure)
		}
	}
	return said
}

// damage says which writers' records are not whole.
func damage(run *Run) []string {
	var doubts []string
	segments := map[string]history.Segment{}
	for _, segment := range run.Segments {
		segments[segment.Writer] = segment
	}
	for _, writer := range run.Header.Writers {
		segment, there := segments[writer]
		switch {
		case !there:
			doubts = append(doubts, fmt.Sprintf("the history of writer %s is missing", writer))
		case segment.Damage != "":
			doubts = append(doubts, fmt.Sprintf("the history of writer %s is damaged: %s", writer, segment.Damage))
		case !segment.Ended:
			doubts = append(doubts, fmt.Sprintf("the history of writer %s was cut off at %s", writer, seconds(segment.Last)))
		}
	}
	return doubts
}

// strangers are damaged segments of writers that the header does not name: nobody can say what they hide, or add.
func strangers(run *Run) []string {
	var doubts []string
	for _, segment := range run.Segments {
		if segment.Damage != "" && !slices.Contains(run.Header.Writers, segment.Writer) {
			doubts = append(doubts, fmt.Sprintf("the history has a segment of writer %s, whom its header does not name: %s", segment.Writer, segment.Damage))
		}
	}
	return doubts
}

// alwaysJudged are those without which nobody can say that nothing was oversold, that every cent is accounted for and that the shop
// is well: what of them could not be judged is a doubt in every run.
func alwaysJudged() []string { return []string{"I1", "I2", "I3", "I4", "I7", "I13"} }

// doubtOf says why too little is known of an invariant to let the run pass, or "": it had to be judged, and was not or in
// part only. That it was exercised is asked only where the scenario names the invariant, or has something that exercises it.
func doubtOf(result InvariantResult) string {
	switch {
	case !result.Required && !slices.Contains(alwaysJudged(), result.ID):
		return ""
	case result.Status == Violated, result.Status == NotApplicable:
		return ""
	case len(result.Unjudged) > 0:
		return "not judged: " + strings.Join(result.Unjudged, "; ")
	case result.Required && result.Exercised == 0:
		return "never exercised"
	default:
		return ""
	}
}

// invariantDoubts are about what had to be judged and was not.
func invariantDoubts(run *Run, verdict *Verdict) Reasons {
	var doubts Reasons
	doubt := func(id, text string) { doubts = append(doubts, Reason{Kind: ReasonDoubt, Invariant: id, Text: text}) }
	for _, result := range verdict.Invariants {
		if result.Doubt != "" {
			doubt(result.ID, fmt.Sprintf("%s, %s: required, and %s", result.ID, result.Name, result.Doubt))
		}
	}
	for _, id := range run.Header.Required {
		if !slices.ContainsFunc(verdict.Invariants, func(r InvariantResult) bool { return r.ID == id }) {
			doubt(id, id+" is required, and this judge does not know it")
		}
	}
	return doubts
}

// floorDoubts are about what happened too little to prove anything.
func floorDoubts(run *Run, verdict *Verdict) []string {
	var doubts []string
	for _, fault := range verdict.Faults {
		if fault.Affected < fault.Floor {
			doubts = append(doubts, fmt.Sprintf("%s affected %s, floor %d", fault.ID, countOf(fault.Affected, fault.Unit), fault.Floor))
		}
	}
	doubts = append(doubts, coverageDoubts(verdict.Coverage)...)
	doubts = append(doubts, loadDoubts(run, verdict)...)
	for _, sale := range verdict.Sale {
		if run.Header.Floors.SoldOut && !sale.SoldOut {
			doubts = append(doubts, fmt.Sprintf("%s was expected to sell out, and did not", sale.SKU))
		}
	}
	for _, level := range verdict.Service {
		if level.Status == serviceInconclusive && level.Bound != nil {
			doubts = append(doubts, "service level: "+serviceWords(level))
		}
	}
	return doubts
}

func loadDoubts(run *Run, verdict *Verdict) []string {
	var doubts []string
	floors, load := run.Header.Floors, verdict.Load
	if started := share(load.Started, load.Offered); started < floors.StartedShare {
		doubts = append(doubts, fmt.Sprintf("%d of %d offered iterations were started, %.1f%%, floor %.1f%%",
			load.Started, load.Offered, 100*started, 100*floors.StartedShare))
	}
	if load.KnownOutcomeShare < floors.KnownShare {
		doubts = append(doubts, fmt.Sprintf("%.1f%% of operations have a known outcome, floor %.1f%%",
			100*load.KnownOutcomeShare, 100*floors.KnownShare))
	}
	if least := max(1, floors.Orders); verdict.Orders.Orders < least {
		doubts = append(doubts, fmt.Sprintf("the shop accepted %s, floor %d", countOf(verdict.Orders.Orders, "order"), least))
	}
	return doubts
}

// share is a part of a whole; of nothing it is none.
func share(part, whole int64) float64 {
	if whole == 0 {
		return 0
	}
	return float64(part) / float64(whole)
}

// notes are worth a line whatever the result: drops, a shop that died unasked, and others.
func notes(run *Run, verdict *Verdict) []string {
	var notes []string
	for _, known := range verdict.Known {
		if known.Expired && known.Met > 0 {
			notes = append(notes, fmt.Sprintf("the known red %s of %s expired on %s", known.Ticket, known.Invariant,
				known.Until.Format("2006-01-02")))
		}
	}
	if run.Unprotected != "" {
		notes = append(notes, "the evidence is unprotected, so that a change of its files might not show: "+run.Unprotected)
	}
	for _, left := range run.Header.LeftOut {
		notes = append(notes, fmt.Sprintf("fault %s was left out: %s", left.Fault, left.Why))
	}
	if late := lateNote(run); late != "" {
		notes = append(notes, late)
	}
	if verdict.Load.Dropped > 0 {
		notes = append(notes, countOf(int(verdict.Load.Dropped), "iteration")+" dropped, so latencies count from the call")
	}
	for event := range each(run.Events) {
		if event.Kind == history.NodeExited {
			notes = append(notes, fmt.Sprintf("the shop died unasked at %s: %s", seconds(event.At), event.Detail))
		}
	}
	return notes
}
