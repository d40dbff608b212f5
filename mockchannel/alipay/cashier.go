package alipay

import (
	"bytes"
	_ "embed" // cashier.html
	"html/template"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/paystorm/paystorm/mockchannel"
)

//go:embed cashier.html
var cashierText string

// cashierPages are "cashier" and "refused".
var cashierPages = template.Must(template.New("cashier").Parse(cashierText))

// openCashier is a buyer's browser that comes with the merchant's signed parameters. The trade exists once the buyer has
// logged in, which in the mock is with the first button.
func openCashier(r *request) (mockchannel.MerchantRequest, error) {
	wanted, err := r.wanted()
	if err != nil {
		return mockchannel.MerchantRequest{}, err
	}
	return r.order(wanted, func(call *mockchannel.Call) (mockchannel.Answer, error) {
		p, err := r.place(call, wanted, longest)
		if err != nil {
			return mockchannel.Answer{}, err
		}
		return page("cashier", cashierOf(p)), nil
	}), nil
}

// cashier is what the page shows.
type cashier struct {
	Order, Subject, Amount, State, Action string
	Payable                               bool
}

func cashierOf(p mockchannel.Payment) cashier {
	return cashier{
		Order: p.Order, Subject: tradeOf(p).subject, Amount: yuan(totalOf(p)), State: statusOf(p),
		Action: "/pay/" + url.PathEscape(p.ID) + "/cashier", Payable: statusOf(p) == statusWaiting,
	}
}

// refuseBuyer shows a refusal as a page, since no SDK reads it.
func (r *request) refuseBuyer(e *mockchannel.Error) mockchannel.Answer {
	return page("refused", outcomeOf(r.method, e))
}

func page(name string, content any) mockchannel.Answer {
	var text bytes.Buffer
	if err := cashierPages.ExecuteTemplate(&text, name, content); err != nil { // it has no way of failing
		return mockchannel.Answer{Status: http.StatusInternalServerError}
	}
	return mockchannel.Answer{
		Status: http.StatusOK, Body: text.Bytes(),
		Header: mockchannel.Fields{{Name: "Content-Type", Value: "text/html; charset=utf-8"}, {Name: "Cache-Control", Value: "no-store"}},
	}
}

// PayerHandler serves the channel's own pages, and the cashier's buttons.
func (d *dialect) PayerHandler(channel *mockchannel.Channel) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/pay/", channel.PayerHandler())
	mux.HandleFunc("GET /pay/{id}/cashier", func(w http.ResponseWriter, r *http.Request) {
		p, found := channel.Find(r.PathValue("id"))
		if !found {
			http.NotFound(w, r)
			return
		}
		show(w, page("cashier", cashierOf(p)))
	})
	mux.HandleFunc("POST /pay/{id}/cashier", func(w http.ResponseWriter, r *http.Request) { d.press(channel, w, r) })
	return mux
}

// press is the buyer at the cashier: who has paid is sent back to the merchant.
func (d *dialect) press(channel *mockchannel.Channel, w http.ResponseWriter, r *http.Request) {
	id := r.PathValue("id")
	r.Body = http.MaxBytesReader(w, r.Body, 4<<10)
	var p mockchannel.Payment
	var err error
	switch r.PostFormValue("action") {
	case "pay":
		p, err = channel.Pay(id, "", 0)
	case "decline":
		p, err = channel.Decline(id, "")
	default:
		http.Error(w, `action: want "pay" or "decline"`, http.StatusBadRequest)
		return
	}
	if err != nil {
		show(w, page("refused", outcomeOf(methodPage, asError(err))))
		return
	}
	back, err := d.returned(channel, p)
	if err != nil || back == "" {
		back = "/pay/" + url.PathEscape(id) + "/cashier"
	}
	http.Redirect(w, r, back, http.StatusSeeOther)
}

// returned is where the browser of a buyer who has paid goes: the merchant's return_url with what happened, signed like a
// notification. It proves nothing; the notification and the query do.
func (d *dialect) returned(channel *mockchannel.Channel, p mockchannel.Payment) (string, error) {
	known := tradeOf(p)
	if known.returnURL == "" || p.State != mockchannel.Succeeded {
		return "", nil
	}
	for _, merchant := range channel.Merchants() {
		k, issued := merchant.Keys.(*keys)
		if merchant.ID != p.Merchant || !issued {
			continue
		}
		fields := []pair{
			{"app_id", k.appID},
			{"auth_app_id", k.appID},
			{"charset", "utf-8"},
			{"method", known.method + ".return"},
			{"out_trade_no", p.Order},
			{"seller_id", k.sellerID},
			{"sign_type", "RSA2"},
			{"timestamp", stamp(time.Now())},
			{"total_amount", yuan(totalOf(p))},
			{"trade_no", p.ID},
			{"version", "1.0"},
		}
		signature, err := sign(k.alipay, []byte(base(fields, "sign", "sign_type")))
		if err != nil {
			return "", err
		}
		joint := "?"
		if strings.Contains(known.returnURL, "?") {
			joint = "&"
		}
		return known.returnURL + joint + form(append(fields, pair{"sign", signature})), nil
	}
	return "", nil
}

func show(w http.ResponseWriter, answer mockchannel.Answer) {
	for _, field := range answer.Header {
		w.Header().Set(field.Name, field.Value)
	}
	w.WriteHeader(answer.Status)
	_, _ = w.Write(answer.Body) // a buyer who has gone is shown nothing
}
