package invariants

import (
	"fmt"
	"time"

	"github.com/paystorm/paystorm/history"
)

// tellMargin is how long after an acknowledgement, and the time that the shop declares for applying what it has
// acknowledged, a buyer may still be told what was true before.
const tellMargin = 500 * time.Millisecond

// ackSurvives is I11. Every acknowledged genuine success is compared with each later reading of the books: the order
// counts as paid, or the money is on its way back, or the notification is stored. It is exercised by an acknowledgement
// after which a process died or a checkpoint was read, and by one that followed a failed attempt of the same message,
// because there the shop could have acknowledged what it had not done. Buyers show it too: who looks after the
// acknowledgement is not told that the order is pending, even if the shop's own query mends it a second later.
//
// A checkpoint proves a loss even of a run that was cut off; that nothing was lost needs the books at rest.
//
// The other way round, a shop that goes on refusing, after heal, a success that it has long worked off makes the
// channel deliver for ever. So does one that refuses every message that comes again.
func ackSurvives() Invariant {
	orders := []history.Table{history.TableOrders}
	return Invariant{
		ID:        "I11",
		Name:      "an acknowledgement survives",
		Statement: "What was acknowledged is done or stored and survives a crash; a failed handling is not acknowledged; after heal, what is done is acknowledged.",
		Clauses: []Clause{
			{
				Name: "no buyer is told pending after an acknowledgement", Judge: notToldPending,
				Applies: func(run *Run) bool { return !run.Header.System.Legal.StaleReads },
			},
			{Name: "the books have what was acknowledged", Needs: orders, Judge: acksBooked},
			{Name: "what is done is acknowledged after heal", Needs: orders, AfterSettle: true, Judge: eachOrder(doneAcknowledged)},
			{Name: "what was acknowledged is acknowledged again", Judge: repeatsAcknowledged},
		},
	}
}

func doneAcknowledged(j *judging, story *Story) {
	j.Evaluated += one(effective(story.State()) && len(story.Captured()) == 1)
	if violation, refused := refusedForEver(j.run, story); refused {
		j.Exercised++
		j.fail(violation)
	}
}

// acknowledgements are the genuine successes of an order that the shop confirmed.
func acknowledgements(story *Story) []*Delivery {
	var found []*Delivery
	for _, delivery := range story.Deliveries {
		if delivery.genuineSuccess() && delivery.Outcome() == history.OK {
			found = append(found, delivery)
		}
	}
	return found
}

// notToldPending finds, for each order, the first acknowledgement after which its buyer was told pending. What the books
// miss too is told there.
func notToldPending(run *Run) Fold {
	snapshots := snapshotsOf(run)
	unread := run.Final != nil && !run.Has(history.TableOrders)
	return eachOrder(func(j *judging, story *Story) {
		acknowledged := acknowledgements(story)
		j.Evaluated += len(acknowledged)
		for _, delivery := range acknowledged {
			violation, told := toldPendingAfter(run, story, delivery)
			if !told {
				continue
			}
			j.Exercised++
			if lost, _ := lostAfterAck(run, story, snapshots, 0); lost == nil || unread {
				j.fail(violation)
			}
			return
		}
	})(run)
}

func acksBooked(run *Run) Fold {
	snapshots, dies := snapshotsOf(run), lastDeath(run)
	law := eachOrder(func(j *judging, story *Story) {
		j.Evaluated += len(acknowledgements(story))
		lost, tempted := lostAfterAck(run, story, snapshots, dies)
		j.Exercised += tempted
		if lost != nil {
			j.fail(*lost)
		}
	})
	return law.unless(func(*Run) []string {
		if run.Has(history.TableOrders) {
			return nil
		}
		return notRead().Unjudged
	})(run)
}

