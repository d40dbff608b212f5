package sut

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"

	"github.com/paystorm/paystorm/history"
	"github.com/paystorm/paystorm/scenarios"
)

// pagedShop is a shop with seven notifications in its inbox, told three at a time in every way that shops have.
func pagedShop(t *testing.T) string {
	t.Helper()
	const total, size = 7, 3
	rows := func(from int) []map[string]string {
		all := []map[string]string{}
		for n := max(from, 0); n < min(from+size, total); n++ {
			all = append(all, map[string]string{"notification": fmt.Sprint("n", n)})
		}
		return all
	}
	next := func(from int) any {
		if from+size >= total {
			return nil
		}
		return strconv.Itoa(from + size)
	}
	answer := func(w http.ResponseWriter, value any) { _ = json.NewEncoder(w).Encode(value) }
	serve := http.NewServeMux()
	serve.HandleFunc("/by-page", func(w http.ResponseWriter, r *http.Request) {
		page, _ := strconv.Atoi(r.FormValue("page"))
		answer(w, rows((page-1)*size))
	})
	serve.HandleFunc("/by-index", func(w http.ResponseWriter, r *http.Request) {
		page, _ := strconv.Atoi(r.FormValue("page"))
		answer(w, rows(page*size))
	})
	serve.HandleFunc("/by-offset", func(w http.ResponseWriter, r *http.Request) {
		offset, _ := strconv.Atoi(r.FormValue("offset"))
		answer(w, map[string]any{"rows": rows(offset), "more": offset+size < total})
	})
	serve.HandleFunc("/by-cursor", func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Has("after") && r.FormValue("after") == "" {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		from, _ := strconv.Atoi(r.FormValue("after"))
		answer(w, map[string]any{"rows": rows(from), "next": next(from)})
	})
	serve.HandleFunc("/by-link", func(w http.ResponseWriter, r *http.Request) {
		from, _ := strconv.Atoi(r.FormValue("from"))
		link := ""
		if told, ok := next(from).(string); ok {
			link = "?from=" + told
		}
		answer(w, map[string]any{"rows": rows(from), "links": map[string]string{"next": link}})
	})
	serve.HandleFunc("/astray", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, map[string]any{"rows": rows(0), "next": "http://elsewhere.example/"})
	})
	serve.HandleFunc("/circle", func(w http.ResponseWriter, r *http.Request) {
		answer(w, map[string]any{"rows": rows(0), "next": "7", "seen": r.FormValue("after")})
	})
	serve.HandleFunc("/endless", func(w http.ResponseWriter, r *http.Request) {
		answer(w, map[string]any{"rows": rows(0), "page": r.FormValue("page")})
	})
	serve.HandleFunc("/graphql", func(w http.ResponseWriter, r *http.Request) {
		var asked struct {
			Variables struct{ After *string }
		}
		if err := json.NewDecoder(r.Body).Decode(&asked); err != nil || r.Header.Get("Authorization") != "Bearer marked-token" {
			answer(w, map[string]any{"errors": []map[string]string{{"message": "who is asking?"}}})
			return
		}
		from := 0
		if asked.Variables.After != nil {
			from, _ = strconv.Atoi(*asked.Variables.After)
		}
		answer(w, map[string]any{"data": map[string]any{"inbox": map[string]any{
			"nodes": rows(from), "pageInfo": map[string]any{"endCursor": strconv.Itoa(from + size), "hasNextPage": from+size < total},
		}}})
	})
	server := httptest.NewServer(serve)
	t.Cleanup(server.Close)
	return server.URL
}

func TestPages(t *testing.T) {
	query := &scenarios.GraphQL{
		Path: "/graphql", Query: "query Inbox($after: String) { inbox(after: $after) { nodes { notification } } }",
		Variables: map[string]any{"after": "{{ cursor }}"},
	}
	edges := scenarios.Pages{Next: "data.inbox.pageInfo.endCursor", More: "data.inbox.pageInfo.hasNextPage"}
	token := map[string]string{"Authorization": "Bearer {{ token }}"}
	zero := 0
	for name, test := range map[string]struct {
		probe scenarios.Probe
		err   string
	}{
		"page":         {probe: scenarios.Probe{HTTP: "/by-page?page={{ page }}"}},
		"offset":       {probe: scenarios.Probe{HTTP: "/by-offset?offset={{ offset }}", Rows: "rows"}},
		"offset, told": {probe: scenarios.Probe{HTTP: "/by-offset?offset={{ offset }}", Rows: "rows", Pages: scenarios.Pages{More: "more", Most: 3}}},
		"cursor":       {probe: scenarios.Probe{HTTP: "/by-cursor?after={{ cursor | urlquery }}&x=1", Rows: "rows", Pages: scenarios.Pages{Next: "next"}}},
		"link":         {probe: scenarios.Probe{HTTP: "/by-link", Rows: "rows", Pages: scenarios.Pages{Next: "links.next"}}},
		"graphql":      {probe: scenarios.Probe{GraphQL: query, Header: token, Rows: "data.inbox.nodes", Pages: edges}},
		"as many":      {probe: scenarios.Probe{HTTP: "/by-cursor?after={{ cursor }}", Rows: "rows", Pages: scenarios.Pages{Next: "next", Most: 3}}},
		"one too many": {probe: scenarios.Probe{HTTP: "/by-cursor?after={{ cursor }}", Rows: "rows", Pages: scenarios.Pages{Next: "next", Most: 2}}, err: "there are more than 2 pages"},
		"never ends":   {probe: scenarios.Probe{HTTP: "/endless?page={{ page }}", Rows: "rows"}, err: "there are more than 1000 pages"},
		"not turned":   {probe: scenarios.Probe{HTTP: "/endless?pgae={{ page }}", Rows: "rows"}, err: "page 2 is the same as the one before it"},
		"from 0":       {probe: scenarios.Probe{HTTP: "/by-index?page={{ page }}", Pages: scenarios.Pages{First: &zero}}},
		"in circles":   {probe: scenarios.Probe{HTTP: "/circle?after={{ cursor }}", Rows: "rows", Pages: scenarios.Pages{Next: "next"}}, err: "the next page 7 was there before"},
		"astray":       {probe: scenarios.Probe{HTTP: "/astray", Rows: "rows", Pages: scenarios.Pages{Next: "next"}}, err: "the next page is at elsewhere.example"},
		"refused":      {probe: scenarios.Probe{GraphQL: query, Rows: "data.inbox.nodes", Pages: edges}, err: "the shop answers with errors: who is asking?"},
	} {
		t.Run(name, func(t *testing.T) {
			shop, err := Start(t.Context(), Config{
				System: scenarios.System{
					Name: "s", Launch: scenarios.Launch{External: &scenarios.External{URL: pagedShop(t)}},
					Probes: map[string]scenarios.Probe{"inbox": test.probe},
				},
				RunDir: t.TempDir(), Clock: history.StartClock(), Record: func(history.Event) {},
			})
			if err != nil {
				t.Fatal(err)
			}
			shop.Learn(map[string]string{"token": "marked-token"})
			reading := read(t, shop)
			if (test.err == "") != (len(reading.Errors) == 0) || !strings.Contains(strings.Join(reading.Errors, ""), test.err) {
				t.Fatalf("errors %q, want %q", reading.Errors, test.err)
			}
			if test.err == "" && len(reading.Books.Inbox) != 7 {
				t.Fatalf("read %+v", reading.Books.Inbox)
			}
		})
	}
}
