package invariants

import (
	"fmt"
	"slices"
	"strings"

	"github.com/paystorm/paystorm/history"
)

// askedReady says whether a question to the shop was whether it is up.
func askedReady(question string) bool { return question == "ready" }

// askedJob says whether it was to do one of its jobs.
func askedJob(question string) bool { return strings.HasPrefix(question, "job ") }

func wasAsked(about func(string) bool) func(*Run) bool {
	return func(run *Run) bool { // a shop that could not serve a buyer may be set up wrongly, and proves nothing by its errors
		return !run.rehearsed && slices.ContainsFunc(run.Events, func(e history.Event) bool { return e.Kind == history.ShopAsked && about(e.State) })
	}
}

// questions are what became of each question, in time order, and whether a fault stood when the last was asked. What a
// shop is asked before all faults are undone, or beside a harness that failed, proves nothing.
func questions(run *Run, about func(string) bool) (answers map[string][]*history.Event, spoilt string) {
	answers = map[string][]*history.Event{}
	last := history.Time(0)
	for event := range each(run.Events) {
		if event.Kind == history.ShopAsked && about(event.State) {
			answers[event.State] = append(answers[event.State], event)
			last = event.At
		}
	}
	switch {
	case run.spoiltBefore(last):
		spoilt = "the harness failed, or a fault could not be undone, before the shop was asked"
	case boundAt(run, last).open:
		spoilt = "a fault stood when the shop was asked"
	}
	return answers, spoilt
}

// judgeReady holds the shop to its last answer to whether it is up.
func judgeReady(run *Run) Finding {
	answers, spoilt := questions(run, askedReady)
	found := Finding{}
	for _, question := range sortedKeys(answers) {
		found.Evaluated++
		last := answers[question][len(answers[question])-1]
		found.Exercised += one(last.Outcome != history.OK)
		switch {
		case last.Outcome == history.OK:
		case spoilt != "":
			found.Pending = append(found.Pending, "the shop is not ready, and "+spoilt)
		case last.Outcome == history.Refused:
			found.Violations = append(found.Violations, unwilling("after heal the shop says that it is not ready", "its last answer", last))
		default:
			found.Violations = append(found.Violations, unwilling("after heal the shop does not answer", "no answer to: "+question, last))
		}
	}
	return found
}

// judgeJobs finds jobs that only ever answered with an error, or not at all. A later success heals earlier errors; a job that was
// cut off when the time was over may be at work, unless it was done once before.
func judgeJobs(run *Run) Finding {
	answers, spoilt := questions(run, askedJob)
	found := Finding{}
	for _, question := range sortedKeys(answers) {
		var done, failed, open, silent *history.Event
		for _, event := range answers[question] {
			switch {
			case event.Outcome == history.OK:
				done = event
			case event.Outcome == history.Refused:
				failed = event
			case event.Reason == history.ReasonOpenAtBound:
				open = event
			default:
				silent = event
			}
		}
		found.Evaluated++
		found.Exercised += one(failed != nil || open != nil || silent != nil)
		switch {
		case done != nil:
			if last := answers[question][len(answers[question])-1]; last != done {
				found.Pending = append(found.Pending, fmt.Sprintf("%s was done, and its last run, at %s, was not: %s", question, seconds(last.At), last.Detail))
			}
		case spoilt != "":
			found.Pending = append(found.Pending, question+" was not done, and "+spoilt)
		case failed != nil:
			found.Violations = append(found.Violations, unwilling("after heal a job of the shop fails every time: "+strings.TrimPrefix(question, "job "),
				fmt.Sprintf("%s, the last time", countOf(len(answers[question]), "try")), failed))
		case open == nil:
			found.Violations = append(found.Violations, unwilling("after heal a job of the shop gives no answer: "+strings.TrimPrefix(question, "job "),
				fmt.Sprintf("%s, the last time", countOf(len(answers[question]), "try")), silent))
		default:
			found.Unjudged = append(found.Unjudged, question+" was still at work when the time to settle was over")
		}
	}
	return found
}

// unwilling is a shop that does not do what it is asked after heal.
func unwilling(pattern, what string, last *history.Event) Violation {
	detail := what + " at " + seconds(last.At)
	if last.Detail != "" {
		detail += ": " + last.Detail
	}
	return Violation{Pattern: pattern, Since: last.At, Evidence: []Evidence{recordOf(last)}, Detail: detail}
}
