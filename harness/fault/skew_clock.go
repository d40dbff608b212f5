package fault

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/paystorm/paystorm/history"
	"github.com/paystorm/paystorm/scenarios"
)

// skewClock lets a container's clock go wrong by a fixed offset. Containers share the machine's clock, so that it takes a
// program which reads an offset from a file: one under libfaketime, or one of the shop's own making.
type skewClock struct {
	By   offset `yaml:"by" json:"by"`     // such as 90s, which is fast, or -90s
	Node string `yaml:"node" json:"node"` // one, or a service; "" is all replicas of the shop
	On   On     `yaml:"on" json:"on"`
}

// writer is a node into which files can be put.
type writer interface {
	WriteFile(ctx context.Context, path string, content []byte) error
}

func skewClockKind() scenarios.Kind {
	return scenarios.Kind{
		Name:      "skew-clock",
		Doc:       "A container's clock is wrong `by` so much for a while (`for`).",
		Contract:  string(history.Seen),
		Unit:      unitNode,
		Exercises: []string{"I13"},
		New:       func() any { return &skewClock{By: offset(90 * time.Second), On: once()} },
		Shareless: true,
	}
}

func (f *skewClock) Check(system scenarios.System) error {
	if err := ownContainer(system, f.Node); err != nil {
		return err
	}
	if f.By == 0 {
		return errors.New("by: 0s is no skew: want one such as 90s or -90s")
	}
	for _, node := range system.Nodes(f.Node) {
		if system.Service(node).Clock == "" {
			return fmt.Errorf("the service of %s takes no offset of its clock from a file: want clock there, such as clock: /etc/faketimerc", node)
		}
	}
	return f.On.check()
}

func (f *skewClock) Trigger() On    { return f.On }
func (f *skewClock) Target() string { return f.Node }

func (f *skewClock) Strike(ctx context.Context, node Node, service scenarios.Service) error {
	return setClock(ctx, node, service, f.By)
}

// Heal sets the clock of a node that has ended too: the file outlives it.
func (f *skewClock) Heal(ctx context.Context, node Node, service scenarios.Service) (restarted bool, err error) {
	return false, setClock(ctx, node, service, 0)
}

func setClock(ctx context.Context, node Node, service scenarios.Service, by offset) error {
	writes, can := node.(writer)
	if !can {
		return fmt.Errorf("no file can be put into %s", node.Name())
	}
	return writes.WriteFile(ctx, service.Clock, []byte(by.seconds()))
}

// offset is a duration either way.
type offset time.Duration

// seconds is the offset as libfaketime reads it.
func (o offset) seconds() string {
	text := strconv.FormatFloat(time.Duration(o).Seconds(), 'f', -1, 64) + "s"
	if o >= 0 {
		text = "+" + text
	}
	return text
}

// UnmarshalText parses "90s", "+90s" or "-90s".
func (o *offset) UnmarshalText(text []byte) error {
	parsed, err := time.ParseDuration(string(text))
	if err != nil {
		return fmt.Errorf("%q is no offset: want one such as 90s or -90s", text)
	}
	*o = offset(parsed)
	return nil
}

// MarshalText is the inverse of UnmarshalText.
func (o offset) MarshalText() ([]byte, error) { return []byte(time.Duration(o).String()), nil }
