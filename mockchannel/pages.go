package mockchannel

import (
	"bytes"
	_ "embed" // pages.html
	"html/template"
	"net/http"

	"github.com/paystorm/paystorm/money"
)

//go:embed pages.html
var pagesText string

// pages has the payer's page, "pay".
var pages = template.Must(template.New("pages").Funcs(template.FuncMap{
	"amount": func(minor int64, currency string) string {
		return money.Amount{Minor: minor, Currency: currency}.String()
	},
}).Parse(pagesText))

func (c *Channel) servePayPage(w http.ResponseWriter, r *http.Request) {
	if c.over() {
		http.Error(w, "the channel is shutting down", http.StatusServiceUnavailable)
		return
	}
	id, err := c.presented(r.PathValue("id"))
	p, found := c.payments.get(id)
	if err != nil || !found {
		http.Error(w, "there is no such payment", http.StatusNotFound)
		return
	}
	payment := p.snapshot()
	showPage(w, "pay", map[string]any{
		"Payment": payment, "Payable": payment.State != Succeeded && payment.State != Closed && payment.State != Authorized,
	})
}

func showPage(w http.ResponseWriter, name string, content any) {
	var page bytes.Buffer
	if err := pages.ExecuteTemplate(&page, name, content); err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	_ = write(w, Answer{ // a reader who has gone needs nothing
		Status: http.StatusOK, Body: page.Bytes(),
		Header: Fields{
			{"Content-Type", "text/html; charset=utf-8"},
			{"Cache-Control", "no-store"},
			{"X-Content-Type-Options", "nosniff"},
			{"Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'"},
		},
	})
}
