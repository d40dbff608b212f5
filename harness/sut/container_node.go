package sut

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"strings"
	"time"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/moby/moby/api/pkg/stdcopy"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/network"
	"github.com/moby/moby/client"
	"github.com/testcontainers/testcontainers-go"
	"golang.org/x/sys/unix"

	"github.com/paystorm/paystorm/history"
)

// containerStop is how long a container may take to end after SIGTERM before it gets SIGKILL.
const containerStop = 1 * time.Second

// killedStatus is the exit status of a container that got SIGKILL.
const killedStatus = 128 + int64(unix.SIGKILL)

// containerNode is one container. It implements Node.
type containerNode struct {
	lives
	service   string
	engine    *Engine
	limits    container.Resources
	published map[int]int              // its port → the one of this machine
	held      []net.Listener           // on those of this machine, before its first start
	container testcontainers.Container // nil before create
}

// create makes the container and does not start it yet. An interrupt does not hurry the engine, and what is half made could
// not be found again.
func (n *containerNode) create(ctx context.Context, request testcontainers.ContainerRequest) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), createWithin)
	defer cancel()
	made, err := n.engine.provider.CreateContainer(ctx, request)
	if err != nil {
		return fmt.Errorf("create %s: %w", n.name, err)
	}
	n.container = made
	return nil
}

// publish binds the container's ports to the node's own of this machine, and limits it.
func (n *containerNode) publish(request *testcontainers.ContainerRequest) {
	bindings := network.PortMap{}
	for port, published := range n.published {
		inside := strconv.Itoa(port) + "/tcp"
		request.ExposedPorts = append(request.ExposedPorts, inside)
		bindings[network.MustParsePort(inside)] = []network.PortBinding{{HostIP: loopbackIP(), HostPort: strconv.Itoa(published)}}
	}
	request.HostConfigModifier = func(host *container.HostConfig) {
		host.PortBindings, host.Resources = bindings, n.limits
	}
}

// launch starts a new life.
func (n *containerNode) launch(ctx context.Context) error {
	n.mutex.Lock()
	defer n.mutex.Unlock()
	next, err := n.next()
	if err != nil {
		return err
	}
	if err := n.release(); err != nil {
		return n.stillborn(next, err)
	}
	if _, err := n.engine.client.ContainerStart(ctx, n.id(), client.ContainerStartOptions{}); err != nil {
		return n.stillborn(next, n.portTaken(err))
	}
	n.life = next
	go n.own(context.WithoutCancel(ctx), next) // the container outlives the call
	n.tell(history.NodeStarted, fmt.Sprintf("%s, container %.12s", n.name, n.id()))
	return nil
}

// release lets go of the ports that were held for the container.
func (n *containerNode) release() error {
	var errs []error
	for _, listener := range n.held {
		errs = append(errs, listener.Close())
	}
	n.held = nil
	return errors.Join(errs...)
}

// portTaken says what to do where the engine could not publish a port, because somebody else was quicker to take it.
func (n *containerNode) portTaken(err error) error {
	if !strings.Contains(err.Error(), "address already in use") && !strings.Contains(err.Error(), "port is already allocated") {
		return err
	}
	for port, published := range n.published {
		if strings.Contains(err.Error(), strconv.Itoa(published)) {
			return fmt.Errorf("its port %d is published as %s:%d, which another program has taken meanwhile: run again, as each run "+
				"chooses its ports anew; ss -ltnp shows who has it (%w)", port, listenHost, published, err)
		}
	}
	return err
}

func (n *containerNode) id() string { return n.container.GetContainerID() }

// own writes the log of a life until it ends, and records the end.
func (n *containerNode) own(ctx context.Context, l *life) {
	ended := n.engine.client.ContainerWait(ctx, n.id(), client.ContainerWaitOptions{Condition: container.WaitConditionNotRunning})
	lost := n.copyLog(ctx, l)
	var status container.WaitResponse
	select {
	case status = <-ended.Result:
	case err := <-ended.Error:
		lost = errors.Join(lost, err)
	}
	how := n.epitaph(ctx, status, lost)
	n.mutex.Lock()
	n.end(l, how, status.StatusCode == killedStatus)
	n.mutex.Unlock()
	close(l.exited)
}

// copyLog follows the container's output until the container ends.
func (n *containerNode) copyLog(ctx context.Context, l *life) error {
	output, err := n.engine.client.ContainerLogs(ctx, n.id(), client.ContainerLogsOptions{
		ShowStdout: true, ShowStderr: true, Follow: true, Since: l.since.Format(time.RFC3339Nano),
	})
	if err != nil {
		return fmt.Errorf("read its output: %w", err)
	}
	_, err = stdcopy.StdCopy(l.log, l.log, output)
	return errors.Join(err, output.Close())
}

// epitaph says how a container ended, and what was lost of its log.
func (n *containerNode) epitaph(ctx context.Context, status container.WaitResponse, lost error) string {
	words := fmt.Sprintf("%s: exit status %d", n.name, status.StatusCode)
	if found, err := n.engine.client.ContainerInspect(ctx, n.id(), client.ContainerInspectOptions{}); err == nil && found.Container.State.OOMKilled {
		words += ", out of memory"
	}
	if lost != nil {
		words += fmt.Sprintf(" (%v)", lost)
	}
	return words
}

