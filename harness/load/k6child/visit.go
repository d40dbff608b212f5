package k6child

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/paystorm/paystorm/harness/load"
	"github.com/paystorm/paystorm/history"
)

// What a script sees of the module: op, pay, buyer and think, as in paystorm.d.ts. Errors become exceptions.

var errNobody = errors.New("there is no buyer here: want this in the default function, and not where the script begins")

// begin is op.begin.
func (i *instance) begin(kind string, told map[string]any) (map[string]any, error) {
	if i.visit == nil {
		return nil, errNobody
	}
	facts, err := factsOf("op.begin", told, "order", "payment", "lines", "minor", "wish")
	if err != nil {
		return nil, err
	}
	visit := i.visit
	begun, err := visit.Begin(kind, facts)
	if err != nil {
		return nil, err
	}
	end := func(outcome history.Outcome, reason string, told map[string]any) error {
		facts, err := factsOf("op."+string(outcome), told, "order", "payment", "state", "status")
		if err != nil {
			return err
		}
		return visit.End(begun.Op, outcome, reason, facts)
	}
	return map[string]any{
		"ref":     begun.Ref,
		"wish":    begun.Wish,
		"key":     begun.Key,
		"ok":      func(told map[string]any) error { return end(history.OK, "", told) },
		"refused": func(reason string, told map[string]any) error { return end(history.Refused, reason, told) },
		"unknown": func(reason string) error { return end(history.Unknown, reason, nil) },
	}, nil
}

// factsOf reads what a script told. A key that means nothing is a typing error, and would lose what it was to say.
func factsOf(what string, told map[string]any, known ...string) (load.Facts, error) {
	var facts load.Facts
	for key, value := range told {
		if !slices.Contains(known, key) {
			return facts, fmt.Errorf("%s: unknown key %q: want %s", what, key, strings.Join(known, ", "))
		}
		if value == nil {
			continue
		}
		text := fmt.Sprint(value)
		switch key {
		case "order":
			facts.Order = text
		case "payment":
			facts.Payment = text
		case "state":
			facts.State = text
		case "status":
			if _, err := fmt.Sscan(text, &facts.Status); err != nil {
				return facts, fmt.Errorf("%s: status %q is no number", what, text)
			}
		case "minor":
			if _, err := fmt.Sscan(text, &facts.Minor); err != nil {
				return facts, fmt.Errorf("%s: minor %q is no number of minor units", what, text)
			}
		case "wish":
			if _, err := fmt.Sscan(text, &facts.Wish); err != nil {
				return facts, fmt.Errorf("%s: wish %q is no number", what, text)
			}
		case "lines":
			lines, err := linesOf(value)
			if err != nil {
				return facts, fmt.Errorf("%s: %w", what, err)
			}
			facts.Lines = lines
		}
	}
	return facts, nil
}

func linesOf(value any) ([]history.Line, error) {
	wrong := errors.New("lines: want a list such as [{sku: 'phone', quantity: 1}]")
	list, ok := value.([]any)
	if !ok {
		return nil, wrong
	}
	var lines []history.Line
	for _, one := range list {
		fields, ok := one.(map[string]any)
		quantity, isNumber := fields["quantity"].(int64)
		if !ok || !isNumber || len(fields) != 2 {
			return nil, wrong
		}
		lines = append(lines, history.Line{SKU: fmt.Sprint(fields["sku"]), Quantity: quantity})
	}
	return lines, nil
}

// pay is pay.
func (i *instance) pay(payment string) (map[string]any, error) {
	if i.visit == nil {
		return nil, errNobody
	}
	outcome, reason, err := i.visit.Pay(i.vu.Context(), payment)
	if err != nil {
		return nil, err
	}
	return map[string]any{"outcome": outcome, "reason": reason}, nil
}

// buyer is buyer.
func (i *instance) buyer() (map[string]any, error) {
	if i.visit == nil {
		return nil, errNobody
	}
	return i.visit.About(), nil
}

// think is think: in seconds, as k6's sleep has it.
func (i *instance) think(span string) (float64, error) {
	if i.visit == nil {
		return 0, errNobody
	}
	length, err := i.visit.Think(span)
	return length.Seconds(), err
}

// arrive lets the buyer of this iteration in; false if k6 has nobody of ours in mind.
func (i *instance) arrive() bool {
	i.visit, i.leaving = i.crowd.visit(i.number())
	return i.visit != nil
}

// warmUp lets a buyer of the warm-up in.
func (i *instance) warmUp() {
	visit := i.crowd.runner.WarmUpVisit()
	i.visit, i.leaving = visit, func(bool) { i.crowd.unserved(visit.Unserved()) }
}

// leave ends the visit. One that was cut off has no end: its operations stay without answers.
func (i *instance) leave(thrown string) {
	cut := i.vu.Context().Err() != nil
	if !cut {
		i.visit.Leave(thrown)
	}
	i.leaving(cut)
	i.visit = nil
}
