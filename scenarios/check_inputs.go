package scenarios

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strconv"

	"github.com/vektah/gqlparser/v2/ast"
)

// inputs holds the values of variables against their types. A template is as much of a value as can be known before it
// is filled in: a number, if it is made one, and text otherwise.
type inputs struct {
	*checker
	schema *ast.Schema
}

// check reports what of a value its type does not take. label is where the value stands: "$input.lines.0".
func (i inputs) check(path []any, label string, of *ast.Type, given any) {
	items, isList := given.([]any)
	switch {
	case i.isBlank(path):
	case given == nil && of.NonNull:
		i.fail(path, "variables: %s: want %s, not null", label, of)
	case given == nil:
	case of.Elem != nil && isList:
		for index, item := range items {
			i.check(under(path, index), fmt.Sprintf("%s.%d", label, index), of.Elem, item)
		}
	case of.Elem != nil: // GraphQL takes one value for a list of it
		i.check(path, label, of.Elem, given)
	default:
		i.named(path, label, of, given)
	}
}

func (i inputs) named(path []any, label string, of *ast.Type, given any) {
	definition := i.schema.Types[of.NamedType]
	if definition == nil {
		return // the validator has said so
	}
	kind := kindOf(given)
	switch definition.Kind {
	case ast.InputObject:
		fields, isMap := given.(map[string]any)
		if !isMap {
			i.fail(path, "variables: %s: want %s, an input object, not %s", label, of, kind.words)
			return
		}
		i.object(path, label, definition, fields)
	case ast.Enum:
		names := enumNames(definition)
		text, _ := given.(string)
		switch {
		case !kind.text:
			i.fail(path, "variables: %s: want %s, not %s: %s", label, of, kind.words, choose("", names))
		case !kind.template && !slices.Contains(names, text):
			i.fail(path, "variables: %s: the enum %s has no value %s: %s", label, of.NamedType, kind.words, choose(text, names))
		}
	case ast.Scalar:
		if problem := kind.unfit(of.NamedType); problem != "" {
			i.fail(path, "variables: %s: want %s, not %s%s", label, of, kind.words, problem)
		}
	default: // no type of input, as the validator has said
	}
}

func (i inputs) object(path []any, label string, definition *ast.Definition, fields map[string]any) {
	var names []string
	for _, field := range definition.Fields {
		names = append(names, field.Name)
		given, has := fields[field.Name]
		switch {
		case has:
			i.check(under(path, field.Name), label+"."+field.Name, field.Type, given)
		case field.Type.NonNull && field.DefaultValue == nil:
			i.fail(path, "variables: %s: missing field %q of the input object %s: want %s",
				label, field.Name, definition.Name, field.Type)
		}
	}
	for _, name := range sortedKeys(fields) {
		if !slices.Contains(names, name) {
			i.fail(under(path, name), "variables: %s: the input object %s has no field %q: %s",
				label, definition.Name, name, choose(name, names))
		}
	}
}

func enumNames(definition *ast.Definition) []string {
	var names []string
	for _, value := range definition.EnumValues {
		names = append(names, value.Name)
	}
	return names
}

// kind is what is known of a value before it is sent.
type kind struct {
	text, number, whole, boolean bool
	template                     bool   // so that its very value is not known
	words                        string // for messages
}

func kindOf(given any) kind {
	switch given := given.(type) {
	case string:
		parsed, err := ParseTemplate(given)
		if err != nil || len(parsed.Uses()) == 0 {
			return kind{text: true, words: fmt.Sprintf("%q", given)}
		}
		if parsed.isNumber() {
			return kind{number: true, whole: true, template: true, words: "the number " + given}
		}
		return kind{text: true, template: true, words: "the text " + given}
	case bool:
		return kind{boolean: true, words: fmt.Sprint(given)}
	case float64:
		whole := given == math.Trunc(given) && math.Abs(given) <= math.MaxInt32 // GraphQL's Int has 32 bits
		return kind{number: true, whole: whole, words: strconv.FormatFloat(given, 'f', -1, 64)}
	case []any:
		return kind{words: "a list"}
	case map[string]any:
		return kind{words: "a map"}
	default:
		encoded, _ := json.Marshal(given)
		return kind{words: string(encoded)}
	}
}

// unfit says what to do about a value that a scalar does not take, and is "" if it does. What a scalar of the shop's own
// takes only the shop knows.
func (k kind) unfit(scalar string) string {
	fits, wrong := true, ": "
	switch scalar {
	case "Int":
		fits = k.whole
	case "Float":
		fits = k.number
	case "String":
		fits = k.text
	case "ID":
		fits = k.text || k.whole
	case "Boolean":
		fits = k.boolean
	}
	switch {
	case fits:
		return ""
	case k.text && k.template && (scalar == "Int" || scalar == "Float"):
		return wrong + "make it a number, as in {{ quantity | number }}"
	case k.number && k.template:
		return wrong + "leave out | number"
	case k.number && scalar == "String":
		return wrong + "put it in quotes"
	case k.text && scalar != "Boolean":
		return wrong + "leave out the quotes, or give a number"
	default:
		return wrong + "it takes " + map[string]string{
			"Int": "a whole number of 32 bits", "Float": "a number", "String": "text", "ID": "text or a whole number", "Boolean": "true or false",
		}[scalar]
	}
}
