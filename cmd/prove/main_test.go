package main

import (
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// A line of the correct shop may name a system that the matrix does not: it runs all the same.
func TestSystemsThatOneLineNames(t *testing.T) {
	proofs := matrix{Systems: []string{"a", "b"}, Correct: []correct{{Scenario: "x"}, {Scenario: "y", Systems: []string{"b", "c"}}}}
	if got := proofs.systems(); !slices.Equal(got, []string{"a", "b", "c"}) {
		t.Errorf("got %v", got)
	}
	p := prover{binary: passing(t), out: t.TempDir(), log: io.Discard, parallel: 1, part: part{1, 1}}
	var table strings.Builder
	p.proveCorrect(t.Context(), &table, proofs, 1, choice{})
	for _, line := range []string{"| a | x |", "| b | x |", "| b | y |", "| c | y |"} {
		if !strings.Contains(table.String(), line) {
			t.Errorf("%q was not proven:\n%s", line, table.String())
		}
	}
	if p.runs != 4 {
		t.Errorf("%d runs, want 4", p.runs)
	}
}

// A comparison that was interrupted goes on where it was, as the other proofs do.
func TestAComparisonIsRemembered(t *testing.T) {
	path := filepath.Join(t.TempDir(), "proven.jsonl")
	for _, binary := range []string{passing(t), "/nowhere/paystorm"} { // the second time, nothing is run
		p := prover{binary: binary, out: t.TempDir(), log: io.Discard, parallel: 1}
		if err := p.narrow("", path, "a1"); err != nil {
			t.Fatal(err)
		}
		line := p.compareCell(t.Context(), proof{scenario: "x"}, nil, 2, [2]string{"a", "b"})
		if line != "| correct | x | 2 | 2 pass | 2 pass | 2 |" || len(p.failures) > 0 {
			t.Errorf("%s: %q %v", binary, line, p.failures)
		}
	}
}

// Two runs that prove nothing are not the same verdict.
func TestNothingIsNotTheSame(t *testing.T) {
	p := prover{binary: "/nowhere/paystorm", out: t.TempDir(), log: io.Discard, parallel: 1}
	line := p.compareCell(t.Context(), proof{scenario: "x"}, nil, 1, [2]string{"a", "b"})
	if line != "| correct | x | 1 | 1 no verdict | 1 no verdict | 0 |" || len(p.failures) != 1 {
		t.Errorf("%q %v", line, p.failures)
	}
}

// passing is a program that takes the arguments of a run and leaves a verdict that passes.
func passing(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "paystorm")
	script := "#!/bin/sh\nwhile [ $# -gt 0 ]; do [ \"$1\" = --out ] && out=$2; shift; done\n" +
		"mkdir -p \"$out/run\" && echo '{\"verdict\": \"pass\", \"headline\": \"pass, 14 of 14 judged\"}' > \"$out/run/verdict.json\"\n"
	if err := os.WriteFile(path, []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	return path
}
