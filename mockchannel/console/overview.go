package console

import (
	"cmp"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/paystorm/paystorm/history"
	"github.com/paystorm/paystorm/mockchannel"
)

const (
	rowsPerPage = 20
	dueShown    = 8 // on the overview
	refresh     = "2"
)

// overview is the page at "/".
type overview struct {
	head
	Find          string
	Refresh       string
	RefreshLink   string
	Due           []mockchannel.Task
	DueAll        int
	Payments      section[paymentRow]
	Notifications section[message]
	Refunds       section[mockchannel.Refund]
	Strangers     section[line] // requests that are about no payment: refused ones, mostly
	Forgotten     int
}

// head is what all pages begin with.
type head struct {
	Title    string
	Dialect  string
	Merchant string
	Faults   []string
}

func (c *Console) head(title string) head {
	return head{Title: title, Dialect: c.config.Dialect.Name(), Merchant: c.config.Merchants[0].ID, Faults: c.config.Faults}
}

// paymentRow is a payment with what is due next for it.
type paymentRow struct {
	mockchannel.Payment
	Next *mockchannel.Task
}

// message is a notification, genuine or forged, with its attempts.
type message struct {
	mockchannel.Notification
	Forgery string
	Tries   []line
	Next    *mockchannel.Task
}

func (d *desk) showOverview(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	find := strings.TrimSpace(query.Get("find"))
	agenda := d.channel.Agenda()
	page := overview{
		head: d.head("Payment channel"), Find: find, Refresh: query.Get("refresh"), Forgotten: d.memory.lost(),
		DueAll: len(agenda), Due: agenda[:min(dueShown, len(agenda))], RefreshLink: link(query, "refresh", refresh),
	}
	if page.Refresh != "" {
		page.Refresh, page.RefreshLink = refresh, link(query, "refresh", "")
	}
	next := soonest(agenda)
	var payments []paymentRow
	var messages []message
	var refunds []mockchannel.Refund
	known := map[string]bool{}
	for _, dossier := range d.channel.Dossiers() {
		for _, n := range dossier.Notifications {
			known[n.ID] = true
		}
		if !matches(dossier, find) {
			continue
		}
		payments = append(payments, paymentRow{Payment: dossier.Payment, Next: next[dossier.Payment.ID]})
		refunds = append(refunds, dossier.Refunds...)
		for _, n := range dossier.Notifications {
			messages = append(messages, message{Notification: n})
		}
	}
	messages = append(messages, forgeries(d.memory.forged(), known, find)...)
	slices.SortStableFunc(messages, func(a, b message) int { return cmp.Compare(b.At, a.At) })
	slices.SortStableFunc(refunds, func(a, b mockchannel.Refund) int { return cmp.Compare(b.CreatedAt, a.CreatedAt) })
	page.Payments = paged(payments, query, "payments")
	page.Refunds = paged(refunds, query, "refunds")
	page.Notifications = paged(messages, query, "notifications")
	for i := range page.Notifications.Rows {
		d.fill(&page.Notifications.Rows[i], agenda)
	}
	if find == "" {
		strangers := d.memory.story("")
		slices.Reverse(strangers)
		page.Strangers = paged(linesOf(strangers), query, "strangers")
	}
	d.render(w, http.StatusOK, "overview", page)
}

// fill adds to a message its attempts, and what is due next of it.
func (d *desk) fill(m *message, agenda []mockchannel.Task) {
	for _, e := range d.memory.story(m.Payment) {
		if e.event.Notification == m.ID && isAttempt(e.event) {
			m.Tries = append(m.Tries, lineOf(e))
		}
	}
	at := slices.IndexFunc(agenda, func(task mockchannel.Task) bool { return task.Notification == m.ID })
	if at >= 0 {
		m.Next = &agenda[at]
	}
}

func isAttempt(event history.Event) bool {
	switch event.Kind {
	case history.DeliverySent, history.DeliveryAnswered, history.DeliveryLost, history.DeliveryGivenUp:
		return true
	default:
		return false
	}
}

// forgeries are the forged messages among attempts. A wrongly signed forerunner of a genuine one is an attempt of that.
func forgeries(attempts []entry, genuine map[string]bool, find string) []message {
	var forged []message
	for _, e := range attempts {
		event := e.event
		if genuine[event.Notification] || (find != "" && !strings.Contains(event.Order, find) && find != event.Payment && find != event.Notification) {
			continue
		}
		m := message{Forgery: event.Forgery, Notification: mockchannel.Notification{
			ID: event.Notification, Type: event.State, Event: event.Key, Payment: event.Payment, Order: event.Order,
			Minor: event.Minor, Currency: event.Currency, At: e.at(), Attempts: 1, Acknowledged: event.Outcome == history.OK,
			Status: outcome(event),
		}}
		if at := slices.IndexFunc(forged, func(one message) bool { return one.ID == m.ID }); at >= 0 {
			m.Attempts, m.At = forged[at].Attempts+1, forged[at].At
			forged[at] = m
			continue
		}
		forged = append(forged, m)
	}
	return forged
}

// matches says whether a payment is what is looked for: by a part of its order's number, or by any id of it.
func matches(d mockchannel.Dossier, find string) bool {
	if strings.Contains(d.Payment.Order, find) || d.Payment.ID == find {
		return true
	}
	return slices.ContainsFunc(d.Refunds, func(r mockchannel.Refund) bool { return r.ID == find || r.Number == find }) ||
		slices.ContainsFunc(d.Notifications, func(n mockchannel.Notification) bool { return n.ID == find })
}

// soonest is what is due next for each payment.
func soonest(agenda []mockchannel.Task) map[string]*mockchannel.Task {
	next := map[string]*mockchannel.Task{}
	for i, task := range agenda {
		if next[task.Payment] == nil {
			next[task.Payment] = &agenda[i]
		}
	}
	return next
}

// section is one page of a list.
type section[T any] struct {
	Rows         []T
	From, To     int // from 1
	All          int
	Newer, Older string // addresses, "" where there is nothing more
}

// paged cuts a list to the page that the query asks for under the list's own name.
func paged[T any](list []T, query url.Values, name string) section[T] {
	number, err := strconv.Atoi(query.Get(name))
	last := max(1, (len(list)+rowsPerPage-1)/rowsPerPage)
	if err != nil {
		number = 1
	}
	number = max(1, min(number, last))
	s := section[T]{All: len(list), From: (number-1)*rowsPerPage + 1, To: min(number*rowsPerPage, len(list))}
	s.Rows = list[s.From-1 : s.To]
	if number > 1 {
		s.Newer = link(query, name, strconv.Itoa(number-1)) + "#" + name
	}
	if number < last {
		s.Older = link(query, name, strconv.Itoa(number+1)) + "#" + name
	}
	return s
}

// link is the overview's address with one part of the query changed.
func link(query url.Values, name, value string) string {
	changed := url.Values{}
	for key, values := range query {
		changed[key] = values
	}
	changed.Set(name, value)
	if value == "" {
		changed.Del(name)
	}
	return "/?" + changed.Encode()
}
