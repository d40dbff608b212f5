package fault

import (
	"context"
	"time"

	"github.com/paystorm/paystorm/history"
	"github.com/paystorm/paystorm/scenarios"
)

// killNode ends the shop with SIGKILL and starts it again. Its window (`for`) is the time in which `on` counts.
type killNode struct {
	After scenarios.Duration `yaml:"after" json:"after"` // from the kill to the restart
	Node  string             `yaml:"node" json:"node"`   // one, or a service; "" is all replicas of the shop
	On    On                 `yaml:"on" json:"on"`
}

func killNodeKind() scenarios.Kind {
	return scenarios.Kind{
		Name:      "kill-node",
		Doc:       "The shop dies by SIGKILL, by the clock or `on` a moment, and starts again `after` a while.",
		Contract:  string(history.Seen),
		Unit:      unitNode,
		Exercises: []string{"I11"},
		New: func() any {
			return &killNode{After: scenarios.Duration(500 * time.Millisecond), On: once()}
		},
		Shareless: true,
	}
}

func (f *killNode) Check(system scenarios.System) error {
	if err := ownNode(system, f.Node); err != nil {
		return err
	}
	return f.On.check()
}

func (f *killNode) Trigger() On          { return f.On }
func (f *killNode) Target() string       { return f.Node }
func (f *killNode) Lasts() time.Duration { return time.Duration(f.After) }

func (f *killNode) Strike(_ context.Context, node Node, _ scenarios.Service) error {
	return node.Kill()
}

func (f *killNode) Heal(ctx context.Context, node Node, _ scenarios.Service) (restarted bool, err error) {
	return started(ctx, node)
}
