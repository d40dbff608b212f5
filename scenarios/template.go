package scenarios

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
	"text/template/parse"
)

// Values are what a template may name. A value is a string, a number, nil (in a body, null), or, for names that take an
// argument such as `link "shop->channel"`, a func(string) (string, error).
type Values map[string]any

// Values are what templates of set-up and journeys may name of an item on sale: sku, stock, price ("4999.00"),
// price_minor, currency and per_buyer (0: no limit). A journey adds quantity, buyer, ref and what it captured.
func (i Item) Values() Values {
	decimal, _, _ := strings.Cut(i.Price.String(), " ")
	return Values{
		"sku": i.SKU, "stock": i.Stock, "price": decimal, "price_minor": i.Price.Minor, "currency": i.Price.Currency,
		"per_buyer": i.PerBuyer,
	}
}

// Values are what templates of setup-coupons may name of a coupon: coupon, coupon_off ("500.00"), coupon_minor, currency,
// coupon_uses and coupon_per_buyer (0: any number).
func (c Coupon) Values() Values {
	decimal, _, _ := strings.Cut(c.Off.String(), " ")
	return Values{
		NameCoupon: c.Code, "coupon_off": decimal, "coupon_minor": c.Off.Minor, "currency": c.Off.Currency,
		"coupon_uses": c.Uses, "coupon_per_buyer": c.PerBuyer,
	}
}

// Second are the values as templates name those of the second item of an order: sku_2, price_2.
func (v Values) Second() Values {
	second := make(Values, len(v))
	for name, value := range v {
		second[name+ofSecond] = value
	}
	return second
}

// Template is a parsed string of a system file. Its syntax is that of text/template, less everything that decides or
// loops: `{{ order }}`, `{{ channel.secret }}`, `{{ link "shop->channel" }}`, `{{ quantity | number }}`. It is safe for
// concurrent use.
type Template struct {
	source string
	parts  []part
}

// part is plain text, or an expression if it has a name.
type part struct {
	text     string
	name     string // dotted: "channel.secret"
	argument *string
	fallback *string // of {{ env "NAME" "default" }}: what stands there if the name has no value
	filters  []string
}

// The filters after a bar. number makes a string that is nothing else a JSON number.
const (
	filterNumber = "number"
	filterURL    = "urlquery"
)

func filters() []string { return []string{filterNumber, filterURL} }

// ParseTemplate parses text. It knows no names: Uses says which ones the template has.
func ParseTemplate(text string) (*Template, error) {
	if !strings.Contains(text, "{{") {
		return &Template{source: text, parts: []part{{text: text}}}, nil
	}
	tree := parse.New("template")
	tree.Mode = parse.SkipFuncCheck
	defined := map[string]*parse.Tree{}
	parsed, err := tree.Parse(text, "", "", defined)
	if err != nil {
		return nil, fmt.Errorf("template %q: %s", text, templateFault(err))
	}
	delete(defined, tree.Name)
	if len(defined) > 0 {
		return nil, fmt.Errorf("template %q: {{define}} is not understood", text)
	}
	compiled := &Template{source: text}
	for _, node := range parsed.Root.Nodes {
		next, err := parsePart(node)
		if err != nil {
			return nil, fmt.Errorf("template %q: %w", text, err)
		}
		compiled.parts = append(compiled.parts, next)
	}
	return compiled, nil
}

// Name is the template of one value and nothing else, which may have a name that no file could write.
func Name(name string) *Template { return &Template{source: name, parts: []part{{name: name}}} }

// templateFault strips the parser's own idea of file and line, "template: template:1: ".
func templateFault(err error) string {
	_, after, found := strings.Cut(err.Error(), ":1: ")
	if !found {
		return err.Error()
	}
	return after
}

func parsePart(node parse.Node) (part, error) {
	switch node := node.(type) {
	case *parse.TextNode:
		return part{text: string(node.Text)}, nil
	case *parse.ActionNode:
		return parsePipe(node.Pipe)
	default:
		return part{}, fmt.Errorf(`%s is not understood: want {{ name }}, {{ name "argument" }} or {{ name | number }}`, node)
	}
}

func parsePipe(pipe *parse.PipeNode) (part, error) {
	unclear := fmt.Errorf(`{{ %s }} is not understood: want {{ name }}, {{ name "argument" }} or {{ name | number }}`, pipe)
	if len(pipe.Decl) > 0 || len(pipe.Cmds) == 0 {
		return part{}, unclear
	}
	var expression part
	for position, command := range pipe.Cmds {
		name, texts, ok := parseCommand(command)
		switch {
		case !ok:
			return part{}, unclear
		case position == 0 && len(texts) == 2 && name != nameEnv:
			return part{}, fmt.Errorf("{{ %s }} is not understood: only env takes a second text, its default", pipe)
		case position == 0:
			expression.name = name
			if len(texts) > 0 {
				expression.argument = texts[0]
			}
			if len(texts) > 1 {
				expression.fallback = texts[1]
			}
		case len(texts) > 0 || !slices.Contains(filters(), name):
			return part{}, fmt.Errorf("unknown filter %q: %s", name, choose(name, filters()))
		default:
			expression.filters = append(expression.filters, name)
		}
	}
	return expression, nil
}

// parseCommand is a name with up to two texts behind it.
func parseCommand(command *parse.CommandNode) (name string, texts []*string, ok bool) {
	switch head := command.Args[0].(type) {
	case *parse.IdentifierNode:
		name = head.Ident
	case *parse.ChainNode:
		identifier, isName := head.Node.(*parse.IdentifierNode)
		if !isName {
			return "", nil, false
		}
		name = strings.Join(append([]string{identifier.Ident}, head.Field...), ".")
	default:
		return "", nil, false
	}
	for _, argument := range command.Args[1:] {
		quoted, isString := argument.(*parse.StringNode)
		if !isString || len(texts) == 2 {
			return "", nil, false
		}
		texts = append(texts, &quoted.Text)
	}
	return name, texts, true
}

