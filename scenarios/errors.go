package scenarios

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Errors is everything that is wrong with the files and settings of one call, sorted by place. A caller tells it from
// a failure to read with errors.As: invalid input is a usage error, a missing disk is not.
type Errors []Error

// Error is one thing that is wrong, and what is allowed instead.
type Error struct {
	File    string // or the setting, "--set load.peak=fast", which has no line
	Line    int    // from 1; 0 where there is no line
	Column  int
	Message string
}

// Error is "file:line:column: message".
func (e Error) Error() string {
	if place := e.Place(); place != "" {
		return place + ": " + e.Message
	}
	return e.Message
}

// Place is "file:line:column", the file alone where there is no line, and empty for a value built in Go.
func (e Error) Place() string {
	if e.Line == 0 {
		return e.File
	}
	return fmt.Sprintf("%s:%d:%d", e.File, e.Line, e.Column)
}

// Error is one line per error.
func (e Errors) Error() string {
	lines := make([]string, len(e))
	for index, single := range e {
		lines[index] = single.Error()
	}
	return strings.Join(lines, "\n")
}

// asError is nil for no errors, and sorts and dedupes the others.
func (e Errors) asError() error {
	if len(e) == 0 {
		return nil
	}
	slices.SortStableFunc(e, func(a, b Error) int {
		return cmp.Or(
			cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column),
			cmp.Compare(a.Message, b.Message),
		)
	})
	return slices.Compact(e)
}

// choose says what is allowed instead of a word that is not: the nearest one first, if one is near.
func choose(wrong string, allowed []string) string {
	sorted := slices.Compact(slices.Sorted(slices.Values(allowed)))
	if len(sorted) == 0 {
		return "none is allowed here"
	}
	list := "allowed: " + strings.Join(sorted, ", ")
	if near := nearest(wrong, sorted); near != "" {
		return fmt.Sprintf("did you mean %q? (%s)", near, list)
	}
	return list
}

// nearest is the candidate that a typing error away from word would be, or "".
func nearest(word string, candidates []string) string {
	best, limit := "", max(1, min(3, len(word)/3))
	for _, candidate := range candidates {
		if distance := editDistance(strings.ToLower(word), strings.ToLower(candidate)); distance <= limit {
			best, limit = candidate, distance-1
		}
	}
	return best
}

// editDistance is Levenshtein's, over bytes, which is near enough for keys.
func editDistance(a, b string) int {
	row := make([]int, len(b)+1)
	for column := range row {
		row[column] = column
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			above := row[j+1]
			substitute := diagonal
			if a[i] != b[j] {
				substitute++
			}
			row[j+1] = min(above+1, row[j]+1, substitute)
			diagonal = above
		}
	}
	return row[len(b)]
}
