package mockchannel

import (
	"slices"
	"time"

	"github.com/paystorm/paystorm/history"
)

// Spoil is a bill that differs from the ledger, in the ways in which real ones do.
type Spoil struct {
	Fault string
	How   SpoilHow
}

// SpoilHow says what is wrong with a bill.
type SpoilHow string

// The ways of spoiling a bill. Each strikes the newest line that it can, but for the one that is missing: that is from the
// middle of the bill, since a merchant cannot miss what it has not heard of itself.
const (
	SpoilMissing SpoilHow = "row-missing"   // a capture is not there
	SpoilExtra   SpoilHow = "row-too-many"  // a capture is there that nobody made
	SpoilAmount  SpoilHow = "wrong-amount"  // one minor unit more
	SpoilUnit    SpoilHow = "wrong-unit"    // every amount a hundred times too large
	SpoilDay     SpoilHow = "wrong-day"     // a line stands on the day before
	SpoilRefund  SpoilHow = "failed-refund" // a refund that failed stands there as if it had not
)

// lines are those that a spoilt bill is made from, or the true ones if there is none that it could strike.
func (s *Spoil) lines(lines []BillLine, business *Business) []BillLine {
	spoilt := slices.Clone(lines)
	last := lastOf(spoilt, func(line BillLine) bool { return line.Kind == history.BillCapture })
	if s.How == SpoilRefund {
		last = lastOf(spoilt, func(line BillLine) bool { return line.State == history.RefundBroken })
	}
	if s.How == SpoilMissing {
		last = lastOf(spoilt[:(len(spoilt)+1)/2], func(line BillLine) bool { return line.Kind == history.BillCapture })
	}
	if last < 0 {
		return lines
	}
	switch line := &spoilt[last]; s.How {
	case SpoilMissing:
		spoilt = slices.Delete(spoilt, last, last+1)
	case SpoilExtra:
		extra := *line
		extra.Payment, extra.Order = extra.Payment+"9", extra.Order+"9"
		spoilt = append(spoilt, extra)
	case SpoilAmount:
		line.Minor++
	case SpoilUnit:
		for i := range spoilt {
			spoilt[i].Minor *= 100
		}
	case SpoilDay:
		line.At = line.At.Add(-24 * time.Hour)
		line.on = line.on.Add(-business.compress(24 * time.Hour))
	case SpoilRefund:
		line.State = history.RefundDone
	}
	return spoilt
}

func lastOf(lines []BillLine, is func(BillLine) bool) int {
	for i := len(lines) - 1; i >= 0; i-- {
		if is(lines[i]) {
			return i
		}
	}
	return -1
}
