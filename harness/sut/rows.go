package sut

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"math"
	"reflect"
	"slices"
	"sort"
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
// that is missing is zero; one that is not known is an error, because it is a misspelt one. Of values that do not fit,
// each column is told once, so that a mapping comes right in few tries.
func into[T any](rows *[]T, answer raw) error {
	fields, err := fieldsFor(reflect.TypeFor[T](), answer.columns)
	if err != nil {
		return err
	}
	result := slices.Grow([]T(nil), len(answer.rows))[:len(answer.rows)]
	row := reflect.ValueOf(result).Index // where it lies, for to reflect on a row itself copies it
	misfits := make([]misfit, len(fields))
	for number, values := range answer.rows {
		for i, value := range values {
			if err := set(row(number).Field(fields[i]), value); err != nil {
				misfits[i].add(number+1, err)
			}
		}
	}
	var faults []string
	for i, misfit := range misfits {
		if misfit.first != "" {
			faults = append(faults, misfit.describe(answer.columns[i]))
		}
	}
	if len(faults) > 0 {
		return errors.New(strings.Join(faults, "; "))
	}
	sort.Slice(result, func(i, j int) bool { return compare(row(i), row(j)) < 0 })
	*rows = result
	return nil
}

// fieldsFor finds the field of each column.
func fieldsFor(row reflect.Type, answered []string) ([]int, error) {
	known := columns(row)
	fields := make([]int, len(answered))
	var faults []string
	for i, column := range answered {
		if fields[i] = slices.Index(known, column); fields[i] < 0 {
			faults = append(faults, fmt.Sprintf("unknown column %q: want one of %s", column, strings.Join(known, ", ")))
		}
		if slices.Contains(answered[:i], column) {
			faults = append(faults, fmt.Sprintf("column %q is there twice", column))
		}
	}
	if len(faults) > 0 {
		return nil, errors.New(strings.Join(faults, "; "))
	}
	return fields, nil
}

// misfit is what does not fit in one column.
type misfit struct {
	first string
	more  int
}

func (m *misfit) add(row int, err error) {
	if m.first != "" {
		m.more++
		return
	}
	m.first = fmt.Sprintf("row %d, column %%s: %v", row, err)
}

func (m *misfit) describe(column string) string {
	text := strings.Replace(m.first, "%s", column, 1)
	if m.more > 0 {
		text += fmt.Sprintf(" (and %d rows like it)", m.more)
	}
	return text
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

func (m mapping) has(state string) bool {
	_, ok := m.of(state)
	return ok
}

// withStates sets rows whose states are mapped. What does not fit and what is mapped to nothing are told together.
func withStates[T any](rows *[]T, answer raw, states mapping, state func(*T) *string) error {
	var result []T
	err := errors.Join(into(&result, answer), states.check(answer))
	if err != nil {
		return errors.New(strings.ReplaceAll(err.Error(), "\n", "; "))
	}
	for i := range result {
		field := state(&result[i])
		*field, _ = states.of(*field)
	}
	*rows = result
	return nil
}

// check looks for states that are mapped to nothing. The error lists all of them, and what is mapped.
func (m mapping) check(answer raw) error {
	column := slices.Index(answer.columns, "state")
	if column < 0 && len(answer.rows) > 0 {
		return errors.New(`no column "state": want the row's state, as the shop calls it`)
	}
	unmapped := map[string]int{}
	for _, row := range answer.rows {
		if told := asText(row[column]); !m.has(told) {
			unmapped[told]++
		}
	}
	if len(unmapped) == 0 {
		return nil
	}
	var seen, mapped []string
	for _, state := range slices.Sorted(maps.Keys(unmapped)) {
		seen = append(seen, fmt.Sprintf("%q (%d rows)", state, unmapped[state]))
	}
	all := map[string]string{}
	maps.Copy(all, m.shared)
	maps.Copy(all, m.own)
	for _, state := range slices.Sorted(maps.Keys(all)) {
		mapped = append(mapped, state+" → "+all[state])
	}
	return fmt.Errorf("the states %s are mapped to nothing: map them, under states, to %s (mapped so far: %s)",
		strings.Join(seen, ", "), strings.Join(m.canonical, ", "), cmp.Or(strings.Join(mapped, ", "), "none"))
}

// wholeOrders holds the rows of each order, which are sorted, against each other: they are its lines, and differ in SKU and
// quantity alone. A join that multiplies rows would else be taken for units that nobody ordered.
func wholeOrders(rows []history.OrderRow) error {
	for i := 1; i < len(rows); i++ {
		before, row := rows[i-1], rows[i]
		if before.Order != row.Order {
			continue
		}
		if before.SKU == row.SKU {
			return fmt.Errorf("order %q has two rows of the SKU %q: want one row for each SKU of an order", row.Order, row.SKU)
		}
		if before.SKU, before.Quantity = row.SKU, row.Quantity; before != row {
			return fmt.Errorf("order %q has rows that differ in more than SKU and quantity: "+
				"want the whole order's amount and state in each", row.Order)
		}
	}
	return nil
}
