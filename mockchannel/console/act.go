package console

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/paystorm/paystorm/history"
	"github.com/paystorm/paystorm/mockchannel"
	"github.com/paystorm/paystorm/money"
)

const (
	largestForm  = 16 << 10
	longestDelay = 24 * time.Hour
)

// act is something that a person can do to a payment. The form brings what it needs to know.
type act struct {
	name string
	do   func(d *desk, payment string, form url.Values) error
}

func acts() []act {
	return []act{
		{"pay", func(d *desk, payment string, _ url.Values) error { return second(d.channel.Pay(payment, "", 0)) }},
		{"pay-later", payLater},
		{"decline", func(d *desk, payment string, _ url.Values) error { return second(d.channel.Decline(payment, "")) }},
		{"abandon", func(d *desk, payment string, _ url.Values) error { return second(d.channel.Abandon(payment)) }},
		{"close", func(d *desk, payment string, _ url.Values) error { return second(d.channel.Close(payment)) }},
		{"refund", giveBack},
		{"dispute", dispute},
		{"resend", func(d *desk, payment string, form url.Values) error {
			return d.channel.Resend(payment, form.Get("notification"))
		}},
		{"corrupt", func(d *desk, payment string, form url.Values) error {
			return d.channel.Corrupt(payment, form.Get("notification"), form.Get("forgery"))
		}},
	}
}

func second[T any](_ T, err error) error { return err }

func payLater(d *desk, payment string, form url.Values) error {
	seconds, err := strconv.Atoi(form.Get("seconds"))
	if err != nil || seconds < 1 || seconds > int(longestDelay/time.Second) {
		return errors.New("seconds: want a whole number from 1 to 86400")
	}
	return second(d.channel.Pay(payment, "", time.Duration(seconds)*time.Second))
}

func giveBack(d *desk, payment string, form url.Values) error {
	p, found := d.channel.Find(payment)
	if !found {
		return errors.New("there is no such payment")
	}
	text := strings.TrimSpace(form.Get("amount"))
	amount, err := money.Parse(text + " " + p.Currency)
	if err != nil || amount.Minor < 1 {
		return fmt.Errorf("amount: %q is no amount in %s: want one such as %s", text, p.Currency,
			money.Amount{Minor: p.Captured, Currency: p.Currency})
	}
	return second(d.channel.GiveBack(payment, amount.Minor, ""))
}

func dispute(d *desk, payment string, _ url.Values) error {
	if !d.config.Dialect.Traits().Disputes {
		return fmt.Errorf("there are no disputes in the dialect %s", d.config.Dialect.Name())
	}
	return second(d.channel.GiveBack(payment, 0, history.ReasonDispute))
}

// act does what was clicked and shows the payment again. A refusal is shown with it.
func (d *desk) act(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, largestForm)
	id := r.PathValue("id")
	if err := r.ParseForm(); err != nil {
		d.renderPayment(w, http.StatusBadRequest, id, "The form could not be read.")
		return
	}
	name := r.PostForm.Get("act")
	all := acts()
	at := slices.IndexFunc(all, func(a act) bool { return a.name == name })
	if at < 0 {
		d.renderPayment(w, http.StatusBadRequest, id, fmt.Sprintf("There is no act %q.", name))
		return
	}
	begun := d.config.Clock.Now()
	err := all[at].do(d, id, r.PostForm)
	done := history.Event{Kind: byHand, At: begun, Payment: id, State: described(name, r.PostForm)}
	if err != nil {
		done.Reason = "refused: " + reason(err)
	}
	if _, found := d.channel.Find(id); found {
		d.memory.record(done)
	}
	if err != nil {
		d.renderPayment(w, refusedStatus(err), id, reason(err))
		return
	}
	http.Redirect(w, r, "/console/payments/"+url.PathEscape(id), http.StatusSeeOther)
}

// described is an act with what it was done with.
func described(name string, form url.Values) string {
	words := []string{name}
	for _, key := range []string{"seconds", "amount", "forgery", "notification"} {
		if value := form.Get(key); value != "" && slices.Contains(needs[name], key) {
			words = append(words, value)
		}
	}
	return strings.Join(words, " ")
}

// needs are the fields of the forms that mean something to an act.
var needs = map[string][]string{
	"pay-later": {"seconds"}, "refund": {"amount"}, "resend": {"notification"}, "corrupt": {"forgery", "notification"},
}

func reason(err error) string {
	var refusal *mockchannel.Error
	if errors.As(err, &refusal) {
		return refusal.Message
	}
	return err.Error()
}

func refusedStatus(err error) int {
	var refusal *mockchannel.Error
	if !errors.As(err, &refusal) {
		return http.StatusBadRequest
	}
	switch refusal.Code {
	case mockchannel.CodeInvalidRequest:
		return http.StatusBadRequest
	case mockchannel.CodeNotFound, mockchannel.CodePaymentNotFound:
		return http.StatusNotFound
	case mockchannel.CodeUnavailable:
		return http.StatusServiceUnavailable
	default:
		return http.StatusConflict
	}
}
