package fault

import (
	"github.com/paystorm/paystorm/harness/link"
	"github.com/paystorm/paystorm/history"
	"github.com/paystorm/paystorm/scenarios"
)

// resetLink resets connections on which something is sent.
type resetLink struct {
	Link      string             `yaml:"link" json:"link" jsonschema:"required"`
	Direction link.Direction     `yaml:"direction" json:"direction" jsonschema:"required,enum=upstream,enum=downstream"`
	After     scenarios.Duration `yaml:"after" json:"after"`
}

func resetLinkKind() scenarios.Kind {
	return scenarios.Kind{
		Name:      "reset-link",
		Doc:       "Connections of a link are reset, `after` data was sent on them in this direction.",
		Contract:  string(history.Documented),
		Unit:      unitConnection,
		Exercises: []string{"I13"},
		New:       func() any { return &resetLink{} },
		Shareless: true,
	}
}

func (f *resetLink) Check(system scenarios.System) error { return onLink(system, f.Link, f.Direction) }

func (f *resetLink) Toxic() link.Toxic {
	return link.Toxic{
		Link: f.Link, Direction: f.Direction, Type: "reset_peer",
		Attributes: map[string]any{"timeout": milliseconds(f.After)},
	}
}
