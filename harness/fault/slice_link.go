package fault

import (
	"time"

	"github.com/paystorm/paystorm/harness/link"
	"github.com/paystorm/paystorm/history"
	"github.com/paystorm/paystorm/scenarios"
)

// sliceLink passes data in small pieces, as a reader that takes one read for one message will notice.
type sliceLink struct {
	Link      string             `yaml:"link" json:"link" jsonschema:"required"`
	Direction link.Direction     `yaml:"direction" json:"direction" jsonschema:"required,enum=upstream,enum=downstream"`
	Size      int64              `yaml:"size" json:"size"`           // bytes on average
	Variation int64              `yaml:"variation" json:"variation"` // bytes either way
	Delay     scenarios.Duration `yaml:"delay" json:"delay"`         // between two pieces
}

func sliceLinkKind() scenarios.Kind {
	return scenarios.Kind{
		Name:      "slice-link",
		Doc:       "One direction of a link passes data in pieces of about `size` bytes, `delay` apart.",
		Contract:  string(history.Documented),
		Unit:      unitConnection,
		Exercises: []string{"I13"},
		New: func() any {
			return &sliceLink{Size: 64, Variation: 32, Delay: scenarios.Duration(time.Millisecond)}
		},
		Shareless: true,
	}
}

func (f *sliceLink) Check(system scenarios.System) error {
	if err := onLink(system, f.Link, f.Direction); err != nil {
		return err
	}
	if err := between("size", f.Size, 1, 1<<20); err != nil {
		return err
	}
	return between("variation", f.Variation, 0, f.Size-1)
}

func (f *sliceLink) Toxic() link.Toxic {
	return link.Toxic{
		Link: f.Link, Direction: f.Direction, Type: "slicer",
		Attributes: map[string]any{
			"average_size": f.Size, "size_variation": f.Variation, "delay": time.Duration(f.Delay).Microseconds(),
		},
	}
}
