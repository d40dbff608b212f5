package stripe

import (
	"bytes"
	_ "embed" // checkout.html
	"html/template"
	"net/http"
	"strings"

	"github.com/paystorm/paystorm/mockchannel"
)

//go:embed checkout.html
var checkoutText string

var checkoutPage = template.Must(template.New("checkout").Parse(checkoutText))

// PayerHandler serves the page of a Checkout Session, and what is the same in all dialects. A payer at that page needs no
// JavaScript: the form posts what they do, and the answer leads back to the shop.
func (d dialect) PayerHandler(channel *mockchannel.Channel) http.Handler {
	common := channel.PayerHandler()
	mux := http.NewServeMux()
	mux.Handle("/pay/", common)
	mux.HandleFunc("GET /pay/{id}", func(w http.ResponseWriter, r *http.Request) {
		if p, found := sessionAt(channel, r.PathValue("id")); found {
			showCheckout(w, p, "")
			return
		}
		common.ServeHTTP(w, r)
	})
	mux.HandleFunc("POST /pay/{id}", func(w http.ResponseWriter, r *http.Request) {
		p, found := sessionAt(channel, r.PathValue("id"))
		if found && strings.Contains(r.Header.Get("Accept"), "text/html") {
			actAtCheckout(channel, w, r, p)
			return
		}
		common.ServeHTTP(w, r)
	})
	return mux
}

// sessionAt is the payment of a session.
func sessionAt(channel *mockchannel.Channel, id string) (mockchannel.Payment, bool) {
	if !strings.HasPrefix(id, prefixSession) {
		return mockchannel.Payment{}, false
	}
	p, found := channel.Find(sessionIntent(id))
	return p, found && intentOf(p).session != nil
}

// actAtCheckout does what the payer chose, and leads them on.
func actAtCheckout(channel *mockchannel.Channel, w http.ResponseWriter, r *http.Request, p mockchannel.Payment) {
	var err error
	switch action := r.PostFormValue("action"); {
	case action == "decline":
		p, err = channel.Decline(p.ID, "")
		if err == nil {
			showCheckout(w, p, declined(p.Reason).message)
			return
		}
	case action == "pay" && intentOf(p).delayed():
		p, err = channel.Pay(p.ID, "", settlesAfter)
	case action == "pay":
		p, err = channel.Pay(p.ID, "", 0)
	default:
		http.Error(w, `action: want "pay" or "decline"`, http.StatusBadRequest)
		return
	}
	if err != nil && codeOf(err) != mockchannel.CodePaymentSucceeded { // who pays twice is led on like the first time
		showCheckout(w, p, "This session is over. Please go back to the shop.")
		return
	}
	http.Redirect(w, r, strings.ReplaceAll(intentOf(p).session.successURL, "{CHECKOUT_SESSION_ID}", sessionID(p.ID)), http.StatusSeeOther)
}

// checkoutLine is a line as the page shows it.
type checkoutLine struct {
	Name     string
	Quantity int64
	Total    string
}

func showCheckout(w http.ResponseWriter, p mockchannel.Payment, remark string) {
	s := intentOf(p).session
	var lines []checkoutLine
	for _, l := range s.lines {
		lines = append(lines, checkoutLine{l.name, l.quantity, decimal(l.unit*l.quantity, p.Currency) + " " + p.Currency})
	}
	var page bytes.Buffer
	err := checkoutPage.Execute(&page, map[string]any{
		"ID": sessionID(p.ID), "Status": sessionStatus(p), "Open": sessionStatus(p) == sessionOpen, "Lines": lines,
		"Total": decimal(toWire(p.Minor, p.Currency), p.Currency) + " " + p.Currency, "Back": s.cancelURL, "Remark": remark,
	})
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	_, _ = w.Write(page.Bytes()) // a reader who has gone needs nothing
}
