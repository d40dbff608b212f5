package sut

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/paystorm/paystorm/history"
)

// killWithin bounds how long the kernel may take to be rid of a process that got SIGKILL.
const killWithin = 5 * time.Second

// node is one process of the shop. It implements Node. Its mutex also keeps the process from being reaped while it is signalled.
type node struct {
	lives
	argv  []string
	env   []string
	dir   string
	stop  time.Duration
	spent time.Duration // of processors, in earlier lives
}

// launch starts a new life. The process belongs to this one: it dies with it, even if this one is killed.
func (n *node) launch(ctx context.Context) error {
	n.mutex.Lock()
	defer n.mutex.Unlock()
	next, err := n.next()
	if err != nil {
		return err
	}
	started := make(chan error, 1)
	unending := context.WithoutCancel(ctx) // the process outlives the call
	go n.own(unending, next, started)
	if err := <-started; err != nil {
		return n.stillborn(next, err)
	}
	n.life = next
	n.tell(history.NodeStarted, fmt.Sprintf("%s, process %d", n.name, next.pid))
	return nil
}

// own starts the process, waits for its end and cleans up after it. It keeps its thread for so long, because the kernel
// kills the process when the thread that started it ends.
func (n *node) own(ctx context.Context, l *life, started chan<- error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	command := exec.CommandContext(ctx, n.argv[0], n.argv[1:]...)
	command.Env, command.Dir = n.env, n.dir
	command.Stdout, command.Stderr = l.log, l.log
	command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	if err := command.Start(); err != nil {
		started <- err
		return
	}
	l.pid = command.Process.Pid
	started <- nil

	waitFor(l.pid, unix.WEXITED)
	n.mutex.Lock()
	_ = syscall.Kill(-l.pid, syscall.SIGKILL) // its children; its own number is not free before it is reaped
	_ = command.Wait()                        // the state says how it ended
	awaitGroup(l.pid)
	n.reap(l, command.ProcessState)
	n.mutex.Unlock()
	close(l.exited)
}

// waitFor returns when our child is in one of the states (WEXITED, WSTOPPED), and leaves it to be reaped.
func waitFor(pid, states int) {
	for errors.Is(unix.Waitid(unix.P_PID, pid, nil, states|unix.WNOWAIT, nil), unix.EINTR) {
		continue
	}
}

// awaitGroup waits until nothing of a process group that got SIGKILL runs any more: a child of the shop may hold the port
// that the next life wants.
func awaitGroup(group int) {
	deadline := time.NewTimer(killWithin)
	defer deadline.Stop()
	ticker := time.NewTicker(time.Millisecond)
	defer ticker.Stop()
	for groupRuns(group) {
		select {
		case <-deadline.C:
			return
		case <-ticker.C:
		}
	}
}

// groupRuns says whether the group has a process that has not ended. One that has, and that nobody reaps, still counts
// for the kernel, so that /proc has the last word.
func groupRuns(group int) bool {
	return !errors.Is(syscall.Kill(-group, 0), syscall.ESRCH) && len(running(group)) > 0
}

// running are the processes of a group that have not ended.
func running(group int) []int {
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return nil
	}
	var pids []int
	for _, path := range stats {
		text, err := os.ReadFile(path)
		if err != nil {
			continue // it has ended meanwhile
		}
		// "pid (name) state parent group …", and the name may hold anything.
		fields := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))
		if len(fields) > 2 && fields[2] == strconv.Itoa(group) && fields[0] != "Z" && fields[0] != "X" {
			if pid, err := strconv.Atoi(filepath.Base(filepath.Dir(path))); err == nil {
				pids = append(pids, pid)
			}
		}
	}
	return pids
}

// reap records how a process ended. The mutex is held.
func (n *node) reap(l *life, state *os.ProcessState) {
	n.spent += state.UserTime() + state.SystemTime()
	status, _ := state.Sys().(syscall.WaitStatus)
	n.end(l, fmt.Sprintf("%s, process %d: %s", n.name, l.pid, state), status.Signaled() && status.Signal() == syscall.SIGKILL)
}

