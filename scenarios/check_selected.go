package scenarios

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/vektah/gqlparser/v2/ast"
)

// selected holds what a step reads of an answer against what its operation selects: a path that leads to nothing, or a
// rule that no answer can match, is found before anything is sent.
type selected struct {
	*checker
	schema   *ast.Schema
	document *ast.QueryDocument // valid under the schema
}

// check checks all paths and rules by which the answer is read.
func (s *selected) check(o operation) {
	if o.probe != nil {
		s.rows(o.path, o.probe)
	}
	if o.step != nil {
		s.answer(o.path, o.step)
	}
}

// answer checks what a step reads of its answer, and the rules by which it judges it.
func (s *selected) answer(path []any, step *Step) {
	for _, name := range sortedKeys(step.Capture) {
		if part, json := CapturedFrom(step.Capture[name]); part == FromJSON {
			s.leaf(under(path, "capture", name), "capture", json)
		}
	}
	s.leaf(under(path, "state"), "state", step.State)
	s.match(under(path, "ok"), step.OK)
	s.union(under(path, "ok"), step.OK)
	list := s.has(under(path, "refused", 0)...)
	for index, match := range step.Refused {
		where := under(path, "refused")
		if list {
			where = under(where, index)
		}
		s.match(where, match)
	}
}

// rows checks where a probe finds its rows, what it reads of each, and how it turns the pages.
func (s *selected) rows(path []any, p *Probe) {
	s.leaf(under(path, "pages", "next"), "next", p.Pages.Next)
	s.leaf(under(path, "pages", "more"), "more", p.Pages.More)
	where := under(path, "rows")
	at, known := s.reach(where, "rows", p.Rows)
	if !known {
		return
	}
	if at.of.Elem == nil {
		s.fail(where, "rows: %s is no list: want the path of one in the answer", p.Rows)
		return
	}
	at.of = at.of.Elem
	for _, name := range sortedKeys(p.Fields) {
		if field := p.Fields[name]; plainPath.MatchString(field) {
			row := at
			s.follow(&row, under(path, "fields", name), name, p.Rows+".0", strings.Split(field, "."))
		}
	}
}

func (s *selected) match(path []any, m Match) {
	for _, key := range sortedKeys(m.Where) {
		where := under(path, "where", key)
		found := s.leaf(where, "where", key)
		for _, value := range m.Where[key] {
			if found.values != nil && !slices.Contains(found.values, value) {
				s.fail(where, "where: %s can never be %q: %s", key, value, choose(value, found.values))
			}
		}
	}
	found := s.leaf(under(path, "reason"), "reason", m.Reason)
	for _, given := range sortedKeys(m.Map) {
		if found.values != nil && !slices.Contains(found.values, given) {
			s.fail(under(path, "map", given), "map: %s can never be %q: %s", m.Reason, given, choose(given, found.values))
		}
	}
}

// union wants ok to say which members of a union are a success. A union is how a schema spells "or one of these errors",
// and all of them come with status 200.
func (s *selected) union(path []any, ok Match) {
	for _, field := range s.fields(s.document.Operations[0].SelectionSet) {
		of := field.Definition.Type
		definition := s.schema.Types[of.Name()]
		if of.Elem != nil || definition == nil || definition.Kind != ast.Union {
			continue
		}
		here := "data." + field.Alias
		told := slices.ContainsFunc(sortedKeys(ok.Where), func(key string) bool { return strings.HasPrefix(key, here+".") })
		if !told {
			s.fail(path, "ok: %s is the union %s, and a status does not tell %s apart: want the success, as in where: {%s.__typename: %s}",
				here, definition.Name, strings.Join(sorted(definition.Types), ", "), here, definition.Types[0])
		}
	}
}

// found is where a path leads.
type found struct {
	values []string // all that can stand there; nil: anything
}

// leaf checks that a path leads to a single value that the operation selects.
func (s *selected) leaf(where []any, label, path string) found {
	list, isCount := strings.CutSuffix(path, ".#")
	at, known := s.reach(where, label, list)
	switch {
	case !known:
		return found{}
	case isCount && at.of.Elem == nil:
		s.fail(where, "%s: %s is no list whose items .# could count", label, list)
		return found{}
	case isCount:
		return found{}
	case at.of.Elem != nil:
		s.fail(where, "%s: %s is a list: want one of it, as in %s.0", label, path, path)
	case len(at.names()) > 0:
		s.fail(where, "%s: %s is an object: want a value in it, as in %s.%s", label, path, path, at.names()[0])
	}
	return found{values: at.values()}
}

