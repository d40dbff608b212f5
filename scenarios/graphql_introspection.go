package scenarios

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/parser"
	"github.com/vektah/gqlparser/v2/validator"
)

// IntrospectionQuery asks an endpoint for all that operations are held against: types, fields, arguments and values, as
// the GraphQL specification has it (October 2021, section 4). Types nest at most as deep as [[T!]!]! does.
const IntrospectionQuery = `query Introspection {
  __schema {
    queryType { name } mutationType { name } subscriptionType { name }
    types {
      kind name
      fields(includeDeprecated: true) { name args { ...Input } type { ...Type } }
      inputFields { ...Input }
      interfaces { name }
      enumValues(includeDeprecated: true) { name }
      possibleTypes { name }
    }
    directives { name locations args { ...Input } }
  }
}
fragment Input on __InputValue { name defaultValue type { ...Type } }
fragment Type on __Type {
  kind name ofType { kind name ofType { kind name ofType { kind name ofType { kind name ofType { kind name } } } } }
}`

// The answer to IntrospectionQuery.
type (
	introspectedSchema struct {
		QueryType, MutationType, SubscriptionType *introspectedName
		Types                                     []introspectedType
		Directives                                []introspectedDirective
	}
	introspectedName struct{ Name string }
	introspectedType struct {
		Kind, Name                            string
		Fields                                []introspectedField
		InputFields                           []introspectedInput
		Interfaces, EnumValues, PossibleTypes []introspectedName
	}
	introspectedField struct {
		Name string
		Args []introspectedInput
		Type introspectedRef
	}
	introspectedInput struct {
		Name         string
		DefaultValue *string
		Type         introspectedRef
	}
	introspectedRef struct {
		Kind, Name string
		OfType     *introspectedRef
	}
	introspectedDirective struct {
		Name      string
		Locations []ast.DirectiveLocation
		Args      []introspectedInput
	}
)

// introspected turns an endpoint's account of itself into the document that a schema file would be, without what is in
// every schema.
func introspected(answer []byte) (*ast.SchemaDocument, error) {
	var told struct {
		Data struct {
			Schema *introspectedSchema `json:"__schema"`
		}
		Errors []struct{ Message string }
	}
	if err := json.Unmarshal(answer, &told); err != nil {
		return nil, err
	}
	schema := told.Data.Schema
	switch {
	case len(told.Errors) > 0:
		return nil, fmt.Errorf("it does not tell: %s", told.Errors[0].Message)
	case schema == nil || schema.QueryType == nil:
		return nil, errors.New("the answer has no data.__schema with a queryType")
	}
	builtIn := validator.PreludeDocument()
	document := &ast.SchemaDocument{Schema: ast.SchemaDefinitionList{schema.roots()}}
	for _, one := range schema.Types {
		if builtIn.Definitions.ForName(one.Name) != nil {
			continue
		}
		definition, err := one.definition()
		if err != nil {
			return nil, fmt.Errorf("%s: %w", one.Name, err)
		}
		document.Definitions = append(document.Definitions, definition)
	}
	for _, one := range schema.Directives {
		if builtIn.Directives.ForName(one.Name) != nil {
			continue
		}
		arguments, err := arguments(one.Args)
		if err != nil {
			return nil, fmt.Errorf("@%s: %w", one.Name, err)
		}
		document.Directives = append(document.Directives, &ast.DirectiveDefinition{
			Name: one.Name, Locations: one.Locations, Arguments: arguments, Position: nowhere(),
		})
	}
	return document, nil
}

// nowhere is the place of what was written in no file. gqlparser wants one of everything.
func nowhere() *ast.Position { return &ast.Position{Src: &ast.Source{Name: "introspection"}} }

func (s introspectedSchema) roots() *ast.SchemaDefinition {
	roots := &ast.SchemaDefinition{Position: nowhere()}
	for operation, root := range map[ast.Operation]*introspectedName{
		ast.Query: s.QueryType, ast.Mutation: s.MutationType, ast.Subscription: s.SubscriptionType,
	} {
		if root != nil {
			roots.OperationTypes = append(roots.OperationTypes, &ast.OperationTypeDefinition{
				Operation: operation, Type: root.Name, Position: nowhere(),
			})
		}
	}
	return roots
}

func (t introspectedType) definition() (*ast.Definition, error) {
	definition := &ast.Definition{Kind: ast.DefinitionKind(t.Kind), Name: t.Name, Position: nowhere()}
	kinds := []ast.DefinitionKind{ast.Scalar, ast.Object, ast.Interface, ast.Union, ast.Enum, ast.InputObject}
	if !slices.Contains(kinds, definition.Kind) {
		return nil, fmt.Errorf("a kind of type that is not known: %q", t.Kind)
	}
	if definition.Kind == ast.Union {
		definition.Types = namesOf(t.PossibleTypes)
	}
	definition.Interfaces = namesOf(t.Interfaces)
	for _, value := range t.EnumValues {
		definition.EnumValues = append(definition.EnumValues, &ast.EnumValueDefinition{Name: value.Name, Position: nowhere()})
	}
	for _, field := range t.Fields {
		of, err := field.Type.toType()
		if err != nil {
			return nil, fmt.Errorf("%s: %w", field.Name, err)
		}
		arguments, err := arguments(field.Args)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", field.Name, err)
		}
		definition.Fields = append(definition.Fields, &ast.FieldDefinition{
			Name: field.Name, Type: of, Arguments: arguments, Position: nowhere(),
		})
	}
	inputs, err := arguments(t.InputFields)
	if err != nil {
		return nil, err
	}
	for _, input := range inputs {
		definition.Fields = append(definition.Fields, &ast.FieldDefinition{
			Name: input.Name, Type: input.Type, DefaultValue: input.DefaultValue, Position: nowhere(),
		})
	}
	return definition, nil
}

func namesOf(all []introspectedName) []string {
	var names []string
	for _, one := range all {
		names = append(names, one.Name)
	}
	return names
}

func arguments(of []introspectedInput) (ast.ArgumentDefinitionList, error) {
	var all ast.ArgumentDefinitionList
	for _, one := range of {
		argument := &ast.ArgumentDefinition{Name: one.Name, Position: nowhere()}
		var err error
		if argument.Type, err = one.Type.toType(); err == nil && one.DefaultValue != nil {
			argument.DefaultValue, err = literal(*one.DefaultValue)
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", one.Name, err)
		}
		all = append(all, argument)
	}
	return all, nil
}

// literal reads a default value, which is written in GraphQL, as the default of a variable.
func literal(text string) (*ast.Value, error) {
	document, err := parser.ParseQuery(&ast.Source{Input: "query ($default: T = " + text + "\n) { f }"})
	if err != nil {
		return nil, fmt.Errorf("the default value %s: %w", text, err)
	}
	return document.Operations[0].VariableDefinitions[0].DefaultValue, nil
}

func (r *introspectedRef) toType() (*ast.Type, error) {
	switch {
	case r == nil || (r.OfType == nil && r.Name == ""):
		return nil, errors.New("a type without a name, or one nested deeper than the question goes")
	case r.Kind == "NON_NULL":
		of, err := r.OfType.toType()
		if err == nil {
			of.NonNull = true
		}
		return of, err
	case r.Kind == "LIST":
		element, err := r.OfType.toType()
		return ast.ListType(element, nowhere()), err
	default:
		return ast.NamedType(r.Name, nowhere()), nil
	}
}
