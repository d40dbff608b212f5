package scenarios

import (
	"encoding"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/invopop/jsonschema"
)

// ScenarioSchema is the JSON Schema (draft 2020-12) of scenario files, for editors. It is made from the types that the
// decoder fills, their tags and their comments, and from the vocabulary.
func ScenarioSchema(v Vocabulary) ([]byte, error) {
	w := newSchemaWriter(v)
	root, err := w.root(Scenario{}, "Paystorm scenario")
	if err != nil {
		return nil, err
	}
	// What the types hold as lists of FaultSpec is written in two short forms.
	payers := w.kinds(v.Payers, true)
	oneFault := w.kinds(v.Faults, false)
	oneFault.MinProperties, oneFault.MaxProperties = pointerTo(1), pointerTo(1)
	faults := &jsonschema.Schema{Type: "array", Items: oneFault}
	for key, schema := range map[string]*jsonschema.Schema{"faults": faults, "payers": payers} {
		if written, known := root.Properties.Get(key); known {
			schema.Description = written.Description
		}
		root.Properties.Set(key, schema)
	}
	return encodeSchema(root)
}

// SystemSchema is the JSON Schema of system files.
func SystemSchema(v Vocabulary) ([]byte, error) {
	whole, err := newSchemaWriter(v).root(System{}, "Paystorm system under test")
	if err != nil {
		return nil, err
	}
	// A file that extends another one is a part of a whole, of which only the outermost keys are known.
	keys := []any{keyExtends}
	for pair := whole.Properties.Oldest(); pair != nil; pair = pair.Next() {
		keys = append(keys, pair.Key)
	}
	root := &jsonschema.Schema{
		Version: whole.Version, Title: whole.Title, Definitions: whole.Definitions, Type: "object",
		If:   &jsonschema.Schema{Required: []string{keyExtends}},
		Then: &jsonschema.Schema{PropertyNames: &jsonschema.Schema{Enum: keys}},
		Else: whole,
	}
	whole.Version, whole.Title, whole.Definitions = "", "", nil
	return encodeSchema(root)
}

func encodeSchema(schema *jsonschema.Schema) ([]byte, error) {
	encoded, err := json.MarshalIndent(schema, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("write the schema: %w", err)
	}
	return append(encoded, '\n'), nil
}

// schemaWriter reflects types, and remembers the structs it met to say about them what reflection cannot.
type schemaWriter struct {
	words   map[string]wordSet
	structs map[string]reflect.Type
	comment comments
}

func newSchemaWriter(v Vocabulary) *schemaWriter {
	return &schemaWriter{words: words(v), structs: map[string]reflect.Type{}}
}

// root is the schema of a whole file, with $defs.
func (w *schemaWriter) root(of any, title string) (*jsonschema.Schema, error) {
	var err error
	if w.comment, err = readComments(); err != nil {
		return nil, err
	}
	root := w.reflect(of, false)
	root.Title = title
	for name, definition := range root.Definitions {
		w.refine(definition, w.structs[name])
	}
	w.refine(root, reflect.TypeOf(of))
	return root, nil
}

func (w *schemaWriter) reflect(of any, inline bool) *jsonschema.Schema {
	reflector := jsonschema.Reflector{
		Anonymous: true, ExpandedStruct: !inline, DoNotReference: inline,
		FieldNameTag: "yaml", RequiredFromJSONSchemaTags: true,
		Mapper: w.known, LookupComment: w.comment.lookup,
	}
	return reflector.Reflect(of)
}

const (
	durationPattern = `(0|([0-9]+(\.[0-9]+)?(ns|us|µs|ms|s|m|h))+)`
	decimalPattern  = `[0-9]+(\.[0-9]+)?`
)

// known is the schema of a type that is written otherwise than Go holds it; nil for all others.
func (w *schemaWriter) known(of reflect.Type) *jsonschema.Schema {
	text := func(pattern string) *jsonschema.Schema {
		return &jsonschema.Schema{Type: "string", Pattern: "^" + pattern + "$"}
	}
	switch of {
	case reflect.TypeFor[Duration](), typeDuration:
		return anyOf(text(durationPattern), &jsonschema.Schema{Const: 0})
	case reflect.TypeFor[Span]():
		return anyOf(text(durationPattern+`(\.\.`+durationPattern+`)?`), &jsonschema.Schema{Const: 0})
	case reflect.TypeFor[Part]():
		return anyOf(&jsonschema.Schema{Const: partFull}, text(decimalPattern+"%"),
			&jsonschema.Schema{Type: "number", ExclusiveMinimum: "0", ExclusiveMaximum: "1"})
	case reflect.TypeFor[Share]():
		return anyOf(text(decimalPattern+"%"), &jsonschema.Schema{Type: "number", Minimum: "0", Maximum: "1"})
	case reflect.TypeFor[Rate]():
		return text(decimalPattern + "/[smh]")
	case reflect.TypeFor[Size]():
		return text(`[1-9][0-9]*[kmg]`)
	case typeAmount:
		return text(decimalPattern + " [A-Z]{3}")
	case typeTime:
		return text(`[0-9]{4}-[0-9]{2}-[0-9]{2}(T.+)?`)
	case reflect.TypeFor[[]Step]():
		return &jsonschema.Schema{Type: "array", Items: &jsonschema.Schema{
			Type: "object", MinProperties: pointerTo(1), MaxProperties: pointerTo(1),
			AdditionalProperties: &jsonschema.Schema{Ref: "#/$defs/Step"},
		}}
	case typeOneOf:
		scalar := anyOf(&jsonschema.Schema{Type: "string", MinLength: pointerTo(1)}, &jsonschema.Schema{Type: "number"}, &jsonschema.Schema{Type: "boolean"})
		return anyOf(scalar, &jsonschema.Schema{Type: "array", Items: scalar, MinItems: pointerTo(1)})
	case reflect.TypeFor[[]FaultSpec]():
		return &jsonschema.Schema{} // ScenarioSchema puts the kinds in its place
	}
	if reflect.PointerTo(of).Implements(reflect.TypeFor[encoding.TextUnmarshaler]()) {
		return anyOf(&jsonschema.Schema{Type: "string"}, &jsonschema.Schema{Type: "number"})
	}
	if of.Kind() == reflect.Struct {
		w.structs[of.Name()] = of
	}
	return nil
}

