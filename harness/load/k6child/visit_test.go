package k6child

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/paystorm/paystorm/harness/load"
	"github.com/paystorm/paystorm/history"
	"github.com/paystorm/paystorm/scenarios"
)

// scripted is a plan of few buyers whose journeys are a script.
func scripted(t *testing.T, script string) (scenarios.Plan, string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "shop.js")
	header := "import http from 'k6/http';\nimport { sleep } from 'k6';\nimport { buyer, op, pay, think } from 'k6/x/paystorm';\n"
	if err := os.WriteFile(path, []byte(header+script), 0o644); err != nil {
		t.Fatal(err)
	}
	p := plan(10, 300*time.Millisecond, 5)
	p.System = scenarios.System{Script: "shop.js", States: map[string]string{"PAID": "paid"}}
	return p, path
}

// told is the operations of a history as "buyer kind outcome reason".
func told(h *history.History) []string {
	var lines []string
	for _, op := range h.Ops {
		lines = append(lines, strings.TrimSpace(fmt.Sprintf("%d %s %s %s", op.Buyer, op.Kind, op.Outcome, op.Reason)))
	}
	slices.Sort(lines)
	return lines
}

func TestWhatAScriptSays(t *testing.T) {
	t.Parallel()
	const ends = "order refused sold_out"
	cases := []struct {
		name, script string
		told         []string // of the first buyer
		end          string
	}{
		{
			"all is well", `export default function () {
				const order = op.begin('order');
				if (order.ref !== buyer().ref || buyer().number !== Number(order.ref.match(/-b(\d+)-/)[1])) throw new Error(order.ref);
				order.ok({order: 'O1', payment: 'P1', state: 'PAID', status: 201});
				if (op.begin('order').ref === order.ref) throw new Error('the next order has the same reference');
			}`,
			[]string{"1 order ok", "1 order unknown the script never said"},
			"completed",
		},
		{
			"wishes", `export default function () {
				op.begin('order').ok({order: 'O1'});
				const first = op.begin('refund', {order: 'O1', minor: 100});
				first.unknown('gone');
				const again = op.begin('refund', {order: 'O1', minor: 100, wish: first.wish});
				again.refused('busy');
				const second = op.begin('refund', {order: 'O1'});
				if (first.wish !== 1 || again.key !== first.key || second.wish !== 2 || second.key !== second.ref + '-r2') throw new Error(second.key);
				second.ok();
				op.begin('look', {minor: 1});
			}`,
			[]string{"1 order ok", "1 refund ok", "1 refund refused busy", "1 refund unknown gone"},
			"script: op.begin: minor and wish belong to a refund",
		},
		{
			"refused", `export default async function () { op.begin('order').refused('sold_out', {status: 409}); }`,
			[]string{"1 " + ends},
			"completed",
		},
		{
			"thrown", `export default function () { op.begin('order'); throw new Error('my mistake'); }`,
			[]string{"1 order unknown my mistake"},
			"script: my mistake",
		},
		{
			"a promise that is broken", `export default async function () { op.begin('mine').ok(); await Promise.reject(new Error('later')); }`,
			[]string{"1 mine ok"},
			"script: later",
		},
		{
			"the channel is not there", `export default function () { if (pay('P1').outcome !== 'unknown') throw new Error('paid'); }`,
			[]string{"1 pay unknown connection refused"},
			"completed",
		},
		{
			"ended twice", `export default function () { const one = op.begin('order'); one.ok(); one.unknown('x'); }`,
			[]string{"1 order ok"},
			"script: the operation has ended already: want one of ok, refused and unknown, once",
		},
		{
			"no reason", `export default function () { op.begin('order').refused(''); }`,
			[]string{"1 order unknown op.refused: no reason: want one, such as sold_out"},
			"script: op.refused: no reason: want one, such as sold_out",
		},
		{
			"a typing error", `export default function () { op.begin('order').ok({ordre: 'O1'}); }`,
			[]string{`1 order unknown op.ok: unknown key "ordre": want order, payment, state, status`},
			`script: op.ok: unknown key "ordre": want order, payment, state, status`,
		},
		{
			"paying by hand", `export default function () { op.begin('pay'); }`,
			nil, "script: op.begin: paying is the channel's: want pay(payment)",
		},
		{
			"what is not on sale", `export default function () { op.begin('order', {lines: [{sku: 'case', quantity: 1}]}); }`,
			nil, `script: op.begin: 1 of "case": want at least one of a SKU of the sale`,
		},
		{
			"lines that are none", `export default function () { op.begin('order', {lines: [{sku: 'phone'}]}); }`,
			nil, "script: op.begin: lines: want a list such as [{sku: 'phone', quantity: 1}]",
		},
		{
			"thinking", `export default function () { const s = think('1s..2s'); if (s < 1 || s >= 2 || s === think('1s..2s')) throw new Error(s); }`,
			nil, "completed",
		},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			p, path := scripted(t, c.script)
			w := startScript(t, p, "http://127.0.0.1:1", path)
			w.open(t)
			if err := w.Wait(); err != nil {
				t.Fatalf("%v\n%s", err, w.log(t))
			}
			h := w.history(t)
			got := slices.DeleteFunc(told(h), func(line string) bool { return !strings.HasPrefix(line, "1 ") })
			if !slices.Equal(got, c.told) {
				t.Errorf("told %q, want %q", got, c.told)
			}
			counted := sums(h)
			if counted[history.JourneyBegin] != 3 || counted[history.JourneyEnd] != 3 || counted[history.LoadInterrupted] != 0 || !h.Complete() {
				t.Errorf("%v, complete %v", counted, h.Complete())
			}
			for _, event := range h.Events {
				if event.Kind == history.JourneyEnd && event.Reason != c.end && !strings.HasPrefix(event.Reason, c.end+" ") {
					t.Errorf("ended %q, want %q", event.Reason, c.end)
				}
			}
		})
	}
}

