package load

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/paystorm/paystorm/dice"
	"github.com/paystorm/paystorm/history"
	"github.com/paystorm/paystorm/scenarios"
)

// Recorder is what the crowd writes into; *history.Recorder is one.
type Recorder interface {
	NextOp() uint64
	Invoke(history.Invocation)
	Answer(history.Answer)
	Event(history.Event) uint64
}

// RunnerConfig is what a Runner needs.
type RunnerConfig struct {
	Plan       scenarios.Plan
	RunID      string // as in history.Ref.Run
	ShopURL    string // through the link client->shop
	ChannelURL string // direct: what a payer does at the channel is no part of the storm's network
	Recorder   Recorder
	Clock      history.Clock
	Payers     Payers // nil: everybody behaves
}

// Runner acts out journeys. Its methods may be called from many goroutines, one for each buyer.
type Runner struct {
	plan       scenarios.Plan
	run        string
	shopURL    string
	channelURL string
	recorder   Recorder
	clock      history.Clock
	payers     Payers
	client     client
	dice       dice.Dice

	journeys map[string][]*step
	acts     map[string]*step
	setup    []*step
	coupons  []*step // how one is given away
	paying   *step   // how a script pays
	given    Given
	weights  []float64 // of the plan's journeys
	warmedUp atomic.Int64
}

// NewRunner parses the system's steps. It starts nothing.
func NewRunner(config RunnerConfig) (*Runner, error) {
	r := &Runner{
		plan: config.Plan, run: config.RunID,
		shopURL: strings.TrimRight(config.ShopURL, "/"), channelURL: strings.TrimRight(config.ChannelURL, "/"),
		recorder: config.Recorder, clock: config.Clock, payers: config.Payers,
		client: newClient(), dice: dice.New(config.Plan.Seed),
		journeys: map[string][]*step{}, acts: map[string]*step{},
	}
	if len(r.plan.Items) == 0 || len(r.plan.Journeys) == 0 {
		return nil, errors.New("load: the plan has no items or no journeys")
	}
	r.paying = &step{Step: scenarios.Step{Name: history.OpPay, Payment: payingNow}, path: scenarios.Name(payingNow)}
	var err error
	if r.setup, err = parseSteps(r.plan.System.Setup, "setup"); err != nil {
		return nil, fmt.Errorf("load: set-up: %w", err)
	}
	if r.coupons, err = parseSteps(r.plan.System.SetupCoupons, "setup-coupons"); err != nil {
		return nil, fmt.Errorf("load: set-up of coupons: %w", err)
	}
	for name, act := range r.plan.System.Acts {
		if r.acts[name], err = parseStep(act, name); err != nil {
			return nil, fmt.Errorf("load: act %s: %w", name, err)
		}
	}
	for _, share := range r.plan.Journeys {
		steps, known := r.plan.System.Journeys[share.Name]
		if !known && r.plan.System.Script == "" {
			return nil, fmt.Errorf("load: the system has no journey %q", share.Name)
		}
		if r.journeys[share.Name], err = parseSteps(steps, share.Name); err != nil {
			return nil, fmt.Errorf("load: journey %s: %w", share.Name, err)
		}
		r.weights = append(r.weights, share.Share)
	}
	return r, nil
}

// Close gives back the kept connections. Journeys must be over.
func (r *Runner) Close() { r.client.wire.close() }

// Buy runs the journey of one buyer of the storm, whom the load model wanted at intended. What the buyer met stands in
// the history; the error is the context's, if that ended first, and then the last operation has no answer.
func (r *Runner) Buy(ctx context.Context, buyer int, intended history.Time) error {
	_, err := r.buyer(buyer, intended).run(ctx)
	return err
}

// buyer is one of the storm's, as the plan and the seed have it.
func (r *Runner) buyer(number int, intended history.Time) *journey {
	share := r.plan.Journeys[max(0, r.dice.Pick(r.weights, "journey", keyOf(number)))]
	j := r.journey(share.Name, number, r.wish(number, itemsOf(share)))
	j.phase, j.intended, j.payers = history.PhaseStorm, intended, r.payers
	return j
}

// keyOf is what a buyer's luck is drawn by.
func keyOf(buyer int) string { return "b" + strconv.Itoa(buyer) }

// itemsOf is how many items an order of the journey is of.
func itemsOf(share scenarios.JourneyShare) int {
	if share.Pairs {
		return 2
	}
	return 1
}

// line is an item that a buyer wants, and how many units of it.
type line struct {
	item     scenarios.Item
	quantity int64
}

// shareOfPairs is how many of those who may buy more than one unit buy two.
const shareOfPairs = 0.1

// wish is what a buyer wants: so many different items of the sale.
func (r *Runner) wish(buyer, items int) []line {
	var lines []line
	onSale := uint64(len(r.plan.Items))
	first := r.dice.Uint64("item", keyOf(buyer)) % onSale
	for nth := range uint64(items) {
		wanted := line{item: r.plan.Items[(first+nth)%onSale], quantity: 1}
		key := []string{"quantity", keyOf(buyer)}
		if nth > 0 {
			key = append(key, strconv.FormatUint(nth, 10))
		}
		if wanted.item.PerBuyer > 1 && r.dice.Hit(shareOfPairs, key...) {
			wanted.quantity = 2
		}
		lines = append(lines, wanted)
	}
	return lines
}

// journey is a buyer before the first step.
func (r *Runner) journey(name string, buyer int, lines []line) *journey {
	return &journey{Runner: r, name: name, buyer: buyer, lines: lines}
}

// pause waits; it is false if the context ended first.
func pause(ctx context.Context, length time.Duration) bool {
	if length <= 0 {
		return ctx.Err() == nil
	}
	timer := time.NewTimer(length)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
