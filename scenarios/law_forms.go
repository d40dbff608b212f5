package scenarios

import (
	"fmt"
	"strings"
)

// questions are those of a law in one of the forms.
func (l Law) questions() (wrong, cases string) {
	switch {
	case l.Once != nil:
		return l.Once.questions()
	case l.Bound != nil:
		return l.Bound.questions()
	case l.Ends != nil:
		return l.Ends.questions()
	case l.Caused != nil:
		return l.Caused.questions()
	case l.Agree != nil:
		return l.Agree.questions()
	case l.Conserve != nil:
		return l.Conserve.questions()
	case l.NeverBack != nil:
		return l.NeverBack.questions()
	default:
		return "", ""
	}
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
