package invariants

import (
	"fmt"

	"github.com/paystorm/paystorm/history"
	"github.com/paystorm/paystorm/money"
)

// forgedHasNoEffect is I8. A forged message that the shop answered exercises it. Acknowledging one is wrong only where
// it is not authentic: a message that is signed and not ours may be acknowledged and dropped. Having an effect is wrong
// for every forgery: after it was sent, the order counts as paid although the ledger has no capture yet, or as refunded
// although it has no refund.
func forgedHasNoEffect() Invariant {
	return Invariant{
		ID:        "I8",
		Name:      "forged messages have no effect",
		Statement: "An unauthenticated callback is not acknowledged, and no message changes anything that the ledger does not justify.",
		Clauses: []Clause{
			{
				Name: "an unauthenticated callback is not acknowledged", Judge: eachOrder(forgeriesRefused),
				Applies: func(run *Run) bool { return !run.Header.System.Legal.FetchOnPing },
			},
			{Name: "no buyer is told of a forgery's effect", Judge: eachOrder(forgeriesNotTold)},
			{
				Name: "no forgery has an effect in the books", Needs: []history.Table{history.TableOrders},
				Judge: eachOrder(forgeriesNotBooked),
			},
		},
	}
}

// forgeries are the forged messages of an order, in time order.
func forgeries(story *Story) []*Delivery {
	var found []*Delivery
	for _, delivery := range story.Deliveries {
		if delivery.Forgery != "" {
			found = append(found, delivery)
		}
	}
	return found
}

func forgeriesRefused(j *judging, story *Story) {
	for _, delivery := range forgeries(story) {
		j.Evaluated++
		j.Exercised += one(delivery.Outcome() != history.Unknown)
		if acknowledgedForgery(delivery) {
			j.fail(forgeryAcknowledged(story, delivery))
		}
	}
}

// forgeriesNotTold looks at what buyers were told.
func forgeriesNotTold(j *judging, story *Story) { j.forgeriesBelieved(story, false) }

// forgeriesNotBooked looks at what the books add to it.
func forgeriesNotBooked(j *judging, story *Story) { j.forgeriesBelieved(story, true) }

func (j *judging) forgeriesBelieved(story *Story, books bool) {
	forged := forgeries(story)
	for _, delivery := range forged {
		j.Evaluated++
		j.Exercised += one(delivery.Outcome() != history.Unknown)
	}
	if len(forged) == 0 {
		return
	}
	if violation, happened := forgeryBelieved(story, forged[0], books); happened {
		j.fail(violation)
	}
}

func acknowledgedForgery(delivery *Delivery) bool {
	switch delivery.Forgery {
	case history.ForgeryNoSignature, history.ForgeryWrongKey, history.ForgeryProbe:
		return delivery.Outcome() == history.OK
	default:
		return false
	}
}

func forgeryAcknowledged(story *Story, delivery *Delivery) Violation {
	return Violation{
		Pattern:  "an unauthenticated callback was acknowledged: " + delivery.Forgery,
		Order:    story.Order,
		Evidence: []Evidence{recordOf(delivery.Sent), recordOf(delivery.Answered)},
		Since:    delivery.Answered.At,
		Until:    delivery.Answered.At,
		Detail: fmt.Sprintf("%s %s, attempt %d, claiming %s, acknowledged with status %d at %s",
			delivery.Type, delivery.Notification, delivery.Attempt,
			money.Amount{Minor: delivery.Minor, Currency: delivery.Currency}, delivery.Answered.Status,
			seconds(delivery.Answered.At)),
	}
}

// sighting is the order seen in a state that the ledger does not justify.
type sighting struct {
	what     string
	evidence Evidence
}

// forgeryBelieved looks for the order counting as paid or refunded, after the first forged message, without the ledger: as
// buyers were told, or, where they were not, as the books have it.
func forgeryBelieved(story *Story, forged *Delivery, books bool) (Violation, bool) {
	sum, capture := story.balance(), story.firstCapture()
	violation := Violation{
		Order: story.Order, Bearer: BearerMerchant, Since: forged.Sent.At, Gross: story.Due(),
		Evidence: []Evidence{recordOf(forged.Sent)},
	}
	detail := fmt.Sprintf("a %s %s was sent at %s; ", forged.Forgery, forged.Type, seconds(forged.Sent.At))
	seen := toldPaidBefore(story, capture, forged.Sent.At)
	if books {
		if seen != nil {
			return Violation{}, false
		}
		seen = bookedPaidBefore(story, capture, forged.Sent.At)
	}
	if seen != nil {
		violation.Evidence = append(violation.Evidence, seen.evidence)
		violation.Pattern = "a forged message made an order count as paid"
		violation.Detail = detail + seen.what + ", and never captured"
		violation.Net = story.Due()
		if capture != nil {
			violation.Net.Minor, violation.Until = 0, capture.At
			violation.Detail = detail + seen.what + ", and captured only at " + seconds(capture.At)
			violation.Evidence = append(violation.Evidence, recordOf(capture))
		}
		return violation, true
	}
	refunded := books && story.Row != nil && story.Row.State == history.OrderRefunded
	if forged.Type == history.RefundSucceeded && refunded && sum.captured > 0 && sum.refunded+sum.pending == 0 {
		violation.Pattern = "a forged message made an order count as refunded"
		violation.Bearer, violation.Net, violation.Gross = BearerBuyer, sum.amount(sum.net()), sum.amount(sum.captured)
		violation.Detail = detail + sum.String() + "; " + story.rowWords()
		violation.Evidence = append(violation.Evidence, story.rowEvidence()...)
		return violation, true
	}
	return Violation{}, false
}

// withoutCapture says whether a moment lies after another one, and before any capture.
func withoutCapture(at, after history.Time, capture *history.Event) bool {
	return at > after && (capture == nil || at < capture.At)
}

// toldPaidBefore is the first time that a buyer was told paid, after the moment, with no capture before it.
func toldPaidBefore(story *Story, capture *history.Event, after history.Time) *sighting {
	for _, op := range story.Ops {
		if tellsPaid(op) && withoutCapture(op.Returned, after, capture) {
			return &sighting{"a buyer was told " + op.State + " at " + seconds(op.Returned), opRecord(op)}
		}
	}
	return nil
}

// bookedPaidBefore is the like of it in the books.
func bookedPaidBefore(story *Story, capture *history.Event, after history.Time) *sighting {
	for _, row := range story.Earlier {
		if effective(row.Row.State) && row.Begin > after && withoutCapture(row.End, after, capture) {
			return &sighting{"a checkpoint had it " + string(row.Row.State) + " at " + seconds(row.End), row.Evidence}
		}
	}
	if capture == nil && story.Row != nil && effective(story.Row.State) {
		return &sighting{story.rowWords() + " in the final books", story.RowSeq}
	}
	return nil
}

// tellsPaid says whether the shop told a buyer that the order is paid; what the channel answers is no word of the shop.
func tellsPaid(op *history.Op) bool {
	return op.Outcome == history.OK && op.Kind != history.OpPay && effective(history.OrderState(op.State))
}
