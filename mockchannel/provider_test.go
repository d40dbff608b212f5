package mockchannel_test

import (
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/paystorm/paystorm/history"
	"github.com/paystorm/paystorm/mockchannel"
	"github.com/paystorm/paystorm/mockchannel/standard"
)

// named is the standard dialect with named messages: a success is told by two, a creation by a note.
type named struct{ mockchannel.Dialect }

func (named) Announce(kind string, _ mockchannel.Payment, _ *mockchannel.Refund) []mockchannel.Announcement {
	switch kind {
	case history.PaymentCreated:
		return []mockchannel.Announcement{{Event: "intent.created", Note: true}}
	case history.PaymentSucceeded:
		return []mockchannel.Announcement{{Event: "intent.succeeded"}, {Event: "charge.succeeded"}}
	case history.PaymentDisputed:
		return []mockchannel.Announcement{{Event: "dispute.created"}}
	default:
		return nil
	}
}

func ask(w *world) *mockchannel.Call { return w.channel.Call(merchant) }

func asked(order string) mockchannel.PaymentRequest {
	return mockchannel.PaymentRequest{Order: order, Minor: 1000, Currency: "CNY", Ref: "ps-r-b7-o1"}
}

// wantCode wants a refusal with a code.
func wantCode(t *testing.T, err error, code mockchannel.Code) {
	t.Helper()
	var refusal *mockchannel.Error
	if !errors.As(err, &refusal) || refusal.Code != code {
		t.Errorf("got %v, want %s", err, code)
	}
}

func TestEndpointsGetWhatTheySubscribedTo(t *testing.T) {
	tests := []struct {
		name   string
		events []string
		want   []string // types as the shop's messages are recorded, by name
	}{
		{"everything", nil, []string{"note intent.created", "payment.succeeded intent.succeeded", "note charge.succeeded"}},
		{"the first", []string{"intent.succeeded"}, []string{"payment.succeeded intent.succeeded"}},
		{"the second alone tells the change", []string{"charge.succeeded"}, []string{"payment.succeeded charge.succeeded"}},
		{"nothing", []string{"refund.updated"}, nil},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(t, nil, func(c *mockchannel.Config) { c.Dialect = named{standard.New()} })
			added := ask(w).AddEndpoint(mockchannel.Endpoint{URL: w.shop.URL + "/events", Events: test.events})
			made, err := ask(w).CreatePayment(asked("o1"))
			if err != nil {
				t.Fatal(err)
			}
			if _, err := w.channel.Pay(made.ID, "", 0); err != nil {
				t.Fatal(err)
			}
			w.quiet()
			var got []string
			for _, event := range w.recorded(history.DeliverySent) {
				got = append(got, event.State+" "+event.Key)
			}
			slices.Sort(got)
			want := slices.Sorted(slices.Values(test.want))
			if !slices.Equal(got, want) || len(w.received()) != len(want) {
				t.Errorf("sent %q, received %d, want %q", got, len(w.received()), want)
			}
			messages := ask(w).Messages()
			if len(messages) != 3 || messages[2].Event != "intent.created" {
				t.Errorf("%d messages are kept, want all three, newest first: %+v", len(messages), messages)
			}
			if one, err := ask(w).Message(messages[0].ID); err != nil || one.Event != messages[0].Event {
				t.Errorf("message %s: %+v, %v", messages[0].ID, one, err)
			}
			if _, err := ask(w).RemoveEndpoint(added.ID); err != nil || len(ask(w).Endpoints()) != 0 {
				t.Errorf("remove: %v, left %v", err, ask(w).Endpoints())
			}
		})
	}
}

func TestTheProviderGivesBack(t *testing.T) {
	tests := []struct {
		name, reason string
		fault        mockchannel.ChangeFault
		event        string // of the notification
	}{
		{"refund", "", mockchannel.ChangeFault{GiveBack: &mockchannel.GiveBack{Fault: "f", After: time.Millisecond}}, history.RefundSucceeded},
		{
			"dispute", history.ReasonDispute,
			mockchannel.ChangeFault{Dispute: &mockchannel.Dispute{Fault: "f", After: time.Millisecond}},
			history.PaymentDisputed,
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(t, onChange(mockchannel.ChangePaid, test.fault))
			id := w.createAndPay("o1")
			w.quiet()
			p, _ := w.channel.Find(id)
			if p.Refunded != 1000 {
				t.Errorf("refunded %d, want all", p.Refunded)
			}
			done := w.recorded(history.RefundSucceeded)
			if len(done) != 1 || done[0].MerchantRefund != "" || done[0].Refund == "" || done[0].Reason != test.reason {
				t.Errorf("recorded %+v", done)
			}
			told := w.recorded(history.DeliverySent)
			if test.name == "refund" && told[len(told)-1].State != test.event {
				t.Errorf("told %+v", told)
			}
			if _, err := w.channel.GiveBack(id, 1, ""); err == nil {
				t.Error("more was given back than was captured")
			}
			w.wantAffected(1)
		})
	}
}

