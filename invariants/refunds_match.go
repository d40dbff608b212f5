package invariants

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/paystorm/paystorm/history"
)

// refundsMatch is I3. An order with a refund at the channel or in the shop, or promised to a buyer, exercises it. The two sides are matched by
// the shop's refund number; one that the provider made by itself has none, and is matched by the channel's id or by its
// amount. A refund pending on both sides is held and listed; a broken one may come again under a new number.
func refundsMatch() Invariant {
	return Invariant{
		ID:        "I3",
		Name:      "refunds match",
		Statement: "Refunds of a payment never exceed what was captured; one effective refund per refund owed; the shop's refunds equal the channel's.",
		Clauses:   []Clause{{Name: "the refunds of both sides are the same", Needs: []history.Table{history.TableOrders, history.TableRefunds}, Judge: judgeRefundsMatch}},
	}
}

func judgeRefundsMatch(run *Run) Finding {
	bound, read := boundOf(run)
	found, skipped := Finding{}, reasons{}
	for _, story := range run.Stories {
		pairs := pairRefunds(story)
		promise := refundPromised(story)
		if len(pairs) == 0 && promise == nil && story.State() != history.OrderRefunded {
			found.Evaluated += one(story.firstCapture() != nil)
			continue
		}
		found.Evaluated++
		found.Exercised++
		found.Violations = append(found.Violations, overRefunded(story)...)
		if !read {
			continue
		}
		wrong := slices.Concat(refundedAndPaid(story), refundsApart(run, story, pairs, &found), refundForgotten(story, pairs, promise))
		if len(wrong) == 0 { // otherwise the refund that is apart tells it
			wrong = refundedInPart(story)
		}
		if excuse := bound.unsettledRefund(story); excuse != "" && len(wrong) > 0 {
			skipped.add(excuse, story)
			continue
		}
		found.Violations = append(found.Violations, wrong...)
	}
	found.Unjudged = skipped.lines()
	if !read {
		found.Unjudged = append(found.Unjudged, notRead().Unjudged...)
	}
	return found
}

// unsettledRefund says why refunds that differ cannot be held against the shop, or "" if they can.
func (b bound) unsettledRefund(story *Story) string {
	last := story.lastMove()
	if promise := refundPromised(story); promise != nil {
		last = max(last, promise.Returned)
	}
	for _, payment := range story.Payments {
		for _, refund := range payment.Refunds {
			last = max(last, refund.Created.At)
			if refund.Succeeded != nil {
				last = max(last, refund.Succeeded.At)
			}
		}
	}
	switch {
	case b.open:
		return "a fault stood until the books were read, and may have kept the two sides apart"
	case !b.over(last):
		return "the books were read less than the shop's longest timer after a refund last changed"
	default:
		return ""
	}
}

// refundPair is one refund as both sides have it; either may lack it, and the shop may have it more than once.
type refundPair struct {
	number  string
	channel *Refund
	shop    []history.RefundRow
}

// pairRefunds matches the two sides, sorted by number.
func pairRefunds(story *Story) []refundPair {
	var pairs []refundPair
	at := func(number string) *refundPair {
		i := slices.IndexFunc(pairs, func(p refundPair) bool { return p.number == number })
		if i < 0 {
			i = len(pairs)
			pairs = append(pairs, refundPair{number: number})
		}
		return &pairs[i]
	}
	var provider []*Refund
	for _, payment := range story.Payments {
		for _, refund := range payment.Refunds {
			if refund.MerchantRefund == "" {
				provider = append(provider, refund)
				continue
			}
			at(refund.MerchantRefund).channel = refund
		}
	}
	for _, row := range story.ShopRefunds {
		pair := at(row.MerchantRefund)
		pair.shop = append(pair.shop, row)
	}
	for i := range pairs {
		pairs[i].dropBroken()
	}
	for _, refund := range provider {
		i := bookedAs(refund, pairs)
		if i < 0 {
			i = len(pairs)
			pairs = append(pairs, refundPair{number: refund.ID})
		}
		pairs[i].channel = refund
	}
	slices.SortFunc(pairs, func(a, b refundPair) int { return cmp.Compare(a.number, b.number) })
	return pairs
}

