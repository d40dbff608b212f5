package load

import (
	"cmp"
	"fmt"
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
}

func unknown(status int, format string, args ...any) answer {
	return answer{outcome: history.Unknown, status: status, reason: fmt.Sprintf(format, args...)}
}

// classify reads an answer by the step's own rules and by nothing else. A success that lacks what the step captures is
// no success that a buyer could go on with, and a refusal that lacks its reason may be somebody else's: both are unknown.
// So is an answer with GraphQL errors, which may come with half of what was asked for done, unless a refusal expects them.
func classify(step *scenarios.Step, states map[string]string, status int, body []byte) answer {
	failed := step.GraphQL != nil && hasErrors(body)
	if !failed && slices.Contains(step.OK.Status, status) {
		return succeeded(step, states, status, body)
	}
	for _, match := range step.Refused {
		if match.Errors != failed || !slices.Contains(match.Status, status) {
			continue
		}
		reason := fmt.Sprintf("status %d", status)
		if match.Reason != "" {
			given := get(body, match.Reason).String()
			if given == "" {
				return unknown(status, "status %d without a reason at %s", status, match.Reason)
			}
			reason = cmp.Or(match.Map[given], given)
		}
		return answer{outcome: history.Refused, status: status, reason: reason}
	}
	if failed {
		return unknown(status, "status %d with errors", status)
	}
	return unknown(status, "status %d", status)
}

// hasErrors says whether a GraphQL answer has errors. Anything but none or an empty list is one.
func hasErrors(body []byte) bool {
	found := get(body, "errors")
	return found.Type != gjson.Null && (!found.IsArray() || len(found.Array()) > 0)
}

func succeeded(step *scenarios.Step, states map[string]string, status int, body []byte) answer {
	if step.GraphQL != nil && !get(body, "data").IsObject() {
		return unknown(status, "status %d without data: no GraphQL answer", status)
	}
	result := answer{outcome: history.OK, status: status}
	for name, path := range step.Capture {
		value := get(body, path).String()
		if value == "" {
			return unknown(status, "status %d without %s at %s", status, name, path)
		}
		if result.captured == nil {
			result.captured = map[string]string{}
		}
		result.captured[name] = value
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
