package scenarios

import (
	"fmt"
	"net"
	"slices"
	"strconv"
)

// Dials are the peers that a shop which is no container dials over links of the run, with their addresses.
func (l Launch) Dials() map[string]string {
	switch {
	case l.Process != nil:
		return l.Process.Dials
	case l.External != nil:
		return l.External.Dials
	default:
		return nil
	}
}

// dialLinks are the links that they make.
func (s System) dialLinks() []string {
	var links []string
	for _, peer := range sortedKeys(s.Launch.Dials()) {
		links = append(links, between(endShop, peer))
	}
	return links
}

// dials checks what a shop that is no container dials. That an address is one, and of this machine, targets checks.
func (c *checker) dials(s *System, where []any) {
	for _, peer := range sortedKeys(s.Launch.Dials()) {
		path := under(where, peer)
		if !s.mayBePeer(peer) {
			c.fail(path, "dials: %q is no name of a peer: want lower case letters, digits and -, a letter first, and neither client, channel, "+
				"shop nor the system's own name, such as db", peer)
		}
		c.template(path, peer, s.Launch.Dials()[peer], []string{nameEnv})
	}
}

// mayBePeer says whether a shop that is no container may dial somebody of that name. It becomes a part of a link's, and means
// that link in faults.
func (s System) mayBePeer(name string) bool {
	return serviceName.MatchString(name) && !slices.Contains([]string{endClient, endChannel, endShop, s.Name}, name)
}

// dialsTold checks that the shop gets to know each link of its dials: one that it does not know has no traffic, and a fault
// that strikes it befalls nobody.
func (c *checker) dialsTold(s *System) {
	where, way := at("launch", "process", "dials"), "want {{ tcp %q }} in its env, a file or its command, or the link's address in links"
	if s.Launch.External != nil {
		where, way = at("launch", "external", "dials"), "want the address that it was given, such as links: {%s: \"127.0.0.1:15432\"}"
	}
	for _, peer := range sortedKeys(s.Launch.Dials()) {
		name := between(endShop, peer)
		if c.mentioned[name] || s.Links[name] != "" || !s.mayBePeer(peer) {
			continue
		}
		c.fail(under(where, peer), "dials: nobody tells the shop where the link %s is: "+way, name, name)
	}
}

// dialHost is the host of what a shop dials.
func dialHost(text string) ([]string, error) {
	host, port, err := net.SplitHostPort(text)
	if number, wrong := strconv.Atoi(port); err != nil || wrong != nil || host == "" || number < 1 || number > 65535 {
		return nil, fmt.Errorf("%q is no address to dial: want a host and a port, such as 127.0.0.1:5432", text)
	}
	return []string{host}, nil
}
