package scenarios

import (
	"errors"
	"fmt"

	"github.com/vektah/gqlparser/v2"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"
	"github.com/vektah/gqlparser/v2/validator"
)

// Schema is what a GraphQL endpoint understands. It is read from a file in the schema definition language, or from what
// the endpoint says of itself.
type Schema struct {
	types *ast.Schema
}

// schemaBytesMax bounds a schema; the largest public ones have some 4 MiB.
const schemaBytesMax = 16 << 20

// ParseSchema reads a schema in the schema definition language. What is wrong with it comes as Errors, at its place in
// the file.
func ParseSchema(file string, text []byte) (*Schema, error) {
	if len(text) > schemaBytesMax {
		return nil, Errors{{File: file, Message: fmt.Sprintf("larger than %d MiB", schemaBytesMax>>20)}}
	}
	types, err := gqlparser.LoadSchema(&ast.Source{Name: file, Input: string(text)})
	if err != nil {
		return nil, Errors{schemaError(file, err)}
	}
	return newSchema(file, types)
}

func schemaError(file string, err error) Error {
	told := Error{File: file, Message: "no valid GraphQL schema: " + err.Error()}
	var fault *gqlerror.Error
	if errors.As(err, &fault) {
		told.Message = "no valid GraphQL schema: " + fault.Message
		if len(fault.Locations) > 0 {
			told.Line, told.Column = fault.Locations[0].Line, fault.Locations[0].Column
		}
	}
	return told
}

// newSchema refuses a schema that nothing can be asked of.
func newSchema(file string, types *ast.Schema) (*Schema, error) {
	if types.Query == nil {
		return nil, Errors{{File: file, Line: 1, Column: 1, Message: "no valid GraphQL schema: it has no type Query"}}
	}
	return &Schema{types: types}, nil
}

// ParseIntrospection reads the answer of an endpoint to IntrospectionQuery.
func ParseIntrospection(answer []byte) (*Schema, error) {
	document, err := introspected(answer)
	if err != nil {
		return nil, fmt.Errorf("read the schema that the shop told of: %w", err)
	}
	builtIn := validator.PreludeDocument()
	builtIn.Merge(document)
	types, err := validator.ValidateSchemaDocument(builtIn)
	if err != nil {
		return nil, fmt.Errorf("read the schema that the shop told of: %w", err)
	}
	return newSchema("", types)
}
