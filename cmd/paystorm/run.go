package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime/debug"
	"strconv"
	"strings"

	"github.com/fatih/color"
	"github.com/spf13/cobra"

	"github.com/paystorm/paystorm/harness"
	"github.com/paystorm/paystorm/invariants"
	"github.com/paystorm/paystorm/scenarios"
)

// planFlags choose and change a plan. `run` and `plan` share them.
type planFlags struct {
	seed   int64
	seeds  string
	system string
	set    []string
}

func (f *planFlags) register(cmd *cobra.Command) {
	cmd.Flags().Int64Var(&f.seed, "seed", 1, "seed of every random choice")
	cmd.Flags().StringVar(&f.system, "system", "", "system file or shipped system, instead of the scenario's own")
	cmd.Flags().StringArrayVar(&f.set, "set", nil, "change one value of the scenario or system: load.peak=50/s, faults.lose-callbacks.share=10%")
}

// settings splits the --set flags.
func (f *planFlags) settings() (map[string]string, error) {
	settings := map[string]string{}
	for _, setting := range f.set {
		key, value, found := strings.Cut(setting, "=")
		if !found || key == "" {
			return nil, fmt.Errorf("--set %q: want key=value", setting)
		}
		settings[key] = value
	}
	return settings, nil
}

// seedList reads --seeds, "1..20" or "3,5,8", and otherwise --seed.
func (f *planFlags) seedList() ([]int64, error) {
	if f.seeds == "" {
		return []int64{f.seed}, nil
	}
	if low, high, isRange := strings.Cut(f.seeds, ".."); isRange {
		from, errFrom := strconv.ParseInt(low, 10, 64)
		to, errTo := strconv.ParseInt(high, 10, 64)
		if errFrom != nil || errTo != nil || to < from || to-from >= 10_000 {
			return nil, fmt.Errorf("--seeds %q: want LOW..HIGH, for instance 1..20", f.seeds)
		}
		var seeds []int64
		for seed := from; seed <= to; seed++ {
			seeds = append(seeds, seed)
		}
		return seeds, nil
	}
	var seeds []int64
	for _, text := range strings.Split(f.seeds, ",") {
		seed, err := strconv.ParseInt(strings.TrimSpace(text), 10, 64)
		if err != nil {
			return nil, fmt.Errorf("--seeds %q: want whole numbers, for instance 3,5,8 or 1..20", f.seeds)
		}
		seeds = append(seeds, seed)
	}
	return seeds, nil
}

// plan compiles the plan, and returns the system that it was compiled from, with its places.
func (f *planFlags) plan(name string, seed int64) (scenarios.Plan, *scenarios.System, error) {
	settings, err := f.settings()
	if err != nil {
		return scenarios.Plan{}, nil, err
	}
	v := vocabulary()
	library, err := scenarios.Shipped()
	if err != nil {
		return scenarios.Plan{}, nil, err
	}
	scenario, err := library.Find(name, v)
	if err != nil {
		return scenarios.Plan{}, nil, err
	}
	var system *scenarios.System
	if f.system != "" {
		system, err = library.FindSystem(f.system, v)
	} else {
		system, err = library.SystemOf(scenario, v)
	}
	if err != nil {
		return scenarios.Plan{}, nil, err
	}
	if scenario, system, err = scenarios.WithSettings(scenario, system, v, settings); err != nil {
		return scenarios.Plan{}, nil, err
	}
	plan, err := scenarios.Compile(scenario, system, v, seed, nil)
	plan.File = name
	if f.system != "" {
		plan.Flags = append(plan.Flags, "--system", f.system)
	}
	for _, setting := range f.set {
		plan.Flags = append(plan.Flags, "--set", setting)
	}
	return plan, system, err
}