// lostAfterAck is the first acknowledgement of an order that a later reading of the books belies, and how many there are of
// which that could be said: after which a process died or a checkpoint was read, or before which an attempt had failed.
func lostAfterAck(run *Run, story *Story, snapshots []snapshot, dies history.Time) (lost *Violation, exercised int) {
	for _, delivery := range acknowledgements(story) {
		due := delivery.Answered.At.Add(run.Header.System.Timers.Apply)
		tempted := dies > delivery.Answered.At || failedBefore(story, delivery)
		for _, snap := range snapshots {
			if snap.begin < due {
				continue
			}
			tempted = tempted || !snap.final
			if pattern := snap.misses(story, delivery); pattern != "" && lost == nil {
				violation := acknowledgedInVain(story, delivery, snap, pattern)
				lost, tempted = &violation, true
			}
		}
		exercised += one(tempted)
	}
	return lost, exercised
}

// toldPendingAfter finds a buyer who looked after a success had been acknowledged, and after the time that the shop
// declares for applying it, and was told that the order is pending: whatever the books say by the end, what was
// acknowledged was neither done nor of use to the buyer. A shop that acknowledges into a queue declares how long that takes.
func toldPendingAfter(run *Run, story *Story, delivery *Delivery) (Violation, bool) {
	due := delivery.Answered.At.Add(run.Header.System.Timers.Apply + tellMargin)
	if mismatched(story, delivery) {
		return Violation{}, false
	}
	for _, op := range story.Ops {
		reads := op.Kind == history.OpLook || op.Kind == history.OpPoll
		if !reads || op.Outcome != history.OK || op.State != string(history.OrderPending) || op.Called <= due {
			continue
		}
		sum := story.balance()
		return Violation{
			Pattern: "a success was acknowledged, and the buyer was told pending after it", Order: story.Order,
			Gross: sum.amount(sum.captured), Net: sum.amount(0), Bearer: BearerBuyer, Since: delivery.Answered.At,
			Evidence: []Evidence{recordOf(delivery.Sent), recordOf(delivery.Answered), opRecord(op)},
			Detail: fmt.Sprintf("notification %s acknowledged at %s; told pending at %s; %s", delivery.Notification,
				seconds(delivery.Answered.At), seconds(op.Returned), story.rowWords()),
		}, true
	}
	return Violation{}, false
}

// lastDeath is when a process of the shop last died, 0 if none did.
func lastDeath(run *Run) history.Time {
	last := history.Time(0)
	for event := range each(run.Events) {
		if event.Kind == history.NodeKilled || event.Kind == history.NodeExited {
			last = event.At
		}
	}
	return last
}

// failedBefore says whether an earlier attempt of the same message was refused or left open.
func failedBefore(story *Story, acknowledged *Delivery) bool {
	for _, delivery := range story.Deliveries {
		if delivery.Notification == acknowledged.Notification && delivery.Forgery == "" && delivery.Sent.At < acknowledged.Sent.At && delivery.Outcome() != history.OK {
			return true
		}
	}
	return false
}

// snapshot is one reading of the books, by order.
type snapshot struct {
	begin    history.Time
	final    bool
	hasRefs  bool // the refunds were read
	evidence Evidence
	orders   map[string]*history.OrderRow
	refunds  map[string]bool
	inbox    map[string]bool
}

func snapshotsOf(run *Run) []snapshot {
	var snapshots []snapshot
	for i := range run.Checkpoints {
		if run.Checkpoints[i].Has(history.TableOrders) {
			snapshots = append(snapshots, snapshotOf(&run.Checkpoints[i], false))
		}
	}
	if run.Has(history.TableOrders) {
		snapshots = append(snapshots, snapshotOf(run.Final, true))
	}
	return snapshots
}

func snapshotOf(reading *history.Reading, final bool) snapshot {
	snap := snapshot{
		begin: reading.Begin, final: final, hasRefs: reading.Has(history.TableRefunds), evidence: readingEvidence(reading),
		orders: map[string]*history.OrderRow{}, refunds: map[string]bool{}, inbox: map[string]bool{},
	}
	for i := range reading.Books.Orders {
		snap.orders[reading.Books.Orders[i].Order] = &reading.Books.Orders[i]
	}
	for _, refund := range reading.Books.Refunds {
		snap.refunds[refund.Order] = true
	}
	for _, stored := range reading.Books.Inbox {
		snap.inbox[stored.Notification] = true
	}
	return snap
}

