package fault

import (
	"errors"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/paystorm/paystorm/history"
	"github.com/paystorm/paystorm/mockchannel"
	"github.com/paystorm/paystorm/scenarios"
)

// failSinks lets what a shop sends to the world fail on its way in: the mail server that is down, or takes the mail and never
// says so.
type failSinks struct {
	Sinks    []string       `yaml:"sinks,one-or-list" json:"sinks" jsonschema:"required"`
	How      []string       `yaml:"how,one-or-list" json:"how"`         // refused with status; taken, and the answer lost; or taken and answered late; several are mixed evenly
	Status   int            `yaml:"status" json:"status"`               // of what is refused
	By       scenarios.Span `yaml:"by" json:"by"`                       // how long it hangs before it is refused, breaks or is answered
	Attempts *Times         `yaml:"attempts" json:"attempts,omitempty"` // of an effect; default: each is decided anew
}

// What becomes of an effect.
const (
	sinkRefuses = "refused"
	sinkLoses   = "lost"
	sinkIsSlow  = "slow"
)

func failSinksKind() scenarios.Kind {
	return scenarios.Kind{
		Name:      "fail-sinks",
		Doc:       "What the shop sends to a sink is refused with `status`, taken without an answer, or answered late, `how` says which.",
		Contract:  string(history.Seen),
		Unit:      unitEffect,
		Exercises: []string{"I9"},
		New:       func() any { return &failSinks{How: []string{sinkRefuses}, Status: http.StatusInternalServerError} },
	}
}

func (f *failSinks) Check(system scenarios.System) error {
	names := slices.Sorted(maps.Keys(system.Sinks))
	if len(names) == 0 {
		return errors.New("sinks: the system file has none")
	}
	if err := someOf("sinks", f.Sinks, names...); err != nil {
		return err
	}
	if err := someOf("how", f.How, sinkRefuses, sinkLoses, sinkIsSlow); err != nil {
		return err
	}
	for _, how := range f.How {
		if how == sinkIsSlow && f.By.High <= 0 {
			return errors.New("by: want how long a slow answer takes")
		}
	}
	return between("status", f.Status, 400, 599)
}

func (f *failSinks) persists() *Times         { return f.Attempts }
func (f *failSinks) strikes(sink string) bool { return slices.Contains(f.Sinks, sink) }

func (f *failSinks) Sink(p Planned, arrival Arrival, key string) Mishap {
	nth := strconv.Itoa(arrival.Attempt)
	mishap := Mishap{Fault: p.ID, Hang: p.within(f.By, key, arrival.Sink, nth)}
	switch f.How[p.dice.Uint64("how", p.ID, key, arrival.Sink, nth)%uint64(len(f.How))] {
	case sinkRefuses:
		mishap.Status = f.Status
	case sinkLoses:
		mishap.Silent = true
	}
	return mishap
}

// Arrival is an effect that comes to a sink of the system file.
type Arrival struct {
	Sink, Key, Order string // the effect's own key, and the shop's number of the order
	Attempt          int    // under this key, from 1
}

// Mishap is what goes wrong with it. The zero Mishap is nothing.
type Mishap struct {
	Fault  string
	Status int           // it is refused with that; 0: it is received
	Hang   time.Duration // before the answer
	Silent bool          // received, and never answered
}

// Sink says what goes wrong with an effect. The first fault in plan order decides.
func (e *Engine) Sink(arrival Arrival) Mishap {
	if len(e.sinks) == 0 {
		return Mishap{}
	}
	subject := e.orderOf(arrival.Order)
	if !e.storms(subject) {
		return Mishap{}
	}
	for _, fault := range e.sinks {
		attempt, over := decidedOn(fault.act, arrival.Attempt)
		if !over && fault.act.strikes(arrival.Sink) && e.hits(fault.Planned, subject, arrival.Sink, attempt) {
			return fault.act.Sink(fault.Planned, arrival, subject.Key)
		}
	}
	return Mishap{}
}

// orderOf is the order of an effect as the channel knows it, so that the dice know the buyer and not a number that the shop
// invents. Where the shop's number is not the channel's, it is all there is.
func (e *Engine) orderOf(number string) mockchannel.Subject {
	if known, found := e.known.Load(number); found {
		return known.(mockchannel.Subject) //nolint:forcetypeassert // nothing else is stored
	}
	return mockchannel.Subject{Order: number, Key: number}
}
