package invariants

import (
	"fmt"
	"slices"
	"time"

	"github.com/paystorm/paystorm/history"
)

// bound is when liveness may be judged: the final books, and what stood between them and a shop that does its duty.
type bound struct {
	begin   history.Time // of the final reading
	longest time.Duration
	// open says that a fault still stood when the books were read, as `until: books` makes it. What a shop could not
	// learn or do behind it is not held against the shop.
	open bool
}

// boundOf is the bound of how orders ended. Where the final reading does not hold them it is zero: nothing can be said then.
func boundOf(run *Run) bound {
	if !run.Has(history.TableOrders) {
		return bound{}
	}
	return atRest(run)
}

// atRest is the bound for what needs no orders. The run has a final reading.
func atRest(run *Run) bound { return boundAt(run, run.Final.Begin) }

// boundAt is the bound of books that were read from a moment on.
func boundAt(run *Run, begin history.Time) bound {
	b := bound{begin: begin, longest: run.Header.System.Timers.Longest()}
	standing := map[string]bool{}
	for event := range each(run.Events) {
		if event.At > b.begin {
			break
		}
		switch event.Kind {
		case history.FaultBegin:
			standing[event.Fault] = true
		case history.FaultEnd:
			delete(standing, event.Fault)
		}
	}
	for _, fault := range run.Header.Faults {
		b.open = b.open || (standing[fault.ID] && !fault.Payer)
	}
	return b
}

// over says whether the shop had its longest timer to act on what happened at the moment. Without that much time an
// order in the middle of something proves nothing.
func (b bound) over(moment history.Time) bool { return moment <= b.begin.Add(-b.longest) }

// acknowledged says whether the shop confirmed a genuine success, so that it cannot say it never knew. A refusal may be
// all that a shop behind a standing fault can answer.
func (s *Story) acknowledged() bool {
	for _, delivery := range s.Deliveries {
		if delivery.genuineSuccess() && delivery.Outcome() == history.OK {
			return true
		}
	}
	return false
}

// genuineSuccess is a message that the ledger justifies, saying that a payment was captured.
func (d *Delivery) genuineSuccess() bool {
	return d.Forgery == "" && d.Type == history.PaymentSucceeded
}

// giving says whether the shop's books have a refund of the order that has not ended.
func (s *Story) giving() bool {
	return s.State() == history.OrderRefunding || slices.ContainsFunc(s.ShopRefunds, func(row history.RefundRow) bool {
		return row.State == history.RefundPending
	})
}

// excuse says why an order's end cannot be held against the shop, or "" if it can.
func (b bound) excuse(story *Story) string {
	switch {
	case !b.over(story.lastMove()):
		return "the books were read less than the shop's longest timer after its money last moved"
	case b.open && story.firstCapture() != nil && !story.acknowledged():
		return "a fault stood until the books were read, and the shop never acknowledged the capture"
	case b.open && story.giving():
		return "a fault stood until the books were read, and the shop was about to give the money back"
	default:
		return ""
	}
}

// unfinished says why a refund that is missing cannot be held against the shop, or "" if it can. Unlike knowing of a
// capture, giving money back needs the way to the channel, so a standing fault always excuses it.
func (b bound) unfinished(story *Story) string {
	if b.open {
		return "a fault stood until the books were read, and may have kept the shop from refunding"
	}
	return b.excuse(story)
}

// reasons counts why cases could not be judged, so that a thousand of them are one line.
type reasons struct {
	texts  []string
	counts map[string]int
	first  map[string]string
}

func (r *reasons) add(text string, story *Story) {
	if r.counts == nil {
		r.counts, r.first = map[string]int{}, map[string]string{}
	}
	if r.counts[text] == 0 {
		r.texts = append(r.texts, text)
		r.first[text] = story.label()
	}
	r.counts[text]++
}

func (r *reasons) lines() []string {
	lines := make([]string, 0, len(r.texts))
	for _, text := range r.texts {
		lines = append(lines, fmt.Sprintf("%s: %d orders, the first %s", text, r.counts[text], r.first[text]))
	}
	return lines
}

// label names the order for people: its number, or the client's reference where no number is known.
func (s *Story) label() string {
	if s.Order != "" {
		return s.Order
	}
	return s.Ref
}

// notRead is the finding of an invariant that needs the final books and has none.
func notRead() Finding {
	return Finding{Unjudged: []string{"the orders were never read at rest"}}
}
