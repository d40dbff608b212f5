package load

import (
	"encoding/json"
	"fmt"
	"net/http"
	"reflect"
	"slices"
	"testing"

	"github.com/paystorm/paystorm/history"
	"github.com/paystorm/paystorm/scenarios"
)

const orderDocument = `mutation Order($sku: ID!, $quantity: Int!, $tags: [String!]) {
  order(sku: $sku, quantity: $quantity, tags: $tags) { id payment { id } state }
}`

// graphQL makes the plan's order a mutation at /graphql.
func graphQL(plan *scenarios.Plan) {
	plan.System.Journeys["buy"][0] = scenarios.Step{
		Name: history.OpOrder,
		GraphQL: &scenarios.GraphQL{
			Path: "/graphql", Query: orderDocument, Variables: map[string]any{
				"sku": "{{ sku }}", "quantity": "{{ quantity | number }}", "tags": []any{"{{ buyer }}", "a \"quoted\" tag"},
			},
		},
		Capture: map[string]string{"order": "data.order.id", "payment": "data.order.payment.id"},
		State:   "data.order.state",
		OK:      scenarios.Match{Status: []int{200}},
		Refused: []scenarios.Match{
			{Status: []int{429}},
			{
				Status: []int{200}, Errors: true, Reason: "errors.0.extensions.code",
				Map: map[string]string{"SOLD_OUT": history.ReasonSoldOut},
			},
		},
	}
}

// graphQLOrder takes the order that the document asks for.
func (m *market) graphQLOrder(w http.ResponseWriter, r *http.Request) {
	var request struct {
		Query     string         `json:"query"`
		Variables map[string]any `json:"variables"`
	}
	if err := json.NewDecoder(r.Body).Decode(&request); err != nil {
		m.t.Errorf("the request: %v", err)
	}
	want := map[string]any{"sku": "phone", "quantity": 1.0, "tags": []any{"ps-r1-b7", `a "quoted" tag`}}
	if request.Query != orderDocument || !reflect.DeepEqual(request.Variables, want) {
		m.t.Errorf("asked %q with %v", request.Query, request.Variables)
	}
	if kind := r.Header.Get("Content-Type"); kind != "application/json" {
		m.t.Errorf("Content-Type is %q", kind)
	}
	m.mutex.Lock()
	defer m.mutex.Unlock()
	m.states["O1"] = "PENDING"
	fmt.Fprint(w, `{"data": {"order": {"id": "O1", "payment": {"id": "P1"}, "state": "PENDING"}}, "errors": []}`)
}

func TestAGraphQLOrder(t *testing.T) {
	m := newMarket(t)
	m.routes["POST /graphql"] = m.graphQLOrder
	if err := m.runner("buy", Payer{}, graphQL).Buy(t.Context(), 7, 1); err != nil {
		t.Fatal(err)
	}
	if got, want := m.notes.told(), []string{"order ok", "pay ok", "poll ok", "look ok"}; !slices.Equal(got, want) {
		t.Fatalf("got %q, want %q", got, want)
	}
	if order := m.notes.ops[0]; order.Order != "O1" || order.Payment != "P1" || order.State != "pending" {
		t.Errorf("order %+v", order)
	}
	if why := m.notes.ended(t); why != endCompleted {
		t.Error(why)
	}
}

func TestGraphQLAnswers(t *testing.T) {
	const whole = `"data": {"order": {"id": "O1", "payment": {"id": "P1"}, "state": "PENDING"}}`
	for _, test := range []struct {
		name   string
		status int
		body   string
		told   string
	}{
		{"errors beside all of the data", 200, `{` + whole + `, "errors": [{"message": "audit log"}]}`, "order unknown status 200 with errors beside data"},
		{"an error without a code", 200, `{"data": null, "errors": [{"message": "no"}]}`, "order unknown status 200 without a reason at errors.0.extensions.code"},
		{"refused by a code", 200, `{"data": null, "errors": [{"extensions": {"code": "SOLD_OUT"}}]}`, "order refused sold_out"},
		{"refused by another code", 200, `{"errors": [{"extensions": {"code": "CLOSED"}}]}`, "order refused CLOSED"},
		{"errors that no refusal expects", 400, `{"errors": [{"extensions": {"code": "SOLD_OUT"}}]}`, "order unknown status 400 with errors"},
		{"errors where a refusal expects none", 429, `{"errors": [{"extensions": {"code": "SOLD_OUT"}}]}`, "order unknown status 429 with errors"},
		{"a refusal by status", 429, ``, "order refused status 429"},
		{"errors that are no list", 200, `{` + whole + `, "errors": "all"}`, "order unknown status 200 with errors beside data"},
		{"no errors, said so", 200, `{` + whole + `, "errors": null}`, "order ok"},
		{"data without what it promised", 200, `{"data": {"order": {"id": "O1"}}}`, "order unknown status 200 without payment at data.order.payment.id"},
		{"no data", 200, `{"data": null}`, "order unknown status 200 without data: no GraphQL answer"},
		{"no GraphQL at all", 200, `<html>please wait</html>`, "order unknown status 200 without data: no GraphQL answer"},
		{"a failure", 502, `bad gateway`, "order unknown status 502"},
	} {
		t.Run(test.name, func(t *testing.T) {
			m := newMarket(t)
			m.routes["POST /graphql"] = answering(test.status, test.body)
			if err := m.runner("buy", Payer{}, graphQL).Buy(t.Context(), 7, 1); err != nil {
				t.Fatal(err)
			}
			if got := m.notes.told()[0]; got != test.told {
				t.Errorf("told %q, want %q", got, test.told)
			}
		})
	}
}

