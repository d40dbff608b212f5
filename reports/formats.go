// Package reports turns a Verdict, and the History behind it, into what people and machines read: text for the
// terminal, verdict.json, JUnit, Markdown, and one self-contained HTML page.
//
// A report says first what happened, to whose money, and what to look at next. Nothing is judged here. Text that came
// from a shop is untrusted and is escaped everywhere.
package reports

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/paystorm/paystorm/history"
	"github.com/paystorm/paystorm/invariants"
)

// Format is one kind of report. File is its name in a run directory.
type Format struct {
	Name, File string
	Write      func(io.Writer, invariants.Verdict, *history.History) error
}

// Formats lists the reports that a run directory gets. A new one is a file and a line here.
func Formats() []Format {
	return []Format{
		{Name: "json", File: "verdict.json", Write: JSON},
		{Name: "junit", File: "junit.xml", Write: JUnit},
		{Name: "markdown", File: "summary.md", Write: Markdown},
		{Name: "html", File: "report.html", Write: HTML},
	}
}

// WriteAll writes every report into the run directory.
func WriteAll(dir string, verdict invariants.Verdict, recorded *history.History) error {
	for _, format := range Formats() {
		if err := WriteFile(filepath.Join(dir, format.File), format, verdict, recorded); err != nil {
			return err
		}
	}
	return nil
}

// WriteFile writes one report. The file is replaced as a whole, so that a program that watches it never reads half of one.
func WriteFile(path string, format Format, verdict invariants.Verdict, recorded *history.History) error {
	var text bytes.Buffer
	if err := format.Write(&text, verdict, recorded); err != nil {
		return fmt.Errorf("writing the %s report: %w", format.Name, err)
	}
	temporary := path + ".tmp"
	if err := os.WriteFile(temporary, text.Bytes(), 0o644); err != nil {
		return fmt.Errorf("writing the %s report: %w", format.Name, err)
	}
	if err := os.Rename(temporary, path); err != nil {
		return fmt.Errorf("writing the %s report: %w", format.Name, err)
	}
	return nil
}
