package scenarios

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// lawFile is a law in SQL:
//
//	-- invariant: L1 points are given once
//	-- statement: An order gives its points once.
//	-- bearer: merchant
//	SELECT … each row of which is a violation;
//	-- cases:
//	SELECT … one number, how many cases could have been one;
type lawFile struct {
	name string
	text string
}

var (
	lawSays   = regexp.MustCompile(`^--\s*(invariant|statement|bearer):\s*(.*?)\s*$`)
	lawNames  = regexp.MustCompile(`^(\S+)\s+(\S.*)$`)
	casesMark = regexp.MustCompile(`^\s*--\s*cases:\s*$`)
)

// law reads the file. What is wrong with it comes with its line.
func (f lawFile) law() (PlannedLaw, Errors) {
	var law PlannedLaw
	var errs Errors
	fail := func(line int, format string, args ...any) {
		errs = append(errs, Error{File: f.name, Line: line, Column: 1, Message: fmt.Sprintf(format, args...)})
	}
	marked := 0
	var wrong, cases []string
	for i, line := range strings.Split(f.text, "\n") {
		said := lawSays.FindStringSubmatch(line)
		switch {
		case casesMark.MatchString(line):
			if marked++; marked > 1 {
				fail(i+1, "the line \"-- cases:\" is here for the second time: want it once")
			}
		case marked > 0:
			cases = append(cases, line)
		case said == nil:
			wrong = append(wrong, line)
		case said[1] == "statement":
			law.Statement = said[2]
		case said[1] == "bearer":
			if law.Bearer = said[2]; !slices.Contains([]string{"buyer", "merchant"}, law.Bearer) {
				fail(i+1, "bearer: unknown value %q: allowed: buyer, merchant", law.Bearer)
			}
		default:
			named := lawNames.FindStringSubmatch(said[2])
			if named == nil {
				fail(i+1, "invariant: has no name: want an id and a few words, as in -- invariant: L1 points are given once")
				continue
			}
			law.ID, law.Name = named[1], named[2]
		}
	}
	if law.ID == "" && len(errs) == 0 {
		fail(1, "does not say which law it is: want a line such as -- invariant: L1 points are given once")
	}
	if marked == 0 {
		fail(1, "does not count its cases: want the line \"-- cases:\" and after it a query that returns how many cases could have been a violation")
	}
	bare := func(lines []string) string {
		return strings.TrimSuffix(strings.TrimSpace(strings.Join(lines, "\n")), ";")
	}
	law.Wrong, law.Cases = bare(wrong), bare(cases)
	return law, errs
}

// at is where a word stands first in the file, else its beginning.
func (f lawFile) at(word string) place {
	where := place{f.name, 1, 1}
	if word == "" {
		return where
	}
	found := regexp.MustCompile(`\b` + regexp.QuoteMeta(word) + `\b`).FindStringIndex(f.text)
	if found == nil {
		return where
	}
	before := f.text[:found[0]]
	return place{f.name, 1 + strings.Count(before, "\n"), found[0] - strings.LastIndex(before, "\n")}
}