// signal sends a signal to the process and its children, records the event and says which life it was. before, if not
// nil, changes the life first.
func (n *node) signal(signal syscall.Signal, event string, before func(*life)) (*life, error) {
	n.mutex.Lock()
	defer n.mutex.Unlock()
	l, err := n.living(before)
	if err != nil {
		return l, err
	}
	if err := syscall.Kill(-l.pid, signal); err != nil {
		return l, fmt.Errorf("send %s to %s, process %d: %w", unix.SignalName(signal), n.name, l.pid, err)
	}
	if event != "" {
		n.tell(event, fmt.Sprintf("%s, process %d", n.name, l.pid))
	}
	return l, nil
}

// Kill ends the process and its children with SIGKILL and returns when they are gone.
func (n *node) Kill() error {
	l, err := n.signal(syscall.SIGKILL, history.NodeKilled, func(l *life) { l.asked = history.NodeKilled })
	if err != nil {
		return err
	}
	return n.awaitExit(l)
}

// awaitExit waits for a process that has got SIGKILL.
func (n *node) awaitExit(l *life) error {
	timer := time.NewTimer(killWithin)
	defer timer.Stop()
	select {
	case <-l.exited:
		return nil
	case <-timer.C:
		return fmt.Errorf("%s, process %d, is still there %s after SIGKILL", n.name, l.pid, killWithin)
	}
}

// Start starts the process again after it ended, and returns when the shop is ready.
func (n *node) Start(ctx context.Context) error {
	if err := n.launch(ctx); err != nil {
		return err
	}
	return n.ready(ctx)
}

// Pause stops the process and its children where they are. It returns when the process has come to a stop, which with
// many threads is a little after the signal.
func (n *node) Pause() error {
	l, err := n.signal(syscall.SIGSTOP, history.NodePaused, func(l *life) { l.paused = true })
	if err != nil {
		return err
	}
	waitFor(l.pid, unix.WSTOPPED|unix.WEXITED)
	return nil
}

// Resume lets a paused process go on. One that is not paused, or gone, needs nothing.
func (n *node) Resume() error {
	n.mutex.Lock()
	paused := n.life != nil && !n.life.over && n.life.paused
	n.mutex.Unlock()
	if !paused {
		return nil
	}
	_, err := n.signal(syscall.SIGCONT, history.NodeResumed, func(l *life) { l.paused = false })
	if errors.Is(err, os.ErrProcessDone) {
		return nil
	}
	return err
}

// shutdown ends the process for good.
func (n *node) shutdown(ctx context.Context) error {
	n.mutex.Lock()
	n.stopped = true
	l := n.life
	n.mutex.Unlock()
	err := n.Stop(ctx)
	if errors.Is(err, os.ErrProcessDone) {
		if l != nil {
			<-l.exited
		}
		return nil
	}
	return err
}

// Stop ends the process with SIGTERM, and with SIGKILL if that takes too long or the context ends.
func (n *node) Stop(ctx context.Context) error {
	l, err := n.signal(syscall.SIGTERM, "", func(l *life) { l.asked = history.NodeStopped })
	if err != nil {
		return err
	}
	if _, err := n.signal(syscall.SIGCONT, "", nil); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err // a paused process would not get its SIGTERM
	}
	timer := time.NewTimer(n.stop)
	defer timer.Stop()
	how := "after SIGTERM"
	select {
	case <-l.exited:
	case <-timer.C:
		how = fmt.Sprintf("with SIGKILL, %s after a SIGTERM that it ignored", n.stop)
	case <-ctx.Done():
		how = "with SIGKILL, as time was up"
	}
	if _, err := n.signal(syscall.SIGKILL, "", nil); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	if err := n.awaitExit(l); err != nil {
		return err
	}
	n.tell(history.NodeStopped, fmt.Sprintf("%s, process %d, %s", n.name, l.pid, how))
	return nil
}
