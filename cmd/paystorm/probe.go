package main

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/paystorm/paystorm/harness"
	"github.com/paystorm/paystorm/history"
	"github.com/paystorm/paystorm/scenarios"
)

func probeCommand() *cobra.Command {
	var leave leave
	cmd := &cobra.Command{
		Use:   "probe SYSTEM",
		Short: "Start a shop, read its books once, and print them as canonical tables",
		Long: "Start a shop as its system file says (or find the one that runs), read its books once, and print the canonical\n" +
			"tables. A probe that fails says why, so that a mapping can be got right in minutes.",
		Example: "  paystorm probe my-shop.yaml",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			library, err := scenarios.Shipped()
			if err != nil {
				return err
			}
			system, err := library.FindSystem(args[0], vocabulary())
			if err != nil {
				return err
			}
			secrets, err := leave.take(*system, cmd.ErrOrStderr())
			if err != nil {
				return err
			}
			self, err := os.Executable()
			if err != nil {
				return fmt.Errorf("finding this binary: %w", err)
			}
			out, err := os.MkdirTemp("", "paystorm-probe-")
			if err != nil {
				return fmt.Errorf("%w: %w", errEnvironment, err)
			}
			defer func() { _ = os.RemoveAll(out) }()
			reading, err := harness.Probe(cmd.Context(), harness.Config{
				Plan: scenarios.Plan{Name: "probe", System: *system, SystemDir: system.Dir()}, Out: out, Self: self, Secrets: secrets,
			})
			if err != nil {
				return err
			}
			return printReading(commandStreams(cmd), *system, reading)
		},
	}
	leave.register(cmd)
	return cmd
}

// printReading prints the tables that were read, and what is wrong with the probes of the others, each at its place in the
// system file.
func printReading(s streams, system scenarios.System, reading history.Reading) error {
	encoder := json.NewEncoder(s.out)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(reading.Books); err != nil {
		return err
	}
	for _, table := range history.Tables() {
		if _, declared := system.Probes[string(table)]; !declared {
			fmt.Fprintf(s.err, "%s: no probe reads it, and what needs it stays unjudged\n", table)
		}
	}
	for _, failure := range reading.Errors {
		table, _, _ := strings.Cut(failure, ":")
		fmt.Fprintf(s.err, "%s: %s\n", system.Place("probes", table), failure)
	}
	if len(reading.Errors) > 0 {
		return statusError(exitEnvironment)
	}
	return nil
}
