package load

import (
	"context"
	"errors"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/paystorm/paystorm/history"
	"github.com/paystorm/paystorm/scenarios"
)

func TestABuyerWhoBehaves(t *testing.T) {
	m := newMarket(t)
	if err := m.runner("refund", Payer{}).Buy(t.Context(), 7, 42); err != nil {
		t.Fatal(err)
	}
	want := []string{"order ok", "pay ok", "poll ok", "refund ok"}
	if got := m.notes.told(); !slices.Equal(got, want) {
		t.Fatalf("got %v, want %v", got, want)
	}
	for n, op := range m.notes.ops {
		if op.Ref != "ps-r1-b7-o1" || op.Buyer != 7 || op.SKU != "phone" || op.Quantity != 1 || op.Order != "O1" ||
			op.Payment != "P1" || op.Phase != history.PhaseStorm || op.Fault != "" {
			t.Errorf("op %+v", op)
		}
		if op.Called == 0 || op.Returned < op.Called || (op.Intended == 42) != (n == 0) {
			t.Errorf("times of %+v", op)
		}
	}
	order, pay, refund := m.notes.ops[0], m.notes.ops[1], m.notes.ops[3]
	if order.State != "pending" || order.Status != 201 || refund.State != "refunded" {
		t.Errorf("order %+v, refund %+v", order, refund)
	}
	if pay.Minor != 499900 || pay.Currency != "CNY" || order.Minor != 0 {
		t.Errorf("pay %+v", pay)
	}
	if hit := m.hitsOf("POST /orders ")[0]; hit != `POST /orders {"buyer":"ps-r1-b7","quantity":1,"ref":"ps-r1-b7-o1","sku":"phone"}` {
		t.Error(hit)
	}
	if hit := m.hitsOf("POST /pay")[0]; hit != `POST /pay/P1 {"action":"pay","ref":"ps-r1-b7-o1"}` {
		t.Error(hit)
	}
	begin := m.notes.kind(history.JourneyBegin)
	if len(begin) != 1 || begin[0].IntendedAt != 42 || begin[0].Key != "refund" || begin[0].Ref != "ps-r1-b7-o1" {
		t.Errorf("begin %+v", begin)
	}
	if why := m.notes.ended(t); why != endCompleted {
		t.Error(why)
	}
}

func TestHowAJourneyEnds(t *testing.T) {
	cases := []struct {
		name, route string
		handler     http.HandlerFunc
		told        []string
		end         string
	}{
		{
			"sold out", "POST /orders", answering(409, `{"code": "SOLD_OUT"}`),
			[]string{"order refused sold_out"},
			"order: sold_out",
		},
		{
			"another reason", "POST /orders", answering(409, `{"code": "CLOSED"}`),
			[]string{"order refused CLOSED"},
			"order: CLOSED",
		},
		{
			"a refusal without its reason", "POST /orders", answering(409, `<html>`),
			[]string{"order unknown status 409 without a reason at code"},
			"order: status 409 without a reason at code",
		},
		{"a failure", "POST /orders", answering(500, ``), []string{"order unknown status 500"}, "order: status 500"},
		{
			"a success without what it promised", "POST /orders", answering(201, `{"id": "O1"}`),
			[]string{"order unknown status 201 without payment at payment_id"},
			"order: status 201 without payment at payment_id",
		},
		{
			"too slow", "POST /orders", func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() },
			[]string{"order unknown timeout"},
			"order: timeout",
		},
		{
			"broken off", "POST /orders", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
			[]string{"order unknown connection closed"},
			"order: connection closed",
		},
		{
			"half an answer", "POST /orders", func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Length", "100")
				w.WriteHeader(http.StatusCreated)
				_, _ = w.Write([]byte(`{"id": "O1"`))
			},
			[]string{"order unknown connection closed"},
			"order: connection closed",
		},
		{
			"an answer without end", "POST /orders", answering(201, strings.Repeat("x", bodyLimit+1)),
			[]string{"order unknown the answer is longer than 1 MiB"},
			"order: the answer is longer than 1 MiB",
		},
		{
			"a redirect", "POST /orders", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/skus", http.StatusSeeOther) },
			[]string{"order unknown status 303"},
			"order: status 303",
		},
		{
			"closed already", "POST /pay/{payment}", answering(409, `{"error": {"code": "payment_closed"}}`),
			[]string{"order ok", "pay refused payment_closed"},
			"pay: payment_closed",
		},
		{
			"no such payment", "POST /pay/{payment}", answering(404, `{"error": {"code": "payment_not_found"}}`),
			[]string{"order ok", "pay unknown status 404"},
			"pay: status 404",
		},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			m := newMarket(t)
			m.routes[c.route] = c.handler
			if err := m.runner("buy", Payer{}).Buy(t.Context(), 1, 1); err != nil {
				t.Fatal(err)
			}
			if got := m.notes.told(); !slices.Equal(got, c.told) {
				t.Errorf("told %q, want %q", got, c.told)
			}
			if why := m.notes.ended(t); why != c.end {
				t.Errorf("ended %q, want %q", why, c.end)
			}
			if len(m.hitsOf("GET /skus")) > 0 {
				t.Error("the redirect was followed")
			}
		})
	}
}

