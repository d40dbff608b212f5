package invariants

import (
	"fmt"
	"slices"
	"time"

	"github.com/paystorm/paystorm/history"
)

// lateMargin is how long after the time to settle the books may be read, and things may still happen, without being late:
// the last look at the shop began within the time, and may take its own.
const lateMargin = 2 * time.Second

// lateFrom is the moment from which what is mended is mended too late, if the books were read after it: the time to settle
// counts from the end of heal. 0 if the books were read in time, so that nothing can be late.
func lateFrom(run *Run) history.Time {
	_, healed, began := run.PhaseAt(history.PhaseHeal)
	if run.Final == nil || !began || healed == 0 || run.Header.Settle <= 0 {
		return 0
	}
	limit := healed.Add(run.Header.Settle + lateMargin)
	if run.Final.Begin <= limit {
		return 0
	}
	return limit
}

func readLate(run *Run) bool { return lateFrom(run) > 0 }

// lateNote says that the books were read too late to prove that the shop settled in time, "" if they were not.
func lateNote(run *Run) string {
	limit := lateFrom(run)
	if limit == 0 {
		return ""
	}
	return fmt.Sprintf("the books were read at %s, and the time to settle was over at %s: what is seen to be mended after it is late",
		seconds(run.Final.Begin), seconds(limit.Add(-lateMargin)))
}

// judgeLate asks of every captured order that ended well how late that was. What moved so shortly before the time was over
// that the shop's own timers had not run proves nothing.
func judgeLate(run *Run, mended func(*Story) (history.Time, Evidence), pattern string) Finding {
	found, limit, skipped := Finding{}, lateFrom(run), reasons{}
	in, crowded := boundAt(run, limit.Add(-lateMargin)), crowdedOut(run)
	for _, story := range run.Stories {
		if story.firstCapture() == nil || !in.over(story.lastMove()) || in.open {
			continue
		}
		found.Evaluated++
		at, evidence := mended(story)
		if at <= limit {
			continue
		}
		found.Exercised++
		if crowded != "" {
			skipped.add(pattern+", "+crowded, story)
			continue
		}
		sum := story.balance()
		found.Violations = append(found.Violations, Violation{
			Pattern: pattern, Order: story.Order, Net: sum.amount(0), Gross: sum.amount(sum.captured), Bearer: BearerBuyer,
			Since: story.firstCapture().At, Until: at, Evidence: append([]Evidence{evidence}, story.moneyEvidence()...),
			Detail: fmt.Sprintf("mended at %s, and the time to settle was over at %s; %s; %s", seconds(at), seconds(limit.Add(-lateMargin)), sum, story.rowWords()),
		})
	}
	found.Unjudged = skipped.lines()
	return found
}

// crowdedOut says why lateness, or an order still under way at the bound, cannot be held against the shop, "" if it can: where other
// work had more than half of the machine in the storm, a shop that does all in time elsewhere may be late.
func crowdedOut(run *Run) string {
	result := cpuResult(run)
	at := slices.IndexFunc(result.Used, func(part CPUUsed) bool { return part.By == cpuRest })
	if at < 0 || result.Cores == 0 || 2*result.Used[at].Cores <= float64(result.Cores) {
		return ""
	}
	return fmt.Sprintf("and other work had %.1f of the machine's %d processors in the storm", result.Used[at].Cores, result.Cores)
}

// knownSince is the first sign that the shop knows of an order's capture: somebody was told, a checkpoint had it, it was
// acknowledged, asked for, or given back. 0 if there is none, so that it may have known at any time.
func knownSince(story *Story) (history.Time, Evidence) {
	first, evidence := history.Time(0), Evidence("")
	sign := func(at history.Time, record Evidence) {
		if first == 0 || at < first {
			first, evidence = at, record
		}
	}
	for _, op := range story.Ops {
		if tellsPaid(op) {
			sign(op.Returned, opRecord(op))
		}
	}
	for _, row := range story.Earlier {
		if reflects(row.Row.State) {
			sign(row.End, row.Evidence)
		}
	}
	for _, delivery := range acknowledgements(story) {
		sign(delivery.Answered.At, recordOf(delivery.Answered))
	}
	capture := story.firstCapture()
	for _, request := range story.Requests {
		if request.State == "query" && request.Outcome == history.OK && request.At > capture.At {
			sign(request.At, recordOf(request))
		}
	}
	if at, record := firstRefund(story); at > 0 {
		sign(at, record)
	}
	return first, evidence
}

// firstRefund is when the shop first asked for an order's money to go back; 0 if it never did.
func firstRefund(story *Story) (history.Time, Evidence) {
	first, evidence := history.Time(0), Evidence("")
	for _, payment := range story.Payments {
		for _, refund := range payment.Refunds {
			if refund.MerchantRefund != "" && (first == 0 || refund.Created.At < first) {
				first, evidence = refund.Created.At, recordOf(refund.Created)
			}
		}
	}
	return first, evidence
}

