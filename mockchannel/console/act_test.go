package console_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/paystorm/paystorm/history"
	"github.com/paystorm/paystorm/mockchannel"
)

func TestActs(t *testing.T) {
	const created, succeeded = "created", "succeeded"
	for name, test := range map[string]struct {
		from  string // a payment that is created, or one that has succeeded
		form  url.Values
		state mockchannel.State
		left  int64  // captured and not given back
		told  string // what the shop has got in all
		shown string
	}{
		"pay":       {created, url.Values{"act": {"pay"}}, mockchannel.Succeeded, 1000, "payment.succeeded", "Paid"},
		"pay later": {created, url.Values{"act": {"pay-later"}, "seconds": {"3600"}}, mockchannel.Pending, 0, "", "the payer pays"},
		"decline":   {created, url.Values{"act": {"decline"}}, mockchannel.Failed, 0, "payment.failed", "Attempt declined"},
		"abandon":   {created, url.Values{"act": {"abandon"}}, mockchannel.Pending, 0, "", "abandon"},
		"close":     {created, url.Values{"act": {"close"}}, mockchannel.Closed, 0, "payment.closed", "Closed"},
		"refund a part": {
			succeeded,
			url.Values{"act": {"refund"}, "amount": {" 3.50"}},
			mockchannel.Succeeded, 650,
			"payment.succeeded refund.succeeded", "value=\"6.50\"",
		},
		"refund all": {
			succeeded,
			url.Values{"act": {"refund"}, "amount": {"10.00"}},
			mockchannel.Succeeded, 0,
			"payment.succeeded refund.succeeded", "10.00 CNY",
		},
		"dispute": {succeeded, url.Values{"act": {"dispute"}}, mockchannel.Succeeded, 0, "payment.succeeded", "dispute"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			id := w.create("o1")
			if test.from == succeeded {
				id = w.paid("o2")
			}
			page := w.click(id, test.form)
			if page.status != http.StatusOK {
				t.Fatalf("answer %d %s", page.status, page.body)
			}
			w.settled()
			p, _ := w.channel.Find(id)
			if p.State != test.state || p.Captured-p.Refunded != test.left {
				t.Errorf("it is %+v", p)
			}
			if w.received() != test.told {
				t.Errorf("the shop got %q", w.received())
			}
			w.wantShown(w.get(pageOf(id)), test.shown, "by hand", test.form.Get("act"))
		})
	}
}

func TestSendAgainAndForge(t *testing.T) {
	w := newWorld(t)
	w.paid("o1")
	id := w.paid("o2")
	dossier, _ := w.channel.Dossier(id)
	notification := dossier.Notifications[0].ID
	page := w.get(pageOf(id))
	for _, forgery := range w.channel.Forgeries() {
		w.wantShown(page, "<option>"+forgery+"</option>")
	}
	w.click(id, url.Values{"act": {"resend"}, "notification": {notification}})
	w.settled()
	if dossier, _ = w.channel.Dossier(id); dossier.Notifications[0].Attempts != 2 {
		t.Errorf("sent again: %+v", dossier.Notifications)
	}
	for _, forgery := range w.channel.Forgeries() {
		if page := w.click(id, url.Values{"act": {"corrupt"}, "notification": {notification}, "forgery": {forgery}}); page.status != http.StatusOK {
			t.Errorf("%s: %d", forgery, page.status)
		}
		w.settled()
		w.wantShown(w.get(pageOf(id)), "forged: "+forgery)
		w.wantShown(w.get("/"), "forged: "+forgery)
	}
	want := strings.TrimSpace(strings.Repeat(history.PaymentSucceeded+" ", 3+len(w.channel.Forgeries())))
	if w.received() != want {
		t.Errorf("the shop got %q", w.received())
	}
}

func TestRefusedActs(t *testing.T) {
	w := newWorld(t)
	created, paid := w.create("o1"), w.paid("o2")
	n := func(name string) url.Values { return url.Values{"act": {name}} }
	with := func(name, key, value string) url.Values { return url.Values{"act": {name}, key: {value}} }
	for name, test := range map[string]struct {
		payment string
		form    url.Values
		status  int
		says    string
	}{
		"no such act":             {created, n("print-money"), 400, "There is no act &#34;print-money&#34;."},
		"no act":                  {created, nil, 400, "There is no act"},
		"pay twice":               {paid, n("pay"), 409, "the payment has been made"},
		"decline what was paid":   {paid, n("decline"), 409, "the payment has been made"},
		"close what was paid":     {paid, n("close"), 409, "the payment has been made"},
		"abandon what was paid":   {paid, n("abandon"), 409, "the payment has been made"},
		"refund what was not":     {created, with("refund", "amount", "1.00"), 409, "there is nothing to give back"},
		"refund too much":         {paid, with("refund", "amount", "10.01"), 409, "more than was captured"},
		"refund half a cent":      {paid, with("refund", "amount", "1.005"), 400, "is no amount in CNY: want one such as 10.00 CNY"},
		"refund nothing":          {paid, with("refund", "amount", "0.00"), 400, "is no amount"},
		"refund less":             {paid, with("refund", "amount", "-1.00"), 400, "is no amount"},
		"dispute what was not":    {created, n("dispute"), 409, "there is nothing to give back"},
		"later than is sensible":  {created, with("pay-later", "seconds", "86401"), 400, "want a whole number from 1 to 86400"},
		"later, but when":         {created, with("pay-later", "seconds", "soon"), 400, "want a whole number"},
		"send what is not":        {paid, with("resend", "notification", "ntf_none"), 404, "no such notification"},
		"forge what is not":       {paid, with("corrupt", "notification", "ntf_none"), 404, "no such notification"},
		"a payment that is not":   {"pay_none", n("pay"), 404, "There is no such payment."},
		"a form that is too long": {created, with("pay-later", "seconds", strings.Repeat("1", 1<<20)), 400, "could not be read"},
	} {
		a := w.click(test.payment, test.form)
		if a.status != test.status || !strings.Contains(a.body, test.says) {
			t.Errorf("%s: %d %s", name, a.status, a.body)
		}
	}
	w.settled()
	p, _ := w.channel.Find(created)
	q, _ := w.channel.Find(paid)
	if p.State != mockchannel.Created || q.Captured != 1000 || q.Refunded != 0 || w.received() != history.PaymentSucceeded {
		t.Errorf("something has changed: %+v %+v, %s", p, q, w.received())
	}
}

func TestNoDisputes(t *testing.T) {
	w := newWorld(t, func(c *mockchannel.Config) { c.Dialect = c.Dialect.(disputing).Dialect })
	id := w.paid("o1")
	w.wantHidden(w.get(pageOf(id)), `value="dispute"`)
	if a := w.click(id, url.Values{"act": {"dispute"}}); a.status != http.StatusBadRequest || !strings.Contains(a.body, "no disputes in the dialect standard") {
		t.Errorf("a dispute: %d %s", a.status, a.body)
	}
}
