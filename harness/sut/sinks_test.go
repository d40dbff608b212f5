package sut

import (
	"net/http"
	"strings"
	"testing"

	"github.com/paystorm/paystorm/history"
	"github.com/paystorm/paystorm/scenarios"
)

func TestSinks(t *testing.T) {
	recorded := &events{}
	sinks, err := StartSinks(t.Context(), "127.0.0.1", map[string]scenarios.Sink{
		"mail": {Key: "meta.key", Order: "order"}, "sms": {},
	}, recorded.record)
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