// judgeReflectedLate is of I7: successes of which the shop first gave a sign after its time.
func judgeReflectedLate(run *Run) Finding {
	return judgeLate(run, func(story *Story) (history.Time, Evidence) {
		if unreflected(story) != "" { // told as what it is
			return 0, ""
		}
		return knownSince(story)
	}, "paid at the channel, and reflected in the shop only after the time to settle")
}

// judgeSettledLate is of I6: late money that the shop gave back, and only after its time.
func judgeSettledLate(run *Run) Finding {
	return judgeLate(run, func(story *Story) (history.Time, Evidence) {
		if endedBeforeCapture(story, run.Header.System.Timers) == nil || unsettled(story) != "" || effective(story.State()) {
			return 0, ""
		}
		return firstRefund(story)
	}, "paid after close, and refunded only after the time to settle")
}

// judgeExtraLate is of I1: extra payments that went back, and only after the time.
func judgeExtraLate(run *Run) Finding {
	return judgeLate(run, func(story *Story) (history.Time, Evidence) {
		captured := story.Captured()
		if _, extra := story.extraKept(captured); len(captured) < 2 || extra != 0 {
			return 0, ""
		}
		return story.givenBackTo(story.Due().Minor)
	}, "paid more than once, and the extra payment refunded only after the time to settle")
}

// judgeRefundsLate is of I3: refunds that the shop accepted, had the time for, and made only after it.
func judgeRefundsLate(run *Run) Finding {
	limit := lateFrom(run)
	in := boundAt(run, limit.Add(-lateMargin))
	return judgeLate(run, func(story *Story) (history.Time, Evidence) {
		captured := story.balance().captured
		due := wished(story.wishes(), captured, func(w wish) bool { return w.promised() && in.over(w.accepted.Returned) })
		if due == 0 {
			return 0, ""
		}
		return story.givenBackTo(captured - due)
	}, "a refund was accepted from the buyer, and made only after the time to settle")
}

// givenBackTo is when a refund left no more than so much of the order's money at the channel, for good; 0 if there never was more, or
// still is.
func (s *Story) givenBackTo(minor int64) (history.Time, Evidence) {
	since, more := history.Time(0), false
	for _, change := range ledgerOf(s).changes {
		switch {
		case change.kept > minor:
			since, more = 0, true
		case more && change.kind == history.RefundCreated:
			since, more = change.at, false
		}
	}
	for _, payment := range s.Payments {
		for _, refund := range payment.Refunds {
			if since > 0 && refund.Created.At == since {
				return since, recordOf(refund.Created)
			}
		}
	}
	return 0, ""
}

// judgeOwedLate is of I9: what a paid order owes outside the shop, and sent only after the time.
func judgeOwedLate(run *Run) Finding {
	return judgeLate(run, func(story *Story) (history.Time, Evidence) {
		last, evidence := history.Time(0), Evidence("")
		if !paidForGoods(story) {
			return 0, ""
		}
		for _, sink := range run.Header.System.OwedSinks {
			at := slices.IndexFunc(story.Sunk, func(event *history.Event) bool { return event.State == sink })
			if at >= 0 && story.Sunk[at].At > last {
				last, evidence = story.Sunk[at].At, recordOf(story.Sunk[at])
			}
		}
		return last, evidence
	}, "what a paid order owes outside the shop came only after the time to settle")
}

// judgeUnstuckLate is of I13: orders that were still in a middle state when a checkpoint was read after the time, or whose
// payment the shop closed only then.
func judgeUnstuckLate(run *Run) Finding {
	found, limit := Finding{}, lateFrom(run)
	timers := run.Header.System.Timers
	if timers.Expiry == 0 || boundAt(run, limit).open {
		return found
	}
	crowded, skipped := crowdedOut(run), reasons{}
	for _, story := range run.Stories {
		if story.State() != history.OrderClosed || story.firstCapture() != nil ||
			lastTouched(run, story).Add(timers.Expiry+timers.Query) > limit.Add(-lateMargin) {
			continue
		}
		found.Evaluated++
		at, evidence := history.Time(0), Evidence("")
		for _, row := range story.Earlier {
			if row.Begin > limit && row.Row.State == history.OrderPending {
				at, evidence = row.End, row.Evidence
			}
		}
		closedBefore := slices.ContainsFunc(story.Earlier, func(row EarlierRow) bool { return row.Row.State == history.OrderClosed && row.End <= limit }) || toldOver(story)
		for _, payment := range story.Payments {
			if payment.Closed != nil && payment.Closed.At > limit && !closedBefore {
				at, evidence = payment.Closed.At, recordOf(payment.Closed)
			}
		}
		if at == 0 {
			continue
		}
		found.Exercised++
		if crowded != "" {
			skipped.add("an order ended only after the time to settle, "+crowded, story)
			continue
		}
		violation := stuck(story, "ended only after the time to settle")
		violation.Until, violation.Evidence = at, append([]Evidence{evidence}, violation.Evidence...)
		violation.Detail = fmt.Sprintf("still pending at %s, and the time to settle was over at %s; %s", seconds(at), seconds(limit.Add(-lateMargin)), story.rowWords())
		found.Violations = append(found.Violations, violation)
	}
	found.Unjudged = skipped.lines()
	return found
}
