package invariants

import (
	"fmt"
	"slices"

	"github.com/paystorm/paystorm/history"
	"github.com/paystorm/paystorm/money"
)

// wish is a refund that the buyer, or a clerk, asked the shop for. Asked again it is the same one.
type wish struct {
	number   int
	minor    int64 // of the order's currency; all marks one for everything that is left
	all      bool
	accepted *history.Op // the last answer that accepted it; nil if none did, and what became of it is unknown
	last     *history.Op
}

// promised says that the shop accepted it.
func (w wish) promised() bool { return w.accepted != nil }

// wishes are the order's, without those that the shop has refused every time.
func (s *Story) wishes() []wish {
	var all []wish
	for _, op := range s.Ops {
		if op.Kind != history.OpRefund || op.Outcome == history.Refused {
			continue
		}
		at := slices.IndexFunc(all, func(w wish) bool { return w.number == op.Wish })
		if at < 0 {
			at = len(all)
			all = append(all, wish{number: op.Wish})
		}
		w := &all[at]
		w.minor, w.all, w.last = max(w.minor, op.Minor), w.all || op.Minor == 0, op
		if op.Outcome == history.OK {
			w.accepted = op
		}
	}
	return all
}

// wished is what wishes come to together, of an order that was paid so much for.
func wished(wishes []wish, captured int64, counts func(wish) bool) int64 {
	sum := int64(0)
	for _, w := range wishes {
		switch {
		case !counts(w):
		case w.all:
			return captured
		default:
			sum += w.minor
		}
	}
	return min(sum, captured)
}

// wishesKept holds refunds against what was asked for. A shop that keeps an order may give back what was wished, what was captured
// beyond what is due, and what the provider takes by itself; what it has accepted it owes. How much of an order that it gives up
// goes back is judged where late, wrong and extra money is.
func wishesKept(j *judging, story *Story) {
	j.Evaluated += one(story.firstCapture() != nil)
	wishes := story.wishes()
	if len(wishes) == 0 && !hasRefund(story) {
		return
	}
	j.Exercised++
	violation, unasked := refundedUnasked(story, wishes)
	switch {
	case !unasked && story.failureBooked():
		j.look(story.label() + ": a refund was accepted from the buyer and failed, and waits for a person")
	case !unasked:
		forgotten := refundForgotten(story, wishes, j.run.Has(history.TableRefunds))
		if len(forgotten) > 0 && story.refundFailed() && !j.run.Has(history.TableRefunds) {
			j.unclear.add("a refund was accepted from the buyer and failed, and the shop's refunds, which may say so, were not read", story)
			return
		}
		j.failRefunds(story, forgotten...)
	case len(refundedAndPaid(story)) > 0: // which tells more
	default:
		j.failRefunds(story, violation)
	}
}

// refundedUnasked finds an order of which more went back than anybody asked for.
func refundedUnasked(story *Story, wishes []wish) (Violation, bool) {
	sum, due := story.balance(), story.Due()
	given, own := sum.refunded+sum.pending, int64(0)
	for _, payment := range story.Payments {
		for _, refund := range payment.Refunds {
			if refund.MerchantRefund == "" && refund.Failed == nil { // the provider's own act, or a dispute
				own += refund.Minor
			}
		}
	}
	asked := wished(wishes, sum.captured, func(wish) bool { return true })
	allowed := asked + own + max(0, sum.captured-due.Minor) + story.terms.costOf(story.Ended).Minor
	keeps := effective(story.State())
	// An order that was sold, and of which a part alone was asked for, has no other reason to end with everything given back.
	gaveUp := story.State() == history.OrderRefunded && len(wishes) > 0 && asked < sum.captured && story.wasBought() && !story.calledOff()
	if given <= allowed || !keeps && !gaveUp {
		return Violation{}, false
	}
	violation := Violation{
		Pattern: "refunded more than was asked for", Order: story.Order, Net: sum.amount(given - allowed), Gross: sum.amount(given),
		Bearer: BearerMerchant, Evidence: append(story.moneyEvidence(), story.rowEvidence()...), Since: story.lastRefund(),
		Detail: fmt.Sprintf("asked for %s in %s; %s; %s", sum.amount(asked), countOf(len(wishes), "wish"), sum, story.rowWords()),
	}
	if len(wishes) == 0 {
		violation.Pattern = "refunded, and nobody asked for it"
	}
	for _, w := range wishes {
		violation.Evidence = append(violation.Evidence, opRecord(w.last))
	}
	return violation, true
}

