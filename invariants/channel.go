package invariants

import (
	"time"

	"github.com/paystorm/paystorm/history"
)

// channelResult adds up the time that the channel took to sign what it sent in the storm and after it.
func channelResult(run *Run) ChannelResult {
	var result ChannelResult
	begin, _, began := run.PhaseAt(history.PhaseStorm)
	var took []float64
	total := time.Duration(0)
	for event := range each(run.Events) {
		if event.Signing > 0 && began && event.At >= begin {
			took = append(took, event.Signing.Seconds()*1000)
			total += event.Signing
		}
	}
	result.Signatures, result.SigningMS = len(took), percentiles(took)
	result.SigningTotalMS = rounded(total.Seconds()*1000, 3)
	return result
}