func TestErrorsMeanNothingElsewhere(t *testing.T) {
	m := newMarket(t)
	m.routes["POST /orders"] = answering(201, `{"id": "O1", "payment_id": "P1", "state": "PENDING", "errors": ["none of ours"]}`)
	if err := m.runner("buy", Payer{}).Buy(t.Context(), 1, 1); err != nil {
		t.Fatal(err)
	}
	if told := m.notes.told()[0]; told != "order ok" {
		t.Error(told)
	}
}

// union makes the plan's order a mutation whose refusals are members of a union, or errors with codes.
func union(plan *scenarios.Plan) {
	graphQL(plan)
	order := &plan.System.Journeys["buy"][0]
	order.OK.Where = map[string]scenarios.OneOf{"data.order.__typename": {"Order"}}
	order.Refused = []scenarios.Match{
		{
			Status: []int{200}, Where: map[string]scenarios.OneOf{"data.order.__typename": {"SoldOut", "LimitReached"}},
			Reason: "data.order.code", Map: map[string]string{"SOLD_OUT": history.ReasonSoldOut},
		},
		{Status: []int{200, 503}, Code: scenarios.OneOf{"BUSY", "LIMIT"}, Map: map[string]string{"LIMIT": history.ReasonLimit}},
		{Status: []int{200}, Where: map[string]scenarios.OneOf{"data.order.left": {"0"}, "data.order.final": {"true"}}},
	}
}

func TestGraphQLUnionAnswers(t *testing.T) {
	const order = `"__typename": "Order", "id": "O1", "payment": {"id": "P1"}, "state": "PENDING"`
	for _, test := range []struct {
		name   string
		status int
		body   string
		told   string
	}{
		{"the success", 200, `{"data": {"order": {` + order + `}}}`, "order ok"},
		{"a success under another status", 500, `{"data": {"order": {` + order + `}}}`, "order unknown status 500"},
		{"an error result", 200, `{"data": {"order": {"__typename": "SoldOut", "code": "SOLD_OUT"}}}`, "order refused sold_out"},
		{"another", 200, `{"data": {"order": {"__typename": "LimitReached", "code": "LIMIT"}}}`, "order refused LIMIT"},
		{"an error result without its reason", 200, `{"data": {"order": {"__typename": "SoldOut"}}}`, "order unknown status 200 without a reason at data.order.code"},
		{"a member that no rule names", 200, `{"data": {"order": {"__typename": "Closed", "code": "CLOSED"}}}`, `order unknown status 200 with "Closed" at data.order.__typename`},
		{"no __typename", 200, `{"data": {"order": {"id": "O1"}}}`, `order unknown status 200 with "" at data.order.__typename`},
		{"a number and a truth", 200, `{"data": {"order": {"left": 0, "final": true}}}`, "order refused status 200"},
		{"one of them only", 200, `{"data": {"order": {"left": 0, "final": false}}}`, `order unknown status 200 with "" at data.order.__typename`},
		{"a code", 200, `{"data": null, "errors": [{"extensions": {"code": "BUSY"}}]}`, "order refused BUSY"},
		{"a code that is mapped", 503, `{"errors": [{"extensions": {"code": "LIMIT"}}]}`, "order refused limit"},
		{"two errors with codes", 200, `{"errors": [{"extensions": {"code": "BUSY"}}, {"extensions": {"code": "LIMIT"}}]}`, "order refused BUSY"},
		{"two errors, one of them another", 200, `{"errors": [{"extensions": {"code": "BUSY"}}, {"extensions": {"code": "INTERNAL"}}]}`, "order unknown status 200 with errors"},
		{"two errors, one without a code", 200, `{"errors": [{"extensions": {"code": "BUSY"}}, {"message": "no"}]}`, "order unknown status 200 with errors"},
		{"a code that no rule names", 200, `{"errors": [{"extensions": {"code": "INTERNAL"}}]}`, "order unknown status 200 with errors"},
		{"a field that failed is null", 200, `{"data": {"order": null}, "errors": [{"extensions": {"code": "BUSY"}}]}`, "order refused BUSY"},
		{"partial data", 200, `{"data": {"order": {` + order + `}}, "errors": [{"extensions": {"code": "BUSY"}}]}`, "order unknown status 200 with errors beside data"},
		{"an error result beside an error", 200, `{"data": {"order": {"__typename": "SoldOut", "code": "SOLD_OUT"}}, "errors": [{}]}`, "order unknown status 200 with errors beside data"},
	} {
		t.Run(test.name, func(t *testing.T) {
			m := newMarket(t)
			m.routes["POST /graphql"] = answering(test.status, test.body)
			if err := m.runner("buy", Payer{}, union).Buy(t.Context(), 7, 1); err != nil {
				t.Fatal(err)
			}
			if got := m.notes.told()[0]; got != test.told {
				t.Errorf("told %q, want %q", got, test.told)
			}
		})
	}
}
