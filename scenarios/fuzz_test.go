package scenarios_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"testing"
	"testing/fstest"

	"github.com/paystorm/paystorm/scenarios"
)

// FuzzLoad gives any bytes to both decoders. They answer with Errors that have places, or with a value: a scenario that
// decodes compiles against a shipped system, and its plan is read as it was written, or Errors say why not.
func FuzzLoad(f *testing.F) {
	for _, pattern := range []string{
		"library/*.yaml", "library/systems/*.yaml", "testdata/valid/*.yaml", "testdata/wrong/*.yaml",
	} {
		files, err := filepath.Glob(pattern)
		if err != nil {
			f.Fatal(err)
		}
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(text)
		}
	}
	known := vocabulary()
	system, err := scenarios.LoadSystem("library/systems/flashshop.yaml", known)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		files := fstest.MapFS{"fuzzed.yaml": {Data: text}}
		_, err := scenarios.LoadSystemFS(files, "fuzzed.yaml", known)
		onlyErrors(t, err)
		scenario, err := scenarios.LoadScenarioFS(files, "fuzzed.yaml", known)
		onlyErrors(t, err)
		if err != nil {
			return
		}
		plan, err := scenarios.Compile(scenario, system, known, 1, nil)
		onlyErrors(t, err)
		if err != nil {
			return
		}
		var written bytes.Buffer
		if err := plan.WriteJSON(&written); err != nil {
			t.Fatal(err)
		}
		read, err := scenarios.ReadPlan(&written)
		if err != nil || !reflect.DeepEqual(read, plan) {
			t.Fatalf("got  %+v\nwant %+v\n%v", read, plan, err)
		}
		if err := plan.WriteText(&written); err != nil {
			t.Fatal(err)
		}
	})
}

func onlyErrors(t *testing.T, err error) {
	t.Helper()
	var errs scenarios.Errors
	if err == nil {
		return
	}
	if !errors.As(err, &errs) || len(errs) == 0 {
		t.Fatalf("%T: %v", err, err)
	}
	for _, single := range errs {
		if single.Message == "" || single.File == "" && single.Line != 0 {
			t.Fatalf("no place or message: %+v", single)
		}
	}
}
