package history

import (
	"time"

	"golang.org/x/sys/unix"
)

// Time is nanoseconds since the run's start on CLOCK_MONOTONIC, which all processes of one host share.
type Time int64

// Duration is the time since the run's start.
func (t Time) Duration() time.Duration { return time.Duration(t) }

// Add is the moment d later.
func (t Time) Add(d time.Duration) Time { return t + Time(d) }

// Sub is how much later t is than earlier.
func (t Time) Sub(earlier Time) time.Duration { return time.Duration(t - earlier) }

// Clock reads the run's time. It is calibrated once, so that reading it costs no more than time.Since.
type Clock struct {
	origin int64 // CLOCK_MONOTONIC at the run's start, in nanoseconds
	base   time.Time
	offset Time // the run's time at base
}

// StartClock begins a run's time now. Its Origin is what other processes of this host need to join it.
func StartClock() Clock { return JoinClock(monotonic()) }

// JoinClock reads the time of a run that another process of this host started at the given Origin.
func JoinClock(origin int64) Clock {
	return Clock{origin: origin, base: time.Now(), offset: Time(monotonic() - origin)}
}

// Origin is CLOCK_MONOTONIC, in nanoseconds, at the run's start.
func (c Clock) Origin() int64 { return c.origin }

// Now is the run's time.
func (c Clock) Now() Time { return c.offset + Time(time.Since(c.base)) }

// Wall is the wall-clock time at a moment of the run.
func (c Clock) Wall(t Time) time.Time { return c.base.Add(time.Duration(t - c.offset)) }

func monotonic() int64 {
	var now unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &now); err != nil {
		panic("history: CLOCK_MONOTONIC cannot be read: " + err.Error())
	}
	return now.Nano()
}