func runCommand() *cobra.Command {
	var flags planFlags
	var leave leave
	out := "runs"
	cmd := &cobra.Command{
		Use:   "run SCENARIO",
		Short: "Run a scenario and judge it",
		Example: `  paystorm run stormy-sale
  paystorm run stormy-sale --set system.launch.process.env.DEFECTS=D02
  paystorm run my-sale.yaml --seeds 1..20 --out /tmp/runs`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return runSeeds(cmd.Context(), commandStreams(cmd), args[0], flags, leave, out)
		},
	}
	flags.register(cmd)
	leave.register(cmd)
	cmd.Flags().StringVar(&flags.seeds, "seeds", "", "several seeds, one run each: 1..20 or 3,5,8")
	cmd.Flags().StringVar(&out, "out", out, "folder for run directories")
	cmd.MarkFlagsMutuallyExclusive("seed", "seeds")
	return cmd
}

// runSeeds makes one run per seed. Every plan is compiled before the first run starts. The exit status is the worst one
// met, where a proven violation outranks everything.
func runSeeds(ctx context.Context, s streams, name string, flags planFlags, leave leave, out string) error {
	seeds, err := flags.seedList()
	if err != nil {
		return err
	}
	configs := make([]harness.Config, 0, len(seeds))
	for _, seed := range seeds {
		plan, system, err := flags.plan(name, seed) //nolint:contextcheck // files are read whole, and take no context
		if err != nil {
			return err
		}
		configs = append(configs, harness.Config{Plan: plan, System: system, Out: out})
	}
	secrets, err := leave.take(*configs[0].System, s.err)
	if err != nil {
		return err
	}
	worst := exitPass
	for _, config := range configs {
		config.Secrets = secrets
		if status := runOnce(ctx, s, config); outranks(status, worst) {
			worst = status
		}
		if ctx.Err() != nil {
			break
		}
	}
	if worst != exitPass {
		return statusError(worst)
	}
	return nil
}

// outranks orders exit statuses by how much they matter: a violation, then an environment error, then no conclusion.
func outranks(status, worst int) bool {
	rank := map[int]int{exitPass: 0, exitInconclusive: 1, exitEnvironment: 2, exitUsage: 3, exitFail: 4}
	return rank[status] > rank[worst]
}

// runOnce makes one run, judges whatever history it left, and prints the verdict. config says what is run and where to.
func runOnce(ctx context.Context, s streams, config harness.Config) int {
	self, err := os.Executable()
	if err != nil {
		fmt.Fprintln(s.err, color.RedString("paystorm:"), "finding this binary:", err)
		return exitEnvironment
	}
	screen := newScreen(s.err, config.Plan)
	config.Self, config.Progress = self, screen.show
	config.Version, config.Commit = build()
	dir, runErr := harness.Run(ctx, config)
	screen.close()
	if runErr != nil {
		printError(s.err, runErr, whatStopped(runErr, dir != ""))
	}
	if dir == "" {
		return exitOf(runErr)
	}
	verdict, err := judge(dir, s.out) //nolint:contextcheck // judging asks nobody but this process, and is bounded by itself
	if err != nil {
		fmt.Fprintln(s.err, color.RedString("paystorm:"), err)
		return exitEnvironment
	}
	return statusOf(verdict, runErr)
}

// statusOf is a run's exit status. A proven violation stands however the run ended.
func statusOf(verdict invariants.Verdict, runErr error) int {
	var environment *harness.EnvironmentError
	var invalid scenarios.Errors
	switch {
	case verdict.Verdict == invariants.Fail:
		return exitFail
	case errors.As(runErr, &invalid):
		return exitUsage
	case errors.As(runErr, &environment):
		return exitEnvironment
	case runErr != nil, verdict.Verdict == invariants.Inconclusive:
		return exitInconclusive
	default:
		return exitPass
	}
}

// whatStopped says what stopped a run, which began or did not come to that.
func whatStopped(err error, began bool) string {
	switch {
	case !errors.Is(err, context.Canceled):
		return err.Error()
	case began:
		return "interrupted; the faults are undone, and what was recorded is judged below"
	default:
		return "interrupted before the run began"
	}
}

// build is this binary's version and commit, as far as it was built from a repository.
func build() (version, commit string) {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "", ""
	}
	for _, setting := range info.Settings {
		if setting.Key == "vcs.revision" {
			commit = setting.Value
		}
	}
	return info.Main.Version, commit
}
