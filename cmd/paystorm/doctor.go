package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"github.com/paystorm/paystorm/harness/sut"
	"github.com/paystorm/paystorm/history"
	"github.com/paystorm/paystorm/ports"
)

func doctorCommand() *cobra.Command {
	users := 1000
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "Say what this machine can run, and what to do where it cannot",
		Example: `  paystorm doctor
  paystorm doctor --users 5000    for a storm with that many virtual users (paystorm plan says how many)`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if users < 1 {
				return fmt.Errorf("--users %d: want at least 1", users)
			}
			self, err := os.Executable()
			if err != nil {
				return fmt.Errorf("%w: finding this binary: %w", errEnvironment, err)
			}
			return printFindings(cmd.OutOrStdout(), []finding{
				childProcesses(cmd.Context(), self), loopbackPorts(cmd.Context()), openFiles(users), compiler(),
				docker(cmd.Context()),
			})
		},
	}
	cmd.Flags().IntVar(&users, "users", users, "how many virtual users the open file limit must do for")
	return cmd
}

// finding is what the doctor says about one thing. What a process system needs must be ok; the rest is good to know.
type finding struct {
	about  string
	needed bool
	says   string
	wrong  error // with the way out; nil: ok
}

// printFindings prints them all, and fails if no process system can be run.
func printFindings(out io.Writer, findings []finding) error {
	table := tabwriter.NewWriter(out, 0, 4, 2, ' ', 0)
	runs := true
	for _, f := range findings {
		switch {
		case f.wrong == nil:
			fmt.Fprintf(table, "ok\t%s\t%s\n", f.about, f.says)
		case f.needed:
			runs = false
			fmt.Fprintf(table, "FAILED\t%s\t%s\n", f.about, f.wrong)
		default:
			fmt.Fprintf(table, "note\t%s\t%s\n", f.about, f.wrong)
		}
	}
	if err := table.Flush(); err != nil {
		return err
	}
	if !runs {
		fmt.Fprintln(out, "Systems that are processes cannot be run here.")
		return statusError(exitEnvironment)
	}
	fmt.Fprintln(out, "Systems that are processes, and the embedded shop, can be run here.")
	return nil
}

// clockChild makes this binary print its reading of the clock that the processes of a run share.
const clockChild = "--clock"

func printClock(out io.Writer) int {
	fmt.Fprintln(out, history.StartClock().Origin())
	return exitPass
}

const (
	childWithin  = 10 * time.Second // to start this binary again
	dockerWithin = 2 * time.Second  // for Docker to answer
)

// childProcesses starts this binary, as a run does for the load generator and the embedded shop, and holds the child's clock
// between two readings of ours: a history of several writers is worth nothing if their times do not compare.
func childProcesses(ctx context.Context, self string) finding {
	f := finding{about: "child processes", needed: true, says: "this binary runs itself, and shares CLOCK_MONOTONIC with its child"}
	ctx, cancel := context.WithTimeout(ctx, childWithin)
	defer cancel()
	before := history.StartClock().Origin()
	told, err := exec.CommandContext(ctx, self, clockChild).Output()
	after := history.StartClock().Origin()
	if err != nil {
		f.wrong = fmt.Errorf("%s cannot run itself (%w): put it where programs may be executed, on no noexec mount", self, err)
		return f
	}
	at, err := strconv.ParseInt(strings.TrimSpace(string(told)), 10, 64)
	if err != nil || at < before || at > after {
		f.wrong = fmt.Errorf("a child process reads %q on CLOCK_MONOTONIC, between %d and %d of ours: run outside of time namespaces",
			strings.TrimSpace(string(told)), before, after)
	}
	return f
}

// loopbackPorts finds a port for what is dialled again after it was away.
func loopbackPorts(ctx context.Context) finding {
	f := finding{about: "loopback ports", needed: true}
	low, high, safe := ports.Range()
	port, err := ports.Free(ctx, "127.0.0.1")
	switch {
	case err != nil:
		f.wrong = fmt.Errorf("%w: bring the loopback interface up, and leave some of the ports %d to %d free", err, low, high-1)
	case !safe:
		f.needed = false // a risk, and no more
		f.wrong = fmt.Errorf("%d to %d are ephemeral ports, which outgoing connections may take while a shop is down: "+
			"sysctl -w net.ipv4.ip_local_port_range=\"32768 60999\"", low, high-1)
	default:
		f.says = fmt.Sprintf("%d to %d, below the ephemeral range; %d is free", low, high-1, port)
	}
	return f
}

// What the processes of a run open at the most. For a virtual user, the harness holds both ends of its connection through
// client->shop, one to the channel, and, for the shop's own call, both ends through shop->channel and one at the channel;
// some more is for callbacks, files and the segments of the history.
const (
	filesPerUser = 6
	filesBeside  = 256
)

// openFiles compares the hard limit, to which Go's programs raise themselves.
func openFiles(users int) finding {
	f := finding{about: "open files", needed: true}
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		f.wrong = fmt.Errorf("the limit cannot be read: %w", err)
		return f
	}
	wanted := uint64(users)*filesPerUser + filesBeside
	if limit.Max < wanted {
		f.wrong = fmt.Errorf("the limit is %d, and %d virtual users may need %d: ulimit -Hn %d, or plan fewer (load.peak)",
			limit.Max, users, wanted, wanted)
		return f
	}
	f.says = fmt.Sprintf("the limit is %d, enough for %d virtual users", limit.Max, users)
	return f
}

// compiler looks for what the race detector needs.
func compiler() finding {
	f := finding{about: "C compiler"}
	name := cmp.Or(os.Getenv("CC"), "gcc")
	path, err := exec.LookPath(name)
	if err != nil {
		f.wrong = fmt.Errorf("no %s: `make test` runs without the race detector, and nothing else needs one; install gcc, or set CC", name)
		return f
	}
	f.says = path + ": `make test` runs with the race detector"
	return f
}

// docker asks whether Docker answers, by the rules by which testcontainers finds it, and what killed runs have left there.
func docker(ctx context.Context) finding {
	f := finding{about: "Docker", says: "reachable: systems in containers can be run"}
	ctx, cancel := context.WithTimeout(ctx, dockerWithin)
	defer cancel()
	engine, err := sut.OpenEngine(ctx)
	if err != nil {
		f.wrong = fmt.Errorf("%w; embedded and process systems need none", err)
		return f
	}
	defer func() { _ = engine.Close() }() // the process is about to end
	remains, _, err := engine.Remains(ctx)
	if err == nil {
		_, err = engine.Gateway(ctx)
	}
	if err == nil && len(remains) > 0 {
		var names []string
		for _, remain := range remains {
			names = append(names, remain.Kind+" "+remain.Name)
		}
		err = fmt.Errorf("killed runs have left %s: paystorm clean", strings.Join(names, ", "))
	}
	f.wrong = err
	return f
}
