package scenarios

import (
	"embed"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"reflect"
	"strings"
)

// sources are the files whose types users write: their comments are the schemas' descriptions, so that an editor says
// what the code says.
//
//go:embed scenario.go system.go container.go faults.go
var sources embed.FS

// comments are the comments of types and fields, as "Type" and "Type.Field".
type comments map[string]string

func readComments() (comments, error) {
	found := comments{}
	for _, name := range []string{"scenario.go", "system.go", "container.go", "faults.go"} {
		text, err := sources.ReadFile(name)
		if err != nil {
			return nil, fmt.Errorf("read the types' comments: %w", err)
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, text, parser.ParseComments)
		if err != nil {
			return nil, fmt.Errorf("read the types' comments: %w", err)
		}
		ast.Inspect(file, func(visited ast.Node) bool {
			if declared, isTypes := visited.(*ast.GenDecl); isTypes && declared.Tok == token.TYPE {
				for _, spec := range declared.Specs {
					found.add(declared.Doc, spec.(*ast.TypeSpec))
				}
			}
			return true
		})
	}
	return found, nil
}

func (c comments) add(doc *ast.CommentGroup, declared *ast.TypeSpec) {
	c[declared.Name.Name] = oneLine(doc)
	structure, isStruct := declared.Type.(*ast.StructType)
	if !isStruct {
		return
	}
	for _, field := range structure.Fields.List {
		text := oneLine(field.Comment)
		if text == "" {
			text = oneLine(field.Doc)
		}
		for _, name := range field.Names {
			c[declared.Name.Name+"."+name.Name] = text
		}
	}
}

func oneLine(group *ast.CommentGroup) string { return strings.Join(strings.Fields(group.Text()), " ") }

// lookup is what the reflector asks. Types of other packages have no comments here.
func (c comments) lookup(of reflect.Type, field string) string {
	if of.PkgPath() != reflect.TypeFor[Scenario]().PkgPath() {
		return ""
	}
	if field == "" {
		return c[of.Name()]
	}
	return c[of.Name()+"."+field]
}
