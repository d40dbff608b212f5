package sut

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/paystorm/paystorm/history"
)

// lives are what every node has, be it a process or a container: a name, and one life after the other, of which the history
// is told and which write into one log.
type lives struct {
	name   string
	runDir string // logs go below it
	record func(history.Event)
	up     func(ctx context.Context, gone func() error) error // waits until it is ready

	mutex   sync.Mutex // guards the next fields
	life    *life      // the latest; nil before the first
	stopped bool       // no life comes after the latest
}

// life is one life of a node, from start to exit.
type life struct {
	pid    int       // of a process
	since  time.Time // of a container: before it was started, and after the life before it had ended
	log    *os.File
	begin  int64 // of its part of the log
	asked  string
	paused bool
	over   bool
	exited chan struct{} // closed when nothing of it runs or writes any more, and its end is recorded
	words  string        // how it ended; read after exited
}

func (n *lives) Name() string { return n.name }

// next is a new life that is about to be started, if there may be one. The mutex is held.
func (n *lives) next() (*life, error) {
	switch {
	case n.stopped:
		return nil, fmt.Errorf("start %s: the shop has been stopped", n.name)
	case n.life != nil && !n.life.over:
		return nil, fmt.Errorf("start %s: it runs already", n.name)
	}
	file, begin, err := openLog(n.runDir, n.name)
	if err != nil {
		return nil, err
	}
	return &life{log: file, begin: begin, since: time.Now(), exited: make(chan struct{})}, nil
}

// stillborn is the error of a life that did not come about.
func (n *lives) stillborn(l *life, err error) error {
	return errors.Join(fmt.Errorf("start %s: %w", n.name, err), l.log.Close())
}

// end records how a life ended, unless that was asked for: what was to be killed, and ended by itself before, was not. The
// mutex is held.
func (n *lives) end(l *life, how string, killed bool) {
	l.over = true
	l.words = how
	if last := tail(l.log, l.begin); last != "" {
		l.words += "; its last words:\n" + last
	}
	_ = l.log.Close() // nothing is written through it any more
	if l.asked == "" || (l.asked == history.NodeKilled && !killed) {
		n.tell(history.NodeExited, l.words)
	}
}

func (n *lives) tell(kind, detail string) {
	n.record(history.Event{Source: history.SourceNode, Kind: kind, Key: n.name, Detail: detail})
}

// living is the life under way, changed by what is about to be asked of it. The mutex is held.
func (n *lives) living(change func(*life)) (*life, error) {
	if n.life == nil || n.life.over {
		return n.life, fmt.Errorf("%s: %w", n.name, os.ErrProcessDone)
	}
	if change != nil {
		change(n.life)
	}
	return n.life, nil
}

// gone is why the node does not run, or nil.
func (n *lives) gone() error {
	n.mutex.Lock()
	defer n.mutex.Unlock()
	switch {
	case n.life == nil:
		return fmt.Errorf("%s was never started: %w", n.name, os.ErrProcessDone)
	case n.life.over:
		return fmt.Errorf("%w: %s", os.ErrProcessDone, n.life.words)
	default:
		return nil
	}
}

// Alive says whether the node runs, paused or not.
func (n *lives) Alive() bool { return n.gone() == nil }

// ready waits until the node is ready, and gives up when it is gone.
func (n *lives) ready(ctx context.Context) error {
	if err := n.up(ctx, n.gone); err != nil {
		if gone := n.gone(); gone != nil {
			return gone
		}
		if words := n.lastWords(); words != "" {
			err = fmt.Errorf("%w; its last words:\n%s", err, words)
		}
		return err
	}
	n.tell(history.NodeReady, n.name)
	return nil
}

// lastWords are those of the life under way, so far.
func (n *lives) lastWords() string {
	n.mutex.Lock()
	defer n.mutex.Unlock()
	if n.life == nil || n.life.over {
		return ""
	}
	return tail(n.life.log, n.life.begin)
}
