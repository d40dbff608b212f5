package sut

import (
	"cmp"
	"context"
	"fmt"
	"io"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"
	"github.com/testcontainers/testcontainers-go/exec"

	"github.com/paystorm/paystorm/scenarios"
)

const nanoCPU = 1e9

// limitsOf are the limits that a service runs with; 0 is none.
func limitsOf(service scenarios.Service) container.Resources {
	limits := container.Resources{NanoCPUs: int64(service.CPUs * nanoCPU), Memory: int64(service.Memory)}
	limits.MemorySwap = limits.Memory // none beside it: a machine in production has none either
	return limits
}

// Squeeze leaves the container so many processors and bytes of memory, and no swap; 0 leaves either as it is.
func (n *containerNode) Squeeze(ctx context.Context, cpus float64, memory int64) error {
	return n.limit(ctx, container.Resources{NanoCPUs: int64(cpus * nanoCPU), Memory: memory, MemorySwap: memory})
}

// Relax gives the container back what its service has. The engine takes no limit off again, so that one that there was
// not is set to all that the machine has.
func (n *containerNode) Relax(ctx context.Context) error {
	machine, err := n.engine.client.Info(ctx, client.InfoOptions{})
	if err != nil {
		return fmt.Errorf("relax %s: %w", n.name, err)
	}
	limits := n.limits
	limits.NanoCPUs = cmp.Or(limits.NanoCPUs, int64(machine.Info.NCPU)*nanoCPU)
	limits.Memory = cmp.Or(limits.Memory, machine.Info.MemTotal)
	limits.MemorySwap = limits.Memory
	return n.limit(ctx, limits)
}

func (n *containerNode) limit(ctx context.Context, limits container.Resources) error {
	if _, err := n.engine.client.ContainerUpdate(ctx, n.id(), client.ContainerUpdateOptions{Resources: &limits}); err != nil {
		return fmt.Errorf("limit %s: %w", n.name, err)
	}
	return nil
}

// Exec runs a command in the container and returns what it wrote. One that ends with another status than 0 is an error.
func (n *containerNode) Exec(ctx context.Context, argv []string) (string, error) {
	status, output, err := n.container.Exec(ctx, argv, exec.Multiplexed())
	if err != nil {
		return "", fmt.Errorf("run %s in %s: %w", argv[0], n.name, err)
	}
	text, err := io.ReadAll(output)
	if err == nil && status != 0 {
		err = fmt.Errorf("exit status %d: %s", status, excerpt(string(text)))
	}
	if err != nil {
		return string(text), fmt.Errorf("run %s in %s: %w", argv[0], n.name, err)
	}
	return string(text), nil
}

// WriteFile puts a file into the container, and the folders that lead to it.
func (n *containerNode) WriteFile(ctx context.Context, path string, content []byte) error {
	if err := n.container.CopyToContainer(ctx, content, path, 0o644); err != nil {
		return fmt.Errorf("write %s in %s: %w", path, n.name, err)
	}
	return nil
}
