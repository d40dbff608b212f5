package scenarios_test

import (
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/paystorm/paystorm/scenarios"
)

var update = flag.Bool("update", false, "write the golden files anew")

// TestWrongFiles holds what is said about each wrong file against a golden file: every error of it, at its place.
func TestWrongFiles(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/wrong/*.yaml")
	systems, _ := filepath.Glob("testdata/wrong/system-*.yaml")
	if err != nil || len(files)-len(systems) < 20 || len(systems) < 50 {
		t.Fatalf("%d wrong files, %d of them of systems, %v", len(files), len(systems), err)
	}
	library := scenarios.NewLibrary(os.DirFS("library"))
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".yaml")
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var wrong error
			if strings.HasPrefix(name, "system-") {
				_, wrong = scenarios.LoadSystem(file, vocabulary())
			} else {
				wrong = compileFile(library, file)
			}
			var errs scenarios.Errors
			if !errors.As(wrong, &errs) {
				t.Fatalf("got %v, want Errors", wrong)
			}
			for _, single := range errs {
				if single.Line == 0 || single.Column == 0 || single.Message == "" {
					t.Errorf("no place or message: %+v", single)
				}
			}
			got := strings.ReplaceAll(errs.Error(), "testdata/wrong/", "") + "\n"
			golden(t, strings.TrimSuffix(file, ".yaml")+".golden", got)
		})
	}
}

func compileFile(library scenarios.Library, file string) error {
	scenario, err := library.Find(file, vocabulary())
	if err != nil {
		return err
	}
	system, err := library.SystemOf(scenario, vocabulary())
	if err != nil {
		return err
	}
	_, err = scenarios.Compile(scenario, system, vocabulary(), 1, nil)
	return err
}

func golden(t *testing.T, path, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("%v: run with -update to write it", err)
	}
	if got != string(want) {
		t.Errorf("got:\n%s\nwant:\n%s", got, want)
	}
}
