package k6child

import (
	"errors"
	"fmt"
	"math"
	"sort"
	"time"

	"github.com/paystorm/paystorm/scenarios"
)

// schedule is when each buyer is due, in the time of k6's executor. k6 has two executors for arrivals. The constant one
// refuses to run for less than a second and keeps a pool of virtual users for each of its scenarios; the ramping one
// takes any stages, and given only constant ones it starts the n-th iteration of a stage when the area under the rate
// reaches n (cal in ramping_arrival_rate.go). So the plan's steps become the stages of one scenario, and every buyer's
// time is known beforehand.
type schedule struct {
	steps []scenarios.LoadStep // in order of time, those that offer nobody left out
	total int64
}

func newSchedule(steps []scenarios.LoadStep) (schedule, error) {
	var s schedule
	end := time.Duration(0)
	for index, step := range steps {
		if step.For <= 0 || step.Iterations < 0 || step.At < end {
			return schedule{}, fmt.Errorf("load step %d begins at %s, lasts %s and offers %d buyers: want steps one after the other",
				index, step.At, step.For, step.Iterations)
		}
		end = step.At + step.For
		if step.Iterations == 0 {
			continue
		}
		step.FirstBuyer = int(s.total) + 1
		s.steps = append(s.steps, step)
		s.total += int64(step.Iterations)
	}
	if s.total == 0 {
		return schedule{}, errors.New("the plan offers no buyer")
	}
	return s, nil
}

// due is when the buyer is wanted, from 1 to total. It holds while nothing was dropped: k6 counts the iterations that it
// starts and not those that it wanted to.
func (s schedule) due(buyer int64) time.Duration {
	at := sort.Search(len(s.steps), func(i int) bool { return int64(s.steps[i].FirstBuyer) > buyer }) - 1
	return s.steps[at].Due(int(buyer))
}

// dueBy is how many buyers are wanted up to a time.
func (s schedule) dueBy(at time.Duration) int64 {
	return int64(sort.Search(int(s.total), func(i int) bool { return s.due(int64(i)+1) > at }))
}

// stage is a stage of k6's ramping-arrival-rate executor.
type stage struct {
	Duration string `json:"duration"`
	Target   int64  `json:"target"` // per rateUnit
}

// rateUnit is long, because k6 takes whole numbers only: a rate is exact to a millionth of an iteration per second.
const rateUnit = 1_000_000 * time.Second

// spare is time without arrivals after the last one. An executor that is late may use it; else k6 would leave out, and
// count nowhere, what it had not yet started when its time was over.
const spare = time.Second

// stages are the schedule as k6 takes it. k6 sums up areas in floating point and starts whatever they reach, so that
// the last step ends half an arrival late: then the sum is far from any whole number.
func (s schedule) stages() []stage {
	var stages []stage
	end := time.Duration(0)
	hold := func(length time.Duration, perSecond float64) {
		target := int64(math.Round(perSecond * rateUnit.Seconds()))
		stages = append(stages, stage{"0s", target}, stage{length.String(), target})
	}
	for index, step := range s.steps {
		if step.At > end {
			hold(step.At-end, 0)
		}
		perSecond, length := float64(step.Iterations)/step.For.Seconds(), step.For
		if index == len(s.steps)-1 {
			length += time.Duration(float64(time.Second) / perSecond / 2)
		}
		hold(length, perSecond)
		end = step.At + step.For
	}
	hold(spare, 0)
	return stages
}
