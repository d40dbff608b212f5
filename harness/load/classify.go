package load

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"github.com/tidwall/gjson"

	"github.com/paystorm/paystorm/history"
	"github.com/paystorm/paystorm/scenarios"
)

// Captures that the history understands.
const (
	captureOrder   = "order"
	capturePayment = "payment"
)

// answer is what came of one request.
type answer struct {
	outcome  history.Outcome
	reason   string
	status   int
	state    string // canonical; "" if none was told
	captured map[string]string
	cut      bool // the buyer was interrupted: nothing came, and no answer is recorded
	late     bool // a poll's patience has ended
}

func (a *answer) capture(name, value string) {
	if a.captured == nil {
		a.captured = map[string]string{}
	}
	a.captured[name] = value
}

func unknown(status int, format string, args ...any) answer {
	return answer{outcome: history.Unknown, status: status, reason: fmt.Sprintf(format, args...)}
}

// classify reads an answer by the step's own rules and by nothing else. A success that lacks what the step captures is
// no success that a buyer could go on with, and a refusal that lacks its reason may be somebody else's: both are unknown.
// So is an answer with GraphQL errors unless a refusal expects them, and always one with data beside its errors: half of
// what was asked for may be done.
func classify(step *scenarios.Step, states map[string]string, status int, body []byte) answer {
	failed := step.GraphQL != nil && hasErrors(body)
	if failed && hasData(body) {
		return unknown(status, "status %d with errors beside data", status)
	}
	if !failed && matches(step.OK, status, body) {
		return succeeded(step, states, status, body)
	}
	for _, match := range step.Refused {
		expects := match.Errors || len(match.Code) > 0
		if expects == failed && matches(match, status, body) {
			return refused(match, status, body)
		}
	}
	if failed {
		return unknown(status, "status %d with errors", status)
	}
	return unknown(status, "status %d%s", status, otherwise(step.OK, status, body))
}

// matches says whether all that a rule names is so.
func matches(match scenarios.Match, status int, body []byte) bool {
	if !slices.Contains(match.Status, status) {
		return false
	}
	for path, allowed := range match.Where {
		if !slices.Contains(allowed, get(body, path).String()) {
			return false
		}
	}
	return len(match.Code) == 0 || hasOnly(match.Code, body)
}

// hasOnly says whether every error of a GraphQL answer has one of the codes.
func hasOnly(codes scenarios.OneOf, body []byte) bool {
	errors := get(body, "errors").Array()
	return len(errors) > 0 && !slices.ContainsFunc(errors, func(one gjson.Result) bool {
		return !slices.Contains(codes, one.Get("extensions.code").String())
	})
}

// otherwise says what stood where a success of the same status would have had something else.
func otherwise(ok scenarios.Match, status int, body []byte) string {
	if !slices.Contains(ok.Status, status) {
		return ""
	}
	for _, path := range slices.Sorted(maps.Keys(ok.Where)) {
		if value := get(body, path).String(); !slices.Contains(ok.Where[path], value) {
			return fmt.Sprintf(" with %q at %s", value, path)
		}
	}
	return ""
}

func refused(match scenarios.Match, status int, body []byte) answer {
	reason := fmt.Sprintf("status %d", status)
	path := match.Reason
	if path == "" && len(match.Code) > 0 {
		path = "errors.0.extensions.code"
	}
	if path != "" {
		given := get(body, path).String()
		if given == "" {
			return unknown(status, "status %d without a reason at %s", status, path)
		}
		reason = cmp.Or(match.Map[given], given)
	}
	return answer{outcome: history.Refused, status: status, reason: reason}
}

// hasErrors says whether a GraphQL answer has errors. Anything but none or an empty list is one.
func hasErrors(body []byte) bool {
	found := get(body, "errors")
	return found.Type != gjson.Null && (!found.IsArray() || len(found.Array()) > 0)
}

// hasData says whether a GraphQL answer has any: a field that failed is null.
func hasData(body []byte) bool {
	some := false
	get(body, "data").ForEach(func(_, value gjson.Result) bool {
		some = some || value.Type != gjson.Null
		return !some
	})
	return some
}

func succeeded(step *scenarios.Step, states map[string]string, status int, body []byte) answer {
	if step.GraphQL != nil && !get(body, "data").IsObject() {
		return unknown(status, "status %d without data: no GraphQL answer", status)
	}
	result := answer{outcome: history.OK, status: status}
	for name, path := range step.Capture {
		if part, _ := scenarios.CapturedFrom(path); part != scenarios.FromJSON {
			continue
		}
		value := get(body, path).String()
		if value == "" {
			return unknown(status, "status %d without %s at %s", status, name, path)
		}
		result.capture(name, value)
	}
	if step.State != "" {
		result.state, result.reason = canonical(states, get(body, step.State).String(), step.State)
	}
	return result
}

// canonical maps the shop's word for an order's state. A canonical word that the system file does not map stands for
// itself; any other is no state, and the reason says so.
func canonical(states map[string]string, told, path string) (state, reason string) {
	switch mapped, ok := states[told]; {
	case ok:
		return mapped, ""
	case told == "":
		return "", "no state at " + path
	case slices.Contains(history.OrderStates(), history.OrderState(told)):
		return told, ""
	default:
		return "", fmt.Sprintf("state %q is not mapped", told)
	}
}

// get is the value at a path, or nothing in a body that is no JSON.
func get(body []byte, path string) gjson.Result {
	if !gjson.ValidBytes(body) {
		return gjson.Result{}
	}
	return gjson.GetBytes(body, path)
}