// mark changes the life under way by what is about to be asked of it.
func (n *containerNode) mark(change func(*life)) (*life, error) {
	n.mutex.Lock()
	defer n.mutex.Unlock()
	return n.living(change)
}

// Kill ends the container with SIGKILL and returns when it is gone.
func (n *containerNode) Kill() error {
	ctx, cancel := context.WithTimeout(context.Background(), killWithin)
	defer cancel()
	return n.ending(ctx, history.NodeKilled, func() error {
		_, err := n.engine.client.ContainerKill(ctx, n.id(), client.ContainerKillOptions{Signal: "KILL"})
		return err
	})
}

// Stop ends the container as its owner would: with the image's own signal, and SIGKILL where that is ignored.
func (n *containerNode) Stop(ctx context.Context) error { return n.stop(ctx, killWithin) }

func (n *containerNode) stop(ctx context.Context, within time.Duration) error {
	grace := int(within / time.Second)
	return n.ending(ctx, history.NodeStopped, func() error {
		_, err := n.engine.client.ContainerStop(ctx, n.id(), client.ContainerStopOptions{Timeout: &grace})
		return err
	})
}

// ending ends the life under way, which then does not count as an end that nobody asked for, and waits until it is over.
func (n *containerNode) ending(ctx context.Context, asked string, end func() error) error {
	l, err := n.mark(func(l *life) { l.asked = asked })
	if err != nil {
		return err
	}
	switch err := end(); {
	case cerrdefs.IsConflict(err):
		return fmt.Errorf("%s: %w", n.name, os.ErrProcessDone) // it has just ended by itself
	case err != nil:
		return fmt.Errorf("end %s: %w", n.name, err)
	}
	n.tell(asked, n.name)
	return n.awaitExit(ctx, l)
}

// awaitEnd returns when the end of a container that runs no more is recorded: testcontainers may see that end first. It
// returns at once where the container runs.
func (n *containerNode) awaitEnd(ctx context.Context) error {
	state, err := n.container.State(ctx)
	if err != nil || state.Running {
		return err
	}
	n.mutex.Lock()
	l := n.life
	n.mutex.Unlock()
	return n.awaitExit(ctx, l)
}

func (n *containerNode) awaitExit(ctx context.Context, l *life) error {
	select {
	case <-l.exited:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("%s still runs: %w", n.name, ctx.Err())
	}
}

// Start starts the container again after it ended, and returns when it is ready.
func (n *containerNode) Start(ctx context.Context) error {
	if err := n.launch(ctx); err != nil {
		return err
	}
	return n.ready(ctx)
}

// Pause stops all processes of the container where they are.
func (n *containerNode) Pause() error {
	ctx, cancel := context.WithTimeout(context.Background(), killWithin)
	defer cancel()
	if _, err := n.mark(func(l *life) { l.paused = true }); err != nil {
		return err
	}
	if _, err := n.engine.client.ContainerPause(ctx, n.id(), client.ContainerPauseOptions{}); err != nil {
		return fmt.Errorf("pause %s: %w", n.name, err)
	}
	n.tell(history.NodePaused, n.name)
	return nil
}

// Resume lets a paused container go on. One that is not paused, or gone, needs nothing.
func (n *containerNode) Resume() error {
	ctx, cancel := context.WithTimeout(context.Background(), killWithin)
	defer cancel()
	return n.resume(ctx)
}

func (n *containerNode) resume(ctx context.Context) error {
	paused := false
	if _, err := n.mark(func(l *life) { paused, l.paused = l.paused, false }); err != nil || !paused {
		return nil
	}
	if _, err := n.engine.client.ContainerUnpause(ctx, n.id(), client.ContainerUnpauseOptions{}); err != nil {
		return fmt.Errorf("resume %s: %w", n.name, err)
	}
	n.tell(history.NodeResumed, n.name)
	return nil
}

// shutdown ends the container for good. Whoever calls it removes the container next.
func (n *containerNode) shutdown(ctx context.Context) error {
	n.mutex.Lock()
	n.stopped = true
	n.mutex.Unlock()
	if err := n.resume(ctx); err != nil {
		return err // a paused container would not get its signal
	}
	if err := n.stop(ctx, containerStop); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	return nil
}

// thisLife is the container as a wait strategy sees it: at the address where it is published, whatever testcontainers
// would guess where it takes this machine for a container, and with no output of the lives before.
type thisLife struct {
	testcontainers.Container
	node *containerNode
}

func (thisLife) Host(context.Context) (string, error) { return listenHost, nil }

func (t thisLife) Logs(ctx context.Context) (io.ReadCloser, error) {
	t.node.mutex.Lock()
	since := t.node.life.since
	t.node.mutex.Unlock()
	output, err := t.node.engine.client.ContainerLogs(ctx, t.node.id(), client.ContainerLogsOptions{
		ShowStdout: true, ShowStderr: true, Since: since.Format(time.RFC3339Nano),
	})
	if err != nil {
		return nil, err
	}
	plain, whole := io.Pipe()
	go func() {
		_, err := stdcopy.StdCopy(whole, whole, output)
		_ = whole.CloseWithError(errors.Join(err, output.Close())) // always nil
	}()
	return plain, nil
}
