package draft

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/vektah/gqlparser/v2/ast"
)

// answered is what is selected of an answer, and where in it the things are that a step reads.
type answered struct {
	selection             string
	rules                 string
	order, payment, state string // paths
}

// answer selects of a field what a step needs of it, and says what is ok and what is refused. Schemas spell "or an error" in
// two ways: as a union, or as a payload with a list of errors. sells says that being sold out may be among the reasons.
func (g guesser) answer(field *ast.FieldDefinition, sells bool) answered {
	definition := g.schema.Types[field.Type.Name()]
	here := "data." + field.Name
	a := answered{rules: "ok: {status: 200}\n"}
	switch {
	case definition.IsLeafType():
	case definition.Kind == ast.Union:
		a.union(g, definition, here, sells)
	default:
		parts := g.selected(&a, definition, here, 0)
		if errors := g.errorsOf(definition); errors != nil {
			member := g.schema.Types[errors.Type.Name()]
			reason := g.reasonOf(member)
			parts = append(parts, errors.Name+" { "+cmp.Or(reason, "__typename")+" }")
			path := here + "." + errors.Name
			a.rules = fmt.Sprintf("ok: {status: 200, where: {%s.#: 0}}\nrefused: {status: 200, reason: %s.0.%s%s}\n",
				path, path, cmp.Or(reason, "__typename"), g.soldOut(sells, []*ast.Definition{member}, reason))
		} else if definition.Kind == ast.Object && field.Type.Elem == nil && !field.Type.NonNull { // null is no success
			parts = append([]string{"__typename"}, parts...)
			a.rules = fmt.Sprintf("ok: {status: 200, where: {%s.__typename: %s}}\n", here, definition.Name)
		}
		if len(parts) == 0 {
			parts = []string{"__typename"}
		}
		a.selection = " { " + strings.Join(parts, " ") + " }"
	}
	return a
}

// soldOut maps the reasons that sound like it, with ", map: " before them: of an enum its own values, else a guess.
func (g guesser) soldOut(sells bool, refused []*ast.Definition, reason string) string {
	if !sells {
		return ""
	}
	var words []string
	for _, member := range refused {
		field := member.Fields.ForName(reason)
		switch {
		case field == nil:
			words = append(words, member.Name)
		case g.schema.Types[field.Type.Name()].Kind != ast.Enum:
			words = append(words, "SOLD_OUT")
		default:
			for _, value := range g.schema.Types[field.Type.Name()].EnumValues {
				words = append(words, value.Name)
			}
		}
	}
	var pairs []string
	slices.Sort(words)
	for _, word := range slices.Compact(words) {
		if outOfStock.MatchString(word) {
			pairs = append(pairs, word+": sold_out")
		}
	}
	if len(pairs) == 0 {
		return ""
	}
	return ", map: {" + strings.Join(pairs, ", ") + "}"
}

// union takes the members that are called a refusal for one, and the first other one for the success.
func (a *answered) union(g guesser, definition *ast.Definition, here string, sells bool) {
	parts := []string{"__typename"}
	var success string
	var refused []string
	var members []*ast.Definition
	reason := ""
	for _, name := range definition.Types {
		member := g.schema.Types[name]
		if g.isRefusal(member) {
			refused, members = append(refused, name), append(members, member)
			if of := g.reasonOf(member); of != "" && (reason == "" || reason == of) {
				reason = of
				parts = append(parts, "... on "+name+" { "+of+" }")
			}
			continue
		}
		if success == "" {
			success = name
			if selected := g.selected(a, member, here, 0); len(selected) > 0 {
				parts = append(parts, "... on "+name+" { "+strings.Join(selected, " ")+" }")
			}
		}
	}
	a.selection = " {\n    " + strings.Join(parts, "\n    ") + "\n  }"
	a.rules = fmt.Sprintf("ok: {status: 200, where: {%s.__typename: %s}}\n", here, cmp.Or(success, definition.Types[0]))
	if len(refused) > 0 {
		a.rules += fmt.Sprintf("refused: {status: 200, where: {%s.__typename: [%s]}, reason: %s.%s%s}\n",
			here, strings.Join(refused, ", "), here, cmp.Or(reason, "__typename"), g.soldOut(sells, members, reason))
	}
}

