package sut

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strings"
	"time"

	"github.com/moby/moby/api/types/network"
	"github.com/moby/moby/client"
	"github.com/testcontainers/testcontainers-go"
	"github.com/testcontainers/testcontainers-go/log"
)

// engineWithin is how long the engine may take to answer at all.
const engineWithin = 5 * time.Second

// bridge is the engine's default network.
const bridge = "bridge"

// Engine is the Docker engine of this machine. testcontainers starts containers and waits for them; the client does what
// it has no word for: kill, pause, limit.
type Engine struct {
	provider *testcontainers.DockerProvider
	client   client.APIClient
}

// OpenEngine finds the engine by the rules of testcontainers, and asks whether it answers.
func OpenEngine(ctx context.Context) (*Engine, error) {
	ctx, cancel := context.WithTimeout(ctx, engineWithin)
	defer cancel()
	log.SetDefault(log.NewNoopLogger()) // what it has to say stands in errors and logs
	leaveReaperOut(ctx)
	type opened struct {
		engine *Engine
		err    error
	}
	answered := make(chan opened, 1)
	// Making a provider asks the engine already, and takes no context. One that does not answer in time is left behind.
	go func() {
		engine, err := dial(ctx)
		answered <- opened{engine, err}
	}()
	var found opened
	select {
	case found = <-answered:
	case <-ctx.Done():
	}
	if err := ctx.Err(); err != nil {
		return nil, wayOut(fmt.Errorf("no answer: %w", err))
	}
	return found.engine, wayOut(found.err)
}

func dial(ctx context.Context) (engine *Engine, err error) {
	defer func() {
		// The library panics where Docker stops answering between two of its questions.
		if broken := recover(); broken != nil {
			err = fmt.Errorf("%v", broken)
		}
	}()
	if os.Getenv(client.EnvOverrideHost) != "" {
		// The library would go on to the next place where there may be one, and storm a shop that nobody has meant.
		if err := askNamed(ctx); err != nil {
			return nil, err
		}
	}
	provider, err := testcontainers.NewDockerProvider(testcontainers.WithLogger(log.NewNoopLogger()),
		testcontainers.WithDefaultBridgeNetwork(bridge)) // or it makes a network of its own, and leaves it behind
	if err != nil {
		return nil, err
	}
	if _, err := provider.Client().Ping(ctx, client.PingOptions{NegotiateAPIVersion: true}); err != nil {
		return nil, errors.Join(err, provider.Close())
	}
	return &Engine{provider: provider, client: provider.Client()}, nil
}

// askNamed asks the engine that DOCKER_HOST names whether it answers.
func askNamed(ctx context.Context) error {
	named, err := client.New(client.FromEnv)
	if err != nil {
		return err
	}
	_, err = named.Ping(ctx, client.PingOptions{NegotiateAPIVersion: true})
	return errors.Join(err, named.Close())
}

// wayOut says in one line what is wrong with the engine, and what to do.
func wayOut(err error) error {
	if err == nil {
		return nil
	}
	text, _, _ := strings.Cut(err.Error(), "\n")
	if errors.Is(err, os.ErrPermission) || strings.Contains(err.Error(), "permission denied") {
		return fmt.Errorf("docker runs, and this user may not use it: add the user to the group docker and log in again "+
			"(sudo usermod -aG docker $USER), or set DOCKER_HOST to an engine of the user's own (%s)", text)
	}
	return fmt.Errorf("docker does not answer: start it (sudo systemctl start docker), or set DOCKER_HOST to where it listens (%s)", text)
}

const reaperSwitch = "TESTCONTAINERS_RYUK_DISABLED"

// leaveReaperOut turns testcontainers' own clean-up off where its image is not in the engine: it would try to pull it for a
// quarter of an hour. Ours does not need it.
func leaveReaperOut(ctx context.Context) {
	if os.Getenv(reaperSwitch) != "" {
		return
	}
	if plain, err := client.New(client.FromEnv); err == nil {
		_, err = plain.ImageInspect(ctx, testcontainers.ReaperDefaultImage) //nolint:staticcheck // nothing else tells which image the library wants
		if errors.Join(err, plain.Close()) == nil {
			return
		}
	}
	_ = os.Setenv(reaperSwitch, "true") // the library reads it nowhere else; the name is a valid one
}

// Gateway is the address of this machine as containers reach it, on which links and sinks for them listen: its own in the
// engine's default network. An engine elsewhere has none here.
func (e *Engine) Gateway(ctx context.Context) (string, error) {
	found, err := e.client.NetworkInspect(ctx, bridge, client.NetworkInspectOptions{})
	if err != nil {
		return "", fmt.Errorf("find the address by which containers reach this machine: %w", err)
	}
	addresses, err := net.InterfaceAddrs()
	if err != nil {
		return "", fmt.Errorf("find the address by which containers reach this machine: %w", err)
	}
	if own, is := ownIn(found.Network.IPAM.Config, addresses); is {
		return own.String(), nil
	}
	return "", errors.New("this is not the engine's own machine, so that containers could not reach the links here, nor these their ports: " +
		"run where the engine runs, a job container with that machine's network (docker run --network host)")
}

// ownIn is the one of these addresses by which a machine is the gateway of its network. A container in the network has an
// address there as well, and is not where ports are published: only where the engine names no gateway any will do.
func ownIn(configs []network.IPAMConfig, addresses []net.Addr) (netip.Addr, bool) {
	for _, config := range configs {
		for _, address := range addresses {
			own, err := netip.ParsePrefix(address.String())
			if err != nil || !own.Addr().Is4() || !config.Subnet.Contains(own.Addr()) {
				continue
			}
			if !config.Gateway.IsValid() || config.Gateway == own.Addr() {
				return own.Addr(), true
			}
		}
	}
	return netip.Addr{}, false
}

// Close lets the connections go.
func (e *Engine) Close() error { return errors.Join(e.provider.Close(), e.client.Close()) }
