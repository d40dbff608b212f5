// Command prove runs the proof matrix: the correct shop under every scenario must pass, and each known defect must be
// found by the invariants that are named for it, and by nothing when its trigger is missing.
//
// It drives the built binary and reads verdict.json like any user; it shares no code with the judge. Its output is the
// table in the README.
package main

import (
	"cmp"
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
	"sync"
	"syscall"
	"time"

	"github.com/goccy/go-yaml"
	"golang.org/x/sync/errgroup"
)

// mostAgain is how often a run that proved nothing is made again.
const mostAgain = 2

// matrix is the file of proofs. Systems are shipped system files; the first is meant where a line names none.
type matrix struct {
	Systems []string  `yaml:"systems"`
	Switch  string    `yaml:"switch"` // the setting that gives the shop a defect; default that of a shop that is a process
	Correct []correct `yaml:"correct"`
	Defects []defect  `yaml:"defects"`
}

// correct is a scenario that the correct shop must pass.
type correct struct {
	Scenario string   `yaml:"scenario"`
	Systems  []string `yaml:"systems"` // empty: all of the matrix; others may be named
}

// defect is one known defect: red under one scenario by all of the named invariants, green under another.
type defect struct {
	ID       string   `yaml:"id"`
	Scenario string   `yaml:"scenario"`
	Red      []string `yaml:"red"`
	Green    string   `yaml:"green"`   // a scenario without the trigger; "" where the defect needs none
	Systems  []string `yaml:"systems"` // empty: the first
}

// prover works through the lines of the matrix.
type prover struct {
	binary, out string
	defects     string // the setting that gives the shop one
	parallel    int    // lines at a time
	part        part   // of the matrix
	lines       int    // so far, of all tables
	memory      *memory

	mutex       sync.Mutex // guards the next fields
	log         io.Writer
	runs, again int
	failures    []string
}

// verdict is the part of verdict.json that a proof needs.
type verdict struct {
	Verdict  string `json:"verdict"`
	Headline string `json:"headline"`
	Reasons  []struct {
		Text string `json:"text"`
	} `json:"reasons"`
	Invariants []struct {
		ID     string `json:"id"`
		Status string `json:"status"`
	} `json:"invariants"`
}

// why are its reasons in one line.
func (v verdict) why() string {
	texts := make([]string, len(v.Reasons))
	for i, reason := range v.Reasons {
		texts[i] = reason.Text
	}
	return strings.Join(texts, "; ")
}

func main() {
	p := prover{log: os.Stderr}
	file := flag.String("matrix", "examples/flashshop/proofs.yaml", "the file of proofs")
	flag.StringVar(&p.binary, "binary", "bin/paystorm", "the built binary")
	flag.StringVar(&p.out, "out", "runs/prove", "folder for run directories")
	seeds := flag.Int("seeds", 2, "seeds 1 to n of each scenario with the correct shop")
	defectSeeds := flag.Int("defect-seeds", 1, "seeds 1 to n of each defect")
	flag.IntVar(&p.parallel, "parallel", 1, "lines of the matrix at a time; a run on the plain shop mostly waits, and needs half a processor")
	only := flag.String("only", "", "only scenarios and defects with these names, with commas")
	systems := flag.String("systems", "", "only these systems, with commas; all of the matrix if empty")
	share := flag.String("part", "", "which part of the matrix, such as 2/5: every fifth line from the second on; all of it if empty")
	resume := flag.String("resume", "", "a file that remembers what was proven, so that an interrupted proof goes on where it was")
	mark := flag.String("mark", "", "names the code that is proven, such as its commit; what was proven of another is not resumed")
	compare := flag.String("compare", "", "two systems with a comma between: whether both have the same verdicts, and not whether they are the right ones")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := p.narrow(*share, *resume, *mark); err != nil {
		fmt.Fprintln(os.Stderr, "prove:", err)
		stop()
		os.Exit(2)
	}
	chosen := choice{names: split(*only), systems: split(*systems), compare: split(*compare)}
	if err := p.prove(ctx, os.Stdout, *file, *seeds, *defectSeeds, chosen); err != nil {
		fmt.Fprintln(os.Stderr, "prove:", err)
		stop()
		os.Exit(1)
	}
}

// choice narrows the matrix; empty lists do not. Where compare names two systems, they are held against each other.
type choice struct{ names, systems, compare []string }

