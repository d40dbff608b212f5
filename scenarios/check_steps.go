package scenarios

import (
	"regexp"
	"slices"
	"strings"
)

// identifier is what a capture may be called: a name that a template can mention.
var identifier = regexp.MustCompile(`^[a-z_][a-z0-9_]*$`)

// steps checks set-up, journeys and acts, and that no template names what is not known yet at its step. configured is
// what configure has captured by then.
func (c *checker) steps(s *System, configured []string) {
	before := slices.Concat(itemNames(), secretNames(), configured)
	known := before
	for index, step := range s.Setup {
		path := at("setup", index, step.Name)
		c.step(path, step, known)
		if step.Payment != "" {
			c.fail(under(path, "payment"), "payment: set-up pays nothing: want a request")
		}
		known = slices.Concat(known, sortedKeys(step.Capture))
	}
	before = known
	c.setupCoupons(s, slices.Concat(couponNames(), secretNames(), configured))
	var captured []string
	for _, journey := range sortedKeys(s.Journeys) {
		path := at("journeys", journey)
		if len(s.Journeys[journey]) == 0 && (c.source == nil || c.emptyList(path)) {
			c.fail(path, "%s: has no steps: want at least one", journey)
		}
		visitor := slices.Concat(before, orderNames())
		if s.pairs(journey) {
			visitor = append(visitor, s.secondNames()...)
		}
		c.forgotten = nil
		c.way(path, s.Journeys[journey], visitor, visitor)
		Walk(s.Journeys[journey], func(inner []any, step Step) {
			c.mistakable(slices.Concat(path, inner), step)
			captured = append(captured, sortedKeys(step.Capture)...)
		})
	}
	// An act happens inside some journey, and may name what that one captured.
	for _, name := range sortedKeys(s.Acts) {
		c.step(at("acts", name), s.Acts[name], slices.Concat(before, orderNames(), captured))
	}
}

// knownActs are the names by which the judge knows what a step does, apart from those that only read.
func knownActs() []string { return []string{"cancel", stepRefund, "order", "pay", "payment"} }

// mistakable refuses a step that does something and whose name has that of an act in it, such as cancel-order: to the judge it
// would be none, and nobody would notice.
func (c *checker) mistakable(path []any, s Step) {
	mutation := s.GraphQL != nil && strings.HasPrefix(strings.TrimSpace(s.GraphQL.Query), "mutation")
	if s.Post == "" && s.Put == "" && s.Delete == "" && s.Payment == "" && !mutation {
		return
	}
	words := strings.FieldsFunc(s.Name, func(r rune) bool { return r == '-' || r == '_' })
	for _, act := range knownActs() {
		if len(words) > 1 && slices.Contains(words, act) {
			c.fail(path, "%s: the judge knows a step by its whole name, and takes this one for none that it knows: call it %s if that is what it does, "+
				"else give it a name without that word", s.Name, act)
			return
		}
	}
}

// setupCoupons checks the steps that give a coupon away. What they capture, only the next of them may name.
func (c *checker) setupCoupons(s *System, known []string) {
	for index, step := range s.SetupCoupons {
		path := at("setup-coupons", index, step.Name)
		c.step(path, step, known)
		if step.Payment != "" {
			c.fail(under(path, "payment"), "payment: set-up pays nothing: want a request")
		}
		known = slices.Concat(known, sortedKeys(step.Capture))
	}
}

// missing tells a list that the file does not give from one that did not decode.
func (c *checker) missing(path []any) bool { return !c.has(path...) || c.emptyList(path) }

// emptyList tells a list without items from one whose items did not decode.
func (c *checker) emptyList(path []any) bool {
	list := c.source.tree.find(path...)
	return list != nil && list.shape == shapeSequence && len(list.items) == 0
}

