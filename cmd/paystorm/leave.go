package main

import (
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/paystorm/paystorm/scenarios"
)

// leave is what a person must say before a shop is touched that is not on this machine.
type leave struct{ hosts []string }

func (l *leave) register(cmd *cobra.Command) {
	cmd.Flags().StringArrayVar(&l.hosts, "yes-target", nil, "a host beyond this machine that the system file allows, and you too")
}

// take reads the secrets that the system names, and repeats every host beyond this machine with the reason for it. It is
// an error if one of them was not said yes to.
func (l leave) take(system scenarios.System, out io.Writer) (scenarios.Secrets, error) {
	secrets, err := system.ReadSecrets(os.LookupEnv, system.Dir())
	if err != nil {
		return scenarios.Secrets{}, err
	}
	targets, err := system.Targets(secrets)
	if err != nil {
		return scenarios.Secrets{}, secrets.Error(err)
	}
	var missing []string
	for _, target := range targets {
		fmt.Fprintf(out, "beyond this machine: %s: %s\n", target.Host, target.Reason)
		if !slices.Contains(l.hosts, target.Host) {
			missing = append(missing, "--yes-target "+target.Host)
		}
	}
	if len(missing) > 0 {
		return scenarios.Secrets{}, fmt.Errorf("%s leads beyond this machine: if that is what you want, say so: %s",
			system.Name, strings.Join(missing, " "))
	}
	return secrets, nil
}