func TestProbeComesBeforeTheRightOne(t *testing.T) {
	w := newWorld(t, script{notice: func(mockchannel.Notice) mockchannel.NoticeFault {
		return mockchannel.NoticeFault{Probe: &mockchannel.Probe{Fault: "f"}}
	}})
	w.replies(func(received) int { return http.StatusServiceUnavailable })
	w.createAndPay("o1")
	w.eventually("the probe, and four attempts", func() bool { return len(w.received()) == 5 })
	w.quiet()
	sent := w.recorded(history.DeliverySent)
	if sent[0].Forgery != history.ForgeryProbe || sent[0].Notification != sent[1].Notification {
		t.Errorf("the first is %+v, want a probe with the id of the right one", sent[0])
	}
	for _, event := range sent[1:] {
		if event.Forgery != "" {
			t.Errorf("%+v: want one probe, not one per attempt", event)
		}
	}
	w.wantAffected(1)
}

func TestACopyGoesToAnOldEndpoint(t *testing.T) {
	w := newWorld(t, script{notice: func(mockchannel.Notice) mockchannel.NoticeFault {
		return mockchannel.NoticeFault{Duplicates: []mockchannel.Duplicate{{Fault: "f", Count: 1, Path: "/old"}}}
	}})
	refusals := 0
	w.replies(func(m received) int {
		if m.Path == "/old" || refusals > 0 {
			return http.StatusOK
		}
		refusals++ // so that an answer of the old endpoint would end the schedule
		return http.StatusServiceUnavailable
	})
	w.createAndPay("o1")
	w.quiet()
	var paths []string
	for _, message := range w.received() {
		paths = append(paths, message.Path)
	}
	slices.Sort(paths)
	if !slices.Equal(paths, []string{"/callback/o1", "/callback/o1", "/old"}) {
		t.Errorf("posted to %q", paths)
	}
	w.wantAffected(1)
}

func TestAPaymentIsInProcess(t *testing.T) {
	w := newWorld(t, onChange(mockchannel.ChangePaying, mockchannel.ChangeFault{
		Process: &mockchannel.Process{Fault: "f", By: 50 * time.Millisecond},
	}))
	id := w.create("o1")
	if a := w.pay(id); a.status != http.StatusAccepted || a.State != "pending" {
		t.Errorf("the payer is told %d %s", a.status, a.body)
	}
	if a := w.do(http.MethodGet, "/v1/payments/"+id, ""); a.State != "pending" {
		t.Errorf("the merchant is told %s", a.body)
	}
	w.quiet()
	if p, _ := w.channel.Find(id); p.State != mockchannel.Succeeded {
		t.Errorf("in the end it is %s", p.State)
	}
	w.wantAffected(1)
}

func TestTwinHasAnIDOfItsOwn(t *testing.T) {
	w := newWorld(t, script{notice: func(mockchannel.Notice) mockchannel.NoticeFault {
		return mockchannel.NoticeFault{Twin: &mockchannel.Twin{Fault: "f", After: time.Millisecond}}
	}})
	w.createAndPay("o1")
	w.quiet()
	got := w.received()
	if len(got) != 2 || got[0].Type != got[1].Type || got[0].Header.Get("webhook-id") == got[1].Header.Get("webhook-id") {
		t.Fatalf("received %d: %v", len(got), types(got))
	}
	w.wantAffected(1)
}

