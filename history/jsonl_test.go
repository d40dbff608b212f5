package history

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
)

func storyHistory() *History {
	ref := Ref{Run: "r", Buyer: 1, Nth: 1}.String()
	return &History{
		Ops: []Op{
			{Writer: "k6", Seq: 1, Invocation: Invocation{Op: 1, Ref: ref, Kind: OpOrder, Called: 1}, Outcome: Unknown},
			{Writer: "k6", Seq: 2, Invocation: Invocation{Op: 2, Ref: "ps-r-b2-o1", Kind: OpOrder, Order: "O2", Called: 2}, Outcome: OK},
			{Writer: "k6", Seq: 3, Invocation: Invocation{Op: 3, Payment: "p1", Kind: OpPay, Called: 5}, Outcome: OK},
		},
		Events: []Event{
			{Writer: "h", Seq: 1, At: 0, Source: SourcePhase, Kind: PhaseBegin, State: PhaseStorm},
			{Writer: "h", Seq: 2, At: 3, Source: SourceChannel, Kind: PaymentCreated, Order: "O1", Payment: "p1", Ref: ref},
			{Writer: "h", Seq: 3, At: 4, Source: SourceChannel, Kind: PaymentCreated, Order: "O2", Payment: "p2"},
			{Writer: "h", Seq: 4, At: 6, Source: SourceDelivery, Kind: DeliverySent, Payment: "p1", State: "<b>"},
			{Writer: "h", Seq: 5, At: 7, Source: SourceDelivery, Kind: DeliverySent, Order: "O2", Payment: "p1", Forgery: ForgeryOtherOrder},
		},
		Readings: []Reading{{Label: ReadingFinal, End: 9, Books: Books{
			Stock:  []StockRow{{SKU: "s"}},
			Orders: []OrderRow{{Order: "O1", State: OrderPaid}, {Order: "O2", State: OrderPaid}},
			Grants: []GrantRow{{Order: "O1", Kind: "points", Value: 3}},
		}}},
	}
}

func TestWriteJSONL(t *testing.T) {
	everything := []string{"event@0", "op@1", "op@2", "event@3", "event@4", "op@5", "event@6", "event@7", "row@9 stock", "row@9 orders", "row@9 orders", "row@9 grants"}
	one := []string{"op@1", "event@3", "op@5", "event@6", "event@7", "row@9 orders", "row@9 grants"}
	for name, test := range map[string]struct {
		order string
		want  []string
	}{
		"everything": {"", everything},
		"by number":  {"O1", one},
		"by ref":     {"ps-r-b1-o1", one},
		"the other":  {"O2", []string{"op@2", "event@4", "event@7", "row@9 orders"}},
		"unknown":    {"O3", nil},
	} {
		t.Run(name, func(t *testing.T) {
			var out strings.Builder
			if err := WriteJSONL(&out, storyHistory(), test.order); err != nil {
				t.Fatal(err)
			}
			var got []string
			for text := range strings.Lines(out.String()) {
				var line struct {
					Record string      `json:"record"`
					At     json.Number `json:"at_ns"`
					Called json.Number `json:"called_ns"`
					Table  string      `json:"table"`
				}
				if err := json.Unmarshal([]byte(text), &line); err != nil {
					t.Fatalf("%s: %v", text, err)
				}
				got = append(got, strings.TrimSpace(line.Record+"@"+string(line.At+line.Called)+" "+line.Table))
			}
			if !slices.Equal(got, test.want) {
				t.Fatalf("got\n%q want\n%q", got, test.want)
			}
		})
	}
	var out strings.Builder
	if err := WriteJSONL(&out, storyHistory(), "O1"); err != nil {
		t.Fatal(err)
	}
	want := `{"record":"op","writer":"k6","seq":1,"op":1,"ref":"ps-r-b1-o1","kind":"order","intended_ns":0,"called_ns":1,"returned_ns":0,"outcome":"unknown"}`
	if first, _, _ := strings.Cut(out.String(), "\n"); first != want {
		t.Fatalf("got  %s\nwant %s", first, want)
	}
}
