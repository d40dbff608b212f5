package fault

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/paystorm/paystorm/history"
	"github.com/paystorm/paystorm/mockchannel"
	"github.com/paystorm/paystorm/money"
	"github.com/paystorm/paystorm/scenarios"
)

// wrongAmountCallbacks sends an extra, validly signed message that claims another amount or currency than the ledger
// has. The true message still comes.
type wrongAmountCallbacks struct {
	Minor    int64          `yaml:"minor" json:"minor"`                               // claimed minor units; without minor, factor and currency: 1
	Factor   float64        `yaml:"factor" json:"factor"`                             // or this many times the true amount
	Currency string         `yaml:"currency" json:"currency"`                         // claimed; "" is the true one
	At       string         `yaml:"at" json:"at" jsonschema:"enum=created,enum=paid"` // created (nothing is paid yet) or paid
	After    scenarios.Span `yaml:"after" json:"after"`
}

func wrongAmountCallbacksKind() scenarios.Kind {
	return scenarios.Kind{
		Name:      "wrong-amount-callbacks",
		Doc:       "An extra message under a valid signature claims a wrong amount or currency.",
		Contract:  string(history.Seen),
		Unit:      unitMessage,
		Exercises: []string{"I2"},
		New: func() any {
			return &wrongAmountCallbacks{
				At:    atCreated,
				After: scenarios.Span{Low: 5 * time.Millisecond, High: 50 * time.Millisecond},
			}
		},
	}
}

func (f *wrongAmountCallbacks) Check(scenarios.System) error {
	if f.Minor < 0 || f.Factor < 0 || f.Factor > 1000 || math.IsNaN(f.Factor) {
		return errors.New("minor, factor: want a positive number, a factor of at most 1000")
	}
	if f.Minor > 0 && f.Factor > 0 {
		return errors.New("factor: the amount is given by minor already: want one of the two")
	}
	if f.Currency != "" {
		if _, known := money.Exponent(f.Currency); !known {
			return fmt.Errorf("currency: %q is no ISO 4217 currency code", f.Currency)
		}
	}
	return oneOf("at", f.At, atCreated, atPaid)
}

func (f *wrongAmountCallbacks) Needs(traits mockchannel.Traits) error {
	if f.Currency != "" && !slices.Contains(traits.Forgeries, history.ForgeryWrongCurrency) {
		return errors.New("currency: a message has none")
	}
	return nil
}

func (f *wrongAmountCallbacks) Change(p Planned, change mockchannel.Change) mockchannel.ChangeFault {
	if change.Kind != changeAt(f.At) {
		return mockchannel.ChangeFault{}
	}
	extra := mockchannel.Extra{
		Fault:    p.ID,
		Forgery:  history.ForgeryWrongAmount,
		After:    p.within(f.After, change.Key),
		Minor:    f.claimed(change.Minor),
		Currency: f.Currency,
		Repeat:   1,
	}
	if extra.Minor == 0 {
		extra.Forgery = history.ForgeryWrongCurrency
	}
	return mockchannel.ChangeFault{Extras: []mockchannel.Extra{extra}}
}

// claimed is never the true amount, and 0 only where the currency alone is wrong. A factor may be a fraction: what it makes
// is a lie, which no book counts with.
func (f *wrongAmountCallbacks) claimed(minor int64) int64 {
	claim := int64(1)
	switch {
	case f.Minor > 0:
		claim = f.Minor
	case f.Factor > 0:
		claim = max(1, int64(math.Round(float64(minor)*f.Factor)))
	case f.Currency != "":
		return 0
	}
	if claim == minor {
		claim++
	}
	return claim
}
