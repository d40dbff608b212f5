package fault

import (
	"github.com/paystorm/paystorm/harness/link"
	"github.com/paystorm/paystorm/history"
	"github.com/paystorm/paystorm/scenarios"
)

// limitLink ends a connection when enough has passed.
type limitLink struct {
	Link      string         `yaml:"link" json:"link" jsonschema:"required"`
	Direction link.Direction `yaml:"direction" json:"direction" jsonschema:"required,enum=upstream,enum=downstream"`
	Bytes     int64          `yaml:"bytes" json:"bytes"`
}

func limitLinkKind() scenarios.Kind {
	return scenarios.Kind{
		Name:      "limit-link",
		Doc:       "A connection of a link closes after `bytes` in this direction, in the middle of a message.",
		Contract:  string(history.Documented),
		Unit:      unitConnection,
		Exercises: []string{"I13"},
		New:       func() any { return &limitLink{Bytes: 256} },
		Shareless: true,
	}
}

func (f *limitLink) Check(system scenarios.System) error {
	if err := onLink(system, f.Link, f.Direction); err != nil {
		return err
	}
	return between("bytes", f.Bytes, 1, 1<<30)
}

func (f *limitLink) Toxic() link.Toxic {
	return link.Toxic{
		Link: f.Link, Direction: f.Direction, Type: "limit_data", Attributes: map[string]any{"bytes": f.Bytes},
	}
}
