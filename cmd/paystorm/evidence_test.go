package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/paystorm/paystorm/history"
	"github.com/paystorm/paystorm/invariants"
)

// oldRun is a recorded run of schema 1, of a shop that grants points twice.
func oldRun(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS(filepath.Join("..", "..", "history", "testdata", "schema-1"))); err != nil {
		t.Fatal(err)
	}
	return dir
}

// failedRun is that run, recorded as today's are.
func failedRun(t *testing.T) string {
	t.Helper()
	old, err := history.Open(oldRun(t))
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := history.Create(dir, old.Header); err != nil {
		t.Fatal(err)
	}
	for _, writer := range old.Header.Writers {
		recorder, err := history.NewRecorder(dir, writer, history.StartClock())
		if err != nil {
			t.Fatal(err)
		}
		for _, event := range old.Events {
			if event.Writer == writer {
				recorder.Event(event)
			}
		}
		for _, op := range old.Ops {
			if op.Writer != writer {
				continue
			}
			recorder.Invoke(op.Invocation)
			if op.Returned != 0 {
				recorder.Answer(history.Answer{
					Op: op.Op, Returned: op.Returned, Outcome: op.Outcome, Reason: op.Reason, Order: op.Order, Payment: op.Payment,
					State: op.State, Status: op.Status,
				})
			}
		}
		for _, reading := range old.Readings {
			if reading.Writer == writer {
				recorder.Reading(reading)
			}
		}
		if err := recorder.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if err := history.Seal(dir); err != nil {
		t.Fatal(err)
	}
	return dir
}

// command runs paystorm in this process.
func command(t *testing.T, args ...string) (status int, out, said string) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	status = Run(t.Context(), args, streams{in: strings.NewReader(""), out: &stdout, err: &stderr})
	return status, stdout.String(), stderr.String()
}

func verdictIn(t *testing.T, dir string) invariants.Verdict {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, "verdict.json"))
	if err != nil {
		t.Fatal(err)
	}
	var verdict invariants.Verdict
	if err := json.Unmarshal(text, &verdict); err != nil {
		t.Fatal(err)
	}
	return verdict
}

// Runs of every schema are judged, reported and told.
func TestRunsOfBothSchemas(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		dir       string
		protected bool
	}{
		"schema 1": {oldRun(t), false},
		"schema 2": {failedRun(t), true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if status, out, said := command(t, "check", test.dir); status != exitFail {
				t.Fatalf("check: exit status %d\n%s\n%s", status, out, said)
			}
			verdict := verdictIn(t, test.dir)
			reasons := strings.Join(verdict.Reasons.Texts(), "\n")
			if verdict.Protected != test.protected || strings.Contains(reasons, "the evidence is unprotected") == test.protected {
				t.Errorf("protected is %v, want %v: %s", verdict.Protected, test.protected, reasons)
			}
			if status, _, said := command(t, "report", test.dir, "--format", "html,junit,markdown,json"); status != exitPass {
				t.Errorf("report: exit status %d: %s", status, said)
			}
			order := verdict.Invariants[0].ID
			for _, result := range verdict.Invariants {
				if len(result.Patterns) > 0 {
					order = result.Patterns[0].Orders[0]
				}
			}
			if status, out, said := command(t, "history", test.dir, "--order", order); status != exitPass || !strings.Contains(out, "points granted") {
				t.Errorf("history: exit status %d: %s%s", status, out, said)
			}
		})
	}
}

// A FAIL stays one, whatever letter of its header is changed: the run is refused, and the verdict that was there stays.
func TestAChangedLetterOfTheHeaderHidesNoFail(t *testing.T) {
	t.Parallel()
	for name, letter := range map[string]struct{ old, with string }{
		"the kind of grant that is judged": {`"points"`, `"pointz"`},
		"the stock":                        {`"stock": 3`, `"stock": 9`},
		"a required invariant":             {`"I9"`, `"I8"`},
		"the buyers' limit":                {`"per_buyer": 2`, `"per_buyer": 0`},
		"the key of the grants":            {`"grants": [`, `"grantz": [`},
		"the schema":                       {`"schema": 2`, `"schema": 1`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := failedRun(t)
			if status, out, said := command(t, "check", dir); status != exitFail {
				t.Fatalf("exit status %d\n%s\n%s", status, out, said)
			}
			path := filepath.Join(dir, "history", "header.json")
			text, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			changed := bytes.Replace(text, []byte(letter.old), []byte(letter.with), 1)
			if bytes.Equal(text, changed) {
				t.Fatalf("%s is not in the header", letter.old)
			}
			if err := os.WriteFile(path, changed, 0o600); err != nil {
				t.Fatal(err)
			}
			status, out, said := command(t, "check", dir)
			if status != exitUsage || out != "" || !strings.Contains(said, "put the original back") && !strings.Contains(said, "unknown key") {
				t.Errorf("exit status %d\n%s\n%s", status, out, said)
			}
			if verdict := verdictIn(t, dir); verdict.Verdict != invariants.Fail {
				t.Errorf("the verdict has become %s", verdict.Verdict)
			}
		})
	}
}

// A segment that was written anew makes a run inconclusive, and the reason says which.
func TestAChangedSegmentIsNoPass(t *testing.T) {
	t.Parallel()
	dir := failedRun(t)
	path := filepath.Join(dir, "history", "harness.seg")
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	recorder, err := history.NewRecorder(dir, "harness", history.StartClock())
	if err != nil {
		t.Fatal(err)
	}
	if err := recorder.Close(); err != nil {
		t.Fatal(err)
	}
	status, out, said := command(t, "check", dir)
	if status != exitInconclusive || !strings.Contains(out, "the history of writer harness is damaged: it was changed after the run was closed") {
		t.Errorf("exit status %d\n%s\n%s", status, out, said)
	}
}