func TestAnOrderOfTwoLinesByScript(t *testing.T) {
	t.Parallel()
	p, path := scripted(t, `export default function () {
		op.begin('order', {lines: [{sku: 'phone', quantity: 1}, {sku: 'case', quantity: 2}]}).ok({order: 'O1', payment: 'P1'});
		pay('P1');
	}`)
	second := p.Items[0]
	second.SKU = "case"
	p.Items = append(p.Items, second)
	w := startScript(t, p, "http://127.0.0.1:1", path)
	w.open(t)
	if err := w.Wait(); err != nil {
		t.Fatalf("%v\n%s", err, w.log(t))
	}
	for _, op := range w.history(t).Ops {
		if op.SKU != "phone" || !slices.Equal(op.More, []history.Line{{SKU: "case", Quantity: 2}}) || op.Order != "O1" {
			t.Errorf("op %+v", op)
		}
		if op.Kind == history.OpPay && op.Minor != 300 {
			t.Errorf("paid %d", op.Minor)
		}
	}
}

// k6 cuts a script off that takes longer than its patience: its operation has no answer, and it is counted.
func TestAScriptThatIsCutOff(t *testing.T) {
	t.Parallel()
	p, path := scripted(t, `export default function () { op.begin('order'); sleep(60); }`)
	p.StormMax = 300 * time.Millisecond
	w := startScript(t, p, "http://127.0.0.1:1", path)
	w.open(t)
	if err := w.Wait(); err != nil {
		t.Fatalf("%v\n%s", err, w.log(t))
	}
	h := w.history(t)
	counted := sums(h)
	if counted[history.LoadInterrupted] != 3 || counted[history.JourneyEnd] != 0 || len(h.Ops) != 3 || !h.Complete() {
		t.Errorf("%v, %d operations", counted, len(h.Ops))
	}
	for _, op := range h.Ops {
		if op.Outcome != history.Unknown || op.Returned != 0 {
			t.Errorf("op %+v", op)
		}
	}
}

