package scenarios

import (
	"fmt"
	"maps"
	"slices"
)

// Container starts the shop and what it needs as containers, on a network of the run's own.
type Container struct {
	Compose  string             `yaml:"compose" json:"compose,omitempty"`   // a Compose file, relative to this one, that has the services; keys of services here add to it
	Services map[string]Service `yaml:"services" json:"services,omitempty"` // name → service
	Shop     string             `yaml:"shop" json:"shop,omitempty"`         // which service is the shop; default: the one with a port
}

// Service is one service, in one container or, of the shop, in several. Its strings are templates with link, tcp, sink,
// channel, replica, and env; image and build know env only.
type Service struct {
	Image       string              `yaml:"image" json:"image,omitempty"`                              // pulled if the engine has it not; exactly one of image and build
	Build       *Build              `yaml:"build" json:"build,omitempty"`                              // made for the run
	Command     []string            `yaml:"command" json:"command,omitempty"`                          // in place of the image's own
	Environment map[string]string   `yaml:"environment" json:"environment,omitempty"`                  // beside the image's own
	Files       map[string]File     `yaml:"files" json:"files,omitempty"`                              // path in the container → what is copied there before the start
	Port        int                 `yaml:"port" json:"port,omitempty" jsonschema:"minimum=1"`         // on which the shop listens; no other service has one
	Replicas    int                 `yaml:"replicas" json:"replicas,omitempty" jsonschema:"minimum=1"` // of the shop; default 1
	Dials       map[string]int      `yaml:"dials" json:"dials,omitempty"`                              // service → its port: each is a link, such as shop->db, told as {{ tcp "shop->db" }}
	DependsOn   []string            `yaml:"depends-on" json:"depends_on,omitempty"`                    // services that are ready before this one is started
	Ready       *Readiness          `yaml:"ready" json:"ready,omitempty"`                              // default: once its container runs; of the shop: the system's own ready
	CPUs        float64             `yaml:"cpus" json:"cpus,omitempty" jsonschema:"minimum=0.01"`      // at most so many processors; default: all
	Memory      Size                `yaml:"memory" json:"memory,omitempty"`                            // at most so much, such as 256m; default: all
	Tmpfs       map[string]Size     `yaml:"tmpfs" json:"tmpfs,omitempty"`                              // path in the container → size of a file system in memory
	Clock       string              `yaml:"clock" json:"clock,omitempty"`                              // file in the container from which its clock takes an offset, such as +90s, as libfaketime does
	Acts        map[string][]string `yaml:"acts" json:"acts,omitempty"`                                // name → a command in the container, for the fault run-in-node
}

// Build makes an image from a Dockerfile.
type Build struct {
	Context    string            `yaml:"context" json:"context" jsonschema:"required"` // folder, relative to the system file
	Dockerfile string            `yaml:"dockerfile" json:"dockerfile,omitempty"`       // in the context; default Dockerfile
	Args       map[string]string `yaml:"args" json:"args,omitempty"`                   // of the build; templates with env
}

// Readiness says when a service counts as up: exactly one of http, log, port and exec is set, but that http takes a port.
type Readiness struct {
	HTTP   string   `yaml:"http" json:"http,omitempty" jsonschema:"pattern=^/"` // path that answers 2xx, at port, or at the shop's own
	Log    string   `yaml:"log" json:"log,omitempty"`                           // text in a line of its output
	Port   int      `yaml:"port" json:"port,omitempty" jsonschema:"minimum=1"`  // that takes connections
	Exec   []string `yaml:"exec" json:"exec,omitempty"`                         // a command in the container that ends with 0
	Within Duration `yaml:"within" json:"within,omitempty"`                     // default 60s
}

// ShopService is the name of the service that is the shop, or "".
func (c Container) ShopService() string {
	if c.Shop != "" {
		return c.Shop
	}
	for _, name := range sortedKeys(c.Services) {
		if c.Services[name].Port != 0 {
			return name
		}
	}
	return ""
}

// Count is how many containers the service has.
func (s Service) Count() int { return max(1, s.Replicas) }

// Nodes are the names of the service's containers: its own, or with a number behind it where there are several.
func (c Container) Nodes(service string) []string {
	count := c.Services[service].Count()
	if count == 1 {
		return []string{service}
	}
	nodes := make([]string, count)
	for index := range nodes {
		nodes[index] = fmt.Sprintf("%s-%d", service, index+1)
	}
	return nodes
}

// Ports are the ports of a service that somebody beside it reaches: the shop's own, those that services dial, and the one
// that shows that it is ready.
func (c Container) Ports(service string) []int {
	found := map[int]bool{c.Services[service].Port: true}
	for _, other := range c.Services {
		found[other.Dials[service]] = true
	}
	if ready := c.Services[service].Ready; ready != nil {
		found[ready.Port] = true
	}
	delete(found, 0)
	return slices.Sorted(maps.Keys(found))
}

// addresses are what {{ service "db:5432" }} may name: each port of each service that has one container.
func (c Container) addresses() []string {
	var all []string
	for _, name := range sortedKeys(c.Services) {
		for _, port := range c.Ports(name) {
			if c.Services[name].Count() == 1 {
				all = append(all, fmt.Sprintf("%s:%d", name, port))
			}
		}
	}
	return all
}
