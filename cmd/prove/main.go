// Command prove runs the proof matrix: the correct shop under every scenario must pass, and each known defect must be
// found by the invariants that are named for it, and by nothing when its trigger is missing.
//
// It drives the built binary and reads verdict.json like any user; it shares no code with the judge. Its output is the
// table in the README.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/goccy/go-yaml"
)

// matrix is the file of proofs.
type matrix struct {
	Correct []string `yaml:"correct"` // scenarios that the correct shop must pass
	Defects []defect `yaml:"defects"`
}

// defect is one known defect: red under one scenario by all of the named invariants, green under another.
type defect struct {
	ID       string   `yaml:"id"`
	Scenario string   `yaml:"scenario"`
	Red      []string `yaml:"red"`
	Green    string   `yaml:"green"` // a scenario without the trigger; "" where the defect needs none
}

// prover runs one cell of the matrix after another.
type prover struct {
	binary, out string
	log         io.Writer
	failures    []string
}

// verdict is the part of verdict.json that a proof needs.
type verdict struct {
	Verdict    string   `json:"verdict"`
	Headline   string   `json:"headline"`
	Reasons    []string `json:"reasons"`
	Invariants []struct {
		ID     string `json:"id"`
		Status string `json:"status"`
	} `json:"invariants"`
}

func main() {
	p := prover{log: os.Stderr}
	file := flag.String("matrix", "examples/flashshop/proofs.yaml", "the file of proofs")
	flag.StringVar(&p.binary, "binary", "bin/paystorm", "the built binary")
	flag.StringVar(&p.out, "out", "runs/prove", "folder for run directories")
	seeds := flag.Int("seeds", 2, "seeds 1 to n of each scenario with the correct shop")
	defectSeeds := flag.Int("defect-seeds", 1, "seeds 1 to n of each defect")
	only := flag.String("only", "", "only scenarios and defects with these names, with commas")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := p.prove(ctx, os.Stdout, *file, *seeds, *defectSeeds, *only); err != nil {
		fmt.Fprintln(os.Stderr, "prove:", err)
		stop()
		os.Exit(1)
	}
}

func (p *prover) prove(ctx context.Context, out io.Writer, file string, seeds, defectSeeds int, only string) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	var proofs matrix
	if err := yaml.UnmarshalWithOptions(text, &proofs, yaml.Strict()); err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	wanted := func(name string) bool {
		return only == "" || slices.Contains(strings.Split(only, ","), name)
	}
	begun := time.Now()
	runs := 0
	fmt.Fprintf(out, "| correct shop under | runs | passed | slowest |\n|---|---:|---:|---:|\n")
	for _, scenario := range proofs.Correct {
		if !wanted(scenario) {
			continue
		}
		passed, slowest := p.cell(ctx, scenario, "", seeds, isPass)
		runs += seeds
		fmt.Fprintf(out, "| %s | %d | %d | %.1f s |\n", scenario, seeds, passed, slowest.Seconds())
	}
	fmt.Fprintf(out, "\n| defect | under | runs | found by | found | without its trigger | passed |\n|---|---|---:|---|---:|---|---:|\n")
	for _, d := range proofs.Defects {
		if !wanted(d.ID) {
			continue
		}
		found, _ := p.cell(ctx, d.Scenario, d.ID, defectSeeds, func(v verdict) error { return isRedBy(v, d.Red) })
		runs += defectSeeds
		green, passed := "needs none", "–"
		if d.Green != "" {
			count, _ := p.cell(ctx, d.Green, d.ID, defectSeeds, isPass)
			runs += defectSeeds
			green, passed = d.Green, fmt.Sprint(count)
		}
		fmt.Fprintf(out, "| %s | %s | %d | %s | %d | %s | %s |\n", d.ID, d.Scenario, defectSeeds, strings.Join(d.Red, " "), found, green, passed)
	}
	fmt.Fprintf(out, "\n%d runs in %s, %d unlike what was to be proven.\n", runs, time.Since(begun).Round(time.Second), len(p.failures))
	if err := ctx.Err(); err != nil {
		return err
	}
	if len(p.failures) > 0 {
		return errors.New("not proven:\n  " + strings.Join(p.failures, "\n  "))
	}
	if runs == 0 {
		return fmt.Errorf("nothing in %s is named %q", file, only)
	}
	return nil
}

// cell runs one scenario with one defect under several seeds, and counts the verdicts that are as they should be.
func (p *prover) cell(ctx context.Context, scenario, defect string, seeds int, check func(verdict) error) (good int, slowest time.Duration) {
	for seed := 1; seed <= seeds && ctx.Err() == nil; seed++ {
		name := fmt.Sprintf("%s seed %d", scenario, seed)
		if defect != "" {
			name = defect + " under " + name
		}
		began := time.Now()
		v, err := p.run(ctx, scenario, defect, seed)
		took := time.Since(began)
		slowest = max(slowest, took)
		if err == nil {
			err = check(v)
		}
		if err != nil {
			p.failures = append(p.failures, name+": "+err.Error())
			fmt.Fprintf(p.log, "BAD  %s (%.1fs): %v\n", name, took.Seconds(), err)
			continue
		}
		good++
		fmt.Fprintf(p.log, "ok   %s (%.1fs): %s\n", name, took.Seconds(), v.Headline)
	}
	return good, slowest
}

// run makes one run and reads its verdict. Exit statuses other than those of a verdict are errors.
func (p *prover) run(ctx context.Context, scenario, defect string, seed int) (verdict, error) {
	out := filepath.Join(p.out, strings.Trim(scenario+"-"+defect, "-"), fmt.Sprintf("seed-%d", seed))
	if err := os.RemoveAll(out); err != nil {
		return verdict{}, err
	}
	args := []string{"run", scenario, "--seed", fmt.Sprint(seed), "--out", out}
	if defect != "" {
		args = append(args, "--set", "system.launch.process.env.DEFECTS="+defect)
	}
	command := exec.CommandContext(ctx, p.binary, args...)
	command.Cancel = func() error { return command.Process.Signal(os.Interrupt) }
	command.WaitDelay = 30 * time.Second
	output, err := command.CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		return verdict{}, err
	}
	if code := command.ProcessState.ExitCode(); code != 0 && code != 1 && code != 3 {
		return verdict{}, fmt.Errorf("exit %d: %s", code, lastLine(output))
	}
	files, err := filepath.Glob(filepath.Join(out, "*", "verdict.json"))
	if err != nil || len(files) != 1 {
		return verdict{}, fmt.Errorf("%d verdicts in %s: %s", len(files), out, lastLine(output))
	}
	text, err := os.ReadFile(files[0])
	if err != nil {
		return verdict{}, err
	}
	var v verdict
	return v, json.Unmarshal(text, &v)
}

func isPass(v verdict) error {
	if v.Verdict == "pass" {
		return nil
	}
	return fmt.Errorf("%s: %s", v.Headline, strings.Join(v.Reasons, "; "))
}

func isRedBy(v verdict, invariants []string) error {
	var missing []string
	for _, id := range invariants {
		violated := false
		for _, result := range v.Invariants {
			violated = violated || result.ID == id && result.Status == "violated"
		}
		if !violated {
			missing = append(missing, id)
		}
	}
	if v.Verdict != "fail" || len(missing) > 0 {
		return fmt.Errorf("%s; not violated: %s; %s", v.Headline, strings.Join(missing, " "), strings.Join(v.Reasons, "; "))
	}
	return nil
}

func lastLine(output []byte) string {
	lines := strings.Split(strings.TrimSpace(string(output)), "\n")
	return lines[len(lines)-1]
}
