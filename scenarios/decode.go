package scenarios

import (
	"encoding"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
)

// decoder fills Go values from a tree, strictly, and goes on after an error so that all of a file's come at once.
//
// What it enforces is on the types: the yaml tag names the key ("one-or-list" lets a list of one be written bare), and
// the jsonschema tag, which the schemas are made from too, says what is required, its least value, its least length and
// its pattern. Words that only the vocabulary knows are in words.
type decoder struct {
	vocabulary Vocabulary
	words      map[string]wordSet
	errs       Errors
}

func newDecoder(vocabulary Vocabulary) *decoder {
	return &decoder{vocabulary: vocabulary, words: words(vocabulary)}
}

func (d *decoder) fail(at place, format string, args ...any) {
	d.errs = append(d.errs, Error{File: at.file, Line: at.line, Column: at.column, Message: fmt.Sprintf(format, args...)})
}

var (
	typeTime      = reflect.TypeFor[time.Time]()
	typeDuration  = reflect.TypeFor[time.Duration]()
	typeStep      = reflect.TypeFor[Step]()
	typeOneOf     = reflect.TypeFor[OneOf]()
	typeFaultSpec = reflect.TypeFor[FaultSpec]()
)

// value decodes n into a settable value. label is the key, for messages.
func (d *decoder) value(n *node, label string, into reflect.Value) {
	if what, blank := n.blank(); blank {
		d.fail(n.place, "%s: still to be filled in: %s", label, what)
		return
	}
	if n.shape == shapeNull && into.Kind() != reflect.Interface {
		d.fail(n.place, "%s: has no value: want %s", label, wanted(into.Type()))
		return
	}
	switch {
	case into.Type() == typeTime:
		d.date(n, label, into)
		return
	case into.Type() == typeDuration:
		d.text(n, label, (*Duration)(into.Addr().Interface().(*time.Duration)))
		return
	case into.Type() == typeOneOf:
		into.Set(reflect.ValueOf(d.oneOf(n, label)))
		return
	}
	if scalar, ok := into.Addr().Interface().(encoding.TextUnmarshaler); ok {
		d.text(n, label, scalar)
		return
	}
	switch into.Kind() {
	case reflect.Struct:
		d.structure(n, label, into, nil)
	case reflect.Pointer:
		into.Set(reflect.New(into.Type().Elem()))
		d.value(n, label, into.Elem())
	case reflect.Map:
		d.mapping(n, label, into)
	case reflect.Slice:
		d.list(n, label, into)
	case reflect.Interface:
		into.Set(reflect.ValueOf(&[]any{d.free(n, label)}[0]).Elem())
	default:
		d.scalar(n, label, into)
	}
}

func (d *decoder) scalar(n *node, label string, into reflect.Value) {
	mismatch := func() { d.fail(n.place, "%s: want %s, not %s", label, wanted(into.Type()), n.describe()) }
	switch into.Kind() {
	case reflect.String:
		switch n.shape {
		case shapeText, shapeLoose:
			into.SetString(n.text)
		case shapeInteger, shapeFloat, shapeBool:
			d.fail(n.place, "%s: want text, not %s: put it in quotes", label, n.describe())
		default:
			mismatch()
		}
	case reflect.Bool:
		parsed, err := strconv.ParseBool(n.text)
		if n.shape != shapeBool && (n.shape != shapeLoose || err != nil) {
			mismatch()
			return
		}
		into.SetBool(parsed)
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		parsed, err := strconv.ParseInt(n.text, 10, 64)
		if (n.shape != shapeInteger && n.shape != shapeLoose) || err != nil || into.OverflowInt(parsed) {
			mismatch()
			return
		}
		into.SetInt(parsed)
	case reflect.Float32, reflect.Float64:
		parsed, err := parseDecimal(n.text)
		if (n.shape != shapeInteger && n.shape != shapeFloat && n.shape != shapeLoose) || err != nil {
			mismatch()
			return
		}
		into.SetFloat(parsed)
	default:
		d.fail(n.place, "%s: cannot be written in a file", label)
	}
}

// text decodes a scalar that parses its own text.
func (d *decoder) text(n *node, label string, into encoding.TextUnmarshaler) {
	if !n.isScalar() {
		d.fail(n.place, "%s: want %s, not %s", label, wanted(reflect.TypeOf(into).Elem()), n.describe())
		return
	}
	if err := into.UnmarshalText([]byte(n.text)); err != nil {
		d.fail(n.place, "%s: %s", label, err)
	}
}

