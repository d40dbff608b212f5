package scenarios

// Vocabulary is what a scenario or system file may name. cmd/paystorm puts it together from the packages that own it.
type Vocabulary struct {
	Faults     []Kind // for `faults:`
	Payers     []Kind // for `payers:`
	Invariants []string
	Profiles   []Profile
	Launchers  []string
	Dialects   []Dialect
	// CheckLaw says which of the shop's tables a query of a law reads, or what is wrong with it; nil takes any.
	CheckLaw func(query string) (tables []string, err error)
	// CheckScript is what k6 says of the script at a path, as Errors if the script is wrong; nil asks nobody.
	CheckScript func(path string) error
}

// Dialect is a way in which the channel can speak.
type Dialect struct {
	Name        string
	Credentials []string // what a merchant is given: a system file names each as {{ channel.<name> }}
}

// Kind is one kind of fault.
type Kind struct {
	Name      string
	Doc       string   // one line, for `paystorm list faults` and editors
	Contract  string   // documented, seen or beyond
	Unit      string   // what it counts as affected
	Exercises []string // invariants that it is there to exercise
	NeedsActs []string // acts that the system file must have
	// New returns a pointer to the kind's parameters with their defaults. Its fields carry yaml and json tags and use
	// this package's scalar types; it may implement Checker.
	New func() any
	// Fits refuses common keys that would narrow this kind to nothing, such as only.attempt where nothing is decided per
	// attempt. Its error names the key; nil takes them all.
	Fits func(FaultSpec) error
	// Possible refuses parameters that the provider whose dialect a system speaks could not produce. Its error names the
	// key, if one is at fault; nil takes them all.
	Possible func(dialect string, params any) error
	// Shareless kinds strike as a whole (links, nodes): `share` and `only` are errors.
	Shareless bool
}

// Checker is implemented by parameters that have impossible values. The error names the field and what is allowed.
type Checker interface {
	Check(System) error
}

// Exerciser is implemented by parameters on which it depends what a fault exercises, beside its kind's Exercises.
type Exerciser interface {
	Exercises() []string
}

// Profile is a shape of load.
type Profile struct {
	Name string
	Doc  string
	// Steps resolves the profile. The error names the field and what is allowed. At, Iterations and FirstBuyer may be
	// left zero: Compile fills them in from For and PerSecond.
	Steps func(Load) ([]LoadStep, error)
}
