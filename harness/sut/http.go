package sut

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/tidwall/gjson"

	"github.com/paystorm/paystorm/history"
	"github.com/paystorm/paystorm/scenarios"
)

// pagesMost is how many pages a probe may have whose file names no other number.
const pagesMost = 1000

// page is where a probe has got to.
type page struct {
	number int
	offset int    // rows so far
	cursor any    // nil on the first page, then a string
	link   string // the next page's own address, or ""
}

// readPages reads a table from the shop's own JSON answers, page after page.
func (d *door) readPages(ctx context.Context, table history.Table, probe scenarios.Probe) (raw, error) {
	known := columnsOf(table)
	for _, name := range slices.Sorted(maps.Keys(probe.Fields)) {
		if !slices.Contains(known, name) {
			return raw{}, fmt.Errorf("unknown field %q: want one of %s", name, strings.Join(known, ", "))
		}
	}
	at := page{number: 1}
	if probe.Pages.First != nil {
		at.number = *probe.Pages.First
	}
	answer := raw{columns: known}
	most := cmp.Or(probe.Pages.Most, pagesMost)
	seen := map[string]bool{}
	var last []byte
	for range most {
		body, err := d.askPage(ctx, probe, at)
		if err != nil {
			return raw{}, err
		}
		if last != nil && bytes.Equal(body, last) {
			return raw{}, fmt.Errorf("page %d is the same as the one before it: the shop does not turn its pages so", at.number)
		}
		last = body
		count, err := enterPage(&answer, probe, body)
		if err != nil {
			return raw{}, err
		}
		next, more := at.turn(probe, body, count)
		if !more {
			return answer, nil
		}
		mark := fmt.Sprint(next.cursor, next.link)
		if probe.Pages.Next != "" && seen[mark] {
			return raw{}, fmt.Errorf("the next page %s was there before: the pages go round in circles", mark)
		}
		seen[mark], at = true, next
	}
	return raw{}, fmt.Errorf("there are more than %d pages: want a request that asks for less or for larger pages, or pages.most", most)
}

// turn is the page after one with count rows, if there is one.
func (p page) turn(probe scenarios.Probe, body []byte, count int) (page, bool) {
	told := probe.Pages.More != ""
	if told && !gjson.GetBytes(body, probe.Pages.More).Bool() {
		return p, false
	}
	turned := probe.TurnedBy()
	next := page{number: p.number + 1, offset: p.offset + count}
	if probe.Pages.Next == "" {
		return next, len(turned) > 0 && (count > 0 || told)
	}
	found := gjson.GetBytes(body, probe.Pages.Next).String()
	if len(turned) == 0 {
		next.link = found
	} else {
		next.cursor = found
	}
	return next, found != ""
}

// enterPage adds the rows of an answer, and says how many there were.
func enterPage(answer *raw, probe scenarios.Probe, body []byte) (int, error) {
	if !gjson.ValidBytes(body) {
		return 0, fmt.Errorf("the shop answers no JSON: %s", excerpt(string(body)))
	}
	parsed := gjson.ParseBytes(body)
	if probe.GraphQL != nil {
		if err := graphQLErrors(body); err != nil {
			return 0, err
		}
	}
	rows := parsed
	if probe.Rows != "" {
		rows = parsed.Get(probe.Rows)
	}
	if !rows.IsArray() {
		return 0, fmt.Errorf("the answer has no array of rows at %q: %s", probe.Rows, excerpt(string(body)))
	}
	count := 0
	for _, row := range rows.Array() {
		count++
		values := make([]any, len(answer.columns))
		for i, name := range answer.columns {
			path := cmp.Or(probe.Fields[name], name)
			var err error
			if values[i], err = plain(row.Get(path)); err != nil {
				return 0, fmt.Errorf("row %d, %s: %w", len(answer.rows)+1, path, err)
			}
		}
		answer.rows = append(answer.rows, values)
	}
	return count, nil
}

// askPage asks for one page.
func (d *door) askPage(ctx context.Context, probe scenarios.Probe, at page) ([]byte, error) {
	values := d.values()
	values["page"], values["offset"], values["cursor"] = at.number, at.offset, at.cursor
	path, body := probe.HTTP, []byte(nil)
	method := http.MethodGet
	if graphQL := probe.GraphQL; graphQL != nil {
		var err error
		if body, err = graphQLBody(*graphQL, values); err != nil {
			return nil, err
		}
		method, path = http.MethodPost, graphQL.Path
	}
	path, err := scenarios.Expand(path, values)
	if err != nil {
		return nil, err
	}
	if at.cursor == nil && slices.Contains(probe.TurnedBy(), "cursor") {
		path = withoutEmpty(path)
	}
	target, err := d.target(path, at)
	if err != nil {
		return nil, err
	}
	header, err := scenarios.ExpandAll(probe.Header, values)
	if err != nil {
		return nil, fmt.Errorf("header %w", err)
	}
	return d.send(ctx, method, target, header, body)
}

// target is where a probe's path leads: to the shop, or, for a whole URL, where that says.
func (d *door) target(path string, at page) (string, error) {
	base := d.at(path)
	if strings.HasPrefix(path, "http://") || strings.HasPrefix(path, "https://") {
		base = path
	}
	parsed, err := url.Parse(base)
	if err != nil {
		return "", fmt.Errorf("the probe's address: %w", err)
	}
	if at.link != "" {
		next, err := parsed.Parse(at.link)
		if err != nil {
			return "", fmt.Errorf("the address of the next page: %w", err)
		}
		if next.Host != parsed.Host {
			return "", fmt.Errorf("the next page is at %s, and the probe leads to %s alone", next.Host, parsed.Host)
		}
		return next.String(), nil
	}
	return parsed.String(), nil
}

// withoutEmpty leaves the parameters without a value out: the first page has no cursor, and many a shop takes an empty one
// for a wrong one.
func withoutEmpty(path string) string {
	before, query, found := strings.Cut(path, "?")
	if !found {
		return path
	}
	kept := slices.DeleteFunc(strings.Split(query, "&"), func(parameter string) bool { return strings.HasSuffix(parameter, "=") })
	return before + "?" + strings.Join(kept, "&")
}

// plain is a JSON value as a database would give it. Numbers keep all their digits.
func plain(value gjson.Result) (any, error) {
	switch value.Type {
	case gjson.Null:
		return nil, nil
	case gjson.String:
		return value.Str, nil
	case gjson.True, gjson.False:
		return value.Bool(), nil
	case gjson.Number:
		if whole, err := strconv.ParseInt(value.Raw, 10, 64); err == nil {
			return whole, nil
		}
		return value.Raw, nil
	default:
		return nil, errors.New("it is an object or an array")
	}
}
