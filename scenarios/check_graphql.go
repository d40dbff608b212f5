package scenarios

import (
	"errors"
	"strings"

	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"
	"github.com/vektah/gqlparser/v2/lexer"
	"github.com/vektah/gqlparser/v2/parser"
)

// graphQL checks a request to a GraphQL endpoint: that its document parses, has one operation, and is given exactly the
// variables that it declares. What the shop's schema would say to it only the shop knows.
func (c *checker) graphQL(path []any, g GraphQL, known []string) {
	c.template(under(path, "path"), "path", g.Path, known)
	for _, name := range sortedKeys(g.Variables) {
		c.body(under(path, "variables", name), "variables", g.Variables[name], known)
	}
	where := under(path, "query")
	if g.Query == "" && c.source != nil {
		return // the decoder has said so
	}
	if strings.Contains(g.Query, "{{") {
		c.fail(where, "query: a document is no template: want a $variable, and its value in variables")
		return
	}
	document, err := parseGraphQL(g.Query)
	if err != nil {
		c.syntax(where, err)
		return
	}
	if count := len(document.Operations); count != 1 {
		c.fail(where, "query: the document has %d operations: want exactly one", count)
		return
	}
	operation := document.Operations[0]
	if operation.Operation == ast.Subscription {
		c.fail(where, "query: a subscription has no single answer: want a query or a mutation")
	}
	c.variables(path, operation.VariableDefinitions, g.Variables)
}

func parseGraphQL(text string) (*ast.QueryDocument, error) {
	source := &ast.Source{Input: text}
	// The lexer is asked first: of what is no token at all, the parser only says that it is invalid.
	tokens := lexer.New(source)
	for {
		token, err := tokens.ReadToken()
		if err != nil {
			return nil, err
		}
		if token.Kind == lexer.EOF {
			return parser.ParseQuery(source)
		}
	}
}

// syntax reports where in the document it cannot be read, in the document's own lines: in the file they depend on how the
// text is quoted there.
func (c *checker) syntax(where []any, err error) {
	var fault *gqlerror.Error
	if !errors.As(err, &fault) || len(fault.Locations) == 0 {
		c.fail(where, "query: no valid GraphQL: %s", err)
		return
	}
	at := fault.Locations[0]
	c.fail(where, "query: no valid GraphQL: line %d, column %d of the document: %s", at.Line, at.Column, fault.Message)
}

// variables holds what an operation declares against what it is given. Defaults are no exception: a file that gives every
// value says by itself what is sent.
func (c *checker) variables(path []any, declared ast.VariableDefinitionList, given map[string]any) {
	names := make([]string, len(declared))
	for index, definition := range declared {
		names[index] = definition.Variable
		if _, has := given[definition.Variable]; !has {
			c.fail(under(path, "variables"), "variables: $%s, which line %d of the document declares, has no value: want one",
				definition.Variable, definition.Position.Line)
		}
	}
	for _, name := range sortedKeys(given) {
		if declared.ForName(name) == nil {
			c.fail(under(path, "variables", name), "variables: the operation declares no $%s: %s", name, choose(name, names))
		}
	}
}
