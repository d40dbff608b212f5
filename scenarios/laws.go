package scenarios

// Law is a team's own law: one of the forms below, bound to the tables of the history, or a file of SQL over them, which says itself
// what its id and its name are. It is judged like the invariants that come with the judge, and like one that a scenario names: unjudged or never
// exercised, it is a doubt.
//
// A table is one of the shop's books at rest, such as orders or grants, or any other table of the history, such as captures. What
// stands under where, value and sum is SQL over its columns.
type Law struct {
	ID        string `yaml:"id" json:"id,omitempty"`               // such as L1; I and a number are the judge's own
	Name      string `yaml:"name" json:"name,omitempty"`           // a few words: "points are given once"
	Statement string `yaml:"statement" json:"statement,omitempty"` // one sentence
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
