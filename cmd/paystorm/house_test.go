package main

import (
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/paystorm/paystorm/"

// mayImport is the import law: which of our packages each of our packages may import, tests aside. A package that is not
// listed is a room that nobody has thought about.
var mayImport = map[string][]string{
	"money":                 {},
	"dice":                  {},
	"history":               {"money"},
	"history/tables":        {"history"},
	"scenarios":             {"money"},
	"scenarios/draft":       {"scenarios"},
	"mockchannel":           {"history", "dice", "money"},
	"mockchannel/standard":  {"mockchannel", "history", "dice", "money"},
	"mockchannel/alipay":    {"mockchannel", "history"},
	"mockchannel/wechatpay": {"mockchannel", "history"},
	"mockchannel/stripe":    {"mockchannel", "history", "money"},
	"mockchannel/door":      {},
	"mockchannel/console":   {"mockchannel", "history", "money"},
	"mockchannel/sdktest":   {},
	"ports":                 {},
	"internal/dbtest":       {},
	"harness/link":          {"history", "scenarios", "ports"},
	"harness/sut":           {"scenarios", "history", "money", "dice", "ports"},
	"harness/load":          {"scenarios", "history", "money", "dice"},
	"harness/load/k6child":  {"harness/load", "scenarios", "history", "money", "dice"},
	"harness/fault":         {"scenarios", "history", "money", "dice", "mockchannel", "harness/load", "harness/link"},
	"harness": {
		"scenarios", "history", "money", "dice", "mockchannel", "mockchannel/alipay", "mockchannel/standard",
		"mockchannel/stripe", "mockchannel/wechatpay", "mockchannel/door",
		"harness/link", "harness/sut", "harness/load", "harness/load/k6child", "harness/fault",
	},
	"invariants":         {"history", "history/tables", "money"},
	"reports":            {"history", "invariants", "money"},
	"examples/flashshop": {},
	"cmd/benchchannel":   {"mockchannel", "mockchannel/stripe", "history", "dice"},
	"cmd/prove":          {},
	"cmd/paystorm":       nil, // wiring: everything
}

func TestImportLaw(t *testing.T) {
	out, err := exec.CommandContext(t.Context(), "go", "list", "-f", `{{.ImportPath}}:{{join .Imports " "}}`, module+"...").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	packages := 0
	for line := range strings.Lines(string(out)) {
		path, imports, _ := strings.Cut(strings.TrimSpace(line), ":")
		name := strings.TrimPrefix(path, module)
		allowed, known := mayImport[name]
		if !known {
			t.Errorf("package %s is not in the import law", name)
			continue
		}
		packages++
		if name == "cmd/paystorm" {
			continue
		}
		for _, imported := range strings.Fields(imports) {
			ours, isOurs := strings.CutPrefix(imported, module)
			if isOurs && !slices.Contains(allowed, ours) {
				t.Errorf("%s imports %s: it may import only %v", name, ours, allowed)
			}
		}
	}
	if packages < 10 {
		t.Errorf("go list named %d packages: the law was held against too little", packages)
	}
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
