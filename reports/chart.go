package reports

import (
	"fmt"
	"html/template"
	"math"
	"strings"
	"time"

	"github.com/paystorm/paystorm/history"
)

// A chart is drawn in these units; the page scales it to its width. Names stand in a gutter to the left, so that they
// cover nothing, however short the windows are.
const (
	chartWidth  = 1000
	chartLeft   = 190 // the plots begin here
	chartRight  = 988 // and end here
	gutter      = 142 // names end here, before the figures of the axis
	panelHeight = 96
	panelGap    = 22
	laneHeight  = 17
	nameLength  = 24 // characters that fit the gutter
	tones       = 6  // colours of faults, in turn
)

// line is one series of a panel.
type line struct {
	Name   string
	Class  string // of the style sheet: its colour
	Values []float64
	Filled bool
	Dots   bool // measured now and then: dots, joined by a thin line where there are a few
}

// panel is one chart of the stack; all share the time axis.
type panel struct {
	Title string
	Unit  string
	Lines []line
	Mark  float64 // a horizontal line, such as the stock; 0 is none
	Name  string  // of the mark
}

// panels are what the page shows over time.
func panels(s series) []panel {
	since := "from the call"
	if s.intended {
		since = "from the intended start"
	}
	all := []panel{
		{"Orders", "per second", []line{
			{Name: "accepted", Class: "blue", Values: s.accepted, Filled: true},
			{Name: "refused", Class: "grey", Values: s.refused},
			{Name: "no answer", Class: "red", Values: s.unanswered},
		}, 0, ""},
		{"Time to order", "ms " + since, []line{
			{Name: "95 of 100 faster", Class: "violet", Values: s.slow},
			{Name: "half faster", Class: "grey", Values: s.median},
		}, 0, ""},
		{"Payments", "per second", []line{
			{Name: "captured", Class: "green", Values: s.captured, Filled: true},
			{Name: "refunded", Class: "amber", Values: s.refunded},
		}, 0, ""},
		{"Callbacks", "per second", []line{
			{Name: "acknowledged", Class: "green", Values: s.acknowledged, Filled: true},
			{Name: "refused", Class: "red", Values: s.declined},
			{Name: "no answer", Class: "violet", Values: s.silent},
			{Name: "lost by a fault", Class: "grey", Values: s.lost},
		}, 0, ""},
	}
	for _, item := range s.sales {
		all = append(all, panel{"Sale of " + item.SKU, "units", []line{
			{Name: "paid, not refunded", Class: "green", Values: item.Paid, Filled: true},
			{Name: "available, by the shop", Class: "blue", Values: item.Available, Dots: true},
		}, item.Stock, "stock"})
	}
	return all
}

// chart draws phases, faults and panels one below the other over one time axis, and shades the windows of the faults
// through all of it. Every text in it is escaped; numbers and our own class names are the only other things it prints.
func chart(s series) template.HTML {
	if s.bins == 0 {
		return ""
	}
	all := panels(s)
	lanesTop := 24.0
	plotsTop := lanesTop + float64(len(s.faults)*laneHeight) + 16
	bottom := plotsTop + float64(len(all))*(panelHeight+panelGap) - panelGap
	var b strings.Builder
	fmt.Fprintf(&b, `<svg viewBox="0 0 %d %.0f" role="img" aria-label="orders, latency, payments, callbacks and stock over time, with the faults">`, chartWidth, bottom+24)
	drawSeconds(&b, s, plotsTop, bottom)
	drawFaults(&b, s, lanesTop, plotsTop, bottom)
	drawPhases(&b, s, lanesTop, bottom)
	for i, p := range all {
		drawPanel(&b, s, p, plotsTop+float64(i)*(panelHeight+panelGap))
	}
	b.WriteString(`</svg>`)
	return template.HTML(b.String()) //nolint:gosec // built here, and text reaches it only through drawText
}

// drawText is the only way in which text gets into the picture.
func drawText(b *strings.Builder, class string, x, y float64, anchor, text string) {
	fmt.Fprintf(b, `<text class="%s" x="%.1f" y="%.1f" text-anchor="%s">%s</text>`, class, x, y, anchor,
		template.HTMLEscapeString(plain(text)))
}