// misses says what the snapshot lacks of an acknowledged success, or "" if it lacks nothing. A closed order with a
// refund, in the books or at the channel, has digested a success that came late; a capture of another amount than was
// asked for is judged where amounts are compared.
func (s snapshot) misses(story *Story, delivery *Delivery) string {
	if s.inbox[delivery.Notification] || mismatched(story, delivery) {
		return ""
	}
	row := s.orders[story.Order]
	switch {
	case row == nil:
		return "a success was acknowledged, and the shop has no such order"
	case reflects(row.State):
		return ""
	case row.State != history.OrderClosed:
		return "a success was acknowledged, and the order is still pending"
	case s.refunds[story.Order] || hasRefund(story):
		return ""
	case !s.final && (!s.hasRefs || (story.Row != nil && reflects(story.Row.State))):
		return "" // it was kept somewhere that this reading does not show
	default:
		return "a success was acknowledged, and the order is closed without a refund"
	}
}

func mismatched(story *Story, delivery *Delivery) bool {
	for _, payment := range story.Payments {
		if payment.ID == delivery.Payment {
			return payment.Captured() != payment.Minor
		}
	}
	return true
}

func hasRefund(story *Story) bool {
	for _, payment := range story.Payments {
		if len(payment.Refunds) > 0 {
			return true
		}
	}
	return false
}

func acknowledgedInVain(story *Story, delivery *Delivery, snap snapshot, pattern string) Violation {
	sum := story.balance()
	violation := Violation{
		Pattern: pattern, Order: story.Order, Gross: sum.amount(sum.captured), Net: sum.amount(0),
		Bearer: BearerBuyer, Since: delivery.Answered.At,
		Evidence: []Evidence{
			recordOf(delivery.Sent), recordOf(delivery.Answered), snap.evidence + Evidence("/orders/"+story.Order),
		},
	}
	if story.Row == nil || !reflects(story.Row.State) {
		violation.Net = sum.amount(sum.net())
	}
	state := "absent"
	if row := snap.orders[story.Order]; row != nil {
		state = string(row.State)
	}
	violation.Detail = fmt.Sprintf("notification %s, attempt %d, acknowledged at %s; order %s in the books read at %s; %s",
		delivery.Notification, delivery.Attempt, seconds(delivery.Answered.At), state, seconds(snap.begin), sum)
	return violation
}

// refusedForEver finds a success of an order that the shop is known to hold paid, and of which the shop refused every
// attempt since: at least two after heal, so that a moment's trouble or a first attempt still in work are not taken for
// a rule. Only the success of an order's one capture counts: that of an extra payment is another matter.
func refusedForEver(run *Run, story *Story) (Violation, bool) {
	if run.SettleBegin == 0 || story.Row == nil || !effective(story.Row.State) || len(story.Captured()) != 1 {
		return Violation{}, false
	}
	since := max(run.SettleBegin, story.paidSince())
	refused := map[string][]*Delivery{}
	accepted := map[string]bool{}
	var order []string
	for _, delivery := range story.Deliveries {
		name := delivery.Notification
		if !delivery.genuineSuccess() || delivery.Sent.At < since || accepted[name] || mismatched(story, delivery) {
			continue
		}
		if delivery.Outcome() != history.Refused || delivery.Answered.Status == 0 {
			accepted[name] = true // acknowledged, or nothing is known of it
			continue
		}
		if len(refused[name]) == 0 {
			order = append(order, name)
		}
		refused[name] = append(refused[name], delivery)
	}
	for _, name := range order {
		attempts := refused[name]
		if accepted[name] || len(attempts) < 2 {
			continue
		}
		last := attempts[len(attempts)-1]
		violation := Violation{
			Pattern: "a success that is done is refused again and again after heal", Order: story.Order,
			Since: attempts[0].Answered.At, Until: last.Answered.At,
			Detail: fmt.Sprintf("notification %s refused %d times after heal, the last time with status %d at %s; %s",
				name, len(attempts), last.Answered.Status, seconds(last.Answered.At), story.rowWords()),
			Evidence: story.rowEvidence(),
		}
		for _, attempt := range attempts {
			violation.Evidence = append(violation.Evidence, recordOf(attempt.Answered))
		}
		return violation, true
	}
	return Violation{}, false
}
