package invariants

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/paystorm/paystorm/history"
	"github.com/paystorm/paystorm/money"
)

// refundsMatch is I3. An order with a refund at the channel or in the shop, or promised to a buyer, exercises it. The two sides
// are matched by the shop's refund number within its payment; one that the provider made by itself has none, and is matched by the
// channel's id or by its amount. A refund pending on both sides is held and listed; a broken one may come again under a new number.
func refundsMatch() Invariant {
	orders, refunds := history.TableOrders, history.TableRefunds
	return Invariant{
		ID:        "I3",
		Name:      "refunds match",
		Statement: "Refunds of a payment never exceed what was captured; one effective refund per refund owed; the shop's refunds equal the channel's.",
		Clauses: []Clause{
			{Name: "no payment gives back more than it took", Judge: eachOrder(notOverRefunded)},
			{Name: "refunds are those that were asked for", Needs: []history.Table{orders}, AfterSettle: true, Judge: eachSettled(wishesKept)},
			{Name: "and made in the time to settle", Needs: []history.Table{orders}, AfterSettle: true, Applies: readLate, Judge: promisesInTime},
			{Name: "an order is refunded in the shop if it is at the channel", Needs: []history.Table{orders}, Judge: eachSettled(refundedAlike)},
			{Name: "the shop's refunds are the channel's", Needs: []history.Table{orders, refunds}, Judge: eachSettled(refundRowsAlike)},
		},
	}
}

func notOverRefunded(j *judging, story *Story) {
	j.Evaluated += one(story.firstCapture() != nil)
	j.Exercised += one(hasRefund(story))
	j.fail(overRefunded(story)...)
}

// refundedAlike compares the order's state with its money.
func refundedAlike(j *judging, story *Story) {
	j.Evaluated += one(story.firstCapture() != nil)
	if !hasRefund(story) && story.State() != history.OrderRefunded && len(story.ShopRefunds) == 0 {
		return
	}
	j.Exercised++
	wrong := refundedAndPaid(story)
	told := j.run.Has(history.TableRefunds) && refundsDiffer(story) // by the refund that is apart
	if len(wrong) == 0 && !told {
		wrong = refundedInPart(story)
	}
	j.failRefunds(story, wrong...)
}

// refundsDiffer says that some refund is not the same on both sides.
func refundsDiffer(story *Story) bool {
	return slices.ContainsFunc(pairRefunds(story), func(p refundPair) bool { return p.apart(story) != "" })
}

// refundRowsAlike compares the two sides, refund by refund.
func refundRowsAlike(j *judging, story *Story) {
	j.Evaluated += one(story.firstCapture() != nil)
	pairs := pairRefunds(story)
	if len(pairs) == 0 {
		return
	}
	j.Exercised++
	if slices.ContainsFunc(story.ShopRefunds, func(r history.RefundRow) bool { return !refundState(r.State) }) {
		j.unclear.add("a refund is in a state that is none of pending, succeeded and failed", story)
	}
	j.failRefunds(story, append(refundsApart(j, story, pairs), refundsOfOthers(j.run, story)...)...)
}

// refundsOfOthers finds rows that name a payment which the channel has for another order.
func refundsOfOthers(run *Run, story *Story) []Violation {
	var wrong []Violation
	for _, row := range story.ShopRefunds {
		payment := run.index.byPayment[row.Payment]
		if row.Payment == "" || payment == nil || row.Order == "" {
			continue
		}
		order := run.index.orderNumber(payment.Created.Order, payment.Created.Ref)
		if order == story.Order || run.index.byOrder[order] == nil {
			continue
		}
		amount := money.Amount{Minor: row.Minor, Currency: cmp.Or(row.Currency, payment.Currency)}
		wrong = append(wrong, Violation{
			Pattern: "refund booked of another order's payment", Order: story.Order, Net: story.balance().amount(0), Gross: amount,
			Evidence: []Evidence{rowOf(run, history.TableRefunds, row.MerchantRefund), recordOf(payment.Created)}, Since: run.Final.Begin,
			Detail: fmt.Sprintf("refund %s: %s of payment %s, which is of order %s", row.MerchantRefund, amount, row.Payment, order),
		})
	}
	return wrong
}

// failRefunds adds violations of an order whose refunds have had their time. What is excused is counted by its reason.
func (j *judging) failRefunds(story *Story, wrong ...Violation) {
	if excuse := j.bound.unsettledRefund(story); excuse != "" && len(wrong) > 0 {
		j.skip(excuse, story)
		return
	}
	j.fail(wrong...)
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
	payment string // of the channel's; "" if it has none
	shop    []history.RefundRow
	again   bool // the channel has no such refund, and one of the same amount that the shop has too
}

