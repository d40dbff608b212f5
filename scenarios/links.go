package scenarios

import (
	"fmt"
	"slices"
)

// The ends of links that are no container. The shop is called so in links whatever its service or process is called.
const (
	endClient  = "client"
	endChannel = "channel"
	endShop    = "shop"
)

// Link is a named TCP link of a run, from who dials to who is dialled.
type Link struct {
	Name     string // "client->shop-2"
	From, To string // client, channel, or a node
	// Over are the links that a balancer leads to: it is what everybody dials who does not care which replica answers.
	Over []string
}

// Links are the links of every run.
func Links() []string {
	return []string{between(endClient, endShop), between(endShop, endChannel), between(endChannel, endShop)}
}

func between(from, to string) string { return from + "->" + to }

// Network lists the links of a run: one for each replica of the shop and peer, and a balancer for each peer that dials a
// shop of several replicas.
func (s System) Network() []Link {
	var links []Link
	shops, ends := s.Nodes(""), s.shopEnds()
	for index, end := range ends {
		node := endShop
		if len(shops) > 0 {
			node = shops[index]
		}
		links = append(links,
			Link{Name: between(endClient, end), From: endClient, To: node},
			Link{Name: between(end, endChannel), From: node, To: endChannel},
			Link{Name: between(endChannel, end), From: endChannel, To: node})
		for _, peer := range sortedKeys(s.Launch.Dials()) {
			links = append(links, Link{Name: between(end, peer), From: node, To: peer})
		}
	}
	if len(ends) > 1 {
		for _, from := range []string{endClient, endChannel} {
			balancer := Link{Name: between(from, endShop), From: from, To: endShop}
			for _, end := range ends {
				balancer.Over = append(balancer.Over, between(from, end))
			}
			links = append(links, balancer)
		}
	}
	if s.Launch.Container == nil {
		return links
	}
	for _, service := range sortedKeys(s.Launch.Container.Services) {
		for _, node := range s.Launch.Container.Nodes(service) {
			for _, peer := range sortedKeys(s.Launch.Container.Services[service].Dials) {
				links = append(links, Link{Name: between(node, peer), From: node, To: peer})
			}
		}
	}
	return links
}

// shopEnds are what the shop's replicas are called in the links of clients and the channel.
func (s System) shopEnds() []string {
	count := len(s.Nodes(""))
	if count < 2 {
		return []string{endShop}
	}
	ends := make([]string, count)
	for index := range ends {
		ends[index] = fmt.Sprintf("%s-%d", endShop, index+1)
	}
	return ends
}

// replicated are the names that mean a link of each replica, and that nobody dials.
func (s System) replicated() (names []string, members map[string][]string) {
	members = map[string][]string{}
	ends := s.shopEnds()
	if len(ends) < 2 {
		return nil, members
	}
	add := func(name, member string) {
		if members[name] == nil {
			names = append(names, name)
		}
		members[name] = append(members[name], member)
	}
	for _, end := range ends {
		add(between(endShop, endChannel), between(end, endChannel))
	}
	container := s.Launch.Container
	shop := container.ShopService()
	for _, peer := range sortedKeys(container.Services[shop].Dials) {
		for _, node := range container.Nodes(shop) {
			add(between(shop, peer), between(node, peer))
		}
	}
	return names, members
}

// LinkNames are what `link:` may name: each link, and names that mean those of all replicas.
func (s System) LinkNames() []string {
	names, _ := s.replicated()
	for _, link := range s.Network() {
		names = append(names, link.Name)
	}
	return names
}

// LinkGroups are the names that mean several links and are none themselves. Beside those of `link:`, each name of
// NodeNames means all links that begin or end there, and "shop" all of the shop's.
func (s System) LinkGroups() map[string][]string {
	_, groups := s.replicated()
	for _, link := range s.Network() {
		if len(link.Over) > 0 {
			continue
		}
		for _, end := range []string{link.From, link.To} {
			if end == endClient || end == endChannel {
				continue
			}
			groups[end] = append(groups[end], link.Name)
			if end != endShop && slices.Contains(s.Nodes(""), end) {
				groups[endShop] = append(groups[endShop], link.Name)
			}
		}
	}
	if len(s.Nodes("")) > 1 {
		groups[s.Launch.Container.ShopService()] = groups[endShop]
	}
	return groups
}

// NodeNames are what `node:` may name: each process or container that the harness starts, and each service of several.
func (s System) NodeNames() []string {
	if s.Launch.Container == nil {
		return s.Nodes("")
	}
	var names []string
	for _, service := range sortedKeys(s.Launch.Container.Services) {
		nodes := s.Launch.Container.Nodes(service)
		if len(nodes) > 1 {
			names = append(names, service)
		}
		names = append(names, nodes...)
	}
	return names
}

// Nodes are the nodes that a name means, which may be a service's; "" means the shop's own. There are none of a shop that is
// not ours to start.
func (s System) Nodes(name string) []string {
	if s.Launch.Process != nil && (name == "" || name == s.Name) {
		return []string{s.Name}
	}
	container := s.Launch.Container
	if container == nil {
		return nil
	}
	if name == "" {
		name = container.ShopService()
	}
	if _, known := container.Services[name]; known {
		return container.Nodes(name)
	}
	if slices.Contains(s.NodeNames(), name) {
		return []string{name}
	}
	return nil
}

// Service is what the system says of a node's service, and nothing where it is no container.
func (s System) Service(node string) Service {
	if s.Launch.Container == nil {
		return Service{}
	}
	for name, service := range s.Launch.Container.Services {
		if slices.Contains(s.Launch.Container.Nodes(name), node) {
			return service
		}
	}
	return Service{}
}