func TestPolls(t *testing.T) {
	t.Run("until patience ends", func(t *testing.T) {
		m := newMarket(t)
		m.routes["GET /orders/{id}"] = answering(200, `{"state": "PENDING"}`)
		if err := m.runner("buy", Payer{}).Buy(t.Context(), 1, 1); err != nil {
			t.Fatal(err)
		}
		polls := m.notes.told()[2:]
		if len(polls) < 5 || polls[len(polls)-1] != "poll ok" || m.notes.ended(t) != "poll: "+endPatience {
			t.Fatalf("%v, ended %s", polls, m.notes.ended(t))
		}
	})
	t.Run("past answers that say nothing", func(t *testing.T) {
		m := newMarket(t)
		told := 0
		m.routes["GET /orders/{id}"] = func(w http.ResponseWriter, r *http.Request) {
			bodies := []string{`{"state": "SHIPPING"}`, `no JSON`, `{"state": "paid"}`}
			if told++; told == 1 {
				answering(503, "")(w, r)
				return
			}
			answering(200, bodies[min(told-2, 2)])(w, r)
		}
		if err := m.runner("buy", Payer{}).Buy(t.Context(), 1, 1); err != nil {
			t.Fatal(err)
		}
		want := []string{
			"order ok", "pay ok", "poll unknown status 503", `poll ok state "SHIPPING" is not mapped`,
			"poll ok no state at state", "poll ok", "look ok",
		}
		if got := m.notes.told(); !slices.Equal(got, want) {
			t.Fatalf("told %q, want %q", got, want)
		}
		if states := []string{m.notes.ops[3].State, m.notes.ops[5].State}; !slices.Equal(states, []string{"", "paid"}) {
			t.Errorf("states %q", states)
		}
	})
}

// Whoever is interrupted leaves an operation without an answer, and a journey without an end.
func TestInterruption(t *testing.T) {
	m := newMarket(t)
	ctx, cancel := context.WithCancel(t.Context())
	m.routes["POST /orders"] = func(_ http.ResponseWriter, r *http.Request) {
		cancel()
		<-r.Context().Done()
	}
	if err := m.runner("buy", Payer{}).Buy(ctx, 1, 1); !errors.Is(err, context.Canceled) {
		t.Fatalf("got %v", err)
	}
	if got := m.notes.told(); !slices.Equal(got, []string{"order unknown no answer yet"}) {
		t.Errorf("told %q", got)
	}
	if ends := m.notes.kind(history.JourneyEnd); len(ends) > 0 {
		t.Errorf("ended %+v", ends)
	}
}