// x is where a moment is drawn.
func (s *series) x(t history.Time) float64 {
	share := float64(t-s.from) / float64(s.end()-s.from)
	return chartLeft + math.Max(0, math.Min(1, share))*(chartRight-chartLeft)
}

// middle is where a bin's value is drawn.
func (s *series) middle(bin int) float64 {
	return s.x(s.from.Add(time.Duration(bin)*s.width + s.width/2))
}

// drawFaults gives each fault a lane: its windows in a light tone, and in full colour where it struck.
func drawFaults(b *strings.Builder, s series, top, plotsTop, bottom float64) {
	for i, fault := range s.faults {
		y := top + float64(i*laneHeight)
		tone := fmt.Sprintf("f%d", i%tones)
		drawText(b, "lane-name", chartLeft-8, y+11.5, "end", fit(plain(fault.Name), nameLength+6))
		for _, window := range fault.Windows {
			x, width := s.x(window.From), math.Max(1.5, s.x(window.To)-s.x(window.From))
			fmt.Fprintf(b, `<rect class="window %s" x="%.1f" y="%.1f" width="%.1f" height="%d"/>`, tone, x, y, width, laneHeight-3)
			fmt.Fprintf(b, `<rect class="shade" opacity="%.3f" x="%.1f" y="%.1f" width="%.1f" height="%.1f"/>`, s.shade(width), x, plotsTop, width, bottom-plotsTop)
		}
		most := highest(fault.Hits)
		for bin, hits := range fault.Hits {
			if hits > 0 {
				x := s.x(s.from.Add(time.Duration(bin) * s.width))
				width := (chartRight - chartLeft) / float64(s.bins)
				fmt.Fprintf(b, `<rect class="%s" opacity="%.2f" x="%.1f" y="%.1f" width="%.2f" height="%d"/>`, tone, 0.35+0.65*hits/most, x, y, width, laneHeight-3)
			}
		}
	}
}

// shade is how dark a window of this width is: one that lasts says less than one that stands out, and where more are at
// work it is darker.
func (s *series) shade(width float64) float64 {
	share := width / (chartRight - chartLeft)
	return math.Max(0.02, 0.12*(1-1.5*share)) * math.Min(1, 6/float64(len(s.faults)))
}

// drawPhases names the phases on top, those that are long enough for their names, and marks where they change.
func drawPhases(b *strings.Builder, s series, lanesTop, bottom float64) {
	for _, phase := range s.phases {
		x := s.x(phase.From)
		fmt.Fprintf(b, `<line class="phase" x1="%.1f" x2="%.1f" y1="%.1f" y2="%.1f"/>`, x, x, lanesTop-6, bottom)
		if s.x(phase.To)-x >= 7*float64(len(phase.Name)) {
			drawText(b, "phase-name", x+3, lanesTop-9, "start", phase.Name)
		}
	}
}

// drawSeconds draws the time axis, in time since the run's start, as everywhere on the page.
func drawSeconds(b *strings.Builder, s series, top, bottom float64) {
	step := roundUp((s.end()-s.from).Duration().Seconds()/14, 1, 2, 5)
	for n := math.Ceil(s.from.Duration().Seconds() / step); ; n++ {
		moment := history.Time(n * step * float64(time.Second))
		if moment > s.end() {
			return
		}
		x := s.x(moment)
		fmt.Fprintf(b, `<line class="grid" x1="%.1f" x2="%.1f" y1="%.1f" y2="%.1f"/>`, x, x, top, bottom)
		drawText(b, "tick", x, bottom+15, "middle", tick(n*step)+"s")
	}
}

func drawPanel(b *strings.Builder, s series, p panel, top float64) {
	tallest := p.Mark
	empty := true
	for _, l := range p.Lines {
		tallest = math.Max(tallest, highest(l.Values))
		empty = empty && highest(l.Values) <= 0
	}
	ceiling := niceCeiling(tallest)
	y := func(value float64) float64 { return top + panelHeight - math.Max(0, value)/ceiling*panelHeight }
	drawLegend(b, p, top)
	for _, share := range []float64{0, 0.5, 1} {
		if empty && p.Mark == 0 && share > 0 {
			continue
		}
		at := y(share * ceiling)
		fmt.Fprintf(b, `<line class="grid" x1="%d" x2="%d" y1="%.1f" y2="%.1f"/>`, chartLeft, chartRight, at, at)
		drawText(b, "tick", chartLeft-6, at+3.5, "end", tick(share*ceiling))
	}
	if empty && p.Mark == 0 {
		drawText(b, "tick", (chartLeft+chartRight)/2, top+panelHeight/2, "middle", "nothing to show")
		return
	}
	for _, l := range p.Lines {
		drawLine(b, s, l, y)
	}
	if p.Mark > 0 {
		fmt.Fprintf(b, `<line class="mark" x1="%d" x2="%d" y1="%.1f" y2="%.1f"/>`, chartLeft, chartRight, y(p.Mark), y(p.Mark))
		drawText(b, "tick", chartRight-4, y(p.Mark)-4, "end", p.Name+" "+tick(p.Mark))
	}
}

