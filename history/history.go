package history

// History is one run, read back. Ops, Events and Readings are sorted by time (an Op by its call), then by writer and
// sequence, so that equal run directories give equal values.
type History struct {
	Header   Header
	Ops      []Op
	Events   []Event
	Readings []Reading
	Segments []Segment
	// Unprotected says why a change of the run's files would not show; "" if it would.
	Unprotected string
}

// Segment says in what state one writer's file was found.
type Segment struct {
	Writer  string `json:"writer"`
	Ended   bool   `json:"ended"`            // the writer closed it; otherwise it was cut off
	Last    Time   `json:"last_ns"`          // the latest time in it
	Damage  string `json:"damage,omitempty"` // what made reading stop before the end, if anything
	Records int    `json:"records"`
}

// Complete is true when every writer that the header names has closed its segment undamaged.
func (h *History) Complete() bool {
	ended := map[string]bool{}
	for _, segment := range h.Segments {
		ended[segment.Writer] = segment.Ended && segment.Damage == ""
	}
	for _, writer := range h.Header.Writers {
		if !ended[writer] {
			return false
		}
	}
	return true
}

// Horizon is the time up to which the history is whole: the last flush of the writer that was cut off earliest, or the
// last event of a complete history.
func (h *History) Horizon() Time {
	horizon, last := Time(-1), Time(0)
	seen := map[string]bool{}
	for _, segment := range h.Segments {
		seen[segment.Writer] = true
		last = max(last, segment.Last)
		if (!segment.Ended || segment.Damage != "") && (horizon < 0 || segment.Last < horizon) {
			horizon = segment.Last
		}
	}
	for _, writer := range h.Header.Writers {
		if !seen[writer] {
			return 0
		}
	}
	if horizon < 0 {
		return last
	}
	return horizon
}

// Reading returns the last reading with the label, and whether there is one.
func (h *History) Reading(label string) (Reading, bool) {
	for i := len(h.Readings) - 1; i >= 0; i-- {
		if h.Readings[i].Label == label {
			return h.Readings[i], true
		}
	}
	return Reading{}, false
}

// PhaseAt returns when a phase began and ended; ok is false if it never began. An end of 0 means that it never ended.
func (h *History) PhaseAt(phase string) (begin, end Time, ok bool) {
	for _, event := range h.Events {
		if event.Source != SourcePhase || event.State != phase {
			continue
		}
		switch event.Kind {
		case PhaseBegin:
			begin, ok = event.At, true
		case PhaseEnd:
			end = event.At
		}
	}
	return begin, end, ok
}