var (
	refusal    = regexp.MustCompile(`(?i)error|refus|fail|invalid|not_?found|conflict|sold_?out|limit|insufficient|busy|denied|unavailable`)
	errorList  = regexp.MustCompile(`(?i)^(user_?)?errors$`)
	outOfStock = regexp.MustCompile(`(?i)sold_?out|stock`)
	reasonName = regexp.MustCompile(`(?i)^(error_?)?code$`)
	message    = regexp.MustCompile(`(?i)^message$`)
	orderField = regexp.MustCompile(`(?i)^(order|checkout|purchase)$`)
	payments   = regexp.MustCompile(`(?i)^(payments?|transactions?)$`)
	paymentID  = regexp.MustCompile(`(?i)^(payment|transaction)_?(intent_?)?id$`)
	numberName = regexp.MustCompile(`(?i)^(id|number|code|order_?(id|no|number))$`)
)

func (g guesser) isRefusal(member *ast.Definition) bool {
	return refusal.MatchString(member.Name) || slices.ContainsFunc(member.Interfaces, refusal.MatchString)
}

// errorsOf is the field of a payload that lists what was refused.
func (g guesser) errorsOf(payload *ast.Definition) *ast.FieldDefinition {
	for _, field := range payload.Fields {
		if field.Type.Elem != nil && errorList.MatchString(field.Name) && !g.schema.Types[field.Type.Name()].IsLeafType() {
			return field
		}
	}
	return nil
}

// reasonOf is the field that says why: a code, else a message.
func (g guesser) reasonOf(definition *ast.Definition) string {
	for _, pattern := range []*regexp.Regexp{reasonName, message} {
		for _, field := range definition.Fields {
			if pattern.MatchString(field.Name) && g.plain(field) {
				return field.Name
			}
		}
	}
	return ""
}

// plain says whether a field is a single value that is given without arguments.
func (g guesser) plain(field *ast.FieldDefinition) bool {
	definition := g.schema.Types[field.Type.Name()]
	return field.Type.Elem == nil && definition.IsLeafType() && !needsArguments(field)
}

func needsArguments(field *ast.FieldDefinition) bool {
	return slices.ContainsFunc(field.Arguments, func(a *ast.ArgumentDefinition) bool {
		return a.Type.NonNull && a.DefaultValue == nil
	})
}

// selected selects of an object an order's number and state and its payment's number, and of a payload the order in it.
func (g guesser) selected(a *answered, of *ast.Definition, here string, depth int) []string {
	var parts []string
	for _, field := range of.Fields {
		path := here + "." + field.Name
		inside := g.schema.Types[field.Type.Name()]
		switch {
		case needsArguments(field) || strings.HasPrefix(field.Name, "__"):
		case g.plain(field) && numberName.MatchString(field.Name) && a.order == "":
			a.order = path
			parts = append(parts, field.Name)
		case g.plain(field) && isState.MatchString(field.Name) && a.state == "":
			a.state = path
			parts = append(parts, field.Name)
		case g.plain(field) && paymentID.MatchString(field.Name) && a.payment == "":
			a.payment = path
			parts = append(parts, field.Name)
		case inside.Kind == ast.Object && payments.MatchString(field.Name) && a.payment == "":
			if number := g.numberOf(inside); number != "" {
				if field.Type.Elem != nil {
					path += ".0"
				}
				a.payment = path + "." + number
				parts = append(parts, field.Name+" { "+number+" }")
			}
		case inside.Kind == ast.Object && field.Type.Elem == nil && orderField.MatchString(field.Name) && depth < walkDepth:
			if selected := g.selected(a, inside, path, depth+1); len(selected) > 0 {
				parts = append(parts, field.Name+" { "+strings.Join(selected, " ")+" }")
			}
		}
	}
	return parts
}

func (g guesser) numberOf(definition *ast.Definition) string {
	for _, field := range definition.Fields {
		if g.plain(field) && numberName.MatchString(field.Name) {
			return field.Name
		}
	}
	return ""
}
