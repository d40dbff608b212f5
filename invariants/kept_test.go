package invariants

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/paystorm/paystorm/history"
)

// keptRuns are the runs in testdata/kept, by name. Their histories never change: whoever changes the format of a history
// must still read them.
func keptRuns(t *testing.T) map[string]string {
	t.Helper()
	verdicts, err := filepath.Glob("testdata/kept/*/history")
	if err != nil {
		t.Fatal(err)
	}
	runs := map[string]string{}
	for _, path := range verdicts {
		dir := filepath.Dir(path)
		runs[filepath.Base(dir)] = dir
	}
	return runs
}

// TestKeptRunsAreJudgedAsBefore judges every kept run again, and wants the same verdict to the byte. A difference that is meant is
// another version of the judge, which follows from the verdicts written here.
func TestKeptRunsAreJudgedAsBefore(t *testing.T) {
	statuses, results := map[string]map[Status]bool{}, map[Result]bool{}
	for name, dir := range keptRuns(t) {
		t.Run(name, func(t *testing.T) {
			h, err := history.Open(dir)
			if err != nil {
				t.Fatal(err)
			}
			verdict := Judge(h)
			results[verdict.Verdict] = true
			for _, result := range verdict.Invariants {
				if statuses[result.ID] == nil {
					statuses[result.ID] = map[Status]bool{}
				}
				statuses[result.ID][result.Status] = true
			}
			verdict.Judge = ""
			got, err := json.MarshalIndent(verdict, "", "  ")
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, '\n')
			file := filepath.Join(dir, "verdict.json")
			if *update {
				if err := os.WriteFile(file, got, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(got, want) {
				t.Errorf("this judge says another thing of it: if that is meant, run the test with -update and look at the diff of %s", file)
			}
		})
	}
	for _, result := range []Result{Pass, Fail, Inconclusive} {
		if !results[result] {
			t.Errorf("no kept run is judged %s", result)
		}
	}
	for _, invariant := range All() {
		for _, status := range []Status{Held, Violated} {
			if !statuses[invariant.ID][status] {
				t.Errorf("in no kept run %s is %s", invariant.ID, status)
			}
		}
	}
}

// TestLiesAreJudgedAsBefore is the same for a history of each lie and for an honest one, by the digest of its verdict.
func TestLiesAreJudgedAsBefore(t *testing.T) {
	var got strings.Builder
	digest := func(name string, h *history.History) {
		verdict := Judge(h)
		verdict.Judge = ""
		text, err := json.Marshal(verdict)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&got, "%x %s: %s\n", sha256.Sum256(text), name, verdict.Verdict)
	}
	digest("an honest history", newLiar(1).History)
	for _, told := range lies() {
		l := newLiar(1)
		if told.tell(l) != "" {
			digest(told.name, l.History)
		}
	}
	const file = "testdata/kept/lies.txt"
	if *update {
		if err := os.WriteFile(file, []byte(got.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got.String() != string(want) {
		t.Errorf("this judge says another thing of simulated histories: if that is meant, run the test with -update and look at the diff of %s", file)
	}
}

// TestJudgeVersionFollowsTheVerdicts: nobody has to think of it.
func TestJudgeVersionFollowsTheVerdicts(t *testing.T) {
	if !regexp.MustCompile(`^[0-9a-f]{12}$`).MatchString(JudgeVersion()) {
		t.Errorf("the judge's version is %q", JudgeVersion())
	}
	for name, dir := range keptRuns(t) {
		file := filepath.Join(dir, "verdict.json")
		embedded, err := keptVerdicts.ReadFile(filepath.ToSlash(file))
		if err != nil {
			t.Fatal(err)
		}
		onDisk, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(embedded, onDisk) {
			t.Errorf("the verdict of %s is not what the version is made of", name)
		}
	}
}
