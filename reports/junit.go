package reports

import (
	"encoding/xml"
	"fmt"
	"io"
	"strings"

	"github.com/paystorm/paystorm/history"
	"github.com/paystorm/paystorm/invariants"
)

type junitSuite struct {
	XMLName  xml.Name    `xml:"testsuite"`
	Name     string      `xml:"name,attr"`
	Tests    int         `xml:"tests,attr"`
	Failures int         `xml:"failures,attr"`
	Errors   int         `xml:"errors,attr"`
	Skipped  int         `xml:"skipped,attr"`
	Seconds  float64     `xml:"time,attr"`
	Started  string      `xml:"timestamp,attr"`
	Cases    []junitCase `xml:"testcase"`
}

type junitCase struct {
	Name    string        `xml:"name,attr"`
	Class   string        `xml:"classname,attr"`
	Failure *junitMessage `xml:"failure,omitempty"`
	Error   *junitMessage `xml:"error,omitempty"`
	Skipped *junitMessage `xml:"skipped,omitempty"`
}

type junitMessage struct {
	Message string `xml:"message,attr"`
	Text    string `xml:",chardata"`
}

// JUnit writes one case per invariant and per bounded service level, and one for the run itself, which errs when the run
// is inconclusive: a suite without failures must not look green when nothing was proven.
func JUnit(out io.Writer, verdict invariants.Verdict, recorded *history.History) error {
	suite := junitSuite{
		Name:    plain(fmt.Sprintf("paystorm %s seed %d", verdict.Scenario, verdict.Seed)),
		Seconds: recorded.Horizon().Duration().Seconds(), Started: recorded.Header.Started.UTC().Format("2006-01-02T15:04:05"),
		Cases: []junitCase{junitRun(verdict)},
	}
	for _, result := range verdict.Invariants {
		suite.Cases = append(suite.Cases, junitInvariant(result, recorded))
	}
	for _, level := range verdict.Service {
		if level.Bound != nil {
			suite.Cases = append(suite.Cases, junitService(level))
		}
	}
	for i := range suite.Cases {
		suite.Cases[i].Class = plain("paystorm." + verdict.Scenario)
		suite.count(suite.Cases[i])
	}
	text, err := xml.MarshalIndent(suite, "", "  ")
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(out, "%s%s\n", xml.Header, text)
	return err
}

func (s *junitSuite) count(one junitCase) {
	s.Tests++
	switch {
	case one.Failure != nil:
		s.Failures++
	case one.Error != nil:
		s.Errors++
	case one.Skipped != nil:
		s.Skipped++
	}
}

func junitRun(verdict invariants.Verdict) junitCase {
	run := junitCase{Name: "the run proves something"}
	if verdict.Verdict == invariants.Inconclusive {
		run.Error = &junitMessage{Message: verdict.Headline, Text: junitLines(verdict.Reasons.Texts())}
	}
	return run
}

func junitInvariant(result invariants.InvariantResult, recorded *history.History) junitCase {
	one := junitCase{Name: result.ID + " " + result.Name}
	message := &junitMessage{Message: plain(result.Summary), Text: failureText(result, recorded)}
	switch {
	case result.Gates:
		one.Failure = message
	case result.Doubt != "":
		one.Error = message
	case result.Status != invariants.Held:
		message.Message = statusWords(result) + ": " + message.Message
		one.Skipped = message
	}
	return one
}

func junitService(level invariants.ServiceResult) junitCase {
	one := junitCase{Name: plain("service level " + level.ID)}
	words := fmt.Sprintf("%s: %s, bound %s", levelName(level), levelValue(level), levelBound(level))
	switch level.Status {
	case levelExceeded:
		one.Failure = &junitMessage{Message: words}
	case levelInconclusive:
		one.Error = &junitMessage{Message: words}
	}
	return one
}

// failureText names the money and the orders.
func failureText(result invariants.InvariantResult, recorded *history.History) string {
	var lines []string
	for _, risk := range risksOf(result) {
		lines = append(lines, risk.words())
	}
	for _, pattern := range result.Patterns {
		lines = append(lines, fmt.Sprintf("%d × %s", pattern.Count, pattern.Text))
		if whom := subjects(pattern.Orders, recorded, len(pattern.Orders)); whom != "" {
			lines = append(lines, "  "+whom)
		}
		for _, detail := range pattern.Details {
			lines = append(lines, "  "+detail)
		}
	}
	return junitLines(lines)
}

func junitLines(lines []string) string {
	clean := make([]string, len(lines))
	for i, line := range lines {
		clean[i] = plain(line)
	}
	return strings.Join(clean, "\n")
}
