package load

import (
	"errors"
	"math"
	"time"

	"github.com/paystorm/paystorm/scenarios"
)

// Profiles are the shapes of load. One line each.
func Profiles() []scenarios.Profile {
	return []scenarios.Profile{
		flashSale(),
		steady(),
		ramp(),
	}
}

// A slope is cut into pieces of constant rate, because only then is it known when each buyer was wanted.
const (
	piecesMost    = 40
	pieceShortest = 100 * time.Millisecond
)

// rate is an arrival rate per second at a part of a stretch, from 0 at its begin to 1 at its end.
type rate func(part float64) float64

func flat(value float64) rate { return func(float64) float64 { return value } }

func linear(from, to float64) rate {
	return func(part float64) float64 { return from + (to-from)*part }
}

// decay falls by the same share in each equal while.
func decay(from, to float64) rate {
	return func(part float64) float64 { return from * math.Pow(to/from, part) }
}

// shape puts stretches one after the other. Fractions of a buyer are carried from piece to piece, so that a slow slope
// offers as many buyers as its area says; each piece's rate is then what its whole buyers make of it.
type shape struct {
	steps   []scenarios.LoadStep
	end     time.Duration
	wanted  float64 // buyers so far, with the fraction
	offered int
}

// add appends a stretch in equal pieces, each with the rate of its middle.
func (s *shape) add(length time.Duration, pieces int, at rate) {
	begin := s.end
	for piece := range pieces {
		end := begin + time.Duration(float64(length)*float64(piece+1)/float64(pieces))
		step := scenarios.LoadStep{At: s.end, For: end - s.end}
		s.wanted += at((float64(piece)+0.5)/float64(pieces)) * step.For.Seconds()
		step.Iterations = int(math.Round(s.wanted)) - s.offered
		step.PerSecond = float64(step.Iterations) / step.For.Seconds()
		s.offered += step.Iterations
		s.steps = append(s.steps, step)
		s.end = end
	}
}

func (s *shape) slope(length time.Duration, at rate) {
	s.add(length, max(1, min(piecesMost, int(length/pieceShortest))), at)
}

// bounds are the keys that every profile needs.
func bounds(load scenarios.Load) (peak float64, length time.Duration, err error) {
	switch {
	case load.Peak <= 0:
		return 0, 0, errors.New("peak: is missing: want the highest arrival rate, such as 100/s")
	case load.For <= 0:
		return 0, 0, errors.New("for: is missing: want how long buyers arrive, such as 10s")
	case time.Duration(load.For) < pieceShortest:
		return 0, 0, errors.New("for: is too short for any shape: want at least " + pieceShortest.String())
	}
	return float64(load.Peak), time.Duration(load.For), nil
}
