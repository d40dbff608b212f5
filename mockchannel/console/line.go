package console

import (
	"bytes"
	"cmp"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/paystorm/paystorm/history"
	"github.com/paystorm/paystorm/mockchannel"
	"github.com/paystorm/paystorm/money"
)

// byHand is the kind of an entry that tells what a person did here. It is in no history.
const byHand = "by-hand"

// line is an entry as the pages show it.
type line struct {
	At      history.Time
	Took    time.Duration
	Source  string // ledger, request, notification, forged, fault, by hand
	Title   string
	Result  string
	Tone    string // good, bad or odd; "" is neither
	Payment string
	Order   string
	Wire    *wire // what went over the wire, if anything did
}

// wire is an exchange as text.
type wire struct {
	Asked, AskedBody       string
	Answered, AnsweredBody string // "" where there was no answer
}

func lineOf(e entry) line {
	event := e.event
	l := line{
		At: e.at(), Source: "ledger", Title: ledgerTitles[event.Kind], Payment: event.Payment, Order: event.Order,
		Wire: wireOf(e.traced),
	}
	if e.traced != nil {
		l.Took = e.traced.Took
	}
	switch event.Kind {
	case history.Request:
		l.Source, l.Title, l.Result = "request", requestTitle(event, e.traced), requestResult(event)
	case history.DeliverySent, history.DeliveryAnswered, history.DeliveryLost, history.DeliveryGivenUp:
		l.Source, l.Title, l.Result = "notification", fmt.Sprintf("%s, attempt %d", cmp.Or(event.Key, event.State), event.Attempt), outcome(event)
		if event.Forgery != "" {
			l.Source = "forged: " + event.Forgery
		}
	case history.FaultAffected:
		l.Source, l.Title = "fault", event.Fault+" has struck"
	case byHand:
		l.Source, l.Title, l.Result = "by hand", event.State, event.Reason
	default:
		l.Title = cmp.Or(l.Title, event.Kind)
		l.Result = strings.Trim(money.Amount{Minor: event.Minor, Currency: event.Currency}.String()+", "+event.Reason, ", ")
	}
	l.Tone = tone(event)
	return l
}

func linesOf(entries []entry) []line {
	lines := make([]line, len(entries))
	for i, e := range entries {
		lines[i] = lineOf(e)
	}
	return lines
}

var ledgerTitles = map[string]string{
	history.PaymentCreated:    "Payment created",
	history.PaymentUpdated:    "Amount changed",
	history.PaymentAuthorized: "Authorized, waits to be captured",
	history.PaymentSucceeded:  "Paid",
	history.PaymentFailed:     "Attempt declined",
	history.PaymentClosed:     "Closed",
	history.RefundCreated:     "Refund accepted",
	history.RefundSucceeded:   "Refunded",
	history.RefundFailed:      "Refund failed",
}

func requestTitle(event history.Event, traced *mockchannel.Trace) string {
	title := event.State
	if traced != nil {
		title += " " + traced.Method + " " + traced.URL
	}
	return strings.TrimSpace(title)
}

func requestResult(event history.Event) string {
	result := fmt.Sprintf("%d %s", event.Status, http.StatusText(event.Status))
	switch {
	case event.Outcome == history.Unknown && event.Fault != "":
		result = "processed, and the answer lost"
	case event.Outcome == history.Unknown:
		result += "; the merchant has gone, and may not have read it"
	}
	for _, more := range []string{event.Reason, event.Detail} {
		if more != "" {
			result += ", " + more
		}
	}
	if event.Fault != "" {
		result += " (fault " + event.Fault + ")"
	}
	return result
}

// outcome is how an attempt ended, in words.
func outcome(event history.Event) string {
	var words string
	switch {
	case event.Kind == history.DeliverySent:
		return "no answer yet"
	case event.Kind == history.DeliveryLost:
		return "lost on purpose (fault " + event.Fault + ")"
	case event.Kind == history.DeliveryGivenUp:
		return "given up: the schedule has no further attempt"
	case event.Outcome == history.OK:
		words = "acknowledged"
	default:
		words = event.Reason
	}
	if event.Status != 0 {
		words = fmt.Sprintf("%d, %s", event.Status, words)
	}
	if event.Detail != "" {
		words += ": " + event.Detail
	}
	return words
}

func tone(event history.Event) string {
	switch {
	case event.Kind == history.FaultAffected || event.Kind == history.DeliveryLost || event.Outcome == history.Unknown:
		return "odd"
	case event.Kind == history.DeliverySent || event.Kind == byHand && event.Reason == "":
		return ""
	case event.Kind == history.PaymentFailed || event.Kind == history.RefundFailed || event.Kind == history.DeliveryGivenUp,
		event.Outcome == history.Refused, event.Kind == byHand:
		// A forged message is to be refused.
		if event.Forgery != "" {
			return "good"
		}
		return "bad"
	case event.Forgery != "":
		return "bad"
	case event.Kind == history.PaymentCreated || event.Kind == history.RefundCreated || event.Kind == history.PaymentUpdated:
		return ""
	default:
		return "good"
	}
}

// wireOf renders an exchange.
func wireOf(traced *mockchannel.Trace) *wire {
	if traced == nil || traced.Method == "" {
		return nil
	}
	w := &wire{
		Asked:     headText(traced.Method+" "+traced.URL, traced.Request.Header),
		AskedBody: bodyText(traced.Request),
	}
	if traced.Status != 0 {
		w.Answered = headText(fmt.Sprintf("%d %s", traced.Status, http.StatusText(traced.Status)), traced.Answer.Header)
		w.AnsweredBody = bodyText(traced.Answer)
	}
	return w
}

func headText(first string, header http.Header) string {
	lines := []string{first}
	for _, name := range slices.Sorted(maps.Keys(header)) {
		for _, value := range header[name] {
			lines = append(lines, name+": "+veiledHeader(name, value))
		}
	}
	return strings.Join(lines, "\n")
}

// bodyText is a body for people: JSON indented, and what is no text as the numbers of its first bytes.
func bodyText(content mockchannel.Content) string {
	const dumped = 512
	var text bytes.Buffer
	switch body := content.Body; {
	case !utf8.Valid(body) && content.Left == 0:
		return fmt.Sprintf("%d bytes that are no text, the first of them:\n%s", len(body), hex.Dump(body[:min(dumped, len(body))]))
	case json.Indent(&text, body, "", "  ") != nil:
		text.Reset()
		text.Write(bytes.ToValidUTF8(body, []byte("�")))
	}
	if content.Left > 0 {
		fmt.Fprintf(&text, "\n… and %d bytes more, which are not kept", content.Left)
	}
	return text.String()
}