func (c choice) has(name, system string) bool {
	return (len(c.names) == 0 || slices.Contains(c.names, name)) && (len(c.systems) == 0 || slices.Contains(c.systems, system))
}

func split(list string) []string {
	return strings.FieldsFunc(list, func(r rune) bool { return r == ',' })
}

func (p *prover) prove(ctx context.Context, out io.Writer, file string, seeds, defectSeeds int, chosen choice) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	var proofs matrix
	if err := yaml.UnmarshalWithOptions(text, &proofs, yaml.Strict()); err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	if len(proofs.Systems) == 0 {
		return fmt.Errorf("%s: names no systems", file)
	}
	if p.parallel < 1 {
		return fmt.Errorf("-parallel %d: want at least 1", p.parallel)
	}
	p.defects = proofs.Switch
	begun := time.Now()
	switch len(chosen.compare) {
	case 0:
		p.proveCorrect(ctx, out, proofs, seeds, chosen)
		p.proveDefects(ctx, out, proofs, defectSeeds, chosen)
	case 2:
		p.compare(ctx, out, proofs, seeds, defectSeeds, chosen, [2]string(chosen.compare))
	default:
		return fmt.Errorf("-compare names %d systems: want two, as in flashshop,flashshop-graphql", len(chosen.compare))
	}
	fmt.Fprintf(out, "\n%d runs in %s, %d unlike what was to be proven; %d that proved nothing were made again.\n",
		p.runs, time.Since(begun).Round(time.Second), len(p.failures), p.again)
	if err := ctx.Err(); err != nil {
		return err
	}
	if len(p.failures) > 0 {
		return errors.New("not proven:\n  " + strings.Join(p.failures, "\n  "))
	}
	if p.runs == 0 {
		return fmt.Errorf("nothing in %s is what was asked for", file)
	}
	return nil
}

// line is one of a table's lines in the making.
type line func() string

// table prints a head, and the lines of this part in their order while several are worked out at a time.
func (p *prover) table(out io.Writer, head string, all []line) {
	var lines []line
	for _, line := range all {
		if p.part.has(p.lines) {
			lines = append(lines, line)
		}
		p.lines++
	}
	fmt.Fprintln(out, head)
	made := make([]chan string, len(lines))
	for i := range made {
		made[i] = make(chan string, 1)
	}
	go func() {
		var working errgroup.Group
		working.SetLimit(p.parallel)
		for i, line := range lines {
			working.Go(func() error {
				made[i] <- line()
				return nil
			})
		}
	}()
	for i := range made {
		fmt.Fprintln(out, <-made[i])
	}
}

// systems are those of the matrix, and then those that a line of the correct shop alone names.
func (m matrix) systems() []string {
	all := slices.Clone(m.Systems)
	for _, c := range m.Correct {
		for _, system := range c.Systems {
			if !slices.Contains(all, system) {
				all = append(all, system)
			}
		}
	}
	return all
}

func (p *prover) proveCorrect(ctx context.Context, out io.Writer, proofs matrix, seeds int, chosen choice) {
	var lines []line
	for _, system := range proofs.systems() {
		for _, c := range proofs.Correct {
			systems := c.Systems
			if len(systems) == 0 {
				systems = proofs.Systems
			}
			if !chosen.has(c.Scenario, system) || !slices.Contains(systems, system) {
				continue
			}
			lines = append(lines, func() string {
				passed, slowest := p.cell(ctx, proof{system: system, scenario: c.Scenario}, seeds, isPass)
				return fmt.Sprintf("| %s | %s | %d | %d | %.1f s |", system, c.Scenario, seeds, passed, slowest.Seconds())
			})
		}
	}
	p.table(out, "| correct shop | under | runs | passed | slowest |\n|---|---|---:|---:|---:|", lines)
}

func (p *prover) proveDefects(ctx context.Context, out io.Writer, proofs matrix, seeds int, chosen choice) {
	var lines []line
	for _, d := range proofs.Defects {
		systems := d.Systems
		if len(systems) == 0 {
			systems = proofs.Systems[:1]
		}
		for _, system := range systems {
			if !chosen.has(d.ID, system) {
				continue
			}
			lines = append(lines, func() string {
				red := func(v verdict) error { return isRedBy(v, d.Red) }
				found, _ := p.cell(ctx, proof{system, d.Scenario, d.ID}, seeds, red)
				green, passed := "needs none", "–"
				if d.Green != "" {
					count, _ := p.cell(ctx, proof{system, d.Green, d.ID}, seeds, isPass)
					green, passed = d.Green, fmt.Sprint(count)
				}
				unseen := p.unseenWithout(ctx, proof{system, d.Scenario, d.ID}, seeds)
				return fmt.Sprintf("| %s | %s | %s | %d | %s | %d | %s | %s | %s |",
					d.ID, system, d.Scenario, seeds, strings.Join(d.Red, " "), found, unseen, green, passed)
			})
		}
	}
	p.table(out, "\n| defect | of | under | runs | found by | found | unseen without | without its trigger | passed |\n|---|---|---|---:|---|---:|---|---|---:|", lines)
}

