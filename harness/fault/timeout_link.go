package fault

import (
	"github.com/paystorm/paystorm/harness/link"
	"github.com/paystorm/paystorm/history"
	"github.com/paystorm/paystorm/scenarios"
)

// timeoutLink swallows what is sent on a link.
type timeoutLink struct {
	Link      string             `yaml:"link" json:"link" jsonschema:"required"`
	Direction link.Direction     `yaml:"direction" json:"direction" jsonschema:"required,enum=upstream,enum=downstream"`
	After     scenarios.Duration `yaml:"after" json:"after"` // the connection is closed then; 0: when the fault ends
}

func timeoutLinkKind() scenarios.Kind {
	return scenarios.Kind{
		Name:      "timeout-link",
		Doc:       "Nothing passes one direction of a link, and the connection stays open, at most for `after`.",
		Contract:  string(history.Documented),
		Unit:      unitConnection,
		Exercises: []string{"I13"},
		New:       func() any { return &timeoutLink{} },
		Shareless: true,
	}
}

func (f *timeoutLink) Check(system scenarios.System) error {
	return onLink(system, f.Link, f.Direction)
}

func (f *timeoutLink) Toxic() link.Toxic {
	return link.Toxic{
		Link: f.Link, Direction: f.Direction, Type: "timeout",
		Attributes: map[string]any{"timeout": milliseconds(f.After)},
	}
}
