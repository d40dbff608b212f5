package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/paystorm/paystorm/harness/sut"
)

func cleanCommand() *cobra.Command {
	dry := false
	cmd := &cobra.Command{
		Use:   "clean",
		Short: "Remove the containers, networks and volumes that killed runs have left",
		Long: "Remove what runs of this machine have left in its Docker engine: containers, networks and volumes that carry the\n" +
			"labels of a run whose process is gone. Those of a run under way stay.",
		Example: `  paystorm clean
  paystorm clean --dry-run    only list them`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			engine, err := sut.OpenEngine(cmd.Context())
			if err != nil {
				return fmt.Errorf("%w: %w", errEnvironment, err)
			}
			defer func() { _ = engine.Close() }() // the process is about to end
			remains, err := engine.Remains(cmd.Context())
			if err != nil {
				return fmt.Errorf("%w: %w", errEnvironment, err)
			}
			verb := "removed"
			if dry {
				verb = "left by a killed run"
			} else if err := engine.Clean(cmd.Context(), remains); err != nil {
				return fmt.Errorf("%w: %w", errEnvironment, err)
			}
			for _, remain := range remains {
				fmt.Fprintf(cmd.OutOrStdout(), "%s  %s %s, of run %s\n", verb, remain.Kind, remain.Name, remain.Run)
			}
			if len(remains) == 0 {
				fmt.Fprintln(cmd.OutOrStdout(), "No run has left anything behind.")
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&dry, "dry-run", dry, "list them, and remove nothing")
	return cmd
}
