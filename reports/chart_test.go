package reports

import (
	"encoding/xml"
	"errors"
	"io"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/paystorm/paystorm/history"
)

func TestTheChartIsWellFormed(t *testing.T) {
	for name, recorded := range map[string]*history.History{"a sale": newSample(plainNames, true), "hostile": hostile()} {
		t.Run(name, func(t *testing.T) {
			decoder := xml.NewDecoder(strings.NewReader(string(chart(newSeries(recorded)))))
			shapes := 0
			for {
				token, err := decoder.Token()
				if errors.Is(err, io.EOF) {
					break
				}
				if err != nil {
					t.Fatal(err)
				}
				if _, is := token.(xml.StartElement); is {
					shapes++
				}
			}
			if shapes < 100 {
				t.Errorf("only %d shapes", shapes)
			}
		})
	}
}

func TestSeriesAddUp(t *testing.T) {
	recorded := newSample(plainNames, false)
	s := newSeries(recorded)
	captures, orders := 0, 0
	for _, event := range recorded.Events {
		if event.Kind == history.PaymentSucceeded {
			captures++
		}
	}
	for _, op := range recorded.Ops {
		if op.Kind == history.OpOrder {
			orders++
		}
	}
	total := func(lists ...[]float64) int {
		sum := 0.0
		for _, list := range lists {
			for _, value := range list {
				sum += value * s.width.Seconds()
			}
		}
		return int(math.Round(sum))
	}
	if got := total(s.captured); got != captures {
		t.Errorf("%d payments in the picture, %d in the history", got, captures)
	}
	if got := total(s.accepted, s.refused, s.unanswered); got != orders {
		t.Errorf("%d orders in the picture, %d in the history", got, orders)
	}
	if got := s.sales[0].Available[0]; got != float64(sampleStock) {
		t.Errorf("the sale begins with %v units", got)
	}
}

func TestFaultWindows(t *testing.T) {
	at := func(s float64, kind, fault string) history.Event {
		return history.Event{At: sec(s), Source: history.SourceFault, Kind: kind, Fault: fault}
	}
	phase := func(s float64, kind, name string) history.Event {
		return history.Event{At: sec(s), Source: history.SourcePhase, Kind: kind, State: name}
	}
	recorded := &history.History{
		Header: history.Header{Faults: []history.FaultFacts{{ID: "twice"}, {ID: "open"}, {ID: "never"}}},
		Events: []history.Event{
			phase(1, history.PhaseBegin, history.PhaseStorm), at(0.5, history.FaultBegin, "open"),
			at(2, history.FaultBegin, "twice"), at(3, history.FaultEnd, "twice"), at(4, history.FaultBegin, "twice"),
			at(5, history.FaultBegin, "unplanned"), at(5, history.FaultEnd, "twice"), at(5, history.FaultEnd, "never"),
			{At: sec(6), Source: history.SourceNode, Kind: history.NodeExited},
			{At: sec(2), Source: history.SourceNode, Kind: history.NodeStopped, Key: "db"},
			{At: sec(3), Source: history.SourceNode, Kind: history.NodePaused, Key: "shop-1"},
			{At: sec(4), Source: history.SourceNode, Kind: history.NodeResumed, Key: "shop-1"},
			{At: sec(5), Source: history.SourceNode, Kind: history.NodeReady, Key: "db"},
			phase(9, history.PhaseEnd, history.PhaseStorm),
		},
	}
	want := map[string][]span{
		"twice": {{From: sec(2), To: sec(3)}, {From: sec(4), To: sec(5)}}, "open": {{From: sec(1), To: sec(9)}}, "never": nil,
		"the shop is down": {{From: sec(6), To: sec(9)}},
		"db is down":       {{From: sec(2), To: sec(5)}}, "shop-1 is down": {{From: sec(3), To: sec(4)}},
	}
	lanes := newSeries(recorded).faults
	if len(lanes) != len(want) {
		t.Fatalf("%d lanes, want %d", len(lanes), len(want))
	}
	for _, lane := range lanes {
		if got := lane.Windows; len(got) != len(want[lane.Name]) {
			t.Errorf("%s: %v, want %v", lane.Name, got, want[lane.Name])
			continue
		}
		for i, window := range lane.Windows {
			if window != want[lane.Name][i] {
				t.Errorf("%s: %v, want %v", lane.Name, window, want[lane.Name][i])
			}
		}
	}
}

func TestBinWidth(t *testing.T) {
	for whole, want := range map[time.Duration]time.Duration{
		time.Millisecond: 10 * time.Millisecond, 10 * time.Second: 100 * time.Millisecond, 28 * time.Second: 200 * time.Millisecond,
		time.Hour: 50 * time.Second,
	} {
		if got := binWidth(whole); got != want {
			t.Errorf("%s in bins of %s, want %s", whole, got, want)
		}
	}
}

func TestNiceCeiling(t *testing.T) {
	for value, want := range map[float64]float64{0: 1, 0.3: 0.3, 1: 1, 120: 150, 201: 300, 999: 1000} {
		if got := niceCeiling(value); math.Abs(got-want) > 1e-9 {
			t.Errorf("%v becomes %v, want %v", value, got, want)
		}
	}
}
