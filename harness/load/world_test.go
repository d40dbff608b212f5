package load

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/paystorm/paystorm/history"
	"github.com/paystorm/paystorm/money"
	"github.com/paystorm/paystorm/scenarios"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// notes is a recorder that keeps everything in memory.
type notes struct {
	mutex  sync.Mutex
	ops    []history.Op
	events []history.Event
}

func (n *notes) NextOp() uint64 {
	n.mutex.Lock()
	defer n.mutex.Unlock()
	n.ops = append(n.ops, history.Op{})
	return uint64(len(n.ops))
}

func (n *notes) Invoke(invocation history.Invocation) {
	n.mutex.Lock()
	defer n.mutex.Unlock()
	n.ops[invocation.Op-1] = history.Op{Invocation: invocation, Outcome: history.Unknown, Reason: "no answer yet"}
}

func (n *notes) Answer(answer history.Answer) {
	n.mutex.Lock()
	defer n.mutex.Unlock()
	op := &n.ops[answer.Op-1]
	op.Returned, op.Outcome, op.Reason = answer.Returned, answer.Outcome, answer.Reason
	op.State, op.Status = answer.State, answer.Status
	if answer.Order != "" {
		op.Order = answer.Order
	}
	if answer.Payment != "" {
		op.Payment = answer.Payment
	}
}

func (n *notes) Event(event history.Event) uint64 {
	n.mutex.Lock()
	defer n.mutex.Unlock()
	n.events = append(n.events, event)
	return uint64(len(n.events))
}

// told is the operations in the order of their calls, as "kind outcome reason".
func (n *notes) told() []string {
	n.mutex.Lock()
	defer n.mutex.Unlock()
	var lines []string
	for _, op := range n.ops {
		lines = append(lines, strings.TrimSpace(fmt.Sprintf("%s %s %s", op.Kind, op.Outcome, op.Reason)))
	}
	return lines
}

func (n *notes) kind(kind string) []history.Event {
	n.mutex.Lock()
	defer n.mutex.Unlock()
	return slices.DeleteFunc(slices.Clone(n.events), func(e history.Event) bool { return e.Kind != kind })
}

// ended is how the only journey ended.
func (n *notes) ended(t *testing.T) string {
	t.Helper()
	ends := n.kind(history.JourneyEnd)
	if len(ends) != 1 {
		t.Fatalf("%d journeys ended", len(ends))
	}
	return ends[0].Reason
}

// market is a small shop and a channel. Handlers may be replaced before it is used.
type market struct {
	t       *testing.T
	shop    *httptest.Server
	channel *httptest.Server
	notes   *notes
	routes  map[string]http.HandlerFunc

	mutex    sync.Mutex
	states   map[string]string // order → the shop's word
	hits     []string          // "METHOD path body", as they came
	payments int
}

func newMarket(t *testing.T) *market {
	t.Helper()
	m := &market{t: t, notes: &notes{}, states: map[string]string{}}
	m.routes = map[string]http.HandlerFunc{
		"POST /orders":               m.order,
		"GET /orders/{id}":           m.look,
		"POST /orders/{id}/cancel":   m.set("CLOSED", http.StatusOK),
		"POST /orders/{id}/refunds":  m.set("REFUNDED", http.StatusAccepted),
		"POST /orders/{id}/payments": m.repay,
		"POST /skus":                 func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusCreated) },
		"POST /pay/{payment}":        m.pay,
	}
	serve := func() *httptest.Server {
		server := httptest.NewServer(http.HandlerFunc(m.serve))
		t.Cleanup(server.Close)
		return server
	}
	m.shop, m.channel = serve(), serve()
	return m
}

func (m *market) serve(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	r.Body = io.NopCloser(bytes.NewReader(body))
	m.mutex.Lock()
	m.hits = append(m.hits, strings.TrimSpace(r.Method+" "+r.URL.Path+" "+string(body)))
	m.mutex.Unlock()
	mux := http.NewServeMux()
	for pattern, handler := range m.routes {
		mux.HandleFunc(pattern, handler)
	}
	mux.ServeHTTP(w, r)
}

func (m *market) hitsOf(prefix string) (found []string) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	for _, hit := range m.hits {
		if strings.HasPrefix(hit, prefix) {
			found = append(found, hit)
		}
	}
	return found
}

func (m *market) order(w http.ResponseWriter, _ *http.Request) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	order := fmt.Sprintf("O%d", len(m.states)+1)
	m.states[order] = "PENDING"
	m.payments++
	w.WriteHeader(http.StatusCreated)
	fmt.Fprintf(w, `{"id": %q, "payment_id": "P%d", "state": "PENDING"}`, order, m.payments)
}

func (m *market) repay(w http.ResponseWriter, _ *http.Request) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	m.payments++
	w.WriteHeader(http.StatusCreated)
	fmt.Fprintf(w, `{"payment_id": "P%d"}`, m.payments)
}

