package scenarios

import (
	"slices"
)

// Ways in which a step can end that `on` and `retry` may name, beside a refusal's reasons and an order's states.
const (
	OnRefused  = "refused"
	OnUnknown  = "unknown"
	OnPatience = "patience" // a poll's has ended
)

// way checks steps that a buyer takes in turn, and returns what is known at their end, and whether the journey ends there.
// visitor is what a buyer knows who begins anew.
func (c *checker) way(path []any, steps []Step, known, visitor []string) (after []string, ends bool) {
	for index, step := range steps {
		where := under(path, index, step.Name)
		if ends {
			c.fail(where, "%s: is never reached: the journey has ended before it", step.Name)
			break
		}
		if step.Fresh {
			known = visitor
		}
		c.step(where, step, known)
		c.retry(where, step)
		known = c.branches(where, step, known, visitor)
		ends = step.End != ""
	}
	return known, ends
}

// branches checks where a step leads to. Known after it is what its own success captured, less what a branch that comes
// back lacks.
func (c *checker) branches(path []any, s Step, known, visitor []string) []string {
	succeeded := slices.Concat(known, sortedKeys(s.Capture))
	c.forgotten = append(c.forgotten, succeeded...)
	after := succeeded
	for _, outcome := range sortedKeys(s.On) {
		where := under(path, "on", outcome)
		c.outcome(where, "on", s, outcome)
		if len(s.On[outcome]) == 0 && (c.source == nil || c.emptyList(where)) {
			c.fail(where, "on: %s leads nowhere: want at least one step", outcome)
		}
		before := known
		if c.isState(s, outcome) {
			before = succeeded
		}
		if back, ends := c.way(where, s.On[outcome], before, visitor); !ends {
			after = slices.DeleteFunc(slices.Clone(after), func(name string) bool { return !slices.Contains(back, name) })
		}
	}
	return after
}

// isState says whether the word stands for a state that the step's answer told, and not for a reason.
func (c *checker) isState(s Step, word string) bool {
	return s.State != "" && slices.Contains(OrderStates(), word)
}

// outcome checks that a step can end in the way that `on` or `retry` names.
func (c *checker) outcome(path []any, key string, s Step, word string) {
	pays := s.Payment != ""
	refusals := pays || len(s.Refused) > 0
	reasons := pays || slices.ContainsFunc(s.Refused, func(m Match) bool { return m.Reason != "" })
	switch {
	case word == OnUnknown, c.isState(s, word):
	case word == OnPatience:
		if len(s.Until) == 0 {
			c.fail(path, "%s: %s has no patience that could end: it is no poll", key, s.Name)
		}
	case !refusals:
		c.fail(path, "%s: no answer to %s is a refusal: want refused with it", key, s.Name)
	case word != OnRefused && !reasons:
		c.fail(path, "%s: %s is refused without a reason that could be %q: want reason, the path of one in the answer", key, s.Name, word)
	}
}

func (c *checker) retry(path []any, s Step) {
	if s.Retry == nil {
		return
	}
	where := under(path, "retry")
	if len(s.Until) > 0 {
		c.fail(where, "retry: a poll asks again by itself: want every and within")
		return
	}
	for index, word := range s.Retry.On {
		place := under(where, "on")
		if c.has(under(place, index)...) {
			place = under(place, index)
		}
		if c.isState(s, word) {
			c.fail(place, "retry: %s is told by an answer that is ok: want a poll, which waits for states", word)
			continue
		}
		c.outcome(place, "retry", s, word)
	}
}
