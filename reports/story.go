package reports

import (
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/paystorm/paystorm/history"
)

// beat is one line of an order's story in words: when, who, and what.
type beat struct {
	At     history.Time
	Who    string // buyer, shop, channel, callback, …: the lane of a timeline
	What   string
	Struck bool // something that a fault did
	Weight int  // what is left out last has the most
	Times  int  // how often it happened in a row, where more than once
	Until  history.Time

	sends, answers string // the delivery attempt that it begins or ends
	answer         string // with answers: in a few words
	read           string // what was looked at, where it is a look that may come again with the same answer
	row            bool   // a row of the shop's books
}

// Weights of beats.
const (
	framing = iota // says nothing that its neighbours do not
	passing        // looks, and what repeats
	useful
	telling // money moved, a fault struck, somebody was refused, and how the books ended
)

// Story tells one order's whole story as lines of text, one for each record.
func Story(out io.Writer, recorded *history.History, order string) error {
	beats := tell(recorded.Story(order))
	if order == "" || len(beats) == 0 {
		return fmt.Errorf("order %q is not in this history; `paystorm history RUN-DIR --jsonl` shows all that is", plain(order))
	}
	_, err := io.WriteString(out, storyLines(beats, 0))
	return err
}

// storyLines sets beats as a table. With a width, what is longer goes on in a second line, and ends there.
func storyLines(beats []beat, width int) string {
	who := 0
	for _, beat := range beats {
		who = max(who, utf8.RuneCountInString(beat.Who))
	}
	var b strings.Builder
	for _, beat := range beats {
		left := fmt.Sprintf("  %8s  %-*s  ", at(beat.At), who, beat.Who)
		what, rest := beat.words(), ""
		if width > 0 {
			what, rest = split(what, width-utf8.RuneCountInString(left))
		}
		fmt.Fprintf(&b, "%s%s\n", left, what)
		if rest != "" {
			indent := utf8.RuneCountInString(left) + 2
			fmt.Fprintf(&b, "%*s%s\n", indent, "", fit(rest, width-indent))
		}
	}
	return b.String()
}

// split cuts text after the last word that fits a width.
func split(text string, width int) (line, rest string) {
	runes := []rune(text)
	if len(runes) <= width {
		return text, ""
	}
	cut := strings.LastIndexByte(string(runes[:width+1]), ' ')
	if cut <= 0 {
		cut = len(string(runes[:width]))
	}
	return text[:cut], strings.TrimSpace(text[cut:])
}

// words is what happened, and how often.
func (b beat) words() string {
	if b.Times < 2 {
		return b.What
	}
	return fmt.Sprintf("%s (%d times, until %s)", b.What, b.Times, at(b.Until))
}

// tell puts records into words.
func tell(records []history.Record) []beat {
	beats := make([]beat, 0, len(records))
	for _, record := range records {
		switch {
		case record.Op != nil:
			beats = append(beats, tellOp(*record.Op))
		case record.Event != nil:
			beats = append(beats, tellEvent(*record.Event))
		case record.Row != nil:
			beats = append(beats, tellRow(*record.Row))
		}
	}
	return beats
}

func tellOp(op history.Op) beat {
	b := beat{At: op.Called, Who: fmt.Sprintf("buyer %d", op.Buyer), Struck: op.Fault != "", Weight: telling}
	b.What = plain(op.Kind)
	switch op.Kind {
	case history.OpOrder:
		for n, line := range op.Lines() {
			b.What += fmt.Sprintf("%s %d × %s", []string{"", ","}[min(n, 1)], line.Quantity, plain(line.SKU))
		}
	case history.OpRepay:
		b.What = "asks to pay again"
	case history.OpPoll, history.OpLook:
		b.Weight, b.read = passing, "look"
	}
	if op.Minor != 0 {
		b.What += " " + amount(op.Minor, op.Currency)
	}
	b.What += ": " + opAnswer(op)
	if op.Fault != "" {
		b.What += " [" + plain(op.Fault) + "]"
	}
	return b
}

func opAnswer(op history.Op) string {
	if op.Outcome == history.OK && op.State != "" {
		return plain(op.State)
	}
	text := string(op.Outcome)
	if op.Returned == 0 {
		text = "no answer"
	}
	if op.Reason != "" {
		text += ", " + plain(op.Reason)
	}
	return text
}

