package load

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/paystorm/paystorm/history"
)

// Child is the load generator: this binary again, as k6. It waits at its gate, sends the buyers of the plan when the
// gate opens, and ends when the last of them is done.
type Child struct {
	config   Config
	command  *exec.Cmd
	gate     *os.File
	progress atomic.Pointer[Progress]
	ready    chan struct{} // closed when the child waits at its gate
	warm     chan struct{} // closed when it has told how its warm-up went
	isWarm   sync.Once
	isReady  sync.Once
	ended    chan struct{} // closed when the process is gone and its progress read
	err      error         // how it ended; valid then
	told     sync.Once     // SIGTERM
}

// Start starts the child, which gets ready while the caller does other things. It is ended by itself, by Stop, or with
// this process.
func Start(ctx context.Context, config Config) (*Child, error) {
	logs := filepath.Join(config.RunDir, LogDir)
	if err := os.MkdirAll(logs, 0o755); err != nil {
		return nil, fmt.Errorf("load generator: %w", err)
	}
	// The child outlives the phase that starts it.
	command := exec.CommandContext(context.WithoutCancel(ctx), config.Self, append([]string{Command}, config.Args()...)...)
	command.Dir = config.RunDir
	command.Env = environment(logs)
	command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	c := &Child{config: config, command: command, ready: make(chan struct{}), warm: make(chan struct{}), ended: make(chan struct{})}
	c.progress.Store(&Progress{})
	if err := c.start(logs); err != nil {
		return nil, fmt.Errorf("load generator: %w", err)
	}
	return c, nil
}

// environment is all that the child sees of ours. K6_VUS=1 in somebody's shell would otherwise replace the whole plan,
// and a k6 configuration in their home directory too.
func environment(logs string) []string {
	env := []string{
		"HOME=" + logs, "XDG_CONFIG_HOME=" + logs, "XDG_CACHE_HOME=" + logs,
		"K6_AUTO_EXTENSION_RESOLUTION=false", "NO_COLOR=1",
	}
	for _, name := range []string{"TMPDIR", "GOCOVERDIR", "GORACE"} {
		if value, set := os.LookupEnv(name); set {
			env = append(env, name+"="+value)
		}
	}
	return env
}

// start opens the files and pipes, and lets own run the process.
func (c *Child) start(logs string) error {
	var theirs []*os.File
	defer func() {
		for _, file := range theirs {
			_ = file.Close() // the child has its own
		}
	}()
	output := func(name string) (*os.File, error) {
		file, err := os.Create(filepath.Join(logs, name))
		if err == nil {
			theirs = append(theirs, file)
		}
		return file, err
	}
	summary, err := output(SummaryText)
	if err != nil {
		return err
	}
	log, err := output(LogFile)
	if err != nil {
		return err
	}
	c.command.Stdout, c.command.Stderr = summary, log
	gateRead, gateWrite, err := os.Pipe()
	if err != nil {
		return err
	}
	progressRead, progressWrite, err := os.Pipe()
	if err != nil {
		return errors.Join(err, gateRead.Close(), gateWrite.Close())
	}
	theirs = append(theirs, gateRead, progressWrite)
	c.gate = gateWrite
	c.command.ExtraFiles = []*os.File{gateRead, progressWrite}
	started := make(chan error)
	go c.own(started, progressRead)
	return <-started
}

// own starts the process, reads what it says, and waits for it. It stays on one thread, because the signal that takes
// the child along when we die follows the thread that started it.
func (c *Child) own(started chan<- error, progress *os.File) {
	runtime.LockOSThread() // and never unlocked: the thread ends with this goroutine, after the child
	err := c.command.Start()
	started <- err
	if err != nil {
		_ = progress.Close()
		_ = c.gate.Close()
		return
	}
	c.read(progress)
	c.err = c.verdict(c.command.Wait())
	_ = c.gate.Close()
	close(c.ended)
}

// read follows the child's progress until its end of the pipe is closed, which is when it ends.
func (c *Child) read(progress *os.File) {
	defer func() { _ = progress.Close() }()
	lines := bufio.NewScanner(progress)
	for lines.Scan() {
		var now Progress
		if err := json.Unmarshal(lines.Bytes(), &now); err != nil {
			continue // half a line of a child that was killed
		}
		c.progress.Store(&now)
		if now.Ready {
			c.isReady.Do(func() { close(c.ready) })
		}
		if now.Warm != nil {
			c.isWarm.Do(func() { close(c.warm) })
		}
	}
}

