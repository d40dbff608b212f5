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

// inTime is a law that asks of every captured order that ended well how late that was: mended says when, and what shows it. What
// moved so shortly before the time was over that the shop's own timers had not run proves nothing.
func inTime(mended func(*Run, *Story) (history.Time, Evidence), pattern string) Law {
	return func(run *Run) Fold {
		limit := lateFrom(run)
		in, crowded := boundAt(run, limit.Add(-lateMargin)), crowdedOut(run)
		return eachOrder(func(j *judging, story *Story) {
			if story.firstCapture() == nil || !in.over(story.lastMove()) || in.open {
				return
			}
			j.Evaluated++
			at, evidence := mended(run, story)
			if at <= limit {
				return
			}
			j.Exercised++
			if crowded != "" {
				j.skip(pattern+", "+crowded, story)
				return
			}
			sum := story.balance()
			j.fail(Violation{
				Pattern: pattern, Order: story.Order, Net: sum.amount(0), Gross: sum.amount(sum.captured), Bearer: BearerBuyer,
				Since: story.firstCapture().At, Until: at, Evidence: append([]Evidence{evidence}, story.moneyEvidence()...),
				Detail: fmt.Sprintf("mended at %s, and the time to settle was over at %s; %s; %s", seconds(at), seconds(limit.Add(-lateMargin)), sum, story.rowWords()),
			})
		})(run)
	}
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

// reflectedFirst is of I7: when the shop first gave a sign of a success.
func reflectedFirst(_ *Run, story *Story) (history.Time, Evidence) {
	if unreflected(story) != "" { // told as what it is
		return 0, ""
	}
	return knownSince(story)
}

// lateMoneyGiven is of I6: when the shop gave late money back.
func lateMoneyGiven(run *Run, story *Story) (history.Time, Evidence) {
	if endedBeforeCapture(story, run.Header.System.Timers) == nil || unsettled(story) != "" || effective(story.State()) {
		return 0, ""
	}
	return firstRefund(story)
}

// extraGiven is of I1: when the extra payments had gone back.
func extraGiven(_ *Run, story *Story) (history.Time, Evidence) {
	captured := story.Captured()
	if _, extra := story.extraKept(captured); len(captured) < 2 || extra != 0 {
		return 0, ""
	}
	return story.givenBackTo(story.Due().Minor)
}

// promisesInTime is of I3: when the shop had made the refunds that it accepted and had the time for.
func promisesInTime(run *Run) Fold {
	in := boundAt(run, lateFrom(run).Add(-lateMargin))
	return inTime(func(_ *Run, story *Story) (history.Time, Evidence) {
		captured := story.balance().captured
		due := wished(story.wishes(), captured, func(w wish) bool { return w.promised() && in.over(w.accepted.Returned) })
		if due == 0 {
			return 0, ""
		}
		return story.givenBackTo(captured - due)
	}, "a refund was accepted from the buyer, and made only after the time to settle")(run)
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

// owedSent is of I9: when a paid order had sent all that it owes outside the shop.
func owedSent(run *Run, story *Story) (history.Time, Evidence) {
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
}

// unstuckInTime is of I13: it finds orders that were still in a middle state when a checkpoint was read after the time, or whose
// payment the shop closed only then.
func unstuckInTime(run *Run) Fold {
	limit, timers, crowded := lateFrom(run), run.Header.System.Timers, crowdedOut(run)
	if timers.Expiry == 0 || boundAt(run, limit).open {
		return finished(Finding{})
	}
	return eachOrder(func(j *judging, story *Story) {
		if story.State() != history.OrderClosed || story.firstCapture() != nil ||
			lastTouched(run, story).Add(timers.Expiry+timers.Query) > limit.Add(-lateMargin) {
			return
		}
		j.Evaluated++
		at, evidence := story.endedAfter(limit)
		if at == 0 {
			return
		}
		j.Exercised++
		if crowded != "" {
			j.skip("an order ended only after the time to settle, "+crowded, story)
			return
		}
		violation := stuck(story, "ended only after the time to settle")
		violation.Until, violation.Evidence = at, append([]Evidence{evidence}, violation.Evidence...)
		violation.Detail = fmt.Sprintf("still pending at %s, and the time to settle was over at %s; %s", seconds(at), seconds(limit.Add(-lateMargin)), story.rowWords())
		j.fail(violation)
	})(run)
}

// endedAfter is when an order is known to have still waited, or to have had its payment closed, after a moment; 0 if it is not.
func (s *Story) endedAfter(limit history.Time) (at history.Time, evidence Evidence) {
	for _, row := range s.Earlier {
		if row.Begin > limit && row.Row.State == history.OrderPending {
			at, evidence = row.End, row.Evidence
		}
	}
	closedBefore := slices.ContainsFunc(s.Earlier, func(row EarlierRow) bool { return row.Row.State == history.OrderClosed && row.End <= limit }) || toldOver(s)
	for _, payment := range s.Payments {
		if payment.Closed != nil && payment.Closed.At > limit && !closedBefore {
			at, evidence = payment.Closed.At, recordOf(payment.Closed)
		}
	}
	return at, evidence
}