// date decodes a day, which counts from its beginning in UTC, or a time.
func (d *decoder) date(n *node, label string, into reflect.Value) {
	for _, layout := range []string{time.DateOnly, time.RFC3339} {
		if parsed, err := time.Parse(layout, n.text); err == nil && n.isScalar() {
			into.Set(reflect.ValueOf(parsed.UTC()))
			return
		}
	}
	d.fail(n.place, "%s: want a date such as 2026-12-31, not %s", label, n.describe())
}

func (d *decoder) mapping(n *node, label string, into reflect.Value) {
	if n.shape != shapeMapping {
		d.fail(n.place, "%s: want %s, not %s", label, wanted(into.Type()), n.describe())
		return
	}
	if len(n.entries) == 0 {
		return // nil and not empty, so that it is equal after a way through JSON
	}
	into.Set(reflect.MakeMapWithSize(into.Type(), len(n.entries)))
	for _, entry := range n.entries {
		element := reflect.New(into.Type().Elem()).Elem()
		d.value(entry.value, entry.key, element)
		if element.Type() == typeStep {
			element.FieldByName("Name").SetString(entry.key)
		}
		into.SetMapIndex(reflect.ValueOf(entry.key).Convert(into.Type().Key()), element)
	}
}

func (d *decoder) list(n *node, label string, into reflect.Value) {
	element := into.Type().Elem()
	if element == typeFaultSpec {
		into.Set(reflect.ValueOf(d.faults(n, label)))
		return
	}
	if n.shape != shapeSequence {
		d.fail(n.place, "%s: want %s, not %s", label, wanted(into.Type()), n.describe())
		return
	}
	if len(n.items) == 0 {
		return
	}
	into.Set(reflect.MakeSlice(into.Type(), len(n.items), len(n.items)))
	for index, item := range n.items {
		if element != typeStep {
			d.value(item, label, into.Index(index))
			continue
		}
		if name, step, ok := item.single(); ok {
			d.value(step, name, into.Index(index))
			into.Index(index).FieldByName("Name").SetString(name)
		} else {
			d.fail(item.place, "%s: want one step as a map with one key, its name, such as {order: {post: /orders}}", label)
		}
	}
}

// oneOf decodes one scalar or a list of them, whatever their sort: a code is a word at one shop and a number at another.
func (d *decoder) oneOf(n *node, label string) OneOf {
	items := n.items
	if n.shape != shapeSequence {
		items = []*node{n}
	} else if len(items) == 0 {
		d.fail(n.place, "%s: is empty: want at least one", label)
	}
	var values OneOf
	for _, item := range items {
		if !item.isScalar() || item.text == "" {
			d.fail(item.place, "%s: want %s, not %s", label, wanted(typeOneOf), item.describe())
			continue
		}
		values = append(values, item.text)
	}
	return values
}

// single is the only entry of a map with one key.
func (n *node) single() (key string, value *node, ok bool) {
	if n.shape != shapeMapping || len(n.entries) != 1 {
		return "", nil, false
	}
	return n.entries[0].key, n.entries[0].value, true
}

// structure decodes a map into a struct. more are keys that the caller has taken care of.
func (d *decoder) structure(n *node, label string, into reflect.Value, more []string) {
	if n.shape != shapeMapping {
		d.fail(n.place, "%s: want a map, not %s", label, n.describe())
		return
	}
	fields := fieldsOf(into.Type())
	present := map[string]bool{}
	for _, entry := range n.entries {
		at := slices.IndexFunc(fields, func(f field) bool { return f.key == entry.key })
		if at < 0 {
			d.fail(entry.place, "unknown key %q: %s", entry.key, choose(entry.key, append(keysOf(fields), more...)))
			continue
		}
		present[entry.key] = true
		d.field(entry.value, fields[at], into.FieldByIndex(fields[at].index))
	}
	for _, field := range fields {
		if field.required && !present[field.key] {
			d.fail(n.place, "missing key %q: want %s", field.key, wanted(field.kind))
		}
	}
}

