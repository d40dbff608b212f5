package reports

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/paystorm/paystorm/history"
)

func TestDigest(t *testing.T) {
	ms := func(n int) history.Time { return history.Time(n) * history.Time(time.Millisecond) }
	op := func(at int, kind, state string) history.Record {
		return history.Record{At: ms(at), Op: &history.Op{
			Invocation: history.Invocation{Kind: kind, Buyer: 7, Called: ms(at)}, Returned: ms(at + 5), Outcome: history.OK, State: state,
		}}
	}
	event := func(at int, e history.Event) history.Record {
		e.At = ms(at)
		return history.Record{At: e.At, Event: &e}
	}
	delivery := func(at int, kind string, outcome history.Outcome) history.Record {
		return event(at, history.Event{
			Source: history.SourceDelivery, Kind: kind, Notification: "n1", Attempt: 1, State: history.PaymentSucceeded, Outcome: outcome,
		})
	}
	row := func(at int, label string, row any) history.Record {
		return history.Record{At: ms(at), Row: &history.Row{At: ms(at), Label: label, Row: row}}
	}
	for name, test := range map[string]struct {
		records []history.Record
		want    []string
	}{
		"polls that see the same": {
			[]history.Record{
				op(1, history.OpPoll, "pending"), event(2, history.Event{Source: history.SourceChannel, Kind: history.PaymentSucceeded}),
				op(3, history.OpPoll, "pending"), op(4, history.OpPoll, "paid"), op(5, history.OpPoll, "pending"),
			},
			[]string{"poll: pending (2 times, until 0.003s)", "payment succeeded", "poll: paid", "poll: pending"},
		},
		"a burst is answered in its order": {
			[]history.Record{
				delivery(1, history.DeliverySent, ""), delivery(2, history.DeliverySent, ""),
				delivery(5, history.DeliveryAnswered, history.OK), delivery(9, history.DeliveryAnswered, history.Refused),
			},
			[]string{"payment succeeded, n1 attempt 1: ok after 4ms", "payment succeeded, n1 attempt 1: refused after 7ms"},
		},
		"an answer whose question was not recorded": {
			[]history.Record{delivery(5, history.DeliveryAnswered, history.Unknown)}, []string{"n1 attempt 1: unknown"},
		},
		"the rows of one reading": {
			[]history.Record{
				row(1, history.ReadingCheckpoint, history.OrderRow{State: history.OrderPaid}),
				row(2, history.ReadingCheckpoint, history.OrderRow{State: history.OrderPaid}),
				row(3, history.ReadingFinal, history.OrderRow{State: history.OrderPaid}),
				row(3, history.ReadingFinal, history.GrantRow{Kind: "points", Value: 49}),
				row(3, history.ReadingFinal, history.GrantRow{Kind: "points", Value: 49}),
			},
			[]string{"order paid (2 times, until 0.002s)", "order paid; 2 × points granted: 49"},
		},
		"strikes of one fault": {
			[]history.Record{
				event(1, history.Event{Source: history.SourceFault, Fault: "f", Key: "refund"}), op(2, history.OpCancel, "closed"),
				event(3, history.Event{Source: history.SourceFault, Fault: "f", Key: "refund"}),
			},
			[]string{"f struck refund (2 times, until 0.003s)", "cancel: closed"},
		},
		"journeys say nothing": {
			[]history.Record{event(1, history.Event{Source: history.SourceLoad, Kind: history.JourneyBegin, Key: "buy"})}, nil,
		},
	} {
		t.Run(name, func(t *testing.T) {
			var got []string
			for _, b := range digest(tell(test.records)) {
				got = append(got, b.words())
			}
			if strings.Join(got, "\n") != strings.Join(test.want, "\n") {
				t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(test.want, "\n"))
			}
		})
	}
}

func TestHeaviestKeepsWhatMattersAndTheEnd(t *testing.T) {
	beats := []beat{{What: "a", Weight: telling}, {What: "b", Weight: passing}, {What: "c", Weight: useful}, {What: "d", Weight: telling}, {What: "e", Weight: telling}}
	for most, want := range map[int]string{5: "abcde", 4: "acde", 3: "ade", 2: "ae", 1: "e"} {
		kept, left := heaviest(beats, most)
		got := ""
		for _, b := range kept {
			got += b.What
		}
		if got != want || left != len(beats)-most {
			t.Errorf("of five, %d: %s and %d left, want %s", most, got, left, want)
		}
	}
}

func TestStoryTellsEveryRecord(t *testing.T) {
	recorded := newSample(plainNames, true)
	var out bytes.Buffer
	if err := Story(&out, recorded, "A0004"); err != nil {
		t.Fatal(err)
	}
	if got, want := strings.Count(out.String(), "\n"), len(recorded.Story("A0004")); got != want || want == 0 {
		t.Errorf("%d lines of %d records", got, want)
	}
	for _, order := range []string{"", "A9999"} {
		if err := Story(&out, recorded, order); err == nil {
			t.Errorf("order %q is told", order)
		}
	}
}

func TestLongLinesOfAStoryGoOnOnce(t *testing.T) {
	got := storyLines([]beat{{Who: "shop", What: "one two three four five six seven"}}, 28)
	want := "    0.000s  shop  one two\n                    three f…\n"
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}
