package load

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/paystorm/paystorm/history"
	"github.com/paystorm/paystorm/scenarios"
)

// step is a step of the system file with its templates parsed.
type step struct {
	scenarios.Step
	method  string
	path    *scenarios.Template // of a pay step: the payment's id
	header  map[string]*scenarios.Template
	body    *scenarios.Body // nil: none
	polling bool
	on      map[string][]*step
	place   string // in the journey: what its pauses are drawn by
	coupon  bool   // its request names the buyer's
}

// parseSteps parses steps that stand at a place.
func parseSteps(from []scenarios.Step, place string) ([]*step, error) {
	parsed := make([]*step, len(from))
	for index, one := range from {
		var err error
		if parsed[index], err = parseStep(one, place+"/"+strconv.Itoa(index)); err != nil {
			return nil, fmt.Errorf("step %d, %s: %w", index, one.Name, err)
		}
	}
	return parsed, nil
}

func parseStep(from scenarios.Step, place string) (*step, error) {
	s := &step{Step: from, header: map[string]*scenarios.Template{}, on: map[string][]*step{}, place: place}
	s.polling, s.coupon = len(from.Until) > 0, from.Names(scenarios.NameCoupon)
	var err error
	for outcome, branch := range from.On {
		if s.on[outcome], err = parseSteps(branch, place+"/"+outcome); err != nil {
			return nil, fmt.Errorf("on %s: %w", outcome, err)
		}
	}
	if from.End != "" {
		return s, nil
	}
	var target string
	for _, verb := range []struct{ method, target string }{
		{http.MethodGet, from.Get},
		{http.MethodPost, from.Post},
		{http.MethodPut, from.Put},
		{http.MethodDelete, from.Delete},
		{"", from.Payment},
	} {
		if verb.target != "" {
			s.method, target = verb.method, verb.target
		}
	}
	body := from.JSON
	if graphQL := from.GraphQL; graphQL != nil {
		// The document passes for a template, and for one that names nothing: system files have none in it.
		body = map[string]any{"query": graphQL.Query, "variables": graphQL.Variables}
		s.method, target = http.MethodPost, graphQL.Path
	}
	if target == "" {
		return nil, errors.New("has neither a request nor a payment, and is no end")
	}
	if s.path, err = scenarios.ParseTemplate(target); err != nil {
		return nil, err
	}
	for name, value := range from.Header {
		if s.header[name], err = scenarios.ParseTemplate(value); err != nil {
			return nil, err
		}
	}
	if body != nil {
		if s.body, err = scenarios.ParseBody(body); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// kind is the operation's kind in the history.
func (s *step) kind() string {
	switch {
	case s.Payment != "":
		return history.OpPay
	case s.polling:
		return history.OpPoll
	default:
		return s.Name
	}
}

func (s *step) within() time.Duration {
	if s.polling { // there it is the patience of the whole poll
		return requestWithin
	}
	return cmp.Or(time.Duration(s.Within), requestWithin)
}

// request builds the request to the shop. Its body cannot be read twice, so that the transport cannot send it twice.
func (s *step) request(ctx context.Context, base string, values scenarios.Values) (*http.Request, error) {
	path, err := s.path.Execute(values)
	if err != nil {
		return nil, err
	}
	var body io.Reader
	if s.body != nil {
		text, err := s.body.Execute(values)
		if err != nil {
			return nil, err
		}
		body = bytes.NewReader(text)
	}
	request, err := http.NewRequestWithContext(ctx, s.method, base+path, body)
	if err != nil {
		return nil, err
	}
	request.GetBody = nil
	if s.body != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	for name, value := range s.header {
		text, err := value.Execute(values)
		if err != nil {
			return nil, err
		}
		request.Header.Set(name, text)
	}
	return request, nil
}

// do sends a request, and waits so long for its answer. That is cut off if the request's context ended meanwhile, which is
// the buyer's own time.
func do(client client, request *http.Request, within time.Duration, classified func(reply) answer) answer {
	received, err := client.exchange(request, within)
	switch {
	case err == nil:
		return classified(received)
	case request.Context().Err() != nil:
		return answer{outcome: history.Unknown, cut: true}
	default:
		return unknown(received.status, "%s", ignorance(err))
	}
}

// answer reads what came back for the step's request.
func (s *step) answer(states map[string]string, received reply) answer {
	result := classify(&s.Step, states, received.status, received.body)
	if result.outcome != history.OK {
		return result
	}
	for name, from := range s.Capture {
		part, what := scenarios.CapturedFrom(from)
		if part == scenarios.FromJSON {
			continue // classify has it
		}
		value := received.part(part, what)
		if value == "" {
			return unknown(received.status, "status %d without %s in the %s %s", received.status, name, part, what)
		}
		result.capture(name, value)
	}
	return result
}

// until says whether the state ends the poll.
func (s *step) until(state string) bool { return state != "" && slices.Contains(s.Until, state) }
