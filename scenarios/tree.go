package scenarios

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// fileBytesMax and depthMax bound what is parsed. Both are far above any file that a person writes.
const (
	fileBytesMax = 1 << 20
	depthMax     = 32
)

// place is where a node stands: in a file, or in a setting of the command line, which has no line.
type place struct {
	file         string
	line, column int
}

// shape is what a node is. A scalar from the command line is loose: it has no quotes that could tell text from number.
type shape int

const (
	shapeNull shape = iota
	shapeMapping
	shapeSequence
	shapeText
	shapeInteger
	shapeFloat
	shapeBool
	shapeLoose
)

func (s shape) String() string {
	return [...]string{"nothing", "a map", "a list", "text", "a whole number", "a decimal", "true or false", "a value"}[s]
}

// node is a file as a tree of our own: what the YAML library found, with places, less what these files may not use.
// Settings change the tree before it is decoded, so that a set value meets the same checks as a written one.
type node struct {
	place
	shape   shape
	text    string // of a scalar
	begins  place  // where its first character stands; no line where the file's text is not the scalar's, as in a folded one
	entries []entry
	items   []*node
}

type entry struct {
	key   string
	place place
	value *node
}

func (n *node) isScalar() bool { return n.shape >= shapeText }

// child is the value under a key, or nil. What was not read from a file has no nodes.
func (n *node) child(key string) *node {
	if n == nil {
		return nil
	}
	for _, entry := range n.entries {
		if entry.key == key {
			return entry.value
		}
	}
	return nil
}

// clone is a deep copy, so that settings never change what was loaded.
func (n *node) clone() *node {
	if n == nil {
		return nil
	}
	copied := *n
	copied.entries = make([]entry, len(n.entries))
	for index, entry := range n.entries {
		entry.value = entry.value.clone()
		copied.entries[index] = entry
	}
	copied.items = make([]*node, len(n.items))
	for index, item := range n.items {
		copied.items[index] = item.clone()
	}
	return &copied
}

// find is the node at the end of a path of keys and indexes, or nil.
func (n *node) find(path ...any) *node {
	for _, step := range path {
		switch step := step.(type) {
		case string:
			n = n.child(step)
		case int:
			if n == nil || step >= len(n.items) {
				return nil
			}
			n = n.items[step]
		}
	}
	return n
}

// at is the place of the deepest node on the path that exists, so that what is missing is reported at its parent. A
// mapping's entry is its key's place.
func (n *node) at(path ...any) place {
	if n == nil {
		return place{}
	}
	found := n.place
	for _, step := range path {
		var next *node
		switch step := step.(type) {
		case int:
			if step < len(n.items) {
				next = n.items[step]
				found = next.place
			}
		case string:
			for _, entry := range n.entries {
				if entry.key == step {
					next, found = entry.value, entry.place
				}
			}
		}
		if next == nil {
			return found
		}
		n = next
	}
	return found
}

// parseTree reads one YAML document. What it could not use is in the errors, and the rest in the tree.
func parseTree(file string, text []byte) (root *node, errs Errors) {
	if len(text) > fileBytesMax {
		return nil, Errors{{File: file, Message: fmt.Sprintf("larger than %d KiB", fileBytesMax>>10)}}
	}
	defer func() {
		// The YAML library is not ours, and has panicked on malformed input before.
		if broken := recover(); broken != nil {
			root, errs = nil, Errors{{File: file, Message: fmt.Sprintf("cannot be read as YAML: %v", broken)}}
		}
	}()
	parsed, err := parser.ParseBytes(text, 0, parser.AllowDuplicateMapKey())
	if err != nil {
		return nil, Errors{syntaxError(file, err)}
	}
	builder := treeBuilder{file: file, lines: strings.Split(string(text), "\n")}
	for _, document := range parsed.Docs {
		if document.Body == nil || document.Body.Type() == ast.CommentType {
			continue
		}
		if root != nil {
			builder.fail(document.Body.GetToken(), "a second document: want one document per file")
			break
		}
		root = builder.build(document.Body, 0)
	}
	if root == nil {
		return nil, append(builder.errs, Error{File: file, Line: 1, Column: 1, Message: "the file is empty"})
	}
	return root, builder.errs
}

