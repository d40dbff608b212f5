package scenarios

import (
	"net"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// checkSystem checks what the types and tags of a system cannot say.
func checkSystem(s *System, v Vocabulary) Errors {
	c := &checker{
		source: s.source, launched: slices.Concat(processNames(), credentialNames(s.Channel.Dialect, v.Dialects)),
		arguments: map[string][]string{
			nameLink: slices.Concat(Links(), s.dialLinks()), nameTCP: s.dialLinks(), "sink": sortedKeys(s.Sinks),
		},
		mentioned: map[string]bool{},
	}
	if s.Launch.Container != nil {
		c.launched = slices.Concat(serviceNames(), credentialNames(s.Channel.Dialect, v.Dialects))
		c.arguments[nameService] = s.Launch.Container.addresses()
	}
	c.captured = whoCaptures(s)
	c.launch(s)
	if s.Ready.Within == 0 && c.has("ready", "within") && c.isScalar(at("ready", "within")) {
		c.fail(at("ready", "within"), "within: 0 is no time: want how long the shop may take, such as 10s")
	}
	c.script(s)
	for index, grant := range s.Grants {
		if grant == "" || slices.Contains(s.Grants[:index], grant) {
			c.fail(at("grants", index), "grants: %q is empty or there twice: want each kind of side effect once", grant)
		}
	}
	c.sinks(s)
	c.given(s, v)
	configured := c.configure(s)
	c.dialsTold(s)
	c.steps(s, configured)
	for index, job := range s.Jobs {
		path := at("jobs", index)
		same := func(j Job) bool { return j.Name == job.Name && j.Name != "" }
		if slices.ContainsFunc(s.Jobs[:index], same) {
			c.fail(under(path, "name"), "name: there is a job %q already: want each once", job.Name)
		}
		c.job(path, job, slices.Concat(secretNames(), configured))
	}
	c.probes(s, configured)
	c.endpoints(s)
	c.laws(s.Laws, v)
	c.targets(*s, nil)
	return c.errs
}

// whoCaptures says of each captured name which step captures it, for whoever names it too early.
func whoCaptures(s *System) map[string]string {
	captured := map[string]string{}
	note := func(where string, steps ...Step) {
		Walk(steps, func(_ []any, step Step) {
			for name := range step.Capture {
				captured[name] = "step " + step.Name + " of " + where
			}
		})
	}
	for _, name := range sortedKeys(s.Acts) {
		note("acts", s.Acts[name])
	}
	for _, name := range sortedKeys(s.Journeys) {
		note("journey "+name, s.Journeys[name]...)
	}
	note("setup", s.Setup...)
	note("setup-coupons", s.SetupCoupons...)
	note("configure", s.Configure...)
	return captured
}

func (c *checker) job(path []any, job Job, known []string) {
	switch {
	case job.Post != "" && job.GraphQL != nil:
		c.fail(under(path, "graphql"), "%s: has both post and graphql: want one of them", job.Name)
	case job.Post == "" && job.GraphQL == nil && !c.hasAny(path, "post", "graphql"):
		c.fail(path, "%s: does nothing: want post or graphql", job.Name)
	}
	c.template(under(path, "post"), "post", job.Post, known)
	if job.GraphQL != nil {
		c.graphQL(under(path, "graphql"), *job.GraphQL, known)
	}
	for _, name := range sortedKeys(job.Header) {
		c.template(under(path, "header", name), name, job.Header[name], known)
	}
}

func (c *checker) launch(s *System) {
	var ways []string
	for _, way := range []struct {
		name string
		set  bool
	}{
		{"process", s.Launch.Process != nil},
		{"external", s.Launch.External != nil},
		{"container", s.Launch.Container != nil},
	} {
		if way.set {
			ways = append(ways, way.name)
		}
	}
	switch {
	case len(ways) > 1:
		c.fail(at("launch", ways[1]), "launch: has both %s and %s: want one of them", ways[0], ways[1])
	case s.Launch.Process != nil:
		c.process(s.Launch.Process)
		c.dials(s, at("launch", "process", "dials"))
	case s.Launch.External != nil:
		c.dials(s, at("launch", "external", "dials"))
	case s.Launch.Container != nil:
		c.container(s)
	case len(ways) == 0 && c.source == nil: // of a file, the decoder has said so
		c.fail(at("launch"), "launch: says nothing: want process, external or container")
	}
}

func (c *checker) process(p *Process) {
	path := at("launch", "process")
	for index, word := range p.Command {
		if uses := secretsIn(word); len(uses) > 0 {
			c.fail(under(path, "command", index), "command: everybody on the machine can see {{ %s %q }} in a command: want it in env",
				uses[0].Name, uses[0].Argument)
			continue
		}
		c.template(under(path, "command", index), "command", word, c.launched)
	}
	for _, name := range sortedKeys(p.Env) {
		c.template(under(path, "env", name), name, p.Env[name], slices.Concat(c.launched, secretNames()))
	}
	for _, name := range sortedKeys(p.Files) {
		c.file(under(path, "files", name), name, p)
	}
}

func (c *checker) file(path []any, name string, p *Process) {
	if !filepath.IsLocal(filepath.FromSlash(name)) {
		c.fail(path, "files: %q is no path below the working directory: want one such as config/gateway.yaml", name)
	} else {
		c.oneSource(path, name)
	}
	known := c.launched
	if p.Dir != "" {
		known = slices.Concat(known, secretNames())
	} else if uses := secretsIn(p.Files[name].Text); len(uses) > 0 {
		c.fail(path, "%s: would bring a secret, {{ %s %q }}, into the run directory: want it in env, or name a working directory of the shop's own, dir",
			name, uses[0].Name, uses[0].Argument)
		return
	}
	c.template(path, name, p.Files[name].Text, known)
}

// oneSource checks that a file's content stands in one place.
func (c *checker) oneSource(path []any, name string) {
	switch text, template := c.has(under(path, "text")...), c.has(under(path, "template")...); {
	case text && template:
		c.fail(under(path, "template"), "%s: has both text and template: want one of them", name)
	case !text && !template && c.isMap(path):
		c.fail(path, "%s: says nothing: want text, or template, a file beside this one", name)
	}
}

// isMap says whether the file has a map there: what is none has been reported.
func (c *checker) isMap(path []any) bool {
	if c.source == nil {
		return true
	}
	found := c.source.tree.find(path...)
	return found != nil && found.shape == shapeMapping
}

func (c *checker) sinks(s *System) {
	for _, name := range sortedKeys(s.Sinks) {
		c.jsonPath(at("sinks", name, "key"), "key", s.Sinks[name].Key)
		c.jsonPath(at("sinks", name, "order"), "order", s.Sinks[name].Order)
	}
}

// given checks what a shop has been told already: addresses of links, and what the channel would else make for it.
func (c *checker) given(s *System, v Vocabulary) {
	known := slices.Concat(Links(), s.dialLinks())
	for _, name := range sortedKeys(s.Links) {
		if !slices.Contains(known, name) {
			c.fail(at("links", name), "links: unknown link %q: %s", name, choose(name, known))
			continue
		}
		host, port, err := net.SplitHostPort(s.Links[name])
		if number, wrong := strconv.Atoi(port); err != nil || wrong != nil || number < 1 || !isLoopback(host) {
			c.fail(at("links", name), "links: %q is no address that a link can have: want a loopback one with a port, such as 127.0.0.1:7070", s.Links[name])
		}
	}
	names := append(credentialNames(s.Channel.Dialect, v.Dialects), "channel.merchant")
	for _, name := range sortedKeys(s.Channel.Credentials) {
		path := at("channel", "credentials", name)
		if !slices.Contains(names, "channel."+name) {
			allowed := strings.Split(strings.ReplaceAll(strings.Join(names, " "), "channel.", ""), " ")
			c.fail(path, "credentials: the dialect gives no %q: %s", name, choose(name, allowed))
		}
		c.template(path, name, s.Channel.Credentials[name], secretNames())
	}
}

// configure checks the steps that tell the shop of the channel, and returns what they capture.
func (c *checker) configure(s *System) (captured []string) {
	for index, step := range s.Configure {
		path := at("configure", index, step.Name)
		known := slices.Concat(c.launched, secretNames(), captured)
		c.step(path, step, known)
		if step.Payment != "" {
			c.fail(under(path, "payment"), "payment: configuring pays nothing: want a request")
		}
		captured = append(captured, sortedKeys(step.Capture)...)
	}
	return captured
}

// jsonPath checks a path in a JSON answer. The library that reads it has no wrong paths, only ones that find nothing.
func (c *checker) jsonPath(path []any, label, text string) {
	if text != "" && !dotted.MatchString(text) && !strings.ContainsAny(text, `#@\`) {
		c.fail(path, "%s: %q is no path in an answer: want keys and indexes with dots between them, such as data.items.0.id", label, text)
	}
}

var dotted = regexp.MustCompile(`^[^.\s/$\[\]]+(\.[^.\s/$\[\]]+)*$`)

// template checks that a string parses and that it mentions nothing but known names.
func (c *checker) template(path []any, label, text string, known []string) {
	parsed, err := ParseTemplate(text)
	if err != nil {
		c.fail(path, "%s: %s", label, err)
		return
	}
	for _, use := range parsed.Uses() {
		if c.mentioned != nil && (use.Name == nameLink || use.Name == nameTCP) {
			c.mentioned[use.Argument] = true
		}
		allowed, called := c.arguments[use.Name]
		secret := slices.Contains(secretNames(), use.Name)
		switch {
		case !slices.Contains(known, use.Name) && slices.Contains(c.forgotten, use.Name):
			c.fail(path, "%s: the template names %q, which is not known on every way that leads here: "+
				"want it captured on each, or the others to end", label, use.Name)
		case !slices.Contains(known, use.Name) && c.captured[use.Name] != "":
			c.fail(path, "%s: the template names %q before it is captured, which %s does", label, use.Name, c.captured[use.Name])
		case !slices.Contains(known, use.Name):
			c.fail(path, "%s: the template names %q, which is unknown here: %s", label, use.Name, choose(use.Name, known))
		case secret && slices.Contains(known, use.Name):
			c.secret(path, label, use)
		case called && !use.Call:
			c.fail(path, "%s: %s wants an argument: %s", label, use.Name, choose("", allowed))
		case called && !slices.Contains(allowed, use.Argument):
			c.fail(path, "%s: unknown %s %q: %s", label, use.Name, use.Argument, choose(use.Argument, allowed))
		case !called && use.Call:
			c.fail(path, "%s: %s takes no argument", label, use.Name)
		}
	}
}

// variable is what a variable of an environment may be called.
var variable = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

func (c *checker) secret(path []any, label string, use Use) {
	switch {
	case !use.Call:
		c.fail(path, "%s: %s wants an argument: the name of a variable, or of a file with the secret in it", label, use.Name)
	case use.Name == nameEnv && !variable.MatchString(use.Argument):
		c.fail(path, "%s: %q is no name of a variable: want one such as SHOP_DSN", label, use.Argument)
	case use.Argument == "":
		c.fail(path, "%s: file names none: want a path, absolute or from this file's folder", label)
	}
}
