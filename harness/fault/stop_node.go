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
	After scenarios.Duration `yaml:"after" json:"after"` // from the signal to the start, at least: the node may take its time to end
	Node  string             `yaml:"node" json:"node"`   // one, or a service; "" is all replicas of the shop
	On    On                 `yaml:"on" json:"on"`

	ending map[string]chan error // by node
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

// Strike does not wait for the end. A shop that ends in order finishes what it is at, such as the very request whose answer
// the channel holds back until Strike returns.
func (f *stopNode) Strike(ctx context.Context, node Node, _ scenarios.Service) error {
	stops, can := node.(stopper)
	if !can {
		return fmt.Errorf("%s cannot be asked to end", node.Name())
	}
	ended := make(chan error, 1)
	if f.ending == nil {
		f.ending = map[string]chan error{}
	}
	f.ending[node.Name()] = ended
	go func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), undoWithin)
		defer cancel()
		ended <- stops.Stop(ctx)
	}()
	return nil
}

// Heal waits for the end. How it came does not matter, if only the node is gone.
func (f *stopNode) Heal(ctx context.Context, node Node, _ scenarios.Service) (restarted bool, err error) {
	if ended := f.ending[node.Name()]; ended != nil {
		select {
		case err = <-ended:
			delete(f.ending, node.Name())
		case <-ctx.Done():
			return false, ctx.Err()
		}
	}
	if err != nil && node.Alive() {
		return false, err
	}
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
