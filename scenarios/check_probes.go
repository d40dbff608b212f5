package scenarios

import (
	"regexp"
	"slices"
	"strings"
)

// probeSources are the keys of which a probe has exactly one.
func probeSources() []string { return []string{"postgres", "mysql", "sqlite", "http", "graphql"} }

// The names by which the pages of a probe are turned.
const (
	namePage   = "page"
	nameOffset = "offset"
	nameCursor = "cursor"
)

func pageNames() []string { return []string{namePage, nameOffset, nameCursor} }

// probes checks every probe. captured is what configure leaves behind.
func (c *checker) probes(s *System, captured []string) {
	for _, table := range sortedKeys(s.Probes) {
		c.probe(table, s.Probes[table], slices.Concat(secretNames(), captured))
	}
}

func (c *checker) probe(table string, p Probe, known []string) {
	path := at("probes", table)
	sql := map[string]string{"postgres": p.Postgres, "mysql": p.MySQL, "sqlite": p.SQLite}
	var sources []string
	for _, name := range probeSources() {
		if sql[name] != "" || (name == "http" && p.HTTP != "") || (name == "graphql" && p.GraphQL != nil) {
			sources = append(sources, name)
		}
	}
	switch {
	case len(sources) == 0 && c.hasAny(path, probeSources()...):
		return // it did not decode
	case len(sources) == 0:
		c.fail(path, "%s: says nothing to read: want one of %s", table, strings.Join(probeSources(), ", "))
		return
	case len(sources) > 1:
		c.fail(under(path, sources[1]), "%s: has both %s and %s: want one of %s",
			table, sources[0], sources[1], strings.Join(probeSources(), ", "))
		return
	}
	switch source := sources[0]; source {
	case "http", "graphql":
		c.pagedProbe(path, table, p, known)
	default:
		c.sqlProbe(path, table, source, sql[source], p)
	}
	allowed := map[string][]string{"orders": OrderStates(), "payments": PaidStates(), "refunds": RefundStates()}[table]
	if allowed == nil && len(p.States) > 0 {
		c.fail(under(path, "states"), "states: rows of %s have none", table)
		return
	}
	for _, state := range sortedKeys(p.States) {
		if canonical := p.States[state]; !slices.Contains(allowed, canonical) {
			c.fail(under(path, "states", state), "states: unknown state %q of %s: %s", canonical, table, choose(canonical, allowed))
		}
	}
}

// sqlProbe checks a probe of a database. Its address is there before the shop is, so that it knows secrets only.
func (c *checker) sqlProbe(path []any, table, source, address string, p Probe) {
	switch {
	case c.isBlank(under(path, "query")):
	case strings.TrimSpace(p.Query) == "":
		c.fail(path, "%s: missing key \"query\": want the SQL that reads the table", table)
	case !readsOnly.MatchString(p.Query):
		c.fail(under(path, "query"), "query: begins with neither SELECT nor WITH: a probe reads and does nothing else")
	}
	for _, key := range []string{"rows", "fields", "header", "pages"} {
		if c.has(under(path, key)...) {
			c.fail(under(path, key), "%s: belongs to http and graphql: want query", key)
		}
	}
	if source == "sqlite" {
		return
	}
	where := under(path, source)
	known := secretNames()
	if _, containers := c.arguments[nameService]; containers {
		known = append(known, nameService)
	}
	c.template(where, source, address, known)
	// The database of a container is the run's own and gone after it: its password opens nothing.
	if passwordIn(source, address) != "" && !slices.ContainsFunc(usesOf(address), func(u Use) bool { return u.Name == nameService }) {
		c.fail(where, "%s: a password stands in the file: want it from the environment, as in {{ env \"SHOP_DSN\" }}", source)
	}
}

// readsOnly is how a query begins that reads; comments may stand before it.
var readsOnly = regexp.MustCompile(`(?is)^(\s|--[^\n]*\n|/\*.*?\*/|\()*(select|with)\b`)

// pagedProbe checks a probe of the shop's own answers.
func (c *checker) pagedProbe(path []any, table string, p Probe, known []string) {
	if c.has(under(path, "query")...) {
		c.fail(under(path, "query"), "query: belongs to %s: want rows and fields", strings.Join(probeSources()[:3], ", "))
	}
	if p.HTTP != "" && !strings.HasPrefix(p.HTTP, "/") && !strings.HasPrefix(p.HTTP, "http://") && !strings.HasPrefix(p.HTTP, "https://") {
		c.fail(under(path, "http"), "http: %q is no path at the shop: want one such as /admin/%s", p.HTTP, table)
	}
	known = slices.Concat(known, pageNames())
	c.template(under(path, "http"), "http", p.HTTP, known)
	for _, name := range sortedKeys(p.Header) {
		c.template(under(path, "header", name), name, p.Header[name], known)
	}
	if p.GraphQL != nil {
		c.graphQL(under(path, "graphql"), *p.GraphQL, known)
	}
	c.jsonPath(under(path, "rows"), "rows", p.Rows)
	c.jsonPath(under(path, "pages", "next"), "next", p.Pages.Next)
	c.jsonPath(under(path, "pages", "more"), "more", p.Pages.More)
	for _, name := range sortedKeys(p.Fields) {
		c.jsonPath(under(path, "fields", name), name, p.Fields[name])
	}
	c.pages(path, p)
}

func (c *checker) pages(path []any, p Probe) {
	turned := p.TurnedBy()
	where := under(path, "pages")
	switch {
	case len(turned) > 1:
		c.fail(path, "the pages are turned by both %s and %s: want one of %s", turned[0], turned[1], strings.Join(pageNames(), ", "))
	case slices.Contains(turned, nameCursor) && p.Pages.Next == "":
		c.fail(where, "pages: missing key \"next\": want the path of the next cursor in the answer")
	case (slices.Contains(turned, namePage) || slices.Contains(turned, nameOffset)) && p.Pages.Next != "":
		c.fail(under(where, "next"), "next: belongs to {{ cursor }}, and the pages are turned by {{ %s }}", turned[0])
	case p.GraphQL != nil && len(turned) == 0 && p.Pages.Next != "":
		c.fail(under(where, "next"), "next: no variable takes it: want one with the value {{ cursor }}")
	case len(turned) == 0 && p.Pages.Next == "" && c.has(where...):
		c.fail(where, "pages: nothing turns them: want {{ page }}, {{ offset }} or {{ cursor }} in the request, or next")
	}
	if p.Pages.First != nil && !slices.Contains(turned, namePage) {
		c.fail(under(where, "first"), "first: belongs to {{ page }}, which the request does not name")
	}
}

// TurnedBy lists by which of page, offset and cursor the request asks for a page.
func (p Probe) TurnedBy() []string {
	found := map[string]bool{}
	note := func(text string) {
		if parsed, err := ParseTemplate(text); err == nil {
			for _, use := range parsed.Uses() {
				found[use.Name] = true
			}
		}
	}
	note(p.HTTP)
	if p.GraphQL != nil {
		note(p.GraphQL.Path)
		eachText(p.GraphQL.Variables, note)
	}
	return slices.DeleteFunc(pageNames(), func(name string) bool { return !found[name] })
}
