package draft

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/vektah/gqlparser/v2/ast"
)

// Table is a canonical table and the query that reads it.
type Table struct {
	Table     string
	operation Operation
	rows      string
	next      string // path of the next cursor
	fields    []Field
}

// YAML is the table as a probe reads it.
func (t Table) YAML() string {
	text := t.operation.Request() + "rows: " + t.rows + "\n"
	if t.next != "" {
		text += "pages: {next: " + t.next + "}\n"
	}
	return text + "fields: " + flow(t.fields) + " # on the right, where a row has it\n"
}

// tables are the canonical tables, the fields of Query that list them, and what their rows must have to be worth a guess.
var tables = []struct {
	name, must string
	pattern    *regexp.Regexp
	columns    []word
}{
	{"orders", "order", regexp.MustCompile(`(?i)^(all_?)?orders$`), columns},
	{"stock", "available", regexp.MustCompile(`(?i)^(stocks?|stock_?levels?|skus|inventory|items|products|variants)$`), []word{
		called(`^(sku|code|id)$`, "sku"), called(`^(available|stock|on_?hand|in_?stock)$`, "available"),
		called(`^(reserved|allocated)$`, "reserved"), called(`^sold$`, "sold"),
	}},
}

func (g guesser) books() []Table {
	var found []Table
	for _, table := range tables {
		for _, field := range g.schema.Query.Fields {
			if !table.pattern.MatchString(field.Name) {
				continue
			}
			if read, ok := g.table(table.name, table.must, field, table.columns); ok {
				found = append(found, read)
				break
			}
		}
	}
	return found
}

// table reads a list of rows, which is the field itself or in the page that it answers.
func (g guesser) table(name, must string, field *ast.FieldDefinition, columns []word) (Table, bool) {
	read := Table{Table: name, rows: "data." + field.Name}
	row, inside, around := g.schema.Types[field.Type.Name()], "%s", ""
	if field.Type.Elem == nil {
		list := g.listIn(row)
		if list == nil {
			return read, false
		}
		read.rows += "." + list.Name
		around = g.cursor(row, field, &read)
		row, inside = g.schema.Types[list.Type.Name()], list.Name+" { %s }"
	}
	under := ""
	if node := row.Fields.ForName("node"); node != nil && strings.HasSuffix(read.rows, ".edges") {
		row, inside, under = g.schema.Types[node.Type.Name()], fmt.Sprintf(inside, "node { %s }"), "node."
	}
	var names []string
	taken := map[string]bool{}
	for _, column := range columns {
		for _, one := range row.Fields {
			if !taken[column.means] && g.plain(one) && column.pattern.MatchString(one.Name) {
				taken[column.means] = true
				names = append(names, one.Name)
				read.fields = append(read.fields, Field{column.means, under + one.Name})
			}
		}
	}
	if !taken[must] {
		return read, false
	}
	operation, declared, passed := g.pageArguments(field, read.next != "")
	operation.document = fmt.Sprintf("query %s%s {\n  %s%s { %s }\n}", strings.ToUpper(field.Name[:1])+field.Name[1:],
		inBrackets(declared), field.Name, inBrackets(passed), strings.TrimSpace(fmt.Sprintf(inside, strings.Join(names, " "))+" "+around))
	read.operation = operation
	return read, true
}

// listIn is the field of a page that lists its rows.
func (g guesser) listIn(page *ast.Definition) *ast.FieldDefinition {
	for _, field := range page.Fields {
		if of := g.schema.Types[field.Type.Name()]; field.Type.Elem != nil && of.Kind == ast.Object && !needsArguments(field) {
			return field
		}
	}
	return nil
}

var (
	cursorArgument = regexp.MustCompile(`(?i)^(after|cursor)$`)
	cursorField    = regexp.MustCompile(`(?i)^(next|next_?cursor|end_?cursor)$`)
)

// cursor finds the next page's cursor in a page, and what selects it. Without an argument that takes it, it is of no use.
func (g guesser) cursor(page *ast.Definition, field *ast.FieldDefinition, read *Table) string {
	takes := false
	for _, argument := range field.Arguments {
		takes = takes || cursorArgument.MatchString(argument.Name)
	}
	for _, one := range page.Fields {
		switch {
		case !takes || needsArguments(one):
		case g.plain(one) && cursorField.MatchString(one.Name):
			read.next = "data." + field.Name + "." + one.Name
			return one.Name
		case one.Name == "pageInfo":
			for _, in := range g.schema.Types[one.Type.Name()].Fields {
				if g.plain(in) && cursorField.MatchString(in.Name) {
					read.next = "data." + field.Name + ".pageInfo." + in.Name
					return "pageInfo { " + in.Name + " }"
				}
			}
		}
	}
	return ""
}

// pageArguments are the cursor, if it is used, and blanks for what else must be there.
func (g guesser) pageArguments(field *ast.FieldDefinition, turned bool) (operation Operation, declared, passed []string) {
	var kept ast.ArgumentDefinitionList
	for _, argument := range field.Arguments {
		required := argument.Type.NonNull && argument.DefaultValue == nil
		if cursor := turned && cursorArgument.MatchString(argument.Name); !cursor && !required {
			continue
		}
		kept = append(kept, argument)
	}
	for _, argument := range kept {
		value := blank("the value of " + argument.Name)
		if cursorArgument.MatchString(argument.Name) {
			value = quote("{{ cursor }}")
		}
		declared = append(declared, "$"+argument.Name+": "+argument.Type.String())
		passed = append(passed, argument.Name+": $"+argument.Name)
		operation.variables = append(operation.variables, argument.Name+": "+value)
	}
	return operation, declared, passed
}
