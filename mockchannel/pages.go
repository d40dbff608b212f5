package mockchannel

import (
	"bytes"
	"cmp"
	_ "embed" // pages.html
	"html/template"
	"net/http"
	"slices"
	"time"

	"github.com/paystorm/paystorm/money"
)

//go:embed pages.html
var pagesText string

// pages are the two pages for people: "pay" and "index".
var pages = template.Must(template.New("pages").Funcs(template.FuncMap{
	"amount": func(minor int64, currency string) string {
		return money.Amount{Minor: minor, Currency: currency}.String()
	},
}).Parse(pagesText))

// latest is how many rows of each kind the index page shows.
const latest = 50

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

// notificationRow is a notification as the index page shows it.
type notificationRow struct {
	ID, Type, Order, Status string
	Attempts                int
	At                      time.Time
}

func (c *Channel) serveIndex(w http.ResponseWriter, _ *http.Request) {
	if c.over() {
		http.Error(w, "the channel is shutting down", http.StatusServiceUnavailable)
		return
	}
	var payments []Payment
	var refunds []Refund
	var notifications []notificationRow
	for _, p := range c.payments.all() {
		p.mutex.Lock()
		payments = append(payments, p.now)
		for _, r := range p.refunds {
			refunds = append(refunds, r.now)
		}
		for _, n := range p.notifications {
			notifications = append(notifications, n.row())
		}
		p.mutex.Unlock()
	}
	showPage(w, "index", map[string]any{
		"Dialect":       c.config.Dialect.Name(),
		"Due":           c.Due(),
		"Payments":      newest(payments, func(a, b Payment) int { return cmp.Compare(b.At, a.At) }),
		"Refunds":       newest(refunds, func(a, b Refund) int { return cmp.Compare(b.At, a.At) }),
		"Notifications": newest(notifications, func(a, b notificationRow) int { return b.At.Compare(a.At) }),
	})
}

func newest[T any](rows []T, order func(a, b T) int) []T {
	slices.SortFunc(rows, order)
	return rows[:min(len(rows), latest)]
}

func (n *notification) row() notificationRow {
	n.mutex.Lock()
	defer n.mutex.Unlock()
	return notificationRow{
		ID: n.notice.ID, Type: n.notice.Type, Order: n.notice.Order, Status: cmp.Or(n.status, "waiting"),
		Attempts: n.attempts, At: n.message.At,
	}
}

func showPage(w http.ResponseWriter, name string, content any) {
	var page bytes.Buffer
	if err := pages.ExecuteTemplate(&page, name, content); err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	_ = write(w, Answer{ // a reader who has gone needs nothing
		Status: http.StatusOK, Body: page.Bytes(),
		Header: http.Header{"Content-Type": {"text/html; charset=utf-8"}, "Cache-Control": {"no-store"}},
	})
}
