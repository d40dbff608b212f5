package sut

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/paystorm/paystorm/history"
	"github.com/paystorm/paystorm/scenarios"
)

// What a fault has a sink refuse was not received; what it takes and never answers was.
func TestSinksThatFail(t *testing.T) {
	recorded := &events{}
	var asked []Arrival
	mishaps := []Mishap{{Fault: "f", Status: 500}, {Fault: "f", Silent: true, Hang: 10 * time.Millisecond}, {Fault: "f", Hang: 10 * time.Millisecond}, {}}
	sinks, err := StartSinks(t.Context(), "127.0.0.1", map[string]scenarios.Sink{"mail": {Key: "key", Order: "order"}}, func(a Arrival) Mishap {
		asked = append(asked, a)
		return mishaps[len(asked)-1]
	}, recorded.record)
	if err != nil {
		t.Fatal(err)
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	received := func(kind string, outcome history.Outcome, status int, fault string) history.Event {
		return history.Event{
			Source: history.SourceSink, Kind: kind, State: "mail", Key: "k1", Order: "O1", Outcome: outcome, Status: status, Fault: fault,
		}
	}
	affected := history.Event{Source: history.SourceFault, Kind: history.FaultAffected, Fault: "f", Key: "mail", Order: "O1"}
	for nth, test := range []struct {
		status int // 0: none came
		want   []history.Event
	}{
		{500, []history.Event{received(history.SinkRefused, history.Refused, 500, "f"), affected}},
		{0, []history.Event{received(history.SinkReceived, history.Unknown, 0, "f"), affected}},
		{204, []history.Event{received(history.SinkReceived, history.OK, 204, "f"), affected}},
		{204, []history.Event{received(history.SinkReceived, history.OK, 204, "")}},
	} {
		before := len(recorded.all())
		request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, sinks.URLs()["mail"], strings.NewReader(`{"key": "k1", "order": "O1"}`))
		if err != nil {
			t.Fatal(err)
		}
		answer, err := client.Do(request)
		status := 0
		if err == nil {
			status = answer.StatusCode
			err = answer.Body.Close()
		}
		if status != test.status || (err != nil) != (test.status == 0) {
			t.Errorf("attempt %d: status %d, %v, want %d", nth+1, status, err, test.status)
		}
		if got := recorded.all()[before:]; !slices.Equal(got, test.want) {
			t.Errorf("attempt %d: recorded %+v, want %+v", nth+1, got, test.want)
		}
		if asked[nth] != (Arrival{Sink: "mail", Key: "k1", Order: "O1", Attempt: nth + 1}) {
			t.Errorf("asked about %+v", asked[nth])
		}
	}
	if err := sinks.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func TestSinks(t *testing.T) {
	recorded := &events{}
	sinks, err := StartSinks(t.Context(), "127.0.0.1", map[string]scenarios.Sink{
		"mail": {Key: "meta.key", Order: "order"}, "sms": {},
	}, nil, recorded.record)
	if err != nil {
		t.Fatal(err)
	}
	post := func(method, target, body string) int {
		request, err := http.NewRequestWithContext(t.Context(), method, target, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		answer, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(request)
		if err != nil {
			t.Fatal(err)
		}
		if err := answer.Body.Close(); err != nil {
			t.Fatal(err)
		}
		return answer.StatusCode
	}
	mail := sinks.URLs()["mail"]
	for _, test := range []struct {
		name, method, target, body string
		status                     int
		want                       history.Event // "" Kind: nothing is recorded
	}{
		{"mail", "POST", mail, `{"meta": {"key": "k1"}, "order": 17}`, 204, history.Event{State: "mail", Key: "k1", Order: "17", Outcome: history.OK}},
		{"no key", "POST", mail, `{"order": "O1"}`, 204, history.Event{State: "mail", Order: "O1", Outcome: history.OK}},
		{"no paths", "POST", sinks.URLs()["sms"], `{"key": "x"}`, 204, history.Event{State: "sms", Outcome: history.OK}},
		{"no JSON", "POST", mail, `hello`, 400, history.Event{State: "mail", Outcome: history.Refused, Reason: "not JSON"}},
		{"large", "POST", mail, `"` + strings.Repeat("x", effectLargest) + `"`, 413, history.Event{State: "mail", Outcome: history.Refused, Reason: "too large"}},
		{"get", "GET", mail, "", 405, history.Event{}},
		{"other path", "POST", mail + "x", "{}", 404, history.Event{}},
	} {
		t.Run(test.name, func(t *testing.T) {
			before := len(recorded.kinds())
			if status := post(test.method, test.target, test.body); status != test.status {
				t.Fatalf("status %d, want %d", status, test.status)
			}
			if test.want.State == "" {
				if len(recorded.kinds()) != before {
					t.Fatalf("recorded %+v", recorded.last())
				}
				return
			}
			test.want.Source, test.want.Kind, test.want.Status = history.SourceSink, history.SinkReceived, test.status
			if got := recorded.last(); got != test.want || len(recorded.kinds()) != before+1 {
				t.Fatalf("recorded %+v, want %+v", got, test.want)
			}
		})
	}
	for range 2 {
		if err := sinks.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
}
