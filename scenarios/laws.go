package scenarios

import (
	"fmt"
	"regexp"
	"strings"
)

// Law is a team's own law: one of the forms below, bound to the tables of the history, or a file of SQL over them. It is judged
// like the invariants that come with the judge, and like one that a scenario names: unjudged or never exercised, it is a doubt.
//
// A table is one of the shop's books at rest, such as orders or grants, or any other table of the history, such as captures. What
// stands under where, value and sum is SQL over its columns.
type Law struct {
	ID        string `yaml:"id" json:"id" jsonschema:"required,pattern=^[A-Z][A-Z0-9-]*$"` // such as L1; I and a number are the judge's own
	Name      string `yaml:"name" json:"name" jsonschema:"required"`                       // a few words: "points are given once"
	Statement string `yaml:"statement" json:"statement,omitempty"`                         // one sentence
	Bearer    string `yaml:"bearer" json:"bearer,omitempty" jsonschema:"enum=buyer,enum=merchant"`

	SQL       string        `yaml:"sql" json:"sql,omitempty"`               // a file, relative to this one
	Once      *LawOnce      `yaml:"once" json:"once,omitempty"`             // a key has one row
	Bound     *LawBound     `yaml:"bound" json:"bound,omitempty"`           // a sum stays under a limit
	Ends      *LawEnds      `yaml:"ends" json:"ends,omitempty"`             // every row ends in one of these states
	Caused    *LawCaused    `yaml:"caused" json:"caused,omitempty"`         // no row without its cause
	Agree     *LawAgree     `yaml:"agree" json:"agree,omitempty"`           // two tables tell the same
	Conserve  *LawConserve  `yaml:"conserve" json:"conserve,omitempty"`     // a sum is the same in every reading
	NeverBack *LawNeverBack `yaml:"never-back" json:"never_back,omitempty"` // a state never moves back from reading to reading
}

// Rows are those of a table that a law is about.
type Rows struct {
	Table string   `yaml:"table" json:"table" jsonschema:"required"`
	Where string   `yaml:"where" json:"where,omitempty"`
	Key   []string `yaml:"key,one-or-list" json:"key" jsonschema:"required"` // columns
}

// LawOnce holds that no two rows have the same key.
type LawOnce struct {
	Rows
}

// LawBound holds that the rows of one key come to at most so much.
type LawBound struct {
	Rows
	Sum    string `yaml:"sum" json:"sum,omitempty"` // default: the number of rows
	AtMost int64  `yaml:"at-most" json:"at_most"`
}

// LawEnds holds that every row ends in one of the states.
type LawEnds struct {
	Rows
	State string   `yaml:"state" json:"state,omitempty"` // the column; default state
	In    []string `yaml:"in,one-or-list" json:"in" jsonschema:"required"`
}

// LawCaused holds that every key has a row in another table.
type LawCaused struct {
	Rows
	By Rows `yaml:"by" json:"by" jsonschema:"required"`
}

// LawAgree holds that two tables have the same value for each key that one of them has.
type LawAgree struct {
	Rows
	Value string     `yaml:"value" json:"value" jsonschema:"required"` // of the rows of one key, such as sum(minor)
	With  ValuedRows `yaml:"with" json:"with" jsonschema:"required"`
}

// ValuedRows are rows with a value for each key.
type ValuedRows struct {
	Rows
	Value string `yaml:"value" json:"value" jsonschema:"required"`
}

// LawConserve holds that a sum over the rows of one key is in each reading of the books what it was in the first.
type LawConserve struct {
	Rows
	Sum string `yaml:"sum" json:"sum" jsonschema:"required"`
}

// LawNeverBack holds that a key's state never comes before what it was in the reading before.
type LawNeverBack struct {
	Rows
	State string   `yaml:"state" json:"state,omitempty"`                         // the column; default state
	Along []string `yaml:"along,one-or-list" json:"along" jsonschema:"required"` // the states, in their order; others are not compared
}

// PlannedLaw is a law as it is judged: two questions in SQL.
type PlannedLaw struct {
	ID        string   `json:"id"`
	Name      string   `json:"name"`
	Statement string   `json:"statement,omitempty"`
	Bearer    string   `json:"bearer,omitempty"`
	Needs     []string `json:"needs,omitempty"` // tables of the shop's books that they read
	Wrong     string   `json:"wrong"`           // each row of its answer is a violation
	Cases     string   `json:"cases"`           // its answer is how many cases could have been one
}

// forms are the law's, of which it must have one.
func (l Law) forms() []string {
	var forms []string
	for _, form := range []struct {
		name string
		has  bool
	}{
		{"sql", l.SQL != ""},
		{"once", l.Once != nil},
		{"bound", l.Bound != nil},
		{"ends", l.Ends != nil},
		{"caused", l.Caused != nil},
		{"agree", l.Agree != nil},
		{"conserve", l.Conserve != nil},
		{"never-back", l.NeverBack != nil},
	} {
		if form.has {
			forms = append(forms, form.name)
		}
	}
	return forms
}

