// Command paystorm storms a shop that sells scarce things for money, and says with evidence whether anything was
// oversold and whether every cent is accounted for.
//
// The files here are wiring only: each command puts together packages that do not know one another.
package main

import (
	"context"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/paystorm/paystorm/harness/load"
)

// Exit statuses, the same for every command.
const (
	exitPass         = 0
	exitFail         = 1 // a proven violation
	exitUsage        = 2 // wrong flags, or a file with faults
	exitInconclusive = 3
	exitEnvironment  = 4 // the machine, the harness, or a shop that never got ready
)

type streams struct {
	in       io.Reader
	out, err io.Writer
}

func main() {
	// The children that this binary is to itself handle signals their own way.
	if len(os.Args) > 1 {
		switch os.Args[1] {
		case load.Command:
			os.Exit(loadGenerator(os.Args[2:]))
		case load.CheckCommand:
			os.Exit(scriptReader(os.Args[2:]))
		case "flashshop":
			os.Exit(embeddedShop(streams{in: os.Stdin, out: os.Stdout, err: os.Stderr}))
		case clockChild:
			os.Exit(printClock(os.Stdout))
		}
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	status := Run(ctx, os.Args[1:], streams{in: os.Stdin, out: os.Stdout, err: os.Stderr})
	stop()
	os.Exit(status)
}
