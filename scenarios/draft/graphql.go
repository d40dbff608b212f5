package draft

import (
	"cmp"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/vektah/gqlparser/v2"
	"github.com/vektah/gqlparser/v2/ast"

	"github.com/paystorm/paystorm/scenarios"
)

// GraphQL is what is known about a shop with a GraphQL API. What is not known is nil or empty, and becomes a blank.
type GraphQL struct {
	Name      string
	From      string // the schema's file, as people name it
	Schema    string // the same, from the system file's folder
	Ready     string
	Callbacks string
	SetUp     *Operation
	Order     *Operation
	Look      *Operation
	Cancel    *Operation
	Refund    *Operation
	Repay     *Operation // another payment for an order
	Job       *Operation
	Books     []Table
	States    []State
}

// Write writes the system file. file is its own name, for the commands in its comments.
func (g GraphQL) Write(w io.Writer, file string) error {
	tells := map[string]bool{}
	for _, table := range g.Books {
		tells[table.Table] = true
	}
	return write(w, "graphql.yaml.tmpl", struct {
		GraphQL
		File  string
		Tells map[string]bool
	}{g, file, tells})
}

// Operation is one operation and how its answer is read, in the lines of a system file.
type Operation struct {
	document  string
	variables []string // "name: value", in YAML's flow style
	rules     string
	capture   []Field
	state     string
}

// Request is the operation alone.
func (o Operation) Request() string {
	text := "graphql:\n  path: /graphql\n  query: |\n" + indent(4, o.document) + "\n"
	if len(o.variables) > 0 {
		text += "  variables: {" + strings.Join(o.variables, ", ") + "}\n"
	}
	return text
}

// YAML is the operation as a step makes it.
func (o Operation) YAML() string {
	text := o.Request() + o.rules
	if len(o.capture) > 0 {
		text += "capture: " + flow(o.capture) + " # where the answer has them\n"
	}
	if o.state != "" {
		text += "state: " + quote(o.state) + "\n"
	}
	return text
}

// FromGraphQL guesses from a schema which of its operations a buyer and a test need. Every guess is marked in the system
// file. What is wrong with the schema comes as scenarios.Errors.
func FromGraphQL(file, systemFile string) (GraphQL, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return GraphQL{}, fmt.Errorf("read the GraphQL schema: %w", err)
	}
	if _, err := scenarios.ParseSchema(file, text); err != nil {
		return GraphQL{}, err
	}
	schema, err := gqlparser.LoadSchema(&ast.Source{Name: file, Input: string(text)})
	if err != nil {
		return GraphQL{}, fmt.Errorf("read the GraphQL schema: %w", err)
	}
	g := guesser{schema}
	shop := GraphQL{Name: NameOf(systemFile), From: filepath.Base(file), Schema: filepath.ToSlash(beside(file, systemFile))}
	shop.SetUp = g.mutation(`^(create|add|put)_?(sku|item|product|variant)s?$|^(sku|item|product|variant)_?(create|add)$`, nil)
	shop.Order = g.mutation(`^(place|create|submit|add)?_?(order|checkout|purchase)(_?(create|place|complete|submit))?$|^buy$`, []string{"order", "payment"})
	shop.Look = g.find("query", schema.Query, `^(order|order_?by_?(id|code|number)|checkout|purchase)$`, nil)
	shop.Cancel = g.mutation(`^cancel(_?order)?$|^order_?cancel$`, nil)
	shop.Refund = g.mutation(`^refund(_?order)?$|^order_?refund$`, nil)
	shop.Repay = g.mutation(`^pay_?again$|^(create|add|new)_?payment(_?to_?order)?$|^payment_?create$`, []string{"payment"})
	shop.Job = g.mutation(`^reconcil`, nil)
	shop.Books = g.books()
	shop.States = g.states()
	// Only an order, or a look at one, tells of its state.
	for _, other := range []*Operation{shop.SetUp, shop.Cancel, shop.Refund, shop.Repay} {
		if other != nil {
			other.state = ""
		}
	}
	if shop.Look != nil {
		shop.Look.state = cmp.Or(shop.Look.state, blank("where the answer has the order's state"))
	}
	return shop, nil
}

// beside is a file's path as seen from another's folder.
func beside(file, other string) string {
	from, errFrom := filepath.Abs(filepath.Dir(other))
	to, errTo := filepath.Abs(file)
	relative, err := filepath.Rel(from, to)
	if errFrom != nil || errTo != nil || err != nil {
		return file
	}
	return relative
}

type guesser struct{ schema *ast.Schema }

func (g guesser) mutation(pattern string, captures []string) *Operation {
	return g.find("mutation", g.schema.Mutation, pattern, captures)
}

