package scenarios

import (
	"strings"
	"unicode/utf8"
)

// inside is the place in the file of a line and column of a scalar's text, both from 1. It is false where the file does
// not hold the text as it is: folded, escaped, or set on the command line.
func (n *node) inside(line, column int) (place, bool) {
	if n == nil || n.begins.line == 0 {
		return place{}, false
	}
	// The lines of a block begin where the first one does, and other scalars with a begin have only one.
	return place{file: n.begins.file, line: n.begins.line + line - 1, column: n.begins.column + column - 1}, true
}

// beginOfLine is where a scalar's text begins that stands on one line as it is, in quotes or without.
func (b *treeBuilder) beginOfLine(at place, text string) place {
	if at.line > len(b.lines) {
		return place{}
	}
	rest := skipRunes(b.lines[at.line-1], at.column-1)
	if strings.HasPrefix(rest, `"`) || strings.HasPrefix(rest, `'`) {
		rest, at.column = rest[1:], at.column+1
	}
	if !strings.HasPrefix(rest, text) {
		return place{}
	}
	return at
}

// beginOfBlock is where the text below the header of a literal block begins.
func (b *treeBuilder) beginOfBlock(header place, text string) place {
	lines := strings.Split(strings.TrimRight(text, "\n"), "\n")
	if header.line+len(lines) > len(b.lines) {
		return place{}
	}
	raw := b.lines[header.line : header.line+len(lines)]
	indent := 0
	for index, line := range raw {
		if strings.TrimSpace(line) != "" {
			indent = len(line) - len(strings.TrimLeft(line, " ")) - (len(lines[index]) - len(strings.TrimLeft(lines[index], " ")))
			break
		}
	}
	for index, line := range raw {
		if strings.TrimRight(skipRunes(line, indent), "\r") != lines[index] {
			return place{}
		}
	}
	return place{file: header.file, line: header.line + 1, column: indent + 1}
}

// skipRunes is a text without its first count characters.
func skipRunes(text string, count int) string {
	for ; count > 0 && text != ""; count-- {
		_, size := utf8.DecodeRuneInString(text)
		text = text[size:]
	}
	return text
}
