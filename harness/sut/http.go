package sut

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/tidwall/gjson"

	"github.com/paystorm/paystorm/history"
	"github.com/paystorm/paystorm/scenarios"
)

// readHTTP reads a table from a JSON answer of the shop itself.
func (d *door) readHTTP(ctx context.Context, table history.Table, probe scenarios.Probe) (raw, error) {
	known := columnsOf(table)
	for _, name := range slices.Sorted(maps.Keys(probe.Fields)) {
		if !slices.Contains(known, name) {
			return raw{}, fmt.Errorf("unknown field %q: want one of %s", name, strings.Join(known, ", "))
		}
	}
	body, err := d.ask(ctx, http.MethodGet, probe.HTTP)
	if err != nil {
		return raw{}, err
	}
	if !gjson.ValidBytes(body) {
		return raw{}, fmt.Errorf("%s answers no JSON: %s", probe.HTTP, excerpt(string(body)))
	}
	rows := gjson.ParseBytes(body)
	if probe.Rows != "" {
		rows = rows.Get(probe.Rows)
	}
	if !rows.IsArray() {
		return raw{}, fmt.Errorf("%s answers no array of rows at %q: %s", probe.HTTP, probe.Rows, excerpt(string(body)))
	}
	answer := raw{columns: known}
	for number, row := range rows.Array() {
		values := make([]any, len(known))
		for i, name := range known {
			path := probe.Fields[name]
			if path == "" {
				path = name
			}
			if values[i], err = plain(row.Get(path)); err != nil {
				return raw{}, fmt.Errorf("row %d, %s: %w", number+1, path, err)
			}
		}
		answer.rows = append(answer.rows, values)
	}
	return answer, nil
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
