package main

import (
	"bytes"
	"regexp"
	"strings"
	"testing"
)

// helpOf is what a command line that asks for help prints.
func helpOf(t *testing.T, args ...string) string {
	t.Helper()
	var out, errors bytes.Buffer
	if status := Run(t.Context(), args, streams{in: strings.NewReader(""), out: &out, err: &errors}); status != exitPass || errors.Len() > 0 {
		t.Fatalf("%q: exit status %d, %s", args, status, errors.String())
	}
	return out.String()
}

// Every command's help begins with an example of that very command.
func TestHelp(t *testing.T) {
	t.Parallel()
	whole := helpOf(t, "--help")
	if alone := helpOf(t); alone != whole {
		t.Errorf("without arguments:\n%s", alone)
	}
	if !strings.HasPrefix(whole, "  paystorm run ") || !strings.Contains(whole, "\n  3  inconclusive") {
		t.Errorf("the program's own help:\n%s", whole)
	}
	_, list, _ := strings.Cut(whole, "\nCommands:\n")
	list, _, _ = strings.Cut(list, "\n\n")
	commands := regexp.MustCompile(`(?m)^  (\w+) `).FindAllStringSubmatch(list, -1)
	if len(commands) < 13 {
		t.Fatalf("%d commands are listed:\n%s", len(commands), whole)
	}
	for _, command := range commands {
		// What it needs from the environment may stand before.
		begin := regexp.MustCompile(`\A  (\w+=\S+ )*paystorm ` + command[1] + `\b`)
		if help := helpOf(t, command[1], "--help"); !begin.MatchString(help) {
			t.Errorf("%s --help:\n%s", command[1], help)
		}
	}
}