// bookedAs finds what the shop has booked of a refund that the provider made by itself: under the channel's id, else by
// its amount and state, else by its amount; -1 if there is nothing.
func bookedAs(refund *Refund, pairs []refundPair) int {
	for _, fits := range []func(refundPair) bool{
		func(p refundPair) bool { return p.number == refund.ID },
		func(p refundPair) bool { return p.shop[0].Minor == refund.Minor && p.shop[0].State == refund.state() },
		func(p refundPair) bool { return p.shop[0].Minor == refund.Minor },
	} {
		if i := slices.IndexFunc(pairs, func(p refundPair) bool { return p.channel == nil && fits(p) }); i >= 0 {
			return i
		}
	}
	return -1
}

// dropBroken leaves the tries that came to nothing out, if another row of the number stands for the refund.
func (p *refundPair) dropBroken() {
	standing := slices.DeleteFunc(slices.Clone(p.shop), func(r history.RefundRow) bool { return r.State == history.RefundBroken })
	if len(standing) > 0 {
		p.shop = standing
	}
}

// state is the refund's at the channel.
func (r *Refund) state() string {
	switch {
	case r.Failed != nil:
		return history.RefundBroken
	case r.Succeeded != nil:
		return history.RefundDone
	default:
		return history.RefundPending
	}
}

// overRefunded finds payments that gave back more than they took.
func overRefunded(story *Story) []Violation {
	var found []Violation
	for _, payment := range story.Payments {
		given := payment.Refunded() + payment.RefundPending()
		if given <= payment.Captured() {
			continue
		}
		sum := story.balance()
		found = append(found, Violation{
			Pattern: "refunded more than was captured", Order: story.Order, Net: sum.amount(given - payment.Captured()),
			Gross: sum.amount(given), Bearer: BearerMerchant, Evidence: story.moneyEvidence(),
			Since: payment.Refunds[len(payment.Refunds)-1].Created.At,
			Detail: fmt.Sprintf("payment %s: captured %s, refunds of %s", payment.ID, sum.amount(payment.Captured()),
				sum.amount(given)),
		})
	}
	return found
}

// refundedAndPaid finds an order whose buyer has all the money back and, in the shop's eyes, has paid.
func refundedAndPaid(story *Story) []Violation {
	sum := story.balance()
	if story.State() != history.OrderPaid || sum.captured == 0 || sum.captured > sum.refunded {
		return nil
	}
	due := story.Due()
	return []Violation{{
		Pattern: "everything refunded at the channel, still paid in the shop", Order: story.Order, Net: due, Gross: due,
		Bearer: BearerMerchant, Evidence: append(story.moneyEvidence(), story.rowEvidence()...), Since: story.refundedSince(),
		Detail: sum.String() + "; " + story.rowWords(),
	}}
}

// refundedInPart finds an order that is refunded in the shop's eyes while the channel keeps some of the money. What the
// channel has accepted counts as given back.
func refundedInPart(story *Story) []Violation {
	sum := story.balance()
	if story.State() != history.OrderRefunded || sum.net() == 0 {
		return nil
	}
	return []Violation{story.owes("refunded in the shop, not in full at the channel")}
}

// refundPromised is the last request of the buyer for the money back that the shop accepted, or nil.
func refundPromised(story *Story) *history.Op {
	for _, op := range slices.Backward(story.Ops) {
		if op.Kind == history.OpRefund && op.Outcome == history.OK {
			return op
		}
	}
	return nil
}

// refundForgotten finds an accepted request of which there is no trace: no try at the channel, no row in the shop, and
// the order is as it was. A try that failed is a trace, for then the shop may have had to leave it at that.
func refundForgotten(story *Story, pairs []refundPair, promise *history.Op) []Violation {
	if promise == nil || len(pairs) > 0 || !effective(story.State()) || story.firstCapture() == nil {
		return nil
	}
	violation := story.owes("a refund was accepted from the buyer, and forgotten")
	violation.Since = promise.Returned
	violation.Evidence = append([]Evidence{opRecord(promise)}, violation.Evidence...)
	return []Violation{violation}
}

// refundedSince is when the order's last refund succeeded.
func (s *Story) refundedSince() history.Time {
	last := history.Time(0)
	for _, payment := range s.Payments {
		for _, refund := range payment.Refunds {
			if refund.Succeeded != nil {
				last = max(last, refund.Succeeded.At)
			}
		}
	}
	return last
}

