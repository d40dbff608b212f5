package reports

import (
	"bytes"
	"encoding/xml"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/paystorm/paystorm/history"
	"github.com/paystorm/paystorm/invariants"
)

func TestVerdictFilesMatchTheShippedSchema(t *testing.T) {
	schema, err := jsonschema.NewCompiler().Compile(filepath.Join("..", "invariants", "verdict.schema.json"))
	if err != nil {
		t.Fatal(err)
	}
	for name, run := range runs() {
		var out bytes.Buffer
		if err := JSON(&out, invariants.Judge(run.history), run.history); err != nil {
			t.Fatal(err)
		}
		value, err := jsonschema.UnmarshalJSON(&out)
		if err != nil {
			t.Fatal(err)
		}
		if err := schema.Validate(value); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestJUnitCountsItsCases(t *testing.T) {
	for name, want := range map[string]struct{ failures, errors int }{
		"pass": {0, 0}, "fail": {5, 0}, "inconclusive": {0, 3}, // I3 and I9 are not judged whole, and the run proves nothing
	} {
		t.Run(name, func(t *testing.T) {
			recorded := runs()[name].history
			var out bytes.Buffer
			if err := JUnit(&out, invariants.Judge(recorded), recorded); err != nil {
				t.Fatal(err)
			}
			var suite junitSuite
			if err := xml.Unmarshal(out.Bytes(), &suite); err != nil {
				t.Fatal(err)
			}
			failures, errs := 0, 0
			for _, one := range suite.Cases {
				if one.Failure != nil {
					failures++
				}
				if one.Error != nil {
					errs++
				}
			}
			if failures != want.failures || errs != want.errors {
				t.Errorf("%d failures and %d errors, want %+v", failures, errs, want)
			}
			if suite.Tests != len(suite.Cases) || suite.Failures != failures || suite.Errors != errs {
				t.Errorf("the suite counts %d, %d, %d", suite.Tests, suite.Failures, suite.Errors)
			}
		})
	}
}

func TestJUnitFailsForAServiceLevel(t *testing.T) {
	recorded := newSample(plainNames, false)
	recorded.Header.Service[0].Bound = 1
	verdict := invariants.Judge(recorded)
	var out bytes.Buffer
	if err := JUnit(&out, verdict, recorded); err != nil {
		t.Fatal(err)
	}
	if verdict.Verdict != invariants.Fail || !strings.Contains(out.String(), `failures="1"`) {
		t.Errorf("%s, and the suite is\n%s", verdict.Headline, out.String())
	}
}

func TestMarkdownTablesHaveEqualColumns(t *testing.T) {
	for name, run := range runs() {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			if err := Markdown(&out, invariants.Judge(run.history), run.history); err != nil {
				t.Fatal(err)
			}
			equalColumns(t, out.String())
		})
	}
}

func TestTextFitsATerminal(t *testing.T) {
	for name, run := range runs() {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			if err := Text(&out, "runs/x", invariants.Judge(run.history), run.history); err != nil {
				t.Fatal(err)
			}
			lines := strings.Split(strings.TrimRight(out.String(), "\n"), "\n")
			if len(lines) > textLines {
				t.Errorf("%d lines", len(lines))
			}
			for _, line := range lines[:len(lines)-1] { // the last is a command, which nobody may cut
				if utf8.RuneCountInString(line) > textColumns {
					t.Errorf("too long: %s", line)
				}
			}
			if !strings.HasPrefix(lines[len(lines)-1], "next ") {
				t.Errorf("the last line is %q", lines[len(lines)-1])
			}
		})
	}
}

// TestEmptyHistories holds reports of runs that never began, or have nothing to show.
func TestEmptyHistories(t *testing.T) {
	stormOnly := &history.History{Header: sampleHeader(plainNames), Events: []history.Event{
		{Writer: "harness", Seq: 1, At: sec(1), Source: history.SourcePhase, Kind: history.PhaseBegin, State: history.PhaseStorm},
		{Writer: "harness", Seq: 2, At: sec(2), Source: history.SourcePhase, Kind: history.PhaseEnd, State: history.PhaseStorm},
	}}
	for name, recorded := range map[string]*history.History{"nothing": {}, "a storm without anybody": stormOnly} {
		for _, format := range everyFormat() {
			t.Run(name+"/"+format.Name, func(t *testing.T) {
				var out bytes.Buffer
				if err := format.Write(&out, invariants.Judge(recorded), recorded); err != nil {
					t.Fatal(err)
				}
				for _, wrong := range []string{"NaN", "Inf", "%!"} {
					if strings.Contains(out.String(), wrong) {
						t.Errorf("%s in\n%s", wrong, out.String())
					}
				}
			})
		}
	}
}

func TestWriteAllReplacesFilesWhole(t *testing.T) {
	dir := t.TempDir()
	recorded := newSample(plainNames, true)
	verdict := invariants.Judge(recorded)
	for range 2 {
		if err := WriteAll(dir, verdict, recorded); err != nil {
			t.Fatal(err)
		}
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	if len(entries) != len(Formats()) {
		t.Errorf("the directory holds %v", entries)
	}
	if err := WriteAll(filepath.Join(dir, "missing"), verdict, recorded); err == nil {
		t.Error("a directory that is not there is no error")
	}
}

func TestMarkdownEscapes(t *testing.T) {
	for text, want := range map[string]string{
		"4999.00 CNY": "4999.00 CNY", "1. one": `1\. one`, "12.": `12\.`, "- x": `\- x`, " + x": `\+ x`, "a - b": "a - b", "a|b": `a\|b`,
		"http://x": "http&#58;//x", "WWW.x": `WWW\.x`, "a\nb": "a b", "<b>&@": "&#60;b&#62;&#38;&#64;",
	} {
		if got := markdown(text); got != want {
			t.Errorf("%q becomes %q, want %q", text, got, want)
		}
	}
}
