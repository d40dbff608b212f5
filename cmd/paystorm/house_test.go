package main

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/paystorm/paystorm/"

// room is one of our packages: what it holds, and which others of ours it imports, tests aside.
type room struct {
	name, holds string
	imports     []string
}

// house is the import law: a room that is not here is one that nobody has thought about, and an import that is not here, or that is here
// and not made, is one that nobody decided. The table in ARCHITECTURE.md is made from it.
func house() []room {
	return []room{
		{"money", "amounts in minor units", nil},
		{"dice", "keyed randomness", nil},
		{"ports", "ports below the ephemeral range, for whoever must keep one; tests of flashshop use it too", nil},
		{"internal/dbtest", "database servers for tests; no program imports it", nil},
		{"history", "the leaf vocabulary: time, operations, events, canonical books; recorder, segment files", []string{"money"}},
		{"history/tables", "a history as tables of SQLite: for people, and for a team's own laws", []string{"history"}},
		{"scenarios", "`Scenario`, `System`, `Plan`; strict decoding; the shipped library", []string{"money"}},
		{"scenarios/draft", "system files to start from, guessed from what describes a shop", []string{"scenarios"}},
		{"mockchannel", "the channel's truth: payments, refunds, ledger, idempotency, outbox, bill", []string{"dice", "history", "money"}},
		{"mockchannel/standard", "a dialect: decode, verify, sign, encode; no state", []string{"history", "mockchannel"}},
		{"mockchannel/stripe", "likewise", []string{"history", "mockchannel", "money"}},
		{"mockchannel/alipay", "likewise", []string{"history", "mockchannel"}},
		{"mockchannel/wechatpay", "likewise", []string{"history", "mockchannel"}},
		{"mockchannel/dialects", "the list of them", []string{
			"mockchannel", "mockchannel/alipay", "mockchannel/standard", "mockchannel/stripe", "mockchannel/wechatpay",
		}},
		{"mockchannel/door", "one listener for plain HTTP, TLS and CONNECT, with a CA of its own", nil},
		{"mockchannel/console", "the page and the acts for a person at `paystorm channel`", []string{"history", "mockchannel", "money"}},
		{"mockchannel/sdktest", "contract tests by the providers' own SDKs", nil},
		{"harness/link", "the named TCP links", []string{"history", "ports"}},
		{"harness/sut", "launchers, readiness, probes, sinks", []string{"history", "ports", "scenarios"}},
		{"harness/load", "profiles, native journeys, the parent's side of the load generator", []string{"dice", "history", "scenarios"}},
		{"harness/load/k6child", "the load generator: this binary again, as k6", []string{"harness/load", "history", "scenarios"}},
		{"harness/fault", "every fault, and the engine that runs them", []string{
			"dice", "harness/link", "harness/load", "history", "mockchannel", "money", "scenarios",
		}},
		{"harness", "`Run`, one readable sequence of phases", []string{
			"dice", "harness/fault", "harness/link", "harness/load", "harness/sut", "history", "mockchannel", "mockchannel/dialects",
			"mockchannel/door", "scenarios",
		}},
		{"invariants", "one file per invariant; `Judge(History) Verdict`", []string{"history", "history/tables", "money"}},
		{"reports", "one file per format", []string{"history", "invariants", "money"}},
		{"cmd/prove", "the proof matrix, run on the built binary", nil},
		{"cmd/benchchannel", "the channel beside others, measured", []string{"dice", "history", "mockchannel", "mockchannel/stripe"}},
		{"examples/flashshop", "the reference shop; talks over sockets only", nil},
		{wiring, "the command line", nil},
	}
}

// wiring is the one room that knows everybody.
const wiring = "cmd/paystorm"

func TestImportLaw(t *testing.T) {
	out, err := exec.CommandContext(t.Context(), "go", "list", "-f", `{{.ImportPath}}:{{join .Imports " "}}`, module+"...").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	law := map[string]room{}
	for _, room := range house() {
		law[room.name] = room
	}
	packages := 0
	for line := range strings.Lines(string(out)) {
		path, imports, _ := strings.Cut(strings.TrimSpace(line), ":")
		name := strings.TrimPrefix(path, module)
		room, known := law[name]
		if !known {
			t.Errorf("package %s is not in the import law", name)
			continue
		}
		delete(law, name)
		packages++
		if name == wiring {
			continue
		}
		var ours []string
		for _, imported := range strings.Fields(imports) {
			if one, isOurs := strings.CutPrefix(imported, module); isOurs {
				ours = append(ours, one)
			}
		}
		if !slices.Equal(slices.Sorted(slices.Values(ours)), slices.Sorted(slices.Values(room.imports))) {
			t.Errorf("%s imports %v: the law has %v", name, ours, room.imports)
		}
	}
	if packages < 10 {
		t.Errorf("go list named %d packages: the law was held against too little", packages)
	}
	for name := range law {
		t.Errorf("the law has %s, and there is no such package", name)
	}
}

// TestTheHouseIsDrawnAsItIs: the table in ARCHITECTURE.md is the law's.
func TestTheHouseIsDrawnAsItIs(t *testing.T) {
	var table strings.Builder
	table.WriteString("| folder | holds | imports of ours |\n|---|---|---|\n")
	for _, room := range house() {
		imports := "nothing"
		switch {
		case room.name == wiring:
			imports = "everything"
		case len(room.imports) > 0:
			imports = "`" + strings.Join(room.imports, "`, `") + "`"
		}
		fmt.Fprintf(&table, "| `%s` | %s | %s |\n", room.name, room.holds, imports)
	}
	holdBlocks(t, filepath.Join("..", "..", "ARCHITECTURE.md"), map[string]string{"house": table.String()})
}

// Tests may import what they like, but those of the reference shop: it is a system under test like any other, and nobody
// else's has our harness. A server of theirs that stops and starts again keeps its port by the leaf that all share.
func TestTheShopsTestsAreItsOwn(t *testing.T) {
	out, err := exec.CommandContext(t.Context(), "go", "list", "-f", `{{join .TestImports " "}} {{join .XTestImports " "}}`, module+"examples/flashshop").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	for _, imported := range strings.Fields(string(out)) {
		if ours, isOurs := strings.CutPrefix(imported, module); isOurs && ours != "ports" {
			t.Errorf("the tests of examples/flashshop import %s", ours)
		}
	}
}