// rows are all that the law's form is about.
func (l Law) rows() []Rows {
	switch {
	case l.Once != nil:
		return []Rows{l.Once.Rows}
	case l.Bound != nil:
		return []Rows{l.Bound.Rows}
	case l.Ends != nil:
		return []Rows{l.Ends.Rows}
	case l.Caused != nil:
		return []Rows{l.Caused.Rows, l.Caused.By}
	case l.Agree != nil:
		return []Rows{l.Agree.Rows, l.Agree.With.Rows}
	case l.Conserve != nil:
		return []Rows{l.Conserve.Rows}
	case l.NeverBack != nil:
		return []Rows{l.NeverBack.Rows}
	default:
		return nil
	}
}

// LawForms are the names of the forms.
func LawForms() []string {
	return []string{"sql", "once", "bound", "ends", "caused", "agree", "conserve", "never-back"}
}

// planned is a law as it is judged. read gives the text of a file that it names.
func (l Law) planned(read func(string) (file string, text []byte, err error)) (PlannedLaw, error) {
	p := PlannedLaw{ID: l.ID, Name: l.Name, Statement: l.Statement, Bearer: l.Bearer}
	switch {
	case l.SQL != "":
		file, text, err := read(l.SQL)
		if err != nil {
			return p, fmt.Errorf("%s cannot be read: %w", file, err)
		}
		if p.Wrong, p.Cases, err = questions(string(text)); err != nil {
			return p, err
		}
	case l.Once != nil:
		p.Wrong, p.Cases = l.Once.questions()
	case l.Bound != nil:
		p.Wrong, p.Cases = l.Bound.questions()
	case l.Ends != nil:
		p.Wrong, p.Cases = l.Ends.questions()
	case l.Caused != nil:
		p.Wrong, p.Cases = l.Caused.questions()
	case l.Agree != nil:
		p.Wrong, p.Cases = l.Agree.questions()
	case l.Conserve != nil:
		p.Wrong, p.Cases = l.Conserve.questions()
	case l.NeverBack != nil:
		p.Wrong, p.Cases = l.NeverBack.questions()
	}
	return p, nil
}

// casesMark parts a file of SQL: what stands before it asks for violations, what stands after it for the number of cases.
var casesMark = regexp.MustCompile(`(?m)^\s*--\s*cases:\s*$`)

// questions parts the text of a file of SQL.
func questions(text string) (wrong, cases string, err error) {
	parts := casesMark.Split(text, -1)
	if len(parts) != 2 {
		return "", "", fmt.Errorf("has the line \"-- cases:\" %d times: want it once, between the query whose rows are violations and the "+
			"query that counts what could have been one", len(parts)-1)
	}
	bare := func(query string) string { return strings.TrimSuffix(strings.TrimSpace(query), ";") }
	return bare(parts[0]), bare(parts[1]), nil
}

// books says whether a table is one of the shop's.
func books(table string) bool {
	for _, known := range Tables() {
		if table == known {
			return true
		}
	}
	return false
}

// from is the rows as a table in SQL: of the shop's books those at rest.
func (r Rows) from() string {
	table := r.Table
	if books(table) {
		table = "final_" + table
	}
	return r.of(table)
}

func (r Rows) of(table string) string {
	if r.Where == "" {
		return table
	}
	return fmt.Sprintf("(SELECT * FROM %s WHERE %s)", table, r.Where)
}

func (r Rows) keys() string { return strings.Join(r.Key, ", ") }

// qualified are the keys' columns of an alias.
func (r Rows) qualified(alias string) string {
	all := make([]string, len(r.Key))
	for i, key := range r.Key {
		all[i] = alias + "." + key
	}
	return strings.Join(all, ", ")
}

// same compares the keys of two aliases, column by column. What is not known is the same as nothing.
func (r Rows) same(alias string, other Rows, otherAlias string) string {
	all := make([]string, 0, len(r.Key))
	for i := range min(len(r.Key), len(other.Key)) {
		all = append(all, fmt.Sprintf("%s.%s = %s.%s", alias, r.Key[i], otherAlias, other.Key[i]))
	}
	return strings.Join(all, " AND ")
}

func quoted(text string) string { return "'" + strings.ReplaceAll(text, "'", "''") + "'" }

func quotedAll(texts []string) string {
	all := make([]string, len(texts))
	for i, text := range texts {
		all[i] = quoted(text)
	}
	return strings.Join(all, ", ")
}

func orState(column string) string {
	if column == "" {
		return "state"
	}
	return column
}

// known leaves out rows whose key is not known: they cannot be told apart.
func (r Rows) known() string {
	all := make([]string, len(r.Key))
	for i, key := range r.Key {
		all[i] = key + " IS NOT NULL"
	}
	return fmt.Sprintf("(SELECT * FROM %s WHERE %s)", r.from(), strings.Join(all, " AND "))
}

func (l LawOnce) questions() (wrong, cases string) {
	return fmt.Sprintf("SELECT %s, count(*) || ' rows' AS detail FROM %s GROUP BY %s HAVING count(*) > 1", l.keys(), l.known(), l.keys()),
		"SELECT count(*) FROM " + l.known()
}

