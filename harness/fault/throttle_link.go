package fault

import (
	"github.com/paystorm/paystorm/harness/link"
	"github.com/paystorm/paystorm/history"
	"github.com/paystorm/paystorm/scenarios"
)

// throttleLink narrows a link.
type throttleLink struct {
	Link      string         `yaml:"link" json:"link" jsonschema:"required"`
	Direction link.Direction `yaml:"direction" json:"direction" jsonschema:"required,enum=upstream,enum=downstream"`
	Rate      int64          `yaml:"rate" json:"rate"` // kB/s
}

func throttleLinkKind() scenarios.Kind {
	return scenarios.Kind{
		Name:      "throttle-link",
		Doc:       "One direction of a link passes at most `rate` kB/s per connection.",
		Contract:  string(history.Documented),
		Unit:      unitConnection,
		Exercises: []string{"I13"},
		New:       func() any { return &throttleLink{Rate: 16} },
		Shareless: true,
	}
}

func (f *throttleLink) Check(system scenarios.System) error {
	if err := onLink(system, f.Link, f.Direction); err != nil {
		return err
	}
	return between("rate", f.Rate, 1, 1_000_000)
}

func (f *throttleLink) Toxic() link.Toxic {
	return link.Toxic{
		Link: f.Link, Direction: f.Direction, Type: "bandwidth", Attributes: map[string]any{"rate": f.Rate},
	}
}
