package main

import (
	"io"

	"github.com/spf13/cobra"

	"github.com/paystorm/paystorm/history"
	"github.com/paystorm/paystorm/invariants"
	"github.com/paystorm/paystorm/reports"
)

// judge reads a run directory, judges it, writes the verdict and every report into it, and prints the short form.
func judge(dir string, out io.Writer) (invariants.Verdict, error) {
	recorded, err := history.Open(dir)
	if err != nil {
		return invariants.Verdict{}, err
	}
	verdict := invariants.Judge(recorded)
	if err := reports.WriteAll(dir, verdict, recorded); err != nil {
		return verdict, err
	}
	return verdict, reports.Text(out, dir, verdict, recorded)
}

func checkCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "check RUN-DIR",
		Short:   "Judge a run again, and rewrite its verdict and reports",
		Example: "  paystorm check runs/stormy-sale-s1-20260101-120000.000",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			verdict, err := judge(args[0], cmd.OutOrStdout())
			if err != nil {
				return err
			}
			if status := statusOf(verdict, nil); status != exitPass {
				return statusError(status)
			}
			return nil
		},
	}
}
