package fault

import (
	"time"

	"github.com/paystorm/paystorm/harness/link"
	"github.com/paystorm/paystorm/history"
	"github.com/paystorm/paystorm/scenarios"
)

// slowLink delays what passes a link.
type slowLink struct {
	Link      string             `yaml:"link" json:"link" jsonschema:"required"`
	Direction link.Direction     `yaml:"direction" json:"direction" jsonschema:"required,enum=upstream,enum=downstream"`
	Latency   scenarios.Duration `yaml:"latency" json:"latency"`
	Jitter    scenarios.Duration `yaml:"jitter" json:"jitter"` // the latency varies by so much either way
}

func slowLinkKind() scenarios.Kind {
	return scenarios.Kind{
		Name:      "slow-link",
		Doc:       "One direction of a link is late by `latency`, give or take `jitter`.",
		Contract:  string(history.Documented),
		Unit:      unitConnection,
		Exercises: []string{"I13"},
		New:       func() any { return &slowLink{Latency: scenarios.Duration(100 * time.Millisecond)} },
		Shareless: true,
	}
}

func (f *slowLink) Check(system scenarios.System) error {
	if err := onLink(system, f.Link, f.Direction); err != nil {
		return err
	}
	return positive("latency", scenarios.Span{High: time.Duration(f.Latency)})
}

func (f *slowLink) Toxic() link.Toxic {
	return link.Toxic{
		Link: f.Link, Direction: f.Direction, Type: "latency",
		Attributes: map[string]any{"latency": milliseconds(f.Latency), "jitter": milliseconds(f.Jitter)},
	}
}

// milliseconds rounds up, so that a short duration does not become none.
func milliseconds(d scenarios.Duration) int64 {
	return int64((time.Duration(d) + time.Millisecond - 1) / time.Millisecond)
}
