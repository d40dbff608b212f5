package scenarios

import (
	"errors"
	"io/fs"
	"strings"

	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/validator"
)

// Endpoints lists the GraphQL endpoints.
func (s *System) Endpoints() []string { return sortedKeys(s.GraphQL) }

// Introspects lists the endpoints whose schema the running shop is asked for.
func (s *System) Introspects() []string {
	var asked []string
	for _, endpoint := range sortedKeys(s.GraphQL) {
		if s.GraphQL[endpoint].Introspect {
			asked = append(asked, endpoint)
		}
	}
	return asked
}

// CheckOperations holds every operation at an endpoint in schemas against its schema. What is wrong comes as Errors.
func (s *System) CheckOperations(schemas map[string]*Schema) error {
	c := &checker{source: s.source}
	c.operations(s, schemas)
	return c.errs.asError()
}

// BreaksUnder lists which operations another schema of an endpoint breaks, each error with the journey and step, and
// counts those that were held against it.
func (s *System) BreaksUnder(endpoint string, schema *Schema) (broken Errors, held int) {
	c := &checker{source: s.source, labelled: true}
	held = c.operations(s, map[string]*Schema{endpoint: schema})
	errors.As(c.errs.asError(), &broken)
	return broken, held
}

// endpoints checks where schemas are to be had, that every operation has one, and holds operations against those that
// are in files.
func (c *checker) endpoints(s *System) {
	schemas := map[string]*Schema{}
	for _, path := range sortedKeys(s.GraphQL) {
		if schema := c.endpoint(path, s.GraphQL[path]); schema != nil {
			schemas[path] = schema
		}
	}
	missed := map[string]bool{}
	for _, operation := range s.operations() {
		endpoint := operation.endpoint()
		if _, known := s.GraphQL[endpoint]; known || missed[endpoint] || !strings.HasPrefix(endpoint, "/") {
			continue
		}
		missed[endpoint] = true
		where := under(operation.path, "graphql", "path")
		if len(s.GraphQL) == 0 {
			c.fail(where, "path: no schema is named for %s: want one at the top of the file, as in "+
				"graphql: {%s: {schema: shop.graphql}}, or {introspect: true} to ask the running shop", endpoint, endpoint)
			continue
		}
		c.fail(where, "path: graphql names no schema for %s: %s", endpoint, choose(endpoint, sortedKeys(s.GraphQL)))
	}
	c.operations(s, schemas)
}

// endpoint checks one endpoint and reads its schema, if that is in a file.
func (c *checker) endpoint(name string, e Endpoint) *Schema {
	path := at("graphql", name)
	switch {
	case !strings.HasPrefix(name, "/") || strings.ContainsAny(name, "?{"):
		c.fail(path, "graphql: %q is no path of an endpoint: want one such as /graphql", name)
	case e.Schema != "" && e.Introspect:
		c.fail(under(path, "introspect"), "%s: has both schema and introspect: want one of them", name)
	case e.Schema == "" && !e.Introspect && !c.hasAny(path, "schema"):
		c.fail(path, "%s: says nothing of its schema: want schema, a file, or introspect: true", name)
	}
	if e.Schema == "" {
		return nil
	}
	where := under(path, "schema")
	file, text, err := c.source.read(e.Schema)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		c.fail(where, "schema: there is no file %s: want a path relative to this file", file)
		return nil
	case err != nil:
		c.fail(where, "schema: cannot be read: %s", err)
		return nil
	}
	schema, err := ParseSchema(file, text)
	if invalid := (Errors{}); errors.As(err, &invalid) {
		c.errs = append(c.errs, invalid...)
		return nil
	}
	return schema
}

// operations holds the operations at each endpoint against its schema, and counts them.
func (c *checker) operations(s *System, schemas map[string]*Schema) (held int) {
	for _, operation := range s.operations() {
		schema := schemas[operation.endpoint()]
		if schema == nil {
			continue
		}
		held++
		before := len(c.errs)
		c.operation(operation, schema.types)
		for index := before; c.labelled && index < len(c.errs); index++ {
			c.errs[index].Message = operation.name + ": " + c.errs[index].Message
		}
	}
	return held
}

func (c *checker) operation(o operation, schema *ast.Schema) {
	document, err := parseGraphQL(o.document.Query)
	if err != nil || len(document.Operations) != 1 {
		return // that has been reported
	}
	faults := validator.ValidateWithRules(schema, document, nil)
	for _, fault := range faults {
		c.inDocument(under(o.path, "graphql", "query"), fault, "")
	}
	values := inputs{checker: c, schema: schema}
	for _, variable := range document.Operations[0].VariableDefinitions {
		given, has := o.document.Variables[variable.Variable]
		if has {
			path := under(o.path, "graphql", "variables", variable.Variable)
			values.check(path, "$"+variable.Variable, variable.Type, given)
		}
	}
	if len(faults) == 0 { // or what is selected is anyone's guess
		(&selected{checker: c, schema: schema, document: document}).check(o)
	}
}
