package sut

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"
	"golang.org/x/sys/unix"
)

// ProcessTime is how much processor time a process has used so far, of all its threads.
func ProcessTime(pid int) (time.Duration, error) {
	const scheduled = 2 // CPUCLOCK_SCHED; the kernel's clocks of other processes have no names (clock_getres(2))
	var used unix.Timespec
	if err := unix.ClockGettime(int32(^pid<<3|scheduled), &used); err != nil {
		return 0, fmt.Errorf("read the processor time of process %d: %w", pid, err)
	}
	return time.Duration(used.Nano()), nil
}

// CPUTime is what the process and its children have used so far, in all lives; of those that are over, without children
// that nobody waited for.
func (n *node) CPUTime(context.Context) (time.Duration, error) {
	n.mutex.Lock()
	defer n.mutex.Unlock()
	sum := n.spent
	if n.life == nil || n.life.over {
		return sum, nil
	}
	for _, pid := range running(n.life.pid) {
		if used, err := ProcessTime(pid); err == nil { // it may have ended meanwhile
			sum += used
		}
	}
	return sum, nil
}

// CPUTime is what the container has used since it was last started.
func (n *containerNode) CPUTime(ctx context.Context) (time.Duration, error) {
	stats, err := n.engine.client.ContainerStats(ctx, n.id(), client.ContainerStatsOptions{})
	if err != nil {
		return 0, fmt.Errorf("read the processor time of %s: %w", n.name, err)
	}
	var now container.StatsResponse
	if err := errors.Join(json.NewDecoder(stats.Body).Decode(&now), stats.Body.Close()); err != nil {
		return 0, fmt.Errorf("read the processor time of %s: %w", n.name, err)
	}
	return time.Duration(now.CPUStats.CPUUsage.TotalUsage), nil
}
