package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/paystorm/paystorm/invariants"
	"github.com/paystorm/paystorm/scenarios"
)

// TestScripts runs testdata/script/*.txtar, in which paystorm is a process. Each finds shop.yaml and sale.yaml of testdata
// beside it, and the address of a port that is taken in $TAKEN.
func TestScripts(t *testing.T) {
	t.Parallel()
	testscript.Run(t, scripts("script", asProcess))
}

// TestQuickScripts runs testdata/quick/*.txtar likewise, but paystorm is a call: most of what a command line may have
// wrong is told sooner than a process starts. The working directory is the whole program's, so it is one after another.
func TestQuickScripts(t *testing.T) {
	home, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	testscript.RunT(inTurn{t}, scripts("quick", asCall(t.Context(), home)))
}

// asCall leaves the working directory as it was, home.
func asCall(ctx context.Context, home string) func(*testscript.TestScript, []string) int {
	return func(ts *testscript.TestScript, args []string) int {
		ts.Check(os.Chdir(ts.MkAbs(".")))
		defer func() { ts.Check(os.Chdir(home)) }()
		return Run(ctx, args, streams{in: strings.NewReader(""), out: ts.Stdout(), err: ts.Stderr()})
	}
}

// inTurn is a test whose scripts run one after another.
type inTurn struct{ *testing.T }

func (t inTurn) Parallel() {}

func (t inTurn) Verbose() bool { return testing.Verbose() }

func (t inTurn) Run(name string, script func(testscript.T)) {
	t.T.Run(name, func(t *testing.T) { script(inTurn{t}) })
}

func asProcess(ts *testscript.TestScript, args []string) int {
	var exit *exec.ExitError
	if err := ts.Exec("paystorm", args...); errors.As(err, &exit) {
		return exit.ExitCode()
	} else if err != nil {
		ts.Fatalf("%v", err)
	}
	return exitPass
}

// scripts are those of a folder in testdata. Execute gives a command line's exit status.
func scripts(folder string, execute func(ts *testscript.TestScript, args []string) int) testscript.Params {
	return testscript.Params{
		Dir:                 filepath.Join("testdata", folder),
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup:               setUpScript,
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits":      exits(execute),
			"rundir":     findRunDir,
			"valid":      valid,
			"noraces":    noRaces,
			"samedigest": sameDigest,
		},
	}
}

// writeScripted writes the script of docs/k6.md as shop.js, and as scripted.yaml the shop of shop.yaml with it.
func writeScripted(dir string) error {
	docs, err := os.ReadFile(filepath.Join("..", "..", "docs", "k6.md"))
	if err != nil {
		return fmt.Errorf("read the documented script: %w", err)
	}
	_, script, _ := strings.Cut(string(docs), "```js\n")
	script, _, found := strings.Cut(script, "```")
	shop, err := os.ReadFile(filepath.Join("testdata", "shop.yaml"))
	if err != nil || !found {
		return fmt.Errorf("no script in docs/k6.md, or no shop: %w", err)
	}
	before, journeys, _ := strings.Cut(string(shop), "journeys:\n")
	_, after, found := strings.Cut(journeys, "\nstates:")
	if !found {
		return errors.New("shop.yaml has no journeys before its states")
	}
	return errors.Join(
		os.WriteFile(filepath.Join(dir, "shop.js"), []byte(script), 0o644),
		os.WriteFile(filepath.Join(dir, "scripted.yaml"), []byte(before+"script: shop.js\nstates:"+after), 0o644),
	)
}

func setUpScript(env *testscript.Env) error {
	for _, name := range []string{"shop.yaml", "sale.yaml"} {
		text, err := os.ReadFile(filepath.Join("testdata", name))
		if err != nil {
			return fmt.Errorf("read a file for the script: %w", err)
		}
		if err := os.WriteFile(filepath.Join(env.WorkDir, name), text, 0o644); err != nil {
			return fmt.Errorf("write a file for the script: %w", err)
		}
	}
	if err := writeScripted(env.WorkDir); err != nil {
		return err
	}
	listener, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("take a port: %w", err)
	}
	env.Defer(func() { _ = listener.Close() })
	env.Setenv("TAKEN", listener.Addr().String())
	env.Setenv("GORACE", os.Getenv("GORACE"))
	return nil
}

// exits runs paystorm and checks its exit status: `exits 2 paystorm run nope`.
func exits(execute func(ts *testscript.TestScript, args []string) int) func(*testscript.TestScript, bool, []string) {
	return func(ts *testscript.TestScript, neg bool, args []string) {
		if neg || len(args) < 2 || args[1] != "paystorm" {
			ts.Fatalf("usage: exits STATUS paystorm [ARGUMENT…]")
		}
		want, err := strconv.Atoi(args[0])
		ts.Check(err)
		if got := execute(ts, args[2:]); got != want {
			ts.Fatalf("exit status %d, want %d", got, want)
		}
	}
}

// findRunDir sets $RUN to the one run directory of a scenario below runs: `rundir sale`.
func findRunDir(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: rundir SCENARIO")
	}
	found, err := filepath.Glob(ts.MkAbs(filepath.Join("runs", args[0]+"-s*")))
	ts.Check(err)
	if len(found) != 1 {
		ts.Fatalf("%d run directories of %s: %v", len(found), args[0], found)
	}
	ts.Setenv("RUN", found[0])
}

// valid holds a verdict against the schema that is shipped for it: `valid $RUN/verdict.json`.
func valid(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: valid FILE")
	}
	text, err := invariants.VerdictSchemaJSON()
	ts.Check(err)
	parsed, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	ts.Check(err)
	compiler := jsonschema.NewCompiler()
	ts.Check(compiler.AddResource("verdict.schema.json", parsed))
	schema, err := compiler.Compile("verdict.schema.json")
	ts.Check(err)
	verdict, err := jsonschema.UnmarshalJSON(strings.NewReader(ts.ReadFile(args[0])))
	ts.Check(err)
	ts.Check(schema.Validate(verdict))
}

// noRaces looks for what the race detector says of the children of a run, which write into its logs: `noraces $RUN`.
func noRaces(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: noraces RUN-DIR")
	}
	logs, err := filepath.Glob(filepath.Join(args[0], "logs", "*"))
	ts.Check(err)
	if len(logs) == 0 {
		ts.Fatalf("%s has no logs", args[0])
	}
	for _, path := range logs {
		if text := ts.ReadFile(path); strings.Contains(text, "DATA RACE") {
			ts.Fatalf("%s:\n%s", path, text)
		}
	}
}

// sameDigest compares two plans: `samedigest one.json other.json`.
func sameDigest(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) != 2 {
		ts.Fatalf("usage: samedigest PLAN PLAN")
	}
	var digests [2]string
	for index, name := range args {
		var plan scenarios.Plan
		ts.Check(json.Unmarshal([]byte(ts.ReadFile(name)), &plan))
		digests[index] = plan.Digest
	}
	if digests[0] == "" {
		ts.Fatalf("%s has no digest", args[0])
	}
	if same := digests[0] == digests[1]; same == neg {
		ts.Fatalf("digests %s and %s", digests[0], digests[1])
	}
}