// One operation is one request, even where the transport would repeat it.
func TestTheTransportRepeatsNothing(t *testing.T) {
	cases := []struct {
		name string
		step scenarios.Step
	}{
		{"with a body", scenarios.Step{
			Name: "order", Post: "/orders", JSON: map[string]any{"ref": "{{ ref }}"}, Header: map[string]string{"Idempotency-Key": "{{ ref }}"},
		}},
		{"without a body", scenarios.Step{Name: "order", Post: "/orders", Header: map[string]string{"Idempotency-Key": "{{ ref }}"}}},
		{"by another name", scenarios.Step{Name: "order", Post: "/orders", Header: map[string]string{"X-Idempotency-Key": "{{ ref }}"}}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			m := newMarket(t)
			m.routes["POST /orders"] = func(w http.ResponseWriter, r *http.Request) {
				if r.Header.Get("Idempotency-Key")+r.Header.Get("X-Idempotency-Key") == "" {
					t.Error("the key did not arrive")
				}
				if len(m.hitsOf("POST /orders")) > 1 { // the first leaves a connection to be kept
					panic(http.ErrAbortHandler)
				}
				answering(201, `{}`)(w, r)
			}
			r := m.runner("buy", Payer{}, func(p *scenarios.Plan) {
				c.step.OK = scenarios.Match{Status: []int{201}}
				p.System.Journeys["buy"] = []scenarios.Step{c.step}
			})
			for buyer := range 2 {
				if err := r.Buy(t.Context(), buyer+1, 1); err != nil {
					t.Fatal(err)
				}
			}
			want := []string{"order ok", "order unknown connection closed"}
			orders := len(m.hitsOf("POST /orders"))
			if got := m.notes.told(); !slices.Equal(got, want) || orders != 2 {
				t.Errorf("told %q after %d requests, want %q after 2", got, orders, want)
			}
		})
	}
}

func TestMisbehaviour(t *testing.T) {
	const soon = 20 * time.Millisecond
	one := &Behaviour{Fault: "f1"}
	cases := []struct {
		name, journey string
		payer         Payer
		told          []string
		faulty        []int // operations that carry the fault
		did           string
		end           string
	}{
		{
			name: "abandon", payer: Payer{Abandon: one}, did: didAbandon,
			told: []string{"order ok"}, end: endAbandoned,
		},
		{
			name: "decline first", payer: Payer{DeclineFirst: one}, did: didDeclineFirst, faulty: []int{1},
			told: []string{"order ok", "pay refused declined", "pay ok", "poll ok", "look ok"}, end: endCompleted,
		},
		{
			name: "pay late", payer: Payer{PayLate: &Behaviour{Fault: "f1", After: time.Hour}}, did: didPayLate, faulty: []int{1},
			told: []string{"order ok", "pay ok", "poll ok", "look ok"}, end: endCompleted,
		},
		{
			name: "pay twice", payer: Payer{PayTwice: one}, did: didPayTwice, faulty: []int{1, 3},
			told: []string{"order ok", "payment ok", "pay ok", "pay ok", "poll ok", "look ok"}, end: endCompleted,
		},
		{
			name: "switch to the second", payer: Payer{SwitchPayment: &Behaviour{Fault: "f1", Second: true}}, did: didSwitchPayment, faulty: []int{1, 2},
			told: []string{"order ok", "payment ok", "pay ok", "poll ok", "look ok"}, end: endCompleted,
		},
		{
			name: "stay with the first", payer: Payer{SwitchPayment: &Behaviour{Fault: "f1", Declines: true}}, did: didSwitchPayment, faulty: []int{1, 2, 3},
			told: []string{"order ok", "payment ok", "pay ok", "pay refused declined", "poll ok", "look ok"}, end: endCompleted,
		},
		{
			name: "pay after cancel", payer: Payer{PayAfterCancel: one}, did: didPayAfterCancel, faulty: []int{1, 2},
			told: []string{"order ok", "cancel ok", "pay ok", "poll ok", "look ok"}, end: endCompleted,
		},
		{
			name: "cancel race", payer: Payer{CancelRace: &Behaviour{Fault: "f1", After: soon}}, did: didCancelRace, faulty: []int{1, 2},
			told: []string{"order ok", "pay ok", "cancel ok", "poll ok", "look ok"}, end: endCompleted,
		},
		{
			name: "double click", payer: Payer{DoubleClick: &Behaviour{Fault: "f1", After: soon, Count: 2}}, did: didDoubleClick,
			faulty: []int{1}, told: []string{"order ok", "order ok", "pay ok", "poll ok", "look ok"}, end: endCompleted,
		},
		{
			name: "parallel refunds", journey: "refund", payer: Payer{ParallelRefunds: &Behaviour{Fault: "f1", Count: 3}},
			did: didParallelRefunds, faulty: []int{4, 5}, end: endCompleted,
			told: []string{"order ok", "pay ok", "poll ok", "refund ok", "refund ok", "refund ok"},
		},
		{
			name: "retry storm", payer: Payer{RetryStorm: &Behaviour{Fault: "f1", Count: 2, After: soon}}, did: didRetryStorm,
			faulty: []int{1, 4, 6}, end: endCompleted,
			told: []string{"order ok", "order ok", "pay ok", "poll ok", "poll ok", "look ok", "look ok"},
		},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			m := newMarket(t)
			journey := "buy"
			if c.journey != "" {
				journey = c.journey
			}
			if err := m.runner(journey, c.payer).Buy(t.Context(), 7, 42); err != nil {
				t.Fatal(err)
			}
			if got := m.notes.told(); !slices.Equal(got, c.told) {
				t.Errorf("told %q, want %q", got, c.told)
			}
			var faulty []int
			for n, op := range m.notes.ops {
				if op.Fault != "" {
					faulty = append(faulty, n)
				}
				if op.Ref != "ps-r1-b7-o1" || (n > 0 && op.Intended != 0) {
					t.Errorf("op %+v", op)
				}
			}
			if c.did == didParallelRefunds { // which of them is the first is the scheduler's business
				if len(faulty) != len(c.faulty) {
					t.Errorf("faulty %v, want %d of them", faulty, len(c.faulty))
				}
			} else if !slices.Equal(faulty, c.faulty) {
				t.Errorf("faulty %v, want %v", faulty, c.faulty)
			}
			if why := m.notes.ended(t); why != c.end {
				t.Errorf("ended %q, want %q", why, c.end)
			}
			want := []history.Event{{
				Source: history.SourceFault, Kind: history.FaultAffected, Fault: "f1", Key: c.did,
				Ref: "ps-r1-b7-o1", Buyer: 7, Order: "O1", Payment: "P1",
			}}
			if got := m.notes.kind(history.FaultAffected); !reflect.DeepEqual(got, want) {
				t.Errorf("affected %+v, want %+v", got, want)
			}
		})
	}
}

