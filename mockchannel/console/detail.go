package console

import (
	"net/http"
	"strings"

	"github.com/paystorm/paystorm/mockchannel"
	"github.com/paystorm/paystorm/money"
)

// detail is the page of one payment.
type detail struct {
	head
	mockchannel.Dossier
	Failed    string // why the last act was refused
	Payable   bool   // the payer can still act
	Left      int64  // what can still be given back
	LeftText  string
	Disputes  bool
	Forgeries []string
	Due       []mockchannel.Task
	Messages  []message
	Story     []line
	Forgotten int
}

func (d *desk) showPayment(w http.ResponseWriter, r *http.Request) {
	d.renderPayment(w, http.StatusOK, r.PathValue("id"), "")
}

func (d *desk) renderPayment(w http.ResponseWriter, status int, id, failed string) {
	dossier, found := d.channel.Dossier(id)
	if !found {
		d.render(w, http.StatusNotFound, "missing", d.head("No such payment"))
		return
	}
	p := dossier.Payment
	page := detail{
		head: d.head("Order " + p.Order), Dossier: dossier, Failed: failed, Disputes: d.config.Dialect.Traits().Disputes,
		Forgeries: d.channel.Forgeries(), Story: linesOf(d.memory.story(id)), Forgotten: d.memory.lost(),
	}
	switch p.State {
	case mockchannel.Created, mockchannel.Pending, mockchannel.Failed:
		page.Payable = true
	case mockchannel.Succeeded:
		page.Left = p.Captured - p.Refunded - p.Refunding
		page.LeftText, _, _ = strings.Cut(money.Amount{Minor: page.Left, Currency: p.Currency}.String(), " ")
	default:
	}
	agenda := d.channel.Agenda()
	for _, task := range agenda {
		if task.Payment == id {
			page.Due = append(page.Due, task)
		}
	}
	for _, n := range dossier.Notifications {
		m := message{Notification: n}
		d.fill(&m, agenda)
		page.Messages = append(page.Messages, m)
	}
	d.render(w, status, "payment", page)
}