// field decodes one field and holds it against its tags and words.
func (d *decoder) field(n *node, f field, into reflect.Value) {
	if f.oneOrList && n.shape != shapeSequence && n.shape != shapeNull {
		n = &node{place: n.place, shape: shapeSequence, items: []*node{n}}
	}
	before := len(d.errs)
	d.value(n, f.key, into)
	if len(d.errs) > before {
		return
	}
	d.limits(n, f)
	allowed, limited := d.words[f.owner+"."+f.key]
	if !limited {
		return
	}
	scalars := slices.Clone(n.items)
	if n.isScalar() {
		scalars = append(scalars, n)
	}
	for _, entry := range n.entries {
		if allowed.keys != nil && !slices.Contains(allowed.keys, entry.key) {
			d.fail(entry.place, "%s: unknown %s %q: %s", f.key, allowed.noun, entry.key, choose(entry.key, allowed.keys))
		}
		scalars = append(scalars, entry.value)
	}
	for _, scalar := range scalars {
		if allowed.values != nil && !slices.Contains(allowed.values, scalar.text) {
			d.fail(scalar.place, "%s: unknown %s %q: %s", f.key, allowed.noun, scalar.text, choose(scalar.text, allowed.values))
		}
	}
}

func (d *decoder) limits(n *node, f field) {
	switch {
	case n.shape == shapeMapping && f.required && len(n.entries) == 0,
		n.shape == shapeSequence && f.required && len(n.items) == 0:
		d.fail(n.place, "%s: is empty: want at least one", f.key)
	case n.isScalar() && f.required && n.text == "":
		d.fail(n.place, "%s: is empty: want %s", f.key, wanted(f.kind))
	}
	if !math.IsNaN(f.minimum) {
		if number, err := parseDecimal(n.text); err == nil && number < f.minimum {
			d.fail(n.place, "%s: %s is too small: want at least %v", f.key, n.text, f.minimum)
		}
	}
	if f.pattern != nil && n.isScalar() && !f.pattern.MatchString(n.text) {
		d.fail(n.place, "%s: %q is not allowed: want %s", f.key, n.text, patternInWords(f.pattern.String()))
	}
	if f.allowed != nil && n.isScalar() && !slices.Contains(f.allowed, n.text) {
		d.fail(n.place, "%s: unknown value %q: %s", f.key, n.text, choose(n.text, f.allowed))
	}
}

// patternInWords is a pattern of our own types in words, or any other as it is.
func patternInWords(pattern string) string {
	switch pattern {
	case "^/":
		return "a path that begins with /"
	case "^[a-z0-9][a-z0-9-]*$":
		return "lower case letters, digits and -"
	default:
		return "text that matches " + pattern
	}
}

// free decodes whatever stands there as JSON would have it, with float64 for numbers.
func (d *decoder) free(n *node, label string) any {
	if what, blank := n.blank(); blank {
		d.fail(n.place, "%s: still to be filled in: %s", label, what)
	}
	switch n.shape {
	case shapeMapping:
		fields := make(map[string]any, len(n.entries))
		for _, entry := range n.entries {
			fields[entry.key] = d.free(entry.value, entry.key)
		}
		return fields
	case shapeSequence:
		items := make([]any, len(n.items))
		for index, item := range n.items {
			items[index] = d.free(item, label)
		}
		return items
	case shapeInteger, shapeFloat:
		number, err := parseDecimal(n.text)
		if err != nil {
			d.fail(n.place, "%s: %s is no number that JSON has", label, n.text)
		} else if n.shape == shapeInteger && math.Abs(number) > 1<<53 {
			d.fail(n.place, "%s: %s is larger than JSON numbers are exact: put it in quotes", label, n.text)
		}
		return number
	case shapeBool:
		return n.text == "true"
	case shapeNull:
		return nil
	default:
		return n.text
	}
}

// describe is a node as an error message names it.
func (n *node) describe() string {
	switch n.shape {
	case shapeText, shapeLoose:
		return fmt.Sprintf("%s %q", n.shape, n.text)
	case shapeInteger, shapeFloat, shapeBool:
		return n.text
	default:
		return n.shape.String()
	}
}

// Blank begins a value that a drafted file leaves to its reader, "<FILL IN: what belongs here>".
const Blank = "<FILL IN: "

// blank is what belongs where a value is still to be filled in.
func (n *node) blank() (what string, is bool) {
	if n == nil || !n.isScalar() {
		return "", false
	}
	what, is = strings.CutPrefix(n.text, Blank)
	return strings.TrimSuffix(what, ">"), is
}
