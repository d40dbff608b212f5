package reports

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"github.com/paystorm/paystorm/history"
	"github.com/paystorm/paystorm/invariants"
)

// a verdict with one invariant, violated in the way that a test is about.
func verdictOf(verdict invariants.Result, result invariants.InvariantResult) invariants.Verdict {
	all := invariants.Verdict{
		Verdict: verdict, Headline: string(verdict), Judged: invariants.Judged{Judged: 1, Total: 1},
		Invariants: []invariants.InvariantResult{result},
	}
	for _, pattern := range result.Patterns {
		all.Causes = append(all.Causes, invariants.Cause{
			Invariant: result.ID, Pattern: pattern.Text, Count: pattern.Count, Orders: pattern.Orders, Details: pattern.Details, Gates: result.Gates,
		})
	}
	return all
}

func red(gates bool, orders ...string) invariants.InvariantResult {
	return invariants.InvariantResult{
		ID: "I1", Name: "one", Status: invariants.Violated, Gates: gates, Known: !gates, Violations: len(orders), Summary: "bad",
		Patterns: []invariants.Pattern{{Text: "bad", Count: len(orders), Orders: orders, Details: []string{"how it was"}}},
	}
}

func TestSentence(t *testing.T) {
	sale := &history.History{Header: history.Header{Sale: []history.Item{{SKU: "phone"}}}}
	held := invariants.InvariantResult{Status: invariants.Held}
	partly := verdictOf(invariants.Pass, held)
	partly.Judged.Total = 2
	oversold := verdictOf(invariants.Fail, red(true, "phone"))
	oversold.Sale = []invariants.SaleResult{{SKU: "phone", Stock: 10, Sold: 12}}
	wrongStock := verdictOf(invariants.Fail, red(true, "phone", "a"))
	wrongStock.Sale = []invariants.SaleResult{{SKU: "phone", Stock: 10, Sold: 9}}
	many := red(true, "a", "b")
	many.Patterns[0].Count = 250
	for name, test := range map[string]struct {
		verdict invariants.Verdict
		want    string
	}{
		"pass":                     {verdictOf(invariants.Pass, held), "Nothing was oversold, and every cent is accounted for."},
		"pass, not all judged":     {partly, "Nothing wrong was found in the 1 of 2 rules that could be judged."},
		"pass with a known red":    {verdictOf(invariants.Pass, red(false, "a")), "Nothing new is wrong. What is known, or no provider may cause, is listed below."},
		"one order twice":          {verdictOf(invariants.Fail, red(true, "a", "a")), "The books do not add up for 1 order."},
		"more than are quoted":     {verdictOf(invariants.Fail, many), "The books do not add up for more than 2 orders."},
		"oversold":                 {oversold, "2 units of phone sold that did not exist."},
		"a stock that is wrong":    {wrongStock, "The stock of phone does not add up, and the books do not add up for 1 order."},
		"a SKU and not an order":   {verdictOf(invariants.Fail, red(true, "phone")), "The books do not add up."},
		"the run and not an order": {verdictOf(invariants.Fail, red(true, "")), "The books do not add up."},
		"service only":             {verdictOf(invariants.Fail, held), "Every cent is accounted for, but the service was worse than was promised."},
		"nothing proven":           {verdictOf(invariants.Inconclusive, held), "This run proves nothing: nothing wrong was found, and too little was tried or seen to trust that."},
		"nothing that counts":      {verdictOf(invariants.Inconclusive, red(false, "a")), "This run proves nothing either way: what is wrong in it does not count against the shop."},
	} {
		t.Run(name, func(t *testing.T) {
			if got := sentence(test.verdict, sale); got != test.want {
				t.Errorf("got  %s\nwant %s", got, test.want)
			}
		})
	}
}

