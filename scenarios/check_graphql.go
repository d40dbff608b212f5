package scenarios

import (
	"errors"
	"strings"

	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"
	"github.com/vektah/gqlparser/v2/lexer"
	"github.com/vektah/gqlparser/v2/parser"
)

// graphQL checks of a request to a GraphQL endpoint what needs no schema: that its document parses, has one operation,
// and is given exactly the variables that it declares.
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
		var fault *gqlerror.Error
		if !errors.As(err, &fault) {
			fault = gqlerror.Wrap(err)
		}
		c.inDocument(where, fault, "no valid GraphQL: ")
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

// inDocument reports a fault of a document at its place in the file, or, where the file does not hold the text as it is,
// at the document with the place in it.
func (c *checker) inDocument(where []any, fault *gqlerror.Error, prefix string) {
	if len(fault.Locations) == 0 {
		c.fail(where, "query: %s%s", prefix, fault.Message)
		return
	}
	at := fault.Locations[0]
	if c.source != nil {
		if inside, exact := c.source.tree.find(where...).inside(at.Line, at.Column); exact {
			c.failAt(inside, "query: %s%s", prefix, fault.Message)
			return
		}
	}
	c.fail(where, "query: %sline %d, column %d of the document: %s", prefix, at.Line, at.Column, fault.Message)
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

// operation is one GraphQL request of a system file, and how its answer is read.
type operation struct {
	path     []any  // of the step or probe
	name     string // in words
	document GraphQL
	step     *Step  // nil: a job or a probe
	probe    *Probe // nil: a job or a step
}

// endpoint is the path of the request as far as it is plain: what follows a question mark or is a template chooses no
// schema.
func (o operation) endpoint() string {
	plain, _, _ := strings.Cut(o.document.Path, "{{")
	plain, _, _ = strings.Cut(plain, "?")
	return plain
}

// operations lists every GraphQL request of the system, as far as it decoded.
func (s *System) operations() []operation {
	var all []operation
	add := func(path []any, name string, step Step) {
		if step.GraphQL != nil && step.GraphQL.Query != "" && step.GraphQL.Path != "" {
			all = append(all, operation{path: path, name: name, document: *step.GraphQL, step: &step})
		}
	}
	for index, step := range s.Configure {
		add(at("configure", index, step.Name), "configure "+step.Name, step)
	}
	for index, step := range s.Setup {
		add(at("setup", index, step.Name), "set-up "+step.Name, step)
	}
	for index, step := range s.SetupCoupons {
		add(at("setup-coupons", index, step.Name), "set-up of coupons "+step.Name, step)
	}
	for _, journey := range sortedKeys(s.Journeys) {
		Walk(s.Journeys[journey], func(path []any, step Step) {
			add(under(at("journeys", journey), path...), "journey "+journey+wayInWords(path), step)
		})
	}
	for _, name := range sortedKeys(s.Acts) {
		add(at("acts", name), "act "+name, s.Acts[name])
	}
	for index, job := range s.Jobs {
		if document := job.GraphQL; document != nil && document.Query != "" && document.Path != "" {
			all = append(all, operation{path: at("jobs", index), name: "job " + job.Name, document: *document})
		}
	}
	for _, table := range sortedKeys(s.Probes) {
		probe := s.Probes[table]
		if document := probe.GraphQL; document != nil && document.Query != "" && document.Path != "" {
			all = append(all, operation{path: at("probes", table), name: "probe " + table, document: *document, probe: &probe})
		}
	}
	return all
}