// reach goes to the end of a path in the answer. It is false where the path leads to nothing, which has been reported, or
// where the schema knows nothing: in errors, or in a scalar of the shop's own.
func (s *selected) reach(where []any, label, path string) (walk, bool) {
	keys := strings.Split(path, ".")
	switch {
	case path == "" || !plainPath.MatchString(path) || keys[0] == "errors" || keys[0] == "extensions":
		return walk{}, false
	case keys[0] != "data":
		s.fail(where, "%s: an answer has data, errors and extensions, and no %q: did you mean data.%s?", label, keys[0], path)
		return walk{}, false
	}
	at := walk{selected: s, sets: []ast.SelectionSet{s.document.Operations[0].SelectionSet}, of: ast.NamedType("", nil)}
	known := s.follow(&at, where, label, "data", keys[1:])
	return at, known
}

// follow takes a walk further. from is where it stands, in words.
func (s *selected) follow(at *walk, where []any, label, from string, keys []string) bool {
	for index, key := range keys {
		problem, beyond := at.step(key)
		if problem != "" {
			here := strings.Join(append([]string{from}, keys[:index]...), ".")
			s.fail(where, "%s: %s.%s: %s %s", label, from, strings.Join(keys, "."), here, problem)
		}
		if problem != "" || beyond {
			return false
		}
	}
	return true
}

// plainPath is a path of keys and indexes. Queries of the path language, such as #(kind=="a"), are left to the run.
var plainPath = regexp.MustCompile(`^[A-Za-z0-9_]+(\.([A-Za-z0-9_]+|#))*$`)

// walk is a way through a selection, one key at a time.
type walk struct {
	*selected
	sets   []ast.SelectionSet // of all fields that the answer may have here: fragments overlap
	fields []*ast.Field       // that lead here
	of     *ast.Type          // of what is here
}

// step goes on by one key. It says what is wrong with it, or that the schema knows nothing beyond.
func (w *walk) step(key string) (problem string, beyond bool) {
	if w.of.Elem != nil {
		if key != "#" && strings.Trim(key, "0123456789") != "" {
			return fmt.Sprintf("is a list: want an index before %q, as in 0.%s", key, key), false
		}
		w.of = w.of.Elem
		return "", false
	}
	names := w.names()
	if len(names) == 0 {
		if definition := w.schema.Types[w.of.Name()]; definition != nil && !definition.BuiltIn && definition.Kind == ast.Scalar {
			return "", true
		}
		return fmt.Sprintf("is %s, which has nothing in it", article(w.of.Name())), false
	}
	var next []*ast.Field
	for _, field := range w.all() {
		if field.Alias == key {
			next = append(next, field)
		}
	}
	switch {
	case len(next) == 0 && key == "__typename":
		return "does not select __typename: want it in the query, there", false
	case len(next) == 0:
		return fmt.Sprintf("does not select %q: %s", key, choose(key, names)), false
	}
	w.fields, w.sets, w.of = next, nil, next[0].Definition.Type
	for _, field := range next {
		w.sets = append(w.sets, field.SelectionSet)
	}
	return "", false
}

// all are the fields that are selected here.
func (w *walk) all() []*ast.Field {
	var all []*ast.Field
	for _, set := range w.sets {
		all = append(all, w.selected.fields(set)...)
	}
	return all
}

func (w *walk) names() []string {
	var names []string
	for _, field := range w.all() {
		names = append(names, field.Alias)
	}
	return names
}

// values are all that can stand here, if the schema numbers them: an enum's values, or the types that an object may have.
func (w *walk) values() []string {
	var values []string
	for _, field := range w.fields {
		definition := w.schema.Types[field.Definition.Type.Name()]
		switch {
		case field.Name == "__typename" && field.ObjectDefinition != nil:
			for _, possible := range w.schema.GetPossibleTypes(field.ObjectDefinition) {
				values = append(values, possible.Name)
			}
		case definition != nil && definition.Kind == ast.Enum:
			values = append(values, enumNames(definition)...)
		case definition != nil && definition.Name == "Boolean":
			values = append(values, "false", "true")
		default:
			return nil
		}
	}
	return values
}

// fields are the fields of a selection with those of its fragments.
func (s *selected) fields(set ast.SelectionSet) []*ast.Field {
	var fields []*ast.Field
	for _, selection := range set {
		switch selection := selection.(type) {
		case *ast.Field:
			fields = append(fields, selection)
		case *ast.InlineFragment:
			fields = append(fields, s.fields(selection.SelectionSet)...)
		case *ast.FragmentSpread:
			fields = append(fields, s.fields(selection.Definition.SelectionSet)...)
		}
	}
	return fields
}

func article(name string) string {
	if strings.ContainsAny(name[:1], "AEIOU") {
		return "an " + name
	}
	return "a " + name
}

func sorted(names []string) []string { return slices.Sorted(slices.Values(names)) }
