package fault

import (
	"context"

	"github.com/paystorm/paystorm/history"
	"github.com/paystorm/paystorm/scenarios"
)

// pauseNode stops the shop in its tracks and lets it go on: a long garbage collection, a migrated virtual machine.
type pauseNode struct {
	Node string `yaml:"node" json:"node"` // one, or a service; "" is all replicas of the shop
	On   On     `yaml:"on" json:"on"`
}

func pauseNodeKind() scenarios.Kind {
	return scenarios.Kind{
		Name:      "pause-node",
		Doc:       "The shop stands still for a while (`for`), from the clock's or another moment on.",
		Contract:  string(history.Seen),
		Unit:      unitNode,
		Exercises: []string{"I13"},
		New:       func() any { return &pauseNode{On: once()} },
		Shareless: true,
	}
}

func (f *pauseNode) Check(system scenarios.System) error {
	if err := ownNode(system, f.Node); err != nil {
		return err
	}
	return f.On.check()
}

func (f *pauseNode) Trigger() On    { return f.On }
func (f *pauseNode) Target() string { return f.Node }

func (f *pauseNode) Strike(_ context.Context, node Node, _ scenarios.Service) error {
	return node.Pause()
}

func (f *pauseNode) Heal(_ context.Context, node Node, _ scenarios.Service) (restarted bool, err error) {
	if !node.Alive() {
		return false, nil // there is nothing left to resume
	}
	return false, node.Resume()
}