// drawLegend puts a panel's name, its unit and what its colours mean into the gutter.
func drawLegend(b *strings.Builder, p panel, top float64) {
	drawText(b, "title", 4, top+10, "start", fit(plain(p.Title), nameLength-2))
	drawText(b, "tick", 4, top+24, "start", p.Unit)
	for i, l := range p.Lines {
		y := top + 41 + float64(i)*15
		fmt.Fprintf(b, `<rect class="key %s" x="4" y="%.1f" width="9" height="9" rx="2"/>`, l.Class, y-8)
		drawText(b, "legend", 18, y, "start", l.Name)
	}
}

// drawLine draws a series. A line breaks where there was nothing to measure or to count for a while; a lone value is a
// dot.
func drawLine(b *strings.Builder, s series, l line, y func(float64) float64) {
	const patience = 3 // bins without a value that a line still crosses
	var stroke, area strings.Builder
	last := -1
	for bin, value := range l.Values {
		if math.IsNaN(value) {
			continue
		}
		fmt.Fprintf(&area, "L%.1f %.1f", s.middle(bin), y(value))
		if !l.Dots && idle(l.Values, bin) {
			continue
		}
		if last < 0 || bin-last > patience && !l.Dots {
			fmt.Fprintf(&stroke, "M%.1f %.1f", s.middle(bin), y(value))
		}
		fmt.Fprintf(&stroke, "L%.1f %.1f", s.middle(bin), y(value))
		last = bin
		if l.Dots {
			fmt.Fprintf(b, `<circle class="key %s" cx="%.1f" cy="%.1f" r="3"/>`, l.Class, s.middle(bin), y(value))
		}
	}
	if l.Filled && last >= 0 { // a filled series has a value in every bin
		fmt.Fprintf(b, `<path class="area %s" d="M%.1f %.1f%sL%.1f %.1fZ"/>`, l.Class, s.middle(0), y(0), area.String(),
			s.middle(len(l.Values)-1), y(0))
	}
	class := "line"
	if l.Dots {
		class = "line thin"
		if measured(l.Values) < 3 { // a line from the first to the last would claim to know what was between
			return
		}
	}
	fmt.Fprintf(b, `<path class="%s %s" d="%s"/>`, class, l.Class, stroke.String())
}

// measured counts the values that are one.
func measured(values []float64) int {
	n := 0
	for _, value := range values {
		if !math.IsNaN(value) {
			n++
		}
	}
	return n
}

// idle says that nothing happened in a bin, before it and after it.
func idle(values []float64, bin int) bool {
	return highest(values[max(0, bin-1):min(len(values), bin+2)]) <= 0
}

// highest ignores what is no value.
func highest(values []float64) float64 {
	most := 0.0
	for _, value := range values {
		if value > most {
			most = value
		}
	}
	return most
}

// niceCeiling is the least round figure that is not below the value and whose half is round too.
func niceCeiling(value float64) float64 { return roundUp(value, 1, 1.5, 2, 3, 4, 5, 6, 8) }

// roundUp is the least of the factors times a power of ten that is not below the value.
func roundUp(value float64, factors ...float64) float64 {
	if value <= 0 {
		return 1
	}
	power := math.Pow(10, math.Floor(math.Log10(value)))
	for _, factor := range factors {
		if factor*power >= value {
			return factor * power
		}
	}
	return 10 * power
}

// tick is a figure of an axis.
func tick(value float64) string {
	return strings.TrimSuffix(strings.TrimRight(fmt.Sprintf("%.2f", value), "0"), ".")
}
