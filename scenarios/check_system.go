package scenarios

import (
	"net"
	"net/url"
	"slices"
	"strings"
)

// checkSystem checks what the types and tags of a system cannot say.
func checkSystem(s *System, v Vocabulary) Errors {
	c := &checker{source: s.source}
	c.launch(s, slices.Concat(processNames(), credentialNames(s.Channel.Dialect, v.Dialects)))
	if c.source == nil && len(s.Journeys) == 0 {
		c.fail(at("journeys"), "journeys: the system has none: want at least one")
	}
	for index, grant := range s.Grants {
		if grant == "" || slices.Contains(s.Grants[:index], grant) {
			c.fail(at("grants", index), "grants: %q is empty or there twice: want each kind of side effect once", grant)
		}
	}
	c.steps(s)
	for _, table := range sortedKeys(s.Probes) {
		c.probe(table, s.Probes[table])
	}
	return c.errs
}

func (c *checker) launch(s *System, names []string) {
	process, external := s.Launch.Process, s.Launch.External
	switch {
	case process != nil && external != nil:
		c.fail(at("launch", "external"), "launch: has both process and external: want one of them")
	case process != nil:
		c.process(process, sortedKeys(s.Sinks), names)
	case external != nil:
		c.external(external.URL, s.Allow)
	case c.source == nil: // of a file, the decoder has said so
		c.fail(at("launch"), "launch: says nothing: want process or external")
	}
}

func (c *checker) process(p *Process, sinks, known []string) {
	arguments := map[string][]string{"link": Links(), "sink": sinks}
	for index, word := range p.Command {
		c.template(at("launch", "process", "command", index), "command", word, known, arguments)
	}
	for _, name := range sortedKeys(p.Env) {
		c.template(at("launch", "process", "env", name), name, p.Env[name], known, arguments)
	}
}

// external lets the harness reach nothing but this machine, unless the file names the host and says why.
func (c *checker) external(target string, allow []Allow) {
	path := at("launch", "external", "url")
	parsed, err := url.Parse(target)
	if err != nil || (parsed.Scheme != "http" && parsed.Scheme != "https") || parsed.Hostname() == "" {
		if target != "" {
			c.fail(path, "url: %q is no address of a shop: want one such as http://127.0.0.1:8080", target)
		}
		return
	}
	host := parsed.Hostname()
	loopback := host == "localhost"
	if ip := net.ParseIP(host); ip != nil {
		loopback = ip.IsLoopback()
	}
	if !loopback && !slices.ContainsFunc(allow, func(a Allow) bool { return a.Host == host }) {
		c.fail(path, "url: %s is not this machine: want a loopback address, or an entry in allow with the host and a reason", host)
	}
}

// template checks that a string parses and that it mentions nothing but known names. arguments are the names that take
// one, and what it may be.
func (c *checker) template(path []any, label, text string, known []string, arguments map[string][]string) {
	parsed, err := ParseTemplate(text)
	if err != nil {
		c.fail(path, "%s: %s", label, err)
		return
	}
	for _, use := range parsed.Uses() {
		allowed, called := arguments[use.Name]
		switch {
		case !slices.Contains(known, use.Name):
			c.fail(path, "%s: the template names %q, which is unknown here: %s", label, use.Name, choose(use.Name, known))
		case called && !use.Call:
			c.fail(path, "%s: %s wants an argument: %s", label, use.Name, choose("", allowed))
		case called && !slices.Contains(allowed, use.Argument):
			c.fail(path, "%s: unknown %s %q: %s", label, use.Name, use.Argument, choose(use.Argument, allowed))
		case !called && use.Call:
			c.fail(path, "%s: %s takes no argument", label, use.Name)
		}
	}
}

func (c *checker) probe(table string, p Probe) {
	path := at("probes", table)
	switch {
	case p.SQLite != "" && p.HTTP != "":
		c.fail(under(path, "http"), "%s: has both sqlite and http: want one of them", table)
	case p.SQLite == "" && p.HTTP == "":
		c.fail(path, "%s: says nothing to read: want sqlite with query, or http", table)
	case p.SQLite != "" && strings.TrimSpace(p.Query) == "":
		c.fail(path, "%s: missing key \"query\": want the SQL that reads the table", table)
	case p.SQLite != "" && p.Rows != "":
		c.fail(under(path, "rows"), "rows: belongs to http: want query")
	case p.HTTP != "" && p.Query != "":
		c.fail(under(path, "query"), "query: belongs to sqlite: want rows and fields")
	case p.HTTP != "" && !strings.HasPrefix(p.HTTP, "/"):
		c.fail(under(path, "http"), "http: %q is no path at the shop: want one such as /admin/%s", p.HTTP, table)
	}
	allowed := map[string][]string{"orders": OrderStates(), "refunds": RefundStates()}[table]
	for _, state := range sortedKeys(p.States) {
		if canonical := p.States[state]; allowed != nil && !slices.Contains(allowed, canonical) {
			c.fail(under(path, "states", state), "states: unknown state %q of %s: %s", canonical, table, choose(canonical, allowed))
		}
	}
}
