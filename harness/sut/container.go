package sut

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/moby/moby/client"
	"github.com/testcontainers/testcontainers-go"
	"golang.org/x/sync/errgroup"

	"github.com/paystorm/paystorm/history"
	"github.com/paystorm/paystorm/ports"
	"github.com/paystorm/paystorm/scenarios"
)

const (
	caInContainer = "/etc/paystorm/channel-ca.pem"
	createWithin  = 30 * time.Second // for the engine to make a network or a container
)

// containers is a shop that we start as containers, with all that it needs beside it.
type containers struct {
	door
	config Config
	launch scenarios.Container
	engine *Engine
	owner  owner
	nodes  map[string][]*containerNode // by service
	shop   string                      // which service it is
}

// startContainers makes the network and the containers, each after those that it depends on. What goes wrong
// leaves nothing behind.
func startContainers(ctx context.Context, config Config) (Shop, error) {
	c, err := newContainers(ctx, config)
	if err != nil {
		return nil, err
	}
	if err := c.start(ctx); err != nil {
		return nil, errors.Join(err, c.Stop(context.WithoutCancel(ctx)))
	}
	return c, nil
}

// newContainers is the shop before anything is started: everybody's addresses are known, and links lead to them.
func newContainers(ctx context.Context, config Config) (*containers, error) {
	launch := *config.System.Launch.Container
	c := &containers{
		config: config, launch: launch, engine: config.Engine, owner: ownerOf(config.RunID),
		nodes: map[string][]*containerNode{}, shop: launch.ShopService(),
	}
	if err := c.allot(ctx); err != nil {
		return nil, errors.Join(err, c.release())
	}
	c.door = newDoor(config, c.nodes[c.shop][0].base(launch.Services[c.shop].Port), config.SystemDir)
	c.facts, c.reach = c.values(c.shop, 0), c.address
	if err := c.connect(); err != nil {
		return nil, errors.Join(err, c.release())
	}
	return c, nil
}

// allot gives each container the ports of this machine by which it is reached. The engine would choose others at each start.
// They are held until the container starts, which may take long: runs side by side would take each other's.
func (c *containers) allot(ctx context.Context) error {
	for _, service := range c.services() {
		for _, name := range c.launch.Nodes(service) {
			node := &containerNode{
				lives:   lives{name: name, runDir: c.config.RunDir, record: c.config.Record},
				service: service, engine: c.engine,
				limits: limitsOf(c.launch.Services[service]), published: map[int]int{},
			}
			c.nodes[service] = append(c.nodes[service], node)
			for _, port := range c.launch.Ports(service) {
				listener, err := ports.Listen(ctx, listenHost)
				if err != nil {
					return err
				}
				node.held = append(node.held, listener)
				node.published[port] = listener.Addr().(*net.TCPAddr).Port
			}
			node.up = c.readiness(service, node)
		}
	}
	return nil
}

// release lets go of the ports of containers that were never started.
func (c *containers) release() error {
	var errs []error
	for _, nodes := range c.nodes {
		for _, node := range nodes {
			errs = append(errs, node.release())
		}
	}
	return errors.Join(errs...)
}

func (c *containers) services() []string { return slices.Sorted(maps.Keys(c.launch.Services)) }

// connect leads each link to the container that it is for.
func (c *containers) connect() error {
	for _, link := range c.system.Network() {
		to := c.node(link.To)
		if to == nil || len(link.Over) > 0 {
			continue // it leads to the channel, or over others
		}
		port := c.launch.Services[c.shop].Port
		if from := c.node(link.From); from != nil {
			port = c.launch.Services[from.service].Dials[link.To]
		}
		if err := c.config.Connect(link.Name, to.base(port).Host); err != nil {
			return err
		}
	}
	return nil
}

// node is the container of that name, or nil.
func (c *containers) node(name string) *containerNode {
	for _, nodes := range c.nodes {
		for _, node := range nodes {
			if node.name == name {
				return node
			}
		}
	}
	return nil
}

// start makes the containers, and starts each as soon as those that it depends on are ready.
func (c *containers) start(ctx context.Context) error {
	for _, service := range c.services() {
		image := c.config.Images[service]
		c.config.Record(history.Event{Source: history.SourceNode, Kind: history.NodeImage, Key: service, Detail: image.Name + "@" + image.Digest})
	}
	if err := c.makeNetwork(ctx); err != nil {
		return err
	}
	up := map[string]chan struct{}{}
	for service := range c.launch.Services {
		up[service] = make(chan struct{})
	}
	starting, within := errgroup.WithContext(ctx)
	for _, service := range c.services() {
		starting.Go(func() error {
			if err := c.createService(within, service); err != nil {
				return fmt.Errorf("service %s: %w", service, err)
			}
			for _, peer := range c.launch.Services[service].DependsOn {
				select {
				case <-up[peer]:
				case <-within.Done():
					return within.Err()
				}
			}
			if err := c.startService(within, service); err != nil {
				return fmt.Errorf("service %s: %w", service, err)
			}
			close(up[service])
			return nil
		})
	}
	return starting.Wait()
}

