package fault

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/paystorm/paystorm/harness/link"
	"github.com/paystorm/paystorm/history"
	"github.com/paystorm/paystorm/scenarios"
)

// effect is what a fault does beside answering questions. Events are what it affected, one each.
type effect interface {
	class() class
	strike(context.Context) ([]history.Event, error)
	// undo may be called again after an error, and is not called again after success.
	undo(context.Context) (undone, error)
}

// undone is what is known, and to be done, once a fault is off.
type undone struct {
	affected []history.Event
	then     func(context.Context) // nil: nothing
}

// class is the turn in which effects are undone.
type class int

const (
	classNode class = iota
	classLink
	classMessage
)

// newEffect makes the effect of a fault on a system. The error says what the world lacks for it.
func newEffect(r *running, env Env, system scenarios.System) (effect, error) {
	switch act := r.act.(type) {
	case Toxic:
		if env.Links == nil {
			return nil, errors.New("there are no links to strike")
		}
		toxic := act.Toxic()
		toxic.Fault = r.ID
		return &linkEffect{links: env.Links, toxic: toxic}, nil
	case NodeFault:
		if env.Nodes == nil {
			return nil, errors.New("there are no nodes to strike")
		}
		return &nodeEffect{
			act: act, targets: system.Nodes(act.Target()), service: system.Service, nodes: env.Nodes, afterRestart: env.AfterRestart,
		}, nil
	case Hold:
		if env.Database == nil {
			return nil, errors.New("there is no database to strike")
		}
		return &holdEffect{act: act, path: env.Database, afterLock: env.AfterLock}, nil
	case Aborts:
		if env.Server == nil {
			return nil, errors.New("there is no database server to strike")
		}
		return &abortEffect{act: act, planned: r.Planned, connect: env.Server, afterwards: env.AfterLock}, nil
	case Reading:
		if env.ReadBooks == nil {
			return nil, errors.New("there are no books to read")
		}
		return &readingEffect{read: env.ReadBooks}, nil
	default:
		return messageEffect{}, nil
	}
}

// readingEffect reads the books when the fault ends: at the moment itself the channel waits, and the shop with it.
type readingEffect struct {
	read func(context.Context) error
	due  bool
}

func (e *readingEffect) class() class { return classMessage }

func (e *readingEffect) strike(context.Context) ([]history.Event, error) {
	e.due = true
	return nil, nil
}

// undo reads once. Books that cannot be read just now are part of the storm.
func (e *readingEffect) undo(ctx context.Context) (undone, error) {
	if !e.due {
		return undone{}, nil
	}
	e.due = false
	if err := e.read(ctx); err != nil {
		return undone{}, nil //nolint:nilerr // whoever reads has recorded why, and nothing was affected
	}
	return undone{affected: []history.Event{{Kind: history.FaultAffected, Key: unitReading, Count: 1}}}, nil
}

// messageEffect is nothing: the channel asks, and records itself what was affected.
type messageEffect struct{}

func (messageEffect) class() class                                    { return classMessage }
func (messageEffect) strike(context.Context) ([]history.Event, error) { return nil, nil }
func (messageEffect) undo(context.Context) (undone, error)            { return undone{}, nil }

// linkEffect is a toxic on a link. What it touched is known when it comes off.
type linkEffect struct {
	links LinkStriker
	toxic link.Toxic
	told  int64 // connections that were recorded already, when it was struck before
}

func (e *linkEffect) class() class { return classLink }

func (e *linkEffect) strike(ctx context.Context) ([]history.Event, error) {
	return nil, e.links.Strike(ctx, e.toxic)
}

func (e *linkEffect) undo(ctx context.Context) (undone, error) {
	if err := e.links.Heal(ctx, e.toxic.Fault); err != nil {
		return undone{}, err
	}
	all, _ := e.links.Affected(e.toxic.Fault)
	connections := all - e.told
	e.told = all
	if connections == 0 {
		return undone{}, nil
	}
	return undone{affected: []history.Event{{Kind: history.FaultAffected, Key: e.toxic.Link, Count: connections}}}, nil
}

