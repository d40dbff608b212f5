package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/paystorm/paystorm/history"
	"github.com/paystorm/paystorm/history/tables"
	"github.com/paystorm/paystorm/invariants"
)

var lawsPage = filepath.Join("..", "..", "docs", "laws.md")

// TestTheLawsPageIsWhatTheCodeSays: its lists of tables and of clauses are generated.
func TestTheLawsPageIsWhatTheCodeSays(t *testing.T) {
	holdBlocks(t, lawsPage, map[string]string{"tables": tablesInMarkdown(), "clauses": clausesInMarkdown()})
}

// holdBlocks holds the generated blocks of a page, each between comments with its name, against what they should be. With -update it
// writes them.
func holdBlocks(t *testing.T, file string, blocks map[string]string) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	page := string(text)
	for block, want := range blocks {
		begin, end := "<!-- "+block+" -->\n", "<!-- /"+block+" -->"
		before, rest, found := strings.Cut(page, begin)
		_, after, closed := strings.Cut(rest, end)
		if !found || !closed {
			t.Fatalf("%s has no block %s", file, block)
		}
		page = before + begin + want + end + after
	}
	if *update {
		if err := os.WriteFile(file, []byte(page), 0o644); err != nil {
			t.Fatal(err)
		}
	} else if page != string(text) {
		t.Errorf("%s is not what the code says: run the test with -update", file)
	}
}

func tablesInMarkdown() string {
	var text strings.Builder
	text.WriteString("| table | columns |\n|---|---|\n")
	for _, table := range tables.Schema() {
		var columns []string
		for _, column := range table.Columns {
			columns = append(columns, "`"+column.Name+"`")
		}
		fmt.Fprintf(&text, "| `%s`: %s | %s |\n", table.Name, strings.TrimSuffix(table.About, "."), strings.Join(columns, ", "))
	}
	return text.String()
}

func clausesInMarkdown() string {
	var text strings.Builder
	for _, invariant := range invariants.All() {
		fmt.Fprintf(&text, "**%s, %s.** %s\n\n| clause | needs |\n|---|---|\n", invariant.ID, invariant.Name, invariant.Statement)
		for _, clause := range invariant.Clauses {
			fmt.Fprintf(&text, "| %s | %s |\n", clause.Name, needsOf(clause))
		}
		text.WriteString("\n")
	}
	return text.String()
}

// blocks are the page's blocks of code in a language.
func blocks(t *testing.T, language string) []string {
	t.Helper()
	text, err := os.ReadFile(lawsPage)
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for _, match := range regexp.MustCompile("(?s)```"+language+"\n(.*?)```").FindAllStringSubmatch(string(text), -1) {
		found = append(found, match[1])
	}
	return found
}

// TestTheLawsOfThePage: both hold on a correct shop, and each finds a shop that is broken so: one that gives points twice (D01), and
// one that takes any amount for the price (D10).
func TestTheLawsOfThePage(t *testing.T) {
	yaml, sql := blocks(t, "yaml"), blocks(t, "sql")
	if len(yaml) != 2 || len(sql) != 1 {
		t.Fatalf("the page has %d laws in YAML and %d in SQL", len(yaml), len(sql))
	}
	for i, broken := range []struct {
		run        string
		violations int
	}{{"effects-twice", 14}, {"another-amount-paid", 7}} {
		laws := planned(t, strings.TrimPrefix(yaml[i], "laws:\n"), map[string]string{"below-price.sql": sql[0]})
		if result, verdict := judged(t, sold(t), laws); result.Status != invariants.Held || result.Exercised == 0 || verdict.Verdict != invariants.Pass {
			t.Errorf("%s, of a correct shop: %s, exercised %d, %s", laws[0].Name, result.Status, result.Exercised, verdict.Headline)
		}
		h, err := history.Open(filepath.Join("..", "..", "invariants", "testdata", "kept", broken.run))
		if err != nil {
			t.Fatal(err)
		}
		if result, _ := judged(t, h, laws); result.Status != invariants.Violated || result.Violations != broken.violations {
			t.Errorf("%s, of a shop that breaks it: %s: %s", laws[0].Name, result.Status, result.Summary)
		}
	}
}
