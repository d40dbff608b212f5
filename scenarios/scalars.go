package scenarios

import (
	"time"
)

// Scalar types as files write them. Each parses its own text, so that a wrong one is reported where it stands.
type (
	// Duration is written as "1.5s", "80ms" or "2m".
	Duration time.Duration
	// Span is a duration or a range of them: "200ms" or "200ms..3s". Low equals High for the former.
	Span struct {
		Low  time.Duration `json:"low_ns"`
		High time.Duration `json:"high_ns"`
	}
	// Share is a part of a whole, 0 to 1, written as "30%" or "0.3".
	Share float64
	// Rate is iterations per second, written as "400/s" or "90/m".
	Rate float64
)
