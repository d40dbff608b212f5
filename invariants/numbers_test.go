package invariants

import (
	"testing"

	"github.com/paystorm/paystorm/history"
)

// TestPaymentsWithNumbersOfTheirOwn joins what a channel knows under the numbers of payments to the orders that they are
// for: by the shop's payments where they were read, and by the client reference where they were not.
func TestPaymentsWithNumbersOfTheirOwn(t *testing.T) {
	const ref = "ps-r-b1-o1"
	paid := func(number, payment string) []history.Event {
		return []history.Event{
			{Source: history.SourceChannel, Kind: history.PaymentCreated, Order: number, Payment: payment, Ref: ref, Minor: 100, Currency: "CNY"},
			{Source: history.SourceChannel, Kind: history.PaymentSucceeded, Order: number, Payment: payment, Ref: ref, Minor: 100, Currency: "CNY"},
		}
	}
	order := history.Books{Orders: []history.OrderRow{{Order: "A", Ref: ref, State: history.OrderPaid, Minor: 100}}}
	known := order
	known.Payments = []history.PaymentRow{{Number: "A_1", Order: "A"}, {Number: "A_2", Order: "A"}}
	stranger := order
	stranger.Payments = []history.PaymentRow{{Number: "A_1", Order: "A"}}
	tests := []struct {
		name      string
		books     history.Books
		perNumber bool
		want      map[string]int // order → payments
	}{
		{"by the shop's payments", known, true, map[string]int{"A": 2}},
		{"one that the shop does not know stays apart", stranger, true, map[string]int{"A": 1, "A_2": 1}},
		{"by the reference where payments were not read", order, true, map[string]int{"A": 2}},
		{"by the order's number alone", order, false, map[string]int{"A": 0, "A_1": 1, "A_2": 1}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			h := &history.History{
				Header:   history.Header{System: history.SystemFacts{NumberPerPayment: test.perNumber}},
				Events:   append(paid("A_1", "p1"), paid("A_2", "p2")...),
				Readings: []history.Reading{{Label: history.ReadingFinal, Agreed: true, Tables: history.Tables(), Books: test.books}},
			}
			got := map[string]int{}
			for _, story := range newRun(h).Stories {
				got[story.Order] = len(story.Payments)
			}
			if len(got) != len(test.want) {
				t.Fatalf("stories %v, want %v", got, test.want)
			}
			for number, payments := range test.want {
				if got[number] != payments {
					t.Errorf("stories %v, want %v", got, test.want)
				}
			}
		})
	}
}

func TestAnUpdatedPaymentIsAskedForAnew(t *testing.T) {
	event := func(kind string, minor int64) history.Event {
		return history.Event{Source: history.SourceChannel, Kind: kind, Order: "A", Payment: "p", Minor: minor, Currency: "CNY"}
	}
	h := &history.History{Events: []history.Event{
		event(history.PaymentCreated, 100), event(history.PaymentUpdated, 150), event(history.PaymentSucceeded, 150),
	}}
	if got := newRun(h).Stories[0].Payments[0].Minor; got != 150 {
		t.Errorf("asked for %d, want 150", got)
	}
}
