package harness

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/shirou/gopsutil/v4/cpu"
	"golang.org/x/sys/unix"

	"github.com/paystorm/paystorm/harness/sut"
	"github.com/paystorm/paystorm/history"
)

// Whose processor time is told apart, beside the shop's nodes. The links, the channel and the probes are this process. What
// the machine has used besides is Docker's own work, say, or another program's.
const (
	cpuLoad    = "load generator"
	cpuHarness = "harness"
	cpuMachine = ""
)

// cpuWithin bounds the questions to the shop's nodes.
const cpuWithin = 5 * time.Second

// meter is a node that knows how much processor time it has used.
type meter interface {
	CPUTime(context.Context) (time.Duration, error)
}

// recordCPU records what each part of the run has used so far, so that a user sees which of them was the bottleneck. Of one
// that is gone, or cannot tell, there is no figure. An engine tells only once a second: all nodes are asked at once, and
// nothing waits for the answers.
func (r *run) recordCPU(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, cpuWithin)
	defer cancel()
	record := func(whose string, used time.Duration, err error) {
		if err == nil {
			r.record(history.Event{Source: history.SourcePhase, Kind: history.CPUTime, Key: whose, Count: used.Microseconds()})
		}
	}
	pid, ended := r.child.Process()
	if ended != nil {
		record(cpuLoad, ended.UserTime()+ended.SystemTime(), nil)
	} else {
		used, err := sut.ProcessTime(pid)
		record(cpuLoad, used, err)
	}
	used, err := sut.ProcessTime(os.Getpid())
	record(cpuHarness, used, err)
	used, err = machineTime(ctx)
	record(cpuMachine, used, err)
	var nodes sync.WaitGroup
	for _, node := range r.shop.Nodes() {
		if meter, tells := node.(meter); tells {
			nodes.Go(func() {
				used, err := meter.CPUTime(ctx)
				record(node.Name(), used, err)
			})
		}
	}
	nodes.Wait()
	return nil
}

// machineTime is what everything has used so far on the processors that this process may run on: the header counts those.
func machineTime(ctx context.Context) (time.Duration, error) {
	var ours unix.CPUSet
	if err := unix.SchedGetaffinity(0, &ours); err != nil {
		return 0, fmt.Errorf("read which processors may be used: %w", err)
	}
	each, err := cpu.TimesWithContext(ctx, true)
	if err != nil || len(each) == 0 {
		return 0, fmt.Errorf("read the machine's processor time: %w", cmp.Or(err, errors.ErrUnsupported))
	}
	seconds := 0.0
	for _, one := range each { // User holds Guest already
		number, err := strconv.Atoi(strings.TrimPrefix(one.CPU, "cpu"))
		if err != nil {
			return 0, fmt.Errorf("read the machine's processor time: unknown processor %q", one.CPU)
		}
		if ours.IsSet(number) {
			seconds += one.User + one.Nice + one.System + one.Irq + one.Softirq
		}
	}
	return time.Duration(seconds * float64(time.Second)), nil
}