// Process is the child's number, and what it has used once it has ended; nil before.
func (c *Child) Process() (pid int, ended *os.ProcessState) {
	select {
	case <-c.ended:
		return c.command.Process.Pid, c.command.ProcessState
	default:
		return c.command.Process.Pid, nil
	}
}

// verdict is how the child ended. k6 ends with status 0 whatever became of our history, so that the child must have
// said that it is closed.
func (c *Child) verdict(waited error) error {
	last := c.Progress()
	switch {
	case last.Error != "":
		return errors.New(last.Error)
	case waited != nil:
		return fmt.Errorf("%w%s", waited, c.lastWords())
	case !last.Done:
		return fmt.Errorf("it ended without closing its history%s", c.lastWords())
	default:
		return nil
	}
}

// lastWords is the last line of the child's log.
func (c *Child) lastWords() string {
	text, err := os.ReadFile(filepath.Join(c.config.RunDir, LogDir, LogFile))
	text = bytes.TrimSpace(text)
	if err != nil || len(text) == 0 {
		return ""
	}
	return ": " + string(text[bytes.LastIndexByte(text, '\n')+1:])
}

// Ready waits until the child's virtual users are there and wait for the gate.
func (c *Child) Ready(ctx context.Context) error {
	select {
	case <-c.ready:
		return nil
	case <-c.ended:
		return fmt.Errorf("load generator: it ended before it was ready: %w", errors.Join(c.err, errNotReady))
	case <-ctx.Done():
		return fmt.Errorf("load generator: not ready yet: %w", ctx.Err())
	}
}

var errNotReady = errors.New("nobody waits at the gate")

// Open opens the gate: the storm begins at that moment of the run, or at once if it has passed.
func (c *Child) Open(at history.Time, given Given) error {
	return c.say(Opening{At: at, Given: given})
}

// WarmUp lets count buyers of the script in, one after the other, and waits until they are through. It is called when the
// child is ready, and before Open.
func (c *Child) WarmUp(ctx context.Context, given Given, count int) error {
	if err := c.say(Opening{WarmUp: count, Given: given}); err != nil {
		return err
	}
	select {
	case <-c.warm:
		if warm := c.Progress().Warm; warm != nil && warm.Fault != "" {
			return &NotServedError{errors.New(warm.Fault)}
		}
		return nil
	case <-c.ended:
		return fmt.Errorf("load generator: it ended in the warm-up: %w", errors.Join(c.err, errNotReady))
	case <-ctx.Done():
		return fmt.Errorf("load generator: the warm-up is not over: %w", ctx.Err())
	}
}

func (c *Child) say(opening Opening) error {
	line, err := json.Marshal(opening)
	if err == nil {
		_, err = c.gate.Write(append(line, '\n'))
	}
	if err != nil {
		return fmt.Errorf("load generator: opening its gate: %w", err)
	}
	return nil
}

// Progress is what the child told last.
func (c *Child) Progress() Progress { return *c.progress.Load() }

// Wait returns when the child has ended. An error means that the load was not what the plan says, or is not wholly in
// the history.
func (c *Child) Wait() error {
	<-c.ended
	return c.err
}

// killWithin is how long a child may take to die of SIGKILL.
const killWithin = 5 * time.Second

// Stop asks a child that still runs to end, once, because k6 takes a second signal as an order to drop everything. When
// ctx ends first, the child and all of its group are killed, and the error says so. A child that has ended is fine.
func (c *Child) Stop(ctx context.Context) error {
	c.told.Do(func() { _ = c.command.Process.Signal(syscall.SIGTERM) }) // an error: it has ended
	select {
	case <-c.ended:
		return nil
	case <-ctx.Done():
	}
	_ = syscall.Kill(-c.command.Process.Pid, syscall.SIGKILL) // an error: it has just ended
	select {
	case <-c.ended:
		return fmt.Errorf("load generator: it did not end when asked, and was killed: %w", ctx.Err())
	case <-time.After(killWithin):
		return fmt.Errorf("load generator: process %d cannot be killed: %w", c.command.Process.Pid, ctx.Err())
	}
}
