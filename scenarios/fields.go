package scenarios

import (
	"encoding"
	"math"
	"reflect"
	"regexp"
	"strconv"
	"strings"
)

// field is a struct's field as the decoder needs it.
type field struct {
	owner     string // the struct's name, for words
	key       string
	index     []int
	kind      reflect.Type
	oneOrList bool
	required  bool
	minimum   float64 // NaN: none
	pattern   *regexp.Regexp
	allowed   []string // nil: anything
}

// fieldsOf lists the fields of a struct that a file may have, with those of embedded structs.
func fieldsOf(of reflect.Type) []field {
	var fields []field
	for _, found := range reflect.VisibleFields(of) {
		tag, tagged := found.Tag.Lookup("yaml")
		key, options, _ := strings.Cut(tag, ",")
		if !found.IsExported() || found.Anonymous || key == "-" {
			continue
		}
		if !tagged || key == "" {
			key = strings.ToLower(found.Name)
		}
		next := field{
			owner: of.Name(), key: key, index: found.Index, kind: found.Type,
			oneOrList: options == "one-or-list", minimum: math.NaN(),
		}
		for rule := range strings.SplitSeq(found.Tag.Get("jsonschema"), ",") {
			next.rule(rule)
		}
		fields = append(fields, next)
	}
	return fields
}

func (f *field) rule(rule string) {
	name, value, _ := strings.Cut(rule, "=")
	switch name {
	case "required":
		f.required = true
	case "minimum":
		if parsed, err := strconv.ParseFloat(value, 64); err == nil {
			f.minimum = parsed
		}
	case "pattern":
		f.pattern = regexp.MustCompile(value)
	case "enum":
		f.allowed = append(f.allowed, value)
	}
}

func keysOf(fields []field) []string {
	keys := make([]string, len(fields))
	for index, field := range fields {
		keys[index] = field.key
	}
	return keys
}

// wanted is a type in the words of a file's author.
func wanted(of reflect.Type) string {
	if words, known := map[reflect.Type]string{
		typeTime:                    "a date such as 2026-12-31",
		typeDuration:                "a duration such as 1.5s",
		reflect.TypeFor[Duration](): "a duration such as 1.5s",
		reflect.TypeFor[Span]():     "a duration or a range such as 200ms..3s",
		reflect.TypeFor[Share]():    "a share such as 30%",
		reflect.TypeFor[Rate]():     "a rate such as 400/s",
		reflect.TypeFor[Size]():     "a size such as 256m",
		typeAmount:                  "an amount such as 4999.00 CNY",
		reflect.TypeFor[[]Step]():   "a list of steps",
		typeOneOf:                   "a value or a list of values",
	}[of]; known {
		return words
	}
	if reflect.PointerTo(of).Implements(reflect.TypeFor[encoding.TextUnmarshaler]()) {
		return "a single value"
	}
	switch of.Kind() {
	case reflect.String:
		return "text"
	case reflect.Bool:
		return "true or false"
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return "a whole number"
	case reflect.Float32, reflect.Float64:
		return "a number"
	case reflect.Slice:
		return "a list"
	case reflect.Pointer:
		return wanted(of.Elem())
	default:
		return "a map"
	}
}