func (l LawBound) questions() (wrong, cases string) {
	sum := "count(*)"
	if l.Sum != "" {
		sum = fmt.Sprintf("sum(%s)", l.Sum)
	}
	return fmt.Sprintf("SELECT %s, %s || ' in all, at most %d' AS detail FROM %s GROUP BY %s HAVING %s > %d", l.keys(), sum, l.AtMost, l.known(),
			l.keys(), sum, l.AtMost),
		fmt.Sprintf("SELECT count(*) FROM (SELECT 1 FROM %s GROUP BY %s)", l.known(), l.keys())
}

func (l LawEnds) questions() (wrong, cases string) {
	state := orState(l.State)
	return fmt.Sprintf("SELECT %s, 'ends as ' || coalesce(%s, 'nothing') AS detail FROM %s WHERE %s IS NULL OR %s NOT IN (%s)", l.keys(), state,
			l.from(), state, state, quotedAll(l.In)),
		"SELECT count(*) FROM " + l.from()
}

func (l LawCaused) questions() (wrong, cases string) {
	return fmt.Sprintf("SELECT DISTINCT %s, %s AS detail FROM %s AS effect WHERE NOT EXISTS (SELECT 1 FROM %s AS cause WHERE %s)", l.qualified("effect"),
			quoted(fmt.Sprintf("in %s, and not in %s", l.Table, l.By.Table)), l.from(), l.By.from(), l.same("effect", l.By, "cause")),
		"SELECT count(*) FROM " + l.from()
}

func (l LawAgree) questions() (wrong, cases string) {
	side := func(r Rows, value string) string {
		return fmt.Sprintf("(SELECT %s, %s AS told FROM %s GROUP BY %s)", r.keys(), value, r.from(), r.keys())
	}
	mine, other := side(l.Rows, l.Value), side(l.With.Rows, l.With.Value)
	detail := fmt.Sprintf("%s || coalesce(mine.told, 'nothing') || %s || coalesce(other.told, 'nothing') AS detail",
		quoted(l.Table+" says "), quoted(", "+l.With.Table+" says "))
	left := fmt.Sprintf("SELECT %s, %s FROM %s AS mine LEFT JOIN %s AS other ON %s WHERE mine.told IS NOT other.told", l.qualified("mine"), detail,
		mine, other, l.same("mine", l.With.Rows, "other"))
	right := fmt.Sprintf("SELECT %s, %s FROM %s AS other LEFT JOIN %s AS mine ON %s WHERE mine.%s IS NULL", l.With.qualified("other"), detail,
		other, mine, l.same("mine", l.With.Rows, "other"), first(l.Key))
	return left + " UNION ALL " + right, fmt.Sprintf("SELECT count(*) FROM %s", mine)
}

func first(keys []string) string {
	if len(keys) == 0 {
		return ""
	}
	return keys[0]
}

func (l LawConserve) questions() (wrong, cases string) {
	totals := fmt.Sprintf("(SELECT reading, %s, sum(%s) AS total FROM %s GROUP BY reading, %s)", l.keys(), l.Sum, l.of(l.Table), l.keys())
	return fmt.Sprintf("SELECT %s, 'was ' || was.total || ' at first, and ' || now.total || ' in the ' || readings.label || ' at ' || "+
			"(readings.begin_ns / 1000000) || ' ms' AS detail, readings.begin_ns AS at_ns FROM %s AS now JOIN %s AS was ON %s JOIN readings ON readings.reading = now.reading "+
			"WHERE was.reading = (SELECT min(reading) FROM %s) AND now.total IS NOT was.total", l.qualified("now"), totals, totals,
			l.same("now", l.Rows, "was"), l.of(l.Table)),
		fmt.Sprintf("SELECT count(*) FROM %s WHERE reading > (SELECT min(reading) FROM readings)", totals)
}

func (l LawNeverBack) questions() (wrong, cases string) {
	state := orState(l.State)
	var place strings.Builder
	fmt.Fprintf(&place, "CASE %s", state)
	for i, word := range l.Along {
		fmt.Fprintf(&place, " WHEN %s THEN %d", quoted(word), i)
	}
	place.WriteString(" END")
	seen := fmt.Sprintf("(SELECT reading, %s, %s AS state, %s AS place FROM %s)", l.keys(), state, place.String(), l.of(l.Table))
	steps := fmt.Sprintf("(SELECT *, lag(state) OVER (PARTITION BY %s ORDER BY reading) AS was, lag(place) OVER (PARTITION BY %s ORDER BY reading) AS before FROM %s)",
		l.keys(), l.keys(), seen)
	return fmt.Sprintf("SELECT %s, was || ', later ' || step.state AS detail, readings.begin_ns AS at_ns FROM %s AS step JOIN readings ON readings.reading = step.reading WHERE place < before",
			l.qualified("step"), steps),
		fmt.Sprintf("SELECT count(*) FROM %s WHERE before IS NOT NULL AND place IS NOT NULL", steps)
}