func (c *checker) step(path []any, s Step, known []string) {
	if s.Name == "" {
		return // it did not decode
	}
	if s.Name == stepRefund {
		known = slices.Concat(known, refundNames())
	}
	var verbs []string
	for _, verb := range stepVerbs(s) {
		if verb.target != "" {
			verbs = append(verbs, verb.name)
			c.template(under(path, verb.name), verb.name, verb.target, known)
		}
	}
	if s.GraphQL != nil {
		verbs = append(verbs, "graphql")
		c.graphQL(under(path, "graphql"), *s.GraphQL, known)
	}
	switch {
	case len(verbs) == 0 && !c.hasAny(path, verbNames()...):
		c.fail(path, "%s: does nothing: want one of %s", s.Name, strings.Join(verbNames(), ", "))
	case len(verbs) > 1:
		c.fail(under(path, verbs[1]), "%s: has both %s and %s: want one of %s",
			s.Name, verbs[0], verbs[1], strings.Join(verbNames(), ", "))
	case s.Payment != "":
		c.onlyKeys(path, s.Name, "which pays at the channel", "payment", "think", "within", "retry", "on")
	case s.End != "":
		c.onlyKeys(path, s.Name, "which ends the journey", "end", "think")
	case s.JSON != nil && s.Get != "":
		c.fail(under(path, "json"), "json: a get has no body: want post or put")
	case s.JSON != nil && s.GraphQL != nil:
		c.fail(under(path, "json"), "json: graphql is the body already: want graphql.variables")
	}
	c.body(under(path, "json"), "json", s.JSON, known)
	for _, name := range sortedKeys(s.Header) {
		c.template(under(path, "header", name), name, s.Header[name], known)
	}
	c.captures(path, s)
	c.wish(path, s)
	c.answers(path, s)
	c.poll(path, s)
}

// verbNames are the keys of which a step has exactly one.
func verbNames() []string {
	return []string{"get", "post", "put", "delete", "graphql", "payment", "end"}
}

type stepVerb struct{ name, target string }

func stepVerbs(s Step) []stepVerb {
	return []stepVerb{{"get", s.Get}, {"post", s.Post}, {"put", s.Put}, {"delete", s.Delete}, {"payment", s.Payment}, {"end", s.End}}
}

func (c *checker) hasAny(path []any, keys ...string) bool {
	return slices.ContainsFunc(keys, func(key string) bool { return c.has(under(path, key)...) })
}

// onlyKeys refuses keys that mean nothing in a step of this sort.
func (c *checker) onlyKeys(path []any, name, which string, allowed ...string) {
	for _, key := range keysOf(fieldsOf(typeStep)) {
		if !slices.Contains(allowed, key) && c.has(under(path, key)...) {
			c.fail(under(path, key), "%s: means nothing in %s, %s: %s", key, name, which, choose("", allowed))
		}
	}
}

// body checks the templates in a JSON body, each at its place. label is the key that it stands under.
func (c *checker) body(path []any, label string, value any, known []string) {
	switch value := value.(type) {
	case string:
		c.template(path, label, value, known)
	case map[string]any:
		for _, key := range sortedKeys(value) {
			c.body(under(path, key), label, value[key], known)
		}
	case []any:
		for index, item := range value {
			c.body(under(path, index), label, item, known)
		}
	}
}

// stepRefund is the step and the act that asks for money back.
const stepRefund = "refund"

// wish checks what a refund asks for. A part that the request does not name would be known to the judge and not to the shop.
func (c *checker) wish(path []any, s Step) {
	switch where := under(path, "amount"); {
	case s.Amount == 0 && !c.has(where...), s.Payment != "", s.End != "": // the latter have been told so
	case s.Name != stepRefund:
		c.fail(where, "amount: belongs to a step refund: %s asks for no money back", s.Name)
	case s.Amount != 0 && !s.Names(NameRefundMinor):
		c.fail(where, "amount: the request does not say it: want {{ %s }} in it", NameRefundMinor)
	}
}

// Names says whether the step's request names a value.
func (s Step) Names(name string) bool {
	return slices.ContainsFunc(s.templates(), func(text string) bool {
		parsed, err := ParseTemplate(text)
		return err == nil && slices.ContainsFunc(parsed.Uses(), func(u Use) bool { return u.Name == name })
	})
}

// RefundsName says whether every refund that buyers can ask for names a value.
func (s *System) RefundsName(name string) bool {
	all := true
	note := func(_ []any, step Step) { all = all && (step.Name != stepRefund || step.Names(name)) }
	for _, steps := range s.Journeys {
		Walk(steps, note)
	}
	for _, act := range s.Acts {
		note(nil, act)
	}
	return all
}

