package scenarios

import (
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"
)

const (
	nameTCP     = "tcp"
	nameLink    = "link"
	nameReplica = "replica"
	nameService = "service"
)

// serviceNames are what a service's strings may name beside secrets and credentials; link, tcp and sink take an argument.
func serviceNames() []string {
	return []string{nameReplica, "channel.merchant", "channel.notify", "channel.ca", nameLink, nameTCP, "sink"}
}

// serviceName is what a service may be called: it becomes a host name, and a part of links' names.
var serviceName = regexp.MustCompile(`^[a-z][a-z0-9-]*$`)

// container checks services, one by one and as a whole.
func (c *checker) container(s *System) {
	where := at("launch", "container")
	container := s.Launch.Container
	if len(container.Services) == 0 && container.Compose != "" {
		return // what is wrong with the Compose file has been said
	}
	if len(container.Services) == 0 {
		c.fail(where, "container: names no service: want services, such as {shop: {image: shop, port: 8080}}")
		return
	}
	outer := c.arguments
	for _, name := range sortedKeys(container.Services) {
		c.arguments = maps.Clone(outer)
		c.arguments[nameTCP] = container.linksOf(name)
		c.arguments[nameLink] = slices.Concat(container.linksOf(name), []string{"shop->channel"})
		c.service(*container, name)
	}
	c.arguments = outer
	c.shopService(*container)
	c.startOrder(*container)
}

// linksOf are the links of a service's own dials, as its strings name them.
func (c Container) linksOf(service string) []string {
	var links []string
	for _, peer := range sortedKeys(c.Services[service].Dials) {
		links = append(links, service+"->"+peer)
	}
	return links
}

// service checks one service for itself, and that those it names are there.
func (c *checker) service(container Container, name string) {
	where, service := at("launch", "container", "services", name), container.Services[name]
	c.serviceName(where, container, name)
	switch {
	case service.Image != "" && service.Build != nil:
		c.fail(under(where, "build"), "%s: has both image and build: want one of them", name)
	case service.Image == "" && service.Build == nil && !c.hasAny(where, "image", "build"):
		c.fail(where, "%s: has no image: want image, or build with a context", name)
	}
	c.template(under(where, "image"), "image", service.Image, []string{nameEnv})
	if service.Build != nil {
		for _, arg := range sortedKeys(service.Build.Args) {
			c.template(under(where, "build", "args", arg), arg, service.Build.Args[arg], []string{nameEnv})
		}
	}
	peers := sortedKeys(container.Services)
	for _, peer := range sortedKeys(service.Dials) {
		path := under(where, "dials", peer)
		c.peer(path, "dials", name, peer, peers)
		c.port(path, peer, service.Dials[peer])
	}
	for index, peer := range service.DependsOn {
		c.peer(under(where, "depends-on", index), "depends-on", name, peer, peers)
	}
	if service.Port != 0 {
		c.port(under(where, "port"), "port", service.Port)
	}
	c.readiness(where, name, service)
	c.told(where, service)
	for _, act := range sortedKeys(service.Acts) {
		if len(service.Acts[act]) == 0 {
			c.fail(under(where, "acts", act), "acts: %s does nothing: want a command, such as [redis-cli, flushall]", act)
		}
	}
}

func (c *checker) serviceName(where []any, container Container, name string) {
	if !serviceName.MatchString(name) || name == "client" || name == "channel" {
		c.fail(where, "services: %q is no name of a service: want lower case letters, digits and -, a letter first, and neither client nor channel", name)
	}
	for _, other := range sortedKeys(container.Services) {
		if container.Services[other].Count() > 1 && slices.Contains(container.Nodes(other), name) {
			c.fail(where, "services: %q is what a replica of %s is called: want another name", name, other)
		}
	}
}

func (c *checker) peer(where []any, key, name, peer string, peers []string) {
	switch {
	case peer == name:
		c.fail(where, "%s: %s names itself: want another service", key, name)
	case !slices.Contains(peers, peer):
		c.fail(where, "%s: unknown service %q: %s", key, peer, choose(peer, peers))
	}
}

func (c *checker) port(where []any, label string, port int) {
	if port < 1 || port > 65535 {
		c.fail(where, "%s: %d is no port: want 1 to 65535", label, port)
	}
}

