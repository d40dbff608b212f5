package load

import (
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/paystorm/paystorm/history"
	"github.com/paystorm/paystorm/money"
	"github.com/paystorm/paystorm/scenarios"
)

func TestSetup(t *testing.T) {
	m := newMarket(t)
	if _, err := m.runner("buy", Payer{}).Setup(t.Context()); err != nil {
		t.Fatal(err)
	}
	want := []string{`POST /skus {"sku":"phone","stock":5}`, `POST /skus {"sku":"warm-up","stock":1000000}`}
	if !slices.Equal(m.hits, want) {
		t.Errorf("got %q, want %q", m.hits, want)
	}
	if len(m.notes.ops)+len(m.notes.events) > 0 {
		t.Error("set-up is no part of the history")
	}
	m.routes["POST /skus"] = answering(500, "")
	_, err := m.runner("buy", Payer{}).Setup(t.Context())
	if err == nil || err.Error() != "set-up of phone: sku: unknown (status 500: the shop answered nothing)" {
		t.Errorf("got %v", err)
	}
}

// What configures the shop and what sets an item up is known to the buyers of that item, and to no others.
func TestConfigureAndSetup(t *testing.T) {
	m := newMarket(t)
	m.routes["POST /login"] = answering(200, `{"token":"t1"}`)
	m.routes["POST /gateway"] = answering(200, `{}`)
	m.routes["POST /skus"] = func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		_, _ = fmt.Fprintf(w, `{"id":"id-of-%d"}`, len(body))
	}
	ok := scenarios.Match{Status: []int{200}}
	system := scenarios.System{Configure: []scenarios.Step{
		{Name: "login", Post: "/login", JSON: map[string]any{"password": `{{ env "ADMIN" }}`}, Capture: map[string]string{"token": "token"}, OK: ok},
		{Name: "gateway", Post: "/gateway?token={{ token }}", JSON: map[string]any{"key": "{{ channel.key }}"}, OK: ok},
	}}
	values := scenarios.Secrets{Env: map[string]string{"ADMIN": "marked"}}.Values()
	values["channel.key"] = "k1"
	captured, err := Configure(t.Context(), system, m.shop.URL, values)
	if err != nil || len(captured) != 1 || captured["token"] != "t1" {
		t.Fatalf("got %v, %v", captured, err)
	}
	want := []string{`POST /login {"password":"marked"}`, `POST /gateway {"key":"k1"}`}
	if !slices.Equal(m.hits, want) {
		t.Errorf("got %q, want %q", m.hits, want)
	}
	r := m.runner("buy", Payer{}, func(p *scenarios.Plan) {
		p.System.Setup = []scenarios.Step{
			{Name: "sku", Post: "/skus", JSON: map[string]any{"sku": "{{ sku }} {{ token }}"}, Capture: map[string]string{"id": "id"}, OK: ok},
			{Name: "again", Post: "/skus", JSON: map[string]any{"id": "{{ id }}"}, OK: ok},
		}
	})
	r.Give(Given{Captured: captured})
	items, err := r.Setup(t.Context())
	if err != nil || items["phone"]["id"] != "id-of-18" || items["warm-up"]["id"] != "id-of-20" {
		t.Fatalf("got %v, %v", items, err)
	}
	r.Give(Given{Captured: captured, Items: items})
	buyer := r.journey("buy", 1, []line{{item: scenarios.Item{SKU: "phone"}, quantity: 1}})
	buyer.arrive()
	if buyer.values["id"] != "id-of-18" || buyer.values["token"] != "t1" {
		t.Errorf("a buyer knows %v", buyer.values)
	}
	m.routes["POST /login"] = answering(403, `{"error":"who?"}`)
	if _, err := Configure(t.Context(), system, m.shop.URL, values); err == nil || !strings.Contains(err.Error(), `login: unknown (status 403: the shop answered {"error":"who?"})`) {
		t.Errorf("got %v", err)
	}
}

