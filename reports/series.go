package reports

import (
	"cmp"
	"maps"
	"math"
	"slices"
	"time"

	"github.com/paystorm/paystorm/history"
)

// series are a run's figures over time, in equal bins from the storm's begin to the end of the last reading. NaN is no
// value, which is not zero.
type series struct {
	from  history.Time
	width time.Duration // of one bin
	bins  int

	accepted, refused, unanswered  []float64 // orders per second, by their answer, at the time of the call
	median, slow                   []float64 // milliseconds to place an order: half, and 19 of 20, were faster
	captured, refunded             []float64 // payments and refunds done at the channel, per second
	acknowledged, declined, silent []float64 // callbacks per second, by the shop's answer
	lost                           []float64 // callbacks per second that a fault lost
	sales                          []saleSeries
	phases                         []span
	faults                         []lane
	intended                       bool // latencies count from when the load model wanted the order
}

// saleSeries is one SKU over time.
type saleSeries struct {
	SKU       string
	Stock     float64
	Paid      []float64 // units captured and not refunded at the channel, so far
	Available []float64 // by the shop's books, in the bins in which they were read
}

// span is something that lasted.
type span struct {
	Name     string
	From, To history.Time
}

// lane is one fault over time: when it was at work, and how often it struck in each bin.
type lane struct {
	Name    string
	Windows []span
	Hits    []float64
}

const mostBins = 150

// newSeries bins a history. One in which no storm began has no bins.
func newSeries(recorded *history.History) series {
	begin, _, began := recorded.PhaseAt(history.PhaseStorm)
	end := history.Time(0)
	for _, event := range recorded.Events {
		end = max(end, event.At)
	}
	if _, observed, ok := recorded.PhaseAt(history.PhaseObserve); ok && observed > 0 {
		end = observed
	}
	if !began || end <= begin {
		return series{}
	}
	s := series{from: begin, width: binWidth(end.Sub(begin))}
	s.bins = int(end.Sub(begin)/s.width) + 1
	s.load(recorded)
	s.channel(recorded)
	s.sale(recorded)
	s.spans(recorded, end)
	s.strikes(recorded, end)
	return s
}

// binWidth is the least round width that needs no more bins than there may be.
func binWidth(whole time.Duration) time.Duration {
	for width := 10 * time.Millisecond; ; width *= 10 {
		for _, factor := range []time.Duration{1, 2, 5} {
			if whole/(width*factor) < mostBins {
				return width * factor
			}
		}
	}
}

// bin is the bin of a moment, and whether it has one.
func (s *series) bin(t history.Time) (int, bool) {
	if t < s.from {
		return 0, false
	}
	index := int(t.Sub(s.from) / s.width)
	return index, index < s.bins
}

func (s *series) end() history.Time { return s.from.Add(time.Duration(s.bins) * s.width) }

// add counts something at a moment.
func (s *series) add(values []float64, t history.Time, n float64) {
	if index, ok := s.bin(t); ok {
		values[index] += n
	}
}

// perSecond turns counts into rates, in place.
func (s *series) perSecond(lists ...[]float64) {
	for _, list := range lists {
		for i := range list {
			list[i] /= s.width.Seconds()
		}
	}
}

func (s *series) zeros() []float64 { return make([]float64, s.bins) }

func (s *series) nothing() []float64 {
	values := s.zeros()
	for i := range values {
		values[i] = math.NaN()
	}
	return values
}

func (s *series) load(recorded *history.History) {
	s.accepted, s.refused, s.unanswered = s.zeros(), s.zeros(), s.zeros()
	s.intended = !slices.ContainsFunc(recorded.Events, func(e history.Event) bool { return e.Kind == history.LoadDropped && e.Count > 0 })
	latencies := make([][]float64, s.bins)
	for _, op := range recorded.Ops {
		index, ok := s.bin(op.Called)
		if !ok || op.Kind != history.OpOrder || op.Phase == history.PhaseWarmUp {
			continue
		}
		switch op.Outcome {
		case history.OK:
			s.accepted[index]++
		case history.Refused:
			s.refused[index]++
		default:
			s.unanswered[index]++
		}
		if op.Returned == 0 {
			continue
		}
		from := op.Called
		if s.intended && op.Intended > 0 {
			from = min(from, op.Intended)
		}
		latencies[index] = append(latencies[index], float64(op.Returned.Sub(from).Microseconds())/1000)
	}
	s.perSecond(s.accepted, s.refused, s.unanswered)
	s.median, s.slow = s.nothing(), s.nothing()
	for i, values := range latencies {
		if len(values) > 0 {
			slices.Sort(values)
			s.median[i], s.slow[i] = nearest(values, 0.5), nearest(values, 0.95)
		}
	}
}

// nearest is the nearest-rank percentile of a sorted list, as the judge takes it.
func nearest(sorted []float64, share float64) float64 {
	return sorted[max(0, int(math.Ceil(share*float64(len(sorted))))-1)]
}

func (s *series) channel(recorded *history.History) {
	s.captured, s.refunded = s.zeros(), s.zeros()
	s.acknowledged, s.declined, s.silent, s.lost = s.zeros(), s.zeros(), s.zeros(), s.zeros()
	for _, event := range recorded.Events {
		switch event.Kind {
		case history.PaymentSucceeded:
			s.add(s.captured, event.At, 1)
		case history.RefundSucceeded:
			s.add(s.refunded, event.At, 1)
		case history.DeliveryLost:
			s.add(s.lost, event.At, 1)
		case history.DeliveryAnswered:
			switch event.Outcome {
			case history.OK:
				s.add(s.acknowledged, event.At, 1)
			case history.Refused:
				s.add(s.declined, event.At, 1)
			default:
				s.add(s.silent, event.At, 1)
			}
		}
	}
	s.perSecond(s.captured, s.refunded, s.acknowledged, s.declined, s.silent, s.lost)
}