// Use is one mention of a name in a template.
type Use struct {
	Name     string
	Argument string // "" unless Call
	Call     bool   // it is given an argument
	Default  bool   // it can do without a value
}

// Uses lists the names that the template mentions, in order.
func (t *Template) Uses() []Use {
	var uses []Use
	for _, part := range t.parts {
		if part.name == "" {
			continue
		}
		use := Use{Name: part.name, Call: part.argument != nil, Default: part.fallback != nil}
		if use.Call {
			use.Argument = *part.argument
		}
		uses = append(uses, use)
	}
	return uses
}

// Execute is the text with the values put in. A name without a value is an error: an order number that was never
// captured must not become an empty path.
func (t *Template) Execute(values Values) (string, error) {
	if len(t.parts) == 1 && t.parts[0].name == "" {
		return t.parts[0].text, nil
	}
	var text strings.Builder
	for _, part := range t.parts {
		value, err := part.value(values)
		if err != nil {
			return "", fmt.Errorf("template %q: %w", t.source, err)
		}
		text.WriteString(value)
	}
	return text.String(), nil
}

func (p part) value(values Values) (string, error) {
	if p.name == "" {
		return p.text, nil
	}
	found, known := values[p.name]
	if !known {
		return "", fmt.Errorf("%q has no value", p.name)
	}
	var text string
	switch found := found.(type) {
	case nil: // known, and there is none
	case string:
		text = found
	case func(string) (string, error):
		if p.argument == nil {
			return "", fmt.Errorf("%q wants an argument", p.name)
		}
		var err error
		text, err = found(*p.argument)
		switch {
		case err != nil && p.fallback != nil:
			text = *p.fallback
		case err != nil:
			return "", fmt.Errorf("%s %q: %w", p.name, *p.argument, err)
		}
	default:
		text = fmt.Sprint(found)
	}
	for _, filter := range p.filters {
		if filter == filterURL {
			text = url.QueryEscape(text)
		}
	}
	return text, nil
}

// Expand parses and executes a template that is used once.
func Expand(text string, values Values) (string, error) {
	parsed, err := ParseTemplate(text)
	if err != nil {
		return "", err
	}
	return parsed.Execute(values)
}

// ExpandAll expands each value of a map that is used once. An error begins with the name of the value that is wrong.
func ExpandAll(texts map[string]string, values Values) (map[string]string, error) {
	expanded := make(map[string]string, len(texts))
	for _, name := range slices.Sorted(maps.Keys(texts)) { // of several errors always the same one
		var err error
		if expanded[name], err = Expand(texts[name], values); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
	}
	return expanded, nil
}

// isNumber says whether the template is one expression and nothing else, made a number.
func (t *Template) isNumber() bool {
	return len(t.parts) == 1 && slices.Contains(t.parts[0].filters, filterNumber)
}

// isNothing says whether the template is one expression and nothing else, and its value is that there is none.
func (t *Template) isNothing(values Values) bool {
	value, known := values[t.parts[0].name]
	return len(t.parts) == 1 && known && value == nil
}

// Body is a JSON body whose strings are templates; a string that is one expression `| number` becomes a JSON number.
// It is safe for concurrent use.
type Body struct{ shape any } // maps and lists as JSON has them, with a *Template in place of each string

// ParseBody parses the strings of a Step's JSON.
func ParseBody(value any) (*Body, error) {
	shape, err := parseShape(value)
	if err != nil {
		return nil, err
	}
	return &Body{shape: shape}, nil
}

func parseShape(value any) (any, error) {
	switch value := value.(type) {
	case string:
		return ParseTemplate(value)
	case map[string]any:
		fields := make(map[string]any, len(value))
		for key, field := range value {
			parsed, err := parseShape(field)
			if err != nil {
				return nil, err
			}
			fields[key] = parsed
		}
		return fields, nil
	case []any:
		items := make([]any, len(value))
		for index, item := range value {
			parsed, err := parseShape(item)
			if err != nil {
				return nil, err
			}
			items[index] = parsed
		}
		return items, nil
	default:
		return value, nil
	}
}

// Execute is the body as JSON, with sorted keys.
func (b *Body) Execute(values Values) ([]byte, error) {
	filled, err := fill(b.shape, values)
	if err != nil {
		return nil, err
	}
	body, err := json.Marshal(filled)
	if err != nil {
		return nil, fmt.Errorf("write the JSON body: %w", err)
	}
	return body, nil
}

func fill(shape any, values Values) (any, error) {
	switch shape := shape.(type) {
	case *Template:
		if shape.isNothing(values) {
			return nil, nil
		}
		text, err := shape.Execute(values)
		if err != nil || !shape.isNumber() {
			return text, err
		}
		if !json.Valid([]byte(text)) || strings.Trim(text, "0123456789.+-eE") != "" {
			return nil, fmt.Errorf("template %q: %q is no number", shape.source, text)
		}
		return json.Number(text), nil
	case map[string]any:
		fields := make(map[string]any, len(shape))
		for key, field := range shape {
			filled, err := fill(field, values)
			if err != nil {
				return nil, err
			}
			fields[key] = filled
		}
		return fields, nil
	case []any:
		items := make([]any, len(shape))
		for index, item := range shape {
			filled, err := fill(item, values)
			if err != nil {
				return nil, err
			}
			items[index] = filled
		}
		return items, nil
	default:
		return shape, nil
	}
}
