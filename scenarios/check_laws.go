package scenarios

import (
	"errors"
	"io/fs"
	"regexp"
	"slices"
	"strings"
)

// ownID is an id that the judge's own invariants have, or may get.
var ownID = regexp.MustCompile(`^I[0-9]+$`)

// laws checks the laws of one file.
func (c *checker) laws(laws []Law, v Vocabulary) {
	for index, law := range laws {
		path := at("laws", index)
		same := func(l Law) bool { return l.ID == law.ID && l.ID != "" }
		switch forms := law.forms(); {
		case ownID.MatchString(law.ID):
			c.fail(under(path, "id"), "id: %s is an id of the judge's own: want another, such as L1", law.ID)
		case slices.ContainsFunc(laws[:index], same):
			c.fail(under(path, "id"), "id: there is a law %s already: want each id once", law.ID)
		case len(forms) == 0:
			c.fail(path, "laws: %s says nothing: want one of %s", law.ID, strings.Join(LawForms(), ", "))
		case len(forms) > 1:
			c.fail(under(path, forms[1]), "laws: %s has both %s and %s: want one of them", law.ID, forms[0], forms[1])
		default:
			c.law(under(path, forms[0]), law, v)
		}
	}
}

// law checks what one law asks.
func (c *checker) law(path []any, law Law, v Vocabulary) {
	if !c.lawKeys(path, law) {
		return
	}
	planned, err := law.planned(c.source.read)
	if errors.Is(err, fs.ErrNotExist) {
		c.fail(path, "sql: there is no file %s: want a path relative to this file", law.SQL)
		return
	}
	if err == nil {
		_, err = planned.needs(v)
	}
	switch {
	case err != nil && law.SQL != "":
		c.fail(path, "sql: %s: %s", law.SQL, err)
	case err != nil:
		c.fail(path, "%s: %s", law.ID, err)
	}
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
			c.fail(under(path, key, "key"), "key: want as many columns as the rows have that it is compared with, %[2]d and not %[1]d", len(other.Key), len(rows.Key))
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

// planLaws are the system's laws and the scenario's, which have been checked.
func planLaws(scenario *Scenario, system *System, v Vocabulary) ([]PlannedLaw, error) {
	var planned []PlannedLaw
	for _, file := range []struct {
		laws   []Law
		source *source
	}{{system.Laws, system.source}, {scenario.Laws, scenario.source}} {
		for index, law := range file.laws {
			same := func(p PlannedLaw) bool { return p.ID == law.ID }
			if slices.ContainsFunc(planned, same) {
				c := &checker{source: file.source}
				c.fail(at("laws", index, "id"), "id: the system has a law %s already: want each id once", law.ID)
				return nil, c.errs.asError()
			}
			next, err := law.planned(file.source.read)
			if err != nil {
				return nil, err
			}
			if next.Needs, err = next.needs(v); err != nil {
				return nil, err
			}
			planned = append(planned, next)
		}
	}
	return planned, nil
}