func (m *market) look(w http.ResponseWriter, r *http.Request) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	fmt.Fprintf(w, `{"state": %q}`, m.states[r.PathValue("id")])
}

func (m *market) set(state string, status int) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		m.mutex.Lock()
		defer m.mutex.Unlock()
		m.states[r.PathValue("id")] = state
		w.WriteHeader(status)
		fmt.Fprintf(w, `{"state": %q}`, state)
	}
}

// pay makes every order paid, whoever pays.
func (m *market) pay(w http.ResponseWriter, r *http.Request) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	var act struct {
		Action string `json:"action"`
		After  int64  `json:"after_ms"`
	}
	if err := json.NewDecoder(r.Body).Decode(&act); err != nil {
		m.t.Errorf("the payer's request: %v", err)
	}
	switch {
	case act.Action == actionDecline:
		fmt.Fprintf(w, `{"payment": %q, "state": "failed"}`, r.PathValue("payment"))
		return
	case act.After > 0:
		w.WriteHeader(http.StatusAccepted)
	}
	for order, state := range m.states {
		if state == "PENDING" {
			m.states[order] = "PAID"
		}
	}
	fmt.Fprintf(w, `{"payment": %q, "state": "succeeded"}`, r.PathValue("payment"))
}

// answering is a handler that always says the same.
func answering(status int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		fmt.Fprint(w, body)
	}
}

func ms(n int) scenarios.Duration { return scenarios.Duration(time.Duration(n) * time.Millisecond) }

// system is the market's system file.
func system() scenarios.System {
	status := func(status ...int) scenarios.Match { return scenarios.Match{Status: status} }
	conflict := []scenarios.Match{{
		Status: []int{409}, Reason: "code", Map: map[string]string{"SOLD_OUT": history.ReasonSoldOut},
	}}
	order := scenarios.Step{
		Name: history.OpOrder, Post: "/orders", State: "state", OK: status(201), Refused: conflict, Within: ms(500),
		JSON: map[string]any{
			"sku": "{{ sku }}", "quantity": "{{ quantity | number }}", "buyer": "{{ buyer }}", "ref": "{{ ref }}",
		},
		Capture: map[string]string{"order": "id", "payment": "payment_id"},
	}
	pay := scenarios.Step{Name: history.OpPay, Payment: "{{ payment }}"}
	poll := scenarios.Step{
		Name: history.OpPoll, Get: "/orders/{{ order }}", OK: status(200), State: "state", Every: ms(10), Within: ms(200),
		Until: []string{"paid", "refunded", "closed"},
	}
	refund := scenarios.Step{
		Name: history.OpRefund, Post: "/orders/{{ order }}/refunds", OK: status(202), Refused: conflict, State: "state",
	}
	return scenarios.System{
		Setup: []scenarios.Step{{
			Name: "sku", Post: "/skus", OK: status(201),
			JSON: map[string]any{"sku": "{{ sku }}", "stock": "{{ stock | number }}"},
		}},
		Journeys: map[string][]scenarios.Step{
			"buy":    {order, pay, poll, {Name: history.OpLook, Get: "/orders/{{ order }}", OK: status(200), State: "state"}},
			"refund": {order, pay, poll, refund},
		},
		Acts: map[string]scenarios.Step{
			actCancel:  {Name: actCancel, Post: "/orders/{{ order }}/cancel", OK: status(200), State: "state", Refused: conflict},
			actPayment: {Name: actPayment, Post: "/orders/{{ order }}/payments", OK: status(201), Capture: map[string]string{"payment": "payment_id"}},
		},
		States: map[string]string{"PENDING": "pending", "PAID": "paid", "CLOSED": "closed", "REFUNDED": "refunded"},
	}
}

// payers make every buyer behave the same.
type payers Payer

func (p payers) Payer(history.Ref) Payer { return Payer(p) }

// runner is a runner for the market on one journey.
func (m *market) runner(journey string, payer Payer, change ...func(*scenarios.Plan)) *Runner {
	m.t.Helper()
	plan := scenarios.Plan{
		Seed: 1, System: system(), WarmUpSKU: "warm-up", Offered: 100,
		Items:    []scenarios.Item{{SKU: "phone", Stock: 5, Price: money.Amount{Minor: 499900, Currency: "CNY"}, PerBuyer: 1}},
		Journeys: []scenarios.JourneyShare{{Name: journey, Share: 1}},
	}
	for _, change := range change {
		change(&plan)
	}
	r, err := NewRunner(RunnerConfig{
		Plan: plan, RunID: "r1", ShopURL: m.shop.URL, ChannelURL: m.channel.URL + "/",
		Recorder: m.notes, Clock: history.StartClock(), Payers: payers(payer),
	})
	if err != nil {
		m.t.Fatal(err)
	}
	m.t.Cleanup(r.Close)
	return r
}
