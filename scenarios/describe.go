package scenarios

import (
	"encoding"
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"time"
)

// inWords is a fault as a report says what was planned: "30% of notifications, by 200ms..3s, from 2s for 4s".
func inWords(spec FaultSpec, kind Kind) string {
	parts := []string{strings.TrimSpace(subject(spec, kind))}
	parts = append(parts, spec.Only.inWords()...)
	if spec.When != "" {
		parts = append(parts, "while the payment is "+spec.When)
	}
	parts = append(parts, parametersInWords(reflect.ValueOf(spec.Params))...)
	return strings.Join(append(parts, windowInWords(spec)), ", ")
}

func subject(spec FaultSpec, kind Kind) string {
	switch {
	case kind.Shareless:
		return "every " + kind.Unit
	case spec.Share == 1:
		return "all " + plural(kind.Unit)
	default:
		return spec.Share.String() + " of " + plural(kind.Unit)
	}
}

func plural(unit string) string {
	switch {
	case strings.HasSuffix(unit, "y"):
		return strings.TrimSuffix(unit, "y") + "ies"
	case strings.HasSuffix(unit, "s"):
		return unit + "es"
	default:
		return unit + "s"
	}
}

func (o Only) inWords() []string {
	var parts []string
	for _, one := range []struct {
		name   string
		number int
	}{{"buyer", o.Buyer}, {"order", o.Order}, {"attempt", o.Attempt}} {
		if one.number > 0 {
			parts = append(parts, fmt.Sprintf("only %s %d", one.name, one.number))
		}
	}
	if o.Message != "" {
		parts = append(parts, "only "+o.Message)
	}
	return parts
}

func windowInWords(spec FaultSpec) string {
	from := "from the begin"
	if spec.From > 0 {
		from = "from " + spec.From.String()
	}
	switch {
	case spec.For > 0:
		return from + " for " + spec.For.String()
	case spec.Until == UntilBooks:
		return from + " until the books were read"
	default:
		return from + " until heal"
	}
}

// parametersInWords lists a struct's fields that are not zero as "key value".
func parametersInWords(params reflect.Value) []string {
	for params.Kind() == reflect.Pointer || params.Kind() == reflect.Interface {
		params = params.Elem()
	}
	if params.Kind() != reflect.Struct {
		return nil
	}
	var parts []string
	for _, field := range fieldsOf(params.Type()) {
		value := params.FieldByIndex(field.index)
		if isZero(value) {
			continue
		}
		if value.Kind() == reflect.Pointer {
			value = value.Elem()
		}
		if text := valueInWords(value); text != "" {
			parts = append(parts, field.key+" "+text)
		}
	}
	return parts
}

// isZero asks a value itself, if it knows when it says nothing.
func isZero(value reflect.Value) bool {
	if value.IsZero() {
		return true
	}
	knows, ok := value.Interface().(interface{ IsZero() bool })
	return ok && knows.IsZero()
}

func valueInWords(value reflect.Value) string {
	if value.Type() == typeDuration {
		return time.Duration(value.Int()).String()
	}
	if text, ok := value.Interface().(encoding.TextMarshaler); ok {
		if written, err := text.MarshalText(); err == nil {
			return string(written)
		}
	}
	switch value.Kind() {
	case reflect.Struct:
		return "(" + strings.Join(parametersInWords(value), ", ") + ")"
	case reflect.Bool:
		return strconv.FormatBool(value.Bool())
	case reflect.Slice:
		items := make([]string, value.Len())
		for index := range items {
			items[index] = valueInWords(value.Index(index))
		}
		return strings.Join(items, "|")
	default:
		return fmt.Sprint(value.Interface())
	}
}