// makeNetwork makes the run's own network. An interrupt does not hurry the engine, and what is half made could not be found.
func (c *containers) makeNetwork(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), createWithin)
	defer cancel()
	_, err := c.engine.client.NetworkCreate(ctx, c.owner.name(), client.NetworkCreateOptions{Driver: "bridge", Labels: c.owner.labels()})
	if err != nil {
		return fmt.Errorf("make the run's network: %w", err)
	}
	return nil
}

// createService makes all containers of a service, while those that it depends on are still on their way.
func (c *containers) createService(ctx context.Context, service string) error {
	group, ctx := errgroup.WithContext(ctx)
	for index, node := range c.nodes[service] {
		group.Go(func() error {
			request, err := c.request(service, index)
			if err != nil {
				return err
			}
			return node.create(ctx, request)
		})
	}
	return group.Wait()
}

// startService starts all containers of a service and waits until they are ready.
func (c *containers) startService(ctx context.Context, service string) error {
	group, ctx := errgroup.WithContext(ctx)
	for _, node := range c.nodes[service] {
		group.Go(func() error { return node.Start(ctx) })
	}
	return group.Wait()
}

// request is one container as testcontainers makes it.
func (c *containers) request(service string, index int) (testcontainers.ContainerRequest, error) {
	told, node := c.launch.Services[service], c.nodes[service][index]
	request := testcontainers.ContainerRequest{
		Name: c.owner.name() + "-" + node.name, Image: c.config.Images[service].Name, Labels: c.owner.labels(), Tmpfs: map[string]string{},
		Networks:       []string{c.owner.name()},
		NetworkAliases: map[string][]string{c.owner.name(): slices.Compact([]string{service, node.name})},
	}
	values := withSecrets(c.values(service, index), c.config.Secrets)
	for _, word := range told.Command {
		expanded, err := scenarios.Expand(word, values)
		if err != nil {
			return request, fmt.Errorf("command: %w", err)
		}
		request.Cmd = append(request.Cmd, expanded)
	}
	var err error
	if request.Env, err = scenarios.ExpandAll(told.Environment, values); err != nil {
		return request, fmt.Errorf("environment: %w", err)
	}
	for path, file := range told.Files {
		expanded, err := scenarios.Expand(file.Text, values)
		if err != nil {
			return request, fmt.Errorf("files: %s: %w", path, err)
		}
		request.Files = append(request.Files, fileOf(path, expanded))
	}
	if ca, err := os.ReadFile(c.config.Channel["ca"]); err == nil { // of a run without a channel there is none
		request.Files = append(request.Files, fileOf(caInContainer, string(ca)))
	}
	for path, size := range told.Tmpfs {
		request.Tmpfs[path] = fmt.Sprintf("size=%d", size)
	}
	node.publish(&request)
	return request, nil
}

func fileOf(path, text string) testcontainers.ContainerFile {
	return testcontainers.ContainerFile{ContainerFilePath: path, Reader: strings.NewReader(text), FileMode: 0o644}
}

// values are what a container's strings may name. A link that each replica has is that of the replica that asks.
func (c *containers) values(service string, index int) scenarios.Values {
	links := maps.Clone(c.config.Links)
	for name, members := range c.system.LinkGroups() {
		if service == c.shop && strings.Contains(name, "->") {
			links[name] = c.config.Links[members[index]]
		}
	}
	values := scenarios.Values{
		"link": lookUp("link", links), "tcp": lookUp("link", bare(links)), "sink": lookUp("sink", c.config.Sinks), "replica": strconv.Itoa(index + 1),
	}
	for name, told := range c.config.Channel {
		values["channel."+name] = told
	}
	values["channel.ca"] = caInContainer
	return values
}

// address is where a service is reached past all links, by "db:5432".
func (c *containers) address(name string) (string, error) {
	service, port, _ := strings.Cut(name, ":")
	number, err := strconv.Atoi(port)
	if err != nil || len(c.nodes[service]) == 0 || c.nodes[service][0].published[number] == 0 {
		return "", errors.New("unknown service")
	}
	return c.nodes[service][0].base(number).Host, nil
}

// Nodes are all containers of all services.
func (c *containers) Nodes() []Node {
	var all []Node
	for _, service := range c.services() {
		for _, node := range c.nodes[service] {
			all = append(all, node)
		}
	}
	return all
}

// Ready waits until every replica answers.
func (c *containers) Ready(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	for _, node := range c.nodes[c.shop] {
		group.Go(func() error { return node.ready(ctx) })
	}
	return group.Wait()
}

// Stop ends every container, gently at first, and removes all that the run has made in the engine.
func (c *containers) Stop(ctx context.Context) error {
	var group errgroup.Group
	for _, nodes := range c.nodes {
		for _, node := range nodes {
			group.Go(func() error { return node.shutdown(ctx) })
		}
	}
	err := errors.Join(group.Wait(), c.release())
	if err = errors.Join(err, c.engine.clean(ctx, c.owner.filter())); err != nil {
		return fmt.Errorf("stop the containers: %w", err)
	}
	return nil
}

// base is where one of the container's ports is reached from this machine.
func (n *containerNode) base(port int) *url.URL {
	return &url.URL{Scheme: "http", Host: net.JoinHostPort(listenHost, strconv.Itoa(n.published[port]))}
}
