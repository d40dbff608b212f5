package scenarios

import (
	"errors"
	"fmt"
	"io/fs"
	"regexp"
	"slices"
	"strings"
)

var (
	lawID = regexp.MustCompile(`^[A-Z][A-Z0-9-]*$`)
	// ownID is an id that the judge's own invariants have, or may get.
	ownID = regexp.MustCompile(`^I[0-9]+$`)
)

// UnknownWord is an error about a word in a query: a table or a column that there is not.
type UnknownWord interface {
	error
	Unknown() (word string, known []string)
}

// laws checks the laws of one file.
func (c *checker) laws(laws []Law, v Vocabulary) {
	seen := map[string]bool{}
	for index, law := range laws {
		path := at("laws", index)
		switch forms := law.forms(); {
		case len(forms) == 0:
			c.fail(path, "laws: %s says nothing: want one of %s", law.ID, strings.Join(LawForms(), ", "))
		case len(forms) > 1:
			c.fail(under(path, forms[1]), "laws: %s has both %s and %s: want one of them", law.ID, forms[0], forms[1])
		case law.SQL != "":
			c.lawInSQL(under(path, "sql"), law, v, seen)
		default:
			c.lawInAForm(path, forms[0], law, v, seen)
		}
	}
}

// lawInSQL checks a law of a file, which has its places itself.
func (c *checker) lawInSQL(path []any, law Law, v Vocabulary, seen map[string]bool) {
	if law.ID+law.Name+law.Statement+law.Bearer != "" {
		c.fail(path, "sql: id, name, statement and bearer of a law in SQL stand in its file: want -- invariant: L1 … there, and sql alone here")
		return
	}
	file, err := c.lawFile(path, law.SQL)
	if err != nil {
		return
	}
	planned, errs := file.law()
	c.errs = append(c.errs, errs...)
	if len(errs) > 0 {
		return
	}
	if problem := lawIDProblem(planned.ID, seen); problem != "" {
		c.failAt(file.at(planned.ID), "%s", problem)
		return
	}
	if _, err := planned.needs(v); err != nil {
		word, message := wordsOf(err)
		c.failAt(file.at(word), "%s", message)
	}
}

// lawFile reads the file that a law names, or says why it cannot be read.
func (c *checker) lawFile(path []any, name string) (lawFile, error) {
	file, text, err := c.source.read(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		c.fail(path, "sql: there is no file %s: want a path relative to this file", name)
	case err != nil:
		c.fail(path, "sql: %s cannot be read: %s", name, err)
	}
	return lawFile{name: file, text: string(text)}, err
}

// lawInAForm checks a law that is written out.
func (c *checker) lawInAForm(path []any, form string, law Law, v Vocabulary, seen map[string]bool) {
	switch problem := lawIDProblem(law.ID, seen); {
	case problem != "" && c.has(under(path, "id")...):
		c.fail(under(path, "id"), "id: %s", problem)
	case problem != "":
		c.fail(path, "laws: %s", problem)
	case law.Name == "":
		c.fail(path, "laws: %s has no name: want a few words, such as points are given once", law.ID)
	case c.lawKeys(under(path, form), law):
		planned := PlannedLaw{}
		planned.Wrong, planned.Cases = law.questions()
		if _, err := planned.needs(v); err != nil {
			_, message := wordsOf(err)
			c.fail(under(path, form), "%s: %s", law.ID, message)
		}
	}
}

// lawIDProblem is what is wrong with a law's id, "" if nothing is.
func lawIDProblem(id string, seen map[string]bool) string {
	switch {
	case id == "":
		return "a law has no id: want one such as L1"
	case !lawID.MatchString(id):
		return fmt.Sprintf("%q is no id of a law: want capital letters and digits, such as L1", id)
	case ownID.MatchString(id):
		return id + " is an id of the judge's own: want another, such as L1"
	case seen[id]:
		return fmt.Sprintf("there is a law %s already: want each id once", id)
	}
	seen[id] = true
	return ""
}

// wordsOf is what an error says, and the word that it is about.
func wordsOf(err error) (word, message string) {
	var unknown UnknownWord
	if !errors.As(err, &unknown) {
		return "", err.Error()
	}
	word, known := unknown.Unknown()
	return word, fmt.Sprintf("%s: %s", err, choose(word, known))
}

// lawKeys checks what its form says of keys and states.
func (c *checker) lawKeys(path []any, law Law) bool {
	before := len(c.errs)
	for _, rows := range law.rows() {
		if rows.Table == "" || len(rows.Key) == 0 || slices.Contains(rows.Key, "") {
			return false // which has been told
		}
	}
	pair := func(rows, other Rows, key string) {
		if len(rows.Key) != len(other.Key) {
			c.fail(under(path, key, "key"), "key: want as many columns as the rows have that it is compared with, %d and not %d", len(rows.Key), len(other.Key))
		}
	}
	snapshots := func(rows Rows) {
		if !books(rows.Table) {
			c.fail(under(path, "table"), "table: %s is not read again and again: want one of the shop's books: %s", rows.Table, strings.Join(Tables(), ", "))
		}
	}
	switch {
	case law.Caused != nil:
		pair(law.Caused.Rows, law.Caused.By, "by")
	case law.Agree != nil:
		pair(law.Agree.Rows, law.Agree.With.Rows, "with")
	case law.Conserve != nil:
		snapshots(law.Conserve.Rows)
	case law.NeverBack != nil:
		snapshots(law.NeverBack.Rows)
		if len(law.NeverBack.Along) < 2 {
			c.fail(under(path, "along"), "along: has one state: want the states in the order in which an order meets them")
		}
	}
	return len(c.errs) == before
}

// needs are the tables of the shop's books that the law's questions read.
func (p PlannedLaw) needs(v Vocabulary) ([]string, error) {
	var needs []string
	if v.CheckLaw == nil {
		return nil, nil
	}
	for _, query := range []string{p.Wrong, p.Cases} {
		tables, err := v.CheckLaw(query)
		if err != nil {
			return nil, err
		}
		needs = append(needs, tables...)
	}
	slices.Sort(needs)
	return slices.Compact(needs), nil
}

// planLaws are the system's laws and the scenario's. Each file's have been checked.
func planLaws(scenario *Scenario, system *System, v Vocabulary) ([]PlannedLaw, error) {
	var planned []PlannedLaw
	for _, of := range []struct {
		laws   []Law
		source *source
	}{{system.Laws, system.source}, {scenario.Laws, scenario.source}} {
		c := &checker{source: of.source}
		for index, law := range of.laws {
			next := PlannedLaw{ID: law.ID, Name: law.Name, Statement: law.Statement, Bearer: law.Bearer}
			next.Wrong, next.Cases = law.questions()
			where := of.source.at("laws", index, "id")
			if law.SQL != "" {
				file, err := c.lawFile(at("laws", index, "sql"), law.SQL)
				if err != nil {
					return nil, c.errs.asError()
				}
				next, _ = file.law()
				where = file.at(next.ID)
			}
			if slices.ContainsFunc(planned, func(p PlannedLaw) bool { return p.ID == next.ID }) {
				c.failAt(where, "the system has a law %s already: want each id once", next.ID)
				return nil, c.errs.asError()
			}
			var err error
			if next.Needs, err = next.needs(v); err != nil {
				return nil, err
			}
			planned = append(planned, next)
		}
	}
	return planned, nil
}
