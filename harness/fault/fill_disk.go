package fault

import (
	"context"
	"errors"
	"fmt"
	"path"
	"strings"

	"github.com/paystorm/paystorm/history"
	"github.com/paystorm/paystorm/scenarios"
)

// fillDisk fills a container's file system in memory to the last byte, and frees it again. Only one with a size of its own
// is filled: any other is this machine's.
type fillDisk struct {
	Path string `yaml:"path" json:"path"` // among the service's tmpfs; default: the only one
	Node string `yaml:"node" json:"node"` // one, or a service; "" is all replicas of the shop
	On   On     `yaml:"on" json:"on"`
}

// runner is a node in which commands can be run.
type runner interface {
	// Exec runs a command and returns what it wrote. One that ends with another status than 0 is an error.
	Exec(ctx context.Context, argv []string) (output string, err error)
}

const (
	fillFile = "paystorm-fill"
	noSpace  = "No space left on device"
)

func fillDiskKind() scenarios.Kind {
	return scenarios.Kind{
		Name:      "fill-disk",
		Doc:       "A container's tmpfs is full for a while (`for`), such as that of the database.",
		Contract:  string(history.Seen),
		Unit:      unitNode,
		Exercises: []string{"I13"},
		New:       func() any { return &fillDisk{On: once()} },
		Shareless: true,
	}
}

func (f *fillDisk) Check(system scenarios.System) error {
	if err := ownContainer(system, f.Node); err != nil {
		return err
	}
	for _, node := range system.Nodes(f.Node) {
		if _, err := f.file(system.Service(node)); err != nil {
			return fmt.Errorf("%w in the service of %s", err, node)
		}
	}
	return f.On.check()
}

// file is what fills the disk.
func (f *fillDisk) file(service scenarios.Service) (string, error) {
	if f.Path != "" {
		if _, known := service.Tmpfs[f.Path]; !known {
			return "", fmt.Errorf("path: there is no tmpfs %s", f.Path)
		}
		return path.Join(f.Path, fillFile), nil
	}
	for only := range service.Tmpfs {
		if len(service.Tmpfs) == 1 {
			return path.Join(only, fillFile), nil
		}
	}
	if len(service.Tmpfs) > 1 {
		return "", errors.New("there are several tmpfs: want path, one of them,")
	}
	return "", errors.New("there is no tmpfs, whose size is limited: want one, such as tmpfs: {/var/lib/postgresql/data: 128m},")
}

func (f *fillDisk) Trigger() On    { return f.On }
func (f *fillDisk) Target() string { return f.Node }

// Strike writes until the disk is full, which is the only end that dd may come to.
func (f *fillDisk) Strike(ctx context.Context, node Node, service scenarios.Service) error {
	file, err := f.file(service)
	if err != nil {
		return err
	}
	output, err := run(ctx, node, "dd", "if=/dev/zero", "of="+file, "bs=64k")
	if err != nil && (strings.Contains(output, noSpace) || strings.Contains(err.Error(), noSpace)) {
		return nil
	}
	return errors.Join(errors.New("the disk did not get full"), err)
}

func (f *fillDisk) Heal(ctx context.Context, node Node, service scenarios.Service) (restarted bool, err error) {
	if !node.Alive() {
		return false, nil // a tmpfs ends with its container
	}
	file, err := f.file(service)
	if err != nil {
		return false, err
	}
	if _, err := run(ctx, node, "rm", "-f", file); err != nil {
		return false, err
	}
	_, err = run(ctx, node, "test", "!", "-e", file)
	return false, err
}

func run(ctx context.Context, node Node, argv ...string) (output string, err error) {
	runs, can := node.(runner)
	if !can {
		return "", fmt.Errorf("no command can be run in %s", node.Name())
	}
	return runs.Exec(ctx, argv)
}