// calledOff says that the buyer cancelled, or was told that the order is over.
func (s *Story) calledOff() bool {
	return slices.ContainsFunc(s.Ops, func(op *history.Op) bool {
		return tellsClosed(op) || op.Kind == history.OpCancel && op.Outcome != history.Refused
	})
}

// refundForgotten finds wishes that the shop accepted and did not see to, although none of its requests for a refund was refused or is
// under way: then the shop may have had to leave it at that, or goes on. A refund that failed at the channel is to be made again, or
// handed to a person.
//
// What was captured beyond what is due was owed before anybody wished: giving that back is no answer to a wish. Where the refunds were
// read and the order has none, nobody sees to one that the channel refused.
func refundForgotten(story *Story, wishes []wish, read bool) []Violation {
	sum := story.balance()
	promised, given := wished(wishes, sum.captured, wish.promised), max(0, sum.refunded+sum.pending-story.extra())
	troubled := story.refundTroubled() && (len(story.ShopRefunds) > 0 || !read)
	if promised <= given || !effective(story.State()) || story.firstCapture() == nil || troubled {
		return nil
	}
	violation := story.owes("a refund was accepted from the buyer, and forgotten")
	if story.refundFailed() {
		violation.Pattern = "a refund was accepted from the buyer, failed at the channel, and was not made again"
	}
	if given > 0 {
		violation.Pattern = "a refund was accepted from the buyer, and made in part"
	}
	violation.Net = money.Amount{Minor: min(promised-given, sum.net()), Currency: sum.currency}
	for _, w := range wishes {
		if w.promised() {
			violation.Since = w.accepted.Returned
			violation.Evidence = append([]Evidence{opRecord(w.accepted)}, violation.Evidence...)
		}
	}
	violation.Detail = fmt.Sprintf("promised %s; %s", sum.amount(promised), violation.Detail)
	return []Violation{violation}
}

// extra is what was captured beyond what is due.
func (s *Story) extra() int64 { return max(0, s.balance().captured-s.Due().Minor) }

// refundFailed says that a refund of the order failed at the channel.
func (s *Story) refundFailed() bool {
	return slices.ContainsFunc(s.Payments, func(p *Payment) bool {
		return slices.ContainsFunc(p.Refunds, func(r *Refund) bool { return r.Failed != nil })
	})
}

// failureBooked says that what the order's buyer was promised and has not got failed at the channel or was refused there, that the shop's
// refunds say so, and that none is to come: then it is a person's to see to, as an order in review is.
func (s *Story) failureBooked() bool {
	sum := s.balance()
	owed := wished(s.wishes(), sum.captured, wish.promised) > sum.refunded+sum.pending
	refused := slices.ContainsFunc(s.Requests, func(e *history.Event) bool { return e.State == "refund" && e.Outcome == history.Refused })
	return effective(s.State()) && owed && !s.refundBooked(history.RefundPending) && slices.ContainsFunc(pairRefunds(s), func(p refundPair) bool {
		failed := p.channel == nil && refused || p.channel != nil && p.channel.state() == history.RefundBroken
		return failed && slices.ContainsFunc(p.shop, func(r history.RefundRow) bool { return r.State == history.RefundBroken })
	})
}

// refundBooked says that the shop has a refund of the order in a state.
func (s *Story) refundBooked(state string) bool {
	return slices.ContainsFunc(s.ShopRefunds, func(r history.RefundRow) bool { return r.State == state })
}

// refundTroubled says that the channel refused a refund of the order or left its request without an answer, or that the
// shop still means to make one. That it failed in the shop's books alone is its word, and no trouble.
func (s *Story) refundTroubled() bool {
	refused := slices.ContainsFunc(s.Requests, func(e *history.Event) bool { return e.State == "refund" && e.Outcome != history.OK })
	return refused || s.refundBooked(history.RefundPending)
}

// lastRefund is when the last refund that stands was made.
func (s *Story) lastRefund() history.Time {
	last := history.Time(0)
	for _, payment := range s.Payments {
		for _, refund := range payment.Refunds {
			if refund.Failed == nil {
				last = max(last, refund.Created.At)
			}
		}
	}
	return last
}
