package fault

import (
	"context"
	"errors"
	"fmt"

	"github.com/paystorm/paystorm/history"
	"github.com/paystorm/paystorm/scenarios"
)

// squeezeNode leaves a container less than it had: a neighbour on the same machine, a limit that somebody got wrong.
type squeezeNode struct {
	CPUs   float64        `yaml:"cpus" json:"cpus,omitempty"`     // processors; 0: as it is
	Memory scenarios.Size `yaml:"memory" json:"memory,omitempty"` // such as 64m; default: as it is
	Node   string         `yaml:"node" json:"node"`               // one, or a service; "" is all replicas of the shop
	On     On             `yaml:"on" json:"on"`
}

// squeezer is a node whose resources can be limited.
type squeezer interface {
	// Squeeze leaves the node so many processors and bytes of memory; 0 leaves either as it is.
	Squeeze(ctx context.Context, cpus float64, memory int64) error
	// Relax gives it back what it had at first. It is safe to repeat.
	Relax(context.Context) error
}

func squeezeNodeKind() scenarios.Kind {
	return scenarios.Kind{
		Name:      "squeeze-node",
		Doc:       "A container has to do with less processor time (`cpus`) or `memory` for a while (`for`).",
		Contract:  string(history.Seen),
		Unit:      unitNode,
		Exercises: []string{"I13"},
		New:       func() any { return &squeezeNode{On: once()} },
		Shareless: true,
	}
}

func (f *squeezeNode) Check(system scenarios.System) error {
	if err := ownContainer(system, f.Node); err != nil {
		return err
	}
	switch {
	case f.CPUs == 0 && f.Memory == 0:
		return errors.New("it leaves the node all that it has: want cpus, memory or both")
	case f.CPUs != 0 && f.CPUs < 0.01:
		return fmt.Errorf("cpus: %g is not allowed: want 0.01 or more", f.CPUs)
	case f.Memory != 0 && f.Memory < leastMemory:
		return fmt.Errorf("memory: %s is not allowed: want %s or more", f.Memory, scenarios.Size(leastMemory))
	}
	return f.On.check()
}

// leastMemory is the least that the engine grants a container.
const leastMemory = 6 << 20

func (f *squeezeNode) Trigger() On    { return f.On }
func (f *squeezeNode) Target() string { return f.Node }

func (f *squeezeNode) Strike(ctx context.Context, node Node, _ scenarios.Service) error {
	squeezes, can := node.(squeezer)
	if !can {
		return fmt.Errorf("%s cannot be limited", node.Name())
	}
	return squeezes.Squeeze(ctx, f.CPUs, int64(f.Memory))
}

// Heal relaxes a node that has ended too: its limits outlive it.
func (f *squeezeNode) Heal(ctx context.Context, node Node, _ scenarios.Service) (restarted bool, err error) {
	if squeezed, can := node.(squeezer); can {
		return false, squeezed.Relax(ctx)
	}
	return false, nil
}