func syntaxError(file string, err error) Error {
	var syntax *yaml.SyntaxError
	if errors.As(err, &syntax) && syntax.Token != nil && syntax.Token.Position != nil {
		at := syntax.Token.Position
		return Error{File: file, Line: at.Line, Column: at.Column, Message: "no valid YAML: " + syntax.Message}
	}
	message, _, _ := strings.Cut(err.Error(), "\n")
	return Error{File: file, Line: 1, Column: 1, Message: "no valid YAML: " + message}
}

type treeBuilder struct {
	file  string
	lines []string // of the file, for places inside a scalar
	errs  Errors
}

func (b *treeBuilder) placeOf(found *token.Token) place {
	if found == nil || found.Position == nil {
		return place{file: b.file, line: 1, column: 1}
	}
	return place{file: b.file, line: found.Position.Line, column: found.Position.Column}
}

func (b *treeBuilder) fail(found *token.Token, format string, args ...any) {
	at := b.placeOf(found)
	b.errs = append(b.errs, Error{File: at.file, Line: at.line, Column: at.column, Message: fmt.Sprintf(format, args...)})
}

// build turns a YAML node into ours. What cannot be used becomes nothing, and is reported.
func (b *treeBuilder) build(from ast.Node, depth int) *node {
	if from == nil {
		return &node{place: place{file: b.file, line: 1, column: 1}}
	}
	if depth > depthMax {
		b.fail(from.GetToken(), "nested deeper than %d levels", depthMax)
		return &node{place: b.placeOf(from.GetToken())}
	}
	at := b.placeOf(from.GetToken())
	switch from := from.(type) {
	case *ast.MappingNode:
		return b.mapping(from.Start, from.Values, depth)
	case *ast.MappingValueNode:
		return b.mapping(from.Start, []*ast.MappingValueNode{from}, depth)
	case *ast.SequenceNode:
		list := &node{place: at, shape: shapeSequence}
		for _, item := range from.Values {
			list.items = append(list.items, b.build(item, depth+1))
		}
		return list
	case *ast.StringNode:
		return &node{place: at, shape: shapeText, text: from.Value, begins: b.beginOfLine(at, from.Value)}
	case *ast.LiteralNode:
		header := b.placeOf(from.Start)
		return &node{place: header, shape: shapeText, text: from.Value.Value, begins: b.beginOfBlock(header, from.Value.Value)}
	case *ast.IntegerNode:
		return &node{place: at, shape: shapeInteger, text: from.Token.Value}
	case *ast.FloatNode, *ast.InfinityNode, *ast.NanNode:
		return &node{place: at, shape: shapeFloat, text: from.GetToken().Value}
	case *ast.BoolNode:
		return &node{place: at, shape: shapeBool, text: strconv.FormatBool(from.Value)}
	case *ast.NullNode:
		return &node{place: at}
	case *ast.AnchorNode, *ast.AliasNode, *ast.MergeKeyNode:
		b.fail(from.GetToken(), "anchors, aliases and merges are not used in these files: write the value out")
	case *ast.TagNode:
		b.fail(from.GetToken(), "tags such as %s are not used in these files", from.Start.Value)
	default:
		b.fail(from.GetToken(), "%s is not used in these files", strings.ToLower(from.Type().String()))
	}
	return &node{place: at}
}

func (b *treeBuilder) mapping(start *token.Token, values []*ast.MappingValueNode, depth int) *node {
	built := &node{place: b.placeOf(start), shape: shapeMapping}
	if len(values) > 0 && !values[0].IsFlowStyle && start != nil && start.Value != "{" {
		built.place = b.placeOf(values[0].Key.GetToken())
	}
	first := map[string]place{}
	for _, value := range values {
		key, ok := b.key(value.Key)
		if !ok {
			continue
		}
		at := b.placeOf(value.Key.GetToken())
		if earlier, twice := first[key]; twice {
			b.fail(value.Key.GetToken(), "duplicate key %q: it is on line %d already", key, earlier.line)
			continue
		}
		first[key] = at
		child := b.build(value.Value, depth+1)
		if child.shape == shapeNull {
			child.place = at // of nothing, the library has no useful place
		}
		built.entries = append(built.entries, entry{key: key, place: at, value: child})
	}
	return built
}

func (b *treeBuilder) key(from ast.MapKeyNode) (string, bool) {
	switch from := from.(type) {
	case *ast.StringNode:
		return from.Value, true
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode:
		return from.GetToken().Value, true
	case *ast.MergeKeyNode:
		b.fail(from.GetToken(), "anchors, aliases and merges are not used in these files: write the value out")
	default:
		b.fail(from.GetToken(), "a key must be plain text")
	}
	return "", false
}
