package load

import (
	"net/http"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/paystorm/paystorm/history"
	"github.com/paystorm/paystorm/scenarios"
)

// saying answers with one after the other, and then with the last for ever.
func saying(handlers ...http.HandlerFunc) http.HandlerFunc {
	var asked atomic.Int64
	return func(w http.ResponseWriter, r *http.Request) {
		handlers[min(int(asked.Add(1)), len(handlers))-1](w, r)
	}
}

func TestBranches(t *testing.T) {
	ok := scenarios.Match{Status: []int{200}}
	apologise := scenarios.Step{Name: "apologise", Get: "/sorry", OK: ok}
	cases := []struct {
		name   string
		change func(order, pay, poll *scenarios.Step)
		routes map[string]http.HandlerFunc
		told   []string
		end    string
	}{
		{
			name: "a refusal leads to other steps and a named end",
			change: func(order, _, _ *scenarios.Step) {
				order.On = map[string][]scenarios.Step{
					"sold_out":           {apologise, {Name: "stop", End: "wait-listed"}},
					scenarios.OnRefused:  {{Name: "stop", End: "refused"}},
					scenarios.OnUnknown:  {{Name: "stop", End: "unknown"}},
					scenarios.OnPatience: {{Name: "stop", End: "patience"}},
				}
			},
			routes: map[string]http.HandlerFunc{"POST /orders": answering(409, `{"code": "SOLD_OUT"}`)},
			told:   []string{"order refused sold_out", "apologise ok"}, end: "wait-listed",
		},
		{
			name: "another refusal leads where all refusals do, and from there on",
			change: func(order, _, _ *scenarios.Step) {
				order.On = map[string][]scenarios.Step{
					"sold_out":          {{Name: "stop", End: "wait-listed"}},
					scenarios.OnRefused: {{Name: "find", Get: "/orders/O1", OK: ok, Capture: map[string]string{"order": "id", "payment": "payment"}}},
				}
			},
			routes: map[string]http.HandlerFunc{
				"POST /orders":     answering(409, `{"code": "AGAIN"}`),
				"GET /orders/{id}": answering(200, `{"id": "O1", "payment": "P1", "state": "PAID"}`),
			},
			told: []string{"order refused AGAIN", "find ok", "pay ok", "poll ok", "look ok"}, end: endCompleted,
		},
		{
			name: "a refusal that nothing is said about ends the journey",
			change: func(order, _, _ *scenarios.Step) {
				order.On = map[string][]scenarios.Step{"limit": {apologise}}
			},
			routes: map[string]http.HandlerFunc{"POST /orders": answering(409, `{"code": "AGAIN"}`)},
			told:   []string{"order refused AGAIN"}, end: "order: AGAIN",
		},
		{
			name: "nobody knows",
			change: func(order, _, _ *scenarios.Step) {
				order.On = map[string][]scenarios.Step{scenarios.OnUnknown: {{Name: "stop", End: "lost"}}, scenarios.OnRefused: {apologise}}
			},
			routes: map[string]http.HandlerFunc{"POST /orders": answering(500, ``)},
			told:   []string{"order unknown status 500"}, end: "lost",
		},
		{
			name: "the buyer cannot pay",
			change: func(_, pay, _ *scenarios.Step) {
				pay.On = map[string][]scenarios.Step{"payment_closed": {apologise, {Name: "stop", End: "too late"}}}
			},
			routes: map[string]http.HandlerFunc{"POST /pay/{payment}": answering(409, `{"error": {"code": "payment_closed"}}`)},
			told:   []string{"order ok", "pay refused payment_closed", "apologise ok"}, end: "too late",
		},
		{
			name: "patience ends",
			change: func(_, _, poll *scenarios.Step) {
				poll.Within = ms(30)
				poll.On = map[string][]scenarios.Step{scenarios.OnPatience: {{Name: "stop", End: "left"}}, "pending": {apologise}}
			},
			routes: map[string]http.HandlerFunc{"GET /orders/{id}": answering(200, `{"state": "PENDING"}`)},
			end:    "left",
		},
		{
			name: "a state",
			change: func(_, _, poll *scenarios.Step) {
				poll.On = map[string][]scenarios.Step{"closed": {apologise, {Name: "stop", End: "closed on me"}}, "paid": {{Name: "stop", End: "paid"}}}
			},
			routes: map[string]http.HandlerFunc{"GET /orders/{id}": answering(200, `{"state": "CLOSED"}`)},
			told:   []string{"order ok", "pay ok", "poll ok", "apologise ok"}, end: "closed on me",
		},
		{
			name: "again, until it goes well",
			change: func(order, _, _ *scenarios.Step) {
				order.Retry = &scenarios.Retry{On: []string{"BUSY", scenarios.OnUnknown}, Times: 5, Every: scenarios.Span{Low: 1, High: 2}}
			},
			routes: map[string]http.HandlerFunc{"POST /orders": saying(
				answering(409, `{"code": "BUSY"}`), answering(500, ``), answering(201, `{"id": "O1", "payment_id": "P1", "state": "PENDING"}`),
			), "GET /orders/{id}": answering(200, `{"state": "PAID"}`)},
			told: []string{"order refused BUSY", "order unknown status 500", "order ok", "pay ok", "poll ok", "look ok"}, end: endCompleted,
		},
		{
			name: "again, but not for ever",
			change: func(order, _, _ *scenarios.Step) {
				order.Retry = &scenarios.Retry{On: []string{scenarios.OnRefused}, Times: 2}
				order.On = map[string][]scenarios.Step{"BUSY": {{Name: "stop", End: "gave up"}}}
			},
			routes: map[string]http.HandlerFunc{"POST /orders": answering(409, `{"code": "BUSY"}`)},
			told:   []string{"order refused BUSY", "order refused BUSY", "order refused BUSY"}, end: "gave up",
		},
		{
			name: "not again for another reason",
			change: func(order, _, _ *scenarios.Step) {
				order.Retry = &scenarios.Retry{On: []string{"BUSY"}, Times: 2}
			},
			routes: map[string]http.HandlerFunc{"POST /orders": answering(409, `{"code": "SOLD_OUT"}`)},
			told:   []string{"order refused sold_out"}, end: "order: sold_out",
		},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			m := newMarket(t)
			m.routes["GET /sorry"] = answering(200, `{}`)
			for route, handler := range c.routes {
				m.routes[route] = handler
			}
			r := m.runner("buy", Payer{}, func(p *scenarios.Plan) {
				steps := p.System.Journeys["buy"]
				c.change(&steps[0], &steps[1], &steps[2])
			})
			if err := r.Buy(t.Context(), 1, 1); err != nil {
				t.Fatal(err)
			}
			if got := m.notes.told(); c.told != nil && !slices.Equal(got, c.told) {
				t.Errorf("told %q, want %q", got, c.told)
			}
			if why := m.notes.ended(t); why != c.end {
				t.Errorf("ended %q, want %q", why, c.end)
			}
			for _, op := range m.notes.ops {
				if op.Ref != "ps-r1-b1-o1" {
					t.Errorf("one order has another reference: %+v", op)
				}
			}
		})
	}
}