// Which of the two is paid, the channel's address says.
func TestSwitchPaymentPaysOne(t *testing.T) {
	for second, want := range map[bool]string{false: "POST /pay/P1", true: "POST /pay/P2"} {
		m := newMarket(t)
		if err := m.runner("buy", Payer{SwitchPayment: &Behaviour{Fault: "f1", Second: second}}).Buy(t.Context(), 7, 0); err != nil {
			t.Fatal(err)
		}
		if paid := m.hitsOf("POST /pay"); len(paid) != 1 || !strings.HasPrefix(paid[0], want) {
			t.Errorf("paid %q, want %s", paid, want)
		}
	}
}

// A payment that made itself is refused to the buyer, who goes on all the same: else nobody asks about just these orders.
func TestPaidAlready(t *testing.T) {
	m := newMarket(t)
	m.routes["POST /pay/{payment}"] = func(w http.ResponseWriter, r *http.Request) {
		m.mutex.Lock()
		m.states["O1"] = "PAID"
		m.mutex.Unlock()
		answering(http.StatusConflict, `{"error": {"code": "payment_succeeded"}}`)(w, r)
	}
	if err := m.runner("buy", Payer{}).Buy(t.Context(), 7, 0); err != nil {
		t.Fatal(err)
	}
	want := []string{"order ok", "pay refused payment_succeeded", "poll ok", "look ok"}
	if got := m.notes.told(); !slices.Equal(got, want) {
		t.Errorf("told %q, want %q", got, want)
	}
	if why := m.notes.ended(t); why != endCompleted {
		t.Errorf("ended %q", why)
	}
}

