package reports

import (
	"bytes"
	"flag"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/paystorm/paystorm/history"
	"github.com/paystorm/paystorm/invariants"
)

var update = flag.Bool("update", false, "write the golden files instead of comparing with them")

// runs are the histories that golden files show, with the verdict that each must have.
func runs() map[string]struct {
	history *history.History
	want    invariants.Result
} {
	proven := newSample(plainNames, false)
	calm := newSample(plainNames, false)
	calm.Header.Faults[1].Floor = 5000
	calm.Header.Floors.KnownShare = 1.1
	calm.Header.System.Tables = calm.Header.System.Tables[:3]
	for i := range calm.Readings {
		calm.Readings[i].Tables = calm.Readings[i].Tables[:3]
	}
	return map[string]struct {
		history *history.History
		want    invariants.Result
	}{
		"pass":         {proven, invariants.Pass},
		"fail":         {newSample(plainNames, true), invariants.Fail},
		"inconclusive": {calm, invariants.Inconclusive},
	}
}

// everyFormat is the formats of a run directory, and the text of the terminal.
func everyFormat() []Format {
	return append(Formats(), Format{Name: "text", File: "terminal.txt", Write: func(out io.Writer, v invariants.Verdict, h *history.History) error {
		return Text(out, "runs/stormy-sale-s1", v, h)
	}})
}

func TestGoldenFiles(t *testing.T) {
	for name, run := range runs() {
		verdict := invariants.Judge(run.history)
		if verdict.Verdict != run.want {
			t.Fatalf("the sample %s is judged %s: %q", name, verdict.Headline, verdict.Reasons)
		}
		for _, format := range everyFormat() {
			t.Run(name+"/"+format.Name, func(t *testing.T) {
				var got bytes.Buffer
				if err := format.Write(&got, verdict, run.history); err != nil {
					t.Fatal(err)
				}
				shown := bytes.ReplaceAll(got.Bytes(), []byte(invariants.JudgeVersion()), []byte("JUDGE")) // which is another with every change
				golden := filepath.Join("testdata", name+"-"+format.File+".golden")
				if *update {
					if err := os.WriteFile(golden, shown, 0o644); err != nil {
						t.Fatal(err)
					}
				}
				want, err := os.ReadFile(golden)
				if err != nil {
					t.Fatal(err)
				}
				if !bytes.Equal(shown, want) {
					t.Errorf("%s differs at byte %d; if that is meant, run the test with -update and look at the diff", golden, firstDifference(shown, want))
				}
			})
		}
	}
}

func firstDifference(a, b []byte) int {
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			return i
		}
	}
	return min(len(a), len(b))
}
