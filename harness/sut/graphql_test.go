package sut

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/paystorm/paystorm/history"
	"github.com/paystorm/paystorm/scenarios"
)

// answering is a shop at an endpoint that answers whatever it is asked, and keeps what it was asked last.
func answering(t *testing.T, status int, answer string) (shop Shop, asked *string) {
	t.Helper()
	asked = new(string)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		*asked = r.Method + " " + r.URL.Path + " " + r.Header.Get("Content-Type") + " " + string(body)
		w.WriteHeader(status)
		fmt.Fprint(w, answer)
	}))
	t.Cleanup(server.Close)
	shop, err := Start(t.Context(), Config{
		System: scenarios.System{Launch: scenarios.Launch{External: &scenarios.External{URL: server.URL}}},
		Clock:  history.StartClock(), Record: func(history.Event) {},
	})
	if err != nil {
		t.Fatal(err)
	}
	return shop, asked
}

func TestIntrospect(t *testing.T) {
	t.Parallel()
	const schema = `{"data": {"__schema": {"queryType": {"name": "Query"}, "types": [
		{"kind": "OBJECT", "name": "Query", "fields": [{"name": "open", "args": [], "type": {"kind": "SCALAR", "name": "Boolean"}}]}]}}}`
	for _, test := range []struct {
		name   string
		status int
		answer string
		want   string // "": a schema
	}{
		{"a schema", 200, schema, ""},
		{"switched off", 200, `{"errors": [{"message": "introspection is off"}]}`, "introspection is off"},
		{"no such endpoint", 404, "not here", "404 Not Found: not here"},
	} {
		shop, asked := answering(t, test.status, test.answer)
		found, err := shop.Introspect(t.Context(), "/graphql")
		if test.want == "" && (err != nil || found == nil) || test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)) {
			t.Errorf("%s: %v, want %q", test.name, err, test.want)
		}
		question, _ := json.Marshal(map[string]any{"query": scenarios.IntrospectionQuery, "variables": map[string]any{}})
		if want := "POST /graphql application/json " + string(question); *asked != want {
			t.Errorf("%s: asked %s", test.name, *asked)
		}
	}
}

func TestJobByGraphQL(t *testing.T) {
	t.Parallel()
	job := scenarios.Job{Name: "reconcile", GraphQL: &scenarios.GraphQL{
		Path: "/graphql", Query: "mutation($all: Boolean) { reconcile(all: $all) }", Variables: map[string]any{"all": true},
	}}
	for _, test := range []struct {
		name   string
		status int
		answer string
		want   string
	}{
		{"done", 200, `{"data": {"reconcile": 3}, "errors": []}`, ""},
		{"errors", 200, `{"data": null, "errors": [{"message": "busy"}]}`, "job reconcile: the shop answers with errors: busy"},
		{"another status", 500, `oh`, "500 Internal Server Error: oh"},
	} {
		shop, asked := answering(t, test.status, test.answer)
		err := shop.RunJob(t.Context(), job)
		if test.want == "" && err != nil || test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)) {
			t.Errorf("%s: %v, want %q", test.name, err, test.want)
		}
		if want := `POST /graphql application/json {"query":"mutation($all: Boolean) { reconcile(all: $all) }","variables":{"all":true}}`; *asked != want {
			t.Errorf("%s: asked %s", test.name, *asked)
		}
	}
}