// refundsApart compares the two sides, pair by pair. What is pending on both is listed in found.
func refundsApart(run *Run, story *Story, pairs []refundPair, found *Finding) []Violation {
	var wrong []Violation
	for _, pair := range pairs {
		pattern := pair.apart(story)
		if pattern != "" {
			wrong = append(wrong, pair.violation(run, story, pattern))
		} else if pair.pending() {
			found.Pending = append(found.Pending, fmt.Sprintf("%s: refund %s is still pending", story.label(), pair.number))
		}
	}
	return wrong
}

// pending says that the refund waits, on both sides, or for a person.
func (p refundPair) pending() bool {
	if p.channel != nil {
		return p.channel.state() == history.RefundPending
	}
	return p.shop[0].State == history.RefundPending
}

// apart says how the two sides of a refund differ, or "" if they do not.
func (p refundPair) apart(story *Story) string {
	switch {
	case p.channel == nil:
		return p.onlyInShop(story)
	case len(p.shop) == 0 && p.channel.state() == history.RefundBroken:
		return "" // no money moved, and the shop need not keep what came to nothing
	case len(p.shop) == 0:
		return "refunded at the channel, no refund in the shop"
	case len(p.shop) > 1:
		return "one refund at the channel, booked more than once in the shop"
	case p.shop[0].Minor != p.channel.Minor:
		return "refunded another amount at the channel than in the shop"
	case p.shop[0].Currency != "" && p.channel.Created.Currency != "" && p.shop[0].Currency != p.channel.Created.Currency:
		return "refunded in another currency at the channel than in the shop"
	}
	shop, channel := p.shop[0].State, p.channel.state()
	if shop == channel || !refundState(shop) {
		return ""
	}
	return fmt.Sprintf("refund %s at the channel, %s in the shop", channel, shop)
}

// onlyInShop judges a row that the channel knows nothing of. One that failed was refused there; one that waits in an
// order handed to a person is that person's.
func (p refundPair) onlyInShop(story *Story) string {
	for _, row := range p.shop {
		switch row.State {
		case history.RefundDone:
			return "refund booked in the shop, never made at the channel"
		case history.RefundPending:
			if story.State() != history.OrderReview {
				return "refund pending in the shop, never made at the channel"
			}
		}
	}
	return ""
}

// refundState says whether the text is one of the canonical states; another cannot be compared.
func refundState(state string) bool {
	return state == history.RefundPending || state == history.RefundDone || state == history.RefundBroken
}

// violation counts as missing what the buyer has not got and the shop believes given, or the other way round.
func (p refundPair) violation(run *Run, story *Story, pattern string) Violation {
	sum := story.balance()
	shop, channel, since := int64(0), int64(0), story.lastMove()
	words := "no refund at the channel"
	var evidence []Evidence
	if p.channel != nil {
		since = p.channel.Created.At
		evidence = append(evidence, recordOf(p.channel.Created))
		if p.channel.state() != history.RefundBroken {
			channel = p.channel.Minor
		}
		words = fmt.Sprintf("%s %s at the channel", sum.amount(p.channel.Minor), p.channel.state())
	}
	in := "no refund in the shop"
	for i, row := range p.shop {
		evidence = append(evidence, readingEvidence(run.Final)+Evidence("/refunds/"+row.MerchantRefund))
		if row.State != history.RefundBroken {
			shop += row.Minor
		}
		if i == 0 {
			in = fmt.Sprintf("%s %s in the shop", sum.amount(row.Minor), row.State)
		}
	}
	if len(p.shop) > 1 {
		in += fmt.Sprintf(", %d rows", len(p.shop))
	}
	violation := Violation{
		Pattern: pattern, Order: story.Order, Net: sum.amount(max(shop-channel, channel-shop)), Gross: sum.amount(max(shop, channel)),
		Bearer: BearerMerchant, Evidence: append(evidence, story.rowEvidence()...), Since: since,
		Detail: fmt.Sprintf("refund %s: %s, %s", p.number, words, in),
	}
	if shop > channel {
		violation.Bearer = BearerBuyer
		violation.Net.Minor = min(violation.Net.Minor, sum.net())
	}
	return violation
}