func tellEvent(event history.Event) beat {
	b := beat{At: event.At, Who: string(event.Source), Weight: useful, Struck: event.Fault != ""}
	switch event.Source {
	case history.SourceDelivery:
		tellDelivery(&b, event)
	case history.SourceChannel:
		tellChannel(&b, event)
	case history.SourceFault:
		b.Weight, b.read = telling, "strike"
		b.What = plain(event.Fault) + " struck"
		if event.Key != "" && event.Key != event.Fault {
			b.What += " " + words(event.Key)
		}
	case history.SourceSink:
		b.What = fmt.Sprintf("%s received %s", plain(event.State), plain(event.Key))
		if event.Kind == history.SinkRefused {
			b.What = fmt.Sprintf("%s refused %s", plain(event.State), plain(event.Key))
		}
	case history.SourceLoad:
		b.Who, b.Weight = fmt.Sprintf("buyer %d", event.Buyer), framing
		b.What = strings.TrimSpace(words(event.Kind) + " " + plain(event.Key+" "+event.Reason))
	default:
		b.What = strings.TrimSpace(words(event.Kind) + " " + plain(event.Detail))
	}
	return b
}

// words is a kind such as "payment.succeeded" as people say it.
func words(kind string) string { return strings.ReplaceAll(plain(kind), ".", " ") }

func tellDelivery(b *beat, event history.Event) {
	b.Who = "callback"
	attempt := fmt.Sprintf("%s attempt %d", short(event.Notification), event.Attempt)
	switch event.Kind {
	case history.DeliverySent:
		b.What = words(event.State)
		if event.Minor != 0 {
			b.What += " " + amount(event.Minor, event.Currency)
		}
		b.What += ", " + attempt
		if event.Forgery != "" {
			b.What, b.Struck, b.Weight = "forged ("+plain(event.Forgery)+") "+b.What, true, telling
		}
		if event.State == history.PaymentSucceeded {
			b.Weight = telling
		}
		b.sends = attempt + event.Forgery
	case history.DeliveryAnswered:
		b.answer = answer(event)
		b.What = attempt + ": " + b.answer
		b.answers = attempt + event.Forgery
		if event.Outcome != history.OK {
			b.Weight = telling
		}
	case history.DeliveryLost:
		b.Weight = telling
		b.What = fmt.Sprintf("%s, %s: lost%s", words(event.State), attempt, bracketed(event.Fault))
	default:
		b.What = words(strings.TrimPrefix(event.Kind, "delivery.")) + " " + short(event.Notification)
	}
}

func tellChannel(b *beat, event history.Event) {
	if event.Kind == history.Request {
		b.Who = "shop"
		b.What = fmt.Sprintf("asks the channel, %s: %s", words(event.State), answer(event))
		if strings.HasSuffix(event.State, "query") {
			b.Weight, b.read = passing, event.State
		}
		if event.Outcome != history.OK {
			b.Weight = telling
		}
		return
	}
	b.What = words(event.Kind)
	if event.Kind != history.PaymentCreated {
		b.Weight = telling
	}
	if event.Minor != 0 && event.Kind != history.PaymentClosed {
		b.What += " " + amount(event.Minor, event.Currency)
	}
	if event.Payment != "" {
		b.What += " on " + short(event.Payment)
	}
	if event.MerchantRefund != "" {
		b.What += ", refund number " + short(event.MerchantRefund)
	}
	if event.Reason != "" {
		b.What += ", " + plain(event.Reason)
	}
}

// answer is an outcome with whatever explains it.
func answer(event history.Event) string {
	text := string(event.Outcome)
	if event.Status != 0 {
		text += fmt.Sprintf(" %d", event.Status)
	}
	if event.Reason != "" {
		text += " " + plain(event.Reason)
	}
	return text + bracketed(event.Fault)
}

// bracketed names the fault behind something, if there is one.
func bracketed(fault string) string {
	if fault == "" {
		return ""
	}
	return " [" + plain(fault) + "]"
}

func tellRow(row history.Row) beat {
	b := beat{At: row.At, Who: "shop's books", Weight: passing, read: row.Label, row: true}
	if row.Label == history.ReadingFinal {
		b.Who, b.Weight, b.read = "final books", telling, ""
	}
	switch r := row.Row.(type) {
	case history.OrderRow:
		b.What = strings.TrimSpace(fmt.Sprintf("order %s %s", plain(string(r.State)), plain(r.Reason)))
	case history.PaymentRow:
		b.What = fmt.Sprintf("payment %s %s", amount(r.Minor, r.Currency), plain(r.State))
	case history.RefundRow:
		b.What = fmt.Sprintf("refund %s %s %s", short(r.MerchantRefund), amount(r.Minor, r.Currency), plain(r.State))
	case history.GrantRow:
		b.What = fmt.Sprintf("%s granted: %d", plain(r.Kind), r.Value)
	case history.CouponRow:
		b.What = "coupon used: " + plain(r.Coupon)
	case history.LedgerRow:
		b.What = fmt.Sprintf("%s %s", plain(r.Account), amount(r.Minor, r.Currency))
	case history.DiscrepancyRow:
		b.What = fmt.Sprintf("discrepancy %s %d", plain(r.Kind), r.Minor)
	case history.InboxRow:
		b.What = "stored " + short(r.Notification)
	default:
		b.What = plain(fmt.Sprintf("%s %v", row.Table, r))
	}
	return b
}