func TestSpoiltBills(t *testing.T) {
	tests := []struct {
		how    mockchannel.SpoilHow
		failed bool // a refund has failed
		differ bool
	}{
		{mockchannel.SpoilMissing, false, true},
		{mockchannel.SpoilExtra, false, true},
		{mockchannel.SpoilAmount, false, true},
		{mockchannel.SpoilUnit, false, true},
		{mockchannel.SpoilDay, false, true},
		{mockchannel.SpoilRefund, true, true},
		{mockchannel.SpoilRefund, false, false},
	}
	for _, test := range tests {
		t.Run(string(test.how), func(t *testing.T) {
			spoils := false
			w := newWorld(t, script{
				request: func(q mockchannel.Request) mockchannel.RequestFault {
					if !spoils || q.Operation != mockchannel.OpBill {
						return mockchannel.RequestFault{}
					}
					return mockchannel.RequestFault{Spoil: &mockchannel.Spoil{Fault: "f", How: test.how}}
				},
				change: func(q mockchannel.Change) mockchannel.ChangeFault {
					if !test.failed || q.Kind != mockchannel.ChangeRefund {
						return mockchannel.ChangeFault{}
					}
					return mockchannel.ChangeFault{RefundFails: &mockchannel.RefundFails{Reason: "closed"}}
				},
			})
			w.refund(w.createAndPay("o1"), "r1", 500)
			w.createAndPay("o2")
			right := w.do(http.MethodGet, "/v1/bill", "")
			spoils = true
			spoilt := w.do(http.MethodGet, "/v1/bill", "")
			if differs := string(right.body) != string(spoilt.body); differs != test.differ {
				t.Errorf("differs: %v\n%s\n%s", differs, right.body, spoilt.body)
			}
			if test.differ {
				w.eventually("affected", func() bool { return len(w.recorded(history.FaultAffected)) == 1 })
			} else if affected := w.recorded(history.FaultAffected); len(affected) > 0 {
				t.Errorf("affected %+v", affected)
			}
		})
	}
}

func TestMerchantCaptures(t *testing.T) {
	w := newWorld(t, nil)
	request := asked("o1")
	request.Manual = true
	made, err := ask(w).CreatePayment(request)
	if err != nil {
		t.Fatal(err)
	}
	_, err = ask(w).Capture(made.ID, 1000)
	wantCode(t, err, mockchannel.CodePaymentNotAuthorized)
	if p, err := w.channel.Pay(made.ID, "", 0); err != nil || p.State != mockchannel.Authorized || p.Captured != 0 {
		t.Fatalf("authorized: %+v, %v", p, err)
	}
	_, err = ask(w).Capture(made.ID, 1001)
	wantCode(t, err, mockchannel.CodeInvalidRequest)
	if p, err := ask(w).Capture(made.ID, 600); err != nil || p.State != mockchannel.Succeeded || p.Captured != 600 {
		t.Fatalf("captured: %+v, %v", p, err)
	}
	_, err = ask(w).Close(made.ID, "")
	wantCode(t, err, mockchannel.CodePaymentSucceeded)
	if got := w.recorded(history.PaymentAuthorized); len(got) != 1 || got[0].Minor != 1000 {
		t.Errorf("recorded %+v", got)
	}
}

func TestUpdateChangesWhatIsAskedFor(t *testing.T) {
	w := newWorld(t, nil)
	made, err := ask(w).CreatePayment(asked("o1"))
	if err != nil {
		t.Fatal(err)
	}
	double := func(p *mockchannel.Payment) error {
		p.Minor *= 2
		return nil
	}
	if p, err := ask(w).Update(made.ID, double); err != nil || p.Minor != 2000 || p.Version != 2 {
		t.Fatalf("updated: %+v, %v", p, err)
	}
	if p, err := w.channel.Pay(made.ID, "", 0); err != nil || p.Captured != 2000 {
		t.Fatalf("paid: %+v, %v", p, err)
	}
	_, err = ask(w).Update(made.ID, double)
	wantCode(t, err, mockchannel.CodePaymentSucceeded)
	if got := w.recorded(history.PaymentUpdated); len(got) != 1 || got[0].Minor != 2000 {
		t.Errorf("recorded %+v", got)
	}
}

func TestOnlyOnePaymentPerNumber(t *testing.T) {
	w := newWorld(t, nil)
	ids := make([]string, 50)
	var group sync.WaitGroup
	for i := range ids {
		group.Go(func() {
			made, _, err := ask(w).CreateOnlyPayment(asked("o1"))
			if err != nil {
				t.Error(err)
			}
			ids[i] = made.ID
		})
	}
	group.Wait()
	if distinct := slices.Compact(slices.Sorted(slices.Values(ids))); len(distinct) != 1 {
		t.Errorf("%d payments of one number: %v", len(distinct), distinct)
	}
	if events := w.recorded(history.PaymentCreated); len(events) != 1 {
		t.Errorf("%d were recorded", len(events))
	}
}

