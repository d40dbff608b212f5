package main

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/paystorm/paystorm/harness/sut"
)

func cleanCommand() *cobra.Command {
	dry, all := false, false
	cmd := &cobra.Command{
		Use:   "clean",
		Short: "Remove the containers, networks and volumes that killed runs have left",
		Long: "Remove what runs of this machine have left in its Docker engine: containers, networks and volumes that carry the\n" +
			"labels of a run whose process is gone. Those of a run under way stay. Whether a run on another host that shares the\n" +
			"engine, or in a job container, is under way cannot be seen from here: what belongs to one stays, unless --all says\n" +
			"that there is none.",
		Example: `  paystorm clean
  paystorm clean --dry-run    only list them
  paystorm clean --all        after a job container has vanished in the middle of a run`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			engine, err := sut.OpenEngine(cmd.Context())
			if err != nil {
				return fmt.Errorf("%w: %w", errEnvironment, err)
			}
			defer func() { _ = engine.Close() }() // the process is about to end
			remains, elsewhere, err := engine.Remains(cmd.Context())
			if err != nil {
				return fmt.Errorf("%w: %w", errEnvironment, err)
			}
			if all {
				remains, elsewhere = append(remains, elsewhere...), nil
			}
			verb := "removed"
			if dry {
				verb = "left by a killed run"
			} else if err := engine.Clean(cmd.Context(), remains); err != nil {
				return fmt.Errorf("%w: %w", errEnvironment, err)
			}
			printRemains(cmd.OutOrStdout(), verb, remains, elsewhere)
			return nil
		},
	}
	cmd.Flags().BoolVar(&dry, "dry-run", dry, "list them, and remove nothing")
	cmd.Flags().BoolVar(&all, "all", all, "those of runs elsewhere too, under way or not")
	return cmd
}

// printRemains says what became of what was left, and of what belongs to runs elsewhere.
func printRemains(out io.Writer, verb string, remains, elsewhere []sut.Remain) {
	for _, remain := range remains {
		fmt.Fprintf(out, "%s  %s %s, of run %s\n", verb, remain.Kind, remain.Name, remain.Run)
	}
	for _, remain := range elsewhere {
		fmt.Fprintf(out, "kept  %s %s, of run %s on another host or in another container\n", remain.Kind, remain.Name, remain.Run)
	}
	switch {
	case len(elsewhere) > 0:
		fmt.Fprintln(out, "If the runs elsewhere are over: paystorm clean --all")
	case len(remains) == 0:
		fmt.Fprintln(out, "No run has left anything behind.")
	}
}
