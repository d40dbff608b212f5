package stripe

import (
	"encoding/json"
	"errors"
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/paystorm/paystorm/mockchannel"
	"github.com/paystorm/paystorm/money"
)

func TestParseForm(t *testing.T) {
	long := strings.Repeat("x", longestName+1)
	for name, test := range map[string]struct {
		text string
		want form
		bad  bool
	}{
		"nothing":               {text: ""},
		"plain":                 {text: "amount=5&currency=usd", want: form{{"amount", "5"}, {"currency", "usd"}}},
		"escaped":               {text: "a%5Bb%5D=%C3%A4+%26", want: form{{"a[b]", "ä &"}}},
		"no value":              {text: "a&b=", want: form{{"a", ""}, {"b", ""}}},
		"empty parts":           {text: "&&a=1&", want: form{{"a", "1"}}},
		"nested":                {text: "a[0][b][c]=1&d[]=2", want: form{{"a[0][b][c]", "1"}, {"d[]", "2"}}},
		"half an escape":        {text: "a=%2", bad: true},
		"no UTF-8":              {text: "a=%ff", bad: true},
		"another charset":       {text: "a=\xe4", bad: true},
		"a zero byte":           {text: "a=%00", bad: true},
		"an open bracket":       {text: "a[b=1", bad: true},
		"a bracket at first":    {text: "[a]=1", bad: true},
		"something after one":   {text: "a[b]c=1", bad: true},
		"no name":               {text: "=1", bad: true},
		"a name without end":    {text: long + "=1", bad: true},
		"too many":              {text: strings.Repeat("a=1&", mostParameters+1), bad: true},
		"brackets in a bracket": {text: "a[[b]]=1", bad: true},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := parseForm(test.text)
			if (err != nil) != test.bad || (!test.bad && len(test.want)+len(got) > 0 && !reflect.DeepEqual(got, test.want)) {
				t.Errorf("got %v, %v", got, err)
			}
		})
	}
}

func TestForm(t *testing.T) {
	f := form{
		{"a", "1"}, {"a", "2"}, {"m[x]", "y"}, {"e[]", "p"}, {"e[1]", "q"}, {"l[0][n]", "one"}, {"l[1][n][z]", "two"}, {"l[0][k]", "v"},
	}
	if got, _ := f.get("a"); got != "2" {
		t.Errorf("of two the last: %s", got)
	}
	if got := f.list("e"); !slices.Equal(got, []string{"p", "q"}) {
		t.Errorf("list %v", got)
	}
	if got := f.items("l"); len(got) != 2 || !reflect.DeepEqual(got[0], form{{"n", "one"}, {"k", "v"}}) || !reflect.DeepEqual(got[1], form{{"n[z]", "two"}}) {
		t.Errorf("items %v", got)
	}
	if got := (form{{"line1", "ü\n\"<"}, {"geo[x]", "1"}, {"geo[y]", "2"}}).json(); got != `{"line1":"ü\n\"<","geo":{"x":"1","y":"2"}}` {
		t.Errorf("json %s", got)
	}
	if err := f.known("a", "m", "l"); err == nil || !strings.Contains(err.Error(), "e[]") {
		t.Errorf("unknown: %v", err)
	}
}

func TestReader(t *testing.T) {
	for name, test := range map[string]struct {
		form  form
		read  func(*reader)
		code  string
		param string
	}{
		"missing":         {nil, func(r *reader) { r.required("amount") }, "parameter_missing", "amount"},
		"empty":           {form{{"amount", ""}}, func(r *reader) { r.required("amount") }, "parameter_invalid_empty", "amount"},
		"no integer":      {form{{"amount", "1.5"}}, func(r *reader) { r.integer("amount", 0) }, "parameter_invalid_integer", "amount"},
		"too large":       {form{{"amount", "9223372036854775808"}}, func(r *reader) { r.integer("amount", 0) }, "parameter_invalid_integer", "amount"},
		"no boolean":      {form{{"confirm", "yes"}}, func(r *reader) { r.bool("confirm") }, "", "confirm"},
		"an object":       {form{{"amount[x]", "1"}}, func(r *reader) { r.text("amount") }, "", "amount"},
		"no such word":    {form{{"mode", "x"}}, func(r *reader) { r.oneOf("mode", "a", "b") }, "", "mode"},
		"nested metadata": {form{{"metadata[a][b]", "1"}}, func(r *reader) { r.metadata(nil) }, "", "metadata[a][b]"},
		"a long key":      {form{{"metadata[" + strings.Repeat("k", 41) + "]", "1"}}, func(r *reader) { r.metadata(nil) }, "", "metadata"},
		"a long value":    {form{{"metadata[a]", strings.Repeat("v", 501)}}, func(r *reader) { r.metadata(nil) }, "", "metadata[a]"},
		"scalar metadata": {form{{"metadata", "x"}}, func(r *reader) { r.metadata(nil) }, "", "metadata"},
	} {
		t.Run(name, func(t *testing.T) {
			r := &reader{form: test.form}
			test.read(r)
			var refusal *mockchannel.Error
			if r.err == nil {
				t.Fatal("nothing is wrong with it")
			}
			if !errors.As(r.err, &refusal) {
				t.Fatal(r.err)
			}
			p, _ := problemOf(refusal)
			if p.code != test.code || refusal.Field != test.param || p.status != 400 {
				t.Errorf("got %+v, %+v", refusal, p)
			}
		})
	}
	r := &reader{form: form{{"metadata[a]", ""}, {"metadata[b]", "2"}}}
	known := map[string]string{"a": "1", "c": "3"}
	if got := r.metadata(known); !reflect.DeepEqual(got, map[string]string{"b": "2", "c": "3"}) || known["a"] != "1" {
		t.Errorf("merged %v, and what was known is now %v", got, known)
	}
	r = &reader{form: form{{"metadata", ""}}}
	if got := r.metadata(known); len(got) != 0 || r.err != nil {
		t.Errorf("unset %v, %v", got, r.err)
	}
}

