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
		Clauses:   []Clause{{Name: "a forgery has no effect and no acknowledgement", Needs: []history.Table{history.TableOrders}, Judge: judgeForgedHasNoEffect}},
	}
}

func judgeForgedHasNoEffect(run *Run) Finding {
	found := Finding{}
	for _, story := range run.Stories {
		var first *Delivery
		for _, delivery := range story.Deliveries {
			if delivery.Forgery == "" {
				continue
			}
			found.Evaluated++
			if delivery.Outcome() != history.Unknown {
				found.Exercised++
			}
			if first == nil {
				first = delivery
			}
			if acknowledgedForgery(delivery) && !run.Header.System.Legal.FetchOnPing {
				found.Violations = append(found.Violations, forgeryAcknowledged(story, delivery))
			}
		}
		if first == nil {
			continue
		}
		if violation, happened := forgeryBelieved(story, first); happened {
			found.Violations = append(found.Violations, violation)
		}
	}
	return found
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

// forgeryBelieved looks for the order counting as paid or refunded, after the first forged message, without the ledger.
func forgeryBelieved(story *Story, forged *Delivery) (Violation, bool) {
	sum, capture := story.balance(), story.firstCapture()
	violation := Violation{
		Order: story.Order, Bearer: BearerMerchant, Since: forged.Sent.At, Gross: story.Due(),
		Evidence: []Evidence{recordOf(forged.Sent)},
	}
	detail := fmt.Sprintf("a %s %s was sent at %s; ", forged.Forgery, forged.Type, seconds(forged.Sent.At))
	if seen := paidBefore(story, capture, forged.Sent.At); seen != nil {
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
	refunded := story.Row != nil && story.Row.State == history.OrderRefunded
	if forged.Type == history.RefundSucceeded && refunded && sum.captured > 0 && sum.refunded+sum.pending == 0 {
		violation.Pattern = "a forged message made an order count as refunded"
		violation.Bearer, violation.Net, violation.Gross = BearerBuyer, sum.amount(sum.net()), sum.amount(sum.captured)
		violation.Detail = detail + sum.String() + "; " + story.rowWords()
		violation.Evidence = append(violation.Evidence, story.rowEvidence()...)
		return violation, true
	}
	return Violation{}, false
}

// paidBefore is the first sight of the order as paid, after the moment, with no capture before it.
func paidBefore(story *Story, capture *history.Event, after history.Time) *sighting {
	uncaptured := func(at history.Time) bool { return at > after && (capture == nil || at < capture.At) }
	for _, op := range story.Ops {
		if tellsPaid(op) && uncaptured(op.Returned) {
			return &sighting{"a buyer was told " + op.State + " at " + seconds(op.Returned), opRecord(op)}
		}
	}
	for _, row := range story.Earlier {
		if effective(row.Row.State) && row.Begin > after && uncaptured(row.End) {
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
