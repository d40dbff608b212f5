package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/fatih/color"
	"github.com/spf13/cobra"

	"github.com/paystorm/paystorm/harness"
	"github.com/paystorm/paystorm/scenarios"
)

// Run is the whole program: it executes one command line and returns the exit status. Errors are printed here, once.
func Run(ctx context.Context, args []string, s streams) int {
	root := &cobra.Command{
		Use:   "paystorm",
		Short: "Storm a shop and see whether a cent or a unit goes missing",
		Long: `Storm a shop and see whether a cent or a unit goes missing.

Exit status of every command:
  0  all is well
  1  a violation is proven
  2  wrong usage: flags, a file with faults, a run directory or an order that is not there
  3  inconclusive: the run proves nothing, and says why
  4  the machine, the harness, or a shop that never got ready`,
		Example: `  paystorm run stormy-sale                    the demo: a flash sale in bad weather
  paystorm run my-sale.yaml --seeds 1..5      your own scenario, five times
  paystorm check runs/stormy-sale-s1-…        judge a run again`,
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          cobra.NoArgs,
		RunE:          func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.SetArgs(args)
	root.SetIn(s.in)
	root.SetOut(s.out)
	root.SetErr(s.err)
	root.SetHelpTemplate(helpTemplate)
	root.SetUsageTemplate(usageTemplate)
	root.CompletionOptions.HiddenDefaultCmd = true
	root.AddCommand(
		runCommand(), planCommand(), checkCommand(), reportCommand(), validateCommand(), probeCommand(), //nolint:contextcheck // cobra hands a command its context when it runs
		listCommand(), initCommand(), channelCommand(), historyCommand(), schemaCommand(), doctorCommand(), cleanCommand(), //nolint:contextcheck // likewise
	)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return exitPass
	}
	var status statusError
	if errors.As(err, &status) {
		return int(status)
	}
	printError(s.err, err, err.Error())
	return exitOf(err)
}

// printError prints text, which is what the error says; faults of a file begin with their place, for editors to jump to.
func printError(out io.Writer, err error, text string) {
	if invalid := (scenarios.Errors{}); errors.As(err, &invalid) && invalid[0].Line > 0 {
		fmt.Fprintln(out, invalid)
		return
	}
	fmt.Fprintln(out, color.RedString("paystorm:"), text)
}

// Help begins with what most people look for in it: a command line to copy.
const helpTemplate = `{{with .Example}}{{.}}

{{end}}{{with or .Long .Short}}{{. | trimTrailingWhitespaces}}

{{end}}{{.UsageString}}`

const usageTemplate = `Usage:
  {{if .HasAvailableSubCommands}}{{.CommandPath}} COMMAND{{else}}{{.UseLine}}{{end}}
{{- if .HasAvailableSubCommands}}

Commands:
{{- range .Commands}}{{if .IsAvailableCommand}}
  {{rpad .Name .NamePadding}} {{.Short}}{{end}}{{end}}{{end}}
{{- if .HasAvailableLocalFlags}}

Flags:
{{.LocalFlags.FlagUsages | trimTrailingWhitespaces}}{{end}}
`

// statusError ends a command whose output has said everything already.
type statusError int

func (e statusError) Error() string { return fmt.Sprintf("exit status %d", int(e)) }

func exitOf(err error) int {
	var environment *harness.EnvironmentError
	var invalid scenarios.Errors
	switch {
	case errors.As(err, &environment):
		return exitEnvironment
	case errors.As(err, &invalid):
		return exitUsage
	case errors.Is(err, context.Canceled):
		return exitInconclusive
	case errors.Is(err, errEnvironment):
		return exitEnvironment
	default:
		return exitUsage
	}
}

// errEnvironment marks errors of the machine rather than of the command line.
var errEnvironment = errors.New("environment")