// How long buyers think is theirs by the seed, and counts from when they were wanted.
func TestThinkTimes(t *testing.T) {
	deal := func(seed int64) (thoughts []time.Duration) {
		m := newMarket(t)
		m.routes["POST /orders"] = answering(409, `{"code": "SOLD_OUT"}`)
		r := m.runner("buy", Payer{}, func(p *scenarios.Plan) {
			p.Seed = seed
			p.System.Journeys["buy"][0].Think = scenarios.Span{Low: time.Millisecond, High: 5 * time.Millisecond}
		})
		for buyer := 1; buyer <= 20; buyer++ {
			if err := r.Buy(t.Context(), buyer, 1); err != nil {
				t.Fatal(err)
			}
		}
		for _, op := range m.notes.ops {
			thoughts = append(thoughts, op.Intended.Sub(1))
		}
		return thoughts
	}
	thoughts := deal(1)
	if low, high := slices.Min(thoughts), slices.Max(thoughts); low < time.Millisecond || high >= 5*time.Millisecond || high-low < 2*time.Millisecond {
		t.Errorf("thought %v", thoughts)
	}
	if again := deal(1); !slices.Equal(again, thoughts) {
		t.Errorf("the same seed thought %v, then %v", thoughts, again)
	}
	if other := deal(2); slices.Equal(other, thoughts) {
		t.Error("another seed thought the same")
	}
}