func TestExpiryCloses(t *testing.T) {
	w := newWorld(t, nil)
	request := asked("o1")
	request.NotifyURL = w.shop.URL + "/callback"
	request.Expires = time.Now().Add(80 * time.Millisecond)
	made, err := ask(w).CreatePayment(request)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.channel.Pay(made.ID, "", 150*time.Millisecond); err != nil { // begun in time, too late in the end
		t.Fatal(err)
	}
	w.quiet()
	p, _ := w.channel.Find(made.ID)
	if p.State != mockchannel.Closed || p.Captured != 0 {
		t.Errorf("the payment is %+v", p)
	}
	_, err = w.channel.Pay(made.ID, "", 0)
	wantCode(t, err, mockchannel.CodePaymentClosed)
}

// TestBusinessTimeIsCompressed lets a day pass in a second: the provider's own schedule follows, and what the merchant is
// told is business time.
func TestBusinessTimeIsCompressed(t *testing.T) {
	w := newWorld(t, nil, func(c *mockchannel.Config) {
		c.Retry = nil // the dialect's own, which begins with 5 s and 5 min
		c.Business = &mockchannel.Business{Span: 24 * time.Hour, In: time.Second}
	})
	w.replies(func(received) int { return http.StatusServiceUnavailable })
	begin := time.Now()
	id := w.createAndPay("o1")
	w.eventually("three attempts", func() bool { return len(w.received()) >= 3 })
	if took := time.Since(begin); took > time.Second {
		t.Errorf("three attempts took %v", took)
	}
	lines := ask(w).Bill()
	paid, _ := w.channel.Find(id)
	if ahead, want := lines[0].At.Sub(w.clock.Wall(0)), paid.PaidAt.Duration()*24*3600; (ahead - want).Abs() >= time.Second { // a microsecond is 86 ms there
		t.Errorf("the bill is dated %v after the run's start, want %v", ahead, want)
	}
	signed, err := strconv.ParseInt(w.received()[0].Header.Get("webhook-timestamp"), 10, 64)
	if away := time.Since(time.Unix(signed, 0)); err != nil || away < -time.Second || away > time.Minute {
		t.Errorf("signed %v away from the wall clock: %v", away, err)
	}
}

// directed is the standard dialect with refunds that say where their messages go.
type directed struct {
	mockchannel.Dialect
	path       string // of the shop, instead of the payment's
	toMerchant bool
}

func (d directed) Announce(kind string, p mockchannel.Payment, _ *mockchannel.Refund) []mockchannel.Announcement {
	switch {
	case kind != history.RefundSucceeded:
		return nil
	case d.path == "":
		return []mockchannel.Announcement{{ToMerchant: d.toMerchant}}
	default:
		address := strings.Replace(p.NotifyURL, "/callback/o1", d.path, 1)
		return []mockchannel.Announcement{{URL: address, ToMerchant: d.toMerchant}}
	}
}

func TestRefundsMayHaveAddressesOfTheirOwn(t *testing.T) {
	for name, test := range map[string]struct {
		dialect directed
		want    string
	}{
		"the payment's":            {directed{}, "/callback/o1"},
		"its own":                  {directed{path: "/own"}, "/own"},
		"the merchant's":           {directed{toMerchant: true}, "/merchant"},
		"its own before any other": {directed{path: "/own", toMerchant: true}, "/own"},
	} {
		t.Run(name, func(t *testing.T) {
			test.dialect.Dialect = standard.New()
			w := newWorld(t, nil, func(c *mockchannel.Config) { c.Dialect = test.dialect })
			ask(w).AddEndpoint(mockchannel.Endpoint{URL: w.shop.URL + "/merchant"})
			if a := w.refund(w.createAndPay("o1"), "r1", 100); a.status != http.StatusCreated {
				t.Fatalf("refund: %d %s", a.status, a.body)
			}
			w.quiet()
			if got := w.received(); len(got) != 1 || got[0].Path != test.want {
				t.Errorf("received %+v, want one at %s", got, test.want)
			}
		})
	}
}

// noting is the standard dialect, and keeps the messages that it encodes.
type noting struct {
	mockchannel.Dialect
	mutex    *sync.Mutex
	messages *[]mockchannel.Message
}

func (n noting) Encode(message mockchannel.Message, at time.Time) (mockchannel.Envelope, error) {
	n.mutex.Lock()
	defer n.mutex.Unlock()
	*n.messages = append(*n.messages, message)
	return n.Dialect.Encode(message, at)
}

