package sut

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/paystorm/paystorm/history"
)

// columns are the names that a probe's columns may have: the JSON names of the row type's fields, in their order.
func columns(row reflect.Type) []string {
	names := make([]string, row.NumField())
	for i := range names {
		names[i], _, _ = strings.Cut(row.Field(i).Tag.Get("json"), ",")
	}
	return names
}

// columnsOf are the columns of a table.
func columnsOf(table history.Table) []string {
	books := reflect.TypeFor[history.Books]()
	for i := range books.NumField() {
		if name, _, _ := strings.Cut(books.Field(i).Tag.Get("json"), ","); name == string(table) {
			return columns(books.Field(i).Type.Elem())
		}
	}
	return nil
}

// into sets rows to what a probe answered, sorted by their fields in order, of which the first are the key. A column
// that is missing is zero; one that is not known is an error, because it is a misspelt one.
func into[T any](rows *[]T, answer raw) error {
	known := columns(reflect.TypeFor[T]())
	fields := make([]int, len(answer.columns))
	for i, column := range answer.columns {
		if fields[i] = slices.Index(known, column); fields[i] < 0 {
			return fmt.Errorf("unknown column %q: want one of %s", column, strings.Join(known, ", "))
		}
		if slices.Contains(answer.columns[:i], column) {
			return fmt.Errorf("column %q is there twice", column)
		}
	}
	var result []T
	for number, values := range answer.rows {
		var row T
		for i, value := range values {
			if err := set(reflect.ValueOf(&row).Elem().Field(fields[i]), value); err != nil {
				return fmt.Errorf("row %d, column %s: %w", number+1, answer.columns[i], err)
			}
		}
		result = append(result, row)
	}
	slices.SortFunc(result, func(a, b T) int { return compare(reflect.ValueOf(a), reflect.ValueOf(b)) })
	*rows = result
	return nil
}

// set puts a value from a database or from JSON into a field, which is a string or an int64. NULL is zero.
func set(field reflect.Value, value any) error {
	if field.Kind() == reflect.String {
		field.SetString(asText(value))
		return nil
	}
	number, err := asWhole(value)
	if err != nil {
		return err
	}
	field.SetInt(number)
	return nil
}

func asText(value any) string {
	switch value := value.(type) {
	case nil:
		return ""
	case string:
		return value
	case []byte:
		return string(value)
	default:
		return fmt.Sprint(value)
	}
}

func asWhole(value any) (int64, error) {
	switch value := value.(type) {
	case nil:
		return 0, nil
	case int64:
		return value, nil
	case bool:
		if value {
			return 1, nil
		}
		return 0, nil
	case float64:
		if value == math.Trunc(value) && math.Abs(value) < 1<<53 {
			return int64(value), nil
		}
	case string, []byte:
		if number, err := strconv.ParseInt(asText(value), 10, 64); err == nil {
			return number, nil
		}
	}
	return 0, fmt.Errorf("%v is no whole number", asText(value))
}

// compare orders two rows by their fields.
func compare(a, b reflect.Value) int {
	for i := range a.NumField() {
		order := 0
		if a.Field(i).Kind() == reflect.String {
			order = cmp.Compare(a.Field(i).String(), b.Field(i).String())
		} else {
			order = cmp.Compare(a.Field(i).Int(), b.Field(i).Int())
		}
		if order != 0 {
			return order
		}
	}
	return 0
}

// mapping is how a shop's states become canonical ones. A table's own states come before those that the system file
// gives for answers and probes alike. Where nothing is mapped, the shop is taken to use the canonical words.
type mapping struct {
	own, shared map[string]string
	canonical   []string
}

func (m mapping) of(state string) (string, bool) {
	if canonical, ok := m.own[state]; ok {
		return canonical, true
	}
	if canonical, ok := m.shared[state]; ok {
		return canonical, true
	}
	return state, len(m.own)+len(m.shared) == 0 && slices.Contains(m.canonical, state)
}

// mapStates maps the state of each row. What is mapped to nothing is an error that lists all of it.
func mapStates[T any](rows []T, states mapping, state func(*T) *string) error {
	unmapped := map[string]bool{}
	for i := range rows {
		field := state(&rows[i])
		canonical, ok := states.of(*field)
		if !ok {
			unmapped[strconv.Quote(*field)] = true
		}
		*field = canonical
	}
	if len(unmapped) > 0 {
		return fmt.Errorf("the states %s are mapped to nothing: map them, under states, to %s",
			strings.Join(slices.Sorted(maps.Keys(unmapped)), ", "), strings.Join(states.canonical, ", "))
	}
	return nil
}
