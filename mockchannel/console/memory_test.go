package console

import (
	"testing"

	"github.com/paystorm/paystorm/history"
	"github.com/paystorm/paystorm/mockchannel"
)

func TestMemoryForgetsTheOldest(t *testing.T) {
	const bound = 20 * eventBytes
	m := newMemory(bound)
	for i := range 100 {
		payment := "a"
		if i%2 == 1 {
			payment = "b"
		}
		m.record(history.Event{At: history.Time(i), Kind: history.PaymentCreated, Payment: payment})
	}
	a, b := m.story("a"), m.story("b")
	if len(a) != 10 || len(b) != 10 || a[0].event.At != 80 || b[9].event.At != 99 || m.lost() != 80 || m.size > bound {
		t.Errorf("kept %d and %d, lost %d, %d bytes", len(a), len(b), m.lost(), m.size)
	}
	// A large exchange takes the place of many events, and one that is too large for itself is kept alone.
	large := mockchannel.Trace{
		Event:  history.Event{Kind: history.Request, Payment: "c"},
		Answer: mockchannel.Content{Body: make([]byte, bound)}, At: 100,
	}
	m.trace(large)
	if len(m.story("a"))+len(m.story("b")) != 0 || len(m.story("c")) != 1 || len(m.byPayment) != 1 || len(m.sent) != 0 {
		t.Errorf("kept %d, %d and %d", len(m.story("a")), len(m.story("b")), len(m.story("c")))
	}
	m.record(history.Event{At: 101, Kind: history.PaymentCreated, Payment: "a"})
	if len(m.story("c")) != 0 || len(m.story("a")) != 1 {
		t.Error("what is too large is kept for ever")
	}
}

func TestMemoryJoinsSentAndAnswered(t *testing.T) {
	m := newMemory(Bound)
	sent := history.Event{Kind: history.DeliverySent, Payment: "p", Notification: "n", Attempt: 1}
	answered := sent
	answered.Kind = history.DeliveryAnswered
	m.record(sent)
	m.record(sent) // to a second address
	m.record(answered)
	m.trace(mockchannel.Trace{Event: answered, URL: "one"})
	if story := m.story("p"); len(story) != 2 || story[0].traced == nil || story[1].traced != nil {
		t.Fatalf("one of two is answered: %+v", story)
	}
	m.trace(mockchannel.Trace{Event: answered, URL: "two"})
	m.trace(mockchannel.Trace{Event: answered, URL: "unasked"})
	story := m.story("p")
	if len(story) != 3 || story[1].traced.URL != "two" || story[2].traced.URL != "unasked" || len(m.sent) != 0 {
		t.Errorf("all are answered: %+v", story)
	}
}

func TestMemoryForgetsWhatWasNeverAnswered(t *testing.T) {
	m := newMemory(10 * eventBytes)
	for i := range 100 {
		m.record(history.Event{Kind: history.DeliverySent, Payment: "p", Notification: "n", Attempt: i})
	}
	if len(m.sent) != 10 {
		t.Errorf("%d attempts are waited for, and 10 kept", len(m.sent))
	}
}

func TestVeil(t *testing.T) {
	v := newVeil([]mockchannel.Merchant{{
		ID: "m", APIKey: "2021000123456789", NotifySecret: "whsec_0123456789abcdef",
		Told: map[string]string{"public": "-----BEGIN PUBLIC KEY-----\nabcdefghijklmnop", "key": "sk_live_0123456789"},
	}})
	for text, want := range map[string]string{
		"app_id=2021000123456789":                      "app_id=2021000123456789",
		"secret=whsec_0123456789abcdef&x":              "secret=whsec_0…&x",
		"sk_live_0123456789":                           "sk_liv…",
		"-----BEGIN PUBLIC KEY-----\nabcdefghijklmnop": "-----BEGIN PUBLIC KEY-----\nabcdefghijklmnop",
		"nothing to hide":                              "nothing to hide",
		`"whsec_ab\/cd&#43;efghijklmn"`:                `"whsec_ab\/cd&#43;efghijklmn"`,
	} {
		if got := v.over(text); got != want {
			t.Errorf("%q is shown as %q, want %q", text, got, want)
		}
	}
	for value, want := range map[string]string{
		"Basic c2tfbGl2ZV8wMTIzNDU2Nzg5Og==": "Basic c2tfbGl…",
		"bearer something-else":              "bearer some…",
		`WECHATPAY2 mchid="1",serial="2"`:    `WECHATPAY2 mchid="1",serial="2"`,
	} {
		if got := veiledHeader("Authorization", value); got != want {
			t.Errorf("Authorization: %q is shown as %q, want %q", value, got, want)
		}
	}
}