// find makes an operation of the field with the shortest name that matches; nil of none.
func (g guesser) find(kind string, root *ast.Definition, pattern string, captures []string) *Operation {
	if root == nil {
		return nil
	}
	matches := regexp.MustCompile("(?i)" + pattern)
	var found *ast.FieldDefinition
	for _, field := range root.Fields {
		if matches.MatchString(field.Name) && (found == nil || len(field.Name) < len(found.Name)) {
			found = field
		}
	}
	if found == nil {
		return nil
	}
	operation, declared, passed := g.arguments(found.Arguments)
	answer := g.answer(found, slices.Contains(captures, "order"))
	operation.document = fmt.Sprintf("%s %s%s {\n  %s%s%s\n}", kind, strings.ToUpper(found.Name[:1])+found.Name[1:],
		inBrackets(declared), found.Name, inBrackets(passed), answer.selection)
	operation.rules, operation.state = answer.rules, answer.state
	for _, name := range captures {
		path := map[string]string{"order": answer.order, "payment": answer.payment}[name]
		operation.capture = append(operation.capture, Field{name, cmp.Or(path, blank("where the answer has the "+name))})
	}
	return &operation
}

func inBrackets(list []string) string {
	if len(list) == 0 {
		return ""
	}
	return "(" + strings.Join(list, ", ") + ")"
}

// arguments declares a variable for each argument that is known by name or must be there.
func (g guesser) arguments(of ast.ArgumentDefinitionList) (operation Operation, declared, passed []string) {
	for _, argument := range of {
		required := argument.Type.NonNull && argument.DefaultValue == nil
		value, known := g.value(argument.Name, argument.Type, 0)
		if !known && !required {
			continue
		}
		declared = append(declared, "$"+argument.Name+": "+argument.Type.String())
		passed = append(passed, argument.Name+": $"+argument.Name)
		operation.variables = append(operation.variables, argument.Name+": "+value)
	}
	return operation, declared, passed
}

// value is what a field of a type is filled with, in YAML's flow style, and whether that is known: otherwise it is a blank.
func (g guesser) value(name string, of *ast.Type, depth int) (value string, known bool) {
	if of.Elem != nil {
		value, known = g.value(name, of.Elem, depth)
		return "[" + value + "]", known
	}
	definition := g.schema.Types[of.NamedType]
	if definition.Kind == ast.InputObject && depth < walkDepth {
		var fields []string
		for _, field := range definition.Fields {
			text, isKnown := g.value(field.Name, field.Type, depth+1)
			known = known || isKnown
			if isKnown || field.Type.NonNull && field.DefaultValue == nil {
				fields = append(fields, field.Name+": "+text)
			}
		}
		return "{" + strings.Join(fields, ", ") + "}", known
	}
	if definition.Kind == ast.Enum {
		var names []string
		for _, value := range definition.EnumValues {
			names = append(names, value.Name)
		}
		return blank(name + ", one of " + strings.Join(names, ", ")), false
	}
	if means := means(name, of.NamedType); means != "" {
		return quote(means), true
	}
	return blank("the value of " + name), false
}

// order numbers are what every operation about an order is given.
var givesOrder = regexp.MustCompile(`(?i)^(order(_?(id|no|number|code))?|id|code|number)$`)

// means is the template for a field of a scalar type, "" of one that nobody knows.
func means(name, scalar string) string {
	found := ""
	if at := slices.IndexFunc(inputs, func(w word) bool { return w.pattern.MatchString(name) }); at >= 0 {
		found = inputs[at].means
	} else if givesOrder.MatchString(name) {
		found = "{{ order }}"
	}
	number := strings.Contains(found, "| number")
	switch scalar {
	case "Boolean":
		return ""
	case "String", "ID":
		return strings.ReplaceAll(found, " | number", "")
	case "Int":
		if found == "{{ price }}" {
			return "{{ price_minor | number }}"
		}
	case "Float":
		if found == "{{ price }}" {
			return "{{ price | number }}"
		}
	default:
		return found
	}
	if !number {
		return ""
	}
	return found
}

// states are the values of the first enum that is called an order's state.
func (g guesser) states() []State {
	var found []State
	for _, name := range sortedNames(g.schema.Types) {
		definition := g.schema.Types[name]
		if len(found) > 0 || definition.Kind != ast.Enum || !enumOfStates.MatchString(name) {
			continue
		}
		for _, value := range definition.EnumValues {
			found = append(found, State{value.Name, canonical(value.Name)})
		}
	}
	return found
}

var enumOfStates = regexp.MustCompile(`(?i)^order_?(state|status)(_?enum)?$`)