func (s *series) sale(recorded *history.History) {
	orders := boughtBy(recorded)
	of := map[string]*saleSeries{}
	s.sales = make([]saleSeries, len(recorded.Header.Sale))
	for i, item := range recorded.Header.Sale {
		s.sales[i] = saleSeries{SKU: item.SKU, Stock: float64(item.Stock), Paid: s.zeros(), Available: s.nothing()}
		of[item.SKU] = &s.sales[i]
	}
	kept := map[string]int64{} // captured less refunded, by order
	for _, event := range recorded.Events {
		if event.Kind != history.PaymentSucceeded && event.Kind != history.RefundSucceeded {
			continue
		}
		before := kept[event.Order]
		if event.Kind == history.PaymentSucceeded {
			kept[event.Order] += event.Minor
		} else {
			kept[event.Order] -= event.Minor
		}
		sign := 0.0
		switch after := kept[event.Order]; {
		case before <= 0 && after > 0:
			sign = 1
		case before > 0 && after <= 0:
			sign = -1
		}
		for _, line := range orders[event.Order] {
			if item := of[line.SKU]; item != nil && sign != 0 {
				s.add(item.Paid, event.At, sign*float64(max(1, line.Quantity)))
			}
		}
	}
	for i := range s.sales {
		cumulate(s.sales[i].Paid)
	}
	for _, reading := range recorded.Readings {
		for _, row := range reading.Books.Stock {
			item := of[row.SKU]
			if item == nil {
				continue
			}
			if index, ok := s.bin(max(reading.End, s.from)); ok { // the baseline is what the storm begins with
				item.Available[index] = float64(row.Available)
			}
		}
	}
}

// boughtBy says what each order is of, by the buyers' word, and by the books for orders whose number no buyer learnt.
func boughtBy(recorded *history.History) map[string][]history.Line {
	orders := map[string][]history.Line{}
	for _, reading := range recorded.Readings {
		booked := map[string][]history.Line{}
		for _, row := range reading.Books.Orders {
			booked[row.Order] = append(booked[row.Order], history.Line{SKU: row.SKU, Quantity: row.Quantity})
		}
		maps.Copy(orders, booked)
	}
	for _, op := range recorded.Ops {
		if op.Kind == history.OpOrder && op.Order != "" {
			orders[op.Order] = op.Lines()
		}
	}
	return orders
}

func cumulate(values []float64) {
	total := 0.0
	for i, value := range values {
		total += value
		values[i] = total
	}
}

// spans are the phases.
func (s *series) spans(recorded *history.History, end history.Time) {
	for _, phase := range []string{history.PhaseStorm, history.PhaseHeal, history.PhaseSettle, history.PhaseObserve} {
		if begin, until, began := recorded.PhaseAt(phase); began {
			if until < begin {
				until = end
			}
			s.phases = append(s.phases, span{phase, begin, min(until, end)})
		}
	}
}

// strikes are the faults: when they were at work, and when they struck. Each node that was away has one more lane.
func (s *series) strikes(recorded *history.History, end history.Time) {
	lanes := map[string]*lane{}
	for _, fault := range recorded.Header.Faults {
		lanes[fault.ID] = &lane{Name: fault.ID, Hits: s.zeros()}
	}
	var down []*lane
	away := func(node string) *lane {
		name := cmp.Or(node, "the shop") + " is down"
		at := slices.IndexFunc(down, func(l *lane) bool { return l.Name == name })
		if at < 0 {
			at = len(down)
			down = append(down, &lane{Name: name, Hits: s.zeros()})
		}
		return down[at]
	}
	for _, event := range recorded.Events {
		fault := lanes[event.Fault]
		switch event.Kind {
		case history.FaultBegin:
			fault.open(event.At)
		case history.FaultEnd:
			fault.shut(event.At)
		case history.FaultAffected:
			if fault != nil {
				s.add(fault.Hits, event.At, float64(max(1, event.Count)))
			}
		case history.NodeKilled, history.NodeExited, history.NodePaused, history.NodeStopped:
			if event.At >= s.from {
				away(event.Key).open(event.At)
			}
		case history.NodeReady, history.NodeResumed:
			away(event.Key).shut(event.At)
		}
	}
	for _, fault := range recorded.Header.Faults {
		s.faults = append(s.faults, lanes[fault.ID].clipped(s.from, end))
	}
	for _, node := range down {
		if len(node.Windows) > 0 {
			s.faults = append(s.faults, node.clipped(s.from, end))
		}
	}
}

// open begins a window, unless one is open. A nil lane is of a fault that nobody planned, and stays out of the picture.
func (l *lane) open(at history.Time) {
	if l == nil || len(l.Windows) > 0 && l.Windows[len(l.Windows)-1].To == 0 {
		return
	}
	l.Windows = append(l.Windows, span{From: at})
}

func (l *lane) shut(at history.Time) {
	if l != nil && len(l.Windows) > 0 && l.Windows[len(l.Windows)-1].To == 0 {
		l.Windows[len(l.Windows)-1].To = at
	}
}

// clipped is the lane within the picture; a window that never ended lasts to its edge.
func (l *lane) clipped(from, end history.Time) lane {
	var windows []span
	for _, window := range l.Windows {
		if window.To == 0 || window.To > end {
			window.To = end
		}
		window.From = max(window.From, from)
		if window.To >= window.From {
			windows = append(windows, window)
		}
	}
	return lane{Name: l.Name, Windows: windows, Hits: l.Hits}
}