func (c *checker) readiness(where []any, name string, service Service) {
	ready := service.Ready
	if ready == nil {
		return
	}
	where = under(where, "ready")
	var ways []string
	for _, way := range []struct {
		name string
		set  bool
	}{
		{"http", ready.HTTP != ""},
		{"log", ready.Log != ""},
		{"port", ready.Port != 0 && ready.HTTP == ""},
		{"exec", len(ready.Exec) > 0},
	} {
		if way.set {
			ways = append(ways, way.name)
		}
	}
	const want = "want one of http, log, port and exec"
	switch {
	case len(ways) == 0 && !c.hasAny(where, "http", "log", "port", "exec"):
		c.fail(where, "ready: says nothing: %s", want)
	case len(ways) > 1:
		c.fail(under(where, ways[1]), "ready: has both %s and %s: %s", ways[0], ways[1], want)
	case ready.HTTP != "" && ready.Port == 0 && service.Port == 0:
		c.fail(under(where, "http"), "ready: http of %s has no port: want port beside it", name)
	}
	if ready.Port != 0 {
		c.port(under(where, "port"), "port", ready.Port)
	}
}

// told checks what a service is told, and with which limits it runs.
func (c *checker) told(where []any, service Service) {
	known := slices.Concat(c.launched, []string{nameEnv, nameFile})
	for index, word := range service.Command {
		path := under(where, "command", index)
		if secret := slices.IndexFunc(secretsIn(word), func(u Use) bool { return !u.Default }); secret >= 0 {
			c.fail(path, "command: everybody on the machine can see {{ %s %q }} in a command: want it in environment",
				secretsIn(word)[secret].Name, secretsIn(word)[secret].Argument)
			continue
		}
		c.template(path, "command", word, known)
	}
	for _, name := range sortedKeys(service.Environment) {
		c.template(under(where, "environment", name), name, service.Environment[name], known)
	}
	for _, name := range sortedKeys(service.Files) {
		path := under(where, "files", name)
		c.containerPath(path, "files", name)
		c.oneSource(path, name)
		c.template(path, name, service.Files[name].Text, known)
	}
	for _, name := range sortedKeys(service.Tmpfs) {
		c.containerPath(under(where, "tmpfs", name), "tmpfs", name)
	}
	if service.Clock != "" {
		c.containerPath(under(where, "clock"), "clock", service.Clock)
	}
}

// containerPath checks that a path is one in a container, whatever this machine's paths look like.
func (c *checker) containerPath(where []any, key, name string) {
	if !path.IsAbs(name) || path.Clean(name) != name || name == "/" {
		c.fail(where, "%s: %q is no path in the container: want an absolute one, such as /etc/shop.conf", key, name)
	}
}

// shopService checks that one service is the shop, and that no other one is taken for it.
func (c *checker) shopService(container Container) {
	where, services := at("launch", "container"), container.Services
	shop := container.ShopService()
	switch service, known := services[shop]; {
	case shop == "" && !slices.ContainsFunc(sortedKeys(services), func(name string) bool { return c.has(under(where, "services", name, "port")...) }):
		c.fail(under(where, "services"), "services: none of them is the shop: want port, on which the shop listens, at one of them")
		return
	case shop == "":
		return // a port that did not decode
	case !known:
		c.fail(under(where, "shop"), "shop: unknown service %q: %s", shop, choose(shop, sortedKeys(services)))
		return
	case service.Port == 0:
		c.fail(under(where, "shop"), "shop: %s has no port: want the one on which it listens", shop)
	}
	for _, name := range sortedKeys(services) {
		path := under(where, "services", name)
		if name != shop && services[name].Port != 0 {
			c.fail(under(path, "port"), "port: %s is the shop, and %s has a port too: want it in the dials of those that reach it", shop, name)
		}
		if name != shop && services[name].Count() > 1 {
			c.fail(under(path, "replicas"), "replicas: %s is not the shop: want one container", name)
		}
	}
}

// startOrder checks that the services can be started one after another.
func (c *checker) startOrder(container Container) {
	var visit func(name string, way []string) bool
	done := map[string]bool{}
	visit = func(name string, way []string) bool {
		if begin := slices.Index(way, name); begin >= 0 {
			c.fail(at("launch", "container", "services", way[len(way)-1], "depends-on"),
				"depends-on: goes in a circle, %s: want one of them started first", strings.Join(append(way[begin:], name), " → "))
			return false
		}
		for _, peer := range container.Services[name].DependsOn {
			if peer != name && !done[peer] && !visit(peer, append(slices.Clone(way), name)) {
				return false
			}
		}
		done[name] = true
		return true
	}
	for _, name := range sortedKeys(container.Services) {
		if !done[name] && !visit(name, nil) {
			return
		}
	}
}