// proof is one run of a shop, correct or with one defect, under one scenario.
type proof struct{ system, scenario, defect string }

// processSwitch is where a shop that is a process of its own is told its defects.
const processSwitch = "system.launch.process.env.DEFECTS"

func (p proof) String() string {
	name := p.system + " under " + p.scenario
	if p.defect != "" {
		name = p.defect + " of " + name
	}
	return name
}

// run names one run of it.
func (p proof) run(seed int) string { return fmt.Sprintf("%s seed %d", p, seed) }

// cell runs one proof under several seeds, and counts the verdicts that are as they should be.
func (p *prover) cell(ctx context.Context, of proof, seeds int, check func(verdict) error) (good int, slowest time.Duration) {
	for seed := 1; seed <= seeds && ctx.Err() == nil; seed++ {
		name := of.run(seed)
		began := time.Now()
		v, err := p.decide(ctx, of, seed)
		took := time.Since(began)
		slowest = max(slowest, took)
		if err == nil {
			err = check(v)
		}
		if err != nil {
			p.failed(name + ": " + err.Error())
			continue
		}
		good++
		p.say("ok   %s (%.1fs): %s", name, took.Seconds(), v.Headline)
		p.keep(of, seed, v)
	}
	return good, slowest
}

// keep remembers a run that came out as it had to.
func (p *prover) keep(of proof, seed int, v verdict) {
	name := of.run(seed)
	if err := p.memory.keep(name, v); err != nil {
		p.failed(name + ": " + err.Error())
	}
}

func (p *prover) say(format string, args ...any) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	fmt.Fprintf(p.log, format+"\n", args...)
}

// failed notes that something was not proven.
func (p *prover) failed(what string) {
	p.say("BAD  %s", what)
	p.mutex.Lock()
	defer p.mutex.Unlock()
	p.failures = append(p.failures, what)
}

// count counts a run, and whether it is made again.
func (p *prover) count(again bool) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	if again {
		p.again++
	} else {
		p.runs++
	}
}

// decide makes a run, and makes it again while it proves nothing: on a machine that was busy for a moment too little may
// have been tried. What a run has proven, either way, stands.
func (p *prover) decide(ctx context.Context, of proof, seed int) (verdict, error) {
	p.count(false)
	if known, proven := p.memory.recall(of.run(seed)); proven {
		return known, nil
	}
	v, err := p.run(ctx, of, seed)
	for again := 0; again < mostAgain && err == nil && v.Verdict == "inconclusive" && ctx.Err() == nil; again++ {
		p.say("again %s seed %d: %s: %s", of, seed, v.Headline, v.why())
		p.count(true)
		v, err = p.run(ctx, of, seed)
	}
	return v, err
}

// folder is where the run of a proof under a seed is.
func (p *prover) folder(of proof, seed int) string {
	return filepath.Join(p.out, of.system, strings.Trim(of.scenario+"-"+of.defect, "-"), fmt.Sprintf("seed-%d", seed))
}

// run makes one run and reads its verdict. Exit statuses other than those of a verdict are errors.
func (p *prover) run(ctx context.Context, of proof, seed int) (verdict, error) {
	out := p.folder(of, seed)
	if err := os.RemoveAll(out); err != nil {
		return verdict{}, err
	}
	args := []string{"run", of.scenario, "--system", of.system, "--seed", fmt.Sprint(seed), "--out", out}
	if of.defect != "" {
		args = append(args, "--set", cmp.Or(p.defects, processSwitch)+"="+of.defect)
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
	return fmt.Errorf("%s: %s", v.Headline, v.why())
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
		return fmt.Errorf("%s; not violated: %s; %s", v.Headline, strings.Join(missing, " "), v.why())
	}
	return nil
}

func lastLine(output []byte) string {
	lines := strings.Split(strings.TrimSpace(string(output)), "\n")
	return lines[len(lines)-1]
}
