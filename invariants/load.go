package invariants

import (
	"math"
	"slices"

	"github.com/paystorm/paystorm/history"
)

// loadResult counts what the load did in the storm.
func loadResult(run *Run) LoadResult {
	result := LoadResult{Ops: map[string]OpCounts{}}
	result.LatencyMS = map[string]LatencyMS{}
	begin, _, began := run.PhaseAt(history.PhaseStorm)
	for event := range each(run.Events) {
		if event.Source != history.SourceLoad || !began || event.At < begin { // the warm-up's journeys are no load
			continue
		}
		switch event.Kind {
		case history.LoadOffered:
			result.Offered += event.Count
		case history.LoadDropped:
			result.Dropped += event.Count
		case history.LoadInterrupted:
			result.Interrupted += event.Count
		case history.JourneyBegin:
			result.Started++
		case history.JourneyEnd:
			result.Completed++
		}
	}
	known, total := int64(0), int64(0)
	samples := map[string][]float64{}
	for op := range each(run.Ops) {
		if run.warmUp(op) {
			continue
		}
		counts := result.Ops[op.Kind]
		switch op.Outcome {
		case history.OK:
			counts.OK++
			known++
		case history.Refused:
			counts.Refused++
			known++
		default:
			counts.Unknown++
		}
		total++
		result.Ops[op.Kind] = counts
		if op.Returned > 0 {
			samples[op.Kind] = append(samples[op.Kind], latency(op, result.Dropped == 0))
		}
	}
	if total > 0 {
		result.KnownOutcomeShare = rounded(float64(known)/float64(total), 4)
	}
	for kind, list := range samples {
		result.LatencyMS[kind] = percentiles(list)
	}
	return result
}

// warmUp says whether the op belongs to the warm-up and so is not judged.
func (r *Run) warmUp(op *history.Op) bool {
	if r.rehearsed {
		return false
	}
	return op.Phase == history.PhaseWarmUp || (op.SKU != "" && op.SKU == r.Header.WarmUpSKU)
}

// latency is counted from when the load model wanted the op, so that a shop which delays its callers does not hide it.
// With dropped iterations the intended times mean nothing, and the call itself must do.
func latency(op *history.Op, intended bool) float64 {
	from := op.Called
	if intended && op.Intended > 0 {
		from = min(from, op.Intended)
	}
	return milliseconds(op.Returned - from)
}

func milliseconds(t history.Time) float64 { return float64(t) / 1e6 }

// percentiles are nearest-rank, so that each is a latency that somebody had.
func percentiles(list []float64) LatencyMS {
	slices.Sort(list)
	rank := func(share float64) float64 {
		if len(list) == 0 {
			return 0
		}
		return rounded(list[max(0, int(math.Ceil(share*float64(len(list))))-1)], 3)
	}
	return LatencyMS{P50: rank(0.50), P95: rank(0.95), P99: rank(0.99), Max: rank(1)}
}

// rounded keeps digits decimals: a verdict is compared byte for byte, and read by people.
func rounded(value float64, digits int) float64 {
	scale := math.Pow10(digits)
	return math.Round(value*scale) / scale
}
