package fault

import (
	"time"

	"github.com/paystorm/paystorm/history"
	"github.com/paystorm/paystorm/scenarios"
)

// readBooks does the shop no harm: its books are read in mid-storm, so that what it has acknowledged by then is held against
// them before its own queries and jobs have made up for what it dropped.
type readBooks struct {
	After scenarios.Duration `yaml:"after" json:"after"` // from the moment to the reading
	On    On                 `yaml:"on" json:"on"`
}

func readBooksKind() scenarios.Kind {
	return scenarios.Kind{
		Name:      "read-books",
		Doc:       "The shop's books are read in mid-storm, by the clock or `after` a moment `on`: what was acknowledged must stand in them.",
		Contract:  string(history.Documented),
		Unit:      unitReading,
		Exercises: []string{"I11"},
		New:       func() any { return &readBooks{After: scenarios.Duration(50 * time.Millisecond), On: once()} },
		Shareless: true,
	}
}

func (f *readBooks) Check(scenarios.System) error { return f.On.check() }

func (f *readBooks) Trigger() On          { return f.On }
func (f *readBooks) Lasts() time.Duration { return time.Duration(f.After) }
func (f *readBooks) readsBooks()          {}
