package sut

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"time"

	"github.com/testcontainers/testcontainers-go/wait"

	"github.com/paystorm/paystorm/scenarios"
)

const (
	serviceWithin = 60 * time.Second // for a service to be ready, unless the system file says otherwise
	serviceEvery  = 50 * time.Millisecond
	execEvery     = 200 * time.Millisecond // a command in a container costs what a small container does
)

func loopbackIP() netip.Addr { return netip.MustParseAddr(listenHost) }

// readiness is how one waits for a container: as the service says, or for the shop as the system says, or else not at all.
func (c *containers) readiness(service string, node *containerNode) func(context.Context, func() error) error {
	ready, port := c.launch.Services[service].Ready, c.launch.Services[service].Port
	switch {
	case ready == nil && service == c.shop:
		return func(ctx context.Context, gone func() error) error {
			door := newDoor(c.config, node.base(port), "")
			return door.ready(ctx, gone)
		}
	case ready == nil:
		return func(_ context.Context, gone func() error) error { return gone() }
	}
	within := cmp.Or(time.Duration(ready.Within), serviceWithin)
	strategy := strategyOf(*ready, port)
	return func(ctx context.Context, _ func() error) error {
		ctx, cancel := context.WithTimeout(ctx, within)
		defer cancel()
		switch err := strategy.WaitUntilReady(ctx, thisLife{node.container, node}); {
		case err == nil:
			return nil
		case ctx.Err() != nil:
			return fmt.Errorf("%s was not ready within %s: %w", node.name, within, err)
		default:
			return errors.Join(fmt.Errorf("%s did not become ready: %w", node.name, err), node.awaitEnd(ctx))
		}
	}
}

// strategyOf is what testcontainers waits for. The time it may take is the context's.
func strategyOf(ready scenarios.Readiness, port int) wait.Strategy {
	const unbounded = 24 * time.Hour
	inside := strconv.Itoa(cmp.Or(ready.Port, port)) + "/tcp"
	switch {
	case ready.HTTP != "":
		return wait.ForHTTP(ready.HTTP).WithPort(inside).WithStartupTimeout(unbounded).WithPollInterval(serviceEvery).
			WithStatusCodeMatcher(func(status int) bool { return status >= 200 && status <= 299 })
	case ready.Log != "":
		return wait.ForLog(ready.Log).WithStartupTimeout(unbounded).WithPollInterval(serviceEvery)
	case len(ready.Exec) > 0:
		return wait.ForExec(ready.Exec).WithStartupTimeout(unbounded).WithPollInterval(execEvery)
	default:
		return wait.ForListeningPort(inside).WithStartupTimeout(unbounded).WithPollInterval(serviceEvery)
	}
}