// TestARunsOwnViolationIsNoOrder: the empty order must not tell everybody's story.
func TestARunsOwnViolationIsNoOrder(t *testing.T) {
	recorded := newSample(plainNames, false)
	verdict := verdictOf(invariants.Fail, red(true, "", "phone-x"))
	var text, page bytes.Buffer
	if err := Text(&text, "runs/x", verdict, recorded); err != nil {
		t.Fatal(err)
	}
	if err := HTML(&page, verdict, recorded); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(text.String(), "the story of") || strings.Contains(page.String(), "<summary>") {
		t.Error("a story is told of no order")
	}
	for _, want := range []string{"SKU phone-x", "how it was"} {
		if !strings.Contains(text.String(), want) || !strings.Contains(page.String(), want) {
			t.Errorf("%q is not told", want)
		}
	}
}

// TestRedsThatDoNotGate: every format shows them, and none calls them a failure.
func TestRedsThatDoNotGate(t *testing.T) {
	recorded := newSample(plainNames, true)
	for _, known := range []string{"I6", "I7", "I9", "I11", "I14"} {
		recorded.Header.Known = append(recorded.Header.Known, history.Known{
			Invariant: known, Ticket: "SHOP-1", Until: recorded.Header.Started.AddDate(0, 1, 0),
		})
	}
	verdict := invariants.Judge(recorded)
	if verdict.Verdict != invariants.Pass {
		t.Fatalf("%s: %q", verdict.Headline, verdict.Reasons)
	}
	for _, format := range everyFormat() {
		var out bytes.Buffer
		if err := format.Write(&out, verdict, recorded); err != nil {
			t.Fatal(err)
		}
		text := strings.ToLower(out.String())
		if format.Name != "json" && !strings.Contains(text, "violated, known") {
			t.Errorf("%s does not show the known red", format.Name)
		}
		if strings.Contains(text, "<failure") {
			t.Errorf("%s fails for it", format.Name)
		}
	}
}

// TestOtherReasons: a violation stands below with its orders, however its reason is worded.
func TestOtherReasons(t *testing.T) {
	verdict := verdictOf(invariants.Fail, red(true, "a"))
	verdict.Reasons = invariants.Reasons{
		{Kind: invariants.ReasonViolation, Invariant: "I1", Text: "the books are wrong"},
		{Kind: invariants.ReasonService, Text: "too slow"},
		{Kind: invariants.ReasonDoubt, Invariant: "I2", Text: "never exercised"},
		{Kind: invariants.ReasonNote, Invariant: "I1", Text: "known"},
	}
	if got := otherReasons(verdict); !slices.Equal(got, []string{"too slow", "never exercised", "known"}) {
		t.Errorf("got %q", got)
	}
}

func TestLoss(t *testing.T) {
	total := func(currency string, net, gross int64, who invariants.Bearer, since, until int64) invariants.RiskTotal {
		return invariants.RiskTotal{
			AtRisk: invariants.AtRisk{Currency: currency, NetMinor: net, GrossMinor: gross, Bearer: who}, SinceMS: since, UntilMS: until,
		}
	}
	verdict := invariants.Verdict{AtRisk: []invariants.RiskTotal{
		total("CNY", 300, 300, invariants.BearerBuyer, 1000, 0),
		total("EUR", 0, 7, invariants.BearerMerchant, 1000, 0),
		total("JPY", 7, 7, invariants.BearerMerchant, 1000, 2000),
	}}
	got := strings.Join(loss(verdict), "\n")
	want := "3.00 CNY at risk, borne by the buyers, from 1.000s, and it lasts\n" +
		"7 JPY at risk, borne by the merchant, from 1.000s until 2.000s"
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestQuoted(t *testing.T) {
	for text, want := range map[string]string{
		"A-17": "A-17", "": "''", "a b": "'a b'", "a'b": `'a'\''b'`, "$(rm)": "'$(rm)'", "a\nb": "'a b'",
	} {
		if got := quoted(text); got != want {
			t.Errorf("%q becomes %s, want %s", text, got, want)
		}
	}
}
