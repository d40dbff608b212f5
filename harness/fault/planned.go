package fault

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/paystorm/paystorm/dice"
	"github.com/paystorm/paystorm/mockchannel"
	"github.com/paystorm/paystorm/scenarios"
)

// Planned is one fault of a plan, with the dice that decide for it.
type Planned struct {
	scenarios.Fault
	dice dice.Dice
	when []mockchannel.State // empty: any
}

// Hits decides whether the fault strikes a message at a time of the storm. attempt is 0 where the fault is decided once
// and not per attempt. The decision is a keyed hash of seed, fault, subject, message and attempt: the time opens and
// closes the window and has no other say.
func (p Planned) Hits(subject mockchannel.Subject, message string, attempt int, at time.Duration) bool {
	if at < p.From || (p.For > 0 && at >= p.From+p.For) {
		return false
	}
	only := p.Only
	switch {
	case only.Buyer != 0 && only.Buyer != subject.Ref.Buyer,
		only.Order != 0 && only.Order != subject.Ref.Nth,
		only.Message != "" && only.Message != message,
		only.Attempt != 0 && only.Attempt != attempt,
		len(p.when) > 0 && !slices.Contains(p.when, subject.State):
		return false
	}
	return p.dice.Hit(p.Share, "hit", p.ID, subject.Key, message, strconv.Itoa(attempt))
}

// within is a duration of the span for the key, always the same one.
func (p Planned) within(span scenarios.Span, key ...string) time.Duration {
	return p.dice.Between(span.Low, span.High, append([]string{"size", p.ID}, key...)...)
}

// plan builds one fault of a plan: its parameters, and what decides for it.
func plan(fault scenarios.Fault, d dice.Dice) (Planned, any, error) {
	kinds := All()
	index := slices.IndexFunc(kinds, func(kind scenarios.Kind) bool { return kind.Name == fault.Kind })
	if index < 0 {
		return Planned{}, nil, fmt.Errorf("fault %q: there is no kind %q", fault.ID, fault.Kind)
	}
	params := kinds[index].New()
	if len(fault.Params) > 0 {
		decoder := json.NewDecoder(bytes.NewReader(fault.Params))
		decoder.DisallowUnknownFields()
		if err := decoder.Decode(params); err != nil {
			return Planned{}, nil, fmt.Errorf("fault %q: reading the parameters of %s: %w", fault.ID, fault.Kind, err)
		}
	}
	if err := fits(params, fault.Only, fault.When); err != nil {
		return Planned{}, nil, fmt.Errorf("fault %q: %w", fault.ID, err)
	}
	when, err := parseWhen(fault.When)
	if err != nil {
		return Planned{}, nil, fmt.Errorf("fault %q: %w", fault.ID, err)
	}
	return Planned{Fault: fault, dice: d, when: when}, params, nil
}

// fits refuses what would narrow a fault to nothing: it would affect nobody, and the file would look right.
func fits(params any, only scenarios.Only, when string) error {
	_, perRequest := params.(Requests)
	_, perAttempt := params.(Attempts)
	_, perNotice := params.(Notices)
	_, payer := params.(Behaves)
	_, perEffect := params.(Effects)
	_, perTransaction := params.(Aborts)
	switch {
	case perTransaction && (only != scenarios.Only{} || when != ""):
		return errors.New("only, when: a database does not know whose transactions it ends")
	case only.Attempt != 0 && isPersistent(params):
		return errors.New("attempts: only.attempt names a single one already: want one of the two")
	case only.Attempt != 0 && !perRequest && !perAttempt && !perEffect:
		return errors.New("only.attempt: this kind does not decide per attempt")
	case only.Message != "" && !perRequest && !perAttempt && !perNotice:
		return errors.New("only.message: this kind does not befall a message")
	case when != "" && perEffect:
		return errors.New("when: an effect is no payment, and has none of its states")
	case when != "" && payer:
		return errors.New("when: a payer is decided on before there is a payment")
	}
	return nil
}

func isPersistent(params any) bool {
	stays, may := params.(persistent)
	return may && stays.persists() != nil
}

// parseWhen reads a `when:` predicate: payment states, separated by "|".
func parseWhen(text string) ([]mockchannel.State, error) {
	if strings.TrimSpace(text) == "" {
		return nil, nil
	}
	allowed := []mockchannel.State{
		mockchannel.Created, mockchannel.Pending, mockchannel.Succeeded, mockchannel.Failed, mockchannel.Closed,
	}
	var states []mockchannel.State
	for word := range strings.SplitSeq(text, "|") {
		state := mockchannel.State(strings.TrimSpace(word))
		if !slices.Contains(allowed, state) {
			return nil, fmt.Errorf("when: %q is no state of a payment: want one or several of %s, separated by |", state, listed(allowed))
		}
		states = append(states, state)
	}
	return states, nil
}
