package reports

import (
	"fmt"
	"slices"
	"strings"

	"github.com/paystorm/paystorm/history"
)

// digest makes a story short without losing its point: a callback stands with its answer, the rows of one reading stand
// together, and an observer that sees the same again is told once.
func digest(beats []beat) []beat {
	beats = slices.DeleteFunc(beats, func(b beat) bool { return b.Weight == framing })
	return lookedAgain(rowsTogether(answered(beats)))
}

// answered joins each delivery attempt with its answer. Attempts of equal number are answered in the order in which they
// were sent.
func answered(beats []beat) []beat {
	var joined []beat
	waiting := map[string][]int{}
	for _, b := range beats {
		if b.answers != "" && len(waiting[b.answers]) > 0 {
			sent := &joined[waiting[b.answers][0]]
			waiting[b.answers] = waiting[b.answers][1:]
			sent.What += ": " + b.answer + " after " + lasting(b.At.Sub(sent.At))
			sent.Weight, sent.Struck = max(sent.Weight, b.Weight), sent.Struck || b.Struck
			continue
		}
		if b.sends != "" {
			waiting[b.sends] = append(waiting[b.sends], len(joined))
		}
		joined = append(joined, b)
	}
	return joined
}

// rowsTogether puts the rows of one reading on one line, and equal ones of them once.
func rowsTogether(beats []beat) []beat {
	var joined []beat
	for from := 0; from < len(beats); {
		first := beats[from]
		to := from + 1
		for to < len(beats) && first.row && beats[to].row && beats[to].Who == first.Who && beats[to].At == first.At {
			to++
		}
		var words []string
		for i := from; i < to; {
			equal := i + 1
			for equal < to && beats[equal].What == beats[i].What {
				equal++
			}
			what := beats[i].What
			if equal-i > 1 {
				what = fmt.Sprintf("%d × %s", equal-i, what)
			}
			words = append(words, what)
			i = equal
		}
		first.What = strings.Join(words, "; ")
		joined = append(joined, first)
		from = to
	}
	return joined
}

// lookedAgain tells a look once for as long as it shows the same, and so anything that just repeats.
func lookedAgain(beats []beat) []beat {
	var kept []beat
	looks := map[string]int{}
	for _, b := range beats {
		again := len(kept) - 1
		look := b.Who + "\x00" + b.read
		if b.read != "" {
			if at, before := looks[look]; before {
				again = at
			}
		}
		if again >= 0 && kept[again].Who == b.Who && kept[again].What == b.What {
			kept[again].Times, kept[again].Until = max(kept[again].Times, 1)+1, b.At
			continue
		}
		if b.read != "" {
			looks[look] = len(kept)
		}
		kept = append(kept, b)
	}
	return kept
}

// heaviest leaves at most so many beats, the weightiest, and says how many it left out.
func heaviest(beats []beat, most int) (kept []beat, left int) {
	kept = slices.Clone(beats)
	for weight := passing; weight <= telling && len(kept) > most; weight++ {
		for i := len(kept) - 1; i >= 0 && len(kept) > most; i-- {
			if kept[i].Weight == weight && (weight < telling || i < len(kept)-1) { // the end is the point
				kept = slices.Delete(kept, i, i+1)
			}
		}
	}
	return kept, len(beats) - len(kept)
}

// example is an order whose story is worth telling, or "": that of the gravest cause that has one.
func example(causes []group, recorded *history.History) string {
	for _, g := range causes {
		if orders := ordersOf(g.Cause.Orders, recorded); len(orders) > 0 {
			return orders[0]
		}
	}
	return ""
}