func (c *checker) captures(path []any, s Step) {
	taken := slices.Concat(itemNames(), orderNames(), couponNames(), secretNames(), pageNames(), processNames(), refundNames())
	for _, name := range sortedKeys(s.Capture) {
		where := under(path, "capture", name)
		switch {
		case !identifier.MatchString(name):
			c.fail(where, "capture: %q is no name that a template can mention: want lower case letters, digits and _", name)
		case slices.Contains(taken, name):
			c.fail(where, "capture: %q is a name that steps have already: want another", name)
		case strings.HasSuffix(name, ofSecond):
			c.fail(where, "capture: %q ends as the names of an order's second item do: want another", name)
		case s.Capture[name] == "" && !c.isBlank(where):
			c.fail(where, "capture: %s has no path in the answer: want one such as id", name)
		}
		switch part, what := CapturedFrom(s.Capture[name]); {
		case part == FromJSON:
			c.jsonPath(where, "capture", what)
		case !httpToken.MatchString(what):
			c.fail(where, "capture: %q names no %s: want one such as \"header Location\" or \"cookie sid\"", s.Capture[name], part)
		}
	}
}

func (c *checker) answers(path []any, s Step) {
	c.success(path, s)
	c.statuses(under(path, "ok"), s.OK)
	c.jsonPath(under(path, "state"), "state", s.State)
	if s.OK.Reason != "" || s.OK.Map != nil {
		c.fail(under(path, "ok"), "ok: has no reason: reason and map belong to refused")
	}
	if s.OK.Errors {
		c.fail(under(path, "ok", "errors"), "errors: an answer with errors is never ok: errors belongs to refused")
	}
	if len(s.OK.Code) > 0 {
		c.fail(under(path, "ok", "code"), "code: an answer with errors is never ok: code belongs to refused")
	}
	list := c.has(under(path, "refused", 0)...)
	for index, match := range s.Refused {
		where := under(path, "refused")
		if list {
			where = under(where, index)
		}
		c.statuses(where, match)
		c.jsonPath(under(where, "reason"), "reason", match.Reason)
		if len(match.Status) == 0 {
			c.fail(where, "refused: missing key \"status\": want a status such as 409")
		}
		if match.Errors && s.GraphQL == nil {
			c.fail(under(where, "errors"), "errors: belongs to a graphql step")
		}
		if len(match.Code) > 0 && s.GraphQL == nil {
			c.fail(under(where, "code"), "code: belongs to a graphql step, whose errors have one in their extensions: want where")
		}
		if match.Map != nil && match.Reason == "" && len(match.Code) == 0 && !c.isBlank(under(where, "reason")) {
			c.fail(under(where, "map"), "map: maps reasons, and there is none: want reason, the path of one in the answer")
		}
	}
}

// success wants a request to say which answers are ok. None is by default: a 200 that says "please wait" is no order.
func (c *checker) success(path []any, s Step) {
	asksNothing := s.Payment != "" || s.End != "" || c.hasAny(path, "payment", "end")
	if asksNothing || len(s.OK.Status) > 0 || !c.missing(under(path, "ok", "status")) {
		return
	}
	where := path
	if c.hasAny(path, "ok") {
		where = under(path, "ok")
	}
	c.fail(where, "%s: no answer counts as success: want the statuses that do, such as ok: {status: 200}", s.Name)
}

func (c *checker) statuses(path []any, m Match) {
	for index, status := range m.Status {
		if status < 200 || status > 599 {
			c.fail(under(path, "status", index), "status: %d is no HTTP status: want 200 to 599", status)
		}
	}
}

func (c *checker) poll(path []any, s Step) {
	polls := s.Name == "poll" || len(s.Until) > 0
	if !polls {
		if s.Every > 0 {
			c.fail(under(path, "every"), "every: belongs to a poll: want until with it")
		}
		return
	}
	if len(s.Until) == 0 && c.missing(under(path, "until")) {
		c.fail(path, "%s: missing key \"until\": want the order states that end the poll", s.Name)
	}
	if s.Within == 0 && !c.hasAny(path, "within") {
		c.fail(path, "%s: missing key \"within\": want how long the poll is patient", s.Name)
	}
	if s.State == "" && !c.hasAny(path, "state") {
		c.fail(path, "%s: missing key \"state\": want the path of the order's state in the answer", s.Name)
	}
	if s.Every > s.Within && s.Within > 0 {
		c.fail(under(path, "every"), "every: %s is longer than the poll is patient, %s", s.Every, s.Within)
	}
}