// TestMessagesAreDatedInBusinessTime: a message says when its payment was made and paid, and when it is sent itself.
func TestMessagesAreDatedInBusinessTime(t *testing.T) {
	spoken := noting{standard.New(), &sync.Mutex{}, &[]mockchannel.Message{}}
	w := newWorld(t, nil, func(c *mockchannel.Config) {
		c.Dialect = spoken
		c.Business = &mockchannel.Business{Span: 24 * time.Hour, In: time.Second}
	})
	w.replies(func(received) int { return http.StatusServiceUnavailable })
	id := w.create("o1")
	if _, err := w.channel.Pay(id, "", 20*time.Millisecond); err != nil {
		t.Fatal(err)
	}
	w.eventually("two attempts", func() bool { return len(w.received()) >= 2 })
	spoken.mutex.Lock()
	defer spoken.mutex.Unlock()
	first, second := (*spoken.messages)[0], (*spoken.messages)[1]
	if first.Paid.Sub(first.Created) < 28*time.Minute || first.At.Before(first.Paid) || !first.Paid.Equal(second.Paid) {
		t.Errorf("created %v, paid %v, paid again %v, changed %v", first.Created, first.Paid, second.Paid, first.At)
	}
	if first.Sent.Before(first.Paid) || second.Sent.Sub(first.Sent) < 28*time.Minute {
		t.Errorf("paid %v, sent %v and %v", first.Paid, first.Sent, second.Sent)
	}
	call := w.channel.Call(merchant)
	if ahead := call.Ahead(24 * time.Hour).Sub(call.Wall()); ahead < 900*time.Millisecond || ahead > time.Second {
		t.Errorf("a day of business is %v of the wall clock", ahead)
	}
}

func TestRefundNumbersOfOnePaymentOnly(t *testing.T) {
	for name, perPayment := range map[string]bool{"of all": false, "of one": true} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, nil)
			var last error
			for _, order := range []string{"o1", "o2"} {
				request := mockchannel.RefundRequest{Payment: w.createAndPay(order), Number: "1", Minor: 10, PerPayment: perPayment}
				_, _, last = ask(w).Refund(request)
				if _, repeated, err := ask(w).Refund(request); err == nil != (last == nil) || (err == nil && !repeated) {
					t.Errorf("a repeat: %v, %v", repeated, err)
				}
			}
			if perPayment {
				if last != nil {
					t.Error(last)
				}
				return
			}
			wantCode(t, last, mockchannel.CodeRefundMismatch)
		})
	}
}

// rotating is the standard dialect with a second key, of which its refunds' messages know nothing.
type rotating struct{ mockchannel.Dialect }

func (r rotating) Encode(message mockchannel.Message, now time.Time) (mockchannel.Envelope, error) {
	envelope, err := r.Dialect.Encode(message, now)
	envelope.Rotated = message.NextKey && message.Refund == nil
	return envelope, err
}

// Only what the next key has really signed was affected.
func TestKeysRotate(t *testing.T) {
	w := newWorld(t, script{
		request: func(mockchannel.Request) mockchannel.RequestFault {
			return mockchannel.RequestFault{Rotate: &mockchannel.Rotate{Fault: "f"}}
		},
		attempt: func(mockchannel.Notice, int) mockchannel.AttemptFault {
			return mockchannel.AttemptFault{Rotate: &mockchannel.Rotate{Fault: "f"}}
		},
	}, func(c *mockchannel.Config) { c.Dialect = rotating{standard.New()} })
	w.refund(w.createAndPay("o1"), "r1", 100)
	w.quiet()
	if affected := w.wantAffected(1); affected[0].Key != history.PaymentSucceeded || len(w.received()) != 2 {
		t.Errorf("affected %+v of %d", affected, len(w.received()))
	}
}

func TestRefundIsTriedAgainUnderItsNumber(t *testing.T) {
	for name, again := range map[string]bool{"stays failed": false, "is tried anew": true} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, nil)
			request := mockchannel.RefundRequest{Payment: w.createAndPay("o1"), Number: "1", Minor: 1000, Again: again, Fails: "account closed"}
			first, _, err := ask(w).Refund(request)
			if err != nil {
				t.Fatal(err)
			}
			w.quiet()
			request.Fails = ""
			second, repeated, err := ask(w).Refund(request)
			if err != nil || repeated == again || (second.ID == first.ID) == again {
				t.Errorf("asked again: %+v, %v, %v", second, repeated, err)
			}
			w.quiet()
			want := map[bool]string{false: history.RefundBroken, true: history.RefundDone}[again]
			if now, err := ask(w).RefundByNumber("1"); err != nil || now.State != want {
				t.Errorf("in the end %+v, %v", now, err)
			}
			request.Minor = 1
			if _, _, err := ask(w).Refund(request); err == nil {
				t.Error("another amount under the number was taken")
			}
		})
	}
}