// A coupon is given away once, and each buyer of the storm has one. Whoever orders with it means to pay less.
func TestCoupons(t *testing.T) {
	m := newMarket(t)
	m.routes["POST /coupons"] = answering(201, "{}")
	r := m.runner("buy", Payer{}, func(p *scenarios.Plan) {
		p.Coupons = []scenarios.Coupon{
			{Code: "A", Off: money.Amount{Minor: 50000, Currency: "CNY"}, Uses: 20, PerBuyer: 1},
			{Code: "B", Off: money.Amount{Minor: 100, Currency: "CNY"}},
		}
		p.System.SetupCoupons = []scenarios.Step{{
			Name: "coupon", Post: "/coupons", OK: scenarios.Match{Status: []int{201}}, JSON: map[string]any{
				"code": "{{ coupon }}", "off": "{{ coupon_minor | number }}", "decimal": "{{ coupon_off }} {{ currency }}",
				"uses": "{{ coupon_uses | number }}", "each": "{{ coupon_per_buyer | number }}",
			},
		}}
		steps := slices.Clone(p.System.Journeys["buy"])
		steps[0].JSON = map[string]any{"with": "{{ coupon }}"}
		p.System.Journeys["buy"] = steps
	})
	if _, err := r.Setup(t.Context()); err != nil {
		t.Fatal(err)
	}
	want := []string{
		`POST /coupons {"code":"A","decimal":"500.00 CNY","each":1,"off":50000,"uses":20}`,
		`POST /coupons {"code":"B","decimal":"1.00 CNY","each":0,"off":100,"uses":0}`,
	}
	if got := m.hitsOf("POST /coupons"); !slices.Equal(got, want) {
		t.Errorf("given away: %q, want %q", got, want)
	}
	for buyer := range 8 {
		if err := r.Buy(t.Context(), buyer, 0); err != nil {
			t.Fatal(err)
		}
	}
	given := map[string]int{}
	for _, hit := range m.hitsOf("POST /orders") {
		given[hit]++
	}
	a, b := given[`POST /orders {"with":"A"}`], given[`POST /orders {"with":"B"}`]
	if a == 0 || b == 0 || a+b != 8 {
		t.Errorf("ordered with %v, want both coupons", given)
	}
	paid := map[int64]int{}
	for _, op := range m.notes.ops {
		if op.Kind == history.OpPay {
			paid[op.Minor]++
		}
	}
	price := r.plan.Items[0].Price.Minor
	if single, double := paid[price-50000], paid[2*price-50000]; single+double != a {
		t.Errorf("buyers meant to pay %v", paid)
	}
	if err := r.WarmUp(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	if hits := m.hitsOf("POST /orders"); hits[len(hits)-1] != `POST /orders {"with":""}` {
		t.Errorf("the warm-up ordered %s", hits[len(hits)-1])
	}
}

func TestWarmUp(t *testing.T) {
	both := func(p *scenarios.Plan) {
		p.Journeys = []scenarios.JourneyShare{{Name: "buy", Share: 1}, {Name: "refund", Share: 0}}
	}
	t.Run("in fair weather", func(t *testing.T) {
		m := newMarket(t)
		r := m.runner("buy", Payer{Abandon: &Behaviour{Fault: "f1"}}, both)
		if err := r.WarmUp(t.Context(), 4); err != nil {
			t.Fatal(err)
		}
		journeys := map[string]int{}
		for _, end := range m.notes.kind(history.JourneyEnd) {
			journeys[end.Key+" "+end.Reason]++
		}
		if journeys["buy completed"] != 2 || journeys["refund completed"] != 2 {
			t.Errorf("%v", journeys)
		}
		for _, op := range m.notes.ops {
			if op.Phase != history.PhaseWarmUp || op.SKU != "warm-up" || op.Buyer <= 100 || op.Intended != 0 {
				t.Errorf("op %+v", op)
			}
		}
	})
	for _, c := range []struct {
		name, route string
		handler     http.HandlerFunc
		want        string
	}{
		{"the shop fails", "POST /orders", answering(500, ""), "4 of 4 buyers were not served in fair weather: journey buy ended at order: status 500"},
		{"the shop never hears of the payment", "GET /orders/{id}", answering(200, `{"state": "PENDING"}`), "journey buy ended at poll: " + endPatience},
		{"the shop closes the order", "GET /orders/{id}", answering(200, `{"state": "CLOSED"}`), "journey buy left its order closed"},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := newMarket(t)
			m.routes[c.route] = c.handler
			err := m.runner("buy", Payer{}).WarmUp(t.Context(), 4)
			if err == nil || !strings.Contains(err.Error(), c.want) || strings.Count(err.Error(), "journey buy") != 1 {
				t.Errorf("got %v, want %q once", err, c.want)
			}
		})
	}
}

func TestNewRunnerRefusesWhatItCannotAct(t *testing.T) {
	for name, change := range map[string]func(*scenarios.Plan){
		"no journey of that name": func(p *scenarios.Plan) { p.Journeys[0].Name = "steal" },
		"a broken template":       func(p *scenarios.Plan) { p.System.Journeys["buy"][0].Post = "/{{ if }}" },
		"nothing to do":           func(p *scenarios.Plan) { p.System.Setup[0].Post = "" },
		"nothing to sell":         func(p *scenarios.Plan) { p.Items = nil },
	} {
		plan := scenarios.Plan{
			System: system(), Items: []scenarios.Item{{SKU: "phone"}}, Journeys: []scenarios.JourneyShare{{Name: "buy", Share: 1}},
		}
		change(&plan)
		if _, err := NewRunner(RunnerConfig{Plan: plan}); err == nil {
			t.Errorf("%s: was taken", name)
		}
	}
}

func TestConfigRoundTrip(t *testing.T) {
	want := Config{
		RunDir: "/tmp/a b", PlanPath: "/tmp/a b/plan.json", ClockOrigin: -5, RunID: "r1", ShopURL: "http://a", ChannelURL: "http://b",
	}
	if got, err := ParseArgs(want.Args()); err != nil || got != want {
		t.Errorf("got %+v, %v", got, err)
	}
	for _, args := range [][]string{nil, {"run", "script.js"}, {"-what"}} {
		if _, err := ParseArgs(args); err == nil {
			t.Errorf("%q was taken", args)
		}
	}
}

func TestIgnorance(t *testing.T) {
	for want, err := range map[string]error{
		"connection closed": fmt.Errorf("get: %w", io.EOF),
		"connection broken": io.ErrClosedPipe,
	} {
		if got := ignorance(err); got != want {
			t.Errorf("%v: %q, want %q", err, got, want)
		}
	}
}
