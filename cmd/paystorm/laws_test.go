package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/paystorm/paystorm/history"
	"github.com/paystorm/paystorm/invariants"
	"github.com/paystorm/paystorm/scenarios"
)

// sold is a kept run of a correct shop in fair weather.
func sold(t *testing.T) *history.History {
	t.Helper()
	h, err := history.Open(filepath.Join("..", "..", "invariants", "testdata", "kept", "flash-sale"))
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// finalBooks are those of a run's last reading.
func finalBooks(h *history.History) *history.Books { return &h.Readings[len(h.Readings)-1].Books }

// paidOrder is the row of an order of the sale that was paid.
func paidOrder(h *history.History) *history.OrderRow {
	orders := finalBooks(h).Orders
	return &orders[slices.IndexFunc(orders, func(o history.OrderRow) bool { return o.State == history.OrderPaid && o.SKU == "phone-x" })]
}

// planned are the laws of a scenario that has nothing else of its own.
func planned(t *testing.T, laws string, files map[string]string) []scenarios.PlannedLaw {
	t.Helper()
	dir := t.TempDir()
	files["sale.yaml"] = `
name: lawful
system: flashshop
sale: {items: [{sku: phone-x, stock: 30, price: 4999.00 CNY, per-buyer: 2}]}
load: {profile: steady, peak: 10/s, for: 2s}
settle: 15s
laws:
` + laws
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	plan, _, err := (&planFlags{seed: 1}).plan(filepath.Join(dir, "sale.yaml"), 1)
	if err != nil {
		t.Fatal(err)
	}
	var shown strings.Builder
	if err := plan.WriteText(&shown); err != nil || !strings.Contains(shown.String(), plan.Laws[0].ID+" "+plan.Laws[0].Name+", reads ") {
		t.Errorf("the plan shows, %v:\n%s", err, shown.String())
	}
	if !slices.ContainsFunc(plan.Required, func(id string) bool { return id == plan.Laws[0].ID }) {
		t.Errorf("%s is not required: %v", plan.Laws[0].ID, plan.Required)
	}
	return plan.Laws
}

// judged is what the judge says of the first law.
func judged(t *testing.T, h *history.History, laws []scenarios.PlannedLaw) (invariants.InvariantResult, invariants.Verdict) {
	t.Helper()
	for _, law := range laws {
		own := history.Law{ID: law.ID, Name: law.Name, Bearer: law.Bearer, Wrong: law.Wrong, Cases: law.Cases}
		for _, table := range law.Needs {
			own.Needs = append(own.Needs, history.Table(table))
		}
		h.Header.Laws = append(h.Header.Laws, own)
		h.Header.Required = append(h.Header.Required, law.ID)
	}
	verdict := invariants.Judge(h)
	at := slices.IndexFunc(verdict.Invariants, func(r invariants.InvariantResult) bool { return r.ID == laws[0].ID })
	if at < 0 {
		t.Fatalf("the verdict has no %s", laws[0].ID)
	}
	return verdict.Invariants[at], verdict
}

// TestALawOfEachForm: each is green on a run of a correct shop, in which something could have broken it, and red once one row lies.
func TestALawOfEachForm(t *testing.T) {
	again := func(h *history.History) { // the books are read once more, in the storm
		final := h.Readings[len(h.Readings)-1]
		earlier := final
		earlier.Label, earlier.Agreed, earlier.Seq, earlier.Begin, earlier.End = history.ReadingCheckpoint, false, 1<<40, final.Begin-2, final.Begin-1
		h.Readings = slices.Insert(h.Readings, len(h.Readings)-1, earlier)
	}
	for _, test := range []struct {
		form, law string
		files     map[string]string
		prepare   func(*history.History)
		lie       func(*history.History)
		detail    string
	}{
		{
			form: "once", law: `{id: L1, name: points are given once, once: {table: grants, where: "kind = 'points'", key: order_no}}`,
			lie:    func(h *history.History) { b := finalBooks(h); b.Grants = append(b.Grants, b.Grants[0]) },
			detail: "2 rows",
		},
		{
			form:   "bound",
			law:    `{id: L1, name: two for each buyer, bound: {table: orders, where: "state IN ('paid', 'shipped')", key: [buyer, sku], sum: quantity, at-most: 2}}`,
			lie:    func(h *history.History) { paidOrder(h).Quantity = 3 },
			detail: "3 in all, at most 2",
		},
		{
			form:   "ends",
			law:    `{id: L1, name: orders end, ends: {table: orders, key: order_no, in: [paid, shipped, refunded, closed]}}`,
			lie:    func(h *history.History) { paidOrder(h).State = history.OrderReview },
			detail: "ends as review",
		},
		{
			form:   "caused",
			law:    `{id: L1, name: points have an order, caused: {table: grants, key: order_no, by: {table: orders, key: order_no}}}`,
			lie:    func(h *history.History) { finalBooks(h).Grants[5].Order = "of-nobody" },
			detail: "in grants, and not in orders",
		},
		{
			form: "agree",
			law: `{id: L1, name: payments say what was captured, bearer: merchant, agree: {table: captures, key: order_no, value: sum(minor),
			        with: {table: payments, where: "state IN ('captured', 'refunded')", key: order_no, value: sum(minor)}}}`,
			lie: func(h *history.History) {
				b := finalBooks(h)
				at := slices.IndexFunc(b.Payments, func(p history.PaymentRow) bool { return p.State == history.PaymentCaptured })
				b.Payments[at].Minor--
			},
			detail: "captures says 499900, payments says 499899",
		},
		{
			form: "agree, where the other side alone has it",
			law: `{id: L1, name: payments say what was captured, agree: {table: captures, key: order_no, value: count(*),
			        with: {table: payments, where: "state IN ('captured', 'refunded')", key: order_no, value: count(*)}}}`,
			lie: func(h *history.History) {
				b := finalBooks(h)
				b.Payments = append(b.Payments, history.PaymentRow{Payment: "p-none", Order: "o-none", Minor: 1, State: history.PaymentCaptured})
			},
			detail: "captures says nothing, payments says 1",
		},
		{
			form:   "conserve",
			law:    `{id: L1, name: units are conserved, conserve: {table: stock, key: sku, sum: available + reserved + sold + written_off}}`,
			lie:    func(h *history.History) { finalBooks(h).Stock[0].Available++ },
			detail: " at first, and ",
		},
		{
			form: "never-back", law: `{id: L1, name: orders go on, never-back: {table: orders, key: order_no, along: [pending, paid, shipped]}}`,
			prepare: again,
			lie: func(h *history.History) {
				b := finalBooks(h)
				b.Orders = slices.Clone(b.Orders)
				at := slices.IndexFunc(b.Orders, func(o history.OrderRow) bool { return o.State == history.OrderPaid })
				b.Orders[at].State = history.OrderPending
			},
			detail: "paid, later pending",
		},
		{
			form: "sql", law: `{sql: price.sql}`,
			files: map[string]string{"price.sql": `-- invariant: L1 the price is the sale's
-- bearer: merchant
-- An order costs what its item is on sale for.
SELECT order_no, abs(final_orders.minor - items.minor * quantity) AS net_minor, items.currency, quantity
  FROM final_orders JOIN items USING (sku) WHERE state IN ('paid', 'shipped', 'refunded') AND final_orders.minor <> items.minor * quantity;
-- cases:
SELECT count(*) FROM final_orders JOIN items USING (sku);
`},
			lie:    func(h *history.History) { paidOrder(h).Minor -= 100 },
			detail: "quantity 1",
		},
	} {
		t.Run(test.form, func(t *testing.T) {
			if test.files == nil {
				test.files = map[string]string{}
			}
			laws := planned(t, "  - "+test.law+"\n", test.files)
			h := sold(t)
			if test.prepare != nil {
				test.prepare(h)
			}
			if result, verdict := judged(t, h, laws); result.Status != invariants.Held || result.Exercised == 0 || verdict.Verdict != invariants.Pass {
				t.Fatalf("of a correct shop: %s, exercised %d, %s: %s", result.Status, result.Exercised, verdict.Headline, result.Summary)
			}
			h = sold(t)
			if test.prepare != nil {
				test.prepare(h)
			}
			test.lie(h)
			result, verdict := judged(t, h, laws)
			if result.Status != invariants.Violated || result.Violations != 1 || verdict.Verdict != invariants.Fail {
				t.Fatalf("of a lie: %s, %d violations, %s: %s", result.Status, result.Violations, verdict.Headline, result.Summary)
			}
			if pattern := result.Patterns[0]; pattern.Text != "broken: "+laws[0].Name || !strings.Contains(pattern.Details[0], test.detail) || len(result.Evidence) == 0 {
				t.Errorf("told as %+v, evidence %v; want detail %q", pattern, result.Evidence, test.detail)
			}
		})
	}
}

// TestALawThatCannotBeJudged: a table that was not read, and a run in which nothing could break it, are doubts.
func TestALawThatCannotBeJudged(t *testing.T) {
	points := "  - {id: L1, name: points are given once, once: {table: grants, key: order_no}}\n"
	unread := sold(t)
	final := &unread.Readings[len(unread.Readings)-1]
	final.Tables = slices.DeleteFunc(slices.Clone(final.Tables), func(table history.Table) bool { return table == history.TableGrants })
	final.Books.Grants = nil
	result, verdict := judged(t, unread, planned(t, points, map[string]string{}))
	if result.Status != invariants.NotKnown || !strings.Contains(result.Summary, "table grants was not read") || verdict.Verdict != invariants.Inconclusive {
		t.Errorf("without the table: %s, %s, %s", result.Status, result.Summary, verdict.Headline)
	}
	miles := "  - {id: L1, name: miles are given once, once: {table: grants, where: kind = 'miles', key: order_no}}\n"
	result, verdict = judged(t, sold(t), planned(t, miles, map[string]string{}))
	if result.Exercised != 0 || verdict.Verdict != invariants.Inconclusive || !strings.Contains(strings.Join(verdict.Reasons.Texts(), "\n"), "L1, miles are given once: required, and never exercised") {
		t.Errorf("without a case: %s, %s, %q", result.Summary, verdict.Headline, verdict.Reasons.Texts())
	}
	endless := "  - {sql: l.sql}\n"
	result, verdict = judged(t, sold(t), planned(t, endless, map[string]string{"l.sql": "-- invariant: L1 says too little\n-- bearer: buyer\nSELECT 5 AS net_minor\n-- cases:\nSELECT 1"}))
	if result.Status != invariants.NotKnown || !strings.Contains(result.Summary, "net_minor has no currency") || verdict.Verdict != invariants.Inconclusive {
		t.Errorf("an amount without currency: %s, %s, %s", result.Status, result.Summary, verdict.Headline)
	}
}

// TestALawThatAsksTheWrongThing: what a law asks is held against the tables before anything is started, and told at its place.
func TestALawThatAsksTheWrongThing(t *testing.T) {
	for law, want := range map[string]string{
		"{id: L1, name: n, once: {table: grant, key: order_no}}":               `sale.yaml:8:23: L1: there is no table grant: did you mean "grants"?`,
		"{id: L1, name: n, once: {table: grants, key: [order_no, knd]}}":       `sale.yaml:8:23: L1: there is no column knd: did you mean "kind"?`,
		"{id: L1, name: n, once: {table: grants, where: x ==, key: order_no}}": "sale.yaml:8:23: L1: near",
		"{sql: writes.sql}":  "writes.sql:1:1: is no query: want one SELECT",
		"{sql: unheard.sql}": `unheard.sql:4:8: there is no table final_order: did you mean "final_orders"?`,
	} {
		dir := t.TempDir()
		text := "name: lawful\nsystem: flashshop\nsale: {items: [{sku: phone-x, stock: 30, price: 4999.00 CNY}]}\n" +
			"load: {profile: steady, peak: 10/s, for: 2s}\nsettle: 15s\n\nlaws:\n  - " + law + "\n"
		for name, text := range map[string]string{
			"sale.yaml":   text,
			"writes.sql":  "-- invariant: L1 writes\nDELETE FROM orders\n-- cases:\nSELECT 1",
			"unheard.sql": "-- invariant: L1 asks nobody\nSELECT order_no\n  FROM\n       final_order\n-- cases:\nSELECT 1",
		} {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		status, _, said := command(t, "plan", filepath.Join(dir, "sale.yaml"))
		if status != exitUsage || !strings.Contains(said, want) {
			t.Errorf("%s: status %d, %s", law, status, said)
		}
	}
}

// TestHistoryAsTables: the command writes them, and leaves a file that exists as it is.
func TestHistoryAsTables(t *testing.T) {
	file := filepath.Join(t.TempDir(), "run.sqlite")
	run := filepath.Join("..", "..", "invariants", "testdata", "kept", "flash-sale")
	status, said, wrong := command(t, "history", run, "--sqlite", file)
	if status != exitPass || !strings.Contains(said, "ask it: sqlite3 "+file) {
		t.Fatalf("status %d: %s%s", status, said, wrong)
	}
	if info, err := os.Stat(file); err != nil || info.Size() < 10_000 {
		t.Errorf("the database: %v, %v", info, err)
	}
	if status, _, said := command(t, "history", run, "--sqlite", file); status != exitUsage || !strings.Contains(said, "exists: name a new file") {
		t.Errorf("again: status %d: %s", status, said)
	}
	if status, said, _ := command(t, "list", "tables"); status != exitPass || !strings.Contains(said, "final_orders  The rows of orders in the final reading") {
		t.Errorf("list tables: status %d: %s", status, said)
	}
}
