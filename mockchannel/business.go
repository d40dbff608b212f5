package mockchannel

import (
	"time"

	"github.com/paystorm/paystorm/history"
)

// Business is a clock beside the wall clock, in which a long time passes in a short one: retry schedules of a day and
// bills of yesterday fit into a run of seconds. Signatures never use it, since merchants' libraries refuse a signature
// whose time is five minutes from their own clock. The zero Business is the wall clock.
type Business struct {
	Span time.Duration // so much business time passes
	In   time.Duration // in so much of the run
}

// at is business time at a moment of the run; the two clocks agree at the run's start.
func (b *Business) at(clock history.Clock, t history.Time) time.Time {
	return clock.Wall(0).Add(b.stretch(t.Duration()))
}

func (b *Business) still() bool { return b.Span <= 0 || b.In <= 0 || b.Span == b.In }

// stretch is how much business time passes meanwhile.
func (b *Business) stretch(d time.Duration) time.Duration {
	if b.still() {
		return d
	}
	return time.Duration(float64(d) * (float64(b.Span) / float64(b.In)))
}

// compress is how much of the run a business time takes.
func (b *Business) compress(d time.Duration) time.Duration {
	if b.still() {
		return d
	}
	return time.Duration(float64(d) * (float64(b.In) / float64(b.Span)))
}

func (b *Business) compressAll(list []time.Duration) []time.Duration {
	compressed := make([]time.Duration, len(list))
	for i, d := range list {
		compressed[i] = b.compress(d)
	}
	return compressed
}
