package scenarios_test

import (
	"errors"
	"fmt"
	"time"

	"github.com/paystorm/paystorm/scenarios"
)

// loseParams, delayParams and slowLinkParams stand for the parameters of real kinds: plain fields, scalars of this
// package, required keys, words, a nested struct and a Checker.
type (
	loseParams struct {
		Attempts string `yaml:"attempts" json:"attempts" jsonschema:"enum=first,enum=all"`
	}
	delayParams struct {
		By scenarios.Span `yaml:"by" json:"by" jsonschema:"required"`
	}
	slowLinkParams struct {
		Link      string             `yaml:"link" json:"link" jsonschema:"required"`
		Direction string             `yaml:"direction" json:"direction" jsonschema:"required"`
		Latency   scenarios.Duration `yaml:"latency" json:"latency"`
		Jitter    scenarios.Duration `yaml:"jitter" json:"jitter"`
	}
	killParams struct {
		On    *moment            `yaml:"on" json:"on,omitempty"`
		Times int                `yaml:"times" json:"times" jsonschema:"minimum=1"`
		Down  scenarios.Duration `yaml:"down" json:"down"`
	}
	moment struct {
		Message string `yaml:"message" json:"message" jsonschema:"required"`
		At      string `yaml:"at" json:"at" jsonschema:"required"`
	}
	payLateParams struct {
		Around string             `yaml:"around" json:"around"`
		After  scenarios.Duration `yaml:"after" json:"after"`
	}
)

func (p *slowLinkParams) Check(scenarios.System) error {
	switch {
	case p.Direction != "upstream" && p.Direction != "downstream":
		return fmt.Errorf("direction: %q is none: allowed: downstream, upstream", p.Direction)
	case p.Latency == 0:
		return errors.New("latency: is missing: want how much slower, such as 80ms")
	}
	return nil
}

func (p *payLateParams) Check(system scenarios.System) error {
	if p.Around == "expiry" && system.Timers.Expiry == 0 {
		return errors.New("around: the system declares no expiry")
	}
	return nil
}

// vocabulary is a small one: the package knows no fault, so its tests bring their own.
func vocabulary() scenarios.Vocabulary {
	return scenarios.Vocabulary{
		Faults: []scenarios.Kind{
			{
				Name: "lose-callbacks", Doc: "Callbacks never arrive.", Contract: "documented", Unit: "notification",
				Exercises: []string{"I7"}, New: func() any { return &loseParams{Attempts: "all"} },
			},
			{
				Name: "delay-callbacks", Doc: "Callbacks arrive late.", Contract: "documented", Unit: "notification",
				Exercises: []string{"I5", "I14"}, New: func() any { return &delayParams{} },
			},
			{
				Name: "slow-link", Doc: "A link is slow.", Contract: "seen", Unit: "connection", Shareless: true,
				Exercises: []string{"I7"}, New: func() any { return &slowLinkParams{} },
			},
			{
				Name: "kill-node", Doc: "The shop is killed.", Contract: "seen", Unit: "node", Shareless: true,
				Exercises: []string{"I11"}, New: func() any { return &killParams{Times: 1} },
			},
		},
		Payers: []scenarios.Kind{
			{
				Name: "abandon", Doc: "Never pays.", Contract: "documented", Unit: "order",
				Exercises: []string{"I4"}, New: func() any { return &struct{}{} },
			},
			{
				Name: "pay-late", Doc: "Pays late.", Contract: "documented", Unit: "order",
				Exercises: []string{"I6"}, New: func() any { return &payLateParams{} },
			},
			{
				Name: "pay-twice", Doc: "Pays twice.", Contract: "documented", Unit: "order", NeedsActs: []string{"payment"},
				Exercises: []string{"I1"}, New: func() any { return &struct{}{} },
			},
		},
		Invariants: []string{"I1", "I2", "I3", "I4", "I5", "I6", "I7", "I8", "I9", "I11", "I13", "I14"},
		Profiles: []scenarios.Profile{
			{Name: "steady", Doc: "One rate.", Steps: steady},
			{Name: "flash-sale", Doc: "A short rush.", Steps: flashSale},
		},
		Launchers: []string{"process", "external", "container"},
		Dialects:  []scenarios.Dialect{{Name: "standard", Credentials: []string{"key", "secret"}}},
	}
}

func steady(load scenarios.Load) ([]scenarios.LoadStep, error) {
	if load.Peak == 0 || load.For == 0 {
		return nil, errors.New("steady wants peak, such as 100/s, and for, such as 10s")
	}
	return []scenarios.LoadStep{{For: time.Duration(load.For), PerSecond: float64(load.Peak)}}, nil
}

func flashSale(load scenarios.Load) ([]scenarios.LoadStep, error) {
	if load.Peak == 0 || load.For == 0 {
		return nil, errors.New("flash-sale wants peak, such as 100/s, and for, such as 10s")
	}
	half := time.Duration(load.For) / 2
	return []scenarios.LoadStep{
		{For: half, PerSecond: float64(load.Peak)},
		{For: half, PerSecond: float64(load.Peak) / 3},
	}, nil
}
