package console

import (
	"bytes"
	_ "embed" // the pages and their style
	"html/template"
	"io"
	"net/http"
	"time"

	"github.com/paystorm/paystorm/history"
	"github.com/paystorm/paystorm/money"
)

var (
	//go:embed pages.html
	pagesText string
	//go:embed style.css
	style []byte
)

// newPages makes the pages "overview", "payment" and "missing".
func newPages(clock history.Clock) *template.Template {
	return template.Must(template.New("pages").Funcs(template.FuncMap{
		"amount": func(minor int64, currency string) string {
			return money.Amount{Minor: minor, Currency: currency}.String()
		},
		"clock": func(t history.Time) string { return clock.Wall(t).Format("15:04:05.000") },
		"date":  func(t history.Time) string { return clock.Wall(t).Format(time.RFC3339Nano) },
		"in":    func(t history.Time) string { return in(t.Sub(clock.Now())) },
		"took":  precise,
	}).Parse(pagesText))
}

// in is how long something is away.
func in(d time.Duration) string {
	if d <= 0 {
		return "now"
	}
	return "in " + precise(d)
}

// precise is a duration as precise as people want it.
func precise(d time.Duration) string {
	switch {
	case d < time.Millisecond:
		return d.Round(10 * time.Microsecond).String()
	case d < time.Second:
		return d.Round(time.Millisecond).String()
	case d < time.Minute:
		return d.Round(100 * time.Millisecond).String()
	default:
		return d.Round(time.Second).String()
	}
}

func (c *Console) render(w http.ResponseWriter, status int, name string, content any) {
	var page bytes.Buffer
	if err := c.pages.ExecuteTemplate(&page, name, content); err != nil {
		http.Error(w, "the page could not be made: "+err.Error(), http.StatusInternalServerError)
		return
	}
	secure(w.Header())
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, c.veil.over(page.String())) // a reader who has gone needs nothing
}

func showStyle(w http.ResponseWriter, _ *http.Request) {
	secure(w.Header())
	w.Header().Set("Content-Type", "text/css; charset=utf-8")
	_, _ = w.Write(style) // likewise
}