// pairRefunds matches the two sides, sorted by number. A number is unique within its payment, at some providers within that alone.
func pairRefunds(story *Story) []refundPair {
	var pairs, provider []refundPair
	for _, payment := range story.Payments {
		for _, refund := range payment.Refunds {
			pair := refundPair{number: refund.MerchantRefund, channel: refund, payment: payment.ID}
			if pair.number == "" {
				pair.number = refund.ID
				provider = append(provider, pair)
				continue
			}
			if i := slices.IndexFunc(pairs, pair.repeats); i >= 0 {
				pairs[i] = pair
				continue
			}
			pairs = append(pairs, pair)
		}
	}
	for _, row := range story.ShopRefunds {
		at := story.pairOf(pairs, row)
		if at < 0 {
			at = len(pairs)
			pairs = append(pairs, refundPair{number: row.MerchantRefund})
		}
		pairs[at].shop = append(pairs[at].shop, row)
	}
	for i := range pairs {
		pairs[i].dropBroken()
	}
	for _, made := range provider {
		if i := bookedAs(made.channel, pairs); i >= 0 {
			pairs[i].channel, pairs[i].payment = made.channel, made.payment
			continue
		}
		pairs = append(pairs, made)
	}
	for i := range pairs {
		pairs[i].again = pairs[i].channel == nil && slices.ContainsFunc(pairs, func(p refundPair) bool {
			return p.channel != nil && len(p.shop) > 0 && p.channel.Minor == pairs[i].shop[0].Minor
		})
	}
	slices.SortStableFunc(pairs, func(a, b refundPair) int {
		return cmp.Or(cmp.Compare(a.number, b.number), cmp.Compare(a.payment, b.payment))
	})
	return pairs
}

// repeats says whether the refund was asked for again under the number of one that came to nothing, as providers want it who
// forget those that failed.
func (p refundPair) repeats(earlier refundPair) bool {
	return earlier.number == p.number && earlier.payment == p.payment && earlier.channel.state() == history.RefundBroken
}

// pairOf is where a row of the shop's belongs: to the refund of its number and payment; where it names no payment that the
// channel knows, to the first of its number that has no row yet. A row without a number is a refund of its own.
func (s *Story) pairOf(pairs []refundPair, row history.RefundRow) int {
	if row.MerchantRefund == "" {
		return -1
	}
	known := slices.ContainsFunc(s.Payments, func(p *Payment) bool { return p.ID == row.Payment })
	first := -1
	for i, pair := range pairs {
		switch {
		case pair.number != row.MerchantRefund:
		case pair.channel == nil, pair.payment == row.Payment:
			return i
		case known: // of another payment
		case first < 0, len(pairs[first].shop) > 0 && len(pair.shop) == 0:
			first = i
		}
	}
	return first
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
	if story.State() != history.OrderRefunded || sum.net() == 0 || story.partWasWished() {
		return nil
	}
	return []Violation{story.owes("refunded in the shop, not in full at the channel")}
}

// partWasWished says that nobody asked for all of the money, and that what was asked for is back or on its way.
func (s *Story) partWasWished() bool {
	wishes, sum := s.wishes(), s.balance()
	part := len(wishes) > 0 && !slices.ContainsFunc(wishes, func(w wish) bool { return w.all })
	return part && sum.refunded+sum.pending >= s.extra()+wished(wishes, sum.captured-s.extra(), func(wish) bool { return true })
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

// refundsApart compares the two sides, pair by pair. What is pending on both is listed.
func refundsApart(j *judging, story *Story, pairs []refundPair) []Violation {
	var wrong []Violation
	for _, pair := range pairs {
		pattern := pair.apart(story)
		if pattern != "" {
			wrong = append(wrong, pair.violation(j.run, story, pattern))
		} else if pair.pending() {
			j.look(fmt.Sprintf("%s: refund %s is still pending", story.label(), pair.number))
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
	case differentCurrency(p.shop[0].Currency, p.channel.Created.Currency):
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
			if p.again {
				return "one refund at the channel, booked more than once in the shop"
			}
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
	switch {
	case p.again || len(p.shop) > 1: // the money moved once; only the books tell it twice
		violation.Bearer, violation.Net.Minor = BearerNone, 0
	case shop > channel:
		violation.Bearer = BearerBuyer
		violation.Net.Minor = min(violation.Net.Minor, sum.net())
	}
	return violation
}