// refine adds what the decoder enforces beyond Go's types: words, forms of one or a list, and that what is required is
// not empty.
func (w *schemaWriter) refine(schema *jsonschema.Schema, of reflect.Type) {
	if of == nil || schema.Properties == nil {
		return
	}
	needs(schema, of)
	for _, field := range fieldsOf(of) {
		property, known := schema.Properties.Get(field.key)
		if !known || property == jsonschema.TrueSchema {
			continue
		}
		if set, limited := w.words[field.owner+"."+field.key]; limited {
			limit(property, set)
		}
		if field.required {
			switch property.Type {
			case "string":
				property.MinLength = pointerTo(1)
			case "array":
				property.MinItems = pointerTo(1)
			case "object":
				property.MinProperties = pointerTo(1)
			}
		}
		if field.oneOrList {
			either := anyOf(property.Items, property)
			either.Description, property.Description = property.Description, ""
			schema.Properties.Set(field.key, either)
		}
	}
}

// needs adds what the checks want of keys that no tag makes required: a step pays or says what is ok, and to say so takes
// a status; a job asks for something.
func needs(schema *jsonschema.Schema, of reflect.Type) {
	switch of {
	case typeStep:
		schema.OneOf = []*jsonschema.Schema{{Required: []string{"payment"}}, {Required: []string{"ok"}}, {Required: []string{"end"}}}
	case reflect.TypeFor[Service]():
		schema.Not = &jsonschema.Schema{Required: []string{"image", "build"}}
	case reflect.TypeFor[Job]():
		schema.OneOf = []*jsonschema.Schema{{Required: []string{"post"}}, {Required: []string{"graphql"}}}
	case reflect.TypeFor[System]():
		schema.OneOf = []*jsonschema.Schema{{Required: []string{"journeys"}}, {Required: []string{"script"}}}
	case reflect.TypeFor[Match]():
		schema.Required = []string{"status"}
		if status, known := schema.Properties.Get("status"); known {
			status.MinItems = pointerTo(1)
		}
	}
}

// limit puts a word set on the text, the texts of a list, or the keys and values of a map.
func limit(property *jsonschema.Schema, set wordSet) {
	if set.keys != nil {
		property.PropertyNames = &jsonschema.Schema{Enum: enum(set.keys)}
	}
	if set.keysLike != "" {
		property.PropertyNames = &jsonschema.Schema{Pattern: set.keysLike}
	}
	if set.values == nil {
		return
	}
	switch {
	case property.Items != nil:
		property.Items.Enum = enum(set.values)
	case property.AdditionalProperties != nil:
		property.AdditionalProperties.Enum = enum(set.values)
	default:
		property.Enum = enum(set.values)
	}
}

// kinds is a map from kinds' names to their parameters.
func (w *schemaWriter) kinds(of []Kind, payers bool) *jsonschema.Schema {
	all := jsonschema.NewProperties()
	byName := func(a, b Kind) int { return strings.Compare(a.Name, b.Name) }
	for _, kind := range slices.SortedFunc(slices.Values(of), byName) {
		parameters := w.parameters(kind, payers)
		short := &jsonschema.Schema{Type: "null"}
		if payers {
			short = w.known(reflect.TypeFor[Share]())
		}
		if len(parameters.Required) == 0 {
			parameters = anyOf(short, parameters)
		}
		parameters.Description = kind.Doc
		all.Set(kind.Name, parameters)
	}
	return &jsonschema.Schema{Type: "object", Properties: all, AdditionalProperties: jsonschema.FalseSchema}
}

// parameters is the map of one kind: its own keys, and those that all have.
func (w *schemaWriter) parameters(kind Kind, payers bool) *jsonschema.Schema {
	parameters := &jsonschema.Schema{Type: "object", AdditionalProperties: jsonschema.FalseSchema}
	if kind.New != nil {
		params := kind.New()
		parameters = w.reflect(params, true)
		parameters.Version = ""
		w.refine(parameters, reflect.TypeOf(params).Elem())
	}
	if parameters.Properties == nil {
		parameters.Properties = jsonschema.NewProperties()
	}
	shared := w.reflect(common{}, true)
	w.refine(shared, reflect.TypeFor[common]())
	for _, key := range commonKeys(kind, payers) {
		if property, known := shared.Properties.Get(key); known {
			parameters.Properties.Set(key, property)
		}
	}
	if when, known := parameters.Properties.Get("when"); known {
		state := "(" + strings.Join(PaymentStates(), "|") + ")"
		when.Pattern = `^` + state + `( *\| *` + state + `)*$`
	}
	if only, known := parameters.Properties.Get("only"); known {
		w.refine(only, reflect.TypeFor[Only]())
	}
	return parameters
}

func anyOf(schemas ...*jsonschema.Schema) *jsonschema.Schema {
	return &jsonschema.Schema{AnyOf: schemas}
}

func enum(of []string) []any {
	values := make([]any, len(of))
	for index, one := range of {
		values[index] = one
	}
	return values
}

func pointerTo(number uint64) *uint64 { return &number }