// nodeEffect strikes one node or several. A node that is down already was not felled by us: it is neither counted nor
// started again.
type nodeEffect struct {
	act          NodeFault
	targets      []string // names of nodes
	service      func(node string) scenarios.Service
	nodes        func() []Node
	afterRestart func(context.Context)
	struck       []Node
	restarted    bool // one of them, since the strike
}

func (e *nodeEffect) class() class { return classNode }

func (e *nodeEffect) strike(ctx context.Context) ([]history.Event, error) {
	var affected []history.Event
	e.restarted = false
	for _, node := range e.nodes() {
		if !slices.Contains(e.targets, node.Name()) || !node.Alive() {
			continue
		}
		e.struck = append(e.struck, node)
		if err := e.act.Strike(ctx, node, e.service(node.Name())); err != nil {
			if !node.Alive() {
				e.struck = e.struck[:len(e.struck)-1] // it went by itself in this very moment
				continue
			}
			return affected, fmt.Errorf("node %s: %w", node.Name(), err)
		}
		affected = append(affected, history.Event{Kind: history.FaultAffected, Key: node.Name(), Count: 1})
	}
	return affected, nil
}

func (e *nodeEffect) undo(ctx context.Context) (undone, error) {
	var failed []error
	var still []Node
	for _, node := range e.struck {
		restarted, err := e.act.Heal(ctx, node, e.service(node.Name()))
		e.restarted = e.restarted || restarted
		if err != nil {
			still = append(still, node)
			failed = append(failed, fmt.Errorf("node %s: %w", node.Name(), err))
		}
	}
	e.struck = still
	if !e.restarted {
		return undone{}, errors.Join(failed...)
	}
	return undone{then: e.afterRestart}, errors.Join(failed...)
}

// holdEffect keeps something of the shop's database.
type holdEffect struct {
	act       Hold
	path      func() string
	afterLock func(context.Context)
	release   func() error
}

func (e *holdEffect) class() class { return classNode }

func (e *holdEffect) strike(ctx context.Context) ([]history.Event, error) {
	path := e.path()
	release, err := e.act.Hold(ctx, path)
	if err != nil {
		return nil, fmt.Errorf("database %s: %w", path, err)
	}
	e.release = release
	return []history.Event{{Kind: history.FaultAffected, Key: unitLock, Count: 1}}, nil
}

func (e *holdEffect) undo(context.Context) (undone, error) {
	if e.release == nil {
		return undone{}, nil // it was never obtained
	}
	if err := e.release(); err != nil {
		return undone{}, err
	}
	e.release = nil
	return undone{then: e.afterLock}, nil
}

// abortEffect ends transactions in the shop's database server from the strike on. How many is known when it is over.
type abortEffect struct {
	act        Aborts
	planned    Planned
	connect    func() (Server, error)
	afterwards func(context.Context)
	end        func() (int64, error)
}

func (e *abortEffect) class() class { return classNode }

func (e *abortEffect) strike(ctx context.Context) ([]history.Event, error) {
	server, err := e.connect()
	if err != nil {
		return nil, err
	}
	if err := e.act.Ready(ctx, server); err != nil {
		return nil, errors.Join(err, server.DB.Close())
	}
	working, stop := context.WithCancel(context.WithoutCancel(ctx))
	ended := make(chan int64, 1)
	go func() { ended <- e.act.Abort(working, e.planned, server) }()
	e.end = func() (int64, error) {
		stop()
		return <-ended, server.DB.Close()
	}
	return nil, nil
}

func (e *abortEffect) undo(context.Context) (undone, error) {
	if e.end == nil {
		return undone{}, nil // it never began
	}
	count, err := e.end()
	if e.end = nil; err != nil {
		return undone{}, fmt.Errorf("leave the database: %w", err)
	}
	done := undone{then: e.afterwards}
	if count > 0 {
		done.affected = []history.Event{{Kind: history.FaultAffected, Key: unitTransaction, Count: count}}
	}
	return done, nil
}
