package fault

import (
	"github.com/paystorm/paystorm/harness/link"
	"github.com/paystorm/paystorm/history"
	"github.com/paystorm/paystorm/scenarios"
)

// cutLink takes a link down: live connections break, new ones are refused.
type cutLink struct {
	Link string `yaml:"link" json:"link" jsonschema:"required"`
}

func cutLinkKind() scenarios.Kind {
	return scenarios.Kind{
		Name:      "cut-link",
		Doc:       "A link is down in both directions.",
		Contract:  string(history.Documented),
		Unit:      unitConnection,
		Exercises: []string{"I13"},
		New:       func() any { return &cutLink{} },
		Shareless: true,
	}
}

func (f *cutLink) Check(system scenarios.System) error { return onLink(system, f.Link, link.Upstream) }

func (f *cutLink) Toxic() link.Toxic { return link.Toxic{Link: f.Link, Type: "down"} }
