package fault

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/paystorm/paystorm/history"
	"github.com/paystorm/paystorm/scenarios"
)

// runInNode runs a command that the system file has for a service: a cache flushed, or set back to an older copy of it.
// There is nothing to undo.
type runInNode struct {
	Act  string `yaml:"act" json:"act" jsonschema:"required"` // among the service's acts
	Node string `yaml:"node" json:"node"`                     // one, or a service; "" is all replicas of the shop
	On   On     `yaml:"on" json:"on"`
}

func runInNodeKind() scenarios.Kind {
	return scenarios.Kind{
		Name:      "run-in-node",
		Doc:       "A command of the system file's, an `act` of a service, is run in its container.",
		Contract:  string(history.Seen),
		Unit:      unitNode,
		Exercises: []string{"I13"},
		New:       func() any { return &runInNode{On: once()} },
		Shareless: true,
	}
}

func (f *runInNode) Check(system scenarios.System) error {
	if err := ownContainer(system, f.Node); err != nil {
		return err
	}
	if f.Act == "" {
		return errors.New("act: want the name of one of the service's acts")
	}
	for _, node := range system.Nodes(f.Node) {
		acts := system.Service(node).Acts
		if len(acts) == 0 {
			return fmt.Errorf("act: the service of %s has none: want it there, such as acts: {flush: [redis-cli, flushall]}", node)
		}
		if err := oneOf("act", f.Act, slices.Sorted(maps.Keys(acts))...); err != nil {
			return err
		}
	}
	return f.On.check()
}

func (f *runInNode) Trigger() On    { return f.On }
func (f *runInNode) Target() string { return f.Node }

// Lasts is no time at all: the command has ended when Strike returns.
func (f *runInNode) Lasts() time.Duration { return 0 }

func (f *runInNode) Strike(ctx context.Context, node Node, service scenarios.Service) error {
	if _, err := run(ctx, node, service.Acts[f.Act]...); err != nil {
		return fmt.Errorf("act %s: %w", f.Act, err)
	}
	return nil
}

// Heal has nothing to do: what is done is done.
func (f *runInNode) Heal(context.Context, Node, scenarios.Service) (restarted bool, err error) {
	return false, nil
}