// One virtual user is many buyers, and none of them has the cookies of another.
func TestCookiesOfAScript(t *testing.T) {
	t.Parallel()
	var mutex sync.Mutex
	var seen []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mutex.Lock()
		defer mutex.Unlock()
		seen = append(seen, r.Header.Get("Cookie"))
		http.SetCookie(w, &http.Cookie{Name: "sid", Value: r.URL.Query().Get("buyer")})
	}))
	t.Cleanup(server.Close)
	p, path := scripted(t, `export default function () {
		for (let n = 0; n < 2; n++) http.get(buyer().shop + '/?buyer=' + buyer().number);
	}`)
	p.VUs = 1
	w := startScript(t, p, server.URL, path)
	w.open(t)
	if err := w.Wait(); err != nil {
		t.Fatalf("%v\n%s", err, w.log(t))
	}
	want := []string{"", "sid=1", "", "sid=2", "", "sid=3"}
	if len(seen) < 4 || !slices.Equal(seen, want[:len(seen)]) { // a busy machine may drop the third
		t.Errorf("cookies %q, want %q", seen, want)
	}
}

func TestTheWarmUpOfAScript(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, script, want string }{
		{"served", `op.begin('order').ok({order: 'O' + buyer().number, payment: 'P'})`, ""},
		{"thrown", `throw new Error('my mistake')`, "not served in fair weather: script: my mistake"},
		{"refused", `op.begin('order').refused('closed')`, "refused (closed)"},
		{"nothing said", `op.begin('look').ok()`, "had no order accepted"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			p, path := scripted(t, "export default function () { "+c.script+"; }")
			w := startScript(t, p, "http://127.0.0.1:1", path)
			w.ready(t)
			err := w.WarmUp(t.Context(), load.Given{}, 2)
			if (err == nil) != (c.want == "") || (err != nil && !strings.Contains(err.Error(), c.want)) {
				t.Fatalf("got %v, want %q", err, c.want)
			}
			if err := w.Open(w.clock.Now(), load.Given{}); err != nil {
				t.Fatal(err)
			}
			if err := w.Wait(); err != nil {
				t.Fatalf("%v\n%s", err, w.log(t))
			}
			warm := 0
			for _, op := range w.history(t).Ops {
				if op.Phase == history.PhaseWarmUp {
					warm++
				}
				if (op.Phase == history.PhaseWarmUp) != (op.SKU == "warm-up" && op.Buyer > 3) {
					t.Errorf("op %+v", op)
				}
			}
			if want := map[bool]int{true: 0, false: 2}[c.name == "thrown"]; warm != want {
				t.Errorf("%d operations in the warm-up, want %d", warm, want)
			}
		})
	}
}

func TestCheckScript(t *testing.T) {
	t.Parallel()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ name, script, want string }{
		{"fine", "export default function () {}", ""},
		{"unreadable", "export default function () {\n  const a = ;\n}", "5:13: script: Unexpected token ;"},
		{"thrown at once", "nothing();\nexport default function () {}", "4:8: script: ReferenceError: nothing is not defined"},
		{"a buyer too early", "buyer();\nexport default function () {}", "4:6: script: there is no buyer here"},
		{"options", "export const options = {vus: 3}; export default function () {}", "1:1: script: the script exports options (vus): the plan owns the load"},
		{"a set-up", "export function setup() {}\nexport default function () {}", "the script exports setup: the plan owns"},
		{"no function", "export const a = 3;", "the script exports no default function"},
		{"no module", "import './gone.js'; export default function () {}", `"./gone.js" couldn't be found`},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			_, path := scripted(t, c.script)
			err := load.CheckScript(t.Context(), self, path)
			var wrong scenarios.Errors
			switch {
			case c.want == "" && err != nil:
				t.Error(err)
			case c.want != "" && (!errors.As(err, &wrong) || !strings.Contains(err.Error(), c.want) || wrong[0].File != path):
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := load.CheckScript(ctx, self, "/nowhere.js"); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}
