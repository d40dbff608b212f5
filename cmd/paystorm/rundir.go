package main

import (
	"fmt"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/paystorm/paystorm/history"
	"github.com/paystorm/paystorm/history/tables"
	"github.com/paystorm/paystorm/invariants"
	"github.com/paystorm/paystorm/reports"
)

func reportCommand() *cobra.Command {
	var names []string
	toStdout := false
	cmd := &cobra.Command{
		Use:   "report RUN-DIR",
		Short: "Write reports of a run",
		Example: `  paystorm report runs/stormy-sale-s1-… --format html,junit
  paystorm report runs/stormy-sale-s1-… --format markdown --stdout`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			recorded, err := history.Open(args[0])
			if err != nil {
				return err
			}
			verdict := invariants.Judge(recorded)
			for _, name := range names {
				format, err := formatNamed(name)
				if err != nil {
					return err
				}
				if toStdout {
					if err := format.Write(cmd.OutOrStdout(), verdict, recorded); err != nil {
						return err
					}
					continue
				}
				path := filepath.Join(args[0], format.File)
				if err := reports.WriteFile(path, format, verdict, recorded); err != nil {
					return err
				}
				fmt.Fprintln(cmd.OutOrStdout(), path)
			}
			return nil
		},
	}
	cmd.Flags().StringSliceVar(&names, "format", []string{"html"}, "html, json, junit or markdown; several with commas")
	cmd.Flags().BoolVar(&toStdout, "stdout", false, "print instead of writing into the run directory")
	return cmd
}

func formatNamed(name string) (reports.Format, error) {
	var known []string
	for _, format := range reports.Formats() {
		if format.Name == name {
			return format, nil
		}
		known = append(known, format.Name)
	}
	return reports.Format{}, fmt.Errorf("--format %q: there are %s", name, strings.Join(known, ", "))
}

func historyCommand() *cobra.Command {
	order, database := "", ""
	asJSONL := false
	cmd := &cobra.Command{
		Use:   "history RUN-DIR",
		Short: "Tell one order's whole story in time order, or write everything as tables",
		Example: `  paystorm history runs/stormy-sale-s1-… --order o-17
  paystorm history runs/stormy-sale-s1-… --jsonl | jq .kind | sort | uniq -c
  paystorm history runs/stormy-sale-s1-… --sqlite run.sqlite`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if order == "" && !asJSONL && database == "" {
				return fmt.Errorf("name an order with --order, or ask for everything with --jsonl or --sqlite FILE")
			}
			recorded, err := history.Open(args[0])
			if err != nil {
				return err
			}
			if database != "" {
				return writeTables(cmd, database, recorded)
			}
			if order != "" && len(recorded.Story(order)) == 0 {
				return fmt.Errorf("order %q is not in this history; --jsonl without --order shows all that is", order)
			}
			if asJSONL {
				return history.WriteJSONL(cmd.OutOrStdout(), recorded, order)
			}
			return reports.Story(cmd.OutOrStdout(), recorded, order)
		},
	}
	cmd.Flags().StringVar(&order, "order", "", "the shop's order number")
	cmd.Flags().BoolVar(&asJSONL, "jsonl", false, "one JSON object a line")
	cmd.Flags().StringVar(&database, "sqlite", "", "write everything to a new SQLite database: paystorm list tables says what is in it")
	cmd.MarkFlagsMutuallyExclusive("sqlite", "order")
	cmd.MarkFlagsMutuallyExclusive("sqlite", "jsonl")
	return cmd
}

// writeTables writes a history as tables, and says what to do with them.
func writeTables(cmd *cobra.Command, file string, h *history.History) error {
	if err := tables.WriteFile(cmd.Context(), file, h, invariants.OrderNumbers(h)); err != nil {
		return err
	}
	rows := 0
	for _, reading := range h.Readings {
		rows += len(reading.Books.Orders)
	}
	fmt.Fprintf(cmd.OutOrStdout(), "%s: %d operations, %d events, %d readings of the books with %d rows of orders\n", file, len(h.Ops), len(h.Events),
		len(h.Readings), rows)
	fmt.Fprintf(cmd.OutOrStdout(), "ask it: sqlite3 %s 'SELECT state, count(*) FROM final_orders GROUP BY state'\n", file)
	return nil
}
