package scenarios

import (
	"testing"
	"time"
)

func TestVirtualUsers(t *testing.T) {
	t.Parallel()
	seconds := func(n float64) Span { return Span{High: time.Duration(n * float64(time.Second))} }
	patient := func(n time.Duration) Step {
		return Step{Name: "poll", Get: "/", Until: []string{"paid"}, Within: Duration(n * time.Second)}
	}
	order := Step{Name: "order", Post: "/", Within: Duration(2 * time.Second)}
	hesitant := order
	hesitant.Think, hesitant.Retry = seconds(1), &Retry{Times: 3, Every: seconds(1)}
	hesitant.On = map[string][]Step{
		OnRefused: {{Name: "stop", End: "refused", Think: seconds(2)}}, OnUnknown: {{Name: "stop", End: "unknown"}},
	}
	rush := []LoadStep{
		{For: 10 * time.Second, PerSecond: 10},
		{At: 10 * time.Second, For: time.Second, PerSecond: 1000},
		{At: 11 * time.Second, For: time.Minute, PerSecond: 10},
	}
	even := []LoadStep{{For: time.Minute, PerSecond: 100}}
	for _, c := range []struct {
		name     string
		steps    []LoadStep
		journeys map[string][]Step
		offered  int
		want     int
	}{
		{"one request that hangs", even, map[string][]Step{"buy": {order, order, order}}, 6000, 220},
		{"a request that hangs, and patience", even, map[string][]Step{"buy": {order, patient(6), patient(4)}}, 6000, 1650},
		{"pauses, repeats and the longer branch", even, map[string][]Step{"buy": {hesitant}}, 6000, 880},
		{"half the buyers are quick", even, map[string][]Step{"buy": {order}, "wait": {order, patient(3)}}, 6000, 550},
		{"a rush within the time that a journey takes", rush, map[string][]Step{"buy": {order}}, 2000, 1111},
		{"no more than there are buyers", even, map[string][]Step{"buy": {patient(60)}}, 900, 900},
		{"a slow start", even, map[string][]Step{"buy": {order}}, 3, 20},
		{"more than a machine has room for", []LoadStep{{For: time.Minute, PerSecond: 1e5}}, map[string][]Step{"buy": {order}}, 6e6, 10_000},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			var shares []JourneyShare
			for name := range c.journeys {
				shares = append(shares, JourneyShare{Name: name, Share: 1 / float64(len(c.journeys))})
			}
			if got := virtualUsers(c.steps, &System{Journeys: c.journeys}, shares, c.offered); got != c.want {
				t.Errorf("got %d, want %d", got, c.want)
			}
		})
	}
}