// TestStrings: whatever text there is, JSON readers read the same.
func TestStrings(t *testing.T) {
	for _, text := range []string{"", "a", "\"\\/", "\n\r\t\x00\x1f", "ä€😀", "<script>&", "\u2028", "bad\xffbytes\xc3"} {
		var got string
		written := appendString(nil, text)
		if err := json.Unmarshal(written, &got); err != nil || got != strings.ToValidUTF8(text, "�") {
			t.Errorf("%q is written %s and read %q, %v", text, written, got, err)
		}
	}
}

func TestCurrencies(t *testing.T) {
	for _, test := range []struct {
		currency     string
		amount       int64
		minor        int64
		ok           bool
		text         string
		toAndFroSame bool
	}{
		{"USD", 1050, 1050, true, "10.50", true},
		{"JPY", 500, 500, true, "500", true},
		{"KWD", 5120, 5120, true, "5.120", true},
		{"KWD", 5123, 0, false, "5.123", false},
		{"ISK", 500, 5, true, "5.00", true},
		{"ISK", 550, 0, false, "5.50", false},
		{"UGX", 10000, 100, true, "100.00", true},
		{"MGA", 5, 500, true, "5", true},
		{"CNY", 7, 7, true, "0.07", true},
		{"CNY", -7, -7, true, "-0.07", true},
	} {
		minor, ok := toLedger(test.amount, test.currency)
		if ok != test.ok || (ok && minor != test.minor) || decimal(test.amount, test.currency) != test.text {
			t.Errorf("%d %s: %d %v %s", test.amount, test.currency, minor, ok, decimal(test.amount, test.currency))
		}
		if test.toAndFroSame && toWire(minor, test.currency) != test.amount {
			t.Errorf("%d %s comes back as %d", test.amount, test.currency, toWire(minor, test.currency))
		}
	}
}

// TestSteps: the steps are what the two ways of counting digits differ by, in every currency of Stripe's lists.
func TestSteps(t *testing.T) {
	for _, currency := range append(append([]string{"USD", "ISK", "UGX", "HUF", "TWD"}, zeroDecimal...), threeDecimal...) {
		iso, _ := money.Exponent(currency)
		want := math.Pow10(digits(currency) - iso)
		if times, per := step(currency); float64(per)/float64(times) != want {
			t.Errorf("%s: %d per %d, want %v", currency, per, times, want)
		}
	}
}

func TestIdentifiers(t *testing.T) {
	seen := map[string]bool{}
	for n := range int64(20000) {
		id := dialect{}.Identify(mockchannel.IdentifyPayment, time.Unix(vectorTime, 0), n, uint64(n%3))
		if len(id) != len(prefixIntent)+serialLength || seen[id] {
			t.Fatalf("%s is there twice, or of another length", id)
		}
		seen[id] = true
	}
	pi := dialect{}.Identify(mockchannel.IdentifyPayment, time.Unix(vectorTime, 0), 7, 7)
	if intent, attempt, ok := chargedIntent(chargeID(pi, 12)); intent != pi || attempt != 12 || !ok {
		t.Errorf("%s %d %v", intent, attempt, ok)
	}
	for _, wrong := range []string{"", "ch_", "ch_short1", "pi_x", chargeID(pi, 1) + "x", chargeID(pi, 0)[:len(chargeID(pi, 0))-1] + "01"} {
		if _, _, ok := chargedIntent(wrong); ok {
			t.Errorf("%q is no charge", wrong)
		}
	}
	for _, handed := range []string{
		pi, pi + "_secret_abc", sessionID(pi), "http://127.0.0.1:1/pay/" + sessionID(pi), "http://h/pay/" + pi + "/", "https://h/pay/" + sessionID(pi) + "#fid",
	} {
		if got, err := (dialect{}).Presented(nil, handed); got != pi || err != nil {
			t.Errorf("%s is %s, %v", handed, got, err)
		}
	}
}
