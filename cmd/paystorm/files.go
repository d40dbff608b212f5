package main

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/paystorm/paystorm/history/tables"
	"github.com/paystorm/paystorm/invariants"
	"github.com/paystorm/paystorm/mockchannel/dialects"
	"github.com/paystorm/paystorm/scenarios"
)

func commandStreams(cmd *cobra.Command) streams {
	return streams{in: cmd.InOrStdin(), out: cmd.OutOrStdout(), err: cmd.ErrOrStderr()}
}

func planCommand() *cobra.Command {
	var flags planFlags
	asJSON := false
	cmd := &cobra.Command{
		Use:   "plan SCENARIO",
		Short: "Print what would happen, with every choice resolved",
		Example: `  paystorm plan stormy-sale --seed 7
  paystorm plan my-sale.yaml --json > plan.json`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			plan, _, err := flags.plan(args[0], flags.seed)
			if err != nil {
				return err
			}
			if !asJSON {
				return plan.WriteText(cmd.OutOrStdout())
			}
			return plan.WriteJSON(cmd.OutOrStdout())
		},
	}
	flags.register(cmd)
	cmd.Flags().BoolVar(&asJSON, "json", false, "as plan.json")
	return cmd
}

func validateCommand() *cobra.Command {
	against := ""
	cmd := &cobra.Command{
		Use:   "validate FILE…",
		Short: "Check scenario and system files, and print all faults at once",
		Example: `  paystorm validate my-sale.yaml my-shop.yaml
  paystorm validate --against next-release.graphql my-shop.yaml    what a changed GraphQL schema breaks`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			library, err := scenarios.Shipped()
			if err != nil {
				return err
			}
			if against != "" {
				return validateAgainst(cmd.OutOrStdout(), library, against, args)
			}
			var all scenarios.Errors
			for _, file := range args {
				var faults scenarios.Errors
				err := library.Validate(file, vocabulary())
				if errors.As(err, &faults) {
					all = append(all, faults...)
					continue
				}
				if err != nil {
					return err
				}
				fmt.Fprintf(cmd.OutOrStdout(), "%s: valid\n", file)
			}
			if len(all) > 0 {
				return all
			}
			return nil
		},
	}
	cmd.Flags().StringVar(&against, "against", "", "hold the GraphQL operations of system files against this schema instead; /endpoint=FILE where there are several")
	return cmd
}

func schemaCommand() *cobra.Command {
	return &cobra.Command{
		Use:       "schema scenario|system|verdict|k6",
		Short:     "Print a JSON Schema, for editors and for programs that read verdicts, or the types of k6/x/paystorm",
		Example:   "  paystorm schema scenario > scenario.schema.json",
		Args:      cobra.MatchAll(cobra.ExactArgs(1), cobra.OnlyValidArgs),
		ValidArgs: []string{"scenario", "system", "verdict", "k6"},
		RunE: func(cmd *cobra.Command, args []string) error {
			text, err := schema(args[0])
			if err != nil {
				return err
			}
			_, err = cmd.OutOrStdout().Write(text)
			return err
		},
	}
}

func schema(of string) ([]byte, error) {
	switch of {
	case "scenario":
		return scenarios.ScenarioSchema(vocabulary())
	case "system":
		return scenarios.SystemSchema(vocabulary())
	case "k6":
		return moduleTypes(), nil
	default:
		return invariants.VerdictSchemaJSON()
	}
}

func listCommand() *cobra.Command {
	return &cobra.Command{
		Use:       "list scenarios|faults|invariants|dialects|tables",
		Short:     "List what scenarios can be made of",
		Example:   "  paystorm list faults",
		Args:      cobra.MatchAll(cobra.ExactArgs(1), cobra.OnlyValidArgs),
		ValidArgs: []string{"scenarios", "faults", "invariants", "dialects", "tables"},
		RunE: func(cmd *cobra.Command, args []string) error {
			table := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 4, 2, ' ', 0)
			switch args[0] {
			case "scenarios":
				if err := listScenarios(table); err != nil {
					return err
				}
			case "faults":
				v := vocabulary()
				for _, kind := range slices.Concat(v.Faults, v.Payers) {
					fmt.Fprintf(table, "%s\t%s\t%s\n", kind.Name, kind.Contract, kind.Doc)
				}
			case "invariants":
				listInvariants(table)
			case "dialects":
				for _, dialect := range dialects.All() {
					name := dialect.Name()
					fmt.Fprintln(table, name)
				}
			case "tables":
				listTables(table)
			}
			return table.Flush()
		},
	}
}

// listInvariants lists each invariant with its clauses, and the tables without which a clause cannot be judged.
func listInvariants(out io.Writer) {
	for i, invariant := range invariants.All() {
		if i > 0 {
			fmt.Fprintln(out)
		}
		fmt.Fprintf(out, "%s  %s\n    %s\n", invariant.ID, invariant.Name, invariant.Statement)
		table := tabwriter.NewWriter(out, 0, 4, 2, ' ', 0)
		fmt.Fprintln(table, "    clause\tneeds")
		for _, clause := range invariant.Clauses {
			fmt.Fprintf(table, "    %s\t%s\n", clause.Name, needsOf(clause))
		}
		_ = table.Flush() // what out would not take shows when the whole list is flushed
	}
}

// needsOf is what a clause cannot be judged without.
func needsOf(clause invariants.Clause) string {
	needs := commas(clause.Needs)
	if needs == "" {
		needs = "no table"
	}
	if clause.AfterSettle {
		needs += ", at rest"
	}
	return needs
}

// listTables lists the tables that laws and `paystorm history --sqlite` have, with their columns.
func listTables(out io.Writer) {
	for i, table := range tables.Schema() {
		if i > 0 {
			fmt.Fprintln(out)
		}
		fmt.Fprintf(out, "%s  %s\n", table.Name, table.About)
		columns := tabwriter.NewWriter(out, 0, 4, 2, ' ', 0)
		for _, column := range table.Columns {
			fmt.Fprintf(columns, "    %s\t%s\t%s\n", column.Name, column.Type, column.About)
		}
		_ = columns.Flush() // what out would not take shows when the whole list is flushed
	}
}

func listScenarios(out io.Writer) error {
	library, err := scenarios.Shipped()
	if err != nil {
		return err
	}
	for _, name := range library.Names() {
		scenario, err := library.Find(name, vocabulary())
		if err != nil {
			return err
		}
		fmt.Fprintf(out, "%s\t%s\n", name, firstSentence(scenario.Why))
	}
	return nil
}

func firstSentence(text string) string {
	text = strings.Join(strings.Fields(text), " ")
	if sentence, _, found := strings.Cut(text, ". "); found {
		return sentence + "."
	}
	return text
}