// What the payer meant to do and could not is not counted as done.
func TestMisbehaviourThatCameToNothing(t *testing.T) {
	one := &Behaviour{Fault: "f1"}
	cases := []struct {
		name, route string
		handler     http.HandlerFunc
		payer       Payer
		told        []string
	}{
		{
			"the order was refused before it could be abandoned", "POST /orders", answering(409, `{"code": "SOLD_OUT"}`),
			Payer{Abandon: one},
			[]string{"order refused sold_out"},
		},
		{
			"the shop gives no second payment", "POST /orders/{id}/payments", answering(409, ``),
			Payer{PayTwice: one},
			[]string{"order ok", "payment unknown status 409", "pay ok", "poll ok", "look ok"},
		},
		{
			"the shop gives the same payment again", "POST /orders/{id}/payments", answering(201, `{"payment_id": "P1"}`),
			Payer{PayTwice: one},
			[]string{"order ok", "payment ok", "pay ok", "poll ok", "look ok"},
		},
		{
			"the shop does not cancel", "POST /orders/{id}/cancel", answering(409, `{"code": "PAID"}`),
			Payer{PayAfterCancel: one},
			[]string{"order ok", "cancel refused PAID", "pay ok", "poll ok", "look ok"},
		},
		{
			"nobody knows whether the shop has cancelled", "POST /orders/{id}/cancel", answering(500, ``),
			Payer{PayAfterCancel: one},
			[]string{"order ok", "cancel unknown status 500", "pay ok", "poll ok", "look ok"},
		},
		{
			"the channel takes no late payment", "POST /pay/{payment}", answering(409, `{"error": {"code": "payment_closed"}}`),
			Payer{PayLate: &Behaviour{Fault: "f1", After: time.Second}},
			[]string{"order ok", "pay refused payment_closed"},
		},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			m := newMarket(t)
			m.routes[c.route] = c.handler
			if err := m.runner("buy", c.payer).Buy(t.Context(), 1, 1); err != nil {
				t.Fatal(err)
			}
			if got := m.notes.told(); !slices.Equal(got, c.told) {
				t.Errorf("told %q, want %q", got, c.told)
			}
			if got := m.notes.kind(history.FaultAffected); len(got) > 0 {
				t.Errorf("affected %+v", got)
			}
		})
	}
}

func TestPayLateIsTheChannelsTimer(t *testing.T) {
	m := newMarket(t)
	if err := m.runner("buy", Payer{PayLate: &Behaviour{Fault: "f1", After: 1500 * time.Millisecond}}).Buy(t.Context(), 7, 1); err != nil {
		t.Fatal(err)
	}
	if hit := m.hitsOf("POST /pay")[0]; hit != `POST /pay/P1 {"action":"pay","after_ms":1500,"ref":"ps-r1-b7-o1"}` {
		t.Error(hit)
	}
}

// Buyers are dealt journeys, items and quantities by the seed and their number, and by nothing else.
func TestLuck(t *testing.T) {
	deal := func() (journeys, items, pairs int, refs []string) {
		m := newMarket(t)
		r := m.runner("buy", Payer{}, func(p *scenarios.Plan) {
			p.Items = append(p.Items, p.Items[0])
			p.Items[1].SKU, p.Items[1].PerBuyer = "case", 3
			p.Journeys = []scenarios.JourneyShare{{Name: "buy", Share: 0.9}, {Name: "refund", Share: 0.1}}
		})
		m.routes["POST /orders"] = answering(409, `{"code": "SOLD_OUT"}`)
		for buyer := 1; buyer <= 300; buyer++ {
			if err := r.Buy(t.Context(), buyer, 1); err != nil {
				t.Fatal(err)
			}
		}
		for _, begin := range m.notes.kind(history.JourneyBegin) {
			if begin.Key == "refund" {
				journeys++
				refs = append(refs, begin.Ref)
			}
		}
		for _, op := range m.notes.ops {
			if op.SKU == "case" {
				items++
			}
			if op.Quantity == 2 {
				pairs++
			}
			if op.SKU == "phone" && op.Quantity != 1 {
				t.Errorf("beyond the limit: %+v", op)
			}
		}
		return journeys, items, pairs, refs
	}
	journeys, items, pairs, refs := deal()
	if journeys < 15 || journeys > 50 || items < 110 || items > 190 || pairs < 5 || pairs > 30 {
		t.Errorf("of 300: %d refunds, %d cases, %d pairs", journeys, items, pairs)
	}
	if _, _, _, again := deal(); !slices.Equal(refs, again) {
		t.Error("the same seed dealt otherwise")
	}
}
