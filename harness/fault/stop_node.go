package fault

import (
	"context"
	"fmt"
	"time"

	"github.com/paystorm/paystorm/history"
	"github.com/paystorm/paystorm/scenarios"
)

// stopNode ends a node as its owner does, and starts it again: a deployment, a move to another machine.
type stopNode struct {
	After scenarios.Duration `yaml:"after" json:"after"` // from its end to the start
	Node  string             `yaml:"node" json:"node"`   // one, or a service; "" is all replicas of the shop
	On    On                 `yaml:"on" json:"on"`
}

// stopper is a node that can be asked to end.
type stopper interface {
	// Stop ends the node with SIGTERM, and with SIGKILL if it takes too long, and returns when it is gone.
	Stop(context.Context) error
}

func stopNodeKind() scenarios.Kind {
	return scenarios.Kind{
		Name:      "stop-node",
		Doc:       "A node ends by SIGTERM, by the clock or `on` a moment, and starts again `after` a while.",
		Contract:  string(history.Seen),
		Unit:      unitNode,
		Exercises: []string{"I13"},
		New: func() any {
			return &stopNode{After: scenarios.Duration(500 * time.Millisecond), On: once()}
		},
		Shareless: true,
	}
}

func (f *stopNode) Check(system scenarios.System) error {
	if err := ownNode(system, f.Node); err != nil {
		return err
	}
	return f.On.check()
}

func (f *stopNode) Trigger() On          { return f.On }
func (f *stopNode) Target() string       { return f.Node }
func (f *stopNode) Lasts() time.Duration { return time.Duration(f.After) }

func (f *stopNode) Strike(ctx context.Context, node Node, _ scenarios.Service) error {
	stops, can := node.(stopper)
	if !can {
		return fmt.Errorf("%s cannot be asked to end", node.Name())
	}
	return stops.Stop(ctx)
}

func (f *stopNode) Heal(ctx context.Context, node Node, _ scenarios.Service) (restarted bool, err error) {
	return started(ctx, node)
}

// started starts a node that is not there.
func started(ctx context.Context, node Node) (restarted bool, err error) {
	if node.Alive() {
		return false, nil // somebody else was quicker
	}
	if err := node.Start(ctx); err != nil {
		return false, err
	}
	return true, nil
}
