package fault

import (
	"fmt"
	"slices"
	"time"

	"github.com/paystorm/paystorm/history"
	"github.com/paystorm/paystorm/mockchannel"
	"github.com/paystorm/paystorm/scenarios"
)

// forgeCallbacks sends messages that no provider would have sent to this address: one of each of its kinds per order.
type forgeCallbacks struct {
	Kinds []string       `yaml:"kinds,one-or-list" json:"kinds"`
	At    string         `yaml:"at" json:"at" jsonschema:"enum=created,enum=paid"` // created (nothing is paid yet) or paid
	After scenarios.Span `yaml:"after" json:"after"`
}

func forgeCallbacksKind() scenarios.Kind {
	return scenarios.Kind{
		Name:      "forge-callbacks",
		Doc:       "A forged success arrives: unsigned, under a wrong key, of another merchant, of another order.",
		Contract:  string(history.Seen),
		Unit:      unitMessage,
		Exercises: []string{"I8"},
		New: func() any {
			return &forgeCallbacks{
				Kinds: forgeries(),
				At:    atCreated,
				After: scenarios.Span{Low: 5 * time.Millisecond, High: 50 * time.Millisecond},
			}
		},
	}
}

func forgeries() []string {
	return []string{
		history.ForgeryNoSignature, history.ForgeryWrongKey, history.ForgeryOtherMerchant, history.ForgeryOtherOrder,
	}
}

func (f *forgeCallbacks) Check(scenarios.System) error {
	if err := someOf("kinds", f.Kinds, forgeries()...); err != nil {
		return err
	}
	return oneOf("at", f.At, atCreated, atPaid)
}

func (f *forgeCallbacks) Needs(traits mockchannel.Traits) error {
	for _, kind := range f.Kinds {
		if slices.Contains(forgeries(), kind) && !slices.Contains(traits.Forgeries, kind) {
			return fmt.Errorf("kinds: %s is not possible (possible: %s)", kind, listed(traits.Forgeries))
		}
	}
	return nil
}

func (f *forgeCallbacks) Change(p Planned, change mockchannel.Change) mockchannel.ChangeFault {
	if change.Kind != changeAt(f.At) {
		return mockchannel.ChangeFault{}
	}
	var extras []mockchannel.Extra
	for _, forgery := range f.Kinds {
		extras = append(extras, mockchannel.Extra{
			Fault:      p.ID,
			Forgery:    forgery,
			After:      p.within(f.After, change.Key, forgery),
			OtherOrder: forgery == history.ForgeryOtherOrder,
			Repeat:     1,
		})
	}
	return mockchannel.ChangeFault{Extras: extras}
}
