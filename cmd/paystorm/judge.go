package main

import (
	"fmt"
	"io"
	"slices"
	"strings"

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

// judgeWithout judges a run as if some tables of the shop had not been read, and prints the short form. The run's files stay
// as they are.
func judgeWithout(dir string, tables []history.Table, out io.Writer) (invariants.Verdict, error) {
	recorded, err := history.Open(dir)
	if err != nil {
		return invariants.Verdict{}, err
	}
	recorded = recorded.Without(tables...)
	verdict := invariants.Judge(recorded)
	if _, err := fmt.Fprintf(out, "Judged as if %s had not been read. The run's own verdict and reports stay as they are.\n", commas(tables)); err != nil {
		return verdict, err
	}
	return verdict, reports.Text(out, dir, verdict, recorded)
}

// tablesOf reads a list of canonical tables.
func tablesOf(names []string) ([]history.Table, error) {
	var tables []history.Table
	for _, name := range names {
		table := history.Table(strings.TrimSpace(name))
		if !slices.Contains(history.Tables(), table) {
			return nil, fmt.Errorf("--without %q: no such table; choose from %s", name, commas(history.Tables()))
		}
		tables = append(tables, table)
	}
	return tables, nil
}

// commas is a list of names with commas.
func commas[T ~string](list []T) string {
	texts := make([]string, len(list))
	for i, one := range list {
		texts[i] = string(one)
	}
	return strings.Join(texts, ", ")
}

func checkCommand() *cobra.Command {
	var without []string
	cmd := &cobra.Command{
		Use:   "check RUN-DIR",
		Short: "Judge a run again, and rewrite its verdict and reports",
		Example: `  paystorm check runs/stormy-sale-s1-20260101-120000.000
  paystorm check RUN-DIR --without grants,refunds     what would be seen without these tables; rewrites nothing`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			tables, err := tablesOf(without)
			if err != nil {
				return err
			}
			check := func() (invariants.Verdict, error) { return judge(args[0], cmd.OutOrStdout()) }
			if len(tables) > 0 {
				check = func() (invariants.Verdict, error) { return judgeWithout(args[0], tables, cmd.OutOrStdout()) }
			}
			verdict, err := check()
			if err != nil {
				return err
			}
			if status := statusOf(verdict, nil); status != exitPass {
				return statusError(status)
			}
			return nil
		},
	}
	cmd.Flags().StringSliceVar(&without, "without", nil, "judge as if these tables of the shop had not been read, print it, and rewrite nothing")
	return cmd
}