// A buyer's order has one reference, whatever came before it, and the next order another.
func TestEachOrderHasItsReference(t *testing.T) {
	m := newMarket(t)
	r := m.runner("buy", Payer{}, func(p *scenarios.Plan) {
		order := p.System.Journeys["buy"][0]
		look := scenarios.Step{Name: "browse", Get: "/skus", OK: scenarios.Match{Status: []int{405}}}
		p.System.Journeys["buy"] = []scenarios.Step{look, order, look, order}
	})
	if err := r.Buy(t.Context(), 1, 1); err != nil {
		t.Fatal(err)
	}
	var refs []string
	for _, op := range m.notes.ops {
		refs = append(refs, op.Kind+" "+op.Ref)
	}
	want := []string{"browse ps-r1-b1-o1", "order ps-r1-b1-o1", "browse ps-r1-b1-o1", "order ps-r1-b1-o2"}
	if !slices.Equal(refs, want) {
		t.Errorf("got %q, want %q", refs, want)
	}
}

func TestAnOrderOfTwoItems(t *testing.T) {
	m := newMarket(t)
	r := m.runner("buy", Payer{}, func(p *scenarios.Plan) {
		p.Items[0].PerBuyer = 0
		second := p.Items[0]
		second.SKU, second.Price.Minor = "case", 1000
		p.Items = append(p.Items, second)
		p.Journeys[0].Pairs = true
		p.System.Setup[0].Capture = map[string]string{"product": "product"}
		p.System.Journeys["buy"][0].JSON = []any{"{{ product }}", "{{ quantity | number }}", "{{ product_2 }}", "{{ quantity_2 | number }}", "{{ price_minor_2 | number }}"}
	})
	m.routes["POST /skus"] = func(w http.ResponseWriter, r *http.Request) {
		body := make([]byte, 64)
		n, _ := r.Body.Read(body)
		w.WriteHeader(http.StatusCreated)
		_, _ = w.Write([]byte(`{"product": "the ` + get(body[:n], "sku").String() + `"}`))
	}
	items, err := r.Setup(t.Context())
	if err != nil || len(items) != 4 || items["warm-up_2"]["product"] != "the warm-up_2" {
		t.Fatalf("%v, %v", items, err)
	}
	r.Give(Given{Items: items})
	if err := r.WarmUp(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	if hits := m.hitsOf("POST /orders "); !slices.Equal(hits, []string{`POST /orders ["the warm-up",1,"the warm-up_2",1,499900]`}) {
		t.Errorf("the warm-up ordered %q", hits)
	}
	warm := len(m.notes.ops)
	for buyer := range 20 {
		if err := r.Buy(t.Context(), buyer+1, 1); err != nil {
			t.Fatal(err)
		}
	}
	firsts := map[string]bool{}
	for _, op := range m.notes.ops[warm:] {
		other := map[string]string{"phone": "case", "case": "phone"}[op.SKU]
		if len(op.More) != 1 || op.More[0] != (history.Line{SKU: other, Quantity: 1}) {
			t.Errorf("op %+v", op)
		}
		if op.Kind == history.OpPay && op.Minor != 500900 {
			t.Errorf("paid %d", op.Minor)
		}
		firsts[op.SKU] = true
	}
	if len(firsts) != 2 {
		t.Errorf("first items %v", firsts)
	}
}
